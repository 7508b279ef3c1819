"""The matrix: services and ports down, paths across; where that would be too wide, a line for each field."""

from rich.console import Group, RenderableType
from rich.text import Text

from netcheck.console.table import Row, cells, heading, natural_width, table
from netcheck.facts import Facts
from netcheck.grouping import grouped
from netcheck.model.services import Service, hosts_on
from netcheck.telling.fields import Field, Fields
from netcheck.telling.rows import Cell

_STATES = {"waiting": "", "ok": "good", "idle": "idle", "past": "idle", "partly": "worry", "bad": "bad"}


class Matrix(Fields):
    """The fields as rows of a table."""

    def across(self) -> list[Row]:
        """With a column for each path, under a row of headings."""
        header = cells("service", "port", *(path.name for path in self.paths))
        probed = {(field.service.name, field.port) for field in self.probed()}
        every = [(service, port) for service in self.services for port in service.ports]
        places = [(service, port) for service, port in every if (service.name, port) in probed]
        return [header, *(self._row(service, port) for service, port in places)]

    def down(self) -> list[Row]:
        """Turned: a row for each field, under a row of headings."""
        return [
            cells("path", "service", "port", "hosts reached"),
            *(
                [*cells(field.path.name, field.service.name, str(field.port)), _cell(field)]
                for field in self.probed()
            ),
        ]

    def sampled(self) -> str:
        """Of which services only some hosts were visited, in a sentence; empty where all were."""
        seen = grouped((e.service.name, result.host) for e in self.probed() for result in e.results)
        some: dict[tuple[int, int], list[str]] = {}
        for service in self.services:
            every = {host for path in self.paths for host in hosts_on(service, path)}
            visited = len(every & seen.get(service.name, set()))
            if 0 < visited < len(every):
                some.setdefault((visited, len(every)), []).append(service.name)
        told = [f"{visited} of {of} hosts of {' and '.join(names)}" for (visited, of), names in some.items()]
        return f"Visited: {', '.join(told)}. With --all-hosts, all." if told else ""

    def _row(self, service: Service, port: int) -> Row:
        shown = (_cell(self.field(service, port, path)) for path in self.paths)
        return [*cells(service.name, str(port)), *shown]


def _cell(field: Field) -> Cell:
    if not field.is_probed:
        return Cell("-")
    share = f"{field.reached}/{field.hosts}"
    match field.state:
        case "ok":
            text = f"{share} in {field.says()}"
        case "partly" | "bad" | "past":
            text = f"{share} {field.says()}"
        case _:
            text = field.says()
    return Cell(text, _STATES[field.state])


def render_matrix(facts: Facts, width: int) -> RenderableType:
    matrix = Matrix(facts)
    rows = matrix.across()
    shown = table(rows) if natural_width(rows) <= width else table(matrix.down(), groups=1)
    note = matrix.sampled()
    title = heading("Hosts reached, and how long a connection takes (median)")
    return Group(title, shown, *([Text(note)] if note else []))
