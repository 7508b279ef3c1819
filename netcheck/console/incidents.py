"""Incidents and availability as text. Knows records only."""

from collections.abc import Sequence
from datetime import UTC, datetime

from netcheck.answers import lasting
from netcheck.console.table import Cell, Row, table, to_text
from netcheck.model.incidents import Availability, Span


def render(incidents: Sequence[Span], availability: Sequence[Availability], now: float, width: int) -> str:
    """A row for each incident, and one for each path and role that was measured; `now` is a Unix time."""
    heading: Row = [Cell(name) for name in ("began", "lasted", "path", "role", "verdict", "cause", "hop")]
    rows = [_incident_row(span, now) for span in incidents]
    shown = to_text(table([heading, *rows]), width) if rows else "no incidents"
    if not availability:
        return f"{shown}\n\nnothing was measured in that time"
    heading = [Cell(name) for name in ("path", "role", "available", "measured", "not ready", "with limits")]
    return f"{shown}\n\n{to_text(table([heading, *map(_availability_row, availability)]), width)}"


def _incident_row(span: Span, now: float) -> Row:
    began = datetime.fromtimestamp(span.began, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    lasted = lasting((now if span.ended is None else span.ended) - span.began)
    state = lasted if span.ended is not None else f"{lasted}, still so"
    return [
        Cell(began),
        Cell(state),
        Cell(span.path),
        Cell(span.role),
        Cell(span.verdict),
        Cell(span.cause or "-"),
        Cell(span.hop or "-"),
    ]


def _availability_row(each: Availability) -> Row:
    percent = "-" if each.ratio is None else f"{100 * each.ratio:.3f} %"
    spans = (each.measured, each.not_ready, each.limited)
    return [Cell(each.path), Cell(each.role), Cell(percent), *(Cell(lasting(span)) for span in spans)]
