"""Reads a config for a command, or options in its place, under a deadline; faults end the command."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trio

from netcheck.cli.exits import fail
from netcheck.config.file import Config, load, load_settings
from netcheck.config.reading.problems import ConfigError
from netcheck.files import in_time

T = TypeVar("T")

_LONGEST = 30.0
"""Seconds for a config and all files that it names: a network drive that hangs never answers."""


_COMMAND_LINE = Path("command line")
_OPTIONS = {
    "paths.proxy.proxy": "--proxy",
    "paths.proxy.username": "--username",
    "paths.proxy.password_file": "--password-file",
    "paths.proxy.interface": "--interface",
    "paths.direct.interface": "--interface",
    "resolvers.chosen.nameservers": "--resolver",
}
"""What to say in place of the key that an option stands for."""


@dataclass(frozen=True, slots=True)
class Instead:
    """One path, in place of a config; each as its key in a config, None where it is not given."""

    proxy: str | None
    username: str | None
    password_file: Path | None
    resolver: str | None
    interface: str | None

    @property
    def is_given(self) -> bool:
        return any(value is not None for value in (self.proxy, self.resolver, self.interface))

    def settings(self) -> Mapping[str, object]:
        """As a config would say it."""
        written = {
            "proxy": self.proxy,
            "username": self.username,
            "password_file": str(self.password_file) if self.password_file else None,
            "resolver": None if self.resolver is None else "chosen",
            "interface": self.interface,
        }
        path = {key: value for key, value in written.items() if value is not None}
        resolvers = {} if self.resolver is None else {"chosen": {"nameservers": [self.resolver]}}
        return {"paths": {"direct" if self.proxy is None else "proxy": path}, "resolvers": resolvers}


def instead_or_fail(instead: Instead) -> Config:
    """The built-in services over that path; what is wrong with an option is said of the option."""
    try:
        return trio.run(
            in_time, functools.partial(load_settings, instead.settings(), _COMMAND_LINE), _LONGEST
        )
    except ConfigError as error:
        fail("\n".join(_of_option(problem.message) for problem in error.problems))
    except OSError as error:
        fail(f"--password-file: {instead.password_file} was {error.strerror}")


def _of_option(message: str) -> str:
    key = next((key for key in _OPTIONS if message.startswith(key)), None)
    said = message if key is None else _OPTIONS[key] + message.removeprefix(key).removeprefix("[0]")
    return said.replace("password_file or password_env", "--password-file")


def load_or_fail(file: Path) -> Config:
    return or_fail(load, file)


def or_fail(read: Callable[[Path], T], file: Path) -> T:
    """What is read from a config; where that is faulty, every fault is said and the command ends."""
    try:
        return trio.run(in_time, functools.partial(read, file), _LONGEST)
    except ConfigError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{file}:1:1: the config, or a file that it names, was {error.strerror}")
