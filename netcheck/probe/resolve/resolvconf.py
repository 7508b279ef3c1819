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
from netcheck.model.hosts import dns_name
from netcheck.model.paths import Nameserver

RESOLV_CONF = Path("/etc/resolv.conf")

_PORT = 53
_LOCAL = (Nameserver("127.0.0.1", _PORT),)
"""Who is asked where the file names nobody."""
NAMES_NOBODY = (Hitch.NO_NAMESERVER, "resolv.conf names no nameserver by its address")
_MAX_NAMESERVERS = 3  # MAXNS of glibc's resolv.h: those named after these are never asked by programs
_MAX_SIZE = 64 * 1024
_MAX_SEARCH = 32  # glibc has no limit; no more than this is what others that write the file allow
_MOST_ATTEMPTS, _LONGEST_TIMEOUT, _MOST_DOTS = 5, 30, 15  # RES_MAXRETRY, RES_MAXRETRANS, RES_MAXNDOTS
_LINE = re.compile(r"^(nameserver|search|domain|options)[ \t]+([^\n\0]*)", re.MULTILINE)
"""As in glibc: the keyword is the first on its line. Comments are lines of their own, never a part of one."""
_WORD = re.compile(r"[^ \t]+")
_ADDRESS = re.compile(r"[0-9A-Za-z.:]+(%[\w.-]+)?", re.ASCII)
_MEANT = re.compile(r"\d+(?:\.\d+){3}(?![\w.])|[0-9A-Fa-f:.]+(?:%[\w.-]+)?", re.ASCII)
"""What an address may be that has something right behind it."""


@dataclass(frozen=True, slots=True)
class StubResolver:
    """How programs on this machine resolve names."""

    nameservers: tuple[Nameserver, ...] = _LOCAL
    """At most three, in order; this machine itself where the file names none."""
    never_asked: tuple[Nameserver, ...] = ()
    """Those that the file names after these, three more at most: programs ask none of them.

    Where it names none that programs understand, those that it means.
    """
    search: tuple[str, ...] = ()
    lost: tuple[str, str] = ("", "")
    """A domain of the search list that programs do not search, and why; empty where there is none."""
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
    trouble: tuple[Hitch, str] | None = None
    """Why the file names no nameserver that programs understand; None where it does."""
    asks_nobody: str = ""
    """Why programs send no question at all; empty where they do."""

    def names(self, name: str, *, for_programs: bool = True) -> tuple[str, ...]:
        """The absolute names that a name stands for, in the order in which they are tried.

        Devices do not read the file: they have the search list as it is meant.
        """
        if name.endswith("."):
            return (name.rstrip("."),)
        lost = self.lost[0] if for_programs else ""
        domains = [domain for domain in self.search if not lost or domain != lost]
        searched = [each for domain in domains if dns_name(each := f"{name}.{domain}".removesuffix("."))]
        tried = (name, *searched) if name.count(".") >= self.ndots else (*searched, name)
        return tuple(dict.fromkeys(tried))  # the root may be on the list


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


class _Word(NamedTuple):
    """What stands in the file or beside it."""

    text: str
    where: str


def _words(text: str, where: str) -> list[_Word]:
    return [_Word(word, where) for word in _WORD.findall(text)]


def _parsed(text: str, environment: _Beside) -> StubResolver:
    addresses: list[_Word] = []
    search = _words(environment.host_name.partition(".")[2], "")
    options: list[_Word] = []
    for line in _LINE.finditer(text):
        number = text.count("\n", 0, line.start()) + 1
        keyword, words = line[1], _words(line[2], f"line {number} of resolv.conf")
        if keyword == "nameserver":
            addresses += words[:1]
        elif keyword == "options":
            options += words
        else:  # of several such lines the last one holds
            search = words[:1] if keyword == "domain" else words
    if environment.search is not None:
        search = _words(environment.search, "LOCALDOMAIN")
    options += _words(environment.options, "RES_OPTIONS")
    return _searching(_with_options(options, addresses), search[:_MAX_SEARCH])


def _searching(stub: StubResolver, domains: list[_Word]) -> StubResolver:
    """What ends in CR is no domain to programs: they ask for names with that CR."""
    meant = [(each, each.text.removesuffix("\r").strip(".").lower()) for each in domains if each.text != "\r"]
    lost = [
        (domain, f"programs do not search {domain}, as {each.where} ends in CR LF")
        for each, domain in meant
        if each.text.endswith("\r")
    ]
    return replace(stub, search=tuple(domain for _, domain in meant), lost=lost[0] if lost else stub.lost)


def nameservers(written: Iterable[str]) -> tuple[Nameserver, ...]:
    """Those that a stub resolver asks: at most three, and nothing that is no address."""
    return _named(written)[:_MAX_NAMESERVERS]


def _named(written: Iterable[str]) -> tuple[Nameserver, ...]:
    return tuple(Nameserver(address, _PORT) for each in written if (address := _literal(each)))


def _number(options: list[_Word], name: str, otherwise: int, most: int) -> tuple[int, _Word]:
    """The last one that is written, at most so large, and where it stands: its digits, where none are 0."""
    written = [word for word in options if word.text.startswith(f"{name}:")]
    if not written:
        return otherwise, _Word("", "")
    number = re.match("-?[0-9]{1,9}", written[-1].text.partition(":")[2])
    return min(int(number[0]) if number else 0, most), written[-1]


def _with_options(options: list[_Word], addresses: list[_Word]) -> StubResolver:
    def has(flag: str) -> bool:  # by how it begins, as in glibc
        return any(word.text.startswith(flag) for word in options)

    named = _named(word.text for word in addresses)
    nameservers = named[:_MAX_NAMESERVERS] or _LOCAL
    attempts, written = _number(options, "attempts", 2, _MOST_ATTEMPTS)
    timeout = max(1, _number(options, "timeout", 5, _LONGEST_TIMEOUT)[0])
    stub = StubResolver(
        nameservers,
        tuple(each for each in named[_MAX_NAMESERVERS : 2 * _MAX_NAMESERVERS] if each not in nameservers),
        ndots=max(0, _number(options, "ndots", 1, _MOST_DOTS)[0]),
        attempts=max(1, attempts),
        timeout=timeout,
        # glibc's turns differ in length, and add up to this
        patience=timeout * max(1, attempts) * len(nameservers),
        rotate=has("rotate"),
        use_vc=has("use-vc"),
        edns=has("edns0"),
        single_request=has("single-request"),
        no_aaaa=has("no-aaaa"),
        trouble=None if named else NAMES_NOBODY,
        asks_nobody="" if attempts > 0 else f"by `{written.text}` in {written.where} programs ask nobody",
    )
    return stub if named else _meaning(stub, addresses)


def _meaning(stub: StubResolver, addresses: list[_Word]) -> StubResolver:
    """Where no program understands whom the file names: who is meant, and why nobody sees it."""
    begins = [(word, match[0]) for word in addresses if (match := _MEANT.match(word.text))]
    meant = [(word, address) for word, address in begins if _literal(address)]
    if not meant:
        return stub
    word, address = meant[0]
    if word.text == f"{address}\r":
        trouble = Hitch.CR_LF, f"{word.where} ends in CR LF, and with the CR {address} is no address"
    else:
        trouble = (
            Hitch.NO_ADDRESS,
            f"in {word.where} something stands right behind {address}, and with that it is no address",
        )
    never_asked = _named(address for _, address in meant)[:_MAX_NAMESERVERS]
    return replace(stub, never_asked=never_asked, trouble=trouble)


def _literal(word: str) -> str | None:
    """The address, with its scope (`%eth0`, RFC 4007 section 11) if it has one; None for anything else.

    IPv4 as inet_aton(3) has it: `10.1` is 10.0.0.1.
    """
    if not _ADDRESS.fullmatch(word):
        return None
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        with suppress(OSError):
            return socket.inet_ntoa(socket.inet_aton(word))
    return None
