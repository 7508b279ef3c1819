"""Whether packets get lost on a path, by the kernel's count of connection requests that were sent again."""

from collections.abc import Iterable

from netcheck.model.results import Attempt
from netcheck.verdict.counting import Counted

_SHARE, _LEAST, _BASE = 0.10, 3, 8
"""Packets are lost where a tenth of at least eight connections, and three of them, had to ask twice."""
_PATIENCE = 1.0
"""Seconds until the kernel asks again (RFC 6298, section 2.1), be the answer still on its way."""


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
    return (twice, len(attempts)) if loses and not _are_far(attempts) else None


def _are_far(attempts: Iterable[Attempt]) -> bool:
    """Whether all round trips take longer than the kernel waits: it asks twice, and nothing is lost."""
    trips = [each.rtt for each in attempts if each.rtt is not None]
    return bool(trips) and min(trips) >= _PATIENCE
