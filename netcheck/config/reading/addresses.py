"""Hosts, addresses, networks, ports: as kinds of values, to their normal form or a ValueError.

Knows no keys. Nothing that is refused is repeated in a message: it may be a password.
"""

import ipaddress
import re
import unicodedata
from typing import NamedTuple

from netcheck.config.reading.document import Location
from netcheck.config.reading.problems import Reading
from netcheck.config.reading.values import (
    WHOLE,
    Kind,
    Limits,
    list_of,
    refuse_out_of_bounds,
    single,
    text,
    whole_in,
)
from netcheck.model.hosts import dns_name, endpoint_text
from netcheck.model.services import Network


class AddressPort(NamedTuple):
    address: str
    port: int | None

    def __str__(self) -> str:
        return self.address if self.port is None else endpoint_text(self.address, self.port)


def address(written: str) -> str:
    """An IPv4 or IPv6 address literal without brackets, in its shortest form."""
    found = literal(written)
    if found is None:
        raise ValueError("this is not an IP address: write one such as 10.0.0.53 or fd00::53")
    return found


def literal(written: str) -> str | None:
    """As `address`; None where it is none."""
    try:
        # A scope (fe80::1%eth0) is for nameservers only; elsewhere `interface` does its job.
        return None if "%" in written else str(ipaddress.ip_address(written))
    except ValueError:
        return None


def network(written: str) -> Network:
    """`203.0.113.0/24`, or one address."""
    try:
        return ipaddress.ip_network(written)
    except ValueError:
        pass  # perhaps only because of bits behind the prefix
    try:
        meant = ipaddress.ip_network(written, strict=False)
    except ValueError:
        raise ValueError("this is not a network: write one such as 203.0.113.0/24 or fd00:20::/64") from None
    raise ValueError(f"this is an address in a network, not the network: write {meant}")


def host(written: str) -> str:
    """An address, or a DNS name (RFC 1123 section 2.1, and _) in lower case without its last dot."""
    return literal(written) or _name(written)


_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\]")


def _host_alone(written: str) -> str:
    """A host where no port can follow: an address may stand in brackets all the same."""
    match = _BRACKETED.fullmatch(written)
    return host(match[1] if match else written)


def _name(written: str) -> str:
    name = dns_name(_ascii(written)) if len(written) <= 254 else None
    if name is None:
        raise ValueError(
            "this is not a host name or an address: write one such as mdm.example.com, "
            "without scheme, port, path or space"
        )
    return name


def _ascii(written: str) -> str:
    """The name as DNS carries it. The standard library knows only IDNA 2003: what that changes is refused."""
    if written.isascii():
        return written
    if any(unicodedata.category(sign)[0] not in "LMN" for sign in written if not sign.isascii()):
        raise ValueError(
            "in this name stands what no name holds, such as a dash of a word processor: type it anew"
        )
    name = written.lower()
    try:
        encoded = name.removesuffix(".").encode("idna")
        if encoded.decode("idna") == name.removesuffix("."):
            return encoded.decode("ascii")
    except UnicodeError:
        pass  # said below, in words of ours
    raise ValueError("this name cannot be put into DNS as it stands: write the name in its xn-- form")


HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?")


def split_port(written: str, lowest_port: int = 1) -> AddressPort:
    """The part before the port, brackets removed, and the port; text of any other form comes back whole."""
    match = HOST_PORT.fullmatch(written)
    if not match or (match["v6"] and ":" not in match["v6"]):
        return AddressPort(written, None)
    port = None if match["port"] is None else int(match["port"])
    if port is not None and not lowest_port <= port <= 65535:
        raise ValueError(f"there is no such port: write one from {lowest_port} to 65535")
    return AddressPort(match["v6"] or match["host"], port)


def address_port(written: str) -> AddressPort:
    """`10.0.0.53`, `10.0.0.53:5353`, `fd00::53` or `[fd00::53]:5353`."""
    before, port = split_port(written)
    found = literal(before)
    if found is None:
        raise ValueError(
            "this is not an IP address with or without a port: "
            'write it like 10.0.0.53, 10.0.0.53:5353 or "[fd00::53]:5353"'
        )
    return AddressPort(found, port)


_SCOPED = re.compile(r"\[?(?P<address>[^%\[\]]+)%(?P<scope>[A-Za-z0-9._-]{1,15})(?P<port>\]:[0-9]{1,5}|\]?)")
_SCOPE_OF_URL = re.compile("25[A-Za-z]")
"""RFC 6874 section 2."""


def nameserver(written: str) -> AddressPort:
    """As `address_port`, and link-local ones with their scope (RFC 4007 section 11): `[fe80::1%eth0]:53`."""
    match = _SCOPED.fullmatch(written)
    if not match or written.startswith("[") is not match["port"].startswith("]"):
        return address_port(written)
    if _SCOPE_OF_URL.match(match["scope"]):
        raise ValueError("only URLs write %25: write % alone before the interface, as in fe80::1%eth0")
    address, port = address_port(f"[{match['address']}{match['port'] or ']'}")
    if not ipaddress.ip_address(address).is_link_local:
        raise ValueError("only addresses in fe80::/10 have a scope: remove % and what follows it")
    return AddressPort(f"{address}%{match['scope']}", port)


def host_port(written: str) -> str:
    """`HOST` or `HOST:PORT`, the host in its normal form: what a load balancer answers for."""
    before, port = split_port(written)
    return host(before) if port is None else endpoint_text(host(before), port)


_INTERFACE = re.compile(r"[^\s/:%]{1,15}")


def interface_name(written: str) -> str:
    """The name of a network interface, as Linux allows it (at most 15 bytes: IFNAMSIZ less its NUL)."""
    if literal(written):
        raise ValueError("this is an address, and not the name of an interface: write it into source_address")
    if not _INTERFACE.fullmatch(written) or written in (".", "..") or len(written.encode()) > 15:
        raise ValueError("this cannot be an interface: write its name as `ip link` shows it, like eth0")
    return written


# Kinds of values

IP = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?:[0-9A-Fa-f]*:){2}[0-9A-Fa-f:.]*"
"""About what an address looks like, for the schema."""
NAME = r"(?:[^\x00-,/:-@\[-\^`{-\x7f\s]+\.)*[^\x00-,/:-@\[-\^`{-\x7f\s]+\.?"
"""About what a name looks like, for the schema."""
PORT = r":0*(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
"""A colon and a port, for the schema."""

HOST = text(_host_alone, rf"{NAME}|{IP}|{_BRACKETED.pattern}")
_IP_PORT = rf"{IP}|[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}{PORT}|\[[0-9A-Fa-f:.]+\](?:{PORT})?"
_WITH_SCOPE = r"[Ff][Ee][89ABab][0-9A-Fa-f]:[0-9A-Fa-f:.]*%[A-Za-z0-9._-]{1,15}"
ADDRESS_PORT = text(address_port, _IP_PORT)
NAMESERVER = text(nameserver, rf"{_IP_PORT}|{_WITH_SCOPE}|\[{_WITH_SCOPE}\](?:{PORT})?")


_LOWEST_PORT, _HIGHEST_PORT = 1, 65535
_RANGE = re.compile(r"\s*([0-9]{1,5})\s*(?:-|–|:|\.\.|to)\s*([0-9]{1,5})\s*")


def _port_range(raw: object) -> tuple[int, ...]:
    match = _RANGE.fullmatch(raw) if isinstance(raw, str) else None
    number = whole_in(raw)
    if match is None and number is None:
        raise ValueError("needs a port, a whole number such as 443, or a range such as 8000-8010")
    first, last = (int(match[1]), int(match[2])) if match else (number or 0, number or 0)
    for port in (first, last):
        refuse_out_of_bounds(port, _LOWEST_PORT, _HIGHEST_PORT)
    if first > last:
        raise ValueError(f"a range begins with its lowest port: write {last}-{first}")
    return tuple(range(first, last + 1))


_PORT_RANGE: Kind[tuple[int, ...]] = single(
    _port_range,
    {
        "anyOf": [
            {"type": "integer", "minimum": _LOWEST_PORT, "maximum": _HIGHEST_PORT},
            {"type": "string", "pattern": rf"^(?:{WHOLE.pattern}|{_RANGE.pattern})$"},
        ]
    },
    list,
)


def ports(limits: Limits) -> Kind[tuple[int, ...]]:
    """Ports one by one, or ranges of them such as 8000-8010."""
    ranges = list_of(_PORT_RANGE, limits, distinct=False)

    def read(raw: object, at: Location, reading: Reading) -> tuple[int, ...]:
        found = tuple(port for several in ranges.parse(raw, at, reading) for port in several)
        limits.check(len(found))
        twice = next((port for n, port in enumerate(found) if port in found[:n]), None)
        if twice is not None:
            raise ValueError(f"port {twice} stands here twice: remove one")
        return found

    return Kind(read, ranges.schema, list)
