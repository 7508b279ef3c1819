"""Incidents and availability as text. Knows records only."""

from collections.abc import Sequence

from netcheck.console.table import Row, cells, natural_width, table, to_text
from netcheck.model.incidents import Availability, Span
from netcheck.phrases import duration_text, percent_text, time_text
from netcheck.telling.rows import Cell

_NOTE = "Available: measured time that was not `not_ready`; with limits counts as available."


def render(incidents: Sequence[Span], availability: Sequence[Availability], now: float, width: int) -> str:
    """Each incident, and a row for each path and role that was measured; `now` is a Unix time."""
    shown = _incidents(incidents, now, width) if incidents else "no incidents"
    if not availability:
        return f"{shown}\n\nnothing was measured in that time"
    heading = cells("path", "role", "available", "measured", "not ready", "with limits")
    return f"{shown}\n\n{to_text(table([heading, *map(_availability_row, availability)]), width)}\n\n{_NOTE}"


def _incidents(spans: Sequence[Span], now: float, width: int) -> str:
    """A row for each; two lines for each where rows are too wide, so that no word is broken."""
    heading = cells("began", "lasted", "path", "role", "verdict", "cause", "hop")
    rows = [heading, *(_incident_row(span, now) for span in spans)]
    if natural_width(rows) <= width:
        return to_text(table(rows), width)
    return "\n".join(_in_two_lines(*row) for row in rows[1:])


def _in_two_lines(*row: Cell) -> str:
    began, lasted, path, role, verdict, cause, hop = (cell.text for cell in row)
    return f"{began}, {lasted}\n    {path} {role}: {verdict}, {cause} ({hop})"


def _incident_row(span: Span, now: float) -> Row:
    what = (span.path, span.role, span.verdict, span.cause or "-", span.hop or "-")
    return cells(time_text(span.began), _lasted(span, now), *what)


def _lasted(span: Span, now: float) -> str:
    lasted = duration_text(span.until(now) - span.began)
    if span.ended is not None:
        return lasted
    return f"{lasted}, still so" if span.lasts(now) else f"{lasted}, last seen {time_text(span.seen)}"


def _availability_row(each: Availability) -> Row:
    spans = map(duration_text, (each.measured, each.not_ready, each.limited))
    return cells(each.path, each.role, percent_text(each.ratio, each.measured), *spans)
