"""The matrix of services and paths: what each cell shows, and what opens behind it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from netcheck.facts import Facts
from netcheck.model.paths import ProbePath
from netcheck.model.results import Result
from netcheck.pages import transcript
from netcheck.phrases import time_text
from netcheck.state.flows import Flow, Recent
from netcheck.telling.fields import Field, Fields, failure_text

_BAR, _HEIGHT = 4, 16
"""A bar's width with its gap, and the height of the highest, in units of the picture."""


@dataclass(frozen=True, slots=True)
class Bars:
    """The latest probes as bars, the latest last: outlines of what succeeded, and of what failed."""

    succeeded: str
    failed: str
    width: int
    says: str


@dataclass(frozen=True, slots=True)
class Step:
    """A phase of a probe: where in the whole it began and how much of it it took, in percent."""

    phase: str
    start: float
    share: float
    milliseconds: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Address:
    """Where hosts of a cell were tried, and how that ended."""

    address: str
    hosts: int
    outcome: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """A service's port over a path. `state` is that of the field."""

    id: str
    """The same however the columns stand."""
    service: str
    port: int
    path: str
    state: str
    share: str
    says: str
    bars: Bars | None
    latest: str
    steps: tuple[Step, ...]
    addresses: Sequence[Address]
    transcript: str


@dataclass(frozen=True, slots=True)
class Row:
    service: str
    port: int
    cells: tuple[Cell | None, ...]
    """One for each path; None where the path does not lead there."""


def matrix(facts: Facts, fields: Fields, paths: Sequence[ProbePath]) -> list[Row]:
    """The rows in the order of the services, with a cell for each path; none where no path leads."""
    rows = []
    for service, port in dict.fromkeys((each.name, port) for each in facts.services for port in each.ports):
        cells: list[Cell | None] = []
        for path in paths:
            field = _field(fields, service, port, path)
            recent = tuple(facts.totals.recent.get(Flow(service, port, path.name), ()))
            cells.append(None if field is None else _cell(field, recent))
        if any(cells):
            rows.append(Row(service, port, tuple(cells)))
    return rows


def _field(fields: Fields, name: str, port: int, path: ProbePath) -> Field | None:
    """Services of one name are one field here; None where the path leads to none of them."""
    alike = [fields.field(each, port, path) for each in fields.services if each.name == name]
    probed = [field for field in alike if field.is_probed]
    if not probed:
        return None
    results = tuple(result for field in probed for result in field.results)
    return replace(probed[0], results=results, is_well=all(field.is_well for field in probed))


def _cell(field: Field, recent: Recent) -> Cell:
    latest = max(field.results, key=lambda result: result.attempt.at, default=None)
    return Cell(
        id=f"cell/{field.service.name}/{field.port}/{field.path.name}",
        service=field.service.name,
        port=field.port,
        path=field.path.name,
        state=field.state,
        share=f"{field.reached}/{field.hosts}" if field.hosts else "",
        says=field.says(),
        bars=_bars(recent) if recent else None,
        latest=_of(latest),
        steps=_steps(latest) if latest else (),
        addresses=_addresses(field.results),
        transcript=_example(field),
    )


def _example(field: Field) -> str:
    """A probe that failed as most of them did; empty where none failed."""
    commonest = field.failures()[:1]
    shown = (result for result in field.results if result.attempt.failure in commonest)
    return next(map(transcript.of_result, shown), "")


def _of(latest: Result | None) -> str:
    if latest is None:
        return ""
    address = latest.attempt.balancer or latest.attempt.address or "by its name"
    return f"{latest.host}, {address}, {time_text(latest.attempt.time)}"


def _steps(result: Result) -> tuple[Step, ...]:
    phases = result.phases
    total = sum(phases.values()) or 1.0
    failed_in = result.attempt.failure.phase if result.attempt.failure else None
    steps = []
    begun = 0.0
    for phase, seconds in phases.items():
        share = 100 * seconds / total
        steps.append(Step(phase, begun, share, f"{seconds * 1000:.1f} ms", phase is failed_in))
        begun += share
    return tuple(steps)


def _addresses(results: Sequence[Result]) -> Sequence[Address]:
    """Each address once for each way in which it ended, failures first."""
    counted = Counter(
        (
            result.attempt.balancer or result.attempt.address or "by its name",
            failure_text(failure) if failure else "",
        )
        for result in results
        for failure in [result.attempt.failure]
    )
    found = [Address(where, hosts, how or "ok", bool(how)) for (where, how), hosts in counted.items()]
    return sorted(found, key=lambda each: (not each.failed, each.address))


@lru_cache(maxsize=1024)
def _bars(recent: Recent) -> Bars:
    """Each as high as it took long, beside the longest; a failure is as high as can be."""
    longest = max((seconds for succeeded, seconds in recent if succeeded), default=0.0) or 1.0
    outlines: dict[bool, list[str]] = {True: [], False: []}
    for place, (succeeded, seconds) in enumerate(recent):
        height = max(3, round(_HEIGHT * 0.8 * seconds / longest)) if succeeded else _HEIGHT
        outlines[succeeded].append(f"M{place * _BAR} {_HEIGHT}v-{height}h{_BAR - 1}v{height}z")
    failures = len(outlines[False])
    says = (
        f"{failures} of the last {len(recent)} probes failed"
        if failures
        else f"last {len(recent)} probes: ok"
    )
    return Bars("".join(outlines[True]), "".join(outlines[False]), len(recent) * _BAR, says)
