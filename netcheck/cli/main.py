"""The group of all commands.

A command's module is imported when the command is used: `--help` must not wait for what only probing needs.
"""

import functools
import importlib
import signal
from typing import NamedTuple, NoReturn

import click

from netcheck import __version__, open_files
from netcheck.cli.exits import allow_interrupts, end_with, fail, set_up_streams, told_interrupts


class _Command(NamedTuple):
    module: str
    help: str
    is_for_windows: bool = True


_COMMANDS = {
    "run": _Command(
        "netcheck.cli.run", "Run the daemon: probe on a schedule, serve /metrics over HTTP.", False
    ),
    "check": _Command("netcheck.cli.check", "Say now what is wrong, and whom to ask for what."),
    "config": _Command("netcheck.cli.config", "Check a configuration, show it whole, or print an example."),
    "discover": _Command("netcheck.cli.discover", "Print a configuration that fits this machine."),
    "incidents": _Command("netcheck.cli.incidents", "Say what went wrong lately, and for how long."),
    "files": _Command("netcheck.cli.files", "List or write what goes with it: rules, dashboards, units."),
    "demo": _Command("netcheck.cli.demo", "See it at work, in a laboratory on this machine.", False),
}
"""By name; each module has a command of that name."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        known = _COMMANDS.get(cmd_name)
        if known is None:
            return None
        if not known.is_for_windows and not hasattr(signal, "SIGHUP"):
            fail(f"netcheck {cmd_name} does not run on Windows; netcheck check does")
        command: click.Command = getattr(importlib.import_module(known.module), cmd_name)
        allow_interrupts()
        return command

    def invoke(self, ctx: click.Context) -> object:
        with told_interrupts():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in _COMMANDS.items()])


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="netcheck")
def main() -> None:
    """Can Apple push (APNs) get through this network, over which path, and who must fix it if not?"""


def entry() -> NoReturn:
    """Run the command that the command line names, and end the process."""
    set_up_streams()
    open_files.raise_limit()
    end_with(functools.partial(main, prog_name="netcheck", standalone_mode=False))
