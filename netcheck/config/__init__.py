"""A YAML file to an immutable Config, or to all of its faults, each at file:line:column. Knows no probing."""

from netcheck.apns.services import BUILT_IN
from netcheck.config.file_section import schema
from netcheck.config.loading import default, load
from netcheck.config.problems import ConfigError, Problem
from netcheck.config.records import Config, Listen, Probing

BUILT_IN_NAMES = frozenset(built_in.service.name for built_in in BUILT_IN)

__all__ = [
    "BUILT_IN_NAMES",
    "Config",
    "ConfigError",
    "Listen",
    "Probing",
    "Problem",
    "default",
    "load",
    "schema",
]
