"""Tables of text whose columns line up. Colours are click's, put on after the widths are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from netcheck.model.findings import Verdict

COLOURS = {
    Verdict.READY: "green",
    Verdict.DEGRADED: "yellow",
    Verdict.FALLBACK_ONLY: "yellow",
    Verdict.UNKNOWN: "yellow",
    Verdict.NOT_READY: "red",
}
DETAIL_WIDTH = 160
"""How much of what a peer said fits into a field."""
_GAP = "   "


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of a table; the colour is put on after the width is known."""

    text: str
    colour: str | None = None


Row = Sequence[Cell]


def aligned(rows: Sequence[Row]) -> list[str]:
    """The rows as lines, columns lined up; no trailing blanks."""
    widths = [max(len(cell.text) for cell in column) for column in zip(*rows, strict=True)]
    return [
        _GAP.join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _padded(cell: Cell, width: int) -> str:
    padding = " " * (width - len(cell.text))
    return (click.style(cell.text, fg=cell.colour) if cell.colour else cell.text) + padding
