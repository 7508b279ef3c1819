"""How much work something is, on any machine: how many functions it calls, or how often a certain one."""

import sys
from collections.abc import Callable
from typing import Any

import pytest


def calls_in(run: Callable[[], object]) -> int:
    """Of Python's functions and C's, from beginning to end."""
    calls = 0

    def note(*_: object) -> None:
        nonlocal calls
        calls += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return calls


class Counted:
    """A module's function that counts how often it runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        self.runs = 0
        self._function = getattr(module, name)
        monkeypatch.setattr(module, name, self)

    def __call__(self, *args: object, **options: object) -> Any:
        self.runs += 1
        return self._function(*args, **options)
