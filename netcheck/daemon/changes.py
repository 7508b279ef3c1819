"""What differs between two configs, in words for the log. Says names and numbers, and no secret."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from netcheck.config.file import FILE, Config
from netcheck.config.reading.sections import Section

_MOST = 20
_SETTINGS: Mapping[str, Section[Any]] = {
    name: key.kind for name, key in FILE.keys.items() if isinstance(key.kind, Section)
}
"""Sections with fixed keys: none of them holds a secret."""


def in_words(before: Config, after: Config) -> str:
    """One line; what has changed of paths, services and certificates is told by the fields' names only."""
    changes = [
        *_of_named("resolver", before.resolvers, after.resolvers),
        *_of_named("path", before.paths, after.paths),
        *_of_named("service", before.services, after.services),
        *_of_named("push certificate", before.push_certificates, after.push_certificates),
    ]
    if before.listen != after.listen:
        changes.append(f"listen is {', '.join(map(str, after.listen))}")
    changes += _of_settings("", _settings(before), _settings(after))
    told = changes[:_MOST] + ([f"and {len(changes) - _MOST} more"] if len(changes) > _MOST else [])
    return "; ".join(told) or "nothing has changed"


def _of_named(kind: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[str]:
    """Several of one name are told as one."""
    for name in dict.fromkeys(each.name for each in (*before, *after)):
        was = [each for each in before if each.name == name]
        is_now = [each for each in after if each.name == name]
        if not was:
            yield f"{kind} {name} is new"
        elif not is_now:
            yield f"{kind} {name} is gone"
        elif was != is_now:
            changed = ", ".join(_changed_fields(was, is_now))
            yield f"{kind} {name} has changed: {changed or 'its parts'}"
    by_name = attrgetter("name")
    if before != after and sorted(before, key=by_name) == sorted(after, key=by_name):
        yield f"the order of the {kind}s has changed"


def _changed_fields(before: Iterable[Any], after: Iterable[Any]) -> list[str]:
    changed = {
        field.name: None
        for was, is_now in zip(before, after, strict=False)
        for field in fields(was)
        if field.compare and getattr(was, field.name) != getattr(is_now, field.name)
    }
    return list(changed)


def _settings(config: Config) -> Mapping[str, object]:
    """As one would write them in the file, defaults included."""
    return {name: section.show(getattr(config, name)) for name, section in _SETTINGS.items()}


def _of_settings(where: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    for key in {**before, **after}:
        was, is_now = before.get(key), after.get(key)
        if was == is_now:
            continue
        if isinstance(was, Mapping) and isinstance(is_now, Mapping):
            yield from _of_settings(f"{where}{key}.", was, is_now)
        elif isinstance(was, Mapping) or isinstance(is_now, Mapping):
            yield f"{where}{key} is {'new' if was is None else 'gone'}"
        else:
            yield f"{where}{key} is {_written(is_now)}, was {_written(was)}"


def _written(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
