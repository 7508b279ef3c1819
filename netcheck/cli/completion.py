"""What a shell offers for options: the names in the config that is named on the command line so far."""

import functools
from pathlib import Path

import click
import trio

from netcheck.config.file import Config, default, load
from netcheck.config.reading.problems import ConfigError
from netcheck.files import in_time

_LONGEST_READ = 2.0
"""Seconds; nobody waits longer for a shell to offer words."""


def paths(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The paths of the config that begin so."""
    return _beginning(incomplete, [path.name for path in _config(ctx).paths])


def services(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The enabled services of the config that begin so."""
    return _beginning(incomplete, [service.name for service in _config(ctx).services])


def _config(ctx: click.Context) -> Config:
    """The config named before, or where that is faulty the default: nobody reads errors while typing."""
    file = ctx.params.get("file")
    try:
        return trio.run(in_time, functools.partial(load, Path(file)), _LONGEST_READ) if file else default()
    except (ConfigError, OSError):
        return default()


def _beginning(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]
