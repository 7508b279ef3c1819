"""Scenes: nothing, and what this machine and its network have. Data only."""

from collections.abc import Mapping

from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role
from tests.system.apple import COURIER_RANGES, route_commands
from tests.system.breakages import (
    BESIDE_DANTE,
    DANTE_FINE,
    FINE,
    READY,
    TLS_PORTS,
    WITHOUT_DESCRIPTORS,
    beside,
    corporate,
    direct,
)
from tests.system.scenes import Finding, Scene, both

DEVICE, PROVIDER = Role
NOT_READY, DEGRADED = Verdict.NOT_READY, Verdict.DEGRADED
DOWN = Finding(NOT_READY, Cause.LOCAL_NETWORK_DOWN, Hop.LOCAL_NETWORK)
DROP_DNS = """
table inet own {
    chain outgoing { type filter hook output priority 0; meta skuid 0 udp dport 53 drop; }
}
"""
"""Drops what root's programs ask, on its way out of this machine."""
FORBID_5223 = """
for version in 4 6; do
    ip -$version rule add pref 2 table local
    ip -$version rule del pref 0
    ip -$version rule add pref 1 ipproto tcp dport 5223 uidrange 0-0 prohibit
done
"""
"""Makes this machine deny 5223 to root's programs, before it looks for a route."""

SCENES: Mapping[str, Scene] = {
    "everything works": Scene(
        {**DANTE_FINE, **both("tinyproxy", READY)},
        beside(dante=lambda lab: lab.dante.url, tinyproxy=lambda lab: lab.tinyproxy.url),
    ),
    "IPv4 leads nowhere": Scene(
        direct(DEGRADED, Cause.IPV4_BROKEN, Hop.LOCAL_NETWORK),
        firewall=(f"meta nfproto ipv4 tcp dport {TLS_PORTS} drop",),
    ),
    "IPv6 leads nowhere": Scene(
        direct(DEGRADED, Cause.IPV6_BROKEN, Hop.LOCAL_NETWORK),
        firewall=(f"meta nfproto ipv6 tcp dport {TLS_PORTS} drop",),
    ),
    "three of ten connection requests are lost": Scene(
        direct(DEGRADED, Cause.PACKET_LOSS, Hop.LOCAL_NETWORK),
        firewall=("tcp flags & (syn | ack) == syn numgen inc mod 10 < 3 drop",),
        timeouts={"connect": "8s"},
    ),
    "the cable is out": Scene(
        {**both("direct", DOWN), **both("dante", DOWN)},
        BESIDE_DANTE,
        lambda lab: lab.namespace.ip("link set lo down", "route flush table all"),
    ),
    "the cable is out, and the routes stay": Scene(
        {**both("direct", DOWN), **both("dante", DOWN)},
        BESIDE_DANTE,
        lambda lab: lab.namespace.ip("link set lo down"),
    ),
    "netcheck is out of file descriptors": Scene(
        direct(NOT_READY, Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK), under=WITHOUT_DESCRIPTORS
    ),
    "this machine's own firewall drops DNS": Scene(
        {**DANTE_FINE, **direct(NOT_READY, Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)},
        BESIDE_DANTE,
        lambda lab: lab.namespace.run(["nft", "-f", "-"], text=DROP_DNS),
    ),
    "this machine's own rules forbid 5223": Scene(
        {**FINE, ("direct", DEVICE): Finding(Verdict.FALLBACK_ONLY, Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)},
        breaks=lambda lab: lab.namespace.run(["sh", "-ec", FORBID_5223]),
    ),
    "this machine has no route to one of Apple's ranges": Scene(
        {**FINE, ("direct", DEVICE): Finding(DEGRADED, Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)},
        breaks=lambda lab: lab.namespace.ip(*route_commands("del", "17.249.0.0/16")),
        couriers=7,
    ),
    "an old address of Apple's API stands in this machine's /etc/hosts": Scene(
        {**FINE, ("direct", PROVIDER): Finding(NOT_READY, Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)},
        etc={"hosts": "127.0.0.1 localhost\n17.188.143.200 api.push.apple.com\n"},
        firewall=("ip daddr 17.188.143.200 drop",),
    ),
    "this machine has no route to its proxy": Scene(
        {**FINE, **both("proxy", Finding(NOT_READY, Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK))},
        beside(proxy=lambda _: "http://203.0.113.1:3128"),
    ),
    "a router has no route to Apple over IPv6": Scene(
        direct(DEGRADED, Cause.IPV6_BROKEN, Hop.LOCAL_NETWORK),
        firewall=(f"meta nfproto ipv6 tcp dport {TLS_PORTS} reject with icmpv6 type no-route",),
    ),
    "an interface is gone": Scene(
        {**FINE, **both("guest", Finding(NOT_READY, Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK))},
        beside(guest=lambda _: {"interface": "wlan9", "resolver": "corporate"}),
        resolvers=corporate("192.0.2.53"),  # one that is asked through the interface, as loopback's is not
    ),
    "a firewall of this network prohibits IPv6": Scene(
        direct(DEGRADED, Cause.IPV6_BROKEN, Hop.LOCAL_NETWORK),
        firewall=(f"meta nfproto ipv6 tcp dport {TLS_PORTS} reject with icmpv6 type admin-prohibited",),
    ),
    "connection requests are rationed": Scene(
        direct(DEGRADED, Cause.PACKET_LOSS, Hop.LOCAL_NETWORK),
        firewall=("tcp flags & (syn | ack) == syn limit rate over 12/second burst 5 packets drop",),
        timeouts={"connect": "8s"},
    ),
    "this machine's clock is five years ahead": Scene(
        direct(NOT_READY, Cause.CLOCK_WRONG, Hop.LOCAL_NETWORK), clock="+5y"
    ),
    "this machine's clock is five years behind": Scene(
        direct(NOT_READY, Cause.CLOCK_WRONG, Hop.LOCAL_NETWORK), clock="-5y"
    ),
    "a network without IPv6": Scene(
        {("direct", DEVICE): READY},
        lambda _: {"direct": {"roles": ["device"]}},
        lambda lab: lab.namespace.ip(
            *route_commands("del", *(prefix for prefix in COURIER_RANGES if ":" in prefix))
        ),
    ),
}
