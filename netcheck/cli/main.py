"""The group of all commands, and the process's way in.

A command's module is imported when the command is used: `--help` must not wait for what only probing needs.
"""

import importlib
import os
import sys
from typing import NamedTuple

import click

from netcheck import __version__

_OUTPUT_FAILED = 2


class _Command(NamedTuple):
    module: str
    help: str


_COMMANDS = {
    "run": _Command("netcheck.cli.run", "Run the daemon: probe on a schedule, serve /metrics over HTTP."),
    "check": _Command("netcheck.cli.check", "Say now what is wrong, and whom to ask for what."),
    "config": _Command("netcheck.cli.config", "Check a configuration, show it whole, or print an example."),
    "demo": _Command("netcheck.cli.demo", "See it at work, in a laboratory on this machine."),
}
"""By name; each module has a command of that name."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        known = _COMMANDS.get(cmd_name)
        if known is None:
            return None
        command: click.Command = getattr(importlib.import_module(known.module), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in _COMMANDS.items()])


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="netcheck")
def main() -> None:
    """Can Apple push (APNs) get through this network, over which path, and who must fix it if not?"""


def entry() -> None:
    """The process's way in: output that cannot be written is told in one line, too."""
    try:
        main(prog_name="netcheck")
    except OSError as error:
        sys.stderr.write(f"the output cannot be written: {error.strerror}\n")
        os._exit(_OUTPUT_FAILED)  # not sys.exit, which would try to flush the same output again
