"""How much work something is, on any machine: how many functions it calls."""

import sys
from collections.abc import Callable


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
