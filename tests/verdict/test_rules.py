"""Each rule of the table: results that it holds for, and what is said of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.holds import Hold, HoldEnd, HoldKey
from netcheck.model.paths import Expected, Family, ProbePath, Transport
from netcheck.model.push_certificates import Acceptance, Proof
from netcheck.model.results import LargeHello, Lookup, Result, Trust, Try
from netcheck.model.services import Service, TlsSettings
from netcheck.verdict.rules import RULES
from tests.records import DROPPED, PROVIDER, REFUSED, lookup, result
from tests.verdict.scene import (
    API,
    API_WORKS,
    BALANCED,
    BOTH,
    COURIER,
    DENIED,
    DIRECT,
    EXPIRED,
    HANDSHAKE,
    LOCAL,
    MDM,
    MINE,
    NO_ROUTE,
    NOW,
    OTHER,
    PAC,
    PROXY,
    YEAR,
    certificate,
    courier_at,
    couriers,
    directly,
    judge,
    possible,
    proxied,
)


@dataclass(frozen=True)
class Scene:
    """What was seen, and what the device's judgement on the last path has to be."""

    cause: Cause | None
    verdict: Verdict
    hop: Hop | None
    results: Sequence[Result]
    says: str = ""
    """A part of the next step."""
    paths: Sequence[ProbePath] = (DIRECT,)
    services: Sequence[Service] = (COURIER,)
    lookups: Sequence[Lookup] = ()
    proofs: Sequence[Proof] = ()
    holds: Sequence[Hold] = ()

    def judged(self) -> Judgement:
        return judge(
            self.results,
            paths=self.paths,
            services=self.services,
            lookups=self.lookups,
            proofs=self.proofs,
            holds=self.holds,
        )


SILENT_IN_TLS = Failure(Phase.TLS, Reason.TLS_TIMEOUT, "no answer from 17.57.144.1:5223 in 5 s")


def with_large_hello(results: Sequence[Result], told: LargeHello) -> list[Result]:
    """After the first on each port, and those after the others came earlier."""
    first = {each.port: each for each in reversed(results)}.values()
    return [replace(each, large_hello=told) if each in first else each for each in results]


def with_login(results: Sequence[Result]) -> list[Result]:
    """Where netcheck's own login was asked for."""
    return [replace(each, attempt=replace(each.attempt, login_wanted=True)) for each in results]


def held(end: HoldEnd, silence: float, path: ProbePath = DIRECT, family: Family = Family.IPV4) -> Hold:
    """Of a courier; it outlived half of it, or all where it was held."""
    longest = silence if end is HoldEnd.HELD else silence / 2
    key = HoldKey(COURIER.name, path.name, family)
    return Hold(NOW, key, COURIER.hosts[0], 5223, longest, end, silence)


SILENT_FIRST = (
    Try("10.0.0.53:53", Transport.UDP, Reason.DNS_TIMEOUT, 0.5),
    Try("10.0.0.54:53", Transport.UDP, None, 0.02),
)
ALL_SILENT_FIRST = [
    replace(lookup(host, "17.57.144.1", resolver="mine"), tries=SILENT_FIRST) for host in COURIER.hosts
]

TRANSLATED = "64:ff9b::11bc:8002"
"""17.188.128.2, as DNS64 gives it to a network without IPv4."""

SCENES = {
    "a bug": Scene(
        Cause.INTERNAL,
        Verdict.NOT_READY,
        Hop.NETCHECK,
        directly(Phase.CONNECT, Reason.INTERNAL_ERROR, "KeyError"),
        "KeyError",
    ),
    "no descriptors": Scene(
        Cause.LOCAL_MACHINE,
        Verdict.NOT_READY,
        Hop.LOCAL_NETWORK,
        directly(Phase.CONNECT, Reason.FD_EXHAUSTED, "Too many open files"),
        "Too many open files",
    ),
    "no route on any path": Scene(
        Cause.LOCAL_NETWORK_DOWN,
        Verdict.NOT_READY,
        Hop.LOCAL_NETWORK,
        couriers(NO_ROUTE)
        + proxied(Phase.PROXY_CONNECT, Reason.NETWORK_UNREACHABLE, "Network is unreachable", None),
        "Network is unreachable",
        (DIRECT, PROXY),
    ),
    "no route to the resolver": Scene(
        Cause.LOCAL_NETWORK_DOWN,
        Verdict.NOT_READY,
        Hop.LOCAL_NETWORK,
        directly(Phase.RESOLVE, Reason.NETWORK_UNREACHABLE, "192.0.2.53: Network is unreachable"),
        "192.0.2.53",
    ),
    "a sinkhole": Scene(
        Cause.DNS_SINKHOLE,
        Verdict.NOT_READY,
        Hop.RESOLVER,
        directly(Phase.RESOLVE, Reason.SINKHOLED, "A 0.0.0.0"),
        "the owners of this machine's resolver to remove *.push.apple.com from its block list",
    ),
    "a sinkhole to which no route leads": Scene(
        Cause.DNS_SINKHOLE,
        Verdict.NOT_READY,
        Hop.RESOLVER,
        courier_at("10.9.9.9", NO_ROUTE, None),
        "The answer 10.9.9.9 leads to nothing of Apple's",
    ),
    "a sinkhole whose last hop does not know it": Scene(
        Cause.DNS_SINKHOLE,
        Verdict.NOT_READY,
        Hop.RESOLVER,
        courier_at("10.9.9.9", Failure(Phase.CONNECT, Reason.HOST_UNREACHABLE), None),
        "The answer 10.9.9.9 leads to nothing of Apple's",
    ),
    "no route to a relay that another path reaches": Scene(
        Cause.LOCAL_MACHINE,
        Verdict.NOT_READY,
        Hop.LOCAL_NETWORK,
        [result(COURIER, port, path=OTHER.name, address="10.9.9.9") for port in COURIER.ports]
        + courier_at("10.9.9.9", NO_ROUTE, None),
        "with a route to 0-courier.push.apple.com",
        (OTHER, DIRECT),
    ),
    "no such names": Scene(
        Cause.DNS_FAILURE,
        Verdict.NOT_READY,
        Hop.RESOLVER,
        directly(Phase.RESOLVE, Reason.NXDOMAIN, "127.0.0.1:53 over udp: NXDOMAIN"),
        "(N: 0 to 3). Seen: 0-courier.push.apple.com:443: 127.0.0.1:53 over udp",
    ),
    "no such proxy": Scene(
        Cause.DNS_FAILURE,
        Verdict.NOT_READY,
        Hop.RESOLVER,
        proxied(Phase.PROXY_RESOLVE, Reason.NXDOMAIN, "NXDOMAIN", None),
        "resolve proxy.test, the proxy's name",
        (PROXY,),
    ),
    "a login wanted": Scene(
        Cause.PROXY_AUTH,
        Verdict.NOT_READY,
        Hop.PROXY,
        proxied(HANDSHAKE, Reason.PROXY_AUTH_REQUIRED, "HTTP 407 (offers Basic)"),
        "HTTP 407 (offers Basic)",
        (PROXY,),
    ),
    "a proxy that refuses connections": Scene(
        Cause.PROXY_DOWN,
        Verdict.NOT_READY,
        Hop.PROXY,
        proxied(Phase.PROXY_CONNECT, Reason.REFUSED, "Connection refused", None) + couriers(),
        "proxy.test:3128 to make sure that the proxy runs",
        (DIRECT, PROXY),
    ),
    "a proxy that says nothing to anyone": Scene(
        Cause.PROXY_DOWN,
        Verdict.NOT_READY,
        Hop.PROXY,
        proxied(HANDSHAKE, Reason.PROXY_TIMEOUT, "no answer in 10 s", spoke=False),
        "no answer in 10 s",
        (PROXY,),
    ),
    "a web server in the proxy's place": Scene(
        Cause.PROXY_DOWN,
        Verdict.NOT_READY,
        Hop.PROXY,
        proxied(HANDSHAKE, Reason.PROXY_NOT_A_PROXY, "HTTP 200 OK"),
        "HTTP 200 OK",
        (PROXY,),
    ),
    "an overloaded proxy": Scene(
        Cause.PROXY_OVERLOADED,
        Verdict.NOT_READY,
        Hop.PROXY,
        proxied(HANDSHAKE, Reason.PROXY_OVERLOADED, "HTTP 503 Service Unavailable"),
        "HTTP 503",
        (PROXY,),
    ),
    "a proxy that denies": Scene(
        Cause.PROXY_DENIES_PORT,
        Verdict.NOT_READY,
        Hop.PROXY,
        proxied(HANDSHAKE, Reason.PROXY_DENIED, "HTTP 403 Forbidden"),
        "allow TCP port 443 to N-courier.push.apple.com (N: 0 to 3)",
        (PROXY,),
    ),
    "a proxy that says it cannot resolve": Scene(
        Cause.PROXY_CANNOT_RESOLVE,
        Verdict.NOT_READY,
        Hop.PROXY,
        proxied(HANDSHAKE, Reason.PROXY_DNS_FAILURE, "dns_error"),
        "fix its name resolution",
        (PROXY,),
    ),
    "a proxy to which names mean nothing": Scene(
        Cause.PROXY_CANNOT_RESOLVE,
        Verdict.DEGRADED,
        Hop.PROXY,
        proxied(HANDSHAKE, Reason.PROXY_ERROR, "HTTP 500") + couriers(path=BOTH, spoke=True),
        "by name",
        (BOTH,),
    ),
    "a proxy that resolves names to something else": Scene(
        Cause.PROXY_RESOLVES_DIFFERENTLY,
        Verdict.DEGRADED,
        Hop.PROXY,
        proxied(Phase.TLS, Reason.TLS_TIMEOUT) + couriers(path=BOTH, spoke=True),
        "check its resolver's addresses for",
        (BOTH,),
    ),
    "a service down everywhere": Scene(
        Cause.APPLE_UNREACHABLE,
        Verdict.NOT_READY,
        Hop.APPLE,
        couriers(DROPPED) + proxied(HANDSHAKE, Reason.PROXY_TARGET_TIMEOUT, "reply 6") + API_WORKS,
        "www.apple.com/support/systemstatus",
        (DIRECT, PROXY),
        (COURIER, API),
    ),
    "a push certificate that Apple refuses": Scene(
        Cause.PUSH_CERTIFICATE_REFUSED,
        Verdict.NOT_READY,
        Hop.OWN_SERVICE,
        API_WORKS[:1],
        "those who run the MDM server to replace the push certificate mdm. It has expired: renew it with",
        services=(API,),
        proofs=(Proof(NOW, "mdm", DIRECT.name, Acceptance.EXPIRED, "TLS alert 45"),),
    ),
    "a proxy that cannot get out": Scene(
        Cause.PROXY_CANNOT_CONNECT,
        Verdict.NOT_READY,
        Hop.PROXY,
        couriers() + proxied(HANDSHAKE, Reason.PROXY_TARGET_TIMEOUT, "reply 6"),
        "on port 443. Apple's networks are 17.249.0.0/16",
        (DIRECT, PROXY),
    ),
    "interception at the proxy": Scene(
        Cause.TLS_INTERCEPTED,
        Verdict.NOT_READY,
        Hop.PROXY,
        proxied(Phase.TLS, Reason.TLS_INTERCEPTED, "issued by Corporate Proxy"),
        "exempt *.push.apple.com from TLS inspection",
        (PROXY,),
    ),
    "interception on the direct way": Scene(
        Cause.TLS_INTERCEPTED,
        Verdict.NOT_READY,
        Hop.FIREWALL,
        directly(Phase.TLS, Reason.TLS_INTERCEPTED, "issued by Corporate Firewall"),
        "the firewall",
    ),
    "a captive portal": Scene(
        Cause.WRONG_PEER,
        Verdict.NOT_READY,
        Hop.FIREWALL,
        directly(Phase.TLS, Reason.TLS_NOT_TLS, "HTTP/1.1 302 Found"),
        "HTTP/1.1 302 Found",
    ),
    "a proxy that says yes to everything": Scene(
        Cause.PROXY_FALSE_SUCCESS,
        Verdict.NOT_READY,
        Hop.PROXY,
        proxied(Phase.TLS, Reason.CLOSED, "closed after 0 bytes"),
        "as established, and nothing answers",
        (PROXY,),
    ),
    "an MTU black hole": Scene(
        Cause.TLS_STALLS,
        Verdict.NOT_READY,
        Hop.FIREWALL,
        directly(Phase.TLS, Reason.TLS_TIMEOUT, "nothing came back"),
        "'fragmentation needed'",
    ),
    "a filter that cuts TLS": Scene(
        Cause.TLS_BLOCKED,
        Verdict.NOT_READY,
        Hop.FIREWALL,
        directly(Phase.TLS, Reason.RESET, "Connection reset"),
        "allow TLS to",
    ),
    "a filter that accepts connections and resets them": Scene(
        Cause.TLS_BLOCKED,
        Verdict.NOT_READY,
        Hop.FIREWALL,
        directly(Phase.CONNECT, Reason.RESET, "Connection reset"),
        "are reset at once",
    ),
    "a session that is refused": Scene(
        Cause.SESSION_BROKEN,
        Verdict.NOT_READY,
        Hop.FIREWALL,
        directly(Phase.SESSION, Reason.REFUSED, "GOAWAY"),
        "GOAWAY",
    ),
    "some ranges blocked": Scene(
        Cause.RANGE_BLOCKED,
        Verdict.DEGRADED,
        Hop.FIREWALL,
        couriers(hosts=(0, 1)) + couriers(DROPPED, hosts=(2, 3)),
        "allow TCP port 5223 to 17.249.0.0/16 and 17.252.0.0/16",
    ),
    "IPv6 broken": Scene(
        Cause.IPV6_BROKEN,
        Verdict.DEGRADED,
        Hop.LOCAL_NETWORK,
        couriers() + couriers(DROPPED, family=Family.IPV6),
        "fix its IPv6",
    ),
    "IPv4 broken": Scene(
        Cause.IPV4_BROKEN,
        Verdict.DEGRADED,
        Hop.LOCAL_NETWORK,
        couriers(DROPPED) + couriers(family=Family.IPV6),
        "fix its IPv4",
    ),
    "5223 blocked, 443 open": Scene(
        Cause.PORT_BLOCKED,
        Verdict.FALLBACK_ONLY,
        Hop.FIREWALL,
        couriers(DROPPED, (5223,)) + couriers(None, (443,)),
        "allow TCP port 5223 to N-courier.push.apple.com (N: 0 to 3)",
    ),
    "everything blocked": Scene(
        Cause.PORT_BLOCKED,
        Verdict.NOT_READY,
        Hop.FIREWALL,
        couriers(REFUSED),
        "allow TCP ports 443 and 5223",
    ),
    "a NAT64 gateway that is dead": Scene(
        Cause.PORT_BLOCKED,
        Verdict.NOT_READY,
        Hop.LOCAL_NETWORK,
        [
            replace(each, attempt=replace(each.attempt, family=Family.IPV6, address=TRANSLATED))
            for each in couriers(DROPPED)
        ],
        "Ask the owners of this network to repair its NAT64 gateway",
    ),
    "a NAT64 gateway that is dead, beside IPv4": Scene(
        Cause.IPV6_BROKEN,
        Verdict.DEGRADED,
        Hop.LOCAL_NETWORK,
        [
            *couriers(),
            *(
                replace(each, attempt=replace(each.attempt, family=Family.IPV6, address=TRANSLATED))
                for each in couriers(DROPPED)
            ),
        ],
        "Ask the owners of this network to repair its NAT64 gateway",
    ),
    "a proxy that is given addresses of another network's DNS64": Scene(
        Cause.PROXY_CANNOT_CONNECT,
        Verdict.NOT_READY,
        Hop.PROXY,
        [
            replace(each, attempt=replace(each.attempt, address=TRANSLATED))
            for each in couriers(
                Failure(HANDSHAKE, Reason.PROXY_TARGET_TIMEOUT), path=LOCAL, family=Family.IPV6, spoke=True
            )
        ],
        "Set `resolve: proxy` of the path proxy in the config.",
        (LOCAL,),
    ),
    "connection requests lost, all of them repeated": Scene(
        Cause.PACKET_LOSS,
        Verdict.DEGRADED,
        Hop.LOCAL_NETWORK,
        couriers(None, (443,)) + couriers(None, (5223,), syn_retransmits=1),
        "what loses packets",
    ),
    "connection requests lost, some of them for good": Scene(
        Cause.PACKET_LOSS,
        Verdict.DEGRADED,
        Hop.LOCAL_NETWORK,
        couriers(None, (443,), syn_retransmits=1)
        + couriers(None, (5223,), hosts=(0, 1, 2))
        + couriers(DROPPED, (5223,), hosts=(3,)),
        "what loses packets",
    ),
    "a host that another path reaches": Scene(
        Cause.HOSTS_BLOCKED,
        Verdict.DEGRADED,
        Hop.FIREWALL,
        couriers(path=PROXY, family=Family.NAME) + couriers(hosts=(0, 1, 2)) + couriers(DROPPED, hosts=(3,)),
        "3-courier.push.apple.com. Another path reaches them",
        (PROXY, DIRECT),
    ),
    "one host down": Scene(
        Cause.HOSTS_UNREACHABLE,
        Verdict.DEGRADED,
        Hop.APPLE,
        couriers(hosts=(0, 1, 2)) + couriers(DROPPED, hosts=(3,)),
        "about 3-courier.push.apple.com on port 5223. Only these",
    ),
    "a resolver that answers otherwise": Scene(
        Cause.DNS_DIFFERS,
        Verdict.READY,
        Hop.RESOLVER,
        couriers(path=OTHER) + couriers(path=MINE),
        "with those of the resolver other. Seen: 0-courier.push.apple.com A: 192.0.2.7",
        (OTHER, MINE),
        lookups=(
            lookup(COURIER.hosts[0], "192.0.2.7", resolver="mine"),
            lookup(COURIER.hosts[0], "17.57.144.1", resolver="other"),
        ),
    ),
    "a nameserver that does not answer beside one that does": Scene(
        Cause.NAMESERVER_SILENT,
        Verdict.READY,
        Hop.RESOLVER,
        couriers(path=MINE),
        "to repair 10.0.0.53:53, or to take it out of the list. Programs that ask it first wait",
        (MINE,),
        lookups=ALL_SILENT_FIRST,
    ),
    "no PAC file": Scene(
        Cause.PAC_FAILED,
        Verdict.NOT_READY,
        Hop.PROXY,
        couriers(
            Failure(
                Phase.PROXY_RESOLVE,
                Reason.PAC_UNAVAILABLE,
                "the PAC file http://web.test/proxy.pac: HTTP 404",
            ),
            path=PAC,
            family=Family.NAME,
        ),
        "to make sure that the PAC file can be fetched from netcheck's machine.",
        (PAC,),
    ),
    "a proxy that leads on only who logs in, as devices cannot": Scene(
        Cause.PROXY_LOGIN_NEEDED,
        Verdict.READY,
        Hop.PROXY,
        with_login(couriers(path=PROXY, family=Family.NAME, spoke=True)),
        "to exempt N-courier.push.apple.com (N: 0 to 3) from the login. Devices cannot log in.",
        (PROXY,),
    ),
    "a proxy that exempts from the login what devices need": Scene(
        None,
        Verdict.READY,
        None,
        couriers(path=PROXY, family=Family.NAME, spoke=True)
        + with_login([result(PROVIDER, 443, path="proxy", family=Family.NAME, proxies=PROXY.proxies)]),
        "",
        (PROXY,),
        (COURIER, PROVIDER),
    ),
    "a proxy of which one address is dead": Scene(
        Cause.PROXY_MEMBER_DOWN,
        Verdict.READY,
        Hop.PROXY,
        [
            replace(each, attempt=replace(each.attempt, passed_over=("10.0.0.2:3128",)))
            for each in couriers(path=PROXY, family=Family.NAME, spoke=True)
        ],
        "to repair 10.0.0.2:3128, or to take it out of the proxy's name",
        (PROXY,),
    ),
    "a filter that reads only the first packet of a TLS hello": Scene(
        Cause.LARGE_HELLO_BLOCKED,
        Verdict.DEGRADED,
        Hop.FIREWALL,
        with_large_hello(couriers(), LargeHello(1750, SILENT_IN_TLS)),
        "Ask the owners of the firewall to pass TLS on ports 443 and 5223 also where it begins with more",
    ),
    "a path that loses packets of full size": Scene(
        Cause.LARGE_HELLO_BLOCKED,
        Verdict.DEGRADED,
        Hop.FIREWALL,
        with_large_hello(couriers(), LargeHello(1750, SILENT_IN_TLS, passes_in_small_packets=True)),
        "to pass packets of full size on ports 443 and 5223: in small packets, TLS is answered.",
    ),
    "such a filter behind a proxy": Scene(
        Cause.LARGE_HELLO_BLOCKED,
        Verdict.DEGRADED,
        Hop.PROXY,
        with_large_hello(
            couriers(path=PROXY, family=Family.NAME, spoke=True), LargeHello(1750, SILENT_IN_TLS)
        ),
        "Ask the owners of the proxy proxy.test:3128 to pass TLS on port 443",
        (PROXY,),
    ),
    "such a filter before OpenSSL, whose own hello is large": Scene(
        Cause.LARGE_HELLO_BLOCKED,
        Verdict.NOT_READY,
        Hop.FIREWALL,
        with_large_hello(couriers(SILENT_IN_TLS), LargeHello(1750, SILENT_IN_TLS, is_usual=True)),
        "Ask the owners of the firewall to pass TLS on ports 443 and 5223",
    ),
    "such a filter, and another one that ends what begins with a short hello": Scene(
        Cause.TLS_BLOCKED,
        Verdict.DEGRADED,
        Hop.FIREWALL,
        with_large_hello(couriers(hosts=(0,)), LargeHello(1750, SILENT_IN_TLS))
        + couriers(Failure(Phase.TLS, Reason.RESET, "reset"), hosts=(1, 2, 3)),
        "to allow TLS to 1-courier.push.apple.com, 2-courier.push.apple.com and 3-courier.push.apple.com",
    ),
    "such a filter on a port that devices only fall back to": Scene(
        None,
        Verdict.READY,
        None,
        couriers(None, (5223,)) + with_large_hello(couriers(None, (443,)), LargeHello(1750, SILENT_IN_TLS)),
    ),
    "such a filter on one of two ports of which any will do": Scene(
        None,
        Verdict.READY,
        None,
        [
            result(PROVIDER, 443),
            replace(result(PROVIDER, 2197), large_hello=LargeHello(1750, SILENT_IN_TLS)),
        ],
        services=(PROVIDER,),
    ),
    "a slow proxy": Scene(
        Cause.PROXY_SLOW,
        Verdict.READY,
        Hop.PROXY,
        couriers() + couriers(path=PROXY, family=Family.NAME, spoke=True, seconds=2.0),
        "what slows it down",
        (DIRECT, PROXY),
    ),
    "a firewall that forgets idle connections": Scene(
        Cause.IDLE_FORGOTTEN,
        Verdict.READY,
        Hop.FIREWALL,
        couriers(),
        "Ask the owners of the firewall to keep connections to port 5223 for more than 30 minutes",
        holds=[held(HoldEnd.LOST, 300.0)],
    ),
    "a proxy that closes idle connections, while the direct way keeps them": Scene(
        Cause.IDLE_FORGOTTEN,
        Verdict.READY,
        Hop.PROXY,
        couriers() + couriers(path=PROXY, family=Family.NAME, spoke=True),
        "Ask the owners of the proxy proxy.test:3128 to keep connections",
        (DIRECT, PROXY),
        holds=[held(HoldEnd.HELD, 900.0), held(HoldEnd.CLOSED, 60.0, PROXY, Family.NAME)],
    ),
    "a firewall that resets what it has forgotten, after the longest silence that is tried": Scene(
        Cause.IDLE_FORGOTTEN,
        Verdict.READY,
        Hop.FIREWALL,
        couriers(path=PROXY, family=Family.NAME, spoke=True) + couriers(),
        "Ask the owners of the firewall to keep connections",
        (PROXY, DIRECT),
        holds=[held(HoldEnd.HELD, 900.0, PROXY, Family.NAME), held(HoldEnd.RESET, 900.0)],
    ),
    "a peer that closes idle connections on every path": Scene(
        None,
        Verdict.READY,
        None,
        couriers() + couriers(path=PROXY, family=Family.NAME, spoke=True),
        paths=(DIRECT, PROXY),
        holds=[held(HoldEnd.RESET, 60.0), held(HoldEnd.CLOSED, 60.0, PROXY, Family.NAME)],
    ),
    "a firewall that forgets what has been idle for long": Scene(
        None, Verdict.READY, None, couriers(), holds=[held(HoldEnd.LOST, 3600.0)]
    ),
    "a connection that ends after less silence than it has outlived": Scene(
        None,
        Verdict.READY,
        None,
        couriers() + couriers(path=PROXY, family=Family.NAME, spoke=True),
        "",
        (DIRECT, PROXY),
        holds=[
            held(HoldEnd.HELD, 900.0),
            replace(held(HoldEnd.CLOSED, 60.0, PROXY, Family.NAME), longest=120.0),
        ],
    ),
    "a connection that is lost after less silence than it has outlived": Scene(
        None,
        Verdict.READY,
        None,
        couriers(),
        holds=[replace(held(HoldEnd.LOST, 60.0), longest=120.0)],
    ),
    "5223 open, 443 blocked": Scene(
        Cause.FALLBACK_BLOCKED,
        Verdict.READY,
        Hop.FIREWALL,
        couriers(None, (5223,)) + couriers(DROPPED, (443,)),
        "allow TCP port 443 to N-courier.push.apple.com (N: 0 to 3), without TLS inspection. Push works now",
    ),
    "a clock that is years off": Scene(
        Cause.CLOCK_WRONG,
        Verdict.NOT_READY,
        Hop.LOCAL_NETWORK,
        courier_at("17.57.144.1", EXPIRED, certificate(), time=NOW + 5 * YEAR),
        "Set the clock",
    ),
    "certificates of Apple's that expired yesterday": Scene(
        Cause.APPLE_CERTIFICATE,
        Verdict.NOT_READY,
        Hop.APPLE,
        courier_at(
            "17.57.144.1",
            EXPIRED,
            certificate(not_after=NOW - 86400),
        ),
        "Compare this machine's clock",
    ),
    "a path that should be blocked and is not": Scene(
        Cause.PATH_OPEN,
        Verdict.READY,
        Hop.FIREWALL,
        couriers(),
        "to block these connections: the path direct should be closed",
        (replace(DIRECT, expected=Expected.BLOCKED),),
    ),
    "a proxy that denies one host of those on a port": Scene(
        Cause.PROXY_DENIES_HOST,
        Verdict.NOT_READY,
        Hop.PROXY,
        [
            *couriers(path=PROXY, family=Family.NAME, spoke=True),
            result(MDM, 443, DENIED, path="proxy", family=Family.NAME, proxy_spoke=True),
        ],
        "change its rules: allow mdm.test on port 443",
        (PROXY,),
        (COURIER, MDM),
    ),
    "a load balancer that is down": Scene(
        Cause.BALANCER_DOWN,
        Verdict.NOT_READY,
        Hop.LOAD_BALANCER,
        [result(API, 443, REFUSED, path="lb", balancer="10.1.1.20:8443")],
        "the load balancer 10.1.1.20:8443 to make sure that the load balancer runs and can be reached from "
        "netcheck's machine. Connections to api.push.apple.com go there.",
        (BALANCED,),
        (API,),
    ),
    "a load balancer that wants the PROXY protocol": Scene(
        Cause.BALANCER_HEADER,
        Verdict.NOT_READY,
        Hop.LOAD_BALANCER,
        [
            result(
                API,
                443,
                Failure(Phase.TLS, Reason.CLOSED, "closed", is_of_header=True),
                path="lb",
                balancer="10.1.1.20:8443",
            )
        ],
        "write `proxy_protocol: v2` for the path lb in the config",
        (BALANCED,),
        (API,),
    ),
    "a load balancer without members": Scene(
        Cause.BALANCER_MEMBERS_DOWN,
        Verdict.NOT_READY,
        Hop.LOAD_BALANCER,
        [result(API, 443, Failure(Phase.TLS, Reason.CLOSED, "closed"), path="lb", balancer="10.1.1.20:8443")],
        "check its members",
        (BALANCED,),
        (API,),
    ),
    "a load balancer that ends TLS": Scene(
        Cause.BALANCER_ENDS_TLS,
        Verdict.NOT_READY,
        Hop.LOAD_BALANCER,
        [
            result(
                API,
                443,
                Failure(Phase.TLS, Reason.TLS_INTERCEPTED, "lb"),
                path="lb",
                balancer="10.1.1.20:8443",
            )
        ],
        "must not end TLS itself",
        (BALANCED,),
        (API,),
    ),
    "an expired certificate of the MDM server": Scene(
        Cause.SERVICE_CERTIFICATE,
        Verdict.NOT_READY,
        Hop.OWN_SERVICE,
        [*couriers(), result(MDM, 443, Failure(Phase.TLS, Reason.TLS_EXPIRED, "expired yesterday"))],
        "those who run mdm.test to renew the certificate on port 443",
        services=(COURIER, MDM),
    ),
    "an MDM server that sends no intermediate certificate": Scene(
        Cause.SERVICE_CERTIFICATE,
        Verdict.NOT_READY,
        Hop.OWN_SERVICE,
        [
            *couriers(),
            result(
                MDM,
                443,
                Failure(Phase.TLS, Reason.TLS_UNTRUSTED, "was issued by Example CA"),
                tls=replace(certificate(Trust.OTHER), is_alone=True),
            ),
        ],
        "If not, ask those who run mdm.test to send the intermediate certificates with the server's own",
        services=(COURIER, MDM),
    ),
    "a certificate of the MDM server that no client takes": Scene(
        Cause.SERVICE_CERTIFICATE,
        Verdict.NOT_READY,
        Hop.OWN_SERVICE,
        [
            *couriers(),
            result(
                MDM,
                443,
                Failure(Phase.TLS, Reason.TLS_UNTRUSTED, "the certificate is not for servers"),
                tls=replace(certificate(Trust.OTHER), unfit="the certificate is not for servers"),
            ),
        ],
        "Ask those who run mdm.test to install another certificate on port 443.",
        services=(COURIER, MDM),
    ),
    "a certificate of the MDM server that is of no authority in its ca_file": Scene(
        Cause.SERVICE_CERTIFICATE,
        Verdict.NOT_READY,
        Hop.OWN_SERVICE,
        [
            *couriers(),
            result(
                MDM,
                443,
                Failure(Phase.TLS, Reason.TLS_UNTRUSTED, "was issued by another"),
                tls=certificate(Trust.OTHER),
            ),
        ],
        "Or see whether its authority is missing in `ca_file` of the service",
        services=(COURIER, replace(MDM, tls=TlsSettings(ca_file=Path("ca.pem")))),
    ),
    "an MDM server that is down": Scene(
        Cause.SERVICE_DOWN,
        Verdict.NOT_READY,
        Hop.OWN_SERVICE,
        [*couriers(), result(MDM, 443, DROPPED)],
        "those who run mdm.test to make sure that the server runs",
        services=(COURIER, MDM),
    ),
    "nothing wrong": Scene(None, Verdict.READY, None, couriers()),
    "nothing known": Scene(None, Verdict.UNKNOWN, None, []),
    "a proxy that denies only what devices do not use": Scene(
        None,
        Verdict.READY,
        None,
        couriers(Failure(HANDSHAKE, Reason.PROXY_DENIED), (5223,), path=PROXY, spoke=True)
        + couriers(None, (443,), path=PROXY, spoke=True),
        paths=(PROXY,),
    ),
}


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_has_its_cause_and_next_step(name: str) -> None:
    scene = SCENES[name]
    judged = scene.judged()
    assert (judged.verdict, judged.cause, judged.hop) == (scene.verdict, scene.cause, scene.hop)
    assert scene.says in (judged.next_step or "")
    assert (judged.next_step is None) == (scene.cause is None)


@pytest.mark.parametrize("name", SCENES)
def test_what_is_said_are_plain_sentences_of_at_most_25_words_and_the_reply_stands_last_and_once(
    name: str,
) -> None:
    for finding in SCENES[name].judged().findings:
        for sentence in (*finding.next_step.split(". "), *finding.evidence.split(". ")):
            assert sentence.strip()
            assert len(sentence.split()) <= 25, sentence
        assert "\n" not in finding.request
        assert finding.next_step.endswith(".")
        said = " ".join((finding.evidence, finding.next_step)).lower()
        assert not re.search(r"\b(mend|except|fares|come about|came about)\b", said)
        assert not re.search(r"(?<!of )\b1 (better )?(hosts|names|answers|addresses)\b", said)
        if finding.reply:
            assert finding.request.endswith(f"Seen: {finding.reply.rstrip('.')}.")
            assert f"{finding.evidence} {finding.request}".count(finding.reply.rstrip(".")) == 1


@pytest.mark.parametrize("name", SCENES)
def test_a_fault_that_asks_somebody_asks_who_is_named_as_whom_to_ask(name: str) -> None:
    for finding in SCENES[name].judged().faults:  # by this, tickets are addressed
        asks = finding.next_step.startswith("Ask ")
        assert not asks or finding.next_step.startswith(f"Ask {finding.asked} ")


@pytest.mark.parametrize("name", SCENES)
def test_a_finding_has_an_owner_and_a_hop_that_its_path_can_have(name: str) -> None:
    judged = SCENES[name].judged()
    for finding in judged.findings:
        assert finding.owner
        assert (finding.cause, finding.hop) in possible(SCENES[name].paths[-1])


def test_every_rule_has_a_scene() -> None:
    over_time = {Cause.INTERMITTENT}  # among the tests of what counts
    over_time |= {Cause.PAC_SPLITS, Cause.PAC_MEMBER_DOWN, Cause.PAC_OUTDATED}  # in causes/test_pac.py
    assert {scene.cause for scene in SCENES.values()} == {*Cause, None} - over_time


def test_the_table_is_in_the_order_of_the_causes() -> None:
    assert [rule.cause for rule in RULES] == list(Cause)


def test_a_stray_failure_moves_no_blame() -> None:
    stray = couriers(DROPPED, (5223,), hosts=(0,))
    ranges = couriers(hosts=(1,)) + stray + couriers(DROPPED, hosts=(2, 3))
    assert judge(ranges).cause is Cause.RANGE_BLOCKED
    family = couriers(hosts=(1, 2, 3)) + stray + couriers(DROPPED, family=Family.IPV6)
    assert judge(family).cause is Cause.IPV6_BROKEN
    no_answer = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT)
    loss = couriers(hosts=(0, 1, 2), syn_retransmits=1) + couriers(no_answer, hosts=(3,))
    assert judge(loss).cause is Cause.PACKET_LOSS


def test_the_evidence_of_a_blocked_range_counts_hosts() -> None:
    judged = SCENES["some ranges blocked"].judged()
    assert judged.evidence[0].startswith(
        "Hosts with addresses that fail on port 5223: 2 of 4 (17.249.0.0/16: 0 of 1"
    )


def test_the_page_has_each_cause_with_its_hops_in_the_order_of_the_rules() -> None:
    page = (Path(__file__).parents[2] / "docs" / "diagnosis.md").read_text(encoding="utf-8")
    table = page.partition("| cause | hop | means |\n| --- | --- | --- |\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert [row[:2] for row in rows] == [[f"`{rule.cause}`", ", ".join(rule.hops)] for rule in RULES]


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (DROPPED, Cause.RANGE_BLOCKED),
        (Failure(Phase.TLS, Reason.TLS_INTERCEPTED, "Corp CA"), Cause.TLS_INTERCEPTED),
    ],
)
def test_a_second_fault_behind_a_larger_one_is_asked_for_too(failure: Failure, cause: Cause) -> None:
    results = couriers(DROPPED, family=Family.IPV6) + couriers(hosts=(0, 1)) + couriers(failure, hosts=(2, 3))
    judged = judge(results)
    assert [finding.cause for finding in judged.asking] == [Cause.IPV6_BROKEN, cause]


IPV6_IS_DEAD = [*couriers(), *couriers(DROPPED, family=Family.IPV6)]
DECRYPTED = Failure(Phase.TLS, Reason.TLS_INTERCEPTED, "issued by Corp CA")


def test_a_remark_follows_the_faults_where_it_says_something_of_its_own() -> None:
    results = [*couriers(None, (5223,)), *couriers(DECRYPTED, (443,)), *IPV6_IS_DEAD[8:]]
    judged = judge(results)
    assert [each.cause for each in judged.findings] == [Cause.IPV6_BROKEN, Cause.FALLBACK_BLOCKED]
    fault, remark = judged.findings
    assert (judged.cause, judged.asking, judged.next_step) == (Cause.IPV6_BROKEN, (fault,), fault.request)
    assert remark.is_remark
    assert "allow TLS on port 443 over IPv4" in remark.next_step
    assert "Devices on Wi-Fi or Ethernet fall back to it." in remark.next_step
    assert {each.attempt.family for each in remark.about} == {Family.IPV4}


def test_no_remark_says_again_what_a_fault_is_about() -> None:
    judged = judge(IPV6_IS_DEAD)
    assert [each.cause for each in judged.findings] == [Cause.IPV6_BROKEN]


@pytest.mark.parametrize("failure", [DROPPED, Failure(Phase.TLS, Reason.CLOSED, "closed")])
def test_a_single_host_behind_a_larger_fault_is_not_asked_for(failure: Failure) -> None:
    results = (
        couriers(DROPPED, family=Family.IPV6) + couriers(hosts=(0, 1, 2)) + couriers(failure, hosts=(3,))
    )
    judged = judge(results)
    assert [finding.cause for finding in judged.findings] == [Cause.IPV6_BROKEN]


@pytest.mark.parametrize(
    ("results", "fault"),
    [
        (IPV6_IS_DEAD, Cause.IPV6_BROKEN),
        (couriers(Failure(Phase.RESOLVE, Reason.NXDOMAIN, "no such name"), path=MINE), Cause.DNS_FAILURE),
    ],
)
def test_a_dead_nameserver_is_named_beside_a_fault(results: Sequence[Result], fault: Cause) -> None:
    results = [replace(each, path=MINE.name) for each in results]
    judged = judge(results, paths=(MINE,), lookups=ALL_SILENT_FIRST)
    assert [each.cause for each in judged.findings] == [fault, Cause.NAMESERVER_SILENT]


def test_while_names_get_no_answer_no_single_nameserver_is_told_to_be_silent() -> None:
    silent = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT, "no answer")
    results = couriers(silent, path=MINE)
    judged = judge(results, paths=(MINE,), lookups=ALL_SILENT_FIRST)
    assert [each.cause for each in judged.findings] == [Cause.DNS_FAILURE]
