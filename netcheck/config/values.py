"""What a single value of the config may be, as types for pydantic: names, choices, durations, parsed text.

Every refusal is a sentence that says what is wrong and what to write instead. Knows no keys.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, PlainValidator, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from netcheck.config.document import NOTHING
from netcheck.config.wording import did_you_mean, either, quoted
from netcheck.model.paths import SYSTEM_RESOLVER

BAD_NAME = "bad_name"
"""The type of an error that is about a key, not about its value."""

ABOUT = "about"
"""The type of an error that is about another key of the section, named in its context."""

NO_VALUE = "has no value: write one, or remove the key"

T = TypeVar("T")


def text(raw: object) -> str:
    """The value as parsers take it: text with something in it. A number comes as the text it looks like."""
    if isinstance(raw, str) and raw:
        return raw
    if _is_number(raw):
        return str(raw)
    raise ValueError(NO_VALUE if raw in (NOTHING, "") else "needs a single text")


def _is_number(raw: object) -> bool:
    return isinstance(raw, int | float) and not isinstance(raw, bool)


def parsed(parse: Callable[[str], object]) -> PlainValidator:
    """A pydantic type out of a parser of text; None passes, being the default of what is not written."""

    def validate(raw: object) -> object:
        if raw is None:
            return None
        value = parse(text(raw))
        if _is_number(raw):  # told last: quotes alone do not help where the text would not do either
            raise ValueError("needs text, and this is a number: put it in quotes")
        return value

    return PlainValidator(validate, json_schema_input_type=str)


def one_of(*members: StrEnum) -> PlainValidator:
    """A pydantic type for some members of an enum."""

    def pick(raw: object) -> StrEnum:
        if raw in members:
            return members[members.index(raw)]
        raise ValueError(f"needs {either(members)}{did_you_mean(raw, members)}")

    return PlainValidator(pick, json_schema_input_type=Annotated[str, WithJsonSchema({"enum": [*members]})])


def distinct(items: tuple[T, ...]) -> tuple[T, ...]:
    """Refuse an item that stands there twice."""
    twice = next((item for n, item in enumerate(items) if item in items[:n]), None)
    if twice is not None:
        raise ValueError(f"{twice} stands here twice: remove one")
    return items


def about(key: str, why: str) -> PydanticCustomError:
    """An error about another key of the same section than the one that is being validated."""
    return PydanticCustomError(ABOUT, "{why}", {"why": why, "key": key})


def several(faults: Mapping[tuple[str, ...], str]) -> ValidationError:
    """One error for many keys, each with the keys above it, of the mapping that is being validated."""
    details = [
        InitErrorDetails(type=PydanticCustomError("rule", "{why}", {"why": why}), loc=at, input=None)
        for at, why in faults.items()
    ]
    return ValidationError.from_exception_data("several", details)


_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,63}")


def _name(key: str) -> str:
    if not _NAME.fullmatch(key):
        raise PydanticCustomError(
            BAD_NAME, "this name cannot be a label: use 1 to 63 of the letters a-z and A-Z, digits, _ . and -"
        )
    return key


def _resolver_name(key: str) -> str:
    if key == SYSTEM_RESOLVER.name:
        raise PydanticCustomError(
            BAD_NAME,
            "this name is taken: system is always there and asks what resolv.conf names; choose another",
        )
    return _name(key)


Name = Annotated[str, AfterValidator(_name)]
ResolverName = Annotated[str, AfterValidator(_resolver_name)]
Port = Annotated[int, Field(ge=1, le=65535)]


# Durations, as Prometheus writes them:
# https://prometheus.io/docs/prometheus/latest/configuration/configuration/#configuration-file
_UNITS = {"y": 365 * 86400.0, "w": 7 * 86400.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in _UNITS))


def seconds(written: str) -> float:
    """`1m30s` to 90.0."""
    match = _DURATION.fullmatch(written)
    if not match:
        raise ValueError(f"{quoted(written)} is not a duration: write it like 30s, 1m30s or 500ms")
    return sum(int(number or 0) * unit for number, unit in zip(match.groups(), _UNITS.values(), strict=True))


def duration(shortest: str, longest: str) -> PlainValidator:
    """A pydantic type for durations within bounds, in seconds."""

    def parse(raw: object) -> float:
        if _is_number(raw):
            raise ValueError(f"{raw} has no unit: write it like 30s, 1m30s or 500ms")
        value = seconds(text(raw))
        if not seconds(shortest) <= value <= seconds(longest):
            raise ValueError(f"{quoted(str(raw))} is out of bounds: write {shortest} to {longest}")
        return value

    shape = WithJsonSchema({"type": "string", "pattern": f"^{_DURATION.pattern}$"})
    return PlainValidator(parse, json_schema_input_type=Annotated[str, shape])
