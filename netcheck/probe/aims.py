"""What a visit asks for: every probe of it, from a host's addresses and its path."""

import zlib
from collections.abc import Hashable

from netcheck.model.hosts import literal_addresses
from netcheck.model.paths import Family, ProbePath, ResolveMode, Way, family_of
from netcheck.model.record import record
from netcheck.model.results import Lookup
from netcheck.model.services import Service, TlsSettings, ports_on, speaks_tls
from netcheck.probe.once import Round
from netcheck.probe.resolve.destinations import Destination, destinations
from netcheck.wire.target import Target


@record
class Errand:
    """What a visit is made for, or a hold, or a proof: a host of a service over a path."""

    service: Service
    host: str
    path: ProbePath
    turn: int
    """Counts what is made for the host, so that its addresses take turns."""
    shared: Round
    """The round that it is a part of."""


@record
class Aim:
    """One probe of a visit: over which path, what to ask for, and the service's port it is credited to."""

    path: ProbePath
    port: int
    destination: Destination
    target: Target
    tls: TlsSettings | None
    """None for a probe that ends with the connection."""
    server_name: str
    bag: str | None
    """The path of a bag's URL; None for a probe that fetches none."""
    proxies: Way
    """What it leads through; empty for a probe that connects itself."""
    begin: int = 0
    """Of the addresses of the first proxy's name, which one is tried first: counted on, as in a circle."""

    @property
    def key(self) -> Hashable:
        """What makes two probes the same: over one path, for the same, and spoken to in the same way."""
        spoken = (self.server_name, self.tls, self.bag) if self.tls or self.bag else None
        target = self.target
        return (self.path.name, self.destination.family, target.host, target.port, self.proxies, spoken)


def aims(errand: Errand, lookups: tuple[Lookup, ...], known: set[Family]) -> list[Aim]:
    """Every probe of a visit: each port at each destination that this path has for the host."""
    service, host, path = errand.service, errand.host, errand.path
    if path.load_balancer:
        return [
            aim(errand, port, Destination(family_of(address), address), at=at)
            for port in service.ports
            for address, at in path.balancers(host, port)
        ]
    resolved = destinations(host, lookups, service.addresses, errand.turn, known, service.networks)
    where = _destinations(host, path, resolved)
    return [aim(errand, port, each, path.proxies) for port in ports_on(service, path) for each in where]


def aim(errand: Errand, port: int, destination: Destination, proxies: Way = (), at: int | None = None) -> Aim:
    """The probe of a service's port at a destination; `at` is the port to ask for there, if it is another."""
    service, path = errand.service, errand.path
    target = Target(destination.address or errand.host, at or port)
    tls = service.tls if speaks_tls(service, path) else None
    server_name = service.tls.server_name or errand.host
    begin = _begin(errand, target) if proxies else 0
    return Aim(path, port, destination, target, tls, server_name, service.bag, proxies, begin)


def _begin(errand: Errand, target: Target) -> int:
    """Of a proxy's addresses.

    Each host has its own: so over several hosts each address has its turn, and which hosts fail tells which
    address is at fault. A host that is alone goes through them in turn.
    """
    of_its_own, is_alone = zlib.crc32(target.place.encode()), len(errand.service.hosts) == 1
    return of_its_own + errand.turn if is_alone else of_its_own


def _destinations(host: str, path: ProbePath, resolved: list[Destination]) -> list[Destination]:
    """What was resolved, or the host's own address, and where the proxy resolves too, the name itself."""
    if literal := literal_addresses(host):
        return [Destination(family_of(address), address) for address in literal if path.may_use(address)]
    if path.resolve is not ResolveMode.LOCAL:
        return [*resolved, Destination(Family.NAME)]
    return resolved
