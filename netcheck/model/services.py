"""What is to be reached, how far a probe goes for it, and what of it a path leads to."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from netcheck.model.failing import Phase
from netcheck.model.hosts import literal_addresses
from netcheck.model.paths import Expected, Family, ProbePath, Role, family_of

Network = IPv4Network | IPv6Network


class AddressChoice(StrEnum):
    """How many addresses of a host one visit tries: one per family, rotating, or all."""

    ONE = "one"
    ALL = "all"


class PortRule(StrEnum):
    """When a service counts as reachable, from its ports."""

    ALL = "all"
    """Every port is needed."""
    ANY = "any"
    """Any port will do (the provider API: 443 or 2197)."""
    FALLBACK = "fallback"
    """The first port is wanted, the others are what devices fall back to (couriers: 5223, then 443)."""


class Depth(StrEnum):
    """How far a probe goes."""

    TCP = "tcp"
    TLS = "tls"
    AUTO = "auto"
    """`tls` behind proxies and load balancers, as they may say "connected" for nothing; else `tcp`."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What a service's TLS needs."""

    server_name: str | None = None
    """The name to ask for and to verify; None is the host's own."""
    alpn: tuple[str, ...] = ()
    is_apples: bool = False
    """Whether a certificate of anyone else means that somebody decrypts in between."""
    ca_file: Path | None = None
    """Who else may vouch for the certificate; of Apple's services it only explains whose it is."""
    without_system: bool = False
    """Of a service of one's own: whether the system's store vouches for nobody, only public authorities and
    Apple's. What devices ask of Apple's hosts, they take from no authority of a company's."""
    lab_ca_file: Path | None = None
    """For laboratories: what these authorities issue counts as Apple's own."""
    request: bool = False
    """Whether to send one HTTP/2 request without credentials, which APNs itself must refuse."""


@dataclass(frozen=True, slots=True)
class Service:
    """Something reachable under names and ports, as data; built-ins stand in `netcheck.apns`.

    Services of one name are one to people, where its hosts have different ports.
    """

    name: str
    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    roles: frozenset[Role] = frozenset(Role)
    required: bool = True
    """Whether it counts towards readiness."""
    port_rule: PortRule = PortRule.ALL
    hosts_per_round: int | None = None
    """How many hosts a round visits, rotating; None visits all."""
    addresses: AddressChoice = AddressChoice.ONE
    depth: Depth = Depth.TCP
    tls: TlsSettings = TlsSettings()
    hold: float | None = None
    """For how long a connection is held idle at most, to learn when paths forget it; None: none is held."""
    bag: str | None = None
    """The path of the URL under which a bag is to be had; None where a probe fetches none."""
    every: int = 1
    """How many rounds it is from one visit to the next."""
    networks: tuple[Network, ...] = ()
    """Where its addresses may be; empty: for Apple's names what Apple publishes, else anywhere."""
    count_from_bag: str | None = None
    """The courier host name of the bags that say how many hosts there are; None where the config says it."""
    is_retired: bool = False
    """Whether Apple has switched it off: it is measured, and nobody misses it."""

    @property
    def is_for_devices(self) -> bool:
        """Whether devices go there, be it beside servers."""
        return Role.DEVICE in self.roles


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The longest a phase may take. `proxy` spans the handshake, in which the proxy connects onward."""

    resolve: float = 3.0
    connect: float = 5.0
    proxy: float = 10.0
    tls: float = 5.0

    @property
    def longest(self) -> float:
        """How many seconds a usual probe takes at most: with one connection, at the proxy if there is one.

        More where a proxy has dead addresses, or stands in a row of several. With a search list, the names
        that it makes may take as long as the name itself, and no longer.
        """
        return 2 * self.resolve + max(self.connect, self.proxy) + self.tls

    @property
    def patience(self) -> float:
        """How long it may take until it is clear what is changing, in seconds: two probes in a row."""
        return 2 * self.longest


def speaks_tls(service: Service, path: ProbePath) -> bool:
    """Whether a probe of the service over the path goes on to TLS."""
    return service.depth is Depth.TLS or (service.depth is Depth.AUTO and path.is_relayed)


def phases_of(service: Service, path: ProbePath) -> tuple[Phase, ...]:
    """The phases that a probe of the service over the path can run, in order."""
    tls = (Phase.TLS,) if speaks_tls(service, path) else ()
    session = (Phase.SESSION,) if tls or service.bag or path.is_relayed else ()
    return (*path.phases(), *tls, *session)


def families_of(service: Service, path: ProbePath) -> tuple[Family, ...]:
    """The families under which probes of the service over the path can have results."""
    if path.load_balancer:
        return path.destination_families()
    literal = [family_of(a) for host in service.hosts for a in literal_addresses(host) if path.may_use(a)]
    return tuple(dict.fromkeys((*path.destination_families(), *sorted(literal))))


def measured(service: Service, path: ProbePath) -> object:
    """What the results of a service's hosts over a path depend on, beside the host, its port and address.

    Where this changes, what was seen before says nothing of what is to be seen now. Who else may answer for a
    host, at which load balancers, is no part of it: each host has its own.
    """
    way = replace(path, roles=frozenset(), expected=Expected.READY, load_balancer=())
    is_balanced = bool(path.load_balancer)
    return (
        way,
        is_balanced,
        service.name,
        service.depth,
        service.tls,
        service.bag,
        service.is_for_devices,
    )


def targets(services: Iterable[Service], paths: Iterable[ProbePath]) -> list[tuple[Service, ProbePath]]:
    """The pairs that are probed: the service matters to a role of the path, and the path leads to it."""
    return [
        (service, path)
        for path in paths
        for service in services
        if service.roles & path.roles and ports_on(service, path)
    ]


def holds(services: Iterable[Service], paths: Iterable[ProbePath]) -> list[tuple[Service, ProbePath, Family]]:
    """Everything that a connection is held idle for."""
    return [
        (service, path, family)
        for service, path in targets(services, paths)
        if service.hold is not None
        for family in families_of(service, path)
    ]


def ports_on(service: Service, path: ProbePath) -> tuple[int, ...]:
    """The ports of a service that a path leads to."""
    if not path.load_balancer:
        return service.ports
    return tuple(port for port in service.ports if any(path.leads_to(host, port) for host in service.hosts))


def has_fallback(service: Service, ports: tuple[int, ...]) -> bool:
    """Whether devices that fail at the first of these ports of a service try another."""
    return service.port_rule is PortRule.FALLBACK and len(ports) > 1


def hosts_on(service: Service, path: ProbePath) -> tuple[str, ...]:
    """The hosts of a service that a path leads to, and can ask for."""
    if not path.load_balancer:
        return tuple(filter(path.can_ask_for, service.hosts))
    return tuple(host for host in service.hosts if any(path.leads_to(host, port) for port in service.ports))
