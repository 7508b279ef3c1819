"""What a single value of the config may be: how it is read, what the schema says of it, how it is written.

Every refusal is a sentence that says what is wrong and what to write instead. What has one meaning is taken
in whatever way people write it: `8443` for `[8443]`, `yes` for `true`, `TLS` for `tls`. Knows no keys.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from netcheck.config.reading.document import NOTHING, Location
from netcheck.config.reading.problems import Reading, did_you_mean
from netcheck.phrases import listed

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Schema = Mapping[str, Any]

NO_VALUE = "has no value: write one, or remove the key"
_LONGEST = 4096
"""Characters of a text; the patterns that look at it may take a time that grows faster than it."""


class SaidError(Exception):
    """There is no value to be had, and why has been said already."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of value."""

    parse: Callable[[object, Location, Reading], T]
    """From what the document holds; ValueError with a sentence, or SaidError.

    Of NOTHING any ValueError will do: `read` says in one way that there is no value.
    """
    schema: Schema
    show: Callable[[T], object]
    """To what one would write, in plain types."""

    def read(self, raw: object, at: Location, reading: Reading) -> T:
        """The value; SaidError where there is none."""
        if reading.is_covered(at):  # by a fault of the document, such as an anchor
            raise SaidError
        try:
            return self.parse(raw, at, reading)
        except ValueError as error:
            reading.say(at, NO_VALUE if raw is NOTHING else str(error))
            raise SaidError from error


def single(parse: Callable[[object], T], schema: Schema, show: Callable[[T], object]) -> Kind[T]:
    """A kind of value that is read from what stands there alone."""
    return Kind(lambda raw, _, __: parse(raw), schema, show)


# Text


def text_in(raw: object) -> str:
    """The value as text with something in it; a number comes as the text that it looks like."""
    if isinstance(raw, list):
        raise ValueError(
            "needs one value, and this is a list: write the value without [ ] and without dashes"
        )
    if isinstance(raw, dict):
        raise ValueError("needs one value, and this has keys of its own: write the value alone")
    if isinstance(raw, bool):
        raise ValueError("needs text, and without quotes YAML reads this as true or false: put it in quotes")
    if raw is NOTHING or raw == "":
        raise ValueError(NO_VALUE)
    written = str(raw)
    if len(written) > _LONGEST:
        raise ValueError(f"is longer than {_LONGEST} characters: nothing here is")
    return written


_VARIABLE = re.compile(r"\$(?:\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_]*)|%[A-Za-z_][A-Za-z0-9_]*%")
_PLACEHOLDER = re.compile(r"\{\{.*\}\}|<[A-Za-z_ -]+>")
_TYPOGRAPHIC_QUOTES = "“”„‟‘’‚«»"


def refuse_variables(written: str) -> None:
    """Nothing is taken from the environment but passwords, and the directory of credentials."""
    if _VARIABLE.search(written):
        raise ValueError(
            "environment variables are not put in here: write the value itself (only a password may come "
            "from one: password_env with the name of the variable)"
        )
    if _PLACEHOLDER.search(written):
        raise ValueError("this is a placeholder: write the value itself")
    if written[0] in _TYPOGRAPHIC_QUOTES:
        raise ValueError("typographic quotes stand around it: write plain ones, or none")


def text(parse: Callable[[str], T], pattern: str | None = None) -> Kind[T]:
    """Text that a parser makes a value of; spaces around it mean nothing."""

    def read(raw: object) -> T:
        written = text_in(raw).strip()
        if not written:
            raise ValueError(NO_VALUE)
        refuse_variables(written)
        value = parse(written)
        if not isinstance(raw, str):  # told last: quotes alone do not help where the text would not do either
            raise ValueError("needs text, and this is a number: put it in quotes")
        return value

    whole = rf"^\s*(?:{pattern})\s*$" if pattern else r"\S"
    return single(read, {"type": "string", "pattern": whole}, str)


# Words, flags, numbers


def choice(members: Sequence[E], also: Mapping[str, E] = MappingProxyType({})) -> Kind[E]:
    """Some members of an enum, in capitals or not; `also` are other words for them."""
    meant = {**{str(member): member for member in members}, **also}

    def read(raw: object) -> E:
        found = meant.get(str(raw).strip().lower())
        if found is None:
            raise ValueError(f"needs {listed(members, 'or')}{did_you_mean(raw, members)}")
        return found

    # As written, which editors offer, or in capitals, or another word for it.
    offered = [*map(str, members), *(int(word) for word in also if word.isdigit())]
    pattern = rf"^\s*(?:{any_case(tuple(meant))})\s*$"
    return single(read, {"anyOf": [{"enum": offered}, {"type": "string", "pattern": pattern}]}, str)


def any_case(words: Sequence[str]) -> str:
    """A pattern for the words in capitals or not: JSON Schema's patterns have no flags."""
    return "|".join(
        "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in word) for word in words
    )


_YES, _NO = ("true", "yes", "on", "enabled"), ("false", "no", "off", "disabled")


def _flag(raw: object) -> bool:
    written = raw.strip().lower() if isinstance(raw, str) else raw
    if isinstance(written, bool):
        return written
    if written in _YES or written in _NO:
        return written in _YES
    raise ValueError("needs true or false")


FLAG: Kind[bool] = single(
    _flag,
    {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": rf"^\s*(?:{any_case(_YES + _NO)})\s*$"}]},
    bool,
)

WHOLE = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")


def whole_in(raw: object) -> int | None:
    """A whole number, with or without quotes; None for anything else."""
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        return None
    return int(raw) if not isinstance(raw, str) or WHOLE.fullmatch(raw) else None


def whole(lowest: int, highest: int) -> Kind[int]:
    """A whole number within bounds."""

    def read(raw: object) -> int:
        number = whole_in(raw)
        if number is None:
            raise ValueError("needs a whole number, without unit")
        refuse_out_of_bounds(number, lowest, highest)
        return number

    schema = {"type": "integer", "minimum": lowest, "maximum": highest}
    return single(read, {"anyOf": [schema, {"type": "string", "pattern": f"^{WHOLE.pattern}$"}]}, int)


def decimal(lowest: float, highest: float) -> Kind[float]:
    """A number within bounds."""

    def read(raw: object) -> float:
        number = raw if isinstance(raw, float) else whole_in(raw)
        if number is None:
            raise ValueError("needs a number, without quotes and unit")
        refuse_out_of_bounds(number, lowest, highest)
        return float(number)

    schema = {"type": "number", "minimum": lowest, "maximum": highest}
    return single(
        read, {"anyOf": [schema, {"type": "string", "pattern": f"^{WHOLE.pattern}$"}]}, _plain_number
    )


def _plain_number(number: float) -> float:
    return int(number) if number == int(number) else number


def refuse_out_of_bounds(number: float, lowest: float, highest: float) -> None:
    if number < lowest:
        raise ValueError(f"must be at least {lowest:g}")
    if number > highest:
        raise ValueError(f"must be at most {highest:g}")


def whole_or_word(lowest: int, highest: int, word: str, message: str) -> Kind[int | str]:
    """A whole number within bounds, or the word."""

    def read(raw: object) -> int | str:
        if isinstance(raw, str) and raw.strip().lower() == word:
            return word
        number = whole_in(raw)
        if number is None or not lowest <= number <= highest:
            raise ValueError(message)
        return number

    numbers = {"type": "integer", "minimum": lowest, "maximum": highest}
    schema = {
        "anyOf": [
            numbers,
            {"const": word},
            {"type": "string", "pattern": rf"^\s*(?:[0-9]+|{any_case([word])})\s*$"},
        ]
    }
    return single(read, schema, lambda written: written)


# Lists


@dataclass(frozen=True, slots=True)
class Limits:
    """How many entries a list or a mapping may have."""

    fewest: int = 1
    most: int = 16

    def check(self, count: int) -> None:
        """ValueError where there are too few or too many."""
        if count < self.fewest:
            raise ValueError("is empty: add at least one entry, or remove the key")
        if count > self.most:
            raise ValueError(f"has more than {self.most} entries: remove some")


_ALL = ("all", "both")


@dataclass(frozen=True, slots=True)
class Listed(Kind[tuple[T, ...]], Generic[T]):
    """Several values of a kind."""

    each: Kind[T]


def list_of(kind: Kind[T], limits: Limits, *, distinct: bool = True) -> Listed[T]:
    """Values, distinct if not told otherwise; one may stand alone, and several with only commas between."""

    def read(raw: object, at: Location, reading: Reading) -> tuple[T, ...]:
        items = items_in(raw)
        limits.check(len(items))
        values = tuple(_read_all(kind, items, at, reading))
        if len(values) < len(items):
            raise SaidError
        if distinct:
            _refuse_twice(values)
        return values

    several = {
        "type": "array",
        "items": kind.schema,
        "minItems": limits.fewest,
        "maxItems": limits.most,
        "uniqueItems": True,
    }
    commas = {"type": "string", "pattern": ","}
    schema = {"anyOf": [several, kind.schema, commas]}
    return Listed(read, schema, lambda values: [kind.show(v) for v in values], kind)


def list_or_all(kind: Kind[T], every: Sequence[T]) -> Kind[tuple[T, ...]]:
    """Some of a few values, or `both` or `all` of them."""
    some = list_of(kind, Limits())

    def read(raw: object, at: Location, reading: Reading) -> tuple[T, ...]:
        if isinstance(raw, str) and raw.strip().lower() in _ALL:
            return tuple(every)
        return some.parse(raw, at, reading)

    words = {"type": "string", "pattern": rf"^\s*(?:{any_case(_ALL)})\s*$"}
    return Kind(read, {"anyOf": [*some.schema["anyOf"], words]}, some.show)


def items_in(raw: object) -> list[object]:
    """What is in a list, however it is written."""
    if isinstance(raw, dict):
        raise ValueError("needs a list: [ITEM, ITEM], or one item in a line, each after a dash")
    if raw is NOTHING:
        raise ValueError(NO_VALUE)
    if isinstance(raw, str):
        return [item.strip() for item in raw.split(",")]
    return raw if isinstance(raw, list) else [raw]


def _read_all(kind: Kind[T], items: Sequence[object], at: Location, reading: Reading) -> Iterator[T]:
    alone = len(items) == 1 and not reading.written((*at, 0))
    for n, item in enumerate(items):
        try:
            yield kind.read(item, at if alone else (*at, n), reading)
        except SaidError:
            continue


def _refuse_twice(values: Sequence[object]) -> None:
    """ValueError where a value stands there twice."""
    places = {value: n for n, value in enumerate(values, 1)}
    for n, value in enumerate(values, 1):
        if places[value] != n:
            raise ValueError(f"the entries {n} and {places[value]} are the same: remove one")
