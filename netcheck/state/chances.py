"""Whether what goes over a port fails at random, whatever the host: a link of two, or a member of a proxy.

A host that is dead fails again when it is asked again, and so does all in an outage, until that ends. Where
hosts fail, answer when they are asked again, and then others fail, it is none of them.
"""

from collections import Counter, deque
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from netcheck.model.paths import ProbePath
from netcheck.model.results import Endpoint
from netcheck.model.services import Service
from netcheck.model.trends import Part
from netcheck.state.endpoints import EndpointState

_REMEMBERED = 64
"""Probes of a part."""
_MOST_FAILING = 1024
"""Hosts and addresses of a part."""
_FEWEST, _SHARE = 3, 0.1
"""It is random where so many hosts have answered at the same address when they were asked again, others have
failed after that so many times, and a tenth of the probes failed at least."""
_SHARE_OF_AGAIN = 0.25
_CROWD, _HARDLY = 8, 0.01
_SETTLED = 12
"""So many probes in a row that end alike have settled it."""


class _Event(NamedTuple):
    number: int
    """Of the probe, counted from the first that failed."""
    at: float
    """When it began, on the monotonic clock."""
    host: str
    recovers: bool
    """It fails, or answers where it failed the last time."""


class _Series:
    """The latest probes of a part."""

    def __init__(self) -> None:
        self._probes = 0
        self._alike, self._last = 0, False
        """How many ended as the last one did, in a row."""
        self._failing: dict[tuple[str, str | None], None] = {}
        """Hosts and addresses, the latest last."""
        self._events: deque[_Event] = deque(maxlen=_REMEMBERED)
        self._failed = self._again = self._recovered = 0
        """Of all probes: how many failed where none had failed the last time; how many were made where one
        had; and how many of these answered."""

    @property
    def is_over(self) -> bool:
        """Whether nothing remembered has failed."""
        return not self._events

    def is_random(self, *, in_one_look: bool) -> bool:
        """In one look all is asked once, and then once more what failed: of that a part has to answer."""
        if self._alike >= _SETTLED and not in_one_look:
            return False
        recoveries = [event for event in self._events if event.recovers]
        recovered = {event.host for event in recoveries}
        if min(len(recovered), len({event.at for event in recoveries})) < _FEWEST:
            return False  # hosts may share an attempt
        if in_one_look:
            if self._fails_in_a_crowd:
                return False
            asked = Counter(event.host for event in self._events)
            return len(recovered) >= _SHARE_OF_AGAIN * sum(times > 1 for times in asked.values())
        failures = sum(not event.recovers for event in self._events)
        in_order = sorted(self._events, key=lambda event: event.at)
        after = sum(one.recovers and not other.recovers for one, other in pairwise(in_order))
        return after >= _FEWEST and failures >= _SHARE * min(self._probes, _REMEMBERED)

    @property
    def _fails_in_a_crowd(self) -> bool:
        """Whether all answers that is asked again, and chance hardly ever does that.

        So it is with what limits connections at once: many are asked together at first, and a few then.
        """
        first = self._probes - self._again
        by_chance = (1 - self._failed / first) ** self._failed
        return (
            self._failed >= _CROWD and self._again == self._failed == self._recovered and by_chance < _HARDLY
        )

    def record(self, host: str, address: str | None, at: float, *, answered: bool) -> None:
        self._probes += 1
        self._alike = self._alike + 1 if answered is self._last else 1
        self._last = answered
        where = (host, address)
        if where in self._failing:
            self._again += 1
            self._recovered += answered
        elif not answered:
            self._failed += 1
        if not answered:
            self._failing.pop(where, None)
            self._failing[where] = None
            if len(self._failing) > _MOST_FAILING:
                del self._failing[next(iter(self._failing))]
            self._events.append(_Event(self._probes, at, host, recovers=False))
        elif where in self._failing:
            del self._failing[where]
            self._events.append(_Event(self._probes, at, host, recovers=True))
        while self._events and self._events[0].number <= self._probes - _REMEMBERED:
            self._events.popleft()


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

    def random(self, *, in_one_look: bool = False) -> frozenset[Part]:
        """The parts in which it is chance that decides."""
        return frozenset(p for p, series in self._series.items() if series.is_random(in_one_look=in_one_look))
