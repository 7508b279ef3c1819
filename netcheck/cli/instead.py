"""Options of the command line in place of a config: one path, and what is said of it in terms of options."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from netcheck.cli.exits import fail
from netcheck.cli.reading import LONGEST, in_time_or_fail
from netcheck.config.file import Config, load_settings
from netcheck.config.reading.problems import ConfigError
from netcheck.facts import Facts
from netcheck.model.findings import Judgement

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
_STEPS_OF_OPTIONS = {
    "`username`": "--username",
    "`password_file`": "--password-file",
    " of the path proxy in the config": "",
    " for the path proxy in the config": " in --proxy",
    "set `roles: [provider]`": "write a config for it, with `roles: [provider]`",
    "set `ca_file`": "write a config for it, with `ca_file`",
    "set `resolve": "write a config for it, with `resolve",
    "the resolver chosen (": "the resolver (",
    "correct the interface ": "correct --interface ",
    " of the path direct": "",
    " of the path proxy": "",
}
"""What findings say of a config, and what they say where there is none."""


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
        return in_time_or_fail(load, LONGEST, f"--password-file: {instead.password_file}")
    except ConfigError as error:
        fail("\n".join(_replaced(problem.message, _SAID_OF_OPTIONS) for problem in error.problems))


def _replaced(text: str, words: Mapping[str, str]) -> str:
    for of_config, of_options in words.items():
        text = text.replace(of_config, of_options)
    return text


def with_options(facts: Facts) -> Facts:
    """With next steps for whoever has typed options and has no config."""
    return replace(facts, judgements=tuple(map(_judged_with_options, facts.judgements)))


def _judged_with_options(judged: Judgement) -> Judgement:
    findings = (
        replace(
            each,
            owner=_replaced(each.owner, _STEPS_OF_OPTIONS),
            asked=_replaced(each.asked, _STEPS_OF_OPTIONS),
            next_step=_replaced(each.next_step, _STEPS_OF_OPTIONS),
        )
        for each in judged.findings
    )
    return replace(judged, findings=tuple(findings))
