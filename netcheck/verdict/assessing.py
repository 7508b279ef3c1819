"""Verdicts: how ready a role is over a path, from the ports of the services it needs.

Causes are the rules'.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from netcheck.model.findings import Finding, Hop, Judgement, Verdict
from netcheck.model.paths import Family, ProbePath, Role
from netcheck.model.results import Lookup, Standing
from netcheck.model.services import PortRule, Service, ports_on
from netcheck.verdict.case import Case, World
from netcheck.verdict.links import loses_packets
from netcheck.verdict.rules import explain
from netcheck.verdict.seen import Seen, what_counts

_SEVERITY = (
    Verdict.READY,
    Verdict.DEGRADED,
    Verdict.FALLBACK_ONLY,
    Verdict.UNKNOWN,
    Verdict.NOT_READY,
)
"""A role is as ready as the worst of the services it needs. What is not measured yet may still be worse."""


@dataclass(slots=True)
class Tally:
    """How many hosts of a service's port answered over a path, and what the others ran into."""

    reached: set[tuple[str, Family]] = field(default_factory=set)
    tried: set[tuple[str, Family]] = field(default_factory=set)
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, seen: Seen) -> None:
        """A host's family counts as reached when any of its addresses answered."""
        where = (seen.result.host, seen.family)
        self.tried.add(where)
        if seen.failure is None:
            self.reached.add(where)
        else:
            self.failures[f"{seen.failure.phase} {seen.failure.reason}"] += 1

    @property
    def verdict(self) -> Verdict:
        if not self.tried:
            return Verdict.UNKNOWN
        if not self.reached:
            return Verdict.NOT_READY
        return Verdict.READY if self.tried == self.reached else Verdict.DEGRADED

    def evidence(self, service: str, port: int) -> str:
        hosts, answering = {host for host, _ in self.tried}, {host for host, _ in self.reached}
        text = f"{service} port {port}: {len(answering)} of {len(hosts)} hosts reachable"
        broken = {family for _, family in self.tried} - {family for _, family in self.reached}
        if answering and broken:
            text += f", none over {', '.join(sorted(broken))}"
        if self.failures:
            count, reason = max((count, reason) for reason, count in self.failures.items())
            text += f"; {reason} ({count} of {self.failures.total()} failed probes)"
        return text


Tallies = Mapping[tuple[str, str, int], Tally]
"""By path, service and port."""


class _ServiceVerdict(NamedTuple):
    """How ready one service is over a path, and the ports that make it so."""

    service: Service
    verdict: Verdict
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the latest results mean."""

    judgements: list[Judgement]
    """One for each path and each role that something required serves on it."""
    fallback_active: dict[str, bool]
    """By path with couriers: whether a courier service fails on its first port and works on another."""


def assess(
    services: Sequence[Service],
    paths: Sequence[ProbePath],
    standings: Iterable[Standing],
    lookups: Iterable[Lookup] = (),
    *,
    window: float = math.inf,
    failures: int = 1,
) -> Assessment:
    """Judge by the results that are at most `window` seconds older than the newest of their path.

    `failures` is how many it takes until a failure is believed; see `what_counts`.
    """
    world = World(tuple(services), tuple(paths), what_counts(paths, standings, window, failures), lookups)
    tallies = _tallies(world)
    judgements = [
        _judge_role(world, path, role, needed, tallies)
        for path in paths
        for role in Role
        if (needed := _needed(services, path, role))
    ]
    return Assessment(judgements, _fallback_active(services, paths, tallies))


def _tallies(world: World) -> Tallies:
    tallies = {
        (path.name, service.name, port): Tally()
        for path in world.paths
        for service in world.services
        for port in ports_on(service, path)
    }
    for seen in world.seen:
        tallies[seen.result.path, seen.result.service, seen.result.port].add(seen)
    return tallies


def _fallback_active(
    services: Sequence[Service], paths: Sequence[ProbePath], tallies: Tallies
) -> dict[str, bool]:
    couriers = [service for service in services if service.port_rule is PortRule.FALLBACK]
    return {
        path.name: any(
            _with_fallback(list(_by_port(courier, path, tallies).values())) is Verdict.FALLBACK_ONLY
            for courier in present
        )
        for path in paths
        if (present := [courier for courier in couriers if _served(courier, path)])
    }


def _served(service: Service, path: ProbePath) -> bool:
    return bool(service.roles & path.roles and ports_on(service, path))


def _needed(services: Iterable[Service], path: ProbePath, role: Role) -> list[Service]:
    if role not in path.roles:
        return []
    return [s for s in services if s.required and role in s.roles and ports_on(s, path)]


def _judge_role(
    world: World, path: ProbePath, role: Role, needed: Sequence[Service], tallies: Tallies
) -> Judgement:
    judged = [_judge_service(service, path, tallies) for service in needed]
    verdict = max((each.verdict for each in judged), key=_SEVERITY.index)
    if verdict is Verdict.READY and loses_packets(world.on_path(path.name)):
        verdict = Verdict.DEGRADED
    deciding = {
        (each.service.name, port) for each in judged for port in each.ports if each.verdict is verdict
    }
    explained = explain(Case(world, path, verdict, frozenset(deciding)))
    counts = tuple(
        tallies[path.name, service.name, port].evidence(service.name, port)
        for service in needed
        for port in _ports_that_count(service, path)
        if tallies[path.name, service.name, port].tried
    )
    if explained is None:
        return Judgement(path.name, role, verdict, counts=counts)
    hop = Hop.PROXY if path.proxy else Hop.FIREWALL
    finding = Finding(explained.cause, hop, explained.evidence, explained.next_step)
    return Judgement(path.name, role, verdict, (finding,), counts)


def _judge_service(service: Service, path: ProbePath, tallies: Tallies) -> _ServiceVerdict:
    by_port = {
        port: tallies[path.name, service.name, port].verdict for port in _ports_that_count(service, path)
    }
    if service.port_rule is PortRule.FALLBACK and path.proxy is None:
        return _judge_courier(service, by_port)
    choose = max if service.port_rule is PortRule.ALL else min
    verdict = choose(by_port.values(), key=_SEVERITY.index)
    return _ServiceVerdict(service, verdict, _with_verdict(by_port, verdict))


def _ports_that_count(service: Service, path: ProbePath) -> tuple[int, ...]:
    """Devices use a proxy only for the fallback ports, so the first port says nothing of a proxy."""
    ports = ports_on(service, path)
    only_fallback = service.port_rule is PortRule.FALLBACK and path.proxy is not None and len(ports) > 1
    return ports[1:] if only_fallback else ports


def _judge_courier(service: Service, by_port: Mapping[int, Verdict]) -> _ServiceVerdict:
    verdict = _with_fallback(list(by_port.values()))
    first = tuple(by_port)[:1]
    ports = _with_verdict(by_port, verdict) if verdict is Verdict.NOT_READY else first
    return _ServiceVerdict(service, verdict, ports)


def _with_verdict(by_port: Mapping[int, Verdict], verdict: Verdict) -> tuple[int, ...]:
    return tuple(port for port, its in by_port.items() if its is verdict)


def _by_port(service: Service, path: ProbePath, tallies: Tallies) -> dict[int, Verdict]:
    return {port: tallies[path.name, service.name, port].verdict for port in ports_on(service, path)}


def _with_fallback(by_port: Sequence[Verdict]) -> Verdict:
    """The first port decides; where nothing answers on it, any answer on another is a fallback."""
    first, *others = by_port
    works = any(verdict in (Verdict.READY, Verdict.DEGRADED) for verdict in others)
    return Verdict.FALLBACK_ONLY if first is Verdict.NOT_READY and works else first
