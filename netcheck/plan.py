"""What is visited and held when: from services and paths to what a round does. Knows not how it is done."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from netcheck.model.paths import Expected, Family, ProbePath
from netcheck.model.results import Endpoint
from netcheck.model.services import (
    AddressChoice,
    Service,
    holds,
    hosts_on,
    measured,
    speaks_tls,
    targets,
)


@dataclass(frozen=True, slots=True)
class Call:
    """One visit to make: `turn` counts the visits to this host, so that its addresses take turns."""

    service: Service
    host: str
    path: ProbePath
    turn: int

    @property
    def about(self) -> object:
        """All that the visit depends on, but the host: no other change of a service disturbs it."""
        return _about(self.service, self.path)


def _about(service: Service, path: ProbePath) -> object:
    return (measured(service, path), path.load_balancer, service.ports, service.addresses)


def greeted(services: Iterable[Service], paths: Iterable[ProbePath]) -> list[tuple[Service, ProbePath]]:
    """Where large TLS hellos are tried: at what is Apple's, and not at load balancers, which take turns."""
    return [
        (service, path)
        for service, path in targets(services, paths)
        if service.tls.is_apples
        and speaks_tls(service, path)
        and not (service.is_retired or path.load_balancer)
        and path.expected is not Expected.BLOCKED
        and hosts_on(service, path)
    ]


@dataclass(frozen=True, slots=True)
class Slot:
    """One of the hosts that a round visits; which one rotates, so that all are visited in turn."""

    service: Service
    path: ProbePath
    hosts: tuple[str, ...]
    index: int
    width: int
    """How many hosts a round visits."""

    @property
    def every(self) -> int:
        """How many rounds it is from one visit to the next."""
        return self.service.every

    @property
    def key(self) -> str:
        return f"{self.path.name} {self.service.name} {self.hosts[0]} {self.index}"

    @property
    def about(self) -> object:
        """As that of its calls."""
        return _about(self.service, self.path)

    @property
    def is_direct(self) -> bool:
        """Whether this machine itself connects to where its probes lead, and asks nobody in between."""
        return not self.path.is_relayed

    def call(self, round_number: int) -> Call:
        """Round r visits the hosts r*width … r*width+width-1, counted around the list again and again.

        Only rounds with visits are counted, else the hosts and addresses of some services never had a turn.
        """
        visits = round_number // self.every
        turn, position = divmod(visits * self.width + self.index, len(self.hosts))
        return Call(self.service, self.hosts[position], self.path, turn)


def slots(services: Iterable[Service], paths: Iterable[ProbePath]) -> list[Slot]:
    """One slot for each host that a round visits, over all services and paths."""
    planned = []
    for service, path in targets(services, paths):
        hosts = hosts_on(service, path)
        width = min(service.hosts_per_round or len(hosts), len(hosts))
        planned += [Slot(service, path, hosts, index, width) for index in range(width)]
    return planned


def longest_wait(services: Iterable[Service], paths: Iterable[ProbePath], interval: float) -> float:
    """After how many seconds at most the next visit is due; where there is none to make, `interval`."""
    return interval * min((slot.every for slot in slots(services, paths)), default=1)


@dataclass(frozen=True, slots=True)
class HeldSlot:
    """One connection to be held idle, one after the other, by hosts in rotation."""

    service: Service
    path: ProbePath
    family: Family

    @property
    def key(self) -> str:
        return f"hold {self.path.name} {self.service.name} {self.service.ports} {self.family}"

    @property
    def about(self) -> object:
        """All that a hold depends on, but the host, and what is in the key."""
        return (measured(self.service, self.path), self.path.load_balancer, self.service.hold)

    def call(self, turn: int) -> Call | None:
        """The hold of this turn: each host in turn, and then again with its next address."""
        hosts = hosts_on(self.service, self.path)
        if not hosts:  # a load balancer path may name none that a bag has left
            return None
        again, position = divmod(turn, len(hosts))
        return Call(self.service, hosts[position], self.path, again)


_SAMPLE = 3
"""How many hosts of a service show how it is."""


def sample(service: Service, path: ProbePath, number: int) -> list[Call]:
    """A few hosts, spread over all, to learn soon how the service is: for each number other ones.

    A single host is visited twice: once may be an accident.
    """
    hosts = hosts_on(service, path)
    some = spread(hosts, _SAMPLE, number)
    twice = some if len(hosts) == 1 else []
    return [
        *(Call(service, host, path, number) for host in some),
        *(Call(service, host, path, number + 1) for host in twice),
    ]


_FEW = 8
"""Hosts of a service: so few are reached as their clients reach them, at any of their addresses."""


def doubtful(services: Iterable[Service], path: ProbePath, reached: Mapping[Endpoint, bool]) -> list[Call]:
    """What fails where others do not, to be visited once more: by accident, or at one of its addresses only.

    A host is compared with the others of its service; where it has none, with all that the path leads to.
    Every address is tried, as clients do; of many hosts, which share their addresses, the one that failed.
    """
    needed = [service for service, _ in targets((each for each in services if each.required), [path])]
    names = {service.name for service in needed}
    tried = {
        endpoint: answered
        for endpoint, answered in reached.items()
        if endpoint.path == path.name and endpoint.service in names
    }
    dead_ports, dead_families = _all_fail(tried, _PORT), _all_fail(tried, _FAMILY)
    calls = []
    for service in needed:
        hosts = hosts_on(service, path)
        alike, dead = (_PORT, dead_ports) if len(hosts) > 1 else (_FAMILY, dead_families)
        failed = {
            endpoint.host
            for endpoint, answered in tried.items()
            if endpoint.service == service.name and not answered and alike(endpoint) not in dead
        }
        asked = replace(service, addresses=AddressChoice.ALL) if len(hosts) <= _FEW else service
        turn = 0
        if path.chosen_by is not None:  # one address is tried all the same: the next one
            asked, turn = replace(service, addresses=AddressChoice.ONE), 1
        calls += [Call(asked, host, path, turn) for host in hosts if host in failed]
    return calls


_PORT, _FAMILY = attrgetter("family", "service", "port"), attrgetter("family")


def _all_fail(tried: Mapping[Endpoint, bool], alike: Callable[[Endpoint], object]) -> set[object]:
    """Of what is alike, that of which several hosts were tried and none was reached: no accident."""
    hosts: dict[object, set[str]] = {}
    for endpoint in tried:
        hosts.setdefault(alike(endpoint), set()).add(endpoint.host)
    alive = {alike(endpoint) for endpoint, answered in tried.items() if answered}
    return {kind for kind, its in hosts.items() if len(its) > 1 and kind not in alive}


def spread(hosts: Sequence[str], most: int, first: int = 0) -> list[str]:
    """At most so many of the hosts, at equal distances around the list, from the first one on."""
    width = min(most, len(hosts))
    return [hosts[(first + index * len(hosts) // width) % len(hosts)] for index in range(width)]


def held_slots(services: Iterable[Service], paths: Iterable[ProbePath]) -> list[HeldSlot]:
    """One for each connection that is to be held idle."""
    return [HeldSlot(service, path, family) for service, path, family in holds(services, paths)]


def is_planned(call: Call, services: Iterable[Service], paths: Iterable[ProbePath]) -> bool:
    """Whether these services and paths still ask for a visit such as this."""
    same_path = [path for path in paths if path == call.path]
    return any(
        service.name == call.service.name
        and call.host in hosts_on(service, path)
        and _about(service, path) == call.about
        for service, path in targets(services, same_path)
    )
