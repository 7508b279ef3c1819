"""What is visited when: from services and paths to the jobs of a round. Knows not how a visit is made."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from netcheck.model.paths import ProbePath
from netcheck.model.services import Service, hosts_on, targets
from netcheck.schedule import Job


@dataclass(frozen=True, slots=True)
class Call:
    """One visit to make: `turn` counts the visits to this host, so that its addresses take turns."""

    service: Service
    host: str
    path: ProbePath
    turn: int


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

    def now(self, service: Service) -> Self | None:
        """The slot as the service has become, whose hosts are other ones; None where it has no use for it."""
        hosts = hosts_on(service, self.path)
        width = _width(service, hosts)
        return replace(self, service=service, hosts=hosts, width=width) if self.index < width else None

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
        width = _width(service, hosts)
        planned += [Slot(service, path, hosts, index, width) for index in range(width)]
    return planned


def _width(service: Service, hosts: Sequence[str]) -> int:
    return min(service.hosts_per_round or len(hosts), len(hosts))


def jobs(
    planned: Sequence[Slot],
    visit: Callable[[Call, int], Awaitable[None]],
    current: Callable[[Service], Service] = lambda service: service,
) -> list[Job]:
    """The jobs that visit each slot's host once a round, or less often: then from their first round on.

    `current` says what a service is by now: its hosts may have become more or fewer than were planned.
    """

    def job(slot: Slot) -> Job:
        due = 0

        async def run(round_number: int) -> None:
            nonlocal due
            now = slot.now(current(slot.service))
            if now is not None and round_number >= due:
                due = round_number + now.every
                await visit(now.call(round_number), round_number)

        return Job(slot.key, run)

    return [job(slot) for slot in planned]


def everything(services: Iterable[Service], paths: Iterable[ProbePath]) -> list[Call]:
    """Every host once: what one check visits."""
    return [
        Call(service, host, path, turn=0)
        for service, path in targets(services, paths)
        for host in hosts_on(service, path)
    ]
