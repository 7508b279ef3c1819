"""The system's stub resolver as resolv.conf sets it up: nameservers, options, and the search list.

Owns the reading of that file, as glibc reads it (resolv.conf(5)). Must not know who asks the nameservers.
"""

import functools
import ipaddress
import math
import os
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from netcheck.files import open_file
from netcheck.model.failing import Hitch
from netcheck.model.paths import Nameserver, dns_name

RESOLV_CONF = Path("/etc/resolv.conf")

_PORT = 53
LOCAL = (Nameserver("127.0.0.1", _PORT),)
"""Who is asked where the file names nobody."""
_MAX_NAMESERVERS = 3  # MAXNS of glibc's resolv.h: those named after these are never asked by programs
_MAX_SIZE = 64 * 1024
_MAX_SEARCH = 32  # glibc has no limit; no more than this is what others that write the file allow
_MOST_ATTEMPTS, _LONGEST_TIMEOUT, _MOST_DOTS = 5, 30, 15  # RES_MAXRETRY, RES_MAXRETRANS, RES_MAXNDOTS
_LINE = re.compile(r"^(nameserver|search|domain|options)[ \t]+([^\n#;]*)", re.MULTILINE)
"""As in glibc: the keyword is the first on its line, and a comment ends the rest."""


@dataclass(frozen=True, slots=True)
class StubResolver:
    """How programs on this machine resolve names."""

    nameservers: tuple[Nameserver, ...] = LOCAL
    """At most three, in order; this machine itself where the file names none."""
    never_asked: tuple[Nameserver, ...] = ()
    """Those that the file names after these, three more at most: programs ask none of them."""
    search: tuple[str, ...] = ()
    ndots: int = 1
    attempts: int = 2
    """How often each nameserver is asked that does not answer."""
    timeout: float = 5.0
    """How long to wait for one answer, in seconds."""
    patience: float = math.inf
    """How long programs wait for any, in seconds, where that is known."""
    rotate: bool = False
    use_vc: bool = False
    """Ask by TCP."""
    edns: bool = False
    single_request: bool = False
    """Ask for A and AAAA one after the other."""
    no_aaaa: bool = False
    """Do not ask for AAAA: it is as if no name had any."""
    trouble: tuple[Hitch, str] = (Hitch.NO_NAMESERVER, "resolv.conf names no nameserver")
    """Why the file names no nameserver, where it does not."""

    def names(self, name: str) -> tuple[str, ...]:
        """The absolute names that a name stands for, in the order in which programs try them."""
        if name.endswith("."):
            return (name.rstrip("."),)
        searched = tuple(each for domain in self.search if dns_name(each := f"{name}.{domain}"))
        return (name, *searched) if name.count(".") >= self.ndots else (*searched, name)


class _Beside(NamedTuple):
    """What counts beside the file."""

    options: str
    """RES_OPTIONS, after those of the file."""
    search: str | None
    """LOCALDOMAIN, instead of the file's list."""
    host_name: str
    """This machine's: its domain is searched where nothing else is named."""


def stub_resolver(file: Path | None = None) -> StubResolver:
    """What the file, by default /etc/resolv.conf, and the environment say.

    Cheap enough to call for every lookup: the file is read again only after it changed. Never raises, whether
    the file is missing, unreadable or garbage.
    """
    file = file or RESOLV_CONF
    environment = _Beside(
        os.environ.get("RES_OPTIONS", ""), os.environ.get("LOCALDOMAIN"), socket.gethostname()
    )
    try:
        status = file.stat()
        return _read(file, environment, status.st_mtime_ns, status.st_ino, status.st_size)
    except OSError as error:
        return replace(_parsed("", environment), trouble=_trouble(file, error))


def _trouble(file: Path, error: OSError) -> tuple[Hitch, str]:
    if not isinstance(error, FileNotFoundError):
        return Hitch.UNREADABLE, f"netcheck cannot read {file} ({error.strerror})"
    with suppress(OSError):  # as systemd-resolved's stub file where that does not run
        return Hitch.NO_RESOLV_CONF, f"{file} is a link to {file.readlink()}, which is not there"
    return Hitch.NO_RESOLV_CONF, f"there is no {file}"


@functools.lru_cache(maxsize=1)
def _read(file: Path, environment: _Beside, *_version: int) -> StubResolver:
    with open_file(file) as stream:
        text = (stream.read(_MAX_SIZE) or b"").decode(errors="replace")
    return _parsed(text, environment)


def _parsed(text: str, environment: _Beside) -> StubResolver:
    addresses: list[str] = []
    search = [environment.host_name.partition(".")[2]]
    options: list[str] = []
    for keyword, rest in _LINE.findall(text):
        words = rest.split()
        if keyword == "nameserver":
            addresses += words[:1]
        elif keyword == "options":
            options += words
        else:  # of several such lines the last one holds
            search = words[:1] if keyword == "domain" else words
    if environment.search is not None:
        search = environment.search.split()
    return _with_options(
        [*options, *environment.options.split()],
        _named(addresses),
        tuple(name.strip(".").lower() for name in search[:_MAX_SEARCH] if name.strip(".")),
    )


def nameservers(written: Iterable[str]) -> tuple[Nameserver, ...]:
    """Those that a stub resolver asks: at most three, and nothing that is no address."""
    return _named(written)[:_MAX_NAMESERVERS]


def _named(written: Iterable[str]) -> tuple[Nameserver, ...]:
    return tuple(Nameserver(address, _PORT) for each in written if (address := _literal(each)))


def _with_options(options: list[str], named: tuple[Nameserver, ...], search: tuple[str, ...]) -> StubResolver:
    nameservers = named[:_MAX_NAMESERVERS] or LOCAL
    attempts = _number(options, "attempts", 2, 1, _MOST_ATTEMPTS)
    timeout = _number(options, "timeout", 5, 1, _LONGEST_TIMEOUT)
    return StubResolver(
        nameservers,
        tuple(each for each in named[_MAX_NAMESERVERS : 2 * _MAX_NAMESERVERS] if each not in nameservers),
        search,
        ndots=_number(options, "ndots", 1, 0, _MOST_DOTS),
        attempts=attempts,
        timeout=timeout,
        patience=timeout * attempts * len(nameservers),  # glibc's turns differ in length, and add up to this
        rotate="rotate" in options,
        use_vc="use-vc" in options,
        edns="edns0" in options,
        single_request=bool({"single-request", "single-request-reopen"} & {*options}),
        no_aaaa="no-aaaa" in options,
    )


def _number(options: list[str], name: str, otherwise: int, least: int, most: int) -> int:
    """The last `name:n`, kept within what glibc allows."""
    written = [word.partition(":")[2] for word in options if word.startswith(f"{name}:")]
    digits = re.match("[0-9]{1,9}", written[-1]) if written else None
    return otherwise if digits is None else max(least, min(int(digits[0]), most))


def _literal(word: str) -> str | None:
    """The address, with its scope (`%eth0`, RFC 4007 section 11) if it has one; None for anything else."""
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        return None
