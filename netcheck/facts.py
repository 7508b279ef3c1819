"""All that anyone shows: the state at one moment, and what it means.

Metrics, pages, `check`, the log and the report are made from this, and from nothing else.
Knows the state and the engine that judges it. Must not know how anything is shown, nor any clock.
"""

import math
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self, TypeAlias

from netcheck.bags import fetched_bags
from netcheck.model.bags import FetchedBag
from netcheck.model.findings import Finding, Judgement
from netcheck.model.holds import Hold, HoldEnd, HoldKey
from netcheck.model.paths import Family, ProbePath
from netcheck.model.push_certificates import Proof, PushCertificate
from netcheck.model.results import Endpoint, EndpointState, Lookup, Result
from netcheck.model.services import Service
from netcheck.state.endpoints import standings_of
from netcheck.state.flows import Flow, Outcomes, PathCounters, Recent
from netcheck.state.histogram import Histogram
from netcheck.state.lookups import LookupFlow, Question
from netcheck.state.own import SelfState
from netcheck.state.state import State
from netcheck.verdict.assessing import assess
from netcheck.verdict.counting import Criteria
from netcheck.verdict.world import Beside

HostsKey: TypeAlias = tuple[str, int, str, Family]
"""Service, port, path, family."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What it takes until the results make a verdict."""

    window: float = math.inf
    """How many seconds a result may be older than the newest of its path."""
    failures: int = 1
    """How many failures it takes until one is believed."""
    patience: float = 0.0
    """For how many seconds a verdict may wait until it is clear what is changing; 0: nothing outdates
    another result, as they are all of one moment."""
    is_one_look: bool = False
    """Whether every host was visited once, and again only where that told too little."""


class PathFinding(NamedTuple):
    """Something that is wrong on a path, once, with every verdict that suffers from it."""

    finding: Finding
    judgements: tuple[Judgement, ...]
    evidence: tuple[str, ...]
    """What shows it: a sentence for each of these verdicts, in their order."""


@dataclass(frozen=True)
class Totals:
    """What was counted since the start. The counters themselves: they go on while the facts are shown."""

    outcomes: Mapping[Flow, Outcomes]
    recent: Mapping[Flow, Recent]
    paths: Mapping[str, PathCounters]
    lookups: Mapping[Question, Mapping[str, int]]
    lookup_durations: Mapping[str, Histogram]
    """By resolver."""
    hold_ends: Mapping[HoldKey, Mapping[HoldEnd, int]]
    own: SelfState


@dataclass(frozen=True)
class Facts:
    """What is known at one moment. Whoever keeps it sees no later change, except in what is counted."""

    services: tuple[Service, ...]
    """As they are configured; those that are numbered by the bag, with the hosts that bags speak of."""
    paths: tuple[ProbePath, ...]
    judgements: tuple[Judgement, ...]
    """One for each path and each role that something required serves on it."""
    fallback: Mapping[str, bool]
    """By path with couriers: whether devices there live on the fallback port."""
    bags: tuple[FetchedBag, ...]
    endpoints: Mapping[Endpoint, EndpointState]
    lookups_by_flow: Mapping[tuple[LookupFlow, str], Lookup]
    """The latest lookup, by flow and host."""
    ttls_before: Mapping[tuple[LookupFlow, str], int]
    """Of the lookups that failed: how many seconds the answer before was to live."""
    proxies_up: Mapping[str, bool | None]
    """By path through a proxy; None is not yet known."""
    push_certificates: tuple[PushCertificate, ...]
    """Of every file that was read, be it in vain."""
    proofs: tuple[Proof, ...]
    """What APNs said of them, by certificate and path, where that was asked for."""
    large_hellos: tuple[Result, ...]
    """Of attempts that sent a large TLS hello, the latest: by service, port, path and family."""
    holds: Mapping[HoldKey, Hold]
    totals: Totals

    @property
    def ready(self) -> bool:
        """Whether everything that could be judged is ready or as expected, and anything was."""
        return bool(self.judgements) and all(each.is_expected for each in self.judgements)

    @cached_property
    def own_services(self) -> Set[str]:
        """The services that are the user's own, and not Apple's, by name."""
        return {service.name for service in self.services if not service.tls.is_apples}

    @cached_property
    def results(self) -> Sequence[Result]:
        """The latest result of everything that has been visited."""
        return [result for seen in self.endpoints.values() for result in seen.results]

    @property
    def lookups(self) -> Sequence[Lookup]:
        return list(self.lookups_by_flow.values())

    @cached_property
    def findings(self) -> Sequence[PathFinding]:
        """Everything that is wrong or worth a remark, by path, in the order of the judgements."""
        grouped: dict[object, list[tuple[Finding, Judgement]]] = {}
        for judged in self.judgements:
            for finding in judged.findings:
                what = (judged.path, finding.cause, finding.hop, finding.next_step)
                grouped.setdefault(what, []).append((finding, judged))
        return [_found(alike) for alike in grouped.values()]

    @cached_property
    def requests(self) -> Sequence[Sequence[PathFinding]]:
        """The findings, with those together that ask the same of the same people, for several paths."""
        grouped: dict[Hashable, list[PathFinding]] = {}
        for found in self.findings:
            grouped.setdefault(found.finding.asks, []).append(found)
        return list(grouped.values())

    @cached_property
    def hosts(self) -> Mapping[HostsKey, Sequence[EndpointState]]:
        """What is known of a service's hosts, by its ports and paths and how the destination was named."""
        grouped: dict[HostsKey, list[EndpointState]] = {}
        for (service, _, port, path, family), seen in self.endpoints.items():
            grouped.setdefault((service, port, path, family), []).append(seen)
        return grouped

    @cached_property
    def certified(self) -> Mapping[tuple[str, str], Sequence[Result]]:
        """The latest results in which a certificate was shown, by service and path.

        Of the latest visits; where none of these showed any, of those before.
        """
        now: dict[tuple[str, str], list[Result]] = {}
        before: dict[tuple[str, str], list[Result]] = {}
        for endpoint, seen in self.endpoints.items():
            for result in seen.certified:
                grouped = now if any(result is each for each in seen.results) else before
                grouped.setdefault((endpoint.service, endpoint.path), []).append(result)
        return {**before, **now}


def _found(alike: Sequence[tuple[Finding, Judgement]]) -> PathFinding:
    judgements, evidence = tuple(j for _, j in alike), tuple(finding.evidence for finding, _ in alike)
    about = {id(result): result for finding, _ in alike for result in finding.about}
    return PathFinding(replace(alike[0][0], about=tuple(about.values())), judgements, evidence)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state at one moment. To make facts of a large one takes long, and may be done in a thread."""

    version: int
    belief: Belief
    criteria: Criteria
    unjudged: Facts
    """All but what the results mean."""

    @classmethod
    def of(cls, state: State, belief: Belief) -> Self:
        return cls(
            state.version,
            belief,
            Criteria(
                belief.window,
                belief.failures,
                belief.is_one_look,
                trends=state.courses.trends() if belief.patience else {},
                random=state.chances.random(in_one_look=belief.is_one_look),
            ),
            Facts(
                services=state.services,
                paths=state.paths,
                judgements=(),
                fallback={},
                bags=(),
                endpoints=dict(state.endpoints.latest),
                lookups_by_flow=dict(state.lookups.latest),
                ttls_before=dict(state.lookups.ttls_before),
                proxies_up={path: health.up for path, health in state.proxies.health.items()},
                push_certificates=tuple(state.push_certificates.read()),
                proofs=tuple(state.push_certificates.proofs()),
                large_hellos=state.large_hellos.latest,
                holds=dict(state.holds.latest),
                totals=Totals(
                    state.flows.outcomes,
                    state.flows.recent,
                    state.flows.paths,
                    state.lookups.counts,
                    state.lookups.durations,
                    state.holds.ends,
                    state.own,
                ),
            ),
        )

    def facts(self) -> Facts:
        """Judge what it holds, and take down all of it."""
        known = self.unjudged
        assessment = assess(
            known.services,
            known.paths,
            tuple(standings_of(known.endpoints)),
            known.lookups_by_flow.values(),
            criteria=self.criteria,
            beside=Beside(
                known.push_certificates,
                known.proofs,
                known.large_hellos,
                tuple(known.holds.values()),
            ),
        )
        fetched = [(result, seen.bag) for seen in known.endpoints.values() for result in seen.results]
        return replace(
            known,
            judgements=tuple(assessment.judgements),
            fallback=assessment.fallback_active,
            bags=tuple(fetched_bags(known.services, fetched)),
        )


def facts_of(state: State, belief: Belief) -> Facts:
    """The facts of a state as it is now."""
    return Snapshot.of(state, belief).facts()


def judged_alone(state: State, belief: Belief, path: ProbePath) -> tuple[Judgement, ...]:
    """What one path's own results mean, whatever others do: to judge all of many paths takes long."""
    snapshot = Snapshot.of(state, belief)
    known = snapshot.unjudged
    its = {endpoint: seen for endpoint, seen in known.endpoints.items() if endpoint.path == path.name}
    return replace(snapshot, unjudged=replace(known, paths=(path,), endpoints=its)).facts().judgements
