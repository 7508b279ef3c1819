"""How it stands, for the top of a page: a line for each verdict, what is wrong, and what was."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from zlib import crc32

from netcheck.facts import Facts, PathFinding
from netcheck.model.findings import Cause, Finding, Fix, Hop, Judgement, Verdict
from netcheck.model.incidents import Availability, Span
from netcheck.model.paths import Expected, Role
from netcheck.pages.words import Said, said
from netcheck.phrases import as_sentence, duration_text, percent_text, time_text
from netcheck.telling.answers import evidence_lines, in_short

STATES = {
    Verdict.READY: "ok",
    Verdict.DEGRADED: "limited",
    Verdict.FALLBACK_ONLY: "limited",
    Verdict.UNKNOWN: "unknown",
    Verdict.NOT_READY: "broken",
}
_ORDER = ("broken", "limited", "unknown", "expected", "ok")
"""States, the worst first."""
WELL = ("expected", "ok")


@dataclass(frozen=True)
class Past:
    """What the history says; `days` is how far back it was asked."""

    incidents: Sequence[Span] = ()
    availability: Sequence[Availability] = ()
    days: int = 7
    faults: Mapping[tuple[str, Role], Mapping[tuple[Cause, Hop], float]] = field(default_factory=dict)
    """Of what is wrong now, also beside the cause of an incident: when it was first seen, where known."""

    def lasting_of(self, judged: Judgement) -> Span | None:
        """The incident of which this is the latest; none where the history is still to hear of it."""
        span = self._lasting.get((judged.path, judged.role))
        return span if span and span.verdict is judged.verdict else None

    @cached_property
    def _lasting(self) -> Mapping[tuple[str, Role], Span]:
        return {(span.path, span.role): span for span in self.incidents if span.ended is None}


@dataclass(frozen=True, slots=True)
class Line:
    """A verdict: since when it is so, and how often it was well before, where that is known."""

    state: str
    said: Said
    doubts: tuple[str, ...]
    since: str
    availability: str
    measured: str
    """How long the time is of which that is a part."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong, with all whom it hits, and what to ask of whom."""

    mark: str
    """The same for as long as this is to be done, whatever comes beside it."""
    state: str
    title: str
    whom: tuple[Said, ...]
    hop: str
    owner: str
    since: str
    evidence: tuple[str, ...]
    request: str
    fix: Fix | None
    is_remark: bool


def state_of(judged: Judgement) -> str:
    """`ok`, `limited`, `broken`, `unknown`, or `expected`: not ready, and need not be."""
    if judged.verdict is Verdict.READY:
        return "ok" if judged.is_expected else "limited"
    return "expected" if judged.is_expected else STATES[judged.verdict]


def worst(states: Iterable[str]) -> str:
    """The worst of them; `unknown` where there are none."""
    return min(states, key=_ORDER.index, default="unknown")


def lines(facts: Facts, past: Past, now: float) -> list[Line]:
    """One for each, the worst first."""
    known = {(each.path, each.role): each for each in past.availability}
    made = []
    for judged in facts.judgements:
        state, available = state_of(judged), known.get((judged.path, judged.role))
        made.append(
            Line(
                state=state,
                said=said(judged, facts.own_services),
                doubts=judged.doubts,
                since=_since(span.began if (span := past.lasting_of(judged)) else None, now),
                availability=_availability(judged, available),
                measured=duration_text(available.measured) if available else "",
            )
        )
    return sorted(made, key=lambda line: _ORDER.index(line.state))


def _availability(judged: Judgement, available: Availability | None) -> str:
    """Nothing of a path that should be blocked: it is not there to be available."""
    is_counted = available is not None and available.measured and judged.expected is not Expected.BLOCKED
    return percent_text(available.ratio, available.measured) if available and is_counted else ""


def troubles(facts: Facts, past: Past, now: float) -> list[Trouble]:
    """One for each thing to do, however many paths suffer from it; the worst first, mere remarks last."""
    made = [_trouble(alike, past, now) for alike in facts.requests]
    return sorted(made, key=lambda each: (each.is_remark, _ORDER.index(each.state)))


def _trouble(alike: Sequence[PathFinding], past: Past, now: float) -> Trouble:
    finding = alike[0].finding
    judgements = [judged for found in alike for judged in found.judgements]
    begun = [at for judged in judgements if (at := _began(finding, past, judged)) is not None]
    return Trouble(
        mark=f"{crc32(repr(finding.asks).encode()):08x}",
        state="unknown" if finding.is_remark else worst(map(state_of, judgements)),
        title=as_sentence(in_short(finding)),
        whom=tuple(map(said, judgements)),
        hop=finding.hop.replace("_", " "),
        owner=finding.owner,
        since=_since(min(begun, default=None), now),
        evidence=_evidence(finding, alike),
        request=finding.request,
        fix=finding.fix,
        is_remark=finding.is_remark,
    )


def _evidence(finding: Finding, alike: Sequence[PathFinding]) -> tuple[str, ...]:
    """How many hosts were reached stands once, under what makes the verdict what it is."""
    judgements = [judged for found in alike for judged in found.judgements if judged.cause is finding.cause]
    return tuple(
        dict.fromkeys([*evidence_lines(alike), *(line for judged in judgements for line in judged.counts)])
    )


def _began(finding: Finding, past: Past, judged: Judgement) -> float | None:
    """When this began, as far as that is known: what the verdict lasts for may be another cause."""
    span, what = past.lasting_of(judged), (finding.cause, finding.hop)
    if span is None or (span.cause, span.hop) != what:
        return past.faults.get((judged.path, judged.role), {}).get(what)
    return span.began if span.cause_began is None else span.cause_began


def _since(began: float | None, now: float) -> str:
    return f"{time_text(began)}, for {duration_text(now - began)}" if began is not None else ""
