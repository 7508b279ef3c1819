"""`netcheck config`: check a file, show it whole, print an example or the schema."""

import json
import os
from pathlib import Path

import click

from netcheck.cli.exits import fail
from netcheck.cli.reading import or_fail
from netcheck.config import examples
from netcheck.config.file import EMPTY, check, schema, show
from netcheck.config.reading.problems import the_first
from netcheck.config.web_file import settle
from netcheck.history.database import refuse_another_history
from netcheck.history.unusable import HistoryError

_FILE = click.Path(path_type=Path)


@click.group()
def config() -> None:
    """Check a configuration, show it whole, or print an example."""


@config.command("check", short_help="Check FILE, and the files that it names.")
@click.argument("file", type=_FILE)
def config_check(file: Path) -> None:
    """Check FILE and the files that it names: every error is said, with line and column."""
    found = or_fail(check, file)
    try:
        on_history = or_fail(lambda _: _warnings_on(found.history.file), file)
    except HistoryError as error:
        fail(f"{file}: history.file: {error}")
    paths = ", ".join(path.name for path in found.paths)
    services = ", ".join(dict.fromkeys(service.name for service in found.services))
    click.echo(f"{file}: no errors; paths: {paths}; services: {services}")
    is_empty = or_fail(lambda _: file.stat().st_size == 0, file)
    on_file = [f"{EMPTY}; a running netcheck refuses it"] if is_empty else []
    for warning in (*on_file, *the_first(found.warnings), *on_history):
        click.echo(f"{file}: warning: {warning}", err=True)
    for note in or_fail(lambda _: settle(found.web).notes, file):
        click.echo(f"{found.web.config_file}: warning: {note}", err=True)


def _warnings_on(history: Path | None) -> tuple[str, ...]:
    """What may keep the daemon from writing incidents, as far as this user sees; HistoryError if all does."""
    if history is None:
        return ()
    try:
        refuse_another_history(history)
        history.parent.stat()
    except PermissionError:  # not for this user to see
        return ()
    except OSError as error:
        return (f"history.file: the folder {history.parent} cannot be used: {error.strerror}; make it",)
    if not os.access(history.parent, os.W_OK) or (history.exists() and not os.access(history, os.W_OK)):
        return (f"history.file: this user may not write {history}; see that the daemon's user may",)
    return ()


@config.command("show", short_help="Print FILE with every default filled in.")
@click.argument("file", type=_FILE)
def config_show(file: Path) -> None:
    """Print FILE with every default filled in; passwords stay where they are, in files and variables."""
    click.echo(or_fail(show, file), nl=False)


@config.command("example")
@click.option(
    "--for",
    "situation",
    type=click.Choice(examples.SITUATIONS),
    default=examples.SITUATIONS[0],
    show_default=True,
    help="The network to start from.",
)
def config_example(situation: str) -> None:
    """Print a commented configuration to start from."""
    click.echo(examples.example(situation), nl=False)


@config.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
