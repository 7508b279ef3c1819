"""Every scene: a breakage that has a name, how it is made, and what netcheck has to say of it. Data only."""

from collections.abc import Mapping
from signal import SIGSTOP

from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role
from tests.system.apple import CLIENT_IPV4, HOSTS
from tests.system.breakages import (
    BESIDE_DANTE,
    DANTE_FINE,
    FINE,
    FROM_HERE_TO_APPLE,
    FROM_PROXIES_TO_APPLE,
    NOT_ALLOWED,
    ONE_COURIER,
    READY,
    TLS_PORTS,
    WITHOUT_DESCRIPTORS,
    at_proxy,
    beside,
    corporate,
    corporate_authority,
    direct,
    drop,
    let_a_portal_answer,
    resolved_by,
)
from tests.system.namespace import FROM_HERE
from tests.system.resolvers import INNER_RESOLVER, ODD_ADDRESSES, ODD_RESOLVER, SINKHOLE
from tests.system.scenes import Finding, Scene, both

DEVICE, PROVIDER = Role
NOT_READY, DEGRADED, FALLBACK_ONLY = Verdict.NOT_READY, Verdict.DEGRADED, Verdict.FALLBACK_ONLY
DOWN = Finding(NOT_READY, Cause.LOCAL_NETWORK_DOWN, Hop.LOCAL_NETWORK)

SCENES: Mapping[str, Scene] = {
    "everything works": Scene(
        {**DANTE_FINE, **both("tinyproxy", READY)},
        beside(dante=lambda lab: lab.dante.url, tinyproxy=lambda lab: lab.tinyproxy.url),
    ),
    # The firewall.
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
    "a black hole for large packets": Scene(
        direct(NOT_READY, Cause.TLS_STALLS, Hop.FIREWALL),
        firewall=(f"tcp sport {TLS_PORTS} meta length > 600 drop",),
    ),
    "a captive portal answers in Apple's place": Scene(
        direct(NOT_READY, Cause.WRONG_PEER, Hop.FIREWALL), breaks=let_a_portal_answer
    ),
    # The resolver.
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
    "a resolver answers otherwise than another": Scene(
        {
            **FINE,
            ("guest", PROVIDER): READY,
            ("guest", DEVICE): Finding(Verdict.READY, Cause.DNS_DIFFERS, Hop.RESOLVER),
        },
        lambda lab: {"direct": {}, "guest": {"resolver": lab.odd_resolver.url and "corporate"}},
        lambda lab: lab.namespace.ip(f"route add local {ODD_ADDRESSES['A']} dev lo src {CLIENT_IPV4}"),
        resolvers=corporate(ODD_RESOLVER),
    ),
    # The proxy.
    "a proxy is stopped": Scene(
        at_proxy("dante", NOT_READY, Cause.PROXY_DOWN),
        BESIDE_DANTE,
        lambda lab: lab.dante.stop(),
    ),
    "a proxy hangs": Scene(
        at_proxy("squid", NOT_READY, Cause.PROXY_DOWN),
        beside(squid=lambda lab: lab.squid["plain"]),
        lambda lab: lab.squid.signal(SIGSTOP),
        timeouts={"proxy": "1s"},
    ),
    "a proxy is out of file descriptors": Scene(
        at_proxy("microsocks", NOT_READY, Cause.PROXY_DOWN),
        beside(microsocks=lambda lab: lab.microsocks_deaf.url),
        timeouts={"proxy": "1s"},
    ),
    "a proxy has file descriptors for its clients only": Scene(
        at_proxy("microsocks", NOT_READY, Cause.PROXY_CANNOT_CONNECT),
        beside(microsocks=lambda lab: lab.microsocks_lame.url),
    ),
    "a web server where a proxy was expected": Scene(
        at_proxy("nginx", NOT_READY, Cause.PROXY_DOWN),
        beside(nginx=lambda lab: lab.nginx.url),
    ),
    "a proxy wants a password": Scene(
        at_proxy("squid", NOT_READY, Cause.PROXY_AUTH),
        beside(squid=lambda lab: lab.squid["auth"]),
    ),
    "a proxy refuses the password": Scene(
        at_proxy("dante", NOT_READY, Cause.PROXY_AUTH),
        beside(dante=lambda lab: {"proxy": lab.dante_auth.url, **lab.wrong_credentials}),
    ),
    "a proxy has no capacity left": Scene(
        at_proxy("haproxy", NOT_READY, Cause.PROXY_OVERLOADED),
        beside(haproxy=lambda lab: lab.haproxy["unavailable"]),
    ),
    "a proxy has the port rules it comes with": Scene(
        {**FINE, **both("squid", READY)},
        beside(squid=lambda lab: lab.squid["plain"]),
    ),
    "a proxy denies 443 too": Scene(
        at_proxy("tinyproxy", NOT_READY, Cause.PROXY_DENIES_PORT),
        beside(tinyproxy=lambda lab: lab.tinyproxy_strict.url),
    ),
    "a proxy cannot resolve Apple's names": Scene(
        at_proxy("dante", DEGRADED, Cause.PROXY_CANNOT_RESOLVE),
        beside(dante=lambda lab: {"proxy": lab.dante_inside.url, "resolve": "both"}),
    ),
    "a proxy resolves otherwise than this machine": Scene(
        {
            **FINE,
            ("dante", DEVICE): Finding(DEGRADED, Cause.PROXY_RESOLVES_DIFFERENTLY, Hop.PROXY),
            ("dante", PROVIDER): READY,
        },
        lambda lab: {
            "direct": {},
            "dante": {
                "proxy": lab.dante.url,
                "resolve": "both",
                "resolver": lab.odd_resolver.url and "corporate",
            },
        },
        firewall=drop((ODD_ADDRESSES["AAAA"],), f"tcp dport {TLS_PORTS}"),
        resolvers=corporate(ODD_RESOLVER),
    ),
    "a proxy cannot reach Apple": Scene(
        at_proxy("dante", NOT_READY, Cause.PROXY_CANNOT_CONNECT),
        BESIDE_DANTE,
        firewall=(f"{FROM_PROXIES_TO_APPLE} reject with tcp reset",),
    ),
    "a proxy decrypts": Scene(
        at_proxy("squid", NOT_READY, Cause.TLS_INTERCEPTED),
        beside(squid=lambda lab: lab.squid_that_decrypts.url),
    ),
    "a proxy decrypts where it may, and speaks no HTTP/2": Scene(
        {
            ("squid", DEVICE): Finding(NOT_READY, Cause.TLS_INTERCEPTED, Hop.PROXY),
            ("squid", PROVIDER): Finding(NOT_READY, Cause.SESSION_BROKEN, Hop.PROXY),
        },
        lambda lab: {"squid": {"proxy": lab.squid_that_decrypts.url}},
        provider_trusts=corporate_authority,
    ),
    "a proxy says yes to everything": Scene(
        at_proxy("haproxy", NOT_READY, Cause.PROXY_FALSE_SUCCESS),
        beside(haproxy=lambda lab: lab.haproxy["liar"]),
    ),
    "a proxy is slow": Scene(
        {**FINE, **both("haproxy", Finding(Verdict.READY, Cause.PROXY_SLOW, Hop.PROXY))},
        beside(haproxy=lambda lab: lab.tinyproxy.url and lab.haproxy["slow"]),
    ),
    "a captive portal where a proxy was expected": Scene(
        at_proxy("haproxy", NOT_READY, Cause.WRONG_PEER),
        beside(haproxy=lambda lab: lab.haproxy["html"]),
    ),
    # This machine and its network.
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
    "an interface is gone": Scene(
        {**FINE, **both("guest", Finding(NOT_READY, Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK))},
        beside(guest=lambda _: {"interface": "wlan9", "resolver": "corporate"}),
        resolvers=corporate("192.0.2.53"),  # one that is asked through the interface, as loopback's is not
    ),
    # Apple.
    "one courier host is down": Scene(
        {**FINE, ("direct", DEVICE): Finding(DEGRADED, Cause.HOSTS_UNREACHABLE, Hop.APPLE)},
        firewall=drop(ONE_COURIER, "tcp dport {443, 5223}"),
    ),
    "Apple's provider API is down": Scene(
        {
            **DANTE_FINE,
            ("direct", PROVIDER): Finding(NOT_READY, Cause.APPLE_UNREACHABLE, Hop.APPLE),
            ("dante", PROVIDER): Finding(NOT_READY, Cause.APPLE_UNREACHABLE, Hop.APPLE),
        },
        BESIDE_DANTE,
        firewall=drop(HOSTS["api.push.apple.com"], "tcp dport {443, 2197}"),
    ),
}
