"""Options of the command line in place of a config: one path, and what is wrong with them."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from netcheck.cli.exits import fail
from netcheck.cli.reading import LONGEST, in_time_or_fail
from netcheck.config.file import Config, load_settings
from netcheck.config.reading.problems import ConfigError

_COMMAND_LINE = Path("command line")
_SAID_OF_OPTIONS = {
    "paths.proxy.proxy": "--proxy",
    "paths.proxy.username": "--username",
    "paths.proxy.password_file": "--password-file",
    "paths.proxy.interface": "--interface",
    "paths.direct.interface": "--interface",
    "resolvers.chosen.nameservers": "--resolver",
    "password_file or password_env": "--password-file",
    "does not belong in the config: ": "does not belong in the command line, which others see: ",
    "a file named by password_file or an environment variable named by password_env": "a file named by "
    "--password-file",
    "into username": "into --username",
    **dict.fromkeys(
        ("remove the key", "remove this key", "leave the key out, as in direct: {}"), "leave the option out"
    ),
    "into source_address": "into source_address of a path in a config",
}
"""What faults of a config say, the key before it, and what they say of options."""


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
        resolvers = {} if self.resolver is None else {"chosen": {"nameservers": self.resolver}}
        return {"paths": {"direct" if self.proxy is None else "proxy": path}, "resolvers": resolvers}


def instead_or_fail(instead: Instead) -> Config:
    """The built-in services over that path; what is wrong with an option is said of the option."""
    load = functools.partial(load_settings, instead.settings(), _COMMAND_LINE)
    try:
        config = in_time_or_fail(load, LONGEST, f"--password-file: {instead.password_file}")
    except ConfigError as error:
        fail("\n".join(_said_of_options(problem.message) for problem in error.problems))
    return replace(config, paths=tuple(replace(path, by_options=True) for path in config.paths))


def _said_of_options(text: str) -> str:
    for of_config, of_options in _SAID_OF_OPTIONS.items():
        text = text.replace(of_config, of_options)
    return text
