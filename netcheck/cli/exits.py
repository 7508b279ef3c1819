"""How a command ends: the exit statuses, and errors told in one place."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from netcheck.config import Config, ConfigError, load

T = TypeVar("T")

ALL_READY, NOT_READY, USAGE, WITH_LIMITS = 0, 1, 2, 3
INTERRUPTED = 130  # as shells say it of SIGINT


def load_or_fail(file: Path) -> Config:
    return or_fail(load, file)


def or_fail(read: Callable[[Path], T], file: Path) -> T:
    """What is read from a config; where that is faulty, every fault is said and the command ends."""
    try:
        return read(file)
    except ConfigError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(USAGE)
