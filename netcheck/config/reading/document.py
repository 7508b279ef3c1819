"""YAML text to plain values that remember their place; refuses what YAML quietly turns into something else.

Owns everything about YAML and knows nothing of what the keys mean. Keys are always the text that stands in
the file. Values are text, numbers, true and false, lists, mappings, and NOTHING where none stands.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, NoReturn

import yaml

MOST_VALUES = 20_000
DEEPEST = 10

Location = tuple[str | int, ...]
"""The keys and list indexes that lead to a value, from the top."""


class Nothing(Enum):
    """YAML's null. Not None, so that a key without a value differs from a key that is not there."""

    NOTHING = "nothing"


NOTHING = Nothing.NOTHING


class Position(NamedTuple):
    """Line and column, both from 1."""

    line: int
    column: int


class Place(NamedTuple):
    """Where a key and its value begin; for what stands in a block below its key, both are the key's."""

    key: Position
    value: Position


class Fault(NamedTuple):
    """What is wrong, and with what: the message begins without the keys that lead to `at`."""

    position: Position
    at: Location
    message: str


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML text holds; `whole` is False where it could not be read to its end."""

    value: object
    places: Mapping[Location, Place]
    faults: tuple[Fault, ...]
    spoiled: frozenset[Location]
    """Values that a fault already covers: nothing more needs saying about them."""
    whole: bool

    def key_at(self, at: Location) -> Position:
        """Where a key stands, or the nearest one above it that is in the file."""
        return self._place(at).key

    def value_at(self, at: Location) -> Position:
        """Where a value stands, or the nearest one above it that is in the file."""
        return self._place(at).value

    def _place(self, at: Location) -> Place:
        above = (at[:length] for length in range(len(at), -1, -1))
        return next((self.places[location] for location in above if location in self.places), Place(TOP, TOP))


TOP = Position(1, 1)


def read(data: bytes) -> Document:
    """Read one YAML document; never raises: what is wrong stands in `faults`."""
    reader = _Reader()
    try:
        text = _text(data)
        value = reader.document(text)
    except _UnreadableError as error:
        return reader.result(NOTHING, error.fault)
    except yaml.reader.ReaderError as error:
        # libyaml counts in bytes, and its bindings type the position as anything.
        position = _position_behind(text.encode()[: int(error.position)].decode("utf-8", "replace"))
        return reader.result(NOTHING, Fault(position, (), "a control character stands here: remove it"))
    except yaml.MarkedYAMLError as error:
        return reader.result(NOTHING, _syntax_fault(error, text))
    return reader.result(value)


class _UnreadableError(Exception):
    """The rest of the document cannot be read."""

    def __init__(self, position: Position, message: str) -> None:
        self.fault = Fault(position, (), message)
        super().__init__(message)


_ODD_LINE_END = re.compile("[\x85\u2028\u2029]")
"""Line ends to libyaml, and to nobody who counts lines."""
_NOT_UTF_8 = "this is not UTF-8 text: save the file as UTF-8"


def _text(data: bytes) -> str:
    if b"\0" in data[:2]:  # UTF-16, which begins so without a byte order mark
        raise _UnreadableError(TOP, _NOT_UTF_8)
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        position = _position_behind(data[: error.start].decode("utf-8").removeprefix("\ufeff"))
        raise _UnreadableError(position, _NOT_UTF_8) from error
    if odd := _ODD_LINE_END.search(text):
        position = _position_behind(text[: odd.start()])
        message = (
            f"a line ends here by U+{ord(odd[0]):04X}, which editors do not show: type the line end anew"
        )
        raise _UnreadableError(position, message)
    return text


def _position_behind(before: str) -> Position:
    return Position(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _position(mark: Any) -> Position:
    """PyYAML's place in a text, which counts from 0; its C and Python classes share no type."""
    return Position(mark.line + 1, mark.column + 1) if mark else TOP


_HINT = "put text with signs such as [ { * & ! % @ in quotes"


def _syntax_fault(error: yaml.MarkedYAMLError, text: str) -> Fault:
    position = _position(error.problem_mark)
    following = _at(text, position)
    if following.startswith("\t"):
        return Fault(position, (), "this is not YAML: a tab stands here: indent with spaces")
    if _at(text, position._replace(column=max(1, position.column - 1))).startswith("${"):
        return Fault(position, (), "this is not YAML: put text with ${…} in quotes")
    problem = error.problem or ""
    if "unexpected end of stream" in problem:
        return Fault(_position(error.context_mark), (), "this is not YAML: the quote here is never closed")
    if "node content" in problem and _BARE_IPV6.match(following):
        return Fault(position, (), 'this is not YAML: put an IPv6 address in quotes, as in "[::1]:9223"')
    begun = _position(error.context_mark).line if error.context else position.line
    opened = f"; what it is in begins in line {begun}" if begun != position.line else ""
    said = next((said for part, said in _IN_PLAIN_WORDS.items() if part in problem), None)
    return Fault(position, (), f"this is not YAML: {said or f'{problem}; {_HINT}'}{opened}")


_BACKSLASH = (
    "in double quotes a backslash begins an escape such as \\n: "
    "write the text in single quotes, or without quotes"
)
_IN_PLAIN_WORDS = {
    "unknown escape": _BACKSLASH,
    "hexdecimal": _BACKSLASH,  # spelt so; what \u and \x need, as in "DOMAIN\user"
    "mapping values are not allowed": "no key can stand here: see whether a colon, or the space behind it, "
    "is missing above, and whether the indentation is right; put text that holds a colon in quotes",
    "did not find expected key": "this stands neither in the column of the keys above nor further in: indent "
    "it like them; after a closing quote or bracket nothing may follow",
    "did not find expected '-'": "a list goes on here: begin the line with a dash, or in the column of a key",
    "did not find expected ','": "a comma, or what closes the bracket, is missing before this",
    "node content": "a value, or what closes the bracket, is missing here",
    "cannot start any token": "text cannot begin with this sign: put it in quotes",
}
"""By a part of what libyaml says, which has no codes."""
_BARE_IPV6 = re.compile(r"[0-9A-Fa-f:.]*::")


def _at(text: str, position: Position) -> str:
    """What stands in the line from there on."""
    lines = text.split("\n")
    return lines[position.line - 1][position.column - 1 :] if position.line <= len(lines) else ""


_RESOLVER = yaml.resolver.Resolver()
_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}")
_NOT_A_PLAIN_NUMBER = (
    "without quotes YAML reads this as a number, but not in plain decimal (017 is octal, 12:30 in base 60): "
    "put it in quotes if text is meant, else write a plain decimal number"
)
_NO_TEXT = "a key must be text: put it in quotes, or fill in the template that this is from"
_MERGE_KEY = "YAML merge keys are not supported here: write the keys out"
ODD_SPACE = "a space that is none for YAML stands here: type it anew"
_ODD_SPACES = ("\xa0", "\u2007", "\u202f", "\u3000", "\u200b", "\ufeff")
"""Copied from web pages and word processors."""
_SURPRISES = {
    "int": _NOT_A_PLAIN_NUMBER,
    "float": _NOT_A_PLAIN_NUMBER,
    "timestamp": "without quotes YAML reads this as a date: put it in quotes",
}


def _implied_tag(text: str) -> str:
    """What YAML 1.1 takes an unquoted text for: `str`, `int`, `bool`, `null`, `timestamp` and so on."""
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call] # not in the stubs
    return tag.rpartition(":")[2]


class _Reader:
    """Walks libyaml's events and gathers values, their places and what is wrong with them."""

    def __init__(self) -> None:
        self._places: dict[Location, Place] = {}
        self._faults: list[Fault] = []
        self._spoiled: set[Location] = set()
        self._count = 0

    def result(self, value: object, fatal: Fault | None = None) -> Document:
        faults = (*self._faults, *([fatal] if fatal else []))
        return Document(value, self._places, faults, frozenset(self._spoiled), whole=fatal is None)

    def document(self, text: str) -> object:
        # CSafeLoader is libyaml. Its events come without recursion, so depth is ours to limit.
        self._events = yaml.parse(text, Loader=yaml.CSafeLoader)
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return NOTHING  # but comments
        top = self._next()
        value = self._value(top, (), _position(top.start_mark))
        next(self._events)  # the document's end
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            message = "a second document begins here: a config file holds one, remove --- and what follows"
            self._faults.append(Fault(_position(following.start_mark), (), message))
        return value

    def _next(self) -> yaml.Event:
        event = next(self._events)
        self._count += 1
        if self._count > MOST_VALUES:
            self._give_up(event, f"the file holds more than {MOST_VALUES} keys and values: make it smaller")
        return event

    def _give_up(self, event: yaml.Event, message: str) -> NoReturn:
        raise _UnreadableError(_position(event.start_mark), message)

    def _value(self, event: yaml.Event, at: Location, key: Position) -> object:
        if len(at) > DEEPEST:
            self._give_up(event, "this is nested too deeply: nothing in a config file is")
        position = _position(event.start_mark)
        below = isinstance(event, yaml.CollectionStartEvent) and not event.flow_style
        # The first of two equal keys counts, in values and places alike.
        self._places.setdefault(at, Place(key, key if below else position))
        self._refuse_node_properties(event, at, position)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(at)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(at)
        return self._scalar(event, at, position) if isinstance(event, yaml.ScalarEvent) else NOTHING

    def _refuse_node_properties(self, event: yaml.Event, at: Location, position: Position) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._refuse(at, position, "YAML aliases are not supported here: write the value out")
        elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self._refuse(at, position, "YAML anchors are not supported here: remove it, or put it in quotes")
        elif getattr(event, "tag", None) is not None:
            self._refuse(at, position, "YAML tags are not supported here: remove it, or put it in quotes")

    def _refuse(self, at: Location, position: Position, message: str) -> None:
        self._faults.append(Fault(position, at, message))
        self._spoiled.add(at)

    def _refuse_key(self, at: Location, key: str, position: Position, message: str) -> None:
        """What the key was to bring would be missed in its section: nothing more is said of that."""
        self._refuse((*at, key), position, message)
        if at:
            self._spoiled.add(at)

    def _list(self, at: Location) -> list[object]:
        values: list[object] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            values.append(self._value(event, (*at, len(values)), _position(event.start_mark)))
        return values

    def _mapping(self, at: Location) -> dict[str, object]:
        values: dict[str, object] = {}
        seen: dict[str, Position] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            position = _position(event.start_mark)
            key = self._key(event, at, position)
            value = self._value(self._next(), (*at, key), position)
            if key in seen:
                message = f"this key stands here twice, first in line {seen[key].line}: remove one"
                self._faults.append(Fault(position, (*at, key), message))
            seen.setdefault(key, position)
            values.setdefault(key, value)
        return values

    def _key(self, event: yaml.Event, at: Location, position: Position) -> str:
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_node_properties(event, (*at, event.value), position)
            if event.value[:1] in _ODD_SPACES:
                self._refuse_key(at, event.value, position, ODD_SPACE)
            elif event.value == "<<" and event.implicit[0]:
                self._refuse_key(at, event.value, position, _MERGE_KEY)
            return event.value
        name = f"?{self._count}"  # a name for what has none, so that reading can go on
        self._refuse((*at, name), position, _NO_TEXT)
        self._value(event, (*at, name, "?"), position)
        return name

    def _scalar(self, event: yaml.ScalarEvent, at: Location, position: Position) -> object:
        if not event.implicit[0]:
            return event.value  # in quotes
        tag = _implied_tag(event.value)
        if tag == "null":
            return NOTHING
        if tag == "bool":
            return event.value.lower() in ("true", "yes", "on")
        if tag == "int" and _WHOLE_NUMBER.fullmatch(event.value):
            return int(event.value)
        if tag == "float" and _DECIMAL_NUMBER.fullmatch(event.value):
            return float(event.value)
        if tag in _SURPRISES:
            self._refuse(at, position, _SURPRISES[tag])
        return event.value
