"""From the latest results to a verdict for each path and role. Pure: knows no clock and does no I/O."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from netcheck.model import (
    Family,
    Judgement,
    Phase,
    PortRule,
    ProbePath,
    Reason,
    ResolveMode,
    Result,
    Role,
    Service,
    Verdict,
    ports_on,
)

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

    def add(self, result: Result) -> None:
        """A host's family counts as reached when any of its addresses answered."""
        where = (result.host, result.attempt.family)
        self.tried.add(where)
        failure = result.attempt.failure
        if failure is None:
            self.reached.add(where)
        elif _has_no_ipv6_here(result):
            self.tried.discard(where)
        else:
            self.failures[f"{failure.phase} {failure.reason}"] += 1

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
            reason, count = self.failures.most_common(1)[0]
            text += f"; {reason} ({count} of {self.failures.total()} failed probes)"
        return text


def _has_no_ipv6_here(result: Result) -> bool:
    """A machine without any IPv6 is no network that breaks it: nobody here would use those addresses."""
    attempt = result.attempt
    return (
        attempt.family is Family.IPV6
        and attempt.failure is not None
        and attempt.failure.reason is Reason.NETWORK_UNREACHABLE
    )


Tallies = Mapping[tuple[str, str, int], Tally]
"""By path, service and port."""


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
    results: Iterable[Result],
    window: float = math.inf,
) -> Assessment:
    """Judge by the results that are at most `window` seconds older than the newest of their path."""
    tallies = _tallies(services, paths, _recent(list(results), window))
    judgements = [
        _judge_role(path, role, needed, tallies)
        for path in paths
        for role in Role
        if (needed := _needed(services, path, role))
    ]
    return Assessment(judgements, _fallback_active(services, paths, tallies))


def _recent(results: Sequence[Result], window: float) -> Iterator[Result]:
    newest: dict[str, float] = {}
    for result in results:
        newest[result.path] = max(newest.get(result.path, 0.0), result.attempt.time)
    return (result for result in results if result.attempt.time >= newest[result.path] - window)


def _fallback_active(
    services: Sequence[Service], paths: Sequence[ProbePath], tallies: Tallies
) -> dict[str, bool]:
    couriers = [service for service in services if service.port_rule is PortRule.FALLBACK]
    return {
        path.name: any(
            _with_fallback(_by_port(courier, path, tallies)) is Verdict.FALLBACK_ONLY for courier in present
        )
        for path in paths
        if (present := [courier for courier in couriers if _served(courier, path)])
    }


def _tallies(services: Iterable[Service], paths: Iterable[ProbePath], results: Iterable[Result]) -> Tallies:
    tallies = {
        (path.name, service.name, port): Tally()
        for path in paths
        for service in services
        for port in ports_on(service, path)
    }
    both_ways = {p.name for p in paths if p.proxy is not None and p.proxy.resolve is ResolveMode.BOTH}
    for result in results:
        # Where the proxy resolves as well, that this machine cannot is its normal state.
        if not (result.path in both_ways and _failed_to_resolve(result)):
            tallies[result.path, result.service, result.port].add(result)
    return tallies


def _failed_to_resolve(result: Result) -> bool:
    return result.attempt.failure is not None and result.attempt.failure.phase is Phase.RESOLVE


def _served(service: Service, path: ProbePath) -> bool:
    return bool(service.roles & path.roles and ports_on(service, path))


def _needed(services: Iterable[Service], path: ProbePath, role: Role) -> list[Service]:
    if role not in path.roles:
        return []
    return [s for s in services if s.required and role in s.roles and ports_on(s, path)]


def _judge_role(path: ProbePath, role: Role, needed: Sequence[Service], tallies: Tallies) -> Judgement:
    verdicts = [_judge_service(service, path, tallies) for service in needed]
    evidence = tuple(
        tallies[path.name, service.name, port].evidence(service.name, port)
        for service in needed
        for port in ports_on(service, path)
        if tallies[path.name, service.name, port].tried
    )
    return Judgement(path.name, role, max(verdicts, key=_SEVERITY.index), evidence=evidence)


def _judge_service(service: Service, path: ProbePath, tallies: Tallies) -> Verdict:
    by_port = _by_port(service, path, tallies)
    if service.port_rule is PortRule.ANY:
        return min(by_port, key=_SEVERITY.index)
    if service.port_rule is PortRule.ALL or len(by_port) == 1:
        return max(by_port, key=_SEVERITY.index)
    if path.proxy is not None:
        # Devices use a proxy only for the fallback ports, so the first port says nothing of a proxy.
        return min(by_port[1:], key=_SEVERITY.index)
    return _with_fallback(by_port)


def _by_port(service: Service, path: ProbePath, tallies: Tallies) -> list[Verdict]:
    return [tallies[path.name, service.name, port].verdict for port in ports_on(service, path)]


def _with_fallback(by_port: Sequence[Verdict]) -> Verdict:
    """The first port decides; where nothing answers on it, any answer on another is a fallback."""
    first, *others = by_port
    works = any(verdict in (Verdict.READY, Verdict.DEGRADED) for verdict in others)
    return Verdict.FALLBACK_ONLY if first is Verdict.NOT_READY and works else first
