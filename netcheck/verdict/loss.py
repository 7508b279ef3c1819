"""Whether packets get lost on a path, by the kernel's count of connection requests that were sent again."""

import math
from collections.abc import Iterable

from netcheck.model.results import Attempt
from netcheck.verdict.counting import Counted

_SHARE, _LEAST, _BASE = 0.10, 3, 8
"""Packets are lost where a tenth of at least eight connections, and three of them, had to ask twice."""
_LATE = 0.7
"""Seconds. The kernel asks again after one (RFC 6298, section 2.1), be the answer still on its way."""


def lost(counted: Iterable[Counted]) -> tuple[int, int] | None:
    """How many connections were established only after more than one request, and out of how many attempts.

    None where that is no loss to speak of. Those that never were are for the causes. Hosts may share an
    attempt, which counts once. What was asked for in an outage and succeeds by asking again is no loss.
    """
    attempts = {
        id(each.result.attempt): each.result.attempt for each in counted if not each.recovers
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
