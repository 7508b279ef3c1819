"""`netcheck incidents`: what went wrong, when and for how long, from the file that the daemon writes."""

import json
import shutil
import time
from functools import partial
from pathlib import Path

import click

from netcheck import __version__
from netcheck.cli.exits import fail
from netcheck.cli.reading import in_time_or_fail, or_fail
from netcheck.config.file import load
from netcheck.config.reading.durations import seconds
from netcheck.console.incidents import render
from netcheck.export.report import incidents as as_json
from netcheck.history.database import read
from netcheck.history.timeline import Timeline
from netcheck.history.unusable import HistoryError

_LONGEST = 15.0
"""Seconds that reading the file may take."""
_NO_FILE = (
    "{config} names no file for incidents, so the daemon has them in memory only: see the page that it "
    "serves, or write `history: {{file: netcheck.db}}` and reload it"
)


@click.command()
@click.option("--config", "config", type=click.Path(path_type=Path), required=True, help="The daemon's file.")
@click.option("--since", default="7d", show_default=True, metavar="DURATION", help="How far to look back.")
@click.option("--format", "output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def incidents(config: Path, since: str, output: str) -> None:
    """List what was wrong on which path, newest first, and how available each path was for each role.

    It reads the file of `history` in the configuration, whether the daemon runs or not.
    """
    try:
        back = seconds(since)
    except ValueError as error:
        fail(f"--since {since}: {error}")
    file = or_fail(load, config).history.file
    if file is None:
        fail(_NO_FILE.format(config=config))
    timeline, now = Timeline(), time.time()
    try:
        timeline.add(in_time_or_fail(partial(read, file), _LONGEST, str(file)))
    except HistoryError as error:
        fail(str(error))
    begin = max(0.0, now - back)
    found, availability = timeline.incidents(begin, now), timeline.availability(begin, now)
    if output == "json":
        click.echo(json.dumps(as_json(found, availability, __version__, begin, now), indent=1))
    else:
        click.echo(render(found, availability, now, shutil.get_terminal_size((120, 24)).columns))
