"""Whether packets get lost on a path, by the kernel's count of connection requests that were sent again."""

from collections.abc import Iterable

from netcheck.verdict.counting import Counted
from netcheck.verdict.outdated import Outdated

_SHARE, _LEAST, _BASE = 0.10, 3, 8
"""Packets are lost where a tenth of at least eight connections, and three of them, had to ask twice."""


def lost(counted: Iterable[Counted], outdated: Outdated) -> tuple[int, int] | None:
    """How many connections were established only after more than one request, and out of how many attempts.

    None where that is no loss to speak of. Those that never were are for the causes. Hosts may share an
    attempt, which counts once. What began while nothing answered had to ask twice once something did: that
    was no loss.
    """
    results = (each.result for each in counted if not outdated.met_silence(each.result))
    attempts = {id(result.attempt): result.attempt for result in results}.values()
    twice = sum(bool(a.syn_retransmits) and a.failure is None for a in attempts)
    loses = len(attempts) >= _BASE and twice >= _LEAST and twice >= _SHARE * len(attempts)
    return (twice, len(attempts)) if loses else None
