"""`netcheck config`: check a file, print the schema."""

import json
from pathlib import Path

import click

from netcheck.cli.exits import load_or_fail
from netcheck.config import schema

_FILE = click.Path(path_type=Path)


@click.group()
def config() -> None:
    """Check a configuration, or print its JSON Schema."""


@config.command("check")
@click.argument("file", type=_FILE)
def config_check(file: Path) -> None:
    """Say every error in FILE, with its line and column."""
    found = load_or_fail(file)
    paths = ", ".join(path.name for path in found.paths)
    services = ", ".join(dict.fromkeys(service.name for service in found.services))
    click.echo(f"{file}: no errors; paths: {paths}; services: {services}")
    for warning in found.warnings:
        click.echo(f"{file}: warning: {warning}", err=True)


@config.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    click.echo(json.dumps(schema(), indent=2))
