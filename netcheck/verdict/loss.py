"""Whether packets get lost on a path, by the kernel's count of connection requests that were sent again."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from netcheck.grouping import in_turn
from netcheck.model.results import Attempt, independent
from netcheck.model.trends import Part
from netcheck.verdict.counting import Counted

_SHARE, _LEAST, _BASE = 0.10, 3, 8
"""Packets are lost where a tenth of at least eight connections, and three of them, had to ask twice."""
_LATE = 0.7
"""Seconds. The kernel asks again after one (RFC 6298, section 2.1), be the answer still on its way."""
_TOGETHER = 3
"""So many hosts that wait at one moment, while none answers at once, wait for a short outage to end."""


def lost(counted: Iterable[Counted]) -> tuple[int, int] | None:
    """How many connections were established only after more than one request, and out of how many attempts.

    None where that is no loss to speak of. Those that never were are for the causes. Hosts may share an
    attempt, which counts once. What was asked for in an outage and succeeds by asking again is no loss.
    """
    known = [each for each in counted if not each.recovers]
    if sum(bool(each.result.attempt.syn_retransmits) for each in known) < _LEAST:  # as a rule
        return None
    waited = _waited_together(known)
    attempts = {
        id(attempt): attempt for each in known if id(attempt := each.result.attempt) not in waited
    }.values()
    twice = sum(bool(a.syn_retransmits) and a.failure is None for a in attempts)
    loses = len(attempts) >= _BASE and twice >= _LEAST and twice >= _SHARE * len(attempts)
    return (twice, len(attempts)) if loses and not _come_late(attempts) else None


def _come_late(attempts: Iterable[Attempt]) -> bool:
    """Whether answers come about as late as the kernel asks again: then it does so, and nothing is lost.

    By the slowest quarter of those that came in time. The others say little: where a reply was lost, the one
    sent in its place has the first one's time stamp, and seems to have taken as long.
    """
    trips = [each for each in attempts if each.rtt]
    in_time = [each for each in trips if not each.syn_retransmits] or trips
    slowest_first = sorted((each.rtt or 0.0 for each in in_time), reverse=True)
    quarter = math.ceil(len(slowest_first) / 4)
    return bool(slowest_first) and slowest_first[min(quarter, len(slowest_first) - 1)] >= _LATE


def _waited_together(counted: Iterable[Counted]) -> set[int]:
    """The attempts, by their identity, of hosts that waited at one moment, while none answered at once."""
    works = (each for each in counted if each.result.attempt.failure is None)
    parts = in_turn((Part.of(each.result.endpoint).whole, each) for each in works)
    found = set[int]()
    for its in parts.values():
        asked_twice = [each for each in its if each.result.attempt.syn_retransmits]
        if _TOGETHER <= len(asked_twice) < len(its):
            at_once = sorted(_at(each) for each in its if not each.result.attempt.syn_retransmits)
            for crowd in filter(_are_several, _crowds(sorted(asked_twice, key=_at), at_once)):
                found |= {id(each.result.attempt) for each in crowd}
    return found


def _crowds(waiting: Iterable[Counted], at_once: Sequence[float]) -> Iterable[Sequence[Counted]]:
    """Of these, in the order in which they began: those that waited together, with no answer in between."""
    crowd: list[Counted] = []
    until = math.inf
    for each in waiting:
        if crowd and (_at(each) > until or _is_any_within(at_once, _at(crowd[0]), _at(each))):
            yield crowd
            crowd, until = [], math.inf
        crowd.append(each)
        until = min(until, _at(each) + each.result.attempt.seconds)
    yield crowd


def _is_any_within(times: Sequence[float], first: float, last: float) -> bool:
    following = bisect_left(times, first)
    return following < len(times) and times[following] <= last


def _are_several(crowd: Iterable[Counted]) -> bool:
    return independent((each.result.host, each.result.attempt) for each in crowd) >= _TOGETHER


def _at(each: Counted) -> float:
    return each.result.attempt.at
