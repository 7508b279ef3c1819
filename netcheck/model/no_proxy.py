"""What goes without a proxy by the variable NO_PROXY: as curl's Curl_check_noproxy has it."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

EVERYTHING = "*"
_FIRST_DIGITS = re.compile(r"([0-9]*).*", re.DOTALL)


def goes_without(host: str, exceptions: tuple[str, ...]) -> bool:
    """Names match by whole labels, addresses by networks too; `*` alone is everything."""
    if exceptions == (EVERYTHING,):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return _is_below(host.lower().removesuffix("."), exceptions)
    return any(_is_in(address, each) for each in exceptions)


def _is_below(name: str, exceptions: Iterable[str]) -> bool:
    endings = (each.lower().removeprefix(".").removesuffix(".") for each in exceptions)
    return any(name == ending or name.endswith(f".{ending}") for ending in endings if ending)


def _is_in(address: IPv4Address | IPv6Address, written: str) -> bool:
    """As curl's cidr4_match: of the length the first digits count, and 0 is none at all."""
    base, _, length = written.partition("/")
    bits = int("0" + _FIRST_DIGITS.sub(r"\1", length)[:9])
    try:
        network = ip_network(f"{base}/{bits}" if bits else base, strict=False)
    except ValueError:
        return False
    return address in network
