"""Dashboards, rows, variables and queries as small records, and the JSON that Grafana reads of them.

Owns Grafana's dashboard model, schema version 38 (Grafana 10 and newer). Must not know netcheck.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
Steps: TypeAlias = Sequence[tuple[float | None, str]]
"""Colours by the value from which on they hold; the first has None, for everything below."""
Texts: TypeAlias = Mapping[int | tuple[float, None], tuple[str, str]]
"""What to show instead of a value, or from one on: text and colour."""

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
INTERVAL = "1m"
"""How often netcheck is scraped. Grafana takes 15 s for granted, and then rates over a minute: empty."""
GRID = 24
"""How many columns a dashboard has."""


@dataclass(frozen=True)
class Query:
    """PromQL, and how its series are named from their labels; `instant` asks for its value now only."""

    expr: str
    legend: str = "__auto"
    instant: bool = False

    def to_json(self, ref: str, form: str) -> Json:
        return {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": " ".join(self.expr.split()),
            "format": form,
            "interval": INTERVAL,
            "instant": self.instant,
            "legendFormat": self.legend,
            "range": not self.instant,
            "refId": ref,
        }


def now(expr: str, legend: str = "__auto") -> Query:
    """What holds now, and not over time."""
    return Query(expr, legend, instant=True)


@dataclass(frozen=True)
class Link:
    """Where a title leads; a `url` of this Grafana begins with a slash."""

    title: str
    url: str

    def to_json(self) -> Json:
        return {"title": self.title, "url": self.url, "targetBlank": not self.url.startswith("/")}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What every kind of panel has; the kinds are in panels.py.

    `no_value` is shown where there are no data, so it should say what that means. Without `unit` it is a
    plain number, and without `steps` all is blue, which judges nothing.
    """

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str = "none"
    no_value: str
    width: int
    height: int
    steps: Steps = ((None, "blue"),)
    texts: Texts | None = None
    bounds: tuple[float | None, float | None] = (None, None)
    links: tuple[Link, ...] = ()
    data_links: tuple[Link, ...] = ()

    @property
    def kind(self) -> str:
        raise NotImplementedError

    @property
    def query_format(self) -> str:
        return "time_series"

    def options(self) -> Json:
        return {}

    def custom(self) -> Json:
        return {}

    def overrides(self) -> list[Json]:
        return []

    def transformations(self) -> list[Json]:
        return []

    def to_json(self, number: int, x: int, y: int) -> Json:
        return {
            "datasource": DATASOURCE,
            "description": self.description,
            "fieldConfig": {"defaults": self._defaults(), "overrides": self.overrides()},
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "id": number,
            "links": [link.to_json() for link in self.links],
            "options": self.options(),
            "targets": [
                query.to_json(chr(ord("A") + i), self.query_format) for i, query in enumerate(self.queries)
            ],
            "title": self.title,
            "transformations": self.transformations(),
            "type": self.kind,
        }

    def _defaults(self) -> Json:
        low, high = self.bounds
        return {
            **({} if low is None else {"min": low}),
            **({} if high is None else {"max": high}),
            "color": {"mode": "thresholds"},
            "custom": self.custom(),
            "links": [link.to_json() for link in self.data_links],
            "mappings": mappings(self.texts),
            "noValue": self.no_value,
            "thresholds": thresholds(self.steps),
            "unit": self.unit,
        }


def thresholds(steps: Steps) -> Json:
    """As Grafana writes them."""
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in steps]}


def mappings(texts: Texts | None) -> list[Json]:
    """As Grafana writes them."""
    return [
        _mapping(value, {"text": text, "color": color, "index": index})
        for index, (value, (text, color)) in enumerate((texts or {}).items())
    ]


def _mapping(value: int | tuple[float, None], result: Json) -> Json:
    if isinstance(value, int):
        return {"type": "value", "options": {str(value): result}}
    return {"type": "range", "options": {"from": value[0], "to": value[1], "result": result}}


@dataclass(frozen=True)
class Row:
    """Panels under a heading, laid out from left to right, then further down; `collapsed` is closed."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False

    def to_json(self, number: int, y: int, panels: Sequence[Json]) -> Json:
        place = {"h": 1, "w": GRID, "x": 0, "y": y}
        return {
            "collapsed": self.collapsed,
            "gridPos": place,
            "id": number,
            "panels": list(panels),
            "title": self.title,
            "type": "row",
        }


@dataclass(frozen=True)
class Variable:
    """A choice of one label's values; with `multi` of several, and of all, also where the label is absent."""

    name: str
    query: str
    multi: bool = True

    def to_json(self) -> Json:
        everything = {"selected": True, "text": ["All"], "value": ["$__all"]}
        return {
            "allValue": ".*" if self.multi else None,
            "current": everything if self.multi else {},
            "datasource": DATASOURCE,
            "definition": self.query,
            "hide": 0,
            "includeAll": self.multi,
            "label": self.name.capitalize(),
            "multi": self.multi,
            "name": self.name,
            "options": [],
            "query": {"query": self.query, "refId": "StandardVariableQuery"},
            "refresh": 2,  # whenever the time range changes
            "regex": "",
            "skipUrlSync": False,
            "sort": 1,
            "type": "query",
        }


_CHOICE_OF_DATASOURCE = {
    "current": {},
    "hide": 0,
    "includeAll": False,
    "label": "Data source",
    "multi": False,
    "name": "datasource",
    "options": [],
    "query": "prometheus",
    "refresh": 1,
    "regex": "",
    "skipUrlSync": False,
    "type": "datasource",
}


@dataclass(frozen=True)
class Annotation:
    """A mark on every graph, at each moment at which the query has a value."""

    name: str
    expr: str
    text: str
    color: str

    def to_json(self) -> Json:
        return {
            "datasource": DATASOURCE,
            "enable": True,
            "expr": " ".join(self.expr.split()),
            "iconColor": self.color,
            "name": self.name,
            "step": "60s",
            "titleFormat": self.text,
            "useValueForTime": False,
        }


@dataclass(frozen=True)
class Dashboard:
    """A whole dashboard; other people's links depend on its `uid`."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    links: tuple[Link, ...]
    rows: tuple[Row, ...]
    annotations: tuple[Annotation, ...] = ()

    def to_json(self) -> Json:
        variables = [variable.to_json() for variable in self.variables]
        return {
            "annotations": {"list": [annotation.to_json() for annotation in self.annotations]},
            "description": self.description,
            "editable": True,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,  # one crosshair for all panels
            "links": [_dashboard_link(link) for link in self.links],
            "panels": list(_lay_out(self.rows)),
            "refresh": "1m",
            "schemaVersion": 38,
            "tags": ["netcheck"],
            "templating": {"list": [_CHOICE_OF_DATASOURCE, *variables]},
            "time": {"from": "now-6h", "to": "now"},
            "timepicker": {},
            "timezone": "browser",
            "title": self.title,
            "uid": self.uid,
            "version": 1,
            "weekStart": "",
        }


def _dashboard_link(link: Link) -> Json:
    here = link.url.startswith("/")
    return {
        **link.to_json(),
        "asDropdown": False,
        "icon": "dashboard" if here else "doc",
        "includeVars": False,
        "keepTime": here,
        "tags": [],
        "tooltip": "",
        "type": "link",
    }


def _lay_out(rows: Sequence[Row]) -> Iterator[Json]:
    """Every row and panel with a number and a place of its own, from the top down."""
    number, y = 0, 0
    for row in rows:
        panels = list(_panels(row.panels, number + 1, y + 1))
        yield row.to_json(number + 1, y, panels if row.collapsed else ())
        if not row.collapsed:
            yield from panels
            y = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) - 1
        number, y = number + 1 + len(panels), y + 1


def _panels(panels: Sequence[Panel], number: int, y: int) -> Iterator[Json]:
    for line in _lines(panels):
        x = 0
        for panel in line:
            number += 1
            yield panel.to_json(number, x, y)
            x += panel.width
        y += max(panel.height for panel in line)


def _lines(panels: Sequence[Panel]) -> Iterator[list[Panel]]:
    line: list[Panel] = []
    for panel in panels:
        if sum(one.width for one in line) + panel.width > GRID:
            yield line
            line = []
        line.append(panel)
    yield line
