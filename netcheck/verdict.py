"""From the latest results to a verdict for each path and role. Pure: knows no clock and does no I/O."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from netcheck.model import Judgement, PortRule, ProbePath, Result, Role, Service, Verdict, ports_on

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

    reached: set[str] = field(default_factory=set)
    tried: set[str] = field(default_factory=set)
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        self.tried.add(result.host)
        failure = result.attempt.failure
        if failure is None:
            self.reached.add(result.host)
        else:
            self.failures[f"{failure.phase} {failure.reason}"] += 1

    @property
    def verdict(self) -> Verdict:
        """A host counts as reached when any of its addresses answered."""
        if not self.tried:
            return Verdict.UNKNOWN
        if not self.reached:
            return Verdict.NOT_READY
        return Verdict.READY if self.reached == self.tried else Verdict.DEGRADED

    def evidence(self, service: str, port: int) -> str:
        text = f"{service} port {port}: {len(self.reached)} of {len(self.tried)} hosts reachable"
        if self.failures:
            reason, count = self.failures.most_common(1)[0]
            text += f", {reason} ({count} of {self.failures.total()} failed probes)"
        return text


Tallies = Mapping[tuple[str, str, int], Tally]
"""By path, service and port."""


def judge(
    services: Sequence[Service], paths: Sequence[ProbePath], results: Iterable[Result]
) -> list[Judgement]:
    """One judgement for each path and each role that something required serves on it."""
    tallies = _tallies(services, paths, results)
    return [
        _judge_role(path, role, needed, tallies)
        for path in paths
        for role in Role
        if (needed := _needed(services, path, role))
    ]


def fallback_active(
    services: Sequence[Service], paths: Sequence[ProbePath], results: Iterable[Result]
) -> dict[str, bool]:
    """By path with couriers: whether some courier service fails on its first port and works on another."""
    tallies = _tallies(services, paths, results)
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
    for result in results:
        tallies[result.path, result.service, result.port].add(result)
    return tallies


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
