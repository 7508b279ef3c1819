"""Mappings of the config: sections with fixed keys, and entries under names of one's own.

The keys of a section become the fields of a frozen dataclass, which has the defaults. Every key is read by
itself, so that no fault hides another; rules between keys look at what is sound. Unknown keys are faults, and
are repeated in a message only where they are close to known ones: they may be passwords.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from netcheck.config.reading.document import NOTHING, ODD_SPACE, Fault, Location, read
from netcheck.config.reading.problems import ConfigError, Problem, Reading, closest, did_you_mean
from netcheck.config.reading.values import Kind, Limits, Listed, SaidError, Schema

T = TypeVar("T")

_NEEDS_KEYS = "needs keys with values, indented below it, or as {key: value}; known here: "
_NEEDS_NAMES = "needs entries by name: indented below it, or as {name: {key: value}}"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a section: what its value may be, and a sentence for those who write it.

    No sentence where the kind is a section, which has its own, and in a format that is not ours.
    """

    kind: Kind[Any]
    about: str = ""
    required: bool = False


Rule = Callable[[T, Location, Reading], None]
"""Says what is wrong between keys, of those that are sound."""


@dataclass(frozen=True, slots=True)
class Section(Kind[T], Generic[T]):
    """A mapping with fixed keys."""

    keys: Mapping[str, Key]
    astray: Mapping[str, str]
    """What to say of unknown keys that people try."""

    def of_file(self, file: Path, data: bytes) -> tuple[T | None, Reading]:
        """What of a whole file is sound, or None where it has no such keys; and all that is wrong."""
        document = read(data)
        reading = Reading(document, file.parent)
        if document.whole:
            with suppress(SaidError):
                return self.read(document.value, (), reading), reading
        return None, reading


@dataclass(frozen=True, slots=True)
class Named(Kind[Mapping[str, T]], Generic[T]):
    """A mapping whose keys are names; some names may have a section of their own."""

    known: Mapping[str, Kind[T]]
    others: Kind[T]


def section(
    record: Callable[..., T],
    about: str,
    keys: Mapping[str, Key],
    rules: tuple[Rule[T], ...] = (),
    astray: Mapping[str, str] = MappingProxyType({}),
    alone: str | None = None,
) -> Section[T]:
    """A section that becomes a record; `alone` is the key meant where a value stands in place of the keys.

    `astray` is by words that people try as keys, with spaces between those of which the same is to be said.
    """
    hints = {word: hint for words, hint in astray.items() for word in words.split()}

    def parse(raw: object, at: Location, reading: Reading) -> T:
        if alone is not None and isinstance(raw, bool | str | list) and not _forgotten(raw, keys):
            raw = {alone: raw}
        values = mapping_in(raw, _forgotten(raw, keys) or _NEEDS_KEYS + ", ".join(keys))
        _refuse_unknown(values, keys, at, reading, hints)
        found = {}
        for key, each in keys.items():
            if key in values:
                try:
                    found[key] = each.kind.read(values[key], (*at, key), reading)
                except SaidError:
                    continue
            elif each.required:
                reading.say_missing((*at, key), f"{key} is missing: add it")
        value = record(**found)
        for rule in rules:
            rule(value, at, reading)
        return value

    schema = _section_schema(record, about, keys, alone)
    return Section(parse, schema, lambda value: _shown(value, keys), keys, hints)


def mapping_in(raw: object, otherwise: str) -> Mapping[str, object]:
    """The keys of a mapping; one without a value has none. ValueError with `otherwise` for anything else."""
    if raw is NOTHING:
        return {}
    if not isinstance(raw, dict):
        raise ValueError(otherwise)
    return raw


_KEY_AND_SIGN = re.compile(r"\s*([\w-]+)\s*([:=])(\s?)")


def _forgotten(written: object, keys: Iterable[str]) -> str | None:
    """What is missing behind a key for YAML to see that it is one."""
    found = _KEY_AND_SIGN.match(written) if isinstance(written, str) else None
    if not found or found[1] not in keys:
        return None
    if found[3]:
        return ODD_SPACE
    return "write a space behind the colon" if found[2] == ":" else "write a colon and a space in place of ="


def _refuse_unknown(
    values: Mapping[str, object],
    keys: Mapping[str, Key],
    at: Location,
    reading: Reading,
    astray: Mapping[str, str],
) -> None:
    for key in values:
        if key not in keys:
            hint = did_you_mean(key, keys) or "; known here: " + ", ".join(keys)
            message = astray.get(key) or _forgotten(key, keys) or f"there is no such key{hint}"
            reading.say((*at, key), message, of_key=True)


def _shown(value: Any, keys: Mapping[str, Key]) -> dict[str, object]:
    """Every key that has a value, written or by default.

    An empty one too, where to leave the key out means something else.
    """
    having = {key: getattr(value, key) for key in keys}
    usual = {field.name: field.default for field in fields(value)}
    return {
        key: keys[key].kind.show(each)
        for key, each in having.items()
        if each is not None and not (each in ((), {}) and usual[key] is not None)
    }


def _section_schema(
    record: Callable[..., object], about: str, keys: Mapping[str, Key], alone: str | None
) -> Schema:
    usual = {field.name: field.default for field in fields(record)} if is_dataclass(record) else {}
    properties = {}
    for key, each in keys.items():
        default = None if each.required else usual.get(key)
        shown = {} if default in (None, (), MISSING) else {"default": each.kind.show(default)}
        properties[key] = {"description": each.about, **shown, **each.kind.schema}
    required = [key for key, each in keys.items() if each.required]
    whole = {
        "description": about,
        "type": "object" if required else ["object", "null"],
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }
    return {"description": about, "anyOf": [whole, keys[alone].kind.schema]} if alone else whole


# Names


LABEL = r"[a-zA-Z0-9_.-]{1,63}"
"""A name that can be a label of metrics, as a pattern."""


def label(key: str) -> str:
    """A name that can be a label of metrics; ValueError for any other."""
    if not re.fullmatch(LABEL, key):
        spaces = "; write - for each space" if " " in key.strip() else ""
        letters = (
            "; write ae for ä, e for é and so on" if any(c.isalpha() and not c.isascii() for c in key) else ""
        )
        raise ValueError(
            "this name cannot be a label: use 1 to 63 of the letters a-z and A-Z, digits, _ . and -"
            + spaces
            + letters
        )
    return key


def named(
    others: Kind[T],
    limits: Limits,
    name: Callable[[str], str] = label,
    known: Mapping[str, Kind[T]] = MappingProxyType({}),
    pattern: str = f"^{LABEL}$",
    nothing: Mapping[str, object] | None = None,
) -> Named[T]:
    """Entries by name, in the order of the file. `nothing`: what no value means; else there are none then."""

    def parse(raw: object, at: Location, reading: Reading) -> Mapping[str, T]:
        entries = nothing if nothing and raw is NOTHING else mapping_in(raw, _NEEDS_NAMES)
        limits.check(len(entries))
        found: dict[str, T] = {}
        for key, value in entries.items():
            try:
                _refuse_slipped(key, value, others)
                normal = _once(key if key in known else name(key), found)
            except ValueError as error:
                reading.say((*at, key), str(error), of_key=True)
                continue
            try:
                found[normal] = known.get(key, others).read(value, (*at, key), reading)
            except SaidError:
                continue
        return found

    if known:  # an entry of a known name is not one of the others
        pattern = f"^(?!(?:{'|'.join(map(re.escape, known))})$){pattern.removeprefix('^')}"
    schema = {
        "type": ["object", *(["null"] if nothing or limits.fewest == 0 else [])],
        "properties": {key: kind.schema for key, kind in known.items()},
        "patternProperties": {pattern: others.schema},
        "additionalProperties": False,
        "minProperties": limits.fewest,
        "maxProperties": limits.most,
    }

    def show(entries: Mapping[str, T]) -> dict[str, object]:
        return {key: others.show(value) for key, value in entries.items()}

    return Named(parse, schema, show, known, others)


def _once(name: str, found: Collection[str]) -> str:
    if name in found:
        raise ValueError(f"{name} stands here twice, in two spellings: remove one")
    return name


def _refuse_slipped(key: str, value: object, kind: Kind[Any]) -> None:
    """A key of an entry that stands as if it were an entry, as when it is not indented enough."""
    if isinstance(kind, Section) and key in kind.keys and not isinstance(value, dict):
        raise ValueError(f"{key} is a key of an entry: indent it further, below the name of its entry")


# What leads to a value, for messages


def config_error(file: Path, faults: Iterable[Fault], kind: Kind[Any]) -> ConfigError:
    """The faults of a file that is written as `kind`, each behind the keys that lead to it."""
    return ConfigError(
        Problem(str(file), *position, f"{keys}: {message}" if (keys := _keys_to(at, kind)) else message)
        for position, at, message in faults
    )


def _keys_to(at: Location, kind: Kind[Any]) -> str:
    """`paths.web.proxy`; a key that is no key is shown only where it is close to one, else as `…`."""
    words: list[str] = []
    inner: Kind[Any] | None = kind
    for part in at:
        if isinstance(part, str):
            words.append(_harmless(part, inner))
            inner = _below(part, inner)
            inner = inner.each if isinstance(inner, Listed) else inner
    return ".".join(words)


def _harmless(key: str, kind: Kind[Any] | None) -> str:
    if isinstance(kind, Named):
        return key if re.fullmatch(r"[a-zA-Z0-9_.-]{1,80}(?::[0-9]{1,5})?", key) else "…"
    known = {**kind.keys, **kind.astray} if isinstance(kind, Section) else {}
    is_close = re.fullmatch(r"[a-z_-]+", key) and closest(key, known)
    return key if key in known or is_close else "…"


def _below(key: str, kind: Kind[Any] | None) -> Kind[Any] | None:
    if isinstance(kind, Named):
        return kind.known.get(key, kind.others)
    if isinstance(kind, Section) and key in kind.keys:
        return kind.keys[key].kind
    return None
