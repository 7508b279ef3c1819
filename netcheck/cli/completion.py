"""What a shell offers for options: the names in the config that is named on the command line so far."""

from pathlib import Path

import click

from netcheck.config import Config, ConfigError, default, load


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
        return load(Path(file)) if file else default()
    except ConfigError:
        return default()


def _beginning(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]
