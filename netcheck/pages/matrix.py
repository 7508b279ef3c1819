"""The matrix of services and paths: what each cell shows, and what opens behind it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import TypeAlias

from netcheck.facts import Facts
from netcheck.model.failing import Failure
from netcheck.model.findings import Needed
from netcheck.model.paths import ProbePath
from netcheck.model.results import Result
from netcheck.model.services import ports_on
from netcheck.pages import transcript
from netcheck.state.flows import Flow, Recent

_MOST_ADDRESSES = 40
_BAR, _HEIGHT = 4, 16
"""A bar's width with its gap, and the height of the highest, in units of the picture."""

_Key: TypeAlias = tuple[str, int, str]
"""Service, port, path."""


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
    """A service's port over a path. `state`: ok, partly, bad, idle (bad, and not needed), waiting."""

    number: int
    service: str
    port: int
    path: str
    state: str
    share: str
    says: str
    is_needed: bool
    bars: Bars | None
    latest: str
    steps: tuple[Step, ...]
    addresses: tuple[Address, ...]
    more_addresses: int
    transcript: str


@dataclass(frozen=True, slots=True)
class Row:
    service: str
    port: int
    cells: tuple[Cell | None, ...]
    """One for each path; None where the path does not lead there."""


def matrix(facts: Facts, paths: Sequence[ProbePath]) -> list[Row]:
    """The rows in the order of the services, each with a cell for each of the paths."""
    seen = _by_cell(facts)
    needed = {(judged.path, need) for judged in facts.judgements for need in judged.needs}
    probed = {
        (service.name, port, path.name)
        for service in facts.services
        for path in paths
        if service.roles & path.roles
        for port in ports_on(service, path)
    }
    rows = []
    number = 0
    for service, port in dict.fromkeys((each.name, port) for each in facts.services for port in each.ports):
        cells: list[Cell | None] = []
        for path in paths:
            key = (service, port, path.name)
            if key not in probed:
                cells.append(None)
                continue
            number += 1
            recent = facts.counted.recent.get(Flow(*key), ())
            is_needed = (path.name, Needed(service, port)) in needed
            cells.append(_cell(number, key, seen.get(key, ()), recent, is_needed))
        rows.append(Row(service, port, tuple(cells)))
    return rows


def _by_cell(facts: Facts) -> Mapping[_Key, Sequence[Result]]:
    grouped: dict[_Key, list[Result]] = {}
    for (service, _, port, path, _), state in facts.endpoints.items():
        grouped.setdefault((service, port, path), []).extend(state.results)
    return grouped


def _cell(number: int, key: _Key, results: Sequence[Result], recent: Recent, is_needed: bool) -> Cell:
    failed = [result for result in results if result.attempt.failure is not None]
    latest = max(results, key=lambda result: result.attempt.time, default=None)
    addresses = _addresses(results)
    hosts = len({result.host for result in results})
    reached = len({result.host for result in results if result.attempt.failure is None})
    worst = _commonest(failed)
    return Cell(
        number,
        *key,
        state=_state(hosts, reached, is_needed),
        share=f"{reached}/{hosts}" if hosts else "",
        says=_says(worst, results),
        is_needed=is_needed,
        bars=_bars(recent) if recent else None,
        latest=_of(latest),
        steps=_steps(latest) if latest else (),
        addresses=tuple(addresses[:_MOST_ADDRESSES]),
        more_addresses=max(0, len(addresses) - _MOST_ADDRESSES),
        transcript=transcript.of_result(_example(failed, worst)) if failed else "",
    )


def _state(hosts: int, reached: int, is_needed: bool) -> str:
    if not hosts:
        return "waiting"
    if reached == hosts:
        return "ok"
    if not is_needed:
        return "idle"
    return "partly" if reached else "bad"


def _commonest(failed: Iterable[Result]) -> str:
    kinds = Counter(_kind(result.attempt.failure) for result in failed)
    return kinds.most_common(1)[0][0] if kinds else ""


def _kind(failure: Failure | None) -> str:
    return f"{failure.phase} {failure.reason}" if failure else "ok"


def _example(failed: Sequence[Result], kind: str) -> Result:
    return next(result for result in failed if _kind(result.attempt.failure) == kind)


def _says(worst: str, results: Sequence[Result]) -> str:
    """How most failures end, or how long a probe takes, from after resolving to the last answer."""
    if worst:
        return worst.replace("_", " ")
    return f"{median(r.attempt.seconds for r in results) * 1000:.0f} ms" if results else "not probed yet"


def _of(latest: Result | None) -> str:
    if latest is None:
        return ""
    address = latest.attempt.address or "by its name"
    return f"{latest.host}, {address}, {transcript.iso(latest.attempt.time)}"


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


def _addresses(results: Sequence[Result]) -> list[Address]:
    """Each address once for each way in which it ended, failures first."""
    counted = Counter(
        (result.attempt.address or "by name", _kind(result.attempt.failure)) for result in results
    )
    found = [Address(where, hosts, how, how != "ok") for (where, how), hosts in counted.items()]
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
