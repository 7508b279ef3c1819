"""From a file to a Config, or to everything that is wrong with it."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from netcheck.config.conversion import to_config, to_services
from netcheck.config.document import NOTHING, TOP, Document, Fault, read
from netcheck.config.file_section import FileSection
from netcheck.config.files import read_file
from netcheck.config.problems import ConfigError, Problem
from netcheck.config.records import Config, Probing
from netcheck.config.section import Surroundings
from netcheck.config.sentences import faults
from netcheck.config.service_section import ServicesSection
from netcheck.config.wording import named
from netcheck.model.paths import SYSTEM_RESOLVER
from netcheck.model.services import holds

LARGEST_CONFIG = 1024 * 1024
MOST_HOLDS = 64
"""Connections that are held idle at the same time, all services and paths together."""


def load(file: Path) -> Config:
    """Read a config and all that it refers to; ConfigError holds every fault of the file at once."""
    try:
        data = read_file(file, LARGEST_CONFIG)
    except OSError as error:
        raise _config_error(file, [Fault(TOP, f"the config cannot be read: {error.strerror}")]) from error
    config, found = _understand(read(data), file.parent)
    if config is None or found:
        raise _config_error(file, found)
    return config


def default() -> Config:
    """What an empty file means: the direct path and the built-in services."""
    section = FileSection.model_validate({}, context=_surroundings({}, Path()))
    return to_config(section)


def _understand(document: Document, directory: Path) -> tuple[Config | None, list[Fault]]:
    found = list(document.faults)
    if not document.whole:
        return None, found
    try:
        section = FileSection.model_validate(document.value, context=_surroundings(document.value, directory))
    except ValidationError as error:
        return None, [*found, *faults(error, document)]
    config = to_config(section)
    return config, [*found, *_too_many_holds(config, document)]


def _too_many_holds(config: Config, document: Document) -> list[Fault]:
    """How many there are is known only when services and paths are: each path has its families."""
    wanted = holds(config.services, config.paths)
    if len(wanted) <= MOST_HOLDS:
        return []
    at = ("services", wanted[-1][0].name, "hold")
    message = (
        f"with this there are {len(wanted)} connections to hold, one for each service, path and family, and "
        f"{MOST_HOLDS} are the most: take hold from some services"
    )
    return [Fault(document.value_at(at), named(at, message))]


def _surroundings(raw: object, directory: Path) -> Surroundings:
    """What stands beside a value: only names are taken from sections that may have faults of their own."""
    sections = raw if isinstance(raw, dict) else {}
    resolvers = sections.get("resolvers")
    names = resolvers if isinstance(resolvers, dict) else {}
    around = Surroundings(directory, tuple({SYSTEM_RESOLVER.name: None, **names}), services=None)
    with suppress(ValidationError):  # said when the whole is validated
        section = ServicesSection.model_validate(sections.get("services", NOTHING), context=around)
        around = replace(around, services=to_services(section, Probing().interval))
    return around


def _config_error(file: Path, found: Iterable[Fault]) -> ConfigError:
    return ConfigError(Problem(str(file), *position, message) for position, message in found)
