"""Apple's side of the laboratory, DNS and listeners on addresses of Apple's, and the names of a company.

Owns what the names say and which ports answer. Must not know proxies, nor netcheck.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.system.certificates import Certificates
from tests.system.namespace import Namespace
from tests.system.resolvers import nsd
from tests.system.servers import Server

COURIER_RANGES = {  # published by Apple (support.apple.com/102266), and an address in each
    "17.57.144.0/22": "17.57.144.{}",
    "17.188.128.0/18": "17.188.138.{}",
    "17.249.0.0/16": "17.249.28.{}",
    "17.252.0.0/16": "17.252.156.{}",
    "2620:149:a44::/48": "2620:149:a44:1::{}",
    "2403:300:a42::/48": "2403:300:a42:1::{}",
    "2403:300:a51::/48": "2403:300:a51:1::{}",
    "2a01:b740:a42::/48": "2a01:b740:a42:1::{}",
}
_NAT64 = "64:ff9b::/96"  # RFC 6052 section 2.1; whatever is behind it is a courier here
_UNPUBLISHED_RANGE = "2620:149:208::/48"  # where api.push.apple.com was seen

CLIENT_IPV4, CLIENT_IPV6 = "192.0.2.2", "2001:db8:1::2"
"""The addresses from which programs reach Apple's, unless they choose the other ones."""
OTHER_IPV4, OTHER_IPV6 = "192.0.2.3", "2001:db8:1::3"

OWN_SERVICE = "192.0.2.80"
"""The address of a service of the company's own."""
OUTSIDE = "146.112.61.104"
"""A public address that is not Apple's: a filter of Cisco's leads there what it blocks."""
RELAY = "10.1.1.20"
"""A private one."""

HOSTS: Mapping[str, tuple[str, ...]] = {
    "api.push.apple.com": ("17.188.143.34", "17.188.143.66", "2620:149:208:4308::a"),
    "gateway.push.apple.com": ("17.188.143.98", "2620:149:a44:2::a"),
    "feedback.push.apple.com": ("17.188.143.130", "2620:149:a44:2::b"),
    "proxy.corp.example": ("127.0.0.1",),
    "proxies.corp.example": ("127.0.0.1", "127.0.0.77"),
    "mdm.corp.example": ("17.57.147.1",),  # only IPv4
    "our-mdm.corp.example": (OWN_SERVICE,),
    "unroutable.corp.example": ("203.0.113.1", "2001:db8:dead::1"),
    "big.corp.example": tuple(f"17.57.146.{number}" for number in range(1, 101)),  # too big for UDP
    "crowd.corp.example": tuple(f"17.57.145.{number}" for number in range(1, 151)),  # too many to be true
}
"""The names that are not couriers; `HOSTS | {name: ()}` takes one away."""

PORTS = (443, 2195, 2196, 2197, 5223)
BROKEN_ZONE = "broken.example"
_POPS = ("eur-central", "eur-benelux", "us-east", "us-west")
_FIRST_NUMBER = {"courier": 1, "courier2": 5}  # so that no two points of presence share an address


@dataclass(frozen=True)
class Apple:
    """What a laboratory's Apple looks like.

    Couriers are 0..50, of both kinds. A quarter of a kind shares four IPv4 and four IPv6 addresses, one a
    range. Names in a broken zone are SERVFAIL, names outside of all zones are REFUSED.
    """

    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: HOSTS)
    ports: tuple[int, ...] = PORTS
    broken_zones: tuple[str, ...] = (BROKEN_ZONE,)
    couriers: int = 51

    def start(self, namespace: Namespace, certificates: Certificates) -> tuple[Server, Server]:
        """Give the namespace Apple's addresses and start DNS and listeners on them; both, ready."""
        namespace.ip(*_address_commands())
        listeners = self._listen(namespace)
        return self.resolve(namespace, certificates), listeners

    def resolve(self, namespace: Namespace, certificates: Certificates) -> Server:
        """Start DNS, or start it again."""
        return nsd(namespace, certificates, self._zones())

    def _listen(self, namespace: Namespace) -> Server:
        program = Path(__file__).with_name("sink.py")
        # -I -S: no site-packages, so that it starts fast and coverage does not follow it
        argv = [sys.executable, "-I", "-S", str(program), *map(str, self.ports)]
        process = namespace.start(argv, "sink")
        namespace.wait_until_listening(process, CLIENT_IPV6, self.ports[-1])
        return Server(process, {})

    def _zones(self) -> dict[str, str | None]:
        """The text of each zone's file by the zone's name."""
        push = [*self._couriers(), *self._hosts("push.apple.com"), '@ 300 TXT "count=50"']
        return {
            "push.apple.com": _zone(push),
            "akadns.net": _zone(self._points_of_presence()),
            "corp.example": _zone(self._hosts("corp.example")),
            **dict.fromkeys(self.broken_zones),
        }

    def _couriers(self) -> Iterator[str]:
        for kind in _FIRST_NUMBER:
            yield f"{kind} 3600 CNAME {kind}-push-apple.com.akadns.net."
            for number in range(self.couriers):
                yield f"{number}-{kind} 3600 CNAME {number}.{kind}-push-apple.com.akadns.net."

    def _points_of_presence(self) -> Iterator[str]:
        for kind, first in _FIRST_NUMBER.items():
            pops = [f"pop-{pop}-{kind}.push-apple.com" for pop in _POPS]
            for number in range(self.couriers):
                yield f"{number}.{kind}-push-apple.com 60 CNAME {pops[number % len(pops)]}"
            for index, pop in enumerate(pops):
                addresses = [address.format(first + index) for address in COURIER_RANGES.values()]
                yield from _records(pop, 8 + 17 * index, addresses)

    def _hosts(self, zone: str) -> Iterator[str]:
        for host, addresses in self.hosts.items():
            if host.endswith(f".{zone}"):
                yield from _records(host.removesuffix(f".{zone}"), 120, addresses)


def _zone(records: Iterable[str]) -> str:
    head = ["@ 3600 SOA ns hostmaster 1 3600 600 86400 30", "@ 3600 NS ns", "ns 3600 A 127.0.0.1"]
    return "\n".join([*head, *records, ""])


def _records(owner: str, ttl: int, addresses: Iterable[str]) -> Iterator[str]:
    return (f"{owner} {ttl} {'AAAA' if ':' in address else 'A'} {address}" for address in addresses)


def _address_commands() -> Iterator[str]:
    """What makes every address of the ranges answer, and gives clients addresses of their own."""
    for address in (CLIENT_IPV4, OTHER_IPV4, OWN_SERVICE, OUTSIDE, RELAY):
        yield f"addr add {address} dev lo"
    for address in (CLIENT_IPV6, OTHER_IPV6):
        yield f"addr add {address} dev lo nodad"  # else it is no source address yet
    yield from route_commands("add", *COURIER_RANGES, _UNPUBLISHED_RANGE, _NAT64)


def route_commands(what: str, *prefixes: str) -> Iterator[str]:
    """What adds (`add`) or takes away (`del`) the ways to these ranges."""
    for prefix in prefixes:
        yield f"route {what} local {prefix} dev lo src {CLIENT_IPV6 if ':' in prefix else CLIENT_IPV4}"
