"""How hosts are written: by name or by address, alone and with a port."""

import re
from ipaddress import IPv6Address

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"(?:{_OCTET}[.]){{3}}{_OCTET}")
"""RFC 3986 section 3.2.2. Each probe asks several times, and IPv4Address would take seven times as long."""


def is_literal(host: str) -> bool:
    """Whether a host is given by its address, not by a name."""
    if ":" not in host:
        return _IPV4.fullmatch(host) is not None
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_LONGEST_NAME = 253  # RFC 1035 section 2.3.4, as text without the last dot


def dns_name(text: str) -> str | None:
    """In lower case, without the last dot; None for what is no host's name (RFC 1123 section 2.1, and _)."""
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdecimal():
        return None
    return name


def bracketed(host: str) -> str:
    """A name or an address as it stands before a port: IPv6 in brackets (RFC 3986 section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def endpoint_text(host: str, port: int) -> str:
    """`HOST:PORT`, as people and protocols write it."""
    return f"{bracketed(host)}:{port}"


def literal_addresses(host: str) -> tuple[str, ...]:
    """The addresses of a host that DNS is not asked about: a literal, or localhost (RFC 6761 section 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return ("127.0.0.1", "::1")
    return (host,) if is_literal(host) else ()
