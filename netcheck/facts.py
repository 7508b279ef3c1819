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
from netcheck.model.findings import (
    Cause,
    FetchedBag,
    Finding,
    Hop,
    Judgement,
    Proof,
    PushCertificate,
    Verdict,
)
from netcheck.model.paths import Family, ProbePath, Role
from netcheck.model.results import Endpoint, Hold, HoldEnd, HoldKey, Lookup, Result
from netcheck.model.services import Service
from netcheck.model.trends import Part, Trends
from netcheck.state.endpoints import EndpointState, standings_of
from netcheck.state.flows import Flow, Outcomes, PathCounters, Recent
from netcheck.state.histogram import Histogram
from netcheck.state.lookups import LookupFlow, Question
from netcheck.state.own import SelfState
from netcheck.state.state import State
from netcheck.verdict.assessing import assess
from netcheck.verdict.case import Beside
from netcheck.verdict.changing import doubts_in_words

_LONGEST_WAIT = 3
"""So many times the patience with one doubt is what a verdict waits at most, where one follows the other."""
_RESTLESS = 3
"""A silence makes hosts that still fail suspect for so many times as long as results count."""

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

    @classmethod
    def of(cls, state: State) -> Self:
        flows, lookups = state.flows, state.lookups
        ends = state.holds.ends
        return cls(
            flows.outcomes, flows.recent, flows.paths, lookups.counts, lookups.durations, ends, state.own
        )


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
    """After which a large TLS hello was sent: the latest of each service's port over each path."""
    holds: Mapping[HoldKey, Hold]
    totals: Totals

    @property
    def ready(self) -> bool:
        """Whether everything that could be judged is ready or as expected, and anything was."""
        return bool(self.judgements) and all(
            each.verdict is Verdict.READY or each.is_expected for each in self.judgements
        )

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
        """The latest results in which a certificate was shown, by service and path."""
        grouped: dict[tuple[str, str], list[Result]] = {}
        for endpoint, seen in self.endpoints.items():
            if seen.certified:
                grouped.setdefault((endpoint.service, endpoint.path), []).extend(seen.certified)
        return grouped


def _found(alike: Sequence[tuple[Finding, Judgement]]) -> PathFinding:
    judgements, evidence = tuple(j for _, j in alike), tuple(finding.evidence for finding, _ in alike)
    about = {id(result): result for finding, _ in alike for result in finding.about}
    return PathFinding(replace(alike[0][0], about=tuple(about.values())), judgements, evidence)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state at one moment. To make facts of a large one takes long, and may be done in a thread."""

    version: int
    belief: Belief
    trends: Trends
    random: frozenset[Part]
    """Where it is chance that decides, and no host."""
    unjudged: Facts
    """All but what the results mean."""

    @classmethod
    def of(cls, state: State, belief: Belief) -> Self:
        return cls(
            state.version,
            belief,
            state.courses.trends() if belief.patience else {},
            state.chances.random(in_one_look=belief.is_one_look),
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
                large_hellos=tuple(state.large_hellos.latest.values()),
                holds=dict(state.holds.latest),
                totals=Totals.of(state),
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
            window=self.belief.window,
            failures=self.belief.failures,
            trends=self.trends,
            random=self.random,
            beside=Beside(known.proofs, known.large_hellos, tuple(known.holds.values())),
            is_one_look=self.belief.is_one_look,
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


@dataclass(frozen=True, slots=True)
class _Clear:
    """What was last clear of a path and a role."""

    judgement: Judgement
    on_fallback: bool
    at: float
    """When that was, on the monotonic clock."""


@dataclass(frozen=True, slots=True)
class _Unrest:
    """The paths whose verdicts have to wait."""

    changing: Set[str]
    restless: Mapping[str, float]
    """Where all failed together for a while, and when that ended: that hosts still do is no reason yet to go
    to Apple."""
    down: Set[Part]
    """Of which nothing answers, for sure."""

    def may_only_be_late(self, path: ProbePath, judged: Judgement) -> bool:
        """Whether Apple is to be asked about hosts that may only be the last to answer again."""
        ended = self.restless.get(path.name)
        if ended is None:
            return False
        newest: dict[Part, float] = {}
        for finding in judged.findings:
            for result in finding.about if finding.hop is Hop.APPLE else ():
                part = Part.of(result.endpoint)
                newest[part] = max(result.attempt.at, newest.get(part, -math.inf))
        return any(at <= ended or part not in self.down for part, at in newest.items())


_OF_RANGES = (Cause.RANGE_BLOCKED, Cause.LOCAL_MACHINE)
"""What hosts of one range may have: a firewall that drops it, or no route to it."""


def _may_be_recovering(fresh: Judgement, before: Judgement) -> bool:
    """Whether what is left of a silence may only be ranges in which no host was visited since."""
    return fresh.verdict.severity < before.verdict.severity and fresh.cause in _OF_RANGES


def _without_news(latest: _Clear, before: _Clear) -> _Clear:
    """That all is well is said at once; a remark on it waits until it is clear."""
    was_ready = before.judgement.verdict is Verdict.READY
    remarks = before.judgement.findings if was_ready else ()
    return replace(latest, judgement=replace(latest.judgement, findings=remarks), at=before.at)


class LatestFacts:
    """The facts of a state that goes on changing: made when somebody asks, once for each change.

    While it is not clear what is changing, verdicts stay as they were: each step of a change would be taken
    for its end. Where all turns out to be well, that is said at once.
    """

    def __init__(self, state: State, belief: Belief) -> None:
        self._state = state
        self._belief = belief
        self._version = -1
        self.latest = Snapshot.of(state, belief).unjudged
        """As they were taken last; nothing is judged before."""
        self._clear: dict[tuple[ProbePath, Role], _Clear] = {}

    def believe(self, belief: Belief) -> None:
        """Judge by this from now on."""
        if belief != self._belief:
            self._belief, self._version = belief, -1

    def now(self) -> Facts:
        """The same object for as long as nothing has changed."""
        if (snapshot := self.news()) is not None:
            self.take(snapshot, snapshot.facts())
        return self.latest

    def news(self) -> Snapshot | None:
        """What facts are to be made of now, and then taken; None where nothing has changed."""
        if self._version == self._state.version:
            return None
        return Snapshot.of(self._state, self._belief)

    def take(self, snapshot: Snapshot, facts: Facts) -> None:
        """The facts of a snapshot; not where something else was to be measured or believed since."""
        known, state = snapshot.unjudged, self._state
        if (known.services, known.paths, snapshot.belief) == (state.services, state.paths, self._belief):
            self._version, self.latest = snapshot.version, self._settled(facts, snapshot.random)

    def _settled(self, facts: Facts, random: frozenset[Part]) -> Facts:
        if not facts.endpoints:
            return facts
        courses = self._state.courses
        steady = {part[:3] for part in random}  # of what goes on at random, nothing is changing
        doubts = {p: it for p, it in courses.doubts(self._belief.patience).items() if p[:3] not in steady}
        asked = self._state.inquiries.keys() - {part.path for part in random}
        unrest = _Unrest(
            {part.path for part in doubts} | asked,
            courses.silent_since(courses.newest - _RESTLESS * self._belief.window),
            {part for part, trend in courses.trends().items() if trend.down and not trend.doubt},
        )
        paths = {path.name: path for path in facts.paths}
        self._clear = {
            (paths[fresh.path], fresh.role): self._last_clear(paths[fresh.path], fresh, facts, unrest)
            for fresh in facts.judgements
        }
        judgements = [clear.judgement for clear in self._clear.values()]
        on_fallback = {
            path.name: clear.on_fallback
            for (path, role), clear in self._clear.items()
            if role is Role.DEVICE and path.name in facts.fallback
        }
        return replace(
            facts,
            judgements=tuple(replace(each, doubts=doubts_in_words(doubts, each)) for each in judgements),
            fallback={**facts.fallback, **on_fallback},
        )

    def _last_clear(self, path: ProbePath, fresh: Judgement, facts: Facts, unrest: _Unrest) -> _Clear:
        now = self._state.courses.newest
        latest = _Clear(fresh, facts.fallback.get(path.name, False), now)
        nothing = replace(fresh, verdict=Verdict.UNKNOWN, findings=())
        before = self._clear.get((path, fresh.role)) or _Clear(nothing, False, now)
        is_late = now - before.at > _LONGEST_WAIT * self._belief.patience
        if fresh.verdict is Verdict.READY:
            waits = path.name in unrest.changing and not is_late
            return _without_news(latest, before) if waits else latest
        if unrest.may_only_be_late(path, fresh):
            return before
        is_changing = path.name in unrest.changing or (
            path.name in unrest.restless and _may_be_recovering(fresh, before.judgement)
        )
        return before if is_changing and not is_late else latest
