"""A YAML file to an immutable Config, or to all of its faults, each at file:line:column. Knows no probing."""

from netcheck.apns.services import BUILT_IN
from netcheck.config.addresses import Listen, ListenPlace, UnixListen
from netcheck.config.file import Config, default, load, load_settings, schema, show
from netcheck.config.problems import ConfigError, Problem
from netcheck.config.settings import (
    ClientAuth,
    History,
    Metrics,
    Probing,
    VerdictSettings,
    Web,
    WebTls,
)

BUILT_IN_NAMES = frozenset(built_in.service.name for built_in in BUILT_IN)

__all__ = [
    "BUILT_IN_NAMES",
    "ClientAuth",
    "Config",
    "ConfigError",
    "History",
    "Listen",
    "ListenPlace",
    "Metrics",
    "Probing",
    "Problem",
    "UnixListen",
    "VerdictSettings",
    "Web",
    "WebTls",
    "default",
    "load",
    "load_settings",
    "schema",
    "show",
]
