"""The kinds of panels, each with the options that all of its kind share here.

Owns how panels look. Must not know netcheck.
"""

from dataclasses import dataclass

from dashboards.grafana import GRID, Json, Link, Panel, Steps, Texts, mappings, thresholds

_LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_NO_LEGEND = {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False}


@dataclass(frozen=True, kw_only=True)
class Stat(Panel):
    """One number, or one of each series, on a coloured ground."""

    height: int = 4

    @property
    def kind(self) -> str:
        return "stat"

    def options(self) -> Json:
        return {
            "colorMode": "background",
            "graphMode": "none",
            "justifyMode": "center",
            "orientation": "auto",
            "reduceOptions": _LAST,
            "textMode": "auto",
        }


@dataclass(frozen=True, kw_only=True)
class Bars(Panel):
    """A bar for each series of an instant query, in the query's order."""

    @property
    def kind(self) -> str:
        return "bargauge"

    def options(self) -> Json:
        return {
            "displayMode": "basic",
            "minVizHeight": 16,
            "minVizWidth": 8,
            "orientation": "horizontal",
            "reduceOptions": _LAST,
            "showUnfilled": True,
            "valueMode": "color",
        }


@dataclass(frozen=True, kw_only=True)
class TimeSeries(Panel):
    """Lines, or areas stacked upon each other."""

    stacked: bool = False

    @property
    def kind(self) -> str:
        return "timeseries"

    def options(self) -> Json:
        wide = self.width > GRID / 3
        legend = {
            "calcs": ["mean", "max"] if wide else [],
            "displayMode": "table" if wide else "list",
            "placement": "right" if wide else "bottom",
            "showLegend": True,
        }
        return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}

    def custom(self) -> Json:
        return {
            "drawStyle": "line",
            "fillOpacity": 50 if self.stacked else 0,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"group": "A", "mode": "normal" if self.stacked else "none"},
        }

    def _defaults(self) -> Json:
        return {**super()._defaults(), "color": {"mode": "palette-classic"}}


@dataclass(frozen=True, kw_only=True)
class Timeline(Panel):
    """A band for each series, coloured by what held when."""

    @property
    def kind(self) -> str:
        return "state-timeline"

    def options(self) -> Json:
        return {
            "alignValue": "left",
            "legend": _NO_LEGEND,
            "mergeValues": True,
            "rowHeight": 0.8,
            "showValue": "auto",
            "tooltip": {"mode": "single", "sort": "none"},
        }

    def custom(self) -> Json:
        return {"fillOpacity": 80, "lineWidth": 0}


@dataclass(frozen=True, kw_only=True)
class Heatmap(Panel):
    """How many observations fell into which bucket when; `unit` is that of the buckets."""

    @property
    def kind(self) -> str:
        return "heatmap"

    @property
    def query_format(self) -> str:
        return "heatmap"

    def options(self) -> Json:
        color = {"exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "reverse": False}
        return {
            "calculate": False,
            "cellGap": 1,
            "cellValues": {"decimals": 0, "unit": "short"},
            "color": {**color, "scheme": "Oranges", "steps": 64},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "showValue": "never",
            "tooltip": {"mode": "single", "show": True, "yHistogram": False},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": self.unit},
        }


@dataclass(frozen=True)
class Column:
    """A column of a table: a label, or a value (`Value`, of several queries `Value #A`), and its look."""

    field: str
    title: str = ""
    unit: str = "string"  # else a port would be written as 5.22 K
    steps: Steps | None = None
    texts: Texts | None = None
    link: Link | None = None
    width: int | None = None

    @property
    def shown(self) -> str:
        return self.title or self.field

    def override(self) -> Json:
        properties: list[Json] = [
            {"id": "unit", "value": self.unit},
            {"id": "noValue", "value": "–"},  # the panel's own is for the whole table
        ]
        if self.width is not None:
            properties.append({"id": "custom.width", "value": self.width})
        if self.texts is not None:
            properties.append({"id": "mappings", "value": mappings(self.texts)})
        if self.steps is not None:
            properties.append({"id": "thresholds", "value": thresholds(self.steps)})
        if self.steps is not None or self.texts is not None:
            properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
        if self.link is not None:
            properties.append({"id": "links", "value": [self.link.to_json()]})
        return {"matcher": {"id": "byName", "options": self.shown}, "properties": properties}


@dataclass(frozen=True, kw_only=True)
class Table(Panel):
    """A row for each series of instant queries; those of several queries with the same labels are one row."""

    columns: tuple[Column, ...]
    hidden: tuple[str, ...] = ()
    sorted_by: str = ""
    """A column's title; else the rows are as the query sorts them."""

    @property
    def kind(self) -> str:
        return "table"

    @property
    def query_format(self) -> str:
        return "table"

    def options(self) -> Json:
        by = [{"displayName": self.sorted_by, "desc": False}] if self.sorted_by else []
        return {"cellHeight": "sm", "showHeader": True, "sortBy": by}

    def custom(self) -> Json:
        return {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True}

    def overrides(self) -> list[Json]:
        return [column.override() for column in self.columns]

    def transformations(self) -> list[Json]:
        merge = [{"id": "merge", "options": {}}] if len(self.queries) > 1 else []
        organize = {
            "excludeByName": dict.fromkeys(("Time", *self.hidden), True),
            "indexByName": {column.field: index for index, column in enumerate(self.columns)},
            "renameByName": {column.field: column.title for column in self.columns if column.title},
        }
        return [*merge, {"id": "organize", "options": organize}]
