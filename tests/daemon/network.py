"""A network in virtual time, in place of a prober, and a daemon's inner parts that measure it and tell of it.

Owns what breaks and when. Must not know what netcheck has to say of it.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import trio

from netcheck.config.file import Config
from netcheck.daemon.announcing import Announcer
from netcheck.daemon.daemon import belief
from netcheck.daemon.probing import Probing
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Judgement
from netcheck.model.paths import Family, ProbePath, Role
from netcheck.model.push_certificates import Acceptance
from netcheck.model.results import Attempt, Result, Visit
from netcheck.model.services import Service, Timeouts, families_of
from netcheck.schedule import Gate
from netcheck.settling import LatestFacts
from netcheck.state.state import State
from tests.virtual import told

WALL = 1_790_000_000.0
"""The wall clock when the virtual one begins, in Unix seconds."""
RANGES = {
    Family.IPV4: ("17.57.144.{}", "17.188.138.{}", "17.249.28.{}", "17.252.156.{}"),
    Family.IPV6: ("2620:149:a44:1::{}", "2403:300:a42:1::{}", "2403:300:a51:1::{}", "2a01:b740:a42:1::{}"),
}
_NEAR = 0.03


class Asked(NamedTuple):
    """What one probe wants."""

    service: str
    host: str
    port: int
    path: ProbePath
    family: Family
    address: str | None
    range: int


Fault = Callable[[Asked], Failure | None]


@dataclass
class Network:
    """Visits take as long as the timeouts of what fails."""

    fault: Fault = lambda _: None
    shift: float = 0.0
    """By how much the wall clock is wrong."""
    visits: list[tuple[float, str, str]] = field(default_factory=list)
    """When which path visited which host."""

    def prober(self, timeouts: Timeouts, gates: Mapping[str, Gate]) -> "_Prober":
        return _Prober(self, timeouts, gates)


class _Prober:
    def __init__(self, network: Network, timeouts: Timeouts, gates: Mapping[str, Gate]) -> None:
        self._network, self._timeouts, self._gates = network, timeouts, gates

    async def visit(
        self, service: Service, host: str, path: ProbePath, number: int, turn: int, **_: object
    ) -> Visit:
        self._network.visits.append((trio.current_time(), path.name, host))
        wanted = [(port, family) for port in service.ports for family in families_of(service, path)]
        results: list[Result] = []

        async def probe(port: int, family: Family) -> None:
            results.append(await self._probe(_asked(service, host, port, path, family, turn)))

        async with trio.open_nursery() as nursery:
            for each in wanted:
                nursery.start_soon(probe, *each)
        return Visit(trio.current_time() + WALL, number, service.name, host, path.name, tuple(results))

    async def hold(self, *_: object) -> None:
        await trio.sleep_forever()

    async def prove(self, *_: object) -> tuple[Acceptance, str]:
        return Acceptance.UNPROVEN, "nobody answers here"

    async def try_large_hellos(self, *_: object) -> list[Result]:
        return []

    async def _probe(self, asked: Asked) -> Result:
        failure = self._network.fault(asked)
        if failure is not None and failure.phase is Phase.RESOLVE:  # never comes to the gate
            at = trio.current_time()
            await trio.sleep(self._takes(failure))
        else:
            async with self._gates[asked.path.name]:
                at, failure = trio.current_time(), self._network.fault(asked)
                await trio.sleep(self._takes(failure))
        wall = WALL + at + self._network.shift
        phases = {failure.phase if failure else Phase.CONNECT: trio.current_time() - at}
        spoke = None if not asked.path.is_proxied else failure is None
        attempt = Attempt(
            wall,
            asked.family,
            asked.address,
            phases,
            failure,
            proxy_spoke=spoke,
            proxies=asked.path.proxies,
            at=at,
        )
        return Result(asked.service, asked.host, asked.port, asked.path.name, attempt, 0.01)

    def _takes(self, failure: Failure | None) -> float:
        timeouts = self._timeouts
        longest = {
            Reason.TIMEOUT: timeouts.connect,
            Reason.DNS_TIMEOUT: timeouts.resolve,
            Reason.PROXY_TIMEOUT: timeouts.proxy,
            Reason.TLS_TIMEOUT: timeouts.tls,
        }
        return _NEAR if failure is None else longest.get(failure.reason, _NEAR)


def _asked(service: Service, host: str, port: int, path: ProbePath, family: Family, turn: int) -> Asked:
    """Couriers have an address in each range; all of a single host's are in the first one."""
    is_numbered = host[0].isdecimal()
    number = int(host.partition("-")[0]) if is_numbered else 200 + turn
    where = (number + turn) % 4 if is_numbered else 0
    last = number % 100 + 100 * (service.name == "courier2") + 1
    address = RANGES[family][where].format(last) if family in RANGES else None
    return Asked(service.name, host, port, path, family, address, where)


class Said(NamedTuple):
    """A line of the log, and when it was written."""

    time: float
    text: str


class Watched:
    """A daemon's inner parts in a network; every verdict and every line of the log, with its time."""

    def __init__(self, config: Config, network: Network) -> None:
        self.network = network
        self.state = State()
        self.config = config
        self.probing = Probing(self.state, config, network.prober)
        self.facts = LatestFacts(self.state, belief(config))
        self.said: list[Said] = []
        self.shown: list[tuple[float, Judgement]] = []
        """Every judgement that differs from the one before of its path and role."""

    async def run(self) -> None:
        announcer = Announcer()
        last: dict[tuple[str, Role], tuple[object, ...]] = {}
        with self._listening():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.probing.run)
                while True:
                    announcer.look(facts := self.facts.now())
                    for judged in facts.judgements:
                        gist = (judged.verdict, judged.cause, judged.hop)
                        if last.get((judged.path, judged.role)) != gist:
                            last[judged.path, judged.role] = gist
                            self.shown.append((trio.current_time(), judged))
                    await trio.sleep(0.5)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        said = self.said

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                said.append(Said(trio.current_time(), record.getMessage()))

        log, handler = logging.getLogger("netcheck"), Handler(logging.INFO)
        before = log.level
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        try:
            yield
        finally:
            log.removeHandler(handler)
            log.setLevel(before)


def watch(config: Config, network: Network, story: Callable[[Watched], Awaitable[None]]) -> Watched:
    """Let a daemon measure the network while the story is told; times begin at 0."""
    return told(partial(Watched, config, network), story)
