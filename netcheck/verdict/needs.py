"""What a role needs on a path: what a path does with anything else counts for nothing.

So a proxy may deny a port that its users have no use for, and a path may be blocked on purpose.
"""

from collections.abc import Iterable

from netcheck.model.findings import Needed
from netcheck.model.paths import Expected, ProbePath, Role
from netcheck.model.services import Service, has_fallback, ports_on


def needs(services: Iterable[Service], path: ProbePath, role: Role) -> frozenset[Needed]:
    """The services and ports that the role needs on the path, as far as the config alone tells.

    Of a service of which any port will do, all are; `Judgement.needs` also knows which of them serve.
    """
    return frozenset(
        Needed(service.name, port)
        for service in services_needed(services, path, role)
        for port in ports_needed(service, path)
    )


def services_needed(services: Iterable[Service], path: ProbePath, role: Role) -> list[Service]:
    """The required services of a role that the path leads to, whatever is expected of the path."""
    if role not in path.roles:
        return []
    return [s for s in services if s.required and role in s.roles and ports_on(s, path)]


def ports_judged(service: Service, path: ProbePath, *, directly: bool = False) -> tuple[int, ...]:
    """The ports that make a verdict: devices use a proxy only for the fallback ports.

    `directly`: a PAC file or the environment was found to send the service past all proxies.
    """
    ports = ports_on(service, path)
    return ports[1:] if path.is_proxied and not directly and has_fallback(service, ports) else ports


def ports_needed(service: Service, path: ProbePath, *, directly: bool = False) -> tuple[int, ...]:
    """Of the ports that make a verdict, those that nobody expects to be blocked."""
    ports = ports_judged(service, path, directly=directly)
    if path.expected is Expected.BLOCKED:
        return ()
    if path.expected is Expected.FALLBACK_ONLY and not path.is_proxied and has_fallback(service, ports):
        return ports[1:]
    return ports
