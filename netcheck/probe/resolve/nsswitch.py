"""Where this machine's programs look names up, and in which order: the line `hosts:` of nsswitch.conf(5).

Owns the reading of that file, as glibc reads it; other C libraries do not. Of the places that may stand there
only /etc/hosts and DNS are known, and systemd-resolved (`resolve`), which is both. Others are passed over.
"""

import functools
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from netcheck.files import open_file

NSSWITCH = Path("/etc/nsswitch.conf")

_MAX_SIZE = 64 * 1024
_SHOWN = 80
_LINE = re.compile(r"^[ \t]*hosts[ \t]*:[: \t]*(.*?)[ \t]*$", re.MULTILINE)
_WORD = re.compile(r"\[([^\]]*\]?)|([^\s\[]+)")
_RULE = re.compile(
    r"(!?)(success|notfound|unavail|tryagain)\s*=\s*(return|continue|merge)(?=[\s\]])", re.IGNORECASE
)


class Source(StrEnum):
    """Where a name may be found."""

    FILES = "files"
    DNS = "dns"


class Status(StrEnum):
    """What came of it at one of them."""

    SUCCESS = "success"
    NOTFOUND = "notfound"
    UNAVAIL = "unavail"
    TRYAGAIN = "tryagain"


@dataclass(frozen=True, slots=True)
class Step:
    """One of the places, and after what nobody looks further."""

    source: Source
    ends_at: frozenset[Status] = frozenset({Status.SUCCESS})


@dataclass(frozen=True, slots=True)
class Order:
    """The places in order; `line` is what the file says, empty where it says nothing."""

    steps: tuple[Step, ...] = (Step(Source.FILES), Step(Source.DNS))
    line: str = ""


_DEFAULT = Order()
_MEANT = {"files": (Source.FILES,), "dns": (Source.DNS,), "resolve": (Source.FILES, Source.DNS)}


def order_of_sources(file: Path | None = None) -> Order:
    """What the file, by default /etc/nsswitch.conf, says; glibc's own order where it says nothing.

    Cheap enough to call for every name: the file is read again only after it changed. Never raises.
    """
    file = file or NSSWITCH
    try:
        status = file.stat()
        return _read(file, status.st_mtime_ns, status.st_ino, status.st_size) if _is_glibc() else _DEFAULT
    except OSError:
        return _DEFAULT


@functools.cache
def _is_glibc() -> bool:
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (AttributeError, ValueError, OSError):  # Windows, macOS, musl
        return False


@functools.lru_cache(maxsize=1)
def _read(file: Path, *_version: int) -> Order:
    with open_file(file) as stream:
        text = (stream.read(_MAX_SIZE) or b"").decode(errors="replace")
    lines = _LINE.findall(text)  # of several the last one holds
    if not lines:
        return _DEFAULT
    line = lines[-1]
    return Order(_steps(line), "".join(char if char.isprintable() else "?" for char in line[:_SHOWN]))


def _steps(line: str) -> tuple[Step, ...]:
    """None for a line of which glibc makes nothing: then programs look nowhere."""
    named: list[tuple[str, set[Status]]] = []
    for rules, name in _WORD.findall(line):
        if name:
            named.append((name, {Status.SUCCESS}))
        elif not named or not _apply(rules, named[-1][1]):
            return ()
    found: dict[Source, Step] = {}
    for name, ends_at in named:
        if Status.SUCCESS not in ends_at and name != named[-1][0]:
            continue  # what goes on after a success is as if it had not been asked
        *before, last = _MEANT.get(name, (None,))
        steps = [*map(Step, before), *([Step(last, frozenset(ends_at))] if last else [])]
        for step in steps:
            found.setdefault(step.source, step)
    return tuple(found.values())


def _apply(rules: str, ends_at: set[Status]) -> bool:
    """`!UNAVAIL=return]` and the like; False where glibc cannot read it."""
    found = _RULE.findall(rules)
    for negated, word, action in found:
        status = Status(word.lower())
        meant = set(Status) - {status} if negated else {status}
        if action.lower() == "return":
            ends_at |= meant
        else:
            ends_at -= meant
    return bool(found) and _RULE.sub("", rules).strip() == "]"
