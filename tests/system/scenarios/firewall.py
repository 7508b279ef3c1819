"""Scenes: what a firewall, or an inspector in its place, does to connections. Data only."""

from collections.abc import Mapping

from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role
from tests.system import between
from tests.system.apple import HOSTS
from tests.system.between import ALERTING, CLOSING, INSECURE, INSPECTOR, OUTDATED, PARTICULAR, PORTAL
from tests.system.breakages import (
    BESIDE_DANTE,
    COURIER2,
    DANTE_FINE,
    FINE,
    FROM_HERE_TO_APPLE,
    HALF_OF_THE_COURIERS,
    NOT_ALLOWED,
    ONE_COURIER,
    READY,
    TLS_PORTS,
    TO_TLS,
    direct,
    drop,
    led_to,
)
from tests.system.namespace import FROM_HERE
from tests.system.scenes import Finding, Scene, both

DEVICE, PROVIDER = Role
NOT_READY, DEGRADED, FALLBACK_ONLY = Verdict.NOT_READY, Verdict.DEGRADED, Verdict.FALLBACK_ONLY
NO_FALLBACK = Finding(Verdict.READY, Cause.FALLBACK_BLOCKED, Hop.FIREWALL)
LARGE_HELLO = Finding(DEGRADED, Cause.LARGE_HELLO_BLOCKED, Hop.FIREWALL)
LARGE_HELLO_AT_PROXY = Finding(DEGRADED, Cause.LARGE_HELLO_BLOCKED, Hop.PROXY)
LONG_FIRST_RECORD = "@ih,0,8 0x16 @ih,24,16 > 1400"
"""As nft says it: what begins with a handshake record of TLS (RFC 8446 section 5.1) longer than a packet."""

SCENES: Mapping[str, Scene] = {
    "a firewall drops 5223": Scene(
        {**DANTE_FINE, ("direct", DEVICE): Finding(FALLBACK_ONLY, Cause.PORT_BLOCKED, Hop.FIREWALL)},
        BESIDE_DANTE,
        firewall=(f"{FROM_HERE} tcp dport 5223 drop",),
    ),
    "a firewall rejects 2197": Scene(FINE, firewall=(f"{FROM_HERE} tcp dport 2197 reject with tcp reset",)),
    "a firewall lets only its proxy out": Scene(
        {**DANTE_FINE, **direct(NOT_READY, Cause.PORT_BLOCKED, Hop.FIREWALL)},
        BESIDE_DANTE,
        firewall=(f"{FROM_HERE_TO_APPLE} reject with tcp reset",),
    ),
    "a firewall lets only some of Apple's ranges through": Scene(
        {**FINE, ("direct", DEVICE): Finding(DEGRADED, Cause.RANGE_BLOCKED, Hop.FIREWALL)},
        firewall=drop(NOT_ALLOWED, f"tcp dport {TLS_PORTS}"),
        couriers=7,
    ),
    "a firewall blocks one courier host": Scene(
        {**DANTE_FINE, ("direct", DEVICE): Finding(DEGRADED, Cause.HOSTS_BLOCKED, Hop.FIREWALL)},
        BESIDE_DANTE,
        firewall=drop(ONE_COURIER, FROM_HERE_TO_APPLE),
    ),
    "a firewall resets what begins TLS": Scene(
        direct(NOT_READY, Cause.TLS_BLOCKED, Hop.FIREWALL),
        firewall=(f"{FROM_HERE_TO_APPLE} meta length > 200 reject with tcp reset",),
    ),
    "something accepts connections to 5223, and leads none of them on": Scene(
        {
            ("direct", DEVICE): Finding(Verdict.FALLBACK_ONLY, Cause.TLS_STALLS, Hop.FIREWALL),
            ("direct", PROVIDER): READY,
        },
        leads=led_to(2195, "tcp dport 5223"),
    ),
    "a firewall reads only the first packet of a TLS hello": Scene(
        {**both("dante", LARGE_HELLO_AT_PROXY), **both("direct", LARGE_HELLO)},
        BESIDE_DANTE,
        firewall=(f"tcp dport {TLS_PORTS} {LONG_FIRST_RECORD} reject with tcp reset",),
    ),
    "packets of full size get lost on the way out": Scene(
        both("direct", LARGE_HELLO), firewall=(f"tcp dport {TLS_PORTS} meta length > 1400 drop",)
    ),
    "a firewall reads only the first packet of a TLS hello on 443": Scene(
        FINE, firewall=(f"tcp dport 443 {LONG_FIRST_RECORD} drop",)
    ),
    "a firewall drops 5223, and on 443 reads only the first packet of a TLS hello": Scene(
        {
            **FINE,
            ("direct", DEVICE): Finding(FALLBACK_ONLY, Cause.PORT_BLOCKED, Hop.FIREWALL),
        },
        firewall=(f"{FROM_HERE} tcp dport 5223 drop", f"tcp dport 443 {LONG_FIRST_RECORD} drop"),
        also={
            ("direct", DEVICE): frozenset({(Cause.LARGE_HELLO_BLOCKED, Hop.FIREWALL)}),
        },
    ),
    "a black hole for large packets": Scene(
        direct(NOT_READY, Cause.TLS_STALLS, Hop.FIREWALL),
        firewall=(f"tcp sport {TLS_PORTS} meta length > 600 drop",),
    ),
    "a captive portal answers in Apple's place": Scene(
        direct(NOT_READY, Cause.WRONG_PEER, Hop.FIREWALL),
        breaks=lambda lab: lab.nginx,
        leads=led_to(8080),
    ),
    "a captive portal answers in TLS under its own name": Scene(
        direct(NOT_READY, Cause.WRONG_PEER, Hop.FIREWALL),
        breaks=lambda lab: between.portal(lab.namespace, lab.certificates),
        leads=led_to(PORTAL),
    ),
    "a firewall drops everything to Apple": Scene(
        direct(NOT_READY, Cause.PORT_BLOCKED, Hop.FIREWALL), firewall=(f"{FROM_HERE_TO_APPLE} drop",)
    ),
    "a firewall drops 443, to which devices fall back": Scene(
        {**FINE, ("direct", DEVICE): NO_FALLBACK}, firewall=(f"{FROM_HERE} tcp dport 443 drop",)
    ),
    "a firewall drops 443 to some of Apple's ranges": Scene(
        {**FINE, ("direct", DEVICE): NO_FALLBACK}, firewall=drop(NOT_ALLOWED, "tcp dport 443"), couriers=7
    ),
    "a firewall drops 443 and 2197": Scene(
        {
            ("direct", DEVICE): NO_FALLBACK,
            ("direct", PROVIDER): Finding(NOT_READY, Cause.PORT_BLOCKED, Hop.FIREWALL),
        },
        firewall=(f"{FROM_HERE} tcp dport {{443, 2197}} drop",),
    ),
    "a firewall lets only some ranges through, and every address is tried": Scene(
        {**FINE, ("direct", DEVICE): Finding(DEGRADED, Cause.RANGE_BLOCKED, Hop.FIREWALL)},
        services=lambda _: {"courier": {"addresses": "all"}, "courier2": {"addresses": "all"}},
        firewall=drop(NOT_ALLOWED, f"tcp dport {TLS_PORTS}"),
    ),
    "a firewall blocks all of courier2, whatever range it is in": Scene(
        {**FINE, ("direct", DEVICE): Finding(NOT_READY, Cause.HOSTS_BLOCKED, Hop.FIREWALL)},
        firewall=drop(COURIER2, "tcp dport {443, 5223}"),
    ),
    "half of all couriers are dead": Scene(
        {**FINE, ("direct", DEVICE): Finding(DEGRADED, Cause.HOSTS_BLOCKED, Hop.FIREWALL)},
        firewall=drop(HALF_OF_THE_COURIERS, "tcp dport {443, 5223}"),
    ),
    "a filter ends TLS with an alert": Scene(
        direct(NOT_READY, Cause.TLS_BLOCKED, Hop.FIREWALL),
        breaks=lambda lab: between.alerting(lab.namespace, lab.certificates),
        leads=led_to(ALERTING),
    ),
    "an inspector decrypts everything": Scene(
        direct(NOT_READY, Cause.TLS_INTERCEPTED, Hop.FIREWALL),
        breaks=lambda lab: between.inspector(lab.namespace, lab.certificates),
        leads=led_to(INSPECTOR),
    ),
    "an inspector that speaks TLS 1.0 only": Scene(
        direct(NOT_READY, Cause.TLS_INTERCEPTED, Hop.FIREWALL),
        breaks=lambda lab: between.outdated_inspector(lab.namespace, lab.certificates),
        leads=led_to(OUTDATED),
    ),
    "an inspector without secure renegotiation": Scene(
        direct(NOT_READY, Cause.TLS_INTERCEPTED, Hop.FIREWALL),
        breaks=lambda lab: between.insecure_inspector(lab.namespace, lab.certificates),
        leads=led_to(INSECURE),
    ),
    "an inspector that knows protocols of the web only": Scene(
        direct(NOT_READY, Cause.TLS_INTERCEPTED, Hop.FIREWALL),
        breaks=lambda lab: between.particular_inspector(lab.namespace, lab.certificates),
        leads=led_to(PARTICULAR),
    ),
    "an inspector decrypts 5223 only": Scene(
        {**FINE, ("direct", DEVICE): Finding(FALLBACK_ONLY, Cause.TLS_INTERCEPTED, Hop.FIREWALL)},
        breaks=lambda lab: between.inspector(lab.namespace, lab.certificates),
        leads=led_to(INSPECTOR, "tcp dport 5223"),
    ),
    "an inspector decrypts 443 only": Scene(
        {**FINE, ("direct", DEVICE): NO_FALLBACK},
        breaks=lambda lab: between.inspector(lab.namespace, lab.certificates),
        leads=led_to(INSPECTOR, "tcp dport 443"),
    ),
    "5223 is dropped and 443 decrypted": Scene(
        {
            ("direct", DEVICE): Finding(NOT_READY, Cause.TLS_INTERCEPTED, Hop.FIREWALL),
            ("direct", PROVIDER): READY,  # on 2197
        },
        breaks=lambda lab: between.inspector(lab.namespace, lab.certificates),
        firewall=(f"{FROM_HERE} tcp dport 5223 drop",),
        leads=led_to(INSPECTOR, "tcp dport 443"),
        also={("direct", DEVICE): frozenset({(Cause.PORT_BLOCKED, Hop.FIREWALL)})},
    ),
    "5223 is dropped and 443 closed as soon as TLS begins": Scene(
        {
            ("direct", DEVICE): Finding(NOT_READY, Cause.TLS_BLOCKED, Hop.FIREWALL),
            ("direct", PROVIDER): READY,
        },
        breaks=lambda lab: between.closing(lab.namespace),
        firewall=(f"{FROM_HERE} tcp dport 5223 drop",),
        leads=led_to(CLOSING, "tcp dport 443"),
        also={("direct", DEVICE): frozenset({(Cause.PORT_BLOCKED, Hop.FIREWALL)})},
    ),
    "an inspector decrypts the provider API only": Scene(
        {
            ("direct", DEVICE): READY,
            ("direct", PROVIDER): Finding(NOT_READY, Cause.TLS_INTERCEPTED, Hop.FIREWALL),
        },
        breaks=lambda lab: between.inspector(lab.namespace, lab.certificates),
        leads=tuple(
            rule
            for address in HOSTS["api.push.apple.com"]
            for rule in led_to(INSPECTOR, f"{'ip6' if ':' in address else 'ip'} daddr {address} {TO_TLS}")
        ),
    ),
    "a firewall drops 5223 over IPv4 only": Scene(
        {**FINE, ("direct", DEVICE): Finding(DEGRADED, Cause.PORT_BLOCKED, Hop.FIREWALL)},
        firewall=(f"meta nfproto ipv4 {FROM_HERE} tcp dport 5223 drop",),
    ),
    "a black hole for large packets over IPv6 only": Scene(
        direct(DEGRADED, Cause.TLS_STALLS, Hop.FIREWALL),
        firewall=(f"meta nfproto ipv6 tcp sport {TLS_PORTS} meta length > 600 drop",),
    ),
    "a firewall prohibits 5223 and says so": Scene(
        {**FINE, ("direct", DEVICE): Finding(FALLBACK_ONLY, Cause.PORT_BLOCKED, Hop.FIREWALL)},
        firewall=(
            f"meta nfproto ipv4 {FROM_HERE} tcp dport 5223 reject with icmp type admin-prohibited",
            f"meta nfproto ipv6 {FROM_HERE} tcp dport 5223 reject with icmpv6 type admin-prohibited",
        ),
    ),
    "a firewall drops one of Apple's ranges, and IPv6": Scene(
        direct(DEGRADED, Cause.IPV6_BROKEN, Hop.LOCAL_NETWORK),
        firewall=(
            *drop((next(iter(NOT_ALLOWED)),), f"tcp dport {TLS_PORTS}"),
            f"meta nfproto ipv6 tcp dport {TLS_PORTS} drop",
        ),
        couriers=7,
        also={
            ("direct", DEVICE): frozenset(
                {(Cause.RANGE_BLOCKED, Hop.FIREWALL), (Cause.FALLBACK_BLOCKED, Hop.FIREWALL)}
            )
        },
    ),
    "a way that is closed on purpose": Scene(
        {**both("direct", Finding(NOT_READY)), **both("dante", READY)},
        lambda lab: {"direct": {"expected": "blocked"}, "dante": {"proxy": lab.dante.url}},
        firewall=(f"{FROM_HERE_TO_APPLE} reject with tcp reset",),
    ),
    "a way that ought to be closed is open": Scene(
        both("direct", Finding(Verdict.READY, Cause.PATH_OPEN, Hop.FIREWALL)),
        lambda _: {"direct": {"expected": "blocked"}},
    ),
    "5223 is closed on purpose": Scene(
        {("direct", DEVICE): Finding(FALLBACK_ONLY), ("direct", PROVIDER): READY},
        lambda _: {"direct": {"expected": "fallback_only"}},
        firewall=(f"{FROM_HERE} tcp dport 5223 drop",),
    ),
}
