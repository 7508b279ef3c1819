"""Whether what goes over a port fails at random, whatever the host: a link of two, or a member of a proxy.

A host that is dead fails again when it is asked again, and so does all in an outage, until that ends. Where
hosts fail, answer when they are asked again, and then others fail, it is none of them.
"""

from bisect import bisect
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import chain, pairwise
from typing import NamedTuple

from netcheck.model.paths import ProbePath
from netcheck.model.results import Endpoint, EndpointState
from netcheck.model.services import Service
from netcheck.model.trends import Part, may_be_chance

_REMEMBERED = 64
"""Probes of a part."""
_MOST_FAILING = 1024
"""Hosts and addresses of a part."""
_FEWEST, _SHARE = 3, 0.1
"""It is random where all of this is so. So many hosts have answered at the same address when they were asked
again. They recovered from so many times without any answer. Others have failed next as often, and a tenth of
the probes at least."""
_SHARE_OF_AGAIN = 0.25
"""In one look all is asked once, and then once more what failed. Of that, a path's ports and families taken
together, so much has to answer; where fewer did at first, half as much as of these."""
_CROWD = 8
"""So many failures; chance hardly spares them all when they are asked again."""
_SHARE_OF_AFTER = 0.5
"""So often at least does one fail next after one has answered again: after an outage, all answer first."""
_SETTLED = 12
"""So many answers in a row have settled it."""


class _Event(NamedTuple):
    number: int
    """Of the probe, counted from the first that failed."""
    at: float
    """When it began, on the monotonic clock."""
    host: str
    failed_at: float | None = None
    """When the latest failure there began, where it answers again; None where it fails."""

    @property
    def recovers(self) -> bool:
        return self.failed_at is not None


class _Series:
    """The latest probes of a part."""

    def __init__(self) -> None:
        self.probes = 0
        self._alike, self._last = 0, False
        """How many ended as the last one did, in a row."""
        self.answers = False
        """Whether any has answered."""
        self._answering: str | None = None
        """The host that answered last, for as long as it has not failed since."""
        self._failing: dict[tuple[str, str | None], float] = {}
        """Hosts and addresses, the latest last, and when the attempt began."""
        self._answers_at: deque[float] = deque(maxlen=_REMEMBERED)
        self.events: deque[_Event] = deque(maxlen=_REMEMBERED)
        self.failed = self.again = self.recovered = 0
        """Of all probes: how many failed where none had failed the last time; how many were made where one
        had; and how many of these answered."""

    @property
    def is_over(self) -> bool:
        """Whether nothing remembered has failed."""
        return not self.events

    @property
    def is_random(self) -> bool:
        if self._is_settled or not _are_several(event for event in self.events if event.recovers):
            return False
        times = len({event.at for event in self.events if event.recovers})  # hosts may share an attempt
        failures = sum(not event.recovers for event in self.events)
        in_order = sorted(self.events, key=lambda event: event.at)
        failing_next = [one for one, other in pairwise(in_order) if one.recovers and not other.recovers]
        spells, followed = self._spells(self.events), self._spells(failing_next)
        often_after = _is_often(len(failing_next), times) and _is_often(len(followed), len(spells))
        return often_after and failures >= _SHARE * min(self.probes, _REMEMBERED)

    @property
    def _is_settled(self) -> bool:
        """Whether by now more has failed in a row than chance explains, or so much has answered."""
        return self._alike >= _SETTLED if self._last else not may_be_chance(self._alike, self.share)

    def _spells(self, events: Iterable[_Event]) -> set[int]:
        """The times without any answer, by their number, from which these recovered.

        An outage is a single one, however many hosts recover from it, and whatever still fails after that.
        """
        answers = sorted(self._answers_at)
        return {bisect(answers, event.failed_at) for event in events if event.failed_at is not None}

    @property
    def first(self) -> int:
        """How many probes were no second ones of what had failed."""
        return self.probes - self.again

    def may_be_silent_by_chance(self, share: float) -> bool:
        """Whether its last probes failed, and are too few to tell where such a share of others fails.

        Not where another host answers: what fails beside that by itself is dead hosts.
        """
        return not self._last and self._answering is None and may_be_chance(self._alike, share)

    @property
    def share(self) -> float:
        """Of the latest probes, how many failed: of those before, where these all did."""
        silent = 0 if self._last else self._alike
        failed = sum(not event.recovers for event in self.events) - silent
        return max(0, failed) / max(1, min(self.probes, _REMEMBERED) - silent)

    def by_host(self) -> Iterable[list[_Event]]:
        """What is remembered of each host."""
        found: dict[str, list[_Event]] = {}
        for event in self.events:
            found.setdefault(event.host, []).append(event)
        return found.values()

    def record(self, host: str, address: str | None, at: float, *, answered: bool) -> None:
        self.probes += 1
        self._alike = self._alike + 1 if answered is self._last else 1
        self._last = answered
        self.answers |= answered
        where = (host, address)
        if answered:
            self._answers_at.append(at)
            self._answering = host
        elif host == self._answering:
            self._answering = None
        if where in self._failing:
            self.again += 1
            self.recovered += answered
        elif not answered:
            self.failed += 1
        if not answered:
            self._failing.pop(where, None)
            self._failing[where] = at
            if len(self._failing) > _MOST_FAILING:
                del self._failing[next(iter(self._failing))]
            self.events.append(_Event(self.probes, at, host))
        elif (failed_at := self._failing.pop(where, None)) is not None:
            self.events.append(_Event(self.probes, at, host, failed_at))
        while self.events and self.events[0].number <= self.probes - _REMEMBERED:
            self.events.popleft()


class Chances:
    """Of every part in which anything failed lately: a service's on a port, and all that goes over it."""

    def __init__(self) -> None:
        self._series: dict[Part, _Series] = {}

    def configure(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        """What is no longer configured is forgotten."""
        known = {(path.name, name) for service, path in pairs for name in (service.name, "")}
        self._series = {
            part: series for part, series in self._series.items() if (part.path, part.what) in known
        }

    def record(self, endpoint: Endpoint, seen: EndpointState) -> None:
        """Take in how an endpoint was found just now."""
        if not (seen.unreachable or self._series):
            return
        service = Part.of(endpoint)
        for part in (service, service.whole):
            if seen.unreachable or part in self._series:
                self._note(part, endpoint.host, seen)

    def _note(self, part: Part, host: str, seen: EndpointState) -> None:
        series = self._series.setdefault(part, _Series())
        for result in seen.results:
            attempt = result.attempt
            series.record(host, attempt.address, attempt.at, answered=attempt.failure is None)
        if series.is_over:
            del self._series[part]

    def random(self, *, in_one_look: bool = False) -> Mapping[Part, float]:
        """The parts in which it is chance that decides, and which share of their probes it fails."""
        if in_one_look:
            return self._in_one_look()
        random = {part: series.share for part, series in self._series.items() if series.is_random}
        shares: dict[str, float] = {}
        for part, share in random.items():
            shares[part.path] = max(shares.get(part.path, 0.0), share)
        beside = {
            part: shares[part.path]
            for part, series in self._series.items()
            if part.path in shares and series.may_be_silent_by_chance(shares[part.path])
        }
        return beside | random

    def _in_one_look(self) -> Mapping[Part, float]:
        """A part is asked too seldom to tell by itself: all of a path's do that answer at all."""
        by_path: dict[str, list[_Series]] = {}
        for part, series in self._series.items():
            if not part.is_whole:
                by_path.setdefault(part.path, []).append(series)
        shares = {
            path: _failing_share(its)
            for path, its in by_path.items()
            if _answer_again(its) and not _fail_in_a_crowd(its)
        }
        return {
            part: shares[part.path]
            for part, series in self._series.items()
            if part.path in shares and (series.answers or series.may_be_silent_by_chance(shares[part.path]))
        }


def _answer_again(parts: Iterable[_Series]) -> bool:
    """Whether enough of what was asked again has answered: where few do, fewer did at first as well."""
    parts = list(parts)
    asked_again = [its for series in parts for its in series.by_host() if len(its) > 1]
    recoveries = [[event for event in its if event.recovers] for its in asked_again]
    answering = [series for series in parts if series.answers]
    first, failed = sum(each.first for each in answering), sum(each.failed for each in answering)
    at_once = 1 - failed / first if first else 0.0
    enough = min(_SHARE_OF_AGAIN, at_once / 2 or 1.0)
    share = sum(map(bool, recoveries)) >= enough * len(asked_again)
    return share and _are_several(chain.from_iterable(recoveries))


def _fail_in_a_crowd(parts: Iterable[_Series]) -> bool:
    """Whether all answers that is asked again, where anything does, and chance hardly ever does that.

    So it is with what limits connections at once: many are asked together at first, and a few then.
    """
    answering = [series for series in parts if series.answers]
    failed, first = sum(each.failed for each in answering), sum(each.first for each in answering)
    again, recovered = sum(each.again for each in answering), sum(each.recovered for each in answering)
    is_crowd = failed >= _CROWD and again == failed == recovered
    return is_crowd and not may_be_chance(failed, 1 - failed / first)


def _failing_share(parts: Iterable[_Series]) -> float:
    """Of all probes, where anything answers; where hosts are dead, of those that are not.

    Of these, what chance fails once recovers as often as others answer at once.
    """
    answering = [series for series in parts if series.answers]
    failed = sum(each.failed + each.again - each.recovered for each in answering)
    recovered, at_once = sum(e.recovered for e in answering), sum(e.first - e.failed for e in answering)
    share = failed / sum(each.probes for each in answering)
    return min(share, recovered / at_once) if at_once else share


def _is_often(times: int, of_all: int) -> bool:
    return times >= max(_FEWEST, _SHARE_OF_AFTER * of_all)


def _are_several(recoveries: Iterable[_Event]) -> bool:
    """Whether they are of several hosts, which did not share an attempt."""
    seen = list(recoveries)
    return min(len({event.host for event in seen}), len({event.at for event in seen})) >= _FEWEST
