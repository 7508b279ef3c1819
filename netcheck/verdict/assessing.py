"""Verdicts: how ready a role is over a path, from the ports of the services it needs.

Causes are the rules'.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from netcheck.grouping import grouped
from netcheck.model.failing import Reason
from netcheck.model.findings import Judgement, Needed, Verdict, best, worst
from netcheck.model.paths import Expected, Family, ProbePath, Role
from netcheck.model.push_certificates import Proof
from netcheck.model.results import Lookup, Result, Standing
from netcheck.model.services import PortRule, Service, ports_on
from netcheck.verdict.case import Case
from netcheck.verdict.counting import Counted, Counting, Criteria, what_counts
from netcheck.verdict.failures_in_words import failure_in_words
from netcheck.verdict.loss import lost
from netcheck.verdict.matching import goes_directly
from netcheck.verdict.needs import needs, ports_judged, ports_needed, services_needed
from netcheck.verdict.rules import explain
from netcheck.verdict.world import Beside, World

_WORKS = (Verdict.READY, Verdict.DEGRADED)


@dataclass(slots=True)
class Tally:
    """How many hosts of a service's port answered over a path, and what the others ran into."""

    reached: set[tuple[str, Family]] = field(default_factory=set)
    tried: set[tuple[str, Family]] = field(default_factory=set)
    failures: Counter[str] = field(default_factory=Counter)
    denied: int = 0
    """How many of the failures are denials of a proxy."""
    is_limited: bool = False
    """Whether hosts that answer do so only at times, only at addresses outside a dead range, or only at
    some of their load balancers."""
    is_direct: bool = True
    """Whether all that was tried was told to go without a proxy."""

    def add(self, counted: Counted, *, in_dead_range: bool) -> None:
        """A host's family counts as reached when any of its addresses answered."""
        where = (counted.result.host, counted.family)
        self.tried.add(where)
        self.is_direct &= goes_directly(counted)
        if counted.comes_and_goes or counted.failure is None:
            self.reached.add(where)
        if counted.failure is not None:
            self.failures[failure_in_words(counted.failure.phase, counted.failure.reason)] += 1
            self.denied += counted.failure.reason is Reason.PROXY_DENIED
            at_balancer = counted.result.attempt.balancer is not None
            self.is_limited |= counted.comes_and_goes or in_dead_range or at_balancer

    @property
    def verdict(self) -> Verdict:
        if not self.tried:
            return Verdict.UNKNOWN
        if not self.reached:
            return Verdict.NOT_READY
        return Verdict.DEGRADED if self.is_limited or self.tried != self.reached else Verdict.READY

    @property
    def is_denied(self) -> bool:
        return 0 < self.failures.total() == self.denied and not self.reached

    def evidence(self, place: Needed) -> str:
        if not self.tried:
            return f"{place.service} port {place.port}: waiting for the first results"
        hosts, answering = {host for host, _ in self.tried}, {host for host, _ in self.reached}
        text = f"{place.service} port {place.port}: {len(answering)} of {len(hosts)} hosts reachable"
        broken = {family for _, family in self.tried} - {family for _, family in self.reached}
        if answering and broken:
            text += f", none over {', '.join(sorted(broken))}"
        if self.failures:
            count, reason = max((count, reason) for reason, count in self.failures.items())
            text += f"; {reason} ({count} of {self.failures.total()} failed probes)"
        return text


class _ServiceVerdict(NamedTuple):
    """How ready one service is over a path, and the ports that this rests on."""

    service: Service
    verdict: Verdict
    decisive: tuple[int, ...]
    """Those that make it no better."""
    ports: tuple[int, ...]
    """All that make a verdict."""
    useful: tuple[int, ...]
    """Those of its ports that are needed as things stand: where any will do, one that works makes do."""
    relied_on: tuple[int, ...]
    """Those of them that clients get through on; where there are none, those that they try."""


class _OnPath(NamedTuple):
    """One path and role: how ready each service is there, and what is needed as things stand."""

    path: ProbePath
    role: Role
    services: Sequence[_ServiceVerdict]
    needs: frozenset[Needed]


Tallies = Mapping[str, Mapping[Needed, Tally]]
"""By path, then by service and port."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the latest results mean."""

    judgements: list[Judgement]
    """One for each path and each role that something required serves on it."""
    fallback_active: dict[str, bool]
    """By path with couriers: whether a courier service fails on its first port and works on another.

    Never through a proxy, where devices use nothing but the other ports.
    """


def assess(
    services: Sequence[Service],
    paths: Sequence[ProbePath],
    standings: Iterable[Standing],
    lookups: Iterable[Lookup] = (),
    *,
    criteria: Criteria = Criteria(),  # noqa: B008 - frozen
    beside: Beside = Beside(),  # noqa: B008 - frozen
) -> Assessment:
    """Judge by the latest results, as far as they count by these criteria."""
    counting = what_counts(paths, standings, criteria)
    tallies = _tallies(services, paths, counting)
    on_paths = [
        _on_path(path, role, needed, tallies[path.name])
        for path in paths
        for role in Role
        if (needed := services_needed(services, path, role))
    ]
    useful = grouped((each.path.name, need) for each in on_paths for need in each.needs)
    world = World(services, paths, counting, lookups, useful, beside, criteria.trends)
    losses = _losses(services, paths, counting)
    judgements = [_judge(world, each, tallies[each.path.name], losses[each.path.name]) for each in on_paths]
    return Assessment(judgements, _fallback_active(services, paths, tallies))


def _tallies(services: Sequence[Service], paths: Sequence[ProbePath], counting: Counting) -> Tallies:
    tallies = {
        path.name: {
            Needed(service.name, port): Tally() for service in services for port in ports_on(service, path)
        }
        for path in paths
    }
    for each in counting.counted:
        in_dead_range = not each.connected and each.range in counting.dead
        tallies[each.result.path][each.place].add(each, in_dead_range=in_dead_range)
    return tallies


def _losses(
    services: Sequence[Service], paths: Sequence[ProbePath], counting: Counting
) -> dict[str, tuple[int, int] | None]:
    """By path, of what any role needs there."""
    needed = {path.name: {need for role in Role for need in needs(services, path, role)} for path in paths}
    by_path: dict[str, list[Counted]] = {path.name: [] for path in paths}
    for each in counting.counted:
        if each.place in needed[each.result.path]:
            by_path[each.result.path].append(each)
    return {path: lost(counted) for path, counted in by_path.items()}


def _on_path(
    path: ProbePath, role: Role, needed: Iterable[Service], tallies: Mapping[Needed, Tally]
) -> _OnPath:
    services = [_judge_service(service, path, tallies) for service in needed]
    useful = frozenset(Needed(each.service.name, port) for each in services for port in each.useful)
    return _OnPath(path, role, services, useful)


def _judge(
    world: World, on_path: _OnPath, tallies: Mapping[Needed, Tally], loss: tuple[int, int] | None
) -> Judgement:
    path, role, services, needed = on_path
    verdict = worst(each.verdict for each in services)
    large_hellos = _lost_where_it_matters(world.large_hellos_lost(path.name), services)
    if verdict is Verdict.READY and (loss is not None or large_hellos):
        verdict = Verdict.DEGRADED
    proofs = world.proofs_on(path.name) if role is Role.PROVIDER else ()
    if verdict is not Verdict.UNKNOWN:
        verdict = worst([verdict, _of_certificates(proofs)])
    limited = {
        Needed(each.service.name, port): each.verdict
        for each in services
        for port in each.decisive
        if each.verdict not in (Verdict.READY, Verdict.UNKNOWN)
    }
    case = Case(
        world,
        path,
        role,
        needed,
        verdict,
        verdicts=limited,
        failed=(),
        left=(),
        lost=loss,
        proofs=proofs,
        large_hellos=large_hellos,
    )
    only_by_name = _only_by_name(path, limited, needed)
    failed, is_stale = _failures(case, limited.keys() & needed, only_by_name)
    case = replace(case, failed=failed, left=failed)
    counts = _counts(on_path, tallies, is_known=verdict is not Verdict.UNKNOWN)
    return Judgement(
        path.name, role, verdict, explain(case), counts, needed, path.expected, is_stale=is_stale
    )


def _counts(on_path: _OnPath, tallies: Mapping[Needed, Tally], *, is_known: bool) -> tuple[str, ...]:
    """Of what is needed; where it may be blocked on purpose, of all that could make a verdict."""
    path, _, services, needed = on_path
    places = [Needed(each.service.name, port) for each in services for port in each.ports]
    told = [place for place in places if place in needed or path.expected is not Expected.READY]
    return tuple(tallies[place].evidence(place) for place in told if tallies[place].tried or not is_known)


def _lost_where_it_matters(lost: Sequence[Result], services: Iterable[_ServiceVerdict]) -> tuple[Result, ...]:
    """Of the services whose clients have no other port that works, and try none before that does."""
    matters: set[Needed] = set()
    for its in services:
        gone = {each.port for each in lost if each.service == its.service.name}
        can_do_without = its.service.port_rule is PortRule.ANY and not gone.issuperset(its.relied_on)
        if gone.intersection(its.relied_on) and not can_do_without:
            matters.update(Needed(its.service.name, port) for port in gone.intersection(its.useful))
    return tuple(each for each in lost if (each.service, each.port) in matters)


def _of_certificates(proofs: Sequence[Proof]) -> Verdict:
    """A server whose certificate is no good cannot push; of several, the others still can."""
    refused = [proof for proof in proofs if proof.acceptance.is_refusal]
    if not refused:
        return Verdict.READY
    return Verdict.NOT_READY if len(refused) == len(proofs) else Verdict.DEGRADED


def _only_by_name(path: ProbePath, limited: Iterable[Needed], needed: Iterable[Needed]) -> set[Needed]:
    """Of services whose first port may be blocked, the others: names that lead nowhere block no port.

    Whatever else fails on these is a remark, for as long as the first port makes the verdict.
    """
    if path.expected is not Expected.FALLBACK_ONLY:
        return set()
    services = {place.service for place in {*limited} - {*needed}}
    return {place for place in needed if place.service in services}


def _failures(case: Case, places: Set[Needed], only_by_name: Set[Needed]) -> tuple[tuple[Counted, ...], bool]:
    """What fails there, some of it only where the name does.

    And whether all of it is stale, which is left out where anything else fails.
    """
    failed = [
        each
        for each in case.counted
        if each.failure is not None
        and (each.place in places or (each.place in only_by_name and case.fails_by_name(each)))
    ]
    fresh = [each for each in failed if not case.world.is_stale(case.path, each)]
    return tuple(sorted(fresh or failed, key=lambda each: each.order)), bool(failed) and not fresh


def _judge_service(service: Service, path: ProbePath, tallies: Mapping[Needed, Tally]) -> _ServiceVerdict:
    directly = _goes_directly(service, path, tallies)
    ports = ports_judged(service, path, directly=directly)
    by_port = {port: tallies[Needed(service.name, port)].verdict for port in ports}
    needed = ports_needed(service, path, directly=directly)
    if service.port_rule is PortRule.FALLBACK and (directly or not path.is_proxied):
        verdict = _with_fallback(list(by_port.values()))
        decisive = _with_verdict(by_port, verdict) if verdict is Verdict.NOT_READY else ports[:1]
        relied_on = _that_work(needed, by_port)[:1] or needed
        return _ServiceVerdict(service, verdict, decisive, ports, needed, relied_on)
    choose = worst if service.port_rule is PortRule.ALL else best
    verdict = choose(by_port.values())
    useful = _useful(service, needed, by_port, tallies) if service.port_rule is PortRule.ANY else needed
    relied_on = _that_work(useful, by_port) or useful
    return _ServiceVerdict(service, verdict, _with_verdict(by_port, verdict), ports, useful, relied_on)


def _that_work(ports: Iterable[int], by_port: Mapping[int, Verdict]) -> tuple[int, ...]:
    return tuple(port for port in ports if by_port.get(port) in _WORKS)


def _goes_directly(service: Service, path: ProbePath, tallies: Mapping[Needed, Tally]) -> bool:
    """Whether a PAC file or the environment sends all of it past the proxies."""
    of_ports = [tallies[Needed(service.name, port)] for port in ports_on(service, path)]
    tried = [tally for tally in of_ports if tally.tried]
    return bool(tried) and all(tally.is_direct for tally in tried)


def _useful(
    service: Service,
    ports: tuple[int, ...],
    by_port: Mapping[int, Verdict],
    tallies: Mapping[Needed, Tally],
) -> tuple[int, ...]:
    """Of ports of which any will do: the best that work; else those that a proxy does not simply deny."""
    if works := _that_work(ports, by_port):
        how_well = best(by_port[port] for port in works)
        return tuple(port for port in ports if by_port[port] is how_well)
    allowed = tuple(port for port in ports if not tallies[Needed(service.name, port)].is_denied)
    return allowed or ports


def _with_verdict(by_port: Mapping[int, Verdict], verdict: Verdict) -> tuple[int, ...]:
    return tuple(port for port, its in by_port.items() if its is verdict)


def _fallback_active(
    services: Sequence[Service], paths: Sequence[ProbePath], tallies: Tallies
) -> dict[str, bool]:
    couriers = [service for service in services if service.port_rule is PortRule.FALLBACK]
    return {
        path.name: any(_is_on_fallback(courier, path, tallies) for courier in present)
        for path in paths
        if (present := [s for s in couriers if s.roles & path.roles and ports_on(s, path)])
    }


def _is_on_fallback(courier: Service, path: ProbePath, tallies: Tallies) -> bool:
    if path.is_proxied and not _goes_directly(courier, path, tallies[path.name]):
        return False
    by_port = [tallies[path.name][Needed(courier.name, port)].verdict for port in ports_on(courier, path)]
    return _with_fallback(by_port) is Verdict.FALLBACK_ONLY


def _with_fallback(by_port: Sequence[Verdict]) -> Verdict:
    """The first port decides; where nothing answers on it, any answer on another is a fallback."""
    first, *others = by_port
    works = any(verdict in _WORKS for verdict in others)
    return Verdict.FALLBACK_ONLY if first is Verdict.NOT_READY and works else first
