"""What pydantic found, in sentences for the people who write the file, each at its place.

Owns every phrase that no validator of ours wrote. No value is ever repeated here: it may be a secret.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from netcheck.apns.services import BUILT_IN
from netcheck.config.document import NOTHING, Document, Fault, Location
from netcheck.config.file_section import schema
from netcheck.config.values import ABOUT, BAD_NAME, NO_VALUE
from netcheck.config.wording import closest, did_you_mean, named, quoted

_NEEDS_KEYS = "needs keys with values: indented below it, or as {{key: value}}"
_NEEDS_A_LIST = "needs a list: [ITEM, ITEM], or one item in a line, each after a dash"
_SENTENCES: Mapping[str, str] = {
    "model_type": _NEEDS_KEYS,
    "dict_type": _NEEDS_KEYS,
    "tuple_type": _NEEDS_A_LIST,
    "frozen_set_type": _NEEDS_A_LIST,
    "int_type": "needs a whole number, without quotes and unit",
    "float_type": "needs a number, without quotes and unit",
    "bool_type": "needs true or false, without quotes",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "too_short": "is empty: add at least one entry, or remove the key",
    "too_long": "has more than {max_length} entries: remove some",
}
_ASTRAY = {
    "paths.password": "a password does not belong in the config: write it into a file named by "
    "password_file, or into an environment variable named by password_env",
    "push_certificates.password": "a password does not belong in the config: write it into a file named by "
    "password_file, or into an environment variable named by password_env",
    "services.hosts": "the hosts of a built-in service are Apple's: "
    "add a service of your own, by another name",
    "services.request": "only the provider API answers a request: remove it",
    "services.count": "the hosts of this service are not numbered: remove it",
}
"""What to say of unknown keys that people try, where the closest known key would lead them astray."""


def faults(error: ValidationError, document: Document) -> Iterator[Fault]:
    """Everything that pydantic found, except what a fault of the document itself covers already."""
    details = [detail for detail in error.errors(include_url=False) if not _is_covered(detail, document)]
    misspelt = {detail["loc"][:2]: meant for detail in details if (meant := _meant_service(detail))}
    for at, meant in misspelt.items():
        message = (
            f"there is no such service; did you mean {quoted(meant)}? One of your own needs hosts and ports"
        )
        yield Fault(document.key_at(at), named(at, message))
    for detail in details:
        if detail["loc"][:2] not in misspelt:
            yield _fault(detail, document)


def _is_covered(detail: ErrorDetails, document: Document) -> bool:
    """Whether another fault says it; to pydantic a list whose only item is wrong is too short as well."""
    at = detail["loc"]
    short_by_fault = detail["type"] == "too_short" and bool(detail["input"])
    return short_by_fault or any(at[:length] in document.spoiled for length in range(len(at) + 1))


def _meant_service(detail: ErrorDetails) -> str | None:
    """The built-in service that was meant by what would be a new one, had it hosts."""
    match detail:
        case {"type": "missing", "loc": ("services", str(name), "hosts")}:
            return closest(name, [built_in.service.name for built_in in BUILT_IN], at_least=0.75)
    return None


def _fault(detail: ErrorDetails, document: Document) -> Fault:
    kind, at = detail["type"], detail["loc"]
    if kind == "missing":
        return Fault(document.key_at(at), named(at[:-1], f"{at[-1]} is missing: add it"))
    if kind == "extra_forbidden":
        return Fault(document.key_at(at), named(at, _unknown_key(at)))
    if kind == ABOUT:
        at = (*at[:-1], detail["ctx"]["key"])
    about_key = kind == BAD_NAME or at[-1:] == ("[key]",)
    while at and at not in document.places:
        at = at[:-1]  # pydantic's "[key]", or the index of what is no list in the file
    return Fault(document.key_at(at) if about_key else document.value_at(at), named(at, _sentence(detail)))


def _sentence(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "value_error":
        return str(context["error"])
    if detail["type"] in _SENTENCES:
        return NO_VALUE if detail["input"] is NOTHING else _SENTENCES[detail["type"]].format(**context)
    return detail["msg"]


def _unknown_key(at: Location) -> str:
    key, known = at[-1], _known_keys(at[:-1])
    if (tried := f"{at[0]}.{key}") in _ASTRAY:
        return _ASTRAY[tried]
    return f"there is no such key{did_you_mean(key, known) or '; known here: ' + ', '.join(known)}"


def _known_keys(at: Location) -> list[str]:
    """The keys that may stand in a section, as the schema has them."""
    root = _schema()
    section = root
    for part in at:
        section = section.get("properties", {}).get(part) or section["additionalProperties"]
        section = root["$defs"][section["$ref"].rpartition("/")[2]] if "$ref" in section else section
    return list(section["properties"])


@cache
def _schema() -> dict[str, Any]:
    return schema()
