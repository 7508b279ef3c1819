"""How a command ends: the exit statuses, and errors told in one place."""

import sys
from pathlib import Path
from typing import NoReturn

import click

from netcheck.config import Config, ConfigError, load

ALL_READY, NOT_READY, USAGE, WITH_LIMITS = 0, 1, 2, 3
INTERRUPTED = 130  # as shells say it of SIGINT


def load_or_fail(file: Path) -> Config:
    try:
        return load(file)
    except ConfigError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(USAGE)
