"""The facts of a state that goes on changing: when a change has gone far enough to be told.

Owns what waits, and for how long. Must not know what any verdict means, nor how it is shown.
"""

import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace

from netcheck.facts import Belief, Facts, Snapshot
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.paths import ProbePath, Role
from netcheck.model.trends import Part
from netcheck.state.state import State
from netcheck.verdict.changing import doubts_in_words

_LONGEST_WAIT = 3
"""So many times the patience with one doubt is what a verdict waits at most, where one follows the other."""
_RESTLESS = 3
"""A silence makes hosts that still fail suspect for so many times as long as results count."""


@dataclass(frozen=True, slots=True)
class _Clear:
    """What was last clear of a path and a role."""

    judgement: Judgement
    on_fallback: bool
    at: float
    """When that was, on the monotonic clock; long ago where nothing that is required was visited there."""


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
        """The facts of a snapshot; not where a later one was, or something else is measured or believed."""
        known, state = snapshot.unjudged, self._state
        if snapshot.version < self._version:
            return
        if (known.services, known.paths, snapshot.belief) == (state.services, state.paths, self._belief):
            self._version, self.latest = snapshot.version, self._settled(facts, snapshot.criteria.random)

    def _settled(self, facts: Facts, random: Iterable[Part]) -> Facts:
        if not facts.endpoints:
            return facts
        courses = self._state.courses
        steady = {part.whole for part in random}  # of what goes on at random, nothing is changing
        doubts = {p: it for p, it in courses.doubts(self._belief.patience).items() if p.whole not in steady}
        asked = self._state.inquiries.keys() - {part.path for part in random}
        unrest = _Unrest(
            {part.path for part in doubts} | asked,
            courses.silent_since(courses.newest - _RESTLESS * self._belief.window),
            {part for part, trend in courses.trends().items() if trend.is_surely_down},
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
        courses = self._state.courses
        now = courses.newest if path.name in courses.visited else -math.inf
        latest = _Clear(fresh, facts.fallback.get(path.name, False), now)
        before = self._clear.get((path, fresh.role))
        if before is None or before.at == -math.inf:
            before = _Clear(replace(fresh, verdict=Verdict.UNKNOWN, findings=()), False, now)
        is_late = now - before.at > _LONGEST_WAIT * self._belief.patience
        if fresh.verdict is Verdict.READY:
            waits = path.name in unrest.changing and not is_late
            return _without_news(latest, before) if waits else latest
        if unrest.may_only_be_late(path, fresh):
            return before
        is_changing = (
            fresh.is_stale
            or path.name in unrest.changing
            or (path.name in unrest.restless and _may_be_recovering(fresh, before.judgement))
        )
        return before if is_changing and not is_late else latest
