"""The ranges of Apple's in which nothing can be connected to: a firewall's rule, no single host's fault."""

import math
from collections.abc import Iterable, Mapping, Sequence

from netcheck.apns.addresses import range_of
from netcheck.grouping import in_turn
from netcheck.model.results import Result, Standing, independent
from netcheck.model.trends import Part, may_be_chance


def dead_ranges(standings: Sequence[Standing], since: Mapping[str, float], failures: int) -> frozenset[Part]:
    """The ranges that answer no more, over a rotation of the hosts, beside others of the family that do.

    In such a range nothing was connected to lately, and `failures` hosts could not be since anything was. So
    many have to be more than chance explains where as many fail as do in the others. One of them is of a
    service that is reached elsewhere: where all of a service fails, it may be the service.
    """
    placed = ((range_of(standing.result), standing.result) for standing in standings)
    by_range = in_turn((where, result) for where, result in placed if where is not None)
    silent = {
        where: failed
        for where, results in by_range.items()
        if (failed := _since_anything_answered(results, since[where.path])) and _tried(failed) >= failures
    }
    if not silent:  # as a rule
        return frozenset()
    alive = {
        Part.of(result.endpoint)
        for result in (standing.result for standing in standings)
        if result.attempt.connected and result.attempt.at >= since[result.path]
    }
    silent = {
        where: failed
        for where, failed in silent.items()
        if any(Part.of(result.endpoint) in alive for result in failed)
    }
    beside = in_turn(
        (where.whole, result)
        for where, results in by_range.items()
        if where not in silent
        for result in results
        if result.attempt.at >= since[where.path]
    )
    return frozenset(
        where
        for where, failed in silent.items()
        if _is_no_single_host(where, silent)
        and not may_be_chance(_tried(failed), _failing_share(beside.get(where.whole, ())))
    )


def _tried(results: Iterable[Result]) -> int:
    return independent((each.host, each.attempt) for each in results)


def _failing_share(results: Sequence[Result]) -> float:
    """Of attempts, which hosts may share."""
    connected = {id(each.attempt): each.attempt.connected for each in results}
    return 1 - sum(connected.values()) / len(connected) if connected else 0.0


def _since_anything_answered(results: Sequence[Result], since: float) -> list[Result]:
    """The results that failed after the last connection; none where that is no older than `since`."""
    connected = [result.attempt.at for result in results if result.attempt.connected]
    if connected and max(connected) >= since:
        return []
    last = max(connected, default=-math.inf)
    return [result for result in results if not result.attempt.connected and result.attempt.at > last]


def _is_no_single_host(where: Part, silent: Mapping[Part, Sequence[Result]]) -> bool:
    """A host that is down takes its addresses along, and an address its hosts: it takes two of both."""
    beside = [result for other, results in silent.items() if other.whole == where.whole for result in results]
    hosts, addresses = {r.host for r in beside}, {r.attempt.address for r in beside}
    return len(hosts) > 1 and len(addresses) > 1


def is_in(result: Result, dead: frozenset[Part]) -> bool:
    """Whether it is one of the failures in these ranges."""
    return not result.attempt.connected and range_of(result) in dead
