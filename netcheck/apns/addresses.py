"""Which addresses Apple publishes for push, and which no name of Apple's can honestly have."""

import functools
import ipaddress
from collections.abc import Iterable, Sequence
from itertools import filterfalse
from urllib.parse import urlsplit

from netcheck.apns.bag import CURRENT_URL, OLD_URL
from netcheck.model.results import Result
from netcheck.model.services import Network
from netcheck.model.trends import Part

PUBLISHED_RANGES = tuple(
    ipaddress.ip_network(prefix)
    for prefix in (
        "17.249.0.0/16",
        "17.252.0.0/16",
        "17.57.144.0/22",
        "17.188.128.0/18",
        "17.188.20.0/23",
        "2620:149:a44::/48",
        "2403:300:a42::/48",
        "2403:300:a51::/48",
        "2a01:b740:a42::/48",
    )
)
"""What a firewall must let through to APNs (Apple support article 102266), instead of all of 17.0.0.0/8."""

PUSH_DOMAIN = ".push.apple.com"
"""How the names of all of APNs end, and of no other of Apple's that MDM needs."""

_ALL_OF_APPLE = ipaddress.ip_network("17.0.0.0/8")
_ALLOCATED = (
    _ALL_OF_APPLE,
    *(ipaddress.ip_network(prefix) for prefix in ("2620:149::/32", "2403:300::/32", "2a01:b740::/32")),
)
"""What registries gave to Apple; the networks that Apple publishes are parts of these."""
_DNS64 = ipaddress.ip_network("64:ff9b::/96")
"""The prefix that is the same everywhere (RFC 6052 section 2.1)."""
_LAST_32_BITS = 0xFFFFFFFF


@functools.lru_cache(maxsize=4096)
def published_range(address: str) -> str | None:
    """The range of Apple's list that the address is in, in its usual form; None for one outside."""
    parsed = _parsed(address)
    return next((str(network) for network in PUBLISHED_RANGES if parsed in network), None)


def range_of(result: Result) -> Part | None:
    """What is in the published range of its address, over its path, port and family; None for one outside."""
    attempt = result.attempt
    prefix = published_range(attempt.address) if attempt.address else None
    return Part(result.path, result.port, attempt.family, prefix) if prefix else None


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address; of one that DNS64 made, the IPv4 address in its last 32 bits (RFC 6052 section 2.2).

    A network without IPv4 may use any prefix for this, one of its own as well, so Apple's part tells.
    """
    parsed = ipaddress.ip_address(address)
    if parsed.version == 4 or any(parsed in network for network in _ALLOCATED):
        return parsed
    embedded = ipaddress.IPv4Address(int(parsed) & _LAST_32_BITS)
    return embedded if embedded in _ALL_OF_APPLE else parsed


def is_made_by_dns64(address: str) -> bool:
    """Whether it is one of Apple's IPv4 addresses for a network without IPv4: of use only there."""
    return _parsed(address).version != ipaddress.ip_address(address).version


def is_apple_name(host: str) -> bool:
    return host == "apple.com" or host.endswith(".apple.com")


def is_push_name(host: str) -> bool:
    return host.endswith(PUSH_DOMAIN)


_BAGS = frozenset(urlsplit(url).hostname for url in (CURRENT_URL, OLD_URL))


def may_lead_elsewhere(host: str) -> bool:
    """Whether a name of Apple's may lead to other companies, such as Akamai, which deliver content for Apple.

    Of push only those of the bags do: the old one was seen at Akamai (community.jamf.com, td-p/63681).
    """
    return is_apple_name(host) and (host in _BAGS or not is_push_name(host))


@functools.lru_cache(maxsize=4096)
def is_sinkhole(address: str) -> bool:
    """Whether this leads nowhere but to this machine itself: DNS filters answer so to block a name.

    Pi-hole says 0.0.0.0 and ::. Any other address may belong to a relay, and is worth a try.
    """
    return is_unspecified(address) or _plain(address).is_loopback


def is_unspecified(address: str) -> bool:
    """Whether it is 0.0.0.0 or ::, which is nobody's."""
    return _plain(address).is_unspecified


def is_public(address: str) -> bool:
    """Whether it is an address of the Internet's, and of no network's own."""
    return _plain(address).is_global


@functools.lru_cache(maxsize=4096)
def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address; the IPv4 address in one that stands for it, be it made by DNS64 under the usual prefix."""
    parsed = ipaddress.ip_address(address)
    if parsed in _DNS64:
        return ipaddress.IPv4Address(int(parsed) & _LAST_32_BITS)
    return getattr(parsed, "ipv4_mapped", None) or parsed


@functools.lru_cache(maxsize=4096)
def is_allocated(address: str) -> bool:
    """Whether the address is Apple's at all, published for push or not."""
    parsed = _parsed(address)
    return any(parsed in network for network in _ALLOCATED)


def unexpected(host: str, addresses: Iterable[str], networks: Sequence[Network] = ()) -> list[str]:
    """Those where the host's service should not be.

    It may be in `networks`; without any, Apple's names belong where Apple publishes, and others anywhere.
    """
    if networks:
        return [address for address in addresses if not is_within(address, networks)]
    return list(filterfalse(is_published, addresses)) if is_apple_name(host) else []


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether it is in one of these, be it as DNS64 makes it."""
    forms = {ipaddress.ip_address(address), _plain(address)}
    return any(form in network for network in networks for form in forms)


@functools.lru_cache(maxsize=4096)
def is_published(address: str) -> bool:
    """Whether Apple publishes this address: in its list of ranges, or in all of 17.0.0.0/8.

    Outside is a reason to warn, not to fail: api.push.apple.com has been seen on IPv6 outside the list.
    """
    parsed = _parsed(address)
    return any(parsed in network for network in (_ALL_OF_APPLE, *PUBLISHED_RANGES))
