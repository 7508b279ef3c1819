"""The services that are built in: names, ports and roles as Apple publishes them, as data.

Sources, as of November 2026:
- Couriers: ports 5223 and, as the fallback, 443: https://support.apple.com/102266. Devices pick a number from
  0 to the host count of Apple's bag, which is 50, so there are 51 names; the documentation of Intune says
  the same ("a random number from 0 to 50"). Both families are live: iPhones use `courier2`, Macs were seen on
  `courier`. The unnumbered `courier.push.apple.com` has no address, so it is no host to probe.
- Provider API: 443 or 2197, the same service on both:
  https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns.
- The bag: `netcheck.apns.bag` has its sources. The current one is on HTTPS, the old one on HTTP.
- Gateway and feedback: the binary protocol that Apple retired on 31 March 2021
  (https://developer.apple.com/news/?id=c88acm2b). Measured and shown, but nobody needs them.

Knows the records, and where a push certificate can be shown; which services are on, and how they are tuned,
is the config's.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from netcheck.apns.bag import CURRENT_URL, OLD_URL
from netcheck.model.paths import Expected, ProbePath, Role
from netcheck.model.services import Depth, PortRule, Service, TlsSettings, targets

LAST_NUMBER = 50
"""Devices use the hosts 0 to 50."""
HIGHEST_NUMBER = 250
"""Nobody, neither a config nor a bag, makes netcheck visit hosts with higher numbers."""

PROVIDER = "provider"
"""The service to which production push certificates are shown."""

_DEVICE = frozenset({Role.DEVICE})
_PROVIDER = frozenset({Role.PROVIDER})


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A service as it is without any config; `domain` is set where its hosts are numbered."""

    service: Service
    domain: str | None = None
    enabled: bool = True


def numbered_hosts(domain: str, last: int = LAST_NUMBER) -> tuple[str, ...]:
    """`0-DOMAIN` to `LAST-DOMAIN`, both included."""
    return tuple(f"{number}-{domain}" for number in range(last + 1))


def _courier(name: str, domain: str) -> BuiltIn:
    service = Service(
        name,
        numbered_hosts(domain),
        ports=(5223, 443),
        roles=_DEVICE,
        port_rule=PortRule.FALLBACK,
        hosts_per_round=5,
        depth=Depth.TLS,
        # The certificate is for the unnumbered name only. A courier that is offered this protocol shows a
        # certificate of Apple's own authority and does not ask for the client's. `apns-pack-v1` is left out:
        # the answer to it is a name that was not offered, which OpenSSL takes for an error.
        tls=TlsSettings(domain, ("apns-security-v3",), is_apples=True),
    )
    return BuiltIn(service, domain)


def _provider(name: str, host: str) -> BuiltIn:
    service = Service(
        name,
        (host,),
        ports=(443, 2197),
        roles=_PROVIDER,
        port_rule=PortRule.ANY,
        depth=Depth.TLS,
        tls=TlsSettings(None, ("h2",), is_apples=True),
    )
    return BuiltIn(service)


def _retired(name: str, host: str, port: int) -> BuiltIn:
    """The binary protocol over TLS. A connection says enough, unless it is a proxy that says it stands."""
    service = Service(
        name,
        (host,),
        (port,),
        _PROVIDER,
        required=False,
        is_retired=True,
        depth=Depth.AUTO,
        tls=TlsSettings(is_apples=True),
    )
    return BuiltIn(service)


def _bag(url: str) -> BuiltIn:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    service = Service(
        "bag",
        (parts.hostname or "",),
        (443 if secure else 80,),
        _DEVICE,
        depth=Depth.TLS if secure else Depth.TCP,
        tls=TlsSettings(is_apples=True),
        bag=parts.path,
    )
    return BuiltIn(service)


def _off(built_in: BuiltIn) -> BuiltIn:
    """Where nobody switches it on; and nobody needs it then."""
    return replace(built_in, service=replace(built_in.service, required=False), enabled=False)


BUILT_IN: tuple[BuiltIn, ...] = (
    _courier("courier", "courier.push.apple.com"),
    _courier("courier2", "courier2.push.apple.com"),
    _provider(PROVIDER, "api.push.apple.com"),
    _retired("gateway", "gateway.push.apple.com", 2195),
    _retired("feedback", "feedback.push.apple.com", 2196),
    _off(_bag(CURRENT_URL)),
    _off(_bag(OLD_URL)),
    _off(_courier("courier-sandbox", "courier.sandbox.push.apple.com")),
    _off(_provider("provider-sandbox", "api.sandbox.push.apple.com")),
    _off(_retired("gateway-sandbox", "gateway.sandbox.push.apple.com", 2195)),
    _off(_retired("feedback-sandbox", "feedback.sandbox.push.apple.com", 2196)),
)
"""Every built-in service, in the order in which people see them."""


def courier_domains(services: Iterable[Service]) -> dict[str, tuple[str, int | None]]:
    """By name, of those services that are numbered: what stands behind the `N-`, and the highest N.

    None is for those that take it from the bag.
    """
    domains = {built_in.service.name: built_in.domain for built_in in BUILT_IN if built_in.domain}
    return {
        s.name: (domains[s.name], None if s.count_from_bag else len(s.hosts) - 1)
        for s in services
        if s.name in domains
    }


def provers(services: Iterable[Service], paths: Iterable[ProbePath]) -> list[tuple[Service, ProbePath]]:
    """Where a push certificate can be shown: the provider API, over paths on which it is to answer."""
    return [
        (service, path)
        for service, path in targets(services, paths)
        if service.name == PROVIDER and path.expected is not Expected.BLOCKED
    ]
