"""A YAML file to an immutable Config, or to all of its faults, each at file:line:column. Knows no probing."""

from netcheck.config.file_section import schema
from netcheck.config.loading import default, load
from netcheck.config.problems import ConfigError, Problem
from netcheck.config.records import Config, Listen, Probing

__all__ = ["Config", "ConfigError", "Listen", "Probing", "Problem", "default", "load", "schema"]
