"""The matrix: services and ports down, paths across; where that would be too wide, a line for each field."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import click

from netcheck.console.table import Cell, Row, aligned
from netcheck.model.failing import Failure
from netcheck.model.paths import ProbePath
from netcheck.model.results import Result
from netcheck.model.services import Service, ports_on


@dataclass(frozen=True, slots=True)
class Seen:
    """All results of one service's port over one path."""

    results: tuple[Result, ...]

    @property
    def hosts(self) -> int:
        return len({result.host for result in self.results})

    @property
    def reached(self) -> int:
        return len({result.host for result in self.results if result.attempt.failure is None})

    def failures(self) -> list[Failure]:
        """The failures, the commonest kind first, one of each kind."""
        all_failures = [r.attempt.failure for r in self.results if r.attempt.failure is not None]
        kinds = Counter((failure.phase, failure.reason) for failure in all_failures)
        examples = {(failure.phase, failure.reason): failure for failure in all_failures}
        return [examples[kind] for kind, _ in kinds.most_common()]

    def typical_seconds(self) -> float:
        """The median over the probes that succeeded, from after resolving to the last answer."""
        return median(r.attempt.seconds for r in self.results if r.attempt.failure is None)

    def cell(self) -> Cell:
        if not self.results:
            return Cell("not probed")
        share = f"{self.reached}/{self.hosts}"
        if self.reached == self.hosts:
            return Cell(f"{share} ok {self.typical_seconds() * 1000:.1f} ms", "green")
        worst = self.failures()[0]
        return Cell(f"{share} {worst.phase} {worst.reason}", "yellow" if self.reached else "red")


SeenIn = Callable[[Service, int, ProbePath], Seen]


def by_cell(results: Iterable[Result]) -> SeenIn:
    grouped: dict[tuple[str, int, str], list[Result]] = {}
    for result in results:
        grouped.setdefault((result.service, result.port, result.path), []).append(result)
    return lambda service, port, path: Seen(tuple(grouped.get((service.name, port, path.name), ())))


def render_matrix(services: Sequence[Service], paths: Sequence[ProbePath], seen: SeenIn, width: int) -> str:
    """At most `width` characters wide, if its fields are not wider than that by themselves."""
    lines = aligned(across(services, paths, seen))
    if max(len(click.unstyle(line)) for line in lines) > width:
        lines = aligned(down(services, paths, seen))
    return "\n".join(lines)


def across(services: Sequence[Service], paths: Sequence[ProbePath], seen: SeenIn) -> list[Row]:
    """The matrix with a column for each path, under a row of headings."""
    return [
        [Cell("service"), Cell("port"), *(Cell(path.name) for path in paths)],
        *(
            [Cell(service.name), Cell(str(port)), *(field(service, port, path, seen) for path in paths)]
            for service in services
            for port in service.ports
        ),
    ]


def down(services: Sequence[Service], paths: Sequence[ProbePath], seen: SeenIn) -> list[Row]:
    """The matrix turned: a row for each field, under a row of headings."""
    return [
        [Cell("path"), Cell("service"), Cell("port"), Cell("hosts reached")],
        *(
            [Cell(path.name), Cell(service.name), Cell(str(port)), field(service, port, path, seen)]
            for path in paths
            for service in services
            for port in service.ports
            if is_probed(service, port, path)
        ),
    ]


def field(service: Service, port: int, path: ProbePath, seen: SeenIn) -> Cell:
    """One field of the matrix; a dash where the path does not lead to the service."""
    return seen(service, port, path).cell() if is_probed(service, port, path) else Cell("-")


def is_probed(service: Service, port: int, path: ProbePath) -> bool:
    return bool(service.roles & path.roles) and port in ports_on(service, path)
