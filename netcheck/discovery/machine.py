"""What this machine says of its ways out: proxies, PAC files, resolvers, and interfaces that lead out.

Reads the environment and files, and sends nothing. Files that cannot be read are left out. Must not know
what a config looks like as a whole.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from netcheck.config.choosers import EXCEPTIONS, OF_ALL, OF_HTTP, OF_HTTPS, proxy_in, proxy_or_chooser
from netcheck.files import read_file
from netcheck.probe.resolve.resolvconf import StubResolver, stub_resolver

_LARGEST = 256 * 1024
_MOST_PROXIES = 8
_PROXY_VARIABLES = (*OF_HTTPS, *OF_ALL, *OF_HTTP, "HTTP_PROXY")
"""What curl and others take a proxy from; those for HTTPS first, as in curl."""
_ASSIGNMENT = re.compile(r"^[ \t]*(?:export[ \t]+)?(\w+)=(\S*)[ \t\r]*$", re.MULTILINE)
_SETTINGS = (
    "etc/opt/chrome/policies/managed/*.json",
    "etc/opt/edge/policies/managed/*.json",
    "etc/chromium/policies/managed/*.json",
    "etc/firefox/policies/*.json",
    "etc/NetworkManager/system-connections/*",
    "etc/dconf/db/*.d/*",
)
"""Where companies set a PAC file: policies of browsers, and GNOME's settings."""
_PAC_URL = re.compile(
    r"""(?:^|[{,])[ \t]*"?(?P<key>ProxyPacUrl|AutoConfigURL|pac-url|autoconfig-url)"?"""
    r"""\s*[:=]\s*["']?(?P<url>[^\s"',]+)""",
    re.MULTILINE,
)
_MOST_SETTINGS, _MOST_PACS = 64, 4
_IS_UP, _IS_GATEWAY = 0x1, 0x2  # RTF_UP and RTF_GATEWAY of linux/route.h
_EVERYTHING_IPV4, _EVERYTHING_IPV6 = "00000000", "0" * 32


@dataclass(frozen=True, slots=True)
class FoundProxy:
    """A proxy that a variable names, without its login."""

    url: str
    variable: str
    where: str
    """Where the variable was found, as people say it."""
    username: str | None = None


@dataclass(frozen=True, slots=True)
class FoundPac:
    """A PAC file that a setting names."""

    url: str
    """As a path has it: `pac+https://…`."""
    key: str
    where: str
    trouble: str = ""
    """Why netcheck cannot use it as it is, such as for want of a library."""


@dataclass(frozen=True, slots=True)
class Uplink:
    """An interface over which a default route leads."""

    interface: str
    gateway: str | None
    """None where the route has none, as over a tunnel."""
    is_wireless: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found."""

    proxies: tuple[FoundProxy, ...]
    no_proxy: str
    """What is to be reached without a proxy, as the variable has it; empty where none says so."""
    resolver: StubResolver
    uplinks: tuple[Uplink, ...] | None
    """The one that is preferred first; None where this system does not say."""
    pacs: tuple[FoundPac, ...] = ()
    unusable: tuple[str, ...] = ()
    """What is wrong with variables that name no proxy; nothing of their values stands in it."""


def look(environ: Mapping[str, str], root: Path = Path("/")) -> Machine:
    """Everything at once; `root` is where the files of the system begin."""
    places = [("the environment", environ), ("/etc/environment", _assignments(root / "etc/environment"))]
    no_proxy = next(filter(None, (its.get(name) for _, its in places for name in EXCEPTIONS)), "")
    proxies: dict[str, FoundProxy] = {}
    unusable = []
    for where, variables in places:
        for name in _PROXY_VARIABLES:
            if written := variables.get(name, "").strip():
                try:
                    found = _proxy(written, name, where)
                    proxies.setdefault(found.url, found)
                except ValueError as error:
                    unusable.append(f"{error} (in {where})")
    resolver = stub_resolver(root / "etc/resolv.conf")
    named = tuple(proxies.values())[:_MOST_PROXIES]
    return Machine(named, no_proxy, resolver, _uplinks(root), _pacs(root), tuple(unusable))


def _pacs(root: Path) -> tuple[FoundPac, ...]:
    files = islice((file for pattern in _SETTINGS for file in sorted(root.glob(pattern))), _MOST_SETTINGS)
    found: dict[str, FoundPac] = {}
    for file in files:
        for match in _PAC_URL.finditer(_text(file) or ""):
            if pac := _pac(match["url"], match["key"], f"/{file.relative_to(root)}"):
                found.setdefault(pac.url, pac)
    return tuple(found.values())[:_MOST_PACS]


def _pac(written: str, key: str, where: str) -> FoundPac | None:
    """None for what is no URL of one, and for one with a login in it."""
    url = f"pac+{written}"
    try:
        if not written.startswith(("https://", "http://", "file:")) or urlsplit(written).username is not None:
            return None
        return FoundPac(str(proxy_or_chooser(url)), key, where)
    except ValueError as error:  # nothing of the URL stands in it
        return FoundPac(url, key, where, str(error))


def _proxy(written: str, variable: str, where: str) -> FoundProxy:
    """ValueError for what names no proxy."""
    proxy = proxy_in(variable, written)
    username = proxy.credentials.username if proxy.credentials else None
    return FoundProxy(proxy.url, variable, where, username or None)


def _assignments(file: Path) -> Mapping[str, str]:
    return {name: value.strip("\"'") for name, value in _ASSIGNMENT.findall(_text(file) or "")}


def _text(file: Path) -> str | None:
    try:
        return read_file(file, _LARGEST).decode(errors="replace")
    except OSError:
        return None


def _uplinks(root: Path) -> tuple[Uplink, ...] | None:
    """From Linux's tables of routes (proc_net(5)); the lowest metric first."""
    tables = _text(root / "proc/net/route"), _text(root / "proc/net/ipv6_route")
    if tables == (None, None):
        return None
    routes = [_ipv4_default(line.split()) for line in (tables[0] or "").splitlines()[1:]]
    routes += [_ipv6_default(line.split()) for line in (tables[1] or "").splitlines()]
    found: dict[str, Uplink] = {}
    for _, interface, gateway in sorted(filter(None, routes)):
        wireless = (root / "sys/class/net" / interface / "wireless").exists()
        found.setdefault(interface, Uplink(interface, gateway or None, wireless))
    return tuple(found.values())


_Default = tuple[int, str, str]
"""Metric, interface and gateway of a default route; the last is empty where it has none."""


def _ipv4_default(fields: Sequence[str]) -> _Default | None:
    """None for any other route, and for what is none."""
    try:
        interface, destination, gateway, flags, _, _, metric, mask = fields[:8]
        address = IPv4Address(int(gateway, 16).to_bytes(4, sys.byteorder))
        if destination != _EVERYTHING_IPV4 or mask != _EVERYTHING_IPV4 or not int(flags, 16) & _IS_UP:
            return None
        return int(metric), interface, str(address) if int(flags, 16) & _IS_GATEWAY else ""
    except (ValueError, OverflowError):
        return None


def _ipv6_default(fields: Sequence[str]) -> _Default | None:
    try:
        destination, length, _, _, gateway, metric, _, _, flags, interface = fields
        if destination != _EVERYTHING_IPV6 or length != "00" or not int(flags, 16) & _IS_UP:
            return None
        address = str(IPv6Address(int(gateway, 16))) if int(flags, 16) & _IS_GATEWAY else ""
        return (int(metric, 16), interface, address) if interface != "lo" else None
    except ValueError:
        return None
