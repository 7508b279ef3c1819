"""`netcheck config`: check a file, show it whole, print an example or the schema."""

import json
from pathlib import Path

import click

from netcheck.cli.reading import or_fail
from netcheck.config import examples
from netcheck.config.file import check, schema, show
from netcheck.config.web_file import settle

_FILE = click.Path(path_type=Path)


@click.group()
def config() -> None:
    """Check a configuration, show it whole, or print an example."""


@config.command("check", short_help="Check FILE, and the files that it names.")
@click.argument("file", type=_FILE)
def config_check(file: Path) -> None:
    """Check FILE and the files that it names: every error is said, with line and column."""
    found = or_fail(check, file)
    paths = ", ".join(path.name for path in found.paths)
    services = ", ".join(dict.fromkeys(service.name for service in found.services))
    click.echo(f"{file}: no errors; paths: {paths}; services: {services}")
    for warning in found.warnings:
        click.echo(f"{file}: warning: {warning}", err=True)
    for note in or_fail(lambda _: settle(found.web).notes, file):
        click.echo(f"{found.web.config_file}: warning: {note}", err=True)


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
