"""What differs between two configs, in words for the log. Says names and numbers, and no secret."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Protocol

from netcheck.config.file import Config

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_MOST = 20
"""How many changes are told; then it is said how many more there are."""
_SETTINGS = ("probing", "verdict", "metrics", "history", "web")
"""Sections whose values may be told."""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


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
    for name in _SETTINGS:
        changes += _of_settings(name, getattr(before, name), getattr(after, name))
    told = changes[:_MOST] + ([f"and {len(changes) - _MOST} more"] if len(changes) > _MOST else [])
    return "; ".join(told) or "nothing has changed"


def _of_named(kind: str, before: Sequence[_Named], after: Sequence[_Named]) -> Iterator[str]:
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
    if before != after and sorted(before, key=_name) == sorted(after, key=_name):
        yield f"the order of the {kind}s has changed"


def _name(each: _Named) -> str:
    return each.name


def _changed_fields(before: Iterable[Any], after: Iterable[Any]) -> list[str]:
    changed = {
        field.name: None
        for was, is_now in zip(before, after, strict=False)
        for field in fields(was)
        if field.compare and getattr(was, field.name) != getattr(is_now, field.name)
    }
    return list(changed)


def _of_settings(where: str, before: "DataclassInstance", after: "DataclassInstance") -> Iterator[str]:
    for field in fields(before):
        was, is_now = getattr(before, field.name), getattr(after, field.name)
        if was == is_now:
            continue
        if all(hasattr(each, "__dataclass_fields__") for each in (was, is_now)):
            yield from _of_settings(f"{where}.{field.name}", was, is_now)
        elif any(hasattr(each, "__dataclass_fields__") for each in (was, is_now)):
            yield f"{where}.{field.name} is {'new' if was is None else 'gone'}"
        else:
            yield f"{where}.{field.name} is {is_now}, was {was}"
