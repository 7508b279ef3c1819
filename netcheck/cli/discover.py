"""`netcheck discover`: a config to start from, made of what this machine's own settings say."""

import os
from pathlib import Path

import click

from netcheck.cli.exits import fail
from netcheck.cli.writing import write_new
from netcheck.discovery.machine import look
from netcheck.discovery.proposal import propose


@click.command()
@click.option(
    "--to",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it to this new file; without it, it is printed.",
)
def discover(file: Path | None) -> None:
    """Print a commented configuration that fits this machine.

    It reads the proxies that variables name, the PAC files of browsers' policies and of GNOME, the resolvers,
    and the routes that lead out. It sends nothing.
    """
    text = propose(look(os.environ))
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        write_new(file, text.encode())
    except FileExistsError:
        fail(f"{file}: there is such a file already, and it stays as it is: name another one")
    except OSError as error:
        fail(f"{file}: cannot be written: {error.strerror}")
    click.echo(f"{file} is written: read it, then run: netcheck config check {file}")
