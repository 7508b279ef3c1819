"""How a long command shows how far it is: a line that is written over, or where there is no terminal, one."""

import contextlib
import sys
import time
from collections.abc import Iterator

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from netcheck.check import Progress
from netcheck.phrases import how_many

_EVERY = 0.1


class _Console(Console):
    """Leaves the cursor in sight: a signal that ends the process would leave it hidden."""

    def show_cursor(self, show: bool = True) -> bool:
        return show and super().show_cursor()


@contextlib.contextmanager
def shown_on_stderr(paths: int, longest: float) -> Iterator[Progress]:
    """A Progress that people see; `longest` is how many seconds it may take."""
    console = _Console(stderr=True)
    if not sys.stderr.isatty() or console.is_dumb_terminal:
        said = how_many(paths, "path")
        click.echo(f"Probing {said}: some seconds, or up to {longest:.0f} s where nothing answers.", err=True)
        yield Progress()
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        drawn = 0.0

        def draw(progress: Progress) -> None:
            nonlocal drawn
            if time.monotonic() - drawn >= _EVERY:
                drawn = time.monotonic()
                live.update(Text(progress_text(progress), overflow="ellipsis", no_wrap=True), refresh=True)

        yield Progress(draw)


def progress_text(progress: Progress) -> str:
    """By path: how many visits have ended, and whom it waits for."""
    parts = []
    for path, planned in progress.planned.items():
        waiting = progress.under_way.get(path, [])
        whom = f", waiting for {waiting[0]}" if waiting else ""
        parts.append(f"{path}: {progress.ended.get(path, 0)} of {planned}{whom}")
    return " | ".join(parts)
