"""Text for a terminal or a file, by rich: tables that fit a width, and paragraphs that stay readable."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from netcheck.console.wording import kept_together, with_spaces
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
_GAP = 3
_READABLE = 100
"""How wide a paragraph gets at most, in characters, on however wide a terminal."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of a table, and its colour."""

    text: str
    colour: str | None = None

    @property
    def styled(self) -> Text:
        """Never read as markup: what peers say is in it."""
        return Text(self.text, self.colour or "")


Row = Sequence[Cell]


def table(rows: Sequence[Row]) -> Table:
    """The first row are the headings. Where it is too wide, its fields are wrapped."""
    made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    header, *others = rows
    for cell in header:
        made.add_column(cell.styled, overflow="fold")
    for row in others:
        made.add_row(*(cell.styled for cell in row))
    return made


def natural_width(rows: Sequence[Row]) -> int:
    """How wide the table is where nothing is wrapped."""
    widths = [max(len(cell.text) for cell in column) for column in zip(*rows, strict=True)]
    return sum(widths) + _GAP * (len(widths) - 1)


def heading(text: str) -> Text:
    return Text(text, "bold")


def prose(text: str) -> Text:
    """Sentences that are wrapped, but for between a number and its unit."""
    return Text(kept_together(text), overflow="fold")


def bullet(text: str) -> RenderableType:
    """A sentence in a list: what is wrapped stays behind the mark."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_row(Text("-"), prose(text))
    return grid


def to_copy(lines: Sequence[str]) -> Text:
    """Lines, indented, that stay whole whatever the width: cut ones could not be pasted."""
    return Text("\n".join(f"    {line}" for line in lines), overflow="ignore", no_wrap=True)


def to_text(renderable: RenderableType, width: int, *, colour: bool = False, readable: bool = False) -> str:
    """What a terminal of that width shows, without trailing blanks; `readable` is for paragraphs."""
    console = Console(
        file=io.StringIO(),
        width=max(min(width, _READABLE) if readable else width, 40),
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    with console.capture() as captured:
        console.print(renderable, crop=False)
    return "\n".join(line.rstrip() for line in with_spaces(captured.get()).splitlines())
