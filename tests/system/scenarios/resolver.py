"""Scenes: what DNS says, or does not. Data only."""

from collections.abc import Mapping
from signal import SIGSTOP

from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role
from tests.system import between
from tests.system.apple import CLIENT_IPV4, OUTSIDE, RELAY
from tests.system.between import PORTAL
from tests.system.breakages import (
    DANTE_FINE,
    FINE,
    ONE_COURIER,
    READY,
    TLS_PORTS,
    TO_TLS,
    beside,
    by_corporate_resolver,
    corporate,
    direct,
    drop,
    led_to,
    resolved_by,
)
from tests.system.resolvers import (
    FORMAT_ERROR,
    INNER_RESOLVER,
    NO_SUCH_NAME,
    NOT_IMPLEMENTED,
    ODD_ADDRESSES,
    ODD_RESOLVER,
    OTHER_RESOLVER,
    REFUSED,
    SERVER_FAILURE,
    SILENCE,
    SINKHOLE,
    block_page_resolver,
    forwarder,
    lame_resolver,
    nat64_resolver,
    odd_dns,
    stale_resolver,
)
from tests.system.scenes import Finding, Scene, both

DEVICE, PROVIDER = Role
NOT_READY = Verdict.NOT_READY
_NO_ROUTE = "198.51.100.9"
"""An address to which no route leads."""

SCENES: Mapping[str, Scene] = {
    "a DNS sinkhole": Scene(
        {**DANTE_FINE, **direct(NOT_READY, Cause.DNS_SINKHOLE, Hop.RESOLVER)},
        resolved_by(lambda lab: lab.sinkhole.url),
        resolvers=corporate(SINKHOLE),
    ),
    "a resolver is stopped": Scene(
        direct(NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER), breaks=lambda lab: lab.dns.stop()
    ),
    "a resolver hangs": Scene(
        direct(NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER), breaks=lambda lab: lab.dns.signal(SIGSTOP)
    ),
    "a resolver says NXDOMAIN for *.push.apple.com": Scene(
        {**DANTE_FINE, **direct(NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER)},
        resolved_by(lambda lab: lab.inner_resolver.url),
        resolvers=corporate(INNER_RESOLVER),
    ),
    "a resolver answers otherwise than another, and Apple is there too": Scene(
        {**FINE, **both("guest", READY)},
        lambda lab: {"direct": {}, "guest": {"resolver": lab.odd_resolver.url and "corporate"}},
        lambda lab: lab.namespace.ip(f"route add local {ODD_ADDRESSES['A']} dev lo src {CLIENT_IPV4}"),
        resolvers=corporate(ODD_RESOLVER),
    ),
    "a resolver's answer leads nowhere, and another one's does not": Scene(
        {
            **FINE,
            ("guest", PROVIDER): READY,
            ("guest", DEVICE): Finding(Verdict.DEGRADED, Cause.DNS_SINKHOLE, Hop.RESOLVER),
        },
        lambda lab: {"direct": {}, "guest": {"resolver": lab.odd_resolver.url and "corporate"}},
        lambda lab: lab.namespace.ip(f"route add local {ODD_ADDRESSES['A']} dev lo src {CLIENT_IPV4}"),
        firewall=drop((ODD_ADDRESSES["A"],), TO_TLS),
        resolvers=corporate(ODD_RESOLVER),
    ),
    "a resolver filters IPv6 addresses on one path of two": Scene(
        {
            **FINE,
            ("guest", DEVICE): Finding(Verdict.READY, Cause.DNS_DIFFERS, Hop.RESOLVER),
            ("guest", PROVIDER): READY,
        },
        beside(guest=lambda _: {"resolver": "corporate"}),
        lambda lab: forwarder(lab.namespace, filters_ipv6=True),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "a resolver does not implement EDNS": Scene(
        both("direct", READY),
        by_corporate_resolver,
        lambda lab: odd_dns(lab.namespace, NOT_IMPLEMENTED, "edns"),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "a resolver takes EDNS for an error of form": Scene(
        both("direct", READY),
        by_corporate_resolver,
        lambda lab: odd_dns(lab.namespace, FORMAT_ERROR, "edns"),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "a resolver fails for IPv6 addresses only": Scene(
        FINE,
        by_corporate_resolver,
        lambda lab: odd_dns(lab.namespace, SERVER_FAILURE, "aaaa"),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "a resolver refuses IPv6 addresses only": Scene(
        FINE,
        by_corporate_resolver,
        lambda lab: odd_dns(lab.namespace, REFUSED, "aaaa"),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "a resolver is silent about IPv6 addresses": Scene(
        both("direct", Finding(Verdict.READY, Cause.NAMESERVER_SILENT, Hop.RESOLVER)),
        by_corporate_resolver,
        lambda lab: odd_dns(lab.namespace, SILENCE, "aaaa"),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "a resolver denies names by turns": Scene(
        both("direct", Finding(Verdict.READY, Cause.DNS_DIFFERS, Hop.RESOLVER)),
        by_corporate_resolver,
        lambda lab: odd_dns(lab.namespace, NO_SUCH_NAME, "half"),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "resolv.conf wants no IPv6 addresses, and IPv6 leads nowhere": Scene(
        FINE,
        firewall=(f"meta nfproto ipv6 tcp dport {TLS_PORTS} drop",),
        etc={"resolv.conf": "nameserver 127.0.0.1\noptions no-aaaa\n"},
    ),
    "a firewall drops DNS with EDNS": Scene(
        FINE,
        firewall=("udp dport 53 @th,144,16 1 drop",),  # the count of additional records
        timeouts={"resolve": "5s"},
    ),
    "the first nameserver is lame": Scene(
        FINE,
        by_corporate_resolver,
        lambda lab: lame_resolver(lab.namespace),
        resolvers=corporate(OTHER_RESOLVER, "127.0.0.1"),
    ),
    "the first nameserver fails at everything": Scene(
        FINE,
        by_corporate_resolver,
        lambda lab: odd_dns(lab.namespace, SERVER_FAILURE, "all"),
        resolvers=corporate(OTHER_RESOLVER, "127.0.0.1"),
    ),
    "the first nameserver is slow, and the second one knows no names": Scene(
        FINE,
        by_corporate_resolver,
        lambda lab: (
            odd_dns(lab.namespace, SILENCE, "slow"),
            odd_dns(lab.namespace, NO_SUCH_NAME, "all", "127.0.0.6"),
        ),
        resolvers=corporate(OTHER_RESOLVER, "127.0.0.6"),
        timeouts={"resolve": "3s"},
    ),
    "DNS over UDP is dropped, and over TCP it is not": Scene(
        both("direct", Finding(NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER)),
        firewall=("ip daddr 127.0.0.1 udp dport 53 drop",),
    ),
    "the first nameserver is silent": Scene(
        both("direct", Finding(Verdict.READY, Cause.NAMESERVER_SILENT, Hop.RESOLVER)),
        by_corporate_resolver,
        firewall=("ip daddr 127.0.0.9 drop",),
        resolvers=corporate("127.0.0.9", "127.0.0.1"),
        timeouts={"resolve": "3s"},
    ),
    "DNS goes over TCP only, and resolv.conf says so": Scene(
        FINE,
        firewall=("udp dport 53 drop",),
        etc={"resolv.conf": "nameserver 127.0.0.1\noptions use-vc\n"},
    ),
    "resolv.conf wants DNS over TCP, and a firewall drops it": Scene(
        direct(NOT_READY, Cause.DNS_FAILURE, Hop.LOCAL_NETWORK),
        firewall=("tcp dport 53 drop",),
        etc={"resolv.conf": "nameserver 127.0.0.1\noptions use-vc\n"},
    ),
    "resolv.conf wants EDNS, and a resolver takes it for an error of form": Scene(
        {
            ("direct", DEVICE): READY,
            ("direct", PROVIDER): Finding(NOT_READY, Cause.DNS_FAILURE, Hop.LOCAL_NETWORK),
        },
        breaks=lambda lab: odd_dns(lab.namespace, FORMAT_ERROR, "edns"),
        etc={"resolv.conf": f"nameserver {OTHER_RESOLVER}\noptions edns0\n"},
    ),
    "resolv.conf names no nameserver": Scene(
        direct(NOT_READY, Cause.DNS_FAILURE, Hop.LOCAL_NETWORK),
        breaks=lambda lab: lab.dns.stop(),
        etc={"resolv.conf": "search corp.example\n"},
    ),
    "only the fourth nameserver of resolv.conf answers": Scene(
        direct(NOT_READY, Cause.DNS_FAILURE, Hop.LOCAL_NETWORK),
        etc={"resolv.conf": "".join(f"nameserver 127.0.{n}.1\n" for n in (9, 8, 7, 0))},
    ),
    "no route leads to the first nameserver": Scene(
        FINE, etc={"resolv.conf": "nameserver 3fff:dead::53\nnameserver 127.0.0.1\n"}
    ),
    "a nameserver over TLS has a certificate of an unknown authority": Scene(
        direct(NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER),
        by_corporate_resolver,
        resolvers={"corporate": {"nameservers": ["127.0.0.1"], "transport": "tls"}},
    ),
    "DNS leads to a public page with its own certificate": Scene(
        direct(NOT_READY, Cause.DNS_SINKHOLE, Hop.RESOLVER),
        by_corporate_resolver,
        lambda lab: (
            block_page_resolver(lab.namespace, OUTSIDE),
            between.portal(lab.namespace, lab.certificates),
        ),
        leads=led_to(PORTAL, f"ip daddr {OUTSIDE} tcp dport {TLS_PORTS}"),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "DNS leads to a public page that serves 443 only": Scene(
        direct(NOT_READY, Cause.DNS_SINKHOLE, Hop.RESOLVER),
        by_corporate_resolver,
        lambda lab: (
            block_page_resolver(lab.namespace, OUTSIDE),
            between.portal(lab.namespace, lab.certificates),
        ),
        firewall=(f"ip daddr {OUTSIDE} tcp dport {{2197, 5223}} reject with tcp reset",),
        leads=led_to(PORTAL, f"ip daddr {OUTSIDE} tcp dport 443"),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "DNS leads to a public address where nobody is": Scene(
        direct(NOT_READY, Cause.DNS_SINKHOLE, Hop.RESOLVER),
        by_corporate_resolver,
        lambda lab: block_page_resolver(lab.namespace, OUTSIDE),
        firewall=(f"ip daddr {OUTSIDE} {TO_TLS} drop",),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "one of the addresses in DNS is not Apple's, and nobody is there": Scene(
        {
            ("direct", DEVICE): Finding(Verdict.DEGRADED, Cause.DNS_SINKHOLE, Hop.RESOLVER),
            ("direct", PROVIDER): READY,
        },
        by_corporate_resolver,
        lambda lab: stale_resolver(lab.namespace, *ONE_COURIER, OUTSIDE),
        firewall=(f"ip daddr {OUTSIDE} {TO_TLS} drop",),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "one of the addresses in DNS is not Apple's, and no route leads there": Scene(
        {
            ("direct", DEVICE): Finding(Verdict.READY, Cause.DNS_DIFFERS, Hop.RESOLVER),
            ("direct", PROVIDER): READY,
        },
        by_corporate_resolver,
        lambda lab: stale_resolver(lab.namespace, *ONE_COURIER, _NO_ROUTE),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "DNS leads to a private relay that passes 443 on and nothing else": Scene(
        {
            ("direct", DEVICE): Finding(Verdict.FALLBACK_ONLY, Cause.PORT_BLOCKED, Hop.FIREWALL),
            ("direct", PROVIDER): Finding(Verdict.READY, Cause.DNS_DIFFERS, Hop.RESOLVER),
        },
        by_corporate_resolver,
        lambda lab: (block_page_resolver(lab.namespace, RELAY), between.relay(lab.namespace, RELAY)),
        firewall=(f"ip daddr {RELAY} tcp dport {{2197, 5223}} drop",),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "DNS leads to a private relay that passes TLS on": Scene(
        both("direct", Finding(Verdict.READY, Cause.DNS_DIFFERS, Hop.RESOLVER)),
        by_corporate_resolver,
        lambda lab: (block_page_resolver(lab.namespace, RELAY), between.relay(lab.namespace, RELAY)),
        resolvers=corporate(OTHER_RESOLVER),
    ),
    "a network without IPv4, behind NAT64": Scene(
        {("direct", DEVICE): READY},
        lambda _: {"direct": {"resolver": "corporate", "roles": ["device"], "families": ["ipv6"]}},
        lambda lab: nat64_resolver(lab.namespace),
        firewall=(f"meta nfproto ipv4 tcp dport {TLS_PORTS} drop",),
        resolvers=corporate(OTHER_RESOLVER),
    ),
}
