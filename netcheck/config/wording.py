"""Turns of phrase that the messages of this room share."""

import difflib
import re
from collections.abc import Iterable

_LONGEST_SHOWN = 60


def quoted(text: str) -> str:
    """The text in quotes, cut where it is long, with nothing in it that a terminal would act on."""
    shown = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
    return '"' + "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in shown) + '"'


def either(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


_HARMLESS_KEY = re.compile(r"[a-zA-Z0-9_.:\[\]-]{1,80}")


def named(at: tuple[str | int, ...], message: str) -> str:
    """The message behind the keys that lead there; a key that looks like more than a name is not repeated."""
    keys = [key if _HARMLESS_KEY.fullmatch(key) else "…" for key in at if isinstance(key, str)]
    return f"{'.'.join(keys)}: {message}" if keys else message


def closest(word: object, known: Iterable[str], at_least: float = 0.6) -> str | None:
    """The known word that was probably meant; `at_least` is how alike they must be, from 0 to 1."""
    if not isinstance(word, str) or len(word) > _LONGEST_SHOWN:
        return None
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=at_least)), None)


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`; did you mean "…"?` where a known word is close, else nothing."""
    meant = closest(word, known)
    return f"; did you mean {quoted(meant)}?" if meant else ""
