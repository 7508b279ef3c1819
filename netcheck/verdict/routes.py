"""Where packets of this machine leave for, told from attempts: since when they do again, or do no more."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set

from netcheck.apns.addresses import published_range
from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import Binding, ProbePath
from netcheck.model.results import Attempt
from netcheck.verdict.counting import Counted

_LEFT = (Reason.TIMEOUT, Reason.REFUSED, Reason.RESET)
_BEYOND = (Phase.PROXY_TLS, Phase.PROXY_HANDSHAKE, Phase.TLS, Phase.SESSION)
"""What fails so, or there, had a route."""
_FEWEST_HOSTS, _FEWEST_PLACES = 3, 2
"""So many show that a path leads nowhere any more; all of them where there are fewer."""


def routed_since(
    paths: Sequence[ProbePath], by_path: Mapping[str, Iterable[Counted]]
) -> Mapping[Binding, float]:
    """By the way out: when something first left for where no route had led before."""
    lacked: dict[tuple[Binding, Hashable], float] = {}
    left: dict[tuple[Binding, Hashable], list[float]] = {}
    for path in paths:
        for each in by_path[path.name]:
            where, at = (path.binding, _where_to(each.result.attempt)), each.result.attempt.at
            if _lacks_route(each.result.attempt):
                lacked[where] = max(at, lacked.get(where, at))
            elif _has_left(each.result.attempt):
                left.setdefault(where, []).append(at)
    found: dict[Binding, float] = {}
    for where, last in lacked.items():
        for at in left.get(where, ()):
            if at > last:
                found[where[0]] = min(at, found.get(where[0], at))
    return found


def unrouted_since(counted: Iterable[Counted]) -> float:
    """Of a path: when a route was first missing, where nothing has left since.

    Infinite where that is not so, or too little was tried to tell: a route to one place alone may be missing.
    Ever, where all that counts left for nowhere.
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
