"""Hosts, addresses, ports, proxy URLs: text to its one normal form, or a ValueError that says what to write.

Knows neither keys nor pydantic. What may hold a password is never repeated in a message.
"""

import ipaddress
import re
from typing import NamedTuple

from netcheck.config.records import Listen
from netcheck.config.wording import did_you_mean, either, quoted
from netcheck.model.paths import ProxyScheme, endpoint_text

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


class AddressPort(NamedTuple):
    address: str
    port: int | None


class ProxyAddress(NamedTuple):
    scheme: ProxyScheme
    host: str
    port: int


def address(written: str) -> str:
    """An IPv4 or IPv6 address literal without brackets, in its shortest form."""
    literal = _literal(written)
    if literal is None:
        raise ValueError(f"{quoted(written)} is not an IP address: write one such as 10.0.0.53 or fd00::53")
    return literal


def _literal(written: str) -> str | None:
    try:
        # A zone (fe80::1%eth0) would have to travel with the address everywhere; `interface` does its job.
        return None if "%" in written else str(ipaddress.ip_address(written))
    except ValueError:
        return None


def host(written: str) -> str:
    """An address, or a DNS name (RFC 1123 section 2.1, and _) in lower case without its last dot."""
    literal = _literal(written)
    return literal if literal is not None else _name(written)


def _name(written: str) -> str:
    name = _ascii(written.removesuffix(".").lower()) if len(written) <= 254 else ""
    labels = name.split(".")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdecimal():
        raise ValueError(
            f"{quoted(written)} is not a host name or an address: write one such as mdm.example.com, "
            "without scheme, port or path"
        )
    return name


def _ascii(name: str) -> str:
    """The name as DNS carries it. The standard library knows only IDNA 2003: what that changes is refused."""
    if name.isascii():
        return name
    try:
        encoded = name.encode("idna")
        if encoded.decode("idna") == name:
            return encoded.decode("ascii")
    except UnicodeError:
        pass  # said below, in words of ours
    raise ValueError(f"{quoted(name)} cannot be put into DNS as it stands: write the name in its xn-- form")


_HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?")


def _split(written: str, lowest_port: int = 1) -> AddressPort:
    """The part before the port, brackets removed, and the port; text of any other form comes back whole."""
    match = _HOST_PORT.fullmatch(written)
    if not match or (match["v6"] and ":" not in match["v6"]):
        return AddressPort(written, None)
    port = None if match["port"] is None else int(match["port"])
    if port is not None and not lowest_port <= port <= 65535:
        raise ValueError(f"there is no such port: write one from {lowest_port} to 65535")
    return AddressPort(match["v6"] or match["host"], port)


def address_port(written: str) -> AddressPort:
    """`10.0.0.53`, `10.0.0.53:5353`, `fd00::53` or `[fd00::53]:5353`."""
    before, port = _split(written)
    literal = _literal(before)
    if literal is None:
        raise ValueError(
            f"{quoted(written)} is not an IP address with or without a port: "
            'write it like 10.0.0.53, 10.0.0.53:5353 or "[fd00::53]:5353"'
        )
    return AddressPort(literal, port)


def host_port(written: str) -> str:
    """`HOST` or `HOST:PORT`, the host in its normal form: what a load balancer answers for."""
    before, port = _split(written)
    return host(before) if port is None else endpoint_text(host(before), port)


def listen_address(written: str) -> Listen:
    """`ADDRESS:PORT`; port 0 lets the system choose one."""
    before, port = _split(written, lowest_port=0)
    if before == "" and port is not None:
        raise ValueError(
            f"{quoted(written)} names no address: write 127.0.0.1:{port} for this machine only, "
            f'0.0.0.0:{port} for every IPv4 address or "[::]:{port}" for every IPv6 address'
        )
    literal = _literal(before)
    if literal is None or port is None:
        raise ValueError(
            f"{quoted(written)} is not an address with a port: "
            'write it like 127.0.0.1:9223 or "[::1]:9223", with an address and not a name'
        )
    return Listen(literal, port)


def network(written: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """`203.0.113.0/24`, or a single address."""
    try:
        return ipaddress.ip_network(written)
    except ValueError:
        raise ValueError(
            f"{quoted(written)} is not a network: write one such as 203.0.113.0/24 or 2001:db8::/32"
        ) from None


_INTERFACE = re.compile(r"[^\s/:%]{1,15}")


def interface_name(written: str) -> str:
    """The name of a network interface, as Linux allows it (at most 15 bytes: IFNAMSIZ less its NUL)."""
    if not _INTERFACE.fullmatch(written) or written in (".", "..") or len(written.encode()) > 15:
        raise ValueError(
            f"{quoted(written)} cannot be an interface: write its name as `ip link` shows it, like eth0"
        )
    return written


_PROXY_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,20})://(?P<place>[^/?#]*)(?P<rest>[/?#].*)?", re.DOTALL
)
_DEFAULT_PORT = {
    ProxyScheme.HTTP: 3128,  # squid's
    ProxyScheme.HTTPS: 443,  # as curl takes it
}
_SOCKS_PORT = 1080  # registered with IANA as "socks"
_HOW_TO_WRITE_A_PROXY = f"write SCHEME://HOST:PORT with the scheme {either(ProxyScheme)}"


def proxy_url(written: str) -> ProxyAddress:
    """`SCHEME://HOST:PORT`; without a port it is 1080 for SOCKS, 3128 for http and 443 for https."""
    _refuse_userinfo(written)
    match = _PROXY_URL.fullmatch(written)
    if not match:
        raise ValueError(f"this is not a proxy URL: {_HOW_TO_WRITE_A_PROXY}")
    scheme = match["scheme"].lower()
    if scheme not in list(ProxyScheme):
        raise ValueError(
            f'"{scheme}://…" is not a proxy URL: {_HOW_TO_WRITE_A_PROXY}{did_you_mean(scheme, ProxyScheme)}'
        )
    if match["rest"]:
        raise ValueError("a proxy URL ends with the port: remove everything that follows it, the / too")
    return _proxy_address(ProxyScheme(scheme), match["place"])


def _refuse_userinfo(written: str) -> None:
    """Whatever stands before an @ may be a password, so nothing of it is shown."""
    userinfo, at, _ = written.partition("://")[2].rpartition("@")
    if at and ":" in userinfo:
        raise ValueError(
            "a password does not belong in the config: write the user into username, and the password into "
            "a file named by password_file or an environment variable named by password_env"
        )
    if at:
        raise ValueError("the user does not belong in the URL: write it into username")


def _proxy_address(scheme: ProxyScheme, place: str) -> ProxyAddress:
    before, port = _split(place)
    try:
        name = host(before)
    except ValueError:
        name = ""
    if not name or (":" in before and not place.startswith("[")):
        raise ValueError(
            f"what follows {scheme}:// is not a host with or without a port: "
            "write it like proxy.example:1080, 10.0.0.1:1080 or [fd00::1]:1080"
        ) from None
    return ProxyAddress(scheme, name, port or _DEFAULT_PORT.get(scheme, _SOCKS_PORT))
