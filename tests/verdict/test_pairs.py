"""Two faults at once, on two paths: everyone who has a fault is asked, and nobody else.

Each fault says what a probe of one host, port and family over a path would run into; of two, the nearer phase
is seen.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import NamedTuple

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Hop
from netcheck.model.paths import Family, ProbePath
from netcheck.model.results import Result, TlsInfo, Trust
from netcheck.model.services import Service
from netcheck.verdict.assessing import assess
from tests.records import once, result
from tests.verdict.scene import DIRECT, MDM, NOW, PROVIDER_API, PROXY, certificate, numbered

COURIER = numbered(6)
IPV4 = ("17.57.144.1", "17.188.138.2", "17.249.28.3", "17.252.156.4", "17.57.144.5", "17.188.138.6")
IPV6 = ("2620:149:a44::1", "2403:300:a42::2", "2403:300:a51::3", "2a01:b740:a42::4", "2620:149:a44::5")


class Probed(NamedTuple):
    path: ProbePath
    service: Service
    host: str
    port: int
    family: Family

    @property
    def is_direct(self) -> bool:
        return self.path is DIRECT

    @property
    def address(self) -> str:
        number = self.service.hosts.index(self.host)
        if self.family is Family.NAME:
            return ""
        if self.service is COURIER:
            return IPV4[number] if self.family is Family.IPV4 else IPV6[number % len(IPV6)]
        if self.service is MDM:
            return "203.0.114.80"
        return "17.188.143.34" if self.family is Family.IPV4 else "2620:149:208:4308::a"


Where = Callable[[Probed], bool]


class Fault(NamedTuple):
    phase: Phase
    reason: Reason
    where: Where
    hop: Hop
    """Whose it is, on every path where it is seen."""


def here(phase: Phase, reason: Reason, where: Where, hop: Hop = Hop.FIREWALL) -> Fault:
    return Fault(phase, reason, lambda it: it.is_direct and where(it), hop)


def behind_it(phase: Phase, reason: Reason, where: Where, hop: Hop = Hop.PROXY) -> Fault:
    return Fault(phase, reason, lambda it: not it.is_direct and where(it), hop)


def anything(_: Probed) -> bool:
    return True


def is_on_443(it: Probed) -> bool:
    return it.port == 443


def is_courier(it: Probed) -> bool:
    return it.service is COURIER


def is_api(it: Probed) -> bool:
    return it.service is PROVIDER_API


def is_mdm(it: Probed) -> bool:
    return it.service is MDM


def is_every_second(it: Probed) -> bool:
    return is_courier(it) and COURIER.hosts.index(it.host) % 2 == 1


HIDDEN_443 = "443 dropped", "443 decrypted", "443 leads to a portal", "443 reset in TLS", "443 reset at once"
"""Of what is needed, seen on the MDM server only."""
FAULTS = {
    "443 dropped": here(Phase.CONNECT, Reason.TIMEOUT, is_on_443),
    "443 decrypted": here(Phase.TLS, Reason.TLS_INTERCEPTED, is_on_443),
    "443 leads to a portal": here(Phase.TLS, Reason.TLS_NAME_MISMATCH, is_on_443),
    "443 reset in TLS": here(Phase.TLS, Reason.RESET, is_on_443),
    "443 reset at once": here(Phase.CONNECT, Reason.RESET, is_on_443),
    "5223 dropped": here(Phase.CONNECT, Reason.TIMEOUT, lambda it: it.port == 5223),
    "5223 stalls in TLS": here(Phase.TLS, Reason.TLS_TIMEOUT, lambda it: it.port == 5223),
    "all decrypted": here(Phase.TLS, Reason.TLS_INTERCEPTED, anything),
    "all alerted": here(Phase.TLS, Reason.TLS_ALERT, anything),
    "TLS closed over IPv6": here(Phase.TLS, Reason.CLOSED, lambda it: it.family is Family.IPV6),
    "the API decrypted": here(Phase.TLS, Reason.TLS_INTERCEPTED, is_api),
    "the API's session broken": here(Phase.SESSION, Reason.REFUSED, is_api),
    "two ranges dropped": here(Phase.CONNECT, Reason.TIMEOUT, lambda it: it.address in IPV4[2:4]),
    "half of the couriers dropped": here(Phase.CONNECT, Reason.TIMEOUT, is_every_second),
    "IPv6 dead": here(Phase.CONNECT, Reason.TIMEOUT, lambda it: it.family is Family.IPV6, Hop.LOCAL_NETWORK),
    "IPv4 dead": here(Phase.CONNECT, Reason.TIMEOUT, lambda it: it.family is Family.IPV4, Hop.LOCAL_NETWORK),
    "no names of couriers": here(Phase.RESOLVE, Reason.NXDOMAIN, is_courier, Hop.RESOLVER),
    "no name of the API": here(Phase.RESOLVE, Reason.SERVFAIL, is_api, Hop.RESOLVER),
    "no name of the MDM server": here(Phase.RESOLVE, Reason.NXDOMAIN, is_mdm, Hop.RESOLVER),
    "an expired MDM server": Fault(Phase.TLS, Reason.TLS_EXPIRED, is_mdm, Hop.OWN_SERVICE),
    "an untrusted MDM server": Fault(Phase.TLS, Reason.TLS_UNTRUSTED, is_mdm, Hop.OWN_SERVICE),
    "one courier dead": Fault(
        Phase.CONNECT, Reason.TIMEOUT, lambda it: it.host == COURIER.hosts[1], Hop.APPLE
    ),
    "proxy down": behind_it(Phase.PROXY_CONNECT, Reason.REFUSED, anything),
    "proxy without a name": behind_it(Phase.PROXY_RESOLVE, Reason.NXDOMAIN, anything, Hop.RESOLVER),
    "proxy wants a login": behind_it(Phase.PROXY_HANDSHAKE, Reason.PROXY_AUTH_REQUIRED, anything),
    "proxy denies 443": behind_it(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, is_on_443),
    "proxy denies the API": behind_it(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, is_api),
    "proxy denies the MDM server": behind_it(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, is_mdm),
    "proxy overloaded": behind_it(Phase.PROXY_HANDSHAKE, Reason.PROXY_OVERLOADED, anything),
    "proxy cannot resolve": behind_it(Phase.PROXY_HANDSHAKE, Reason.PROXY_DNS_FAILURE, anything),
    "proxy cannot get out": behind_it(Phase.PROXY_HANDSHAKE, Reason.PROXY_TARGET_TIMEOUT, anything),
    "proxy gets to no courier": behind_it(Phase.PROXY_HANDSHAKE, Reason.PROXY_TARGET_UNREACHABLE, is_courier),
    "proxy gets to half of the couriers": behind_it(
        Phase.PROXY_HANDSHAKE, Reason.PROXY_TARGET_UNREACHABLE, is_every_second
    ),
    "proxy decrypts": behind_it(Phase.TLS, Reason.TLS_INTERCEPTED, anything),
    "proxy leads to a portal": behind_it(Phase.TLS, Reason.TLS_NOT_TLS, anything),
    "proxy alerts": behind_it(Phase.TLS, Reason.TLS_ALERT, anything),
    "proxy says yes to nothing": behind_it(Phase.TLS, Reason.CLOSED, anything),
}
EXCUSED = {
    *((on_443, other) for on_443 in HIDDEN_443 for other in ("IPv4 dead", "no name of the MDM server")),
    ("443 reset at once", "IPv6 dead"),  # what is reset was there
    ("IPv6 dead", "IPv4 dead"),  # then nothing tells it from a firewall
    ("two ranges dropped", "IPv4 dead"),  # of which the first does not show
}


def probes() -> Iterator[Probed]:
    for path in (DIRECT, PROXY):
        for service in (COURIER, PROVIDER_API, MDM):
            families = (Family.NAME,) if path is PROXY else (Family.IPV4, Family.IPV6)
            for host in service.hosts:
                for port in service.ports:
                    for family in families[:1] if service is MDM else families:
                        yield Probed(path, service, host, port, family)


def met_by(it: Probed, names: tuple[str, ...]) -> str | None:
    """The fault that is seen: the nearest to this machine."""
    met = [name for name in names if FAULTS[name].where(it)]
    return min(met, key=lambda name: tuple(Phase).index(_failure(it, FAULTS[name]).phase), default=None)


def _failure(it: Probed, fault: Fault) -> Failure:
    phase, reason = fault.phase, fault.reason
    if phase is Phase.CONNECT and not it.is_direct:  # a proxy says so of what is dead behind it
        phase, reason = Phase.PROXY_HANDSHAKE, Reason.PROXY_TARGET_TIMEOUT
    if reason is Reason.TLS_INTERCEPTED and it.service is MDM:
        reason = Reason.TLS_UNTRUSTED
    return Failure(phase, reason, "x")


SHOWN = {
    Reason.TLS_INTERCEPTED: certificate(Trust.OTHER, issuer="Corp CA"),
    Reason.TLS_NAME_MISMATCH: certificate(Trust.OTHER, issuer="Portal CA", is_for_host=False),
    Reason.TLS_EXPIRED: certificate(Trust.PUBLIC, not_after=NOW - 86400),
    Reason.TLS_UNTRUSTED: certificate(Trust.OTHER, issuer="MDM CA"),
}


def seen(it: Probed, name: str | None) -> Result:
    fault = FAULTS[name] if name else None
    failure = _failure(it, fault) if fault else None
    shown: TlsInfo | None = certificate() if fault is None else SHOWN.get(fault.reason)
    before_it_speaks = (Phase.PROXY_RESOLVE, Phase.PROXY_CONNECT)
    return result(
        it.service,
        it.port,
        failure,
        host=it.host,
        path=it.path.name,
        family=it.family,
        address=it.address,
        time=NOW,
        proxy_spoke=None if it.is_direct else failure is None or failure.phase not in before_it_speaks,
        tls=shown,
    )


PAIRS = [pair for pair in combinations(FAULTS, 2) if pair not in EXCUSED]


@pytest.mark.parametrize("names", PAIRS, ids=" + ".join)
def test_everyone_who_has_a_fault_is_asked_and_nobody_else(names: tuple[str, str]) -> None:
    met = [(it, met_by(it, names)) for it in probes()]
    judged = assess(
        (COURIER, PROVIDER_API, MDM), (DIRECT, PROXY), once(seen(it, name) for it, name in met)
    ).judgements
    asked = {
        (each.path, finding.hop) for each in judged for finding in each.findings if not finding.is_remark
    }
    at_fault = {(it.path.name, FAULTS[name].hop) for it, name in met if name}
    assert asked <= at_fault
    # a single host is no matter while more is wrong
    assert {who for who in at_fault - asked if who[1] is not Hop.APPLE} == set()
