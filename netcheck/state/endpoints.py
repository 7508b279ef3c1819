"""The latest results: what each endpoint did when it was last visited, and how it came to that."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import filterfalse, islice
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from netcheck.model.failing import Phase
from netcheck.model.hosts import endpoint_text
from netcheck.model.paths import ProbePath
from netcheck.model.results import (
    VISITS_REMEMBERED,
    Earlier,
    Endpoint,
    EndpointState,
    Result,
    Standing,
    Tried,
    Visit,
)
from netcheck.model.services import Service

_UNSEEN = EndpointState()
"""Before the first visit."""

_failure = attrgetter("attempt.failure")
_at = attrgetter("attempt.at")
_address = attrgetter("attempt.address")
_tls = attrgetter("attempt.tls")
_bag = attrgetter("attempt.bag")

JUMP = 1.0
"""Seconds that a clock moves at once: it was set, and not only made to go faster."""

_Where: TypeAlias = tuple[str, str, str]
"""Service, host, path."""


class _Clock(NamedTuple):
    """When the wall clock was found to be set, on the monotonic one, and by how much it leads that since."""

    set_at: float = -math.inf
    ahead: float = 0.0
    moved: float = 0.0
    """By how much it was set."""

    def read_anew(self, known: EndpointState) -> EndpointState:
        """With the times that this clock would have said."""
        last_success = known.last_success
        return replace(
            known,
            last_run=self._anew(known.last_run, max(map(_at, known.results))),
            last_success=last_success and self._anew(last_success, known.last_success_at),
            balancers={name: self.read_anew(each) for name, each in known.balancers.items()},
        )

    def _anew(self, time: float, at: float) -> float:
        """What was seen between the setting and our notice of it, or has moved already, is right."""
        return time if abs(time - at - self.ahead) < JUMP else time + self.moved


class Endpoints:
    """The state of every endpoint that was visited and is still configured."""

    def __init__(self) -> None:
        self.latest: dict[Endpoint, EndpointState] = {}
        self._ports: dict[_Where, set[int]] = {}
        """What is configured."""
        self._families: dict[_Where, tuple[Endpoint, ...]] = {}
        self._begun: dict[_Where, float] = {}
        """When the latest attempt of what is known began, on the monotonic clock."""
        self._clock = _Clock()

    def configure(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        """Forget what is no longer configured, and of a host that one of its load balancers has left, all."""
        pairs = list(pairs)
        paths = {path.name: path for _, path in pairs}
        self._ports = {
            (service.name, host, path.name): {port for port in service.ports if path.leads_to(host, port)}
            for service, path in pairs
            for host in service.hosts
        }
        self.latest = {
            endpoint: known
            for endpoint, known in self.latest.items()
            if self._has(endpoint) and _leads_there(paths[endpoint.path], endpoint, known)
        }
        self._families = {
            where: known
            for where, endpoints in self._families.items()
            if (known := tuple(endpoint for endpoint in endpoints if endpoint in self.latest))
        }
        self._begun = {where: self._begun[where] for where in self._families}

    def set_clock(self, at: float, ahead: float, moved: float) -> None:
        """The wall clock was found to be set by so much, at `at` of the monotonic one, of which it is now so
        far ahead.

        Else what was seen while it was wrong might be shown in the future for as long as the host fails.
        """
        self._clock = _Clock(at, ahead, moved)
        self.latest = {endpoint: self._clock.read_anew(known) for endpoint, known in self.latest.items()}

    def record(self, visit: Visit) -> Mapping[Endpoint, EndpointState] | None:
        """Put the visit's results in place of the last ones: what is known now of the endpoints it found.

        None, and nothing changes, where all that it saw began before what is known: another visit, made
        meanwhile, was quicker. A family without records any more goes. What is no longer configured is
        dropped: a bag, or a reload, may have taken the host away meanwhile.
        """
        where = (visit.service, visit.host, visit.path)
        begun = _begun(visit.results)
        if begun < self._begun.get(where, -math.inf):
            return None
        ports = self._ports.get(where, ())
        results: dict[Endpoint, list[Result]] = {}
        for result in visit.results:
            if result.port in ports:
                results.setdefault(result.endpoint, []).append(result)
        for endpoint in self._families.pop(where, ()):
            if endpoint not in results:
                del self.latest[endpoint]
        self._begun.pop(where, None)
        if results:
            self._families[where] = tuple(results)
            self._begun[where] = begun
        was_set = begun < self._clock.set_at
        found: dict[Endpoint, EndpointState] = {}
        for endpoint, latest in results.items():
            known = _endpoint_state(tuple(latest), self.latest.get(endpoint, _UNSEEN))
            found[endpoint] = self._clock.read_anew(known) if was_set else known
        self.latest.update(found)
        return found

    def _has(self, endpoint: Endpoint) -> bool:
        return endpoint.port in self._ports.get((endpoint.service, endpoint.host, endpoint.path), ())


def standings_of(latest: Mapping[Endpoint, EndpointState]) -> Iterator[Standing]:
    """The latest results, each with what came before it: at its load balancer, if there is one."""
    every = (part for whole in latest.values() for part in whole.balancers.values() or (whole,))
    return (Standing(result, seen) for seen in every for result in seen.results)


def _leads_there(path: ProbePath, endpoint: Endpoint, known: EndpointState) -> bool:
    """Whether the path has every load balancer that was asked."""
    has = {endpoint_text(*place) for place in path.balancers(endpoint.host, endpoint.port)}
    return known.balancers.keys() <= has


def _begun(results: Iterable[Result]) -> float:
    """When the last of them began; of none, later than anything."""
    return max(map(_at, results), default=math.inf)


def _endpoint_state(results: tuple[Result, ...], before: EndpointState) -> EndpointState:
    if results[0].attempt.balancer is None:  # and so are those of the others
        return _after(results, before, _UNSEEN.balancers)
    balancers = {
        balancer: _after((result,), before.balancers.get(balancer, _UNSEEN), _UNSEEN.balancers)
        for result in results
        if (balancer := result.attempt.balancer)
    }
    return _after(results, before, balancers)


def _after(
    results: tuple[Result, ...], before: EndpointState, balancers: Mapping[str, EndpointState]
) -> EndpointState:
    failed = tuple(filter(_failure, results))
    succeeded = tuple(filterfalse(_failure, results)) if failed else results
    latest = max(results, key=_at).attempt if len(results) > 1 else results[0].attempt
    recent = _with(before.recent, reached=bool(succeeded))
    may_fail = failed or (before.failing and recent != _STEADY)
    addressed = _latest_with(_address, results, before.addressed)
    if succeeded:
        phases = _without_session(succeeded[0].phases)
        bag = next(filter(None, map(_bag, succeeded)), None)
        failed_until = min(map(_ended, succeeded)) if before.failures else before.failed_until
    else:
        phases, bag, failed_until = before.phases, before.bag, before.failed_until
    fails_since, failed_by = (None, -math.inf) if succeeded else _failing_since(results, before)
    return EndpointState(  # by place, in their order: twenty keywords take three times as long
        results,
        len(succeeded),
        latest.time,
        latest.time if succeeded else before.last_success,
        latest.at if succeeded else before.last_success_at,
        phases,
        0 if succeeded else before.failures + 1,
        bag,
        recent,
        failed[0] if failed else before.last_failed,
        fails_since,
        failed_by,
        failed_until,
        _earlier(before) if succeeded else None,
        _failing(before.failing, results) if may_fail else _UNSEEN.failing,
        balancers,
        addressed,
        _tried_before(addressed, before),
        before.visits + 1,
        _latest_with(_tls, results, before.certified),
    )


def _failing_since(results: tuple[Result, ...], before: EndpointState) -> tuple[float, float]:
    """When the first of these visits in a row began, and when it had ended."""
    if before.fails_since is not None:
        return before.fails_since, before.failed_by
    return min(map(_at, results)), max(map(_ended, results))


def _without_session(phases: Mapping[Phase, float]) -> Mapping[Phase, float]:
    if Phase.SESSION not in phases:
        return phases
    return {phase: seconds for phase, seconds in phases.items() if phase is not Phase.SESSION}


def _latest_with(
    has: Callable[[Result], object], results: tuple[Result, ...], before: tuple[Result, ...]
) -> tuple[Result, ...]:
    """Those of the results that have it, which mostly are all; where none has, those before."""
    return results if all(map(has, results)) else tuple(filter(has, results)) or before


def _tried_before(addressed: tuple[Result, ...], before: EndpointState) -> Mapping[str, Tried]:
    """Of the addresses that take turns, those whose turn it is not now."""
    if addressed is before.addressed:
        return before.tried_before
    now = set(map(_address, addressed))
    if not before.tried_before and now.issuperset(map(_address, before.addressed)):
        return _UNSEEN.tried_before
    tried = dict(before.tried_before)
    for result in before.addressed:
        attempt = result.attempt
        tried[attempt.address or ""] = Tried(attempt.at, attempt.connected, before.visits - 1)
    for address in now:
        tried.pop(address, None)
    while tried and before.visits - next(iter(tried.values())).visit > VISITS_REMEMBERED:
        del tried[next(iter(tried))]
    return tried


_MOST_FAILING = 32


def _failing(before: Mapping[str, int], results: Iterable[Result]) -> Mapping[str, int]:
    """The addresses that failed when they were last tried, the latest last; not all of very many."""
    known = dict(before)
    for result in results:
        if (address := result.attempt.address) is None:
            continue
        count = known.pop(address, 0)
        if result.attempt.failure is not None:
            known[address] = count + 1
    return dict(islice(known.items(), max(0, len(known) - _MOST_FAILING), None)) or _UNSEEN.failing


_STEADY = (True,) * VISITS_REMEMBERED


def _with(recent: tuple[bool, ...], *, reached: bool) -> tuple[bool, ...]:
    """With one more visit; most endpoints share one tuple, as they are always reached."""
    if reached and recent is _STEADY:
        return _STEADY
    longer = (*recent, reached)[-VISITS_REMEMBERED:]
    return _STEADY if longer == _STEADY else longer


def _ended(result: Result) -> float:
    return result.attempt.at + result.attempt.seconds


def _earlier(seen: EndpointState) -> Earlier | None:
    """Not what failed, or had to ask twice."""
    for result in seen.results:
        attempt = result.attempt
        if attempt.failure is None and not attempt.syn_retransmits:
            return Earlier(attempt.at, attempt.seconds)
    return None
