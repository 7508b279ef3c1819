"""The system's nameservers, as resolv.conf names them.

Owns the reading of that file, as glibc reads it, but not its search lists and options: they are for names
that people type, and ours are absolute. Must not know who asks the nameservers, or how.
"""

import functools
import ipaddress
import re
from itertools import islice
from pathlib import Path

from netcheck.model.paths import Nameserver

RESOLV_CONF = Path("/etc/resolv.conf")

_PORT = 53
_LOCAL = (Nameserver("127.0.0.1", _PORT),)
_MAX_NAMESERVERS = 3  # MAXNS of glibc's resolv.h: those named after these are never asked by anybody
_MAX_SIZE = 64 * 1024
_LINE = re.compile(r"^nameserver[ \t]+([^\s#;]+)", re.MULTILINE)
"""As in glibc: the keyword is the first on its line, and white space or a comment ends the address."""


def nameservers(file: Path = RESOLV_CONF) -> tuple[Nameserver, ...]:
    """At most three nameservers, in order; this machine itself where the file names none (resolv.conf(5)).

    Cheap enough to call for every lookup: the file is read again only after it changed. Never raises, whether
    the file is missing, unreadable or garbage.
    """
    try:
        status = file.stat()
        return _read(file, status.st_mtime_ns, status.st_ino, status.st_size) or _LOCAL
    except OSError:
        return _LOCAL


@functools.lru_cache(maxsize=1)
def _read(file: Path, *_version: int) -> tuple[Nameserver, ...]:
    with file.open("rb") as stream:
        text = stream.read(_MAX_SIZE).decode(errors="replace")
    addresses = filter(None, map(_literal, _LINE.findall(text)))
    return tuple(Nameserver(address, _PORT) for address in islice(addresses, _MAX_NAMESERVERS))


def _literal(word: str) -> str | None:
    """The address, with its scope (`%eth0`, RFC 4007 section 11) if it has one; None for anything else."""
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        return None
