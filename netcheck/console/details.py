"""The details: every kind of failure in full, how long the phases took, failed lookups, failed addresses."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from netcheck.console.matrix import SeenIn
from netcheck.console.table import DETAIL_WIDTH, Cell, Row, aligned
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import ProbePath
from netcheck.model.results import Lookup, Result
from netcheck.model.services import Service

_MOST = 30
"""How many lines of a kind are shown; then it is said how many more there are."""


def render_details(
    services: Sequence[Service],
    paths: Sequence[ProbePath],
    seen: SeenIn,
    results: Sequence[Result],
    lookups: Sequence[Lookup],
) -> str:
    parts = [
        _failures(services, paths, seen),
        _durations(services, paths, seen),
        _headed(("lookup", "resolver", "outcome", ""), _lookup_rows(lookups)),
        _headed(("path", "address", "port", "failure"), _address_rows(results)),
    ]
    return "\n\n".join(part for part in parts if part)


def _failures(
    services: Sequence[Service],
    paths: Sequence[ProbePath],
    seen: SeenIn,
) -> str:
    """One line for each kind of failure of a path: where it happened, and the detail of one of them."""
    kinds: dict[tuple[str, Phase, Reason], tuple[Failure, list[str]]] = {}
    for path in paths:
        for service in services:
            for port in service.ports:
                for failure in seen(service, port, path).failures():
                    kind = (path.name, failure.phase, failure.reason)
                    kinds.setdefault(kind, (failure, []))[1].append(f"{service.name}:{port}")
    rows: list[Row] = [
        [Cell(path), Cell(f"{phase} {reason}", "red"), Cell(_with_example(where, example.detail))]
        for (path, phase, reason), (example, where) in kinds.items()
    ]
    return _headed(("path", "failure", "where"), rows, most=None)


def _with_example(where: Sequence[str], detail: str) -> str:
    such = "for example " if len(where) > 1 else ""
    return f"{', '.join(where)}: {such}{detail[:DETAIL_WIDTH]}" if detail else ", ".join(where)


def _durations(services: Sequence[Service], paths: Sequence[ProbePath], seen: SeenIn) -> str:
    """The median of each phase in milliseconds, over the probes that succeeded."""
    took = {
        (path.name, service.name, str(port)): times
        for path in paths
        for service in services
        for port in service.ports
        if (times := _phase_times(seen(service, port, path).results))
    }
    phases = [phase for phase in Phase if any(phase in times for times in took.values())]
    header = ("path", "service", "port", *(f"{phase} ms" for phase in phases))
    return _headed(header, [_duration_row(place, times, phases) for place, times in took.items()], most=None)


def _duration_row(
    place: Iterable[str], times: Mapping[Phase, Sequence[float]], phases: Iterable[Phase]
) -> Row:
    fields = (f"{median(times[phase]) * 1000:.1f}" if phase in times else "-" for phase in phases)
    return [*map(Cell, place), *map(Cell, fields)]


def _phase_times(results: Iterable[Result]) -> dict[Phase, list[float]]:
    times: dict[Phase, list[float]] = {}
    for result in results:
        if result.attempt.failure is None:
            for phase, seconds in result.phases.items():
                times.setdefault(phase, []).append(seconds)
    return times


def _lookup_rows(lookups: Iterable[Lookup]) -> list[Row]:
    """One for each way in which a resolver fails: for how many names and types, and one of them."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for lookup in lookups:
        if lookup.reason is not None:
            kind = (lookup.resolver, lookup.reason, lookup.detail[:DETAIL_WIDTH])
            alike.setdefault(kind, []).append(f"{lookup.host} {lookup.rdtype}")
    return [
        [Cell(_one_of(asked)), Cell(resolver), Cell(reason, "red"), Cell(detail)]
        for (resolver, reason, detail), asked in alike.items()
    ]


def _one_of(asked: Sequence[str]) -> str:
    return f"{len(asked)} such as {min(asked)}" if len(asked) > 1 else asked[0]


def _address_rows(results: Iterable[Result]) -> list[Row]:
    """Each address that failed once, however many hosts have it."""
    failed = {
        (result.path, address, result.port, f"{failure.phase} {failure.reason}")
        for result in results
        if (failure := result.attempt.failure) and (address := result.attempt.address)
    }
    return [
        [Cell(path), Cell(address), Cell(str(port)), Cell(what, "red")]
        for path, address, port, what in sorted(failed)
    ]


def _headed(header: Sequence[str], rows: Sequence[Row], most: int | None = _MOST) -> str:
    """A table of the first rows under their headings; nothing where there are none."""
    shown = rows[:most]
    more = [f"and {len(rows) - len(shown)} more"] if len(rows) > len(shown) else []
    return "\n".join([*aligned([[*map(Cell, header)], *shown]), *more]) if rows else ""
