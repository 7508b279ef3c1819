"""Text for a terminal or a file, by rich: tables that fit a width, and paragraphs that stay readable."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from netcheck.console.wording import kept_together, with_spaces
from netcheck.model.findings import Verdict
from netcheck.telling.rows import Cell

COLOURS = {
    Verdict.READY: "green",
    Verdict.DEGRADED: "yellow",
    Verdict.FALLBACK_ONLY: "yellow",
    Verdict.UNKNOWN: "yellow",
    Verdict.NOT_READY: "red",
}
STATES = {"good": "green", "worry": "yellow", "bad": "red", "idle": "dim", "": ""}
"""The colours of cells, by their state."""
DETAIL_WIDTH = 160
"""How much of what a peer said fits into a field."""
_GAP = 3
_INDENT = 4
_MOST_GROUPS = 2
"""How many columns stand before rows at most, where two are left: else each row is told by itself."""
_READABLE = 100
"""How wide a paragraph gets at most, in characters, on however wide a terminal."""


Row = Sequence[Cell]


def cells(*texts: str) -> Row:
    """Fields without a state."""
    return [Cell(text) for text in texts]


def _styled(cell: Cell) -> Text:
    """Never read as markup: what peers say is in it."""
    return Text(kept_together(cell.text), STATES[cell.state], overflow="fold")


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A table that is cut between words; where that is not enough, its first columns stand before rows.

    Only a word that is wider than all there is gets broken.
    """

    rows: Sequence[Row]
    groups: int = 0
    """How many columns at least stand before rows: a long name is then there once."""

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        for count in range(self.groups, max(0, min(_MOST_GROUPS, len(self.rows[0]) - 2)) + 1):
            indent = _INDENT if count else 0
            others = [row[count:] for row in self.rows]
            if _whole(_least(others)) <= options.max_width - indent:
                yield from _grouped(self.rows, count, options.max_width - indent)
                return
        yield from _one_below_another(self.rows)


def _grouped(rows: Sequence[Row], count: int, width: int) -> Iterator[RenderableType]:
    """The first `count` columns as a line before the rows that are alike in them."""
    header, *others = rows
    widths = _shared_out([row[count:] for row in rows], width)
    if count == 0:
        yield _plain(header, others, widths)
        return
    yield Text(_beside(header[:count]), "bold")
    yield Padding(_plain(header[count:], [], widths), (0, 0, 0, _INDENT))
    for first, alike in groupby(others, key=lambda row: _beside(row[:count])):
        yield prose(first)
        yield Padding(_plain(None, [row[count:] for row in alike], widths), (0, 0, 0, _INDENT))


def _plain(header: Row | None, rows: Iterable[Row], widths: Sequence[int]) -> Table:
    made = Table(
        box=None,
        pad_edge=False,
        padding=(0, _GAP, 0, 0),
        header_style="bold",
        show_header=header is not None,
    )
    for place, width in enumerate(widths):
        made.add_column(_styled(header[place]) if header else "", overflow="fold", width=width)
    for row in rows:
        made.add_row(*map(_styled, row))
    return made


def _one_below_another(rows: Sequence[Row]) -> Iterator[RenderableType]:
    """Each row as a line, and under it what its other columns say."""
    header, *others = rows
    for row in others:
        yield _styled(row[0])
        grid = Table.grid(padding=(0, 2, 0, 0))
        for name, cell in zip(header[1:], row[1:], strict=True):
            if cell.text:
                grid.add_row(_styled(name), _styled(cell))
        yield Padding(grid, (0, 0, 0, _INDENT))


def _beside(cells: Iterable[Cell]) -> str:
    return ", ".join(cell.text for cell in cells)


def _least(rows: Sequence[Row]) -> list[int]:
    """How narrow each column can be without a word that is broken."""
    return [max(map(_longest_word, column)) for column in zip(*rows, strict=True)]


def _longest_word(cell: Cell) -> int:
    return max(map(len, kept_together(cell.text).split(" ")))


def _shared_out(rows: Sequence[Row], width: int) -> list[int]:
    """What each column gets of it: those that need the least more get that first."""
    wanted, shared = _widths(rows), _least(rows)
    spare = width - _whole(shared)
    in_turn = sorted(range(len(shared)), key=lambda place: wanted[place] - shared[place])
    for left, place in enumerate(in_turn):
        more = min(wanted[place] - shared[place], spare // (len(in_turn) - left))
        shared[place] += more
        spare -= more
    return shared


def table(rows: Sequence[Row], groups: int = 0) -> RenderableType:
    """The first row are the headings. Where it is too wide, its fields are wrapped.

    The first `groups` columns, or more where it is too narrow, stand once before the rows alike in them.
    """
    return _Fitted(rows, groups)


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
