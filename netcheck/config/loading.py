"""From a file to a Config, or to everything that is wrong with it."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from netcheck.config import together
from netcheck.config.document import TOP, Fault, read
from netcheck.config.file import FILE, FileKeys, shown, to_config
from netcheck.config.problems import ConfigError, Problem
from netcheck.config.records import Config
from netcheck.config.sections import keys_to
from netcheck.config.values import Reading, SaidError
from netcheck.files import read_file

LARGEST_CONFIG = 1024 * 1024
_WIDTH = 110


def load(file: Path) -> Config:
    """Read a config and all that it refers to; ConfigError holds every fault of the file at once.

    Push certificates may come later, so these are not looked at; `checking` does. Blocks while it reads.
    """
    _, config, _ = understood(file)
    return config


def show(file: Path) -> str:
    """The config in YAML with every default filled in: read again, it is the same. ConfigError as above."""
    keys, config, _ = understood(file)
    text: str = yaml.safe_dump(shown(keys, config), sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text


def default() -> Config:
    """What an empty file means: the direct path and the built-in services."""
    return to_config(FileKeys())


def understood(file: Path) -> tuple[FileKeys, Config, Reading]:
    """What is written, what it comes to, and where it stands; ConfigError as above."""
    try:
        data = read_file(file, LARGEST_CONFIG)
    except OSError as error:
        raise config_error(file, [Fault(TOP, (), f"the config cannot be read: {error.strerror}")]) from error
    document = read(data)
    reading = Reading(document, file.parent)
    if not document.whole:
        raise config_error(file, reading.faults)
    try:
        keys = FILE.read(document.value, (), reading)
    except SaidError:
        raise config_error(file, reading.faults) from None
    config = to_config(keys)
    resolvers = {name: each.resolver for name, each in keys.paths.items()}
    together.check(config, resolvers, reading.keys(("resolvers",)), reading)
    if reading.faults:
        raise config_error(file, reading.faults)
    return keys, config, reading


def config_error(file: Path, found: Iterable[Fault]) -> ConfigError:
    """The faults as problems of the file, each behind the keys that lead to it."""
    return ConfigError(
        Problem(str(file), *position, f"{keys}: {message}" if (keys := keys_to(at, FILE)) else message)
        for position, at, message in found
    )
