"""What was seen in a network, made of results; and what is made of it."""

from collections.abc import Sequence
from dataclasses import replace

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Judgement
from netcheck.model.holds import Hold
from netcheck.model.paths import (
    Expected,
    Family,
    LoadBalancer,
    Pac,
    ProbePath,
    Proxy,
    ProxyScheme,
    ResolveMode,
    Resolver,
    Role,
)
from netcheck.model.push_certificates import Proof, PushCertificate
from netcheck.model.results import Lookup, Result, TlsInfo, Trust
from netcheck.model.services import PortRule, Service, TlsSettings
from netcheck.verdict.assessing import assess
from netcheck.verdict.rules import RULES
from netcheck.verdict.world import Beside
from tests.records import once, result


def numbered(count: int, name: str = "courier") -> Service:
    """So many couriers of Apple's."""
    hosts = tuple(f"{number}-{name}.push.apple.com" for number in range(count))
    return Service(name, hosts, (5223, 443), frozenset({Role.DEVICE}), True, PortRule.FALLBACK)


COURIER = numbered(4)
ENROLMENT = Service(
    "enrolment",
    ("deviceenrollment.apple.com", "gdmf.apple.com", "iprofiles.apple.com"),
    (443,),
    frozenset({Role.DEVICE}),
)
"""Of one's own, with hosts of Apple's that are none of push: https://support.apple.com/101555"""
NAMED = replace(COURIER, tls=TlsSettings("courier.push.apple.com"))
"""The couriers as they are: one name in TLS for all."""
DIRECT = ProbePath("direct")
BLOCKED = replace(DIRECT, expected=Expected.BLOCKED)
FALLBACK = replace(DIRECT, expected=Expected.FALLBACK_ONLY)
PROXY = ProbePath("proxy", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128),))
BOTH = ProbePath("proxy", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128, resolve=ResolveMode.BOTH),))
LOCAL = ProbePath("proxy", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128, resolve=ResolveMode.LOCAL),))
PAC = ProbePath("pac", chosen_by=Pac("http://web.test/proxy.pac"))
RANGES = ("17.57.144.", "17.188.128.", "17.249.0.", "17.252.0.")
NO_ROUTE = Failure(Phase.CONNECT, Reason.NETWORK_UNREACHABLE, "connect: Network is unreachable")


def judge(
    results: Sequence[Result],
    *,
    paths: Sequence[ProbePath] = (DIRECT,),
    services: Sequence[Service] = (COURIER,),
    lookups: Sequence[Lookup] = (),
    push_certificates: Sequence[PushCertificate] = (),
    proofs: Sequence[Proof] = (),
    holds: Sequence[Hold] = (),
) -> Judgement:
    """The judgement on the last path; where both roles have one, the devices'."""
    large_hellos = tuple(each for each in results if each.large_hello)
    beside = Beside(tuple(push_certificates), tuple(proofs), large_hellos, tuple(holds))
    found = assess(services, paths, once(results), lookups, beside=beside).judgements
    return next(each for each in found if each.path == paths[-1].name)


def couriers(
    failure: Failure | None = None,
    ports: Sequence[int] = (5223, 443),
    *,
    path: ProbePath = DIRECT,
    family: Family = Family.IPV4,
    hosts: Sequence[int] = (0, 1, 2, 3),
    spoke: bool | None = None,
    syn_retransmits: int = 0,
    seconds: float = 0.02,
) -> list[Result]:
    """One result for each of these hosts and ports, each host in a range of its own."""
    return [
        result(
            COURIER,
            port,
            failure,
            host=COURIER.hosts[number],
            path=path.name,
            family=family,
            address=f"{RANGES[number]}{number + 1}" if family is Family.IPV4 else f"2620:149:a44::{number}",
            proxy_spoke=spoke,
            syn_retransmits=syn_retransmits,
            seconds=seconds,
            proxies=path.proxies,
        )
        for port in ports
        for number in hosts
    ]


def enrolment(
    failure: Failure | None = None,
    path: ProbePath = DIRECT,
    family: Family = Family.IPV4,
    tls: TlsInfo | None = None,
) -> list[Result]:
    """One result for each host of Apple's that is none of push."""
    return [
        result(
            ENROLMENT,
            443,
            failure,
            host=host,
            path=path.name,
            family=family,
            address="17.32.214.25",
            proxy_spoke=path.is_proxied or None,
            tls=tls,
            proxies=path.proxies,
        )
        for host in ENROLMENT.hosts
    ]


def proxied(phase: Phase, reason: Reason, detail: str = "", spoke: bool | None = True) -> list[Result]:
    return couriers(Failure(phase, reason, detail), path=PROXY, family=Family.NAME, spoke=spoke)


def directly(phase: Phase, reason: Reason, detail: str = "") -> list[Result]:
    return couriers(Failure(phase, reason, detail))


HANDSHAKE = Phase.PROXY_HANDSHAKE
API = Service("api", ("api.push.apple.com",), (443,), frozenset({Role.PROVIDER}))
PROVIDER_API = Service(
    "provider", ("api.push.apple.com",), (443, 2197), frozenset({Role.PROVIDER}), True, PortRule.ANY
)
EXPIRED = Failure(Phase.TLS, Reason.TLS_EXPIRED, "expired")
DENIED = Failure(HANDSHAKE, Reason.PROXY_DENIED, "HTTP 403")
GONE = Failure(HANDSHAKE, Reason.PROXY_TARGET_TIMEOUT, "HTTP 504")
OPEN = Service("gateway", ("gateway.push.apple.com",), (2195,), frozenset({Role.PROVIDER}), required=False)
API_WORKS = [result(API, 443, path=path.name) for path in (DIRECT, PROXY)]
MINE = ProbePath("direct", resolver=Resolver("mine"))
OTHER = ProbePath("other", resolver=Resolver("other"))
MDM = Service("mdm", ("mdm.test",), (443,), frozenset({Role.DEVICE}))
BALANCED = ProbePath("lb", load_balancer=(("api.push.apple.com", LoadBalancer("10.1.1.20", 8443)),))

NOW = 1_790_000_000.0
"""The wall clock of those results whose certificates matter."""
YEAR = 365 * 86400.0


def certificate(
    trust: Trust = Trust.APPLE,
    *,
    issuer: str = "Apple",
    subject: str = "courier.push.apple.com",
    is_for_host: bool = True,
    not_before: float = NOW - YEAR / 2,
    not_after: float = NOW + YEAR / 2,
) -> TlsInfo:
    return TlsInfo(
        issuer,
        not_after,
        trust,
        None,
        subject=subject,
        names=(subject,),
        not_before=not_before,
        is_for_host=is_for_host,
    )


def courier_at(
    address: str, failure: Failure | None, tls: TlsInfo | None, host: int = 0, time: float = NOW
) -> list[Result]:
    """One courier on both ports."""
    return [
        result(COURIER, port, failure, host=COURIER.hosts[host], address=address, tls=tls, time=time)
        for port in COURIER.ports
    ]


def hops_of(path: ProbePath) -> tuple[Hop, ...]:
    """Who has a part in a path: what lies behind a proxy, or a load balancer, is its owners' affair."""
    if path.chosen_by is not None:
        way: tuple[Hop, ...] = (Hop.RESOLVER, Hop.PROXY, Hop.FIREWALL)
    elif path.is_proxied:
        way = (Hop.RESOLVER, Hop.PROXY)
    else:
        way = (Hop.LOAD_BALANCER,) if path.load_balancer else (Hop.RESOLVER, Hop.FIREWALL)
    return (Hop.LOCAL_NETWORK, *way, Hop.OWN_SERVICE, Hop.APPLE, Hop.NETCHECK)


def possible(path: ProbePath) -> set[tuple[Cause, Hop]]:
    """Every cause that a path such as this can have, with each hop that it can be of."""
    return {(rule.cause, hop) for rule in RULES for hop in rule.hops if hop in hops_of(path)}


def all_couriers(failure: Failure, tls: TlsInfo, time: float = NOW) -> list[Result]:
    """All on both ports, in one range."""
    return [
        each for host in range(4) for each in courier_at(f"17.57.144.{host + 1}", failure, tls, host, time)
    ]


def through(
    service: Service,
    port: int,
    failure: Failure | None = None,
    host: str = "",
    *,
    spoke: bool = True,
    at: float = 1000.0,
) -> Result:
    """One host through the proxy, which is given its name."""
    return result(
        service,
        port,
        failure,
        host=host,
        path="proxy",
        family=Family.NAME,
        proxy_spoke=spoke,
        address="",
        at=at,
    )
