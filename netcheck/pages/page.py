"""The status page and the report: what stands on them, from facts and the history, as HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from netcheck.answers import answers, in_short, lasting
from netcheck.facts import Facts
from netcheck.model.findings import Judgement, Verdict
from netcheck.model.incidents import Availability, Onset, Span
from netcheck.model.paths import Role
from netcheck.pages import tables, transcript
from netcheck.pages.chain import chain
from netcheck.pages.matrix import matrix
from netcheck.pages.words import Said, headline, said

_HERE = Path(__file__).parent
_MOST_INCIDENTS = 20
_MOST_READY = 8
"""So many that are ready stand in full; of more, there is one line that opens."""
_STATES = {
    Verdict.READY: "ok",
    Verdict.DEGRADED: "limited",
    Verdict.FALLBACK_ONLY: "limited",
    Verdict.UNKNOWN: "unknown",
    Verdict.NOT_READY: "broken",
}
_BADGES = {"ok": "works", "limited": "limits", "broken": "broken", "unknown": "waiting"}


@dataclass(frozen=True, slots=True)
class Past:
    """What the history says; `days` is how far back it was asked."""

    incidents: Sequence[Span] = ()
    availability: Sequence[Availability] = ()
    days: int = 7


@dataclass(frozen=True, slots=True)
class _Line:
    """A verdict as a line: since when it is so, and how often it was well before, where that is known."""

    state: str
    badge: str
    said: Said
    since: str
    availability: str


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Something that is wrong, with whom it hits and what to ask of whom."""

    number: int
    state: str
    title: str
    whom: tuple[Said, ...]
    hop: str
    owner: str
    since: str
    evidence: tuple[str, ...]
    next_step: str
    is_remark: bool


@dataclass(frozen=True, slots=True)
class _Incident:
    state: str
    summary: str
    began: str
    ended: str
    lasted: str
    span: Span


def render(facts: Facts, past: Past, version: str, time: float) -> str:
    """The live status page at `time`, a Unix time; it needs every `asset`."""
    return _rendered(facts, past, version, time, is_live=True)


def render_report(facts: Facts, version: str, time: float) -> str:
    """The same as one file that needs nothing else, and stays as it is."""
    return _rendered(facts, Past(), version, time, is_live=False)


_TYPES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def asset(name: str) -> tuple[bytes, str] | None:
    """A file that the live page needs, and its content type; None for any other name."""
    return (_asset(name), _TYPES[name]) if name in _TYPES else None


def onset(facts: Facts, judged: Judgement) -> Onset:
    """What to keep of an incident that begins, as these facts show it."""
    about = [result for finding in judged.findings for result in finding.about]
    failed = [result for result in about if result.attempt.failure is not None]
    failed += [r for r in facts.results if r.path == judged.path and r.attempt.failure is not None][:1]
    return Onset(str(said(judged)), transcript.of_result(failed[0]) if failed else "")


@cache
def _asset(name: str) -> bytes:
    return (_HERE / "assets" / name).read_bytes()


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(_HERE / "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["css"] = _asset("page.css").decode()
    environment.globals["address_of"] = {name: f"/assets/{name}?{_mark(name)}" for name in _TYPES}
    return environment


def _mark(name: str) -> str:
    """Differs with the content, so that browsers may keep what they have."""
    return sha256(_asset(name)).hexdigest()[:12]


def _rendered(facts: Facts, past: Past, version: str, time: float, *, is_live: bool) -> str:
    open_spans = {(span.path, span.role): span for span in reversed(past.incidents) if span.ended is None}
    ratios = {(each.path, each.role): each.ratio for each in past.availability}
    lines = [_line(judged, open_spans, ratios, time) for judged in facts.judgements]
    lines.sort(key=lambda line: -_ORDER.index(line.state))
    well = [line for line in lines if line.state == "ok"]
    return (
        _environment()
        .get_template("page.html")
        .render(
            is_live=is_live,
            version=version,
            time=transcript.iso(time),
            headline=headline(facts.judgements),
            answers=[answer.text for answer in answers(facts)],
            worst=lines[0].state if lines else "unknown",
            lines=[line for line in lines if line.state != "ok"] + (well if len(well) <= _MOST_READY else []),
            folded=well if len(well) > _MOST_READY else [],
            days=past.days,
            troubles=_troubles(facts, open_spans, time),
            chains=[chain(path, facts.judgements) for path in facts.paths],
            paths=facts.paths,
            rows=matrix(facts),
            incidents=[_incident(span, time) for span in past.incidents[:_MOST_INCIDENTS]],
            more_incidents=max(0, len(past.incidents) - _MOST_INCIDENTS),
            tables=[
                tables.failures(facts.results),
                tables.push_certificates(facts.push_certificates, time),
                tables.resolvers(facts.lookups),
                tables.bags(facts.bags),
                tables.holds(facts.holds.values()),
                tables.peers(facts.results),
            ],
        )
    )


_ORDER = ("ok", "unknown", "limited", "broken")
_OpenSpans = dict[tuple[str, Role], Span]


def _line(
    judged: Judgement, open_spans: _OpenSpans, ratios: dict[tuple[str, Role], float | None], now: float
) -> _Line:
    where = (judged.path, judged.role)
    state = _state(judged)
    ratio = ratios.get(where)
    return _Line(
        state,
        _BADGES[state],
        said(judged),
        _since(open_spans.get(where), now),
        "" if ratio is None else f"{_percent(ratio)} %",
    )


def _state(judged: Judgement) -> str:
    return "ok" if judged.is_expected else _STATES[judged.verdict]


def _percent(ratio: float) -> str:
    """Never rounded up to 100: that would hide an outage."""
    return "100" if ratio == 1 else f"{min(99.99, ratio * 100):.2f}"


def _since(span: Span | None, now: float) -> str:
    return f"{transcript.iso(span.began)}, for {lasting(now - span.began)}" if span else ""


def _troubles(facts: Facts, open_spans: _OpenSpans, now: float) -> list[_Trouble]:
    """The worst first; what is only a remark last."""
    troubles = []
    for number, (finding, judgements, evidence) in enumerate(facts.findings, start=1):
        counts = [line for judged in judgements if judged.cause is finding.cause for line in judged.counts]
        spans = [span for judged in judgements if (span := open_spans.get((judged.path, judged.role)))]
        worst = max((_state(judged) for judged in judgements), key=_ORDER.index)
        words = in_short(finding)
        troubles.append(
            _Trouble(
                number,
                "unknown" if finding.is_remark else worst,
                words[0].upper() + words[1:],
                tuple(map(said, judgements)),
                finding.hop.replace("_", " "),
                finding.owner,
                _since(min(spans, key=lambda span: span.began, default=None), now),
                tuple(dict.fromkeys([*evidence, *counts])),
                finding.request,
                finding.is_remark,
            )
        )
    return sorted(troubles, key=lambda each: (each.is_remark, -_ORDER.index(each.state)))


def _incident(span: Span, now: float) -> _Incident:
    return _Incident(
        _STATES[span.verdict],
        span.summary or f"{span.path} {span.role}: {span.verdict}",
        transcript.iso(span.began),
        transcript.iso(span.ended) if span.ended is not None else "",
        lasting((now if span.ended is None else span.ended) - span.began),
        span,
    )
