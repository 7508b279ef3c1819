"""The matrix: services and ports down, paths across; where that would be too wide, a line for each field."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Group, RenderableType
from rich.text import Text

from netcheck.console.table import Cell, Row, heading, natural_width, table
from netcheck.console.wording import failure_text, seconds_text
from netcheck.facts import Facts
from netcheck.model.failing import Failure
from netcheck.model.findings import Needed
from netcheck.model.paths import Expected, ProbePath
from netcheck.model.results import Result
from netcheck.model.services import Service, hosts_on, ports_on

UNNEEDED = "dim"


@dataclass(frozen=True, slots=True)
class Field:
    """A service's port over a path, with all results of it."""

    service: Service
    port: int
    path: ProbePath
    is_needed: bool
    """Whether any role needs it there."""
    results: tuple[Result, ...]

    @property
    def is_probed(self) -> bool:
        """Whether the path leads to it, and has a role that uses the service."""
        return bool(self.service.roles & self.path.roles) and self.port in ports_on(self.service, self.path)

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
        if not self.is_probed:
            return Cell("-")
        if not self.results:
            return Cell("not probed")
        if self.reached == self.hosts:
            return Cell(f"{self.reached}/{self.hosts} in {seconds_text(self.typical_seconds())}", "green")
        failed = failure_text(self.failures()[0])
        if not self.is_needed:
            return Cell(f"{self._why_unneeded()}: {failed}", UNNEEDED)
        return Cell(f"{self.reached}/{self.hosts} {failed}", "yellow" if self.reached else "red")

    def _why_unneeded(self) -> str:
        if self.path.expected is Expected.BLOCKED:
            return "as expected"
        return "retired" if self.service.is_retired else "not needed"


class Matrix:
    """Every field of the facts."""

    def __init__(self, facts: Facts) -> None:
        self.services, self.paths = facts.services, facts.paths
        self._results = _by_place(facts.results)
        self._needed = {(each.path, need) for each in facts.judgements for need in each.needs}

    def field(self, service: Service, port: int, path: ProbePath) -> Field:
        need = Needed(service.name, port)
        results = tuple(
            result
            for result in self._results.get((path.name, need), ())
            if result.host in service.hosts  # services of one name may have the same port
        )
        return Field(service, port, path, (path.name, need) in self._needed, results)

    def fields(self) -> list[Field]:
        """By path, those that are probed."""
        every = [self.field(s, port, path) for path in self.paths for s in self.services for port in s.ports]
        return [field for field in every if field.is_probed]

    def across(self) -> list[Row]:
        """With a column for each path, under a row of headings."""
        header = [Cell("service"), Cell("port"), *(Cell(path.name) for path in self.paths)]
        places = [(service, port) for service in self.services for port in service.ports]
        return [header, *(self._row(service, port) for service, port in places)]

    def down(self) -> list[Row]:
        """Turned: a row for each field, under a row of headings."""
        return [
            [Cell("path"), Cell("service"), Cell("port"), Cell("hosts reached")],
            *(
                [Cell(field.path.name), Cell(field.service.name), Cell(str(field.port)), field.cell()]
                for field in self.fields()
            ),
        ]

    def sampled(self) -> str:
        """Of which services only some hosts were visited, in a sentence; empty where all were."""
        seen: dict[str, set[str]] = {}
        for field in self.fields():
            seen.setdefault(field.service.name, set()).update(result.host for result in field.results)
        some: dict[tuple[int, int], list[str]] = {}
        for service in self.services:
            every = {host for path in self.paths for host in hosts_on(service, path)}
            visited = len(every & seen.get(service.name, set()))
            if 0 < visited < len(every):
                some.setdefault((visited, len(every)), []).append(service.name)
        told = [f"{visited} of {of} hosts of {' and '.join(names)}" for (visited, of), names in some.items()]
        return f"Visited: {', '.join(told)}. With --all-hosts, all." if told else ""

    def _row(self, service: Service, port: int) -> Row:
        cells = (self.field(service, port, path).cell() for path in self.paths)
        return [Cell(service.name), Cell(str(port)), *cells]


def _by_place(results: Iterable[Result]) -> Mapping[tuple[str, Needed], Sequence[Result]]:
    grouped: dict[tuple[str, Needed], list[Result]] = {}
    for result in results:
        grouped.setdefault((result.path, Needed(result.service, result.port)), []).append(result)
    return grouped


def render_matrix(facts: Facts, width: int) -> RenderableType:
    matrix = Matrix(facts)
    rows = matrix.across()
    if natural_width(rows) > width:
        rows = matrix.down()
    note = matrix.sampled()
    title = heading("Hosts reached, and how long a connection takes (median)")
    return Group(title, table(rows), *([Text(note)] if note else []))
