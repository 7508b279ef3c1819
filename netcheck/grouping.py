"""What goes together, by what it has in common."""

from collections.abc import Hashable, Iterable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


def grouped(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, set[Value]]:
    """By the first of each pair: all that stand second beside it."""
    found: dict[Key, set[Value]] = {}
    for key, value in pairs:
        found.setdefault(key, set()).add(value)
    return found


def in_turn(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, list[Value]]:
    """The same, in the order in which they come, and as often."""
    found: dict[Key, list[Value]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
