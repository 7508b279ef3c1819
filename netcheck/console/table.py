"""Text for a terminal or a file, by rich: tables that fit a width, and paragraphs that stay readable."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
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
_NARROWEST = 8
"""To how many characters a column of sentences may shrink before names are cut."""
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


def cells(*texts: str) -> Row:
    """Fields without a colour."""
    return [Cell(text) for text in texts]


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A table that is cut between words where it can be: names are cut only where there is no other way."""

    rows: Sequence[Row]

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        header, *others = self.rows
        widths = _widths(self.rows)
        of_names = [not any(" " in cell.text for cell in column) for column in zip(*self.rows, strict=True)]
        least = [w if is_name else min(w, _NARROWEST) for w, is_name in zip(widths, of_names, strict=True)]
        keeps_names = _whole(least) <= options.max_width
        made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
        for cell, is_name in zip(header, of_names, strict=True):
            made.add_column(cell.styled, overflow="fold", no_wrap=keeps_names and is_name)
        for row in others:
            made.add_row(*(cell.styled for cell in row))
        yield made


def table(rows: Sequence[Row]) -> RenderableType:
    """The first row are the headings. Where it is too wide, its fields are wrapped."""
    return _Fitted(rows)


def natural_width(rows: Sequence[Row]) -> int:
    """How wide the table is where nothing is wrapped."""
    return _whole(_widths(rows))


def _widths(rows: Sequence[Row]) -> list[int]:
    return [max(len(cell.text) for cell in column) for column in zip(*rows, strict=True)]


def _whole(widths: Sequence[int]) -> int:
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
