"""Which of the latest results count: the recent ones, and of the failures those that are no accident.

Must not know what a failure means.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netcheck.model import Failure, Family, Phase, ProbePath, Reason, ResolveMode, Result, Standing


@dataclass(frozen=True, slots=True)
class Seen:
    """A result that counts. One that failed, but not yet often enough to be believed, counts as reached."""

    result: Result
    reached: bool

    @property
    def failure(self) -> Failure | None:
        return None if self.reached else self.result.attempt.failure

    @property
    def family(self) -> Family:
        return self.result.attempt.family

    @property
    def connected(self) -> bool:
        """Whether a connection to the destination came about, whatever happened in it."""
        return self.failure is None or self.failure.phase in (Phase.TLS, Phase.SESSION)


def what_counts(
    paths: Iterable[ProbePath], standings: Iterable[Standing], window: float, failures: int
) -> list[Seen]:
    """Of what is at most `window` seconds older than the newest of its path, what can be believed.

    A failure is believed once it happened `failures` times: to one host in a row, or to so many hosts of a
    service's port, over one path and family. Until then what was known before holds: a host that has answered
    counts as reached, of one that never has nothing is known.
    """
    recent = _recent(_without_local_dns(paths, list(standings)), window)
    often = Counter(_group(standing.result) for standing in recent if standing.failures)
    seen = []
    for result, in_a_row, answered in _without_missing_ipv6(recent):
        if not in_a_row:  # of its addresses, one may have failed all the same
            seen.append(Seen(result, result.attempt.failure is None))
        elif max(in_a_row, often[_group(result)]) >= failures:
            seen.append(Seen(result, reached=False))
        elif answered:
            seen.append(Seen(result, reached=True))
    return seen


def _group(result: Result) -> tuple[str, str, int, Family]:
    return result.path, result.service, result.port, result.attempt.family


def _recent(standings: Sequence[Standing], window: float) -> list[Standing]:
    newest: dict[str, float] = {}
    for result in (standing.result for standing in standings):
        newest[result.path] = max(newest.get(result.path, 0.0), result.attempt.time)
    return [each for each in standings if each.result.attempt.time >= newest[each.result.path] - window]


def _without_local_dns(paths: Iterable[ProbePath], standings: Sequence[Standing]) -> list[Standing]:
    """Where the proxy resolves as well, that this machine cannot is its normal state."""
    both_ways = {p.name for p in paths if p.proxy is not None and p.proxy.resolve is ResolveMode.BOTH}
    return [
        standing
        for standing in standings
        if not (standing.result.path in both_ways and _fails_in(standing.result, Phase.RESOLVE))
    ]


def _without_missing_ipv6(standings: Sequence[Standing]) -> list[Standing]:
    """A machine without any IPv6 is no network that breaks it: nobody here would use those addresses."""
    with_routes = {each.result.path for each in standings if not _has_no_route(each.result)}
    return [
        each
        for each in standings
        if not (_has_no_route(each.result) and _is_ipv6(each.result) and each.result.path in with_routes)
    ]


def _is_ipv6(result: Result) -> bool:
    return result.attempt.family is Family.IPV6


def _has_no_route(result: Result) -> bool:
    failure = result.attempt.failure
    return failure is not None and failure.reason is Reason.NETWORK_UNREACHABLE


def _fails_in(result: Result, phase: Phase) -> bool:
    return result.attempt.failure is not None and result.attempt.failure.phase is phase
