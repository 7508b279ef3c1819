"""This machine's own list of names, /etc/hosts (hosts(5)): programs look there before they ask DNS.

Owns the reading of that file. Must not know for whose names it counts.
"""

import functools
import re
from collections.abc import Iterator
from pathlib import Path

from netcheck.files import open_file
from netcheck.model.hosts import is_literal
from netcheck.model.results import HOSTS_FILE

ETC_HOSTS = Path(HOSTS_FILE)

_MAX_SIZE = 16 * 1024 * 1024
"""Bytes: block lists of those who filter by this file have five millions and more."""


def addresses_in_hosts(name: str, file: Path | None = None) -> tuple[str, ...]:
    """The addresses that the file, by default /etc/hosts, has for a name as typed; empty where it has none.

    Cheap enough to call for every probe: the file is read again only after it changed. Never raises, whether
    the file is missing, unreadable or garbage.
    """
    file = file or ETC_HOSTS
    try:
        status = file.stat()
        return _found(
            name.lower().encode(errors="replace"), file, status.st_mtime_ns, status.st_ino, status.st_size
        )
    except OSError:
        return ()


@functools.lru_cache(maxsize=4096)
def _found(name: bytes, file: Path, _modified: int, _inode: int, size: int) -> tuple[str, ...]:
    """Looked for name by name: all of a block list, parsed, would take a second and much memory."""
    with open_file(file) as stream:
        text = (stream.read(min(size, _MAX_SIZE)) or b"").lower()  # room is made for all that is asked for
    found: dict[str, None] = {}
    for line in _lines_with(name, text):
        first, *names = line.partition(b"#")[0].split() or [b""]
        # One with its interface, as fe80::1%eth0, is none to inet_pton(), by which glibc reads the file.
        if name in names and b"%" not in first and is_literal(address := first.decode(errors="replace")):
            found[address] = None
    return tuple(found)


def _lines_with(name: bytes, text: bytes) -> Iterator[bytes]:
    """Without a look at the others: there may be some hundred thousands.

    Nor at those of longer names that it is a part of, as a short one is of most: what is searched for begins
    with the name itself, which is quickest, and then asks for what is around it.
    """
    literal = re.escape(name)
    pattern = re.compile(rb"%s(?<=[ \t\r\f\v]%s)(?=[\s#]|\Z)" % (literal, literal))
    end = 0
    while found := pattern.search(text, end):
        begin, end = text.rfind(b"\n", 0, found.start()) + 1, text.find(b"\n", found.end())
        if end < 0:
            end = len(text)
        yield text[begin:end]
