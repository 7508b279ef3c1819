"""The status page and the report as HTML: all that stands on them, from facts and the history."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from netcheck.facts import Facts
from netcheck.model.findings import Judgement
from netcheck.model.incidents import Onset
from netcheck.model.paths import ProbePath
from netcheck.pages import tables, transcript
from netcheck.pages.chain import chain
from netcheck.pages.matrix import matrix
from netcheck.pages.standing import STATES, WELL, Past, lines, state_of, troubles, worst
from netcheck.pages.words import headline, said
from netcheck.phrases import duration_text, time_text
from netcheck.telling.answers import answers
from netcheck.telling.fields import Fields

if TYPE_CHECKING:
    from jinja2 import Environment

T = TypeVar("T")

_HERE = Path(__file__).parent
_MANY = 8
"""With more of them, those that are well stand behind a line that opens."""
_MOST_ON_PAPER = 5
"""With more paths, paper is too narrow for a column each."""
_NUMBERED_HOST = re.compile(r"\b(?:N|[0-9]{1,3})-[a-z0-9]+(?:\.[a-z0-9]+)+")
"""Browsers end lines behind its hyphen."""
_IN_BACKTICKS = re.compile("`([^`]+)`")
_TYPES = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def render(facts: Facts, past: Past | None, version: str, time: float) -> str:
    """The live status page at `time`, a Unix time; it needs every `asset`.

    Without a past it is the report: one file that needs nothing else, and stays as it is.
    """
    is_live, past = past is not None, past or Past()
    paths, fields = _worst_first(facts), Fields(facts)
    every = lines(facts, past, time)
    at_once, folded = _folded(every, lambda line: line.state in WELL)
    ways, whole_ways = _folded([chain(path, facts.judgements) for path in paths], lambda way: way.is_whole)
    template = _environment().get_template("page.html")
    return template.render(
        is_live=is_live,
        version=version,
        time=time_text(time),
        headline=headline(facts.judgements, facts.own_services),
        answers=[answer.text for answer in answers(facts)],
        worst=worst(line.state for line in every),
        lines=at_once,
        folded=folded,
        days=past.days,
        troubles=troubles(facts, past, time),
        ways=ways,
        whole_ways=whole_ways,
        paths=paths,
        is_wide=len(paths) > _MOST_ON_PAPER,
        rows=matrix(facts, fields, paths),
        now=time,
        incidents=past.incidents,
        tables=_tables(facts, fields, time),
    )


def asset(name: str) -> tuple[bytes, str] | None:
    """A file that the live page needs, and its content type; None for any other name."""
    return (_asset(name), _TYPES[name]) if name in _TYPES else None


def onset(facts: Facts, judged: Judgement) -> Onset:
    """What to keep of an incident that begins, as these facts show it."""
    about = [result for finding in judged.findings for result in finding.about]
    failed = [result for result in about if result.attempt.failure is not None]
    failed += [r for r in facts.results if r.path == judged.path and r.attempt.failure is not None][:1]
    summary = str(said(judged, facts.own_services))
    return Onset(summary, transcript.of_result(failed[0]) if failed else "")


@cache
def _asset(name: str) -> bytes:
    return (_HERE / "assets" / name).read_bytes()


@cache
def _environment() -> "Environment":
    """Loads Jinja2 with the first page: the daemon answers sooner without it, and may never need it."""
    jinja2 = import_module("jinja2")
    environment: Environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,  # an upgrade under a running daemon brings templates for other code
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"code": _in_code, "time": time_text, "duration": duration_text}
    environment.globals["states"] = STATES
    environment.globals["css"] = _asset("page.css").decode()
    environment.globals["address_of"] = {name: f"/assets/{name}?{_mark(name)}" for name in _TYPES}
    return environment


def _in_code(text: str) -> str:
    """HTML of a text: what stands in backticks in it, as lines to be typed do, is code; hosts stay whole."""
    markupsafe = import_module("markupsafe")
    in_code = _IN_BACKTICKS.sub(r"<code>\1</code>", str(markupsafe.escape(text)))
    safe: str = markupsafe.Markup(_NUMBERED_HOST.sub(r'<span class="whole">\g<0></span>', in_code))
    return safe


def _mark(name: str) -> str:
    """Differs with the content, so that browsers may keep what they have."""
    return sha256(_asset(name)).hexdigest()[:12]


def _folded(every: Sequence[T], is_well: Callable[[T], bool]) -> tuple[Sequence[T], Sequence[T]]:
    """What is seen at once, and what only where somebody opens it: of many, those that are well."""
    if len(every) <= _MANY:
        return every, []
    return [each for each in every if not is_well(each)], [each for each in every if is_well(each)]


def _tables(facts: Facts, fields: Fields, time: float) -> list[tables.Table]:
    return [
        tables.failures(facts.results, fields.probed(), time),
        tables.push_certificates(facts.push_certificates, facts.proofs, time),
        tables.resolvers(facts.lookups),
        tables.chosen_ways(facts.results),
        tables.load_balancers(facts.results),
        tables.bags(facts.bags),
        tables.holds(facts.holds.values()),
        tables.peers(facts.results),
    ]


def _worst_first(facts: Facts) -> Sequence[ProbePath]:
    """The paths; where there are many, those with something wrong come first, else nobody would find them."""
    if len(facts.paths) <= _MANY:
        return facts.paths
    wrong = {judged.path for judged in facts.judgements if state_of(judged) not in WELL}
    return sorted(facts.paths, key=lambda path: path.name not in wrong)
