"""What the answer of a PAC file means: `PROXY a:3128; SOCKS b; DIRECT` as the ways to try, in this order."""

from pathlib import Path

from netcheck.model.credentials import Credentials
from netcheck.model.hosts import dns_name, is_literal
from netcheck.model.paths import Proxy, ProxyScheme, Way

_SCHEMES = {
    "PROXY": ProxyScheme.HTTP,
    "HTTP": ProxyScheme.HTTP,
    "HTTPS": ProxyScheme.HTTPS,
    # As Apple's systems do: SOCKS is version 5 there, and the proxy is given names.
    "SOCKS": ProxyScheme.SOCKS5H,
    "SOCKS5": ProxyScheme.SOCKS5H,
    "SOCKS4": ProxyScheme.SOCKS4A,
}
_PORTS = {ProxyScheme.HTTP: 80, ProxyScheme.HTTPS: 443}
"""As browsers take it where none is written; SOCKS is at 1080."""
_SOCKS_PORT = 1080
MOST_WAYS = 8
"""How many of an answer are tried."""


def ways_of(
    said: str, credentials: Credentials | None = None, ca_file: Path | None = None
) -> tuple[Way, ...]:
    """The ways that an answer names, once each; what is no way is skipped.

    So do browsers, which go directly where none is left: Chromium's ProxyList::SetFromPacString. Login and
    authorities are for each of the proxies.
    """
    found = [way for part in said.split(";") if (way := _way(part, credentials, ca_file)) is not None]
    return tuple(dict.fromkeys(found))[:MOST_WAYS]


def _way(part: str, credentials: Credentials | None, ca_file: Path | None) -> Way | None:
    word, place = (*part.split(None, 1), "", "")[:2]
    if word.upper() == "DIRECT":
        return ()
    scheme = _SCHEMES.get(word.upper())
    if scheme is None:
        return None
    host, port = _split(place.strip().rpartition("://")[2].rstrip("/"))
    if port is None:
        port = _PORTS.get(scheme, _SOCKS_PORT)
    if not host or not 1 <= port <= 65535:
        return None
    return (Proxy(scheme, host, port, credentials, ca_file=ca_file),)


def _split(place: str) -> tuple[str | None, int | None]:
    """Host and port; the host is None where it is none.

    Of an IPv6 address without brackets, the last part is the port: so Chromium reads it, and others do not.
    An address with a scope is none: that is this machine's own, and could hold any sign.
    """
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, ""
    elif not (port.isascii() and port.isdigit() and len(port) <= 5):
        return None, None
    literal = host[1:-1] if host[:1] + host[-1:] == "[]" else host
    name = literal if is_literal(literal) and "%" not in literal else dns_name(host)
    return name, int(port) if port else None
