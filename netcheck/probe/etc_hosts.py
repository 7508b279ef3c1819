"""This machine's own list of names, /etc/hosts (hosts(5)): programs look there before they ask DNS.

Owns the reading of that file. Must not know for whose names it counts.
"""

import functools
from collections.abc import Mapping
from pathlib import Path

from netcheck.files import open_file
from netcheck.model.paths import is_literal
from netcheck.model.results import HOSTS_FILE

ETC_HOSTS = Path(HOSTS_FILE)

_MAX_SIZE = 256 * 1024
"""Bytes: what people and containers write is far smaller; what is not are block lists."""


def addresses_in_hosts(name: str, file: Path | None = None) -> tuple[str, ...]:
    """The addresses that the file, by default /etc/hosts, has for a name as typed; empty where it has none.

    Cheap enough to call for every probe: the file is read again only after it changed. Never raises, whether
    the file is missing, unreadable or garbage.
    """
    file = file or ETC_HOSTS
    try:
        status = file.stat()
        known = _read(file, status.st_mtime_ns, status.st_ino, status.st_size)
    except OSError:
        return ()
    return known.get(name.lower(), ())


@functools.lru_cache(maxsize=1)
def _read(file: Path, *_version: int) -> Mapping[str, tuple[str, ...]]:
    with open_file(file) as stream:
        text = (stream.read(_MAX_SIZE) or b"").decode(errors="replace")
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if is_literal(address):
            for name in names:
                found[name.lower()] = tuple(dict.fromkeys((*found.get(name.lower(), ()), address)))
    return found
