"""Reads a config for a command, under a deadline; faults end the command."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import trio

from netcheck.cli.exits import fail
from netcheck.config.reading.problems import ConfigError
from netcheck.files import in_time

T = TypeVar("T")

LONGEST = 30.0
"""Seconds for a config and all files that it names: a network drive that hangs never answers."""


def or_fail(read: Callable[[Path], T], file: Path) -> T:
    """What is read from a config; where that is faulty, every fault is said and the command ends."""
    try:
        what = f"{file}:1:1: the config, or a file that it names"
        return in_time_or_fail(functools.partial(read, file), LONGEST, what)
    except ConfigError as error:
        fail(str(error))


def in_time_or_fail(read: Callable[[], T], longest: float, what: str) -> T:
    """What is read; where that takes too long, or is refused, it is said of `what` and the command ends."""
    try:
        return trio.run(in_time, read, longest)
    except OSError as error:
        fail(f"{what}: {error.strerror}")
