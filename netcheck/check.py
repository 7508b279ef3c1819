"""One look now: some hosts of each service over every path, and all of them where something fails.

A host that fails where others do not is visited once more, with its other addresses: clients try them too.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import trio

from netcheck.bags import with_counts
from netcheck.config.file import Config
from netcheck.config.settings import ProbingSettings
from netcheck.facts import Belief, Facts, facts_of, judged_alone
from netcheck.model.findings import Cause, Verdict
from netcheck.model.paths import Expected, ProbePath
from netcheck.model.results import Endpoint, EndpointState
from netcheck.model.services import AddressChoice, Service, families_of, hosts_on, ports_on, targets
from netcheck.plan import Call, doubtful, greeted, spread
from netcheck.probe.runner import Prober
from netcheck.probe.secure import FIRST_WORD
from netcheck.push_certificates import ToProve, prove, read_all, threads, to_prove
from netcheck.schedule import Gate
from netcheck.state.state import State

_log = logging.getLogger("netcheck")
_SAMPLE = 8
"""How many hosts of a service are visited at first, spread over all of them."""
_SOON = 1.5
"""Seconds without any visit that ends: a network that works answers sooner. No need to wait for timeouts."""
_SPACING = 0.025
"""Seconds between two visits of a service, so that its resolver is not asked for a hundred names at once."""
_FEW_AT_ONCE, _LONGEST_AGAIN = 4, 20.0
"""Connections, so that what rejects more of them at once does not reject these too; and seconds that this may
take."""
_BELIEF = Belief(is_one_look=True)
"""One round is all there is, so every failure is believed."""


@dataclass
class Progress:
    """How far a look has come. `changed` is called after each change."""

    changed: Callable[["Progress"], None] = lambda _: None
    planned: dict[str, int] = field(default_factory=dict)
    """By path: how many visits there are, as far as it is known yet."""
    ended: dict[str, int] = field(default_factory=dict)
    """By path: how many of them have ended."""
    under_way: dict[str, list[str]] = field(default_factory=dict)
    """By path: the hosts that are waited for, the longest first."""

    @property
    def left(self) -> int:
        """How many visits have not ended."""
        return sum(self.planned.values()) - sum(self.ended.values())

    def plan(self, path: str, visits: int) -> None:
        self.planned[path] = self.planned.get(path, 0) + visits
        self.changed(self)

    @contextmanager
    def visit(self, path: str, host: str) -> Iterator[None]:
        """One that is planned; where it is cancelled it has not ended."""
        self.under_way.setdefault(path, []).append(host)
        yield
        self.ended[path] = self.ended.get(path, 0) + 1
        self.under_way[path].remove(host)
        self.changed(self)

    def give_up(self, path: str, hosts: Sequence[str]) -> None:
        """These were planned, begun or not, and nobody waits for them any more."""
        self.planned[path] -= len(hosts)
        for host in hosts:
            if host in self.under_way[path]:
                self.under_way[path].remove(host)
        self.changed(self)


class Look:
    """Visits what a config names, once. It may be cancelled at any time: the facts so far stay."""

    def __init__(self, config: Config, progress: Progress, *, all_hosts: bool = False) -> None:
        """With `all_hosts`, every host is visited, whether anything fails or not."""
        self._config = config
        self._progress = progress
        self._sample = None if all_hosts else _SAMPLE
        self._state = State()
        self._state.configure(config.services, config.paths, config.push_certificates)
        pace = quickened(config.probing)
        self._gates = {path.name: Gate(pace.concurrency, pace.rate) for path in config.paths}
        self._prober = Prober(config.probing.timeouts, self._gates)
        self._threads = threads()
        self._ended = defaultdict[tuple[str, str], dict[str, float]](dict)
        """By service and path: when the latest visit to each host ended."""

    def facts(self) -> Facts:
        return facts_of(self._state, _BELIEF)

    async def run(self) -> None:
        """Also reads every push certificate, and proves those that the config wants proven."""
        config, state = self._config, self._state
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read_all, config.push_certificates, state.record_push_certificate, threads())
            early, late = _bags_first(config.services)
            await self._visit(early, config.paths)
            services = with_counts(config.services, state.courier_counts.highest)
            state.configure(services, config.paths, config.push_certificates)
            rest = with_counts(late, state.courier_counts.highest)
            async with trio.open_nursery() as paths:
                for path in config.paths:
                    paths.start_soon(self._look_over, path, rest)
            for asked in proofs(config):
                nursery.start_soon(self._prove, asked)

    async def _prove(self, asked: ToProve) -> None:
        self._progress.plan(asked.path.name, 1)
        with self._progress.visit(asked.path.name, asked.file.name):
            self._state.record_proof(await prove(asked, self._threads, self._prober.prove))

    async def _look_over(self, path: ProbePath, services: Iterable[Service]) -> None:
        await self._visit(services, [path])
        if _is_open(path):
            async with trio.open_nursery() as nursery:
                for service, _ in greeted(self._state.services, [path]):
                    if host := self._connected(service, path):
                        nursery.start_soon(self._try_large_hello, service, host, path)
                nursery.start_soon(self._ask_again, path)

    def _connected(self, service: Service, path: ProbePath) -> str | None:
        """A host of the service to which there was a connection, an answer at best.

        Not one of another service of the same name: the bag is two, with a port each.
        """
        there = [
            (known, endpoint.host)
            for endpoint, known in self._seen(service, path)
            if endpoint.host in service.hosts and endpoint.port in service.ports
        ]
        answering = [host for known, host in there if known.reachable]
        connected = (host for known, host in there if any(r.attempt.connected for r in known.results))
        return next(iter(answering), None) or next(connected, None)

    def _seen(self, service: Service, path: ProbePath) -> Iterator[tuple[Endpoint, EndpointState]]:
        """What is known of the service on the path."""
        latest = self._state.endpoints.latest.items()
        return ((e, known) for e, known in latest if (e.service, e.path) == (service.name, path.name))

    async def _try_large_hello(self, service: Service, host: str, path: ProbePath) -> None:
        self._progress.plan(path.name, 1)
        with self._progress.visit(path.name, host):
            try:
                results = await self._prober.try_large_hellos(service, host, path, 0)
                self._state.record_large_hellos(service, path, results)
            except Exception:  # a bug of ours costs this, and not the rest of the look
                _log.exception("internal error in a large hello to %s over %s", host, path.name)

    async def _ask_again(self, path: ProbePath) -> None:
        """A few at a time, unless or until that takes long: many at once may be what was rejected."""
        calls, gate = self._worth_asking_again(path), self._gates[path.name]
        if not self._failed_soon(calls, path):
            await self._visit_all(calls, 1)
            return
        gate.narrow(_FEW_AT_ONCE)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_widen_at, gate, trio.current_time() + _LONGEST_AGAIN)
            await self._visit_all(calls, 1)
            nursery.cancel_scope.cancel()
        gate.widen()

    def _failed_soon(self, calls: Iterable[Call], path: ProbePath) -> bool:
        """Whether to make these calls a few at a time would not take long, if they took as long again."""
        hosts = {(call.service.name, call.host) for call in calls}
        latest = self._state.endpoints.latest.items()
        tried = (known for e, known in latest if e.path == path.name and (e.service, e.host) in hosts)
        took = [result.attempt.seconds for known in tried for result in known.results]
        in_all = sum(max(seconds, FIRST_WORD) for seconds in took)
        return max(took, default=0.0) < _SOON and in_all <= _FEW_AT_ONCE * _LONGEST_AGAIN

    def _worth_asking_again(self, path: ProbePath) -> list[Call]:
        """What makes a verdict worse and may be an accident; not the many hosts of a blocked range."""
        latest = self._state.endpoints.latest
        reached = {endpoint: known.reachable > 0 for endpoint, known in latest.items()}
        calls = doubtful(self._state.services, path, reached)
        causes = self._limits(path) if calls else {}

        def matters(call: Call) -> bool:
            known = causes.get((call.service.name, call.host), set())
            is_one_of_many = call.service.addresses is AddressChoice.ONE
            return bool(known - {Cause.RANGE_BLOCKED} if is_one_of_many else known)

        return list(filter(matters, calls))

    async def _visit(self, services: Iterable[Service], paths: Sequence[ProbePath]) -> None:
        async with trio.open_nursery() as nursery:
            for service, path in targets(services, paths):
                nursery.start_soon(self._visit_over, service, path)

    async def _visit_over(self, service: Service, path: ProbePath) -> None:
        """Some hosts first; the others where one of these fails, or does not answer for a while."""
        hosts = hosts_on(service, path)
        some = hosts if self._sample is None else spread(hosts, self._sample)
        rest = [host for host in hosts if host not in some]
        ended = trio.Event()
        async with trio.open_nursery() as nursery:

            async def begin() -> None:
                await self._visit_hosts(service, path, some)
                ended.set()

            nursery.start_soon(begin)
            await self._ended_or_silent(ended, service, path)
            if rest and not ended.is_set() and _is_open(path):
                await self._visit_while_hoped(ended, service, path, rest)
            elif rest and ended.is_set() and self._is_limited(service, path):
                await self._visit_hosts(service, path, rest)

    async def _visit_while_hoped(
        self, ended: trio.Event, service: Service, path: ProbePath, hosts: Sequence[str]
    ) -> None:
        """Beside others that are silent: where these end in vain too, nobody waits for more timeouts.

        The last to begin has about as long to answer as those had until they counted as silent.
        """
        begun = trio.current_time()
        fair = begun + len(hosts) * _SPACING + _SOON
        async with trio.open_nursery() as nursery:

            async def give_up_in_vain() -> None:
                await ended.wait()
                await trio.sleep_until(fair)
                if not (self._is_reached(service, path) or self._prober.gets_through(path, 0, begun)):
                    nursery.cancel_scope.cancel()

            nursery.start_soon(give_up_in_vain)
            await self._visit_hosts(service, path, hosts)
        ended_at = self._ended[service.name, path.name]
        self._progress.give_up(path.name, [host for host in hosts if host not in ended_at])

    def _is_reached(self, service: Service, path: ProbePath) -> bool:
        """Whether any host of the service answered there, on any port."""
        return any(known.reachable for _, known in self._seen(service, path))

    async def _ended_or_silent(self, ended: trio.Event, service: Service, path: ProbePath) -> None:
        """A busy machine is slow too, but not silent."""
        begun = trio.current_time()
        while not ended.is_set():
            latest = max(self._ended[service.name, path.name].values(), default=begun)
            left = latest + _SOON - trio.current_time()
            if left <= 0:
                return
            with trio.move_on_after(left):
                await ended.wait()

    def _is_limited(self, service: Service, path: ProbePath) -> bool:
        """Whether what is known of the service makes a verdict of the path worse.

        Judging blocks the loop, so nothing is judged where all has answered at once.
        """
        is_in_doubt = any(_is_in_doubt(known) for _, known in self._seen(service, path))
        return is_in_doubt and any(name == service.name for name, _ in self._limits(path))

    def _limits(self, path: ProbePath) -> dict[tuple[str, str], set[Cause]]:
        """What makes a verdict of the path worse: services and hosts, with the causes."""
        found: dict[tuple[str, str], set[Cause]] = {}
        for judged in judged_alone(self._state, _BELIEF, path):
            if judged.verdict is not Verdict.READY:
                for finding in judged.asking:
                    for result in finding.about:
                        if result.large_hello is None:  # so it is of a visit
                            found.setdefault((result.service, result.host), set()).add(finding.cause)
        return found

    async def _visit_hosts(self, service: Service, path: ProbePath, hosts: Sequence[str]) -> None:
        await self._visit_all([Call(service, host, path, turn=0) for host in hosts])

    async def _visit_all(self, calls: Sequence[Call], number: int = 0) -> None:
        """As a round of that number: within one, names are looked up once, and addresses tried once."""
        for path, visits in Counter(call.path.name for call in calls).items():
            self._progress.plan(path, visits)
        async with trio.open_nursery() as nursery:
            for index, call in enumerate(calls):
                nursery.start_soon(self._visit_host, call, number, index * _SPACING)

    async def _visit_host(self, call: Call, number: int, delay: float) -> None:
        await trio.sleep(delay)
        path = call.path.name
        with self._progress.visit(path, call.host):
            try:
                seen = await self._prober.visit(call.service, call.host, call.path, number, call.turn)
                self._state.record(seen)
            except Exception:  # a bug of ours costs one visit, and not the rest of the look
                _log.exception("internal error in the visit to %s over %s", call.host, path)
            self._ended[call.service.name, path][call.host] = trio.current_time()


async def _widen_at(gate: Gate, time: float) -> None:
    await trio.sleep_until(time)
    gate.widen()


def _is_in_doubt(known: EndpointState) -> bool:
    """Whether anything failed, or had to ask twice."""
    return known.unreachable > 0 or any(result.attempt.syn_retransmits for result in known.results)


def _is_open(path: ProbePath) -> bool:
    """Whether anything is expected to answer there."""
    return path.expected is not Expected.BLOCKED


def quickened(probing: ProbingSettings) -> ProbingSettings:
    """With the caps of one look, which may be quicker than a daemon, where the config has none."""
    usual = ProbingSettings()
    return replace(
        probing,
        concurrency=400 if probing.concurrency == usual.concurrency else probing.concurrency,
        rate=100.0 if probing.rate == usual.rate else probing.rate,
    )


def proofs(config: Config) -> list[ToProve]:
    """The push certificates that a look shows to the provider API, over each path that leads there."""
    return to_prove(config.push_certificates, config.services, config.paths)


def longest(config: Config, *, all_hosts: bool = False) -> float:
    """How many seconds a look takes at most, about, where every phase runs into its timeout.

    Where only some do, these are visited once more, and that takes as long again; where they failed sooner
    than that, a few at a time for up to _LONGEST_AGAIN.
    """
    pace, timeouts = quickened(config.probing), config.probing.timeouts
    return max((_longest_over(path, config, pace.rate) for path in config.paths), default=0.0) + (
        timeouts.resolve + timeouts.tls + (0.0 if all_hosts else _SOON)
    )


def _longest_over(path: ProbePath, config: Config, rate: float) -> float:
    """From the first connection to the last that is given up."""
    begun = sum(
        len(hosts_on(service, path)) * len(ports_on(service, path)) * len(families_of(service, path))
        for service, _ in targets(config.services, [path])
    )
    timeouts = config.probing.timeouts
    return begun / rate + timeouts.connect + (timeouts.proxy if path.is_proxied else 0.0)


def _bags_first(services: Iterable[Service]) -> tuple[list[Service], list[Service]]:
    """What to visit before the rest: the bags, where they say how many hosts the rest has."""
    services = list(services)
    if not any(service.count_from_bag for service in services):
        return [], services
    return [s for s in services if s.bag], [s for s in services if not s.bag]
