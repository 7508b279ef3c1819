"""Where packets of this machine leave for, told from attempts: since when they do again, or do no more."""

import math
from collections.abc import Hashable, Iterable, Mapping, Set
from functools import cached_property

from netcheck.apns.addresses import published_range
from netcheck.grouping import in_turn
from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import Binding, Family, ProbePath
from netcheck.model.results import Attempt
from netcheck.model.trends import Part
from netcheck.verdict.counting import Counted

_LEFT = (Reason.TIMEOUT, Reason.REFUSED, Reason.RESET)
_BEYOND = (Phase.PROXY_TLS, Phase.PROXY_HANDSHAKE, Phase.TLS, Phase.SESSION)
"""What fails for such a reason, or in such a phase, had a route."""
_FEWEST_HOSTS, _FEWEST_PLACES = 3, 2
"""So many show that a path leads nowhere any more; all of them where there are fewer."""

_Host = tuple[str, str, Family]


class Routes:
    """Those of this machine, as far as results tell."""

    def __init__(self, paths: Iterable[ProbePath], counted: Iterable[Counted]) -> None:
        self._bindings = {path.name: path.binding for path in paths}
        self._counted = list(counted)

    def are_back_since(self, each: Counted) -> bool:
        """Whether it failed for want of one that was there again later.

        Not where others answer by now on one of its ports: a route may lead to a part of a range only, and it
        is chance who was asked last.
        """
        back = self._back_since.get(self._bindings[each.result.path], -math.inf)
        return each.result.attempt.at < back and _host(each) not in self._missing_for

    @cached_property
    def _back_since(self) -> Mapping[Binding, float]:
        """By the way out: when something first left for where no route had led before."""
        tried = [
            ((self._bindings[each.result.path], _where_to(each.result.attempt)), each.result.attempt)
            for each in self._counted
        ]
        lacked = in_turn((where, attempt.at) for where, attempt in tried if _lacks_route(attempt))
        left = in_turn((where, attempt.at) for where, attempt in tried if _has_left(attempt))
        last = {where: max(times) for where, times in lacked.items()}
        after = in_turn((where[0], at) for where in last for at in left.get(where, ()) if at > last[where])
        return {binding: min(times) for binding, times in after.items()}

    @cached_property
    def _missing_for(self) -> frozenset[_Host]:
        """The hosts to which none led while others answered after them."""
        answered: dict[Part, float] = {}
        lacking: list[tuple[Part, Counted]] = []
        for each in self._counted:
            whole, at = Part.of(each.result.endpoint).whole, each.result.attempt.at
            if each.failure is None:
                answered[whole] = max(at, answered.get(whole, at))
            elif _lacks_route(each.result.attempt):
                lacking.append((whole, each))
        return frozenset(
            _host(each) for whole, each in lacking if each.result.attempt.at < answered.get(whole, -math.inf)
        )


def _host(each: Counted) -> _Host:
    return each.result.path, each.result.host, each.family


def unrouted_since(counted: Iterable[Counted]) -> float:
    """Of a path: when a route was first missing, where nothing has left since.

    Infinite where that is not so, or too little was tried to tell: a route to one place alone may be missing.
    Minus infinity where nothing that counts has ever left.
    """
    attempts = [(each.result.host, each.result.attempt) for each in counted]
    last = max((attempt.at for _, attempt in attempts if _has_left(attempt)), default=-math.inf)
    if last == -math.inf:
        return last
    lost = [(host, each) for host, each in attempts if _lacks_route(each) and each.at > last]
    hosts, places = {host for host, _ in lost}, {_where_to(each) for _, each in lost}
    is_sure = _are_enough(hosts, {host for host, _ in attempts}, _FEWEST_HOSTS)
    is_sure = is_sure and _are_enough(places, {_where_to(each) for _, each in attempts}, _FEWEST_PLACES)
    return min(each.at for _, each in lost) if is_sure else math.inf


def _are_enough(some: Set[object], of_all: Set[object], fewest: int) -> bool:
    return len(some) >= min(fewest, len(of_all))


def _lacks_route(attempt: Attempt) -> bool:
    return attempt.failure is not None and attempt.failure.lacks_route


def _has_left(attempt: Attempt) -> bool:
    failure = attempt.failure
    return failure is None or failure.reason in _LEFT or failure.phase in _BEYOND


def _where_to(attempt: Attempt) -> Hashable:
    """Where the route should lead: to all of a range of Apple's alike."""
    if attempt.proxy is not None:
        return attempt.proxy.place
    address = attempt.address
    return attempt.family, address and (published_range(address) or address)
