"""Which of the latest results count: the recent ones, and of the failures those that are no accident.

All times are the monotonic clock's, `Attempt.at`: a wall clock that is set must blind nobody. Must not know
what a failure means.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from netcheck.apns.addresses import is_apple_name, range_of
from netcheck.grouping import grouped
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Needed
from netcheck.model.paths import Family, ProbePath
from netcheck.model.record import record
from netcheck.model.results import Endpoint, Result, Standing
from netcheck.model.trends import Part, Trends, may_be_chance
from netcheck.verdict.outdated import Outdated
from netcheck.verdict.ranges import dead_ranges, is_in

_FEWEST_VISITS, _FEWEST_FALLS, _FAILING_SHARE, _SETTLED = 8, 3, 0.25, 6
"""A host comes and goes where, of at least eight visits, a quarter failed, at three separate times. Six in a
row that end alike have settled it."""


_place = lru_cache(maxsize=1024)(Needed)
"""Of a service and port, which are asked for again and again."""
_Asked = tuple[Endpoint, str | None]
"""An endpoint, and the load balancer that was asked in its place."""


@record
class Counted:
    """A result that counts. One that failed, but not yet often enough to be believed, counts as reached."""

    result: Result
    failure: Failure | None
    """None where it is reached, or counts as that."""
    comes_and_goes: bool = False
    """Whether its host is reached at one time and not at another, or at one address and not at another; the
    result is the latest that failed."""
    is_random: bool = False
    """Whether other hosts do the same: it is no host's fault."""
    fails_at: tuple[str, ...] = ()
    """The addresses that fail each time, while others of the host answer."""
    since: float | None = None
    """When the first of its failures in a row began, on the monotonic clock, as far as that is known."""
    recovers: bool = False
    """Whether it may have waited for an outage to end: how long it took, and how often it asked, says nothing
    of what comes after that."""
    seconds_before: float | None = None
    """What the visit before took, where that counts as well."""

    @property
    def family(self) -> Family:
        return self.result.attempt.family

    @property
    def fails_since(self) -> float:
        """When its host began to fail."""
        return self.result.attempt.at if self.since is None else self.since

    @property
    def asked_at(self) -> float:
        """When its name was asked for; where it was not, when its attempt began."""
        return self.result.attempt.at - (self.result.resolve_duration or 0.0)

    @property
    def place(self) -> Needed:
        return _place(self.result.service, self.result.port)

    @property
    def fails_each_time(self) -> bool:
        """Whether it is no matter of chance: it fails time and again, be it at one of its addresses only."""
        return not self.comes_and_goes or bool(self.fails_at)

    @property
    def connected(self) -> bool:
        """Whether a connection to the destination was established, whatever happened in it."""
        return self.comes_and_goes or self.failure is None or self.result.attempt.connected

    @property
    def order(self) -> tuple[object, ...]:
        """What to sort by: what is said must not depend on the order in which results came."""
        result = self.result
        return (
            result.path,
            result.service,
            result.port,
            result.host,
            self.family,
            result.attempt.address or "",
            result.attempt.balancer or "",
        )

    @property
    def range(self) -> Part | None:
        """The one of Apple's that its address is in."""
        return range_of(self.result)


@dataclass(frozen=True, slots=True)
class Criteria:
    """What decides which results count."""

    window: float = math.inf
    """How many seconds a result may be older than the newest of its path."""
    failures: int = 1
    """How many failures it takes until one is believed."""
    is_one_look: bool = False
    """Whether every host was visited once, and again only where that told too little."""
    trends: Trends = field(default_factory=dict)
    """How parts of the paths do lately: newer results outdate older ones."""
    random: Mapping[Part, float] = field(default_factory=dict)
    """Where hosts fail by chance, and which share of the probes does."""


class Counting(NamedTuple):
    """What counts, and the ranges of Apple's in which nothing can be connected to while others can."""

    counted: list[Counted]
    dead: frozenset[Part]


def what_counts(paths: Sequence[ProbePath], standings: Iterable[Standing], criteria: Criteria) -> Counting:
    """Of what is at most `window` seconds older than the newest of its path, what can be believed.

    A failure is believed once it happened to a host `failures` times in a row, or where nothing around it
    answers. Until then what was known before holds: a host that has answered counts as reached, of one that
    never has nothing is known. What is believed of a host by itself counts until its next visit, however long
    that takes where hosts take turns; so does what is believed of a range of Apple's, whose hosts take turns
    too. What all around it has outdated counts no more: successes from before all fell silent, and failures
    from then, when others answer again. In one look, a host that fails at one address and answers at another
    comes and goes too, unless it is in a dead range. So does whatever failed lately where it is `random`.
    """
    failures, random = criteria.failures, criteria.random
    both_ways = {path.name for path in paths if path.resolves_both_ways}
    # what fails by chance falls silent by chance too
    outdated = Outdated(
        {part: trend for part, trend in criteria.trends.items() if not _is_random(part, random)}
    )
    seen = [s for s in standings if not _is_local_dns(s.result, both_ways)]
    valid, was_silent = _parted(seen, outdated)
    known = _without_missing_families(valid, seen)
    since = {path: newest - criteria.window for path, newest in _newest(known).items()}
    dead = dead_ranges(known, since, failures)
    in_dead_ranges = {each.result.endpoint for each in known if is_in(each.result, dead)}
    recent = [
        each
        for each in known
        if each.seen.failures >= failures
        or each.result.attempt.at >= since[each.result.path]
        or each.result.endpoint in in_dead_ranges
    ]
    failing = _failing(recent, both_ways)
    by_itself = [each for each in failing if not outdated.is_of_all(each.standing)]
    open_to = [each for each in by_itself if each.standing.result.endpoint not in in_dead_ranges]
    if criteria.is_one_look:
        unsteady = _in_one_look(open_to, known)
    else:
        unsteady = _at_some_addresses(open_to) | _over_time(by_itself)
    unsteady |= _random(
        [e for e in failing if e.standing.result.endpoint not in in_dead_ranges], random, since
    )
    steady = [e for e in recent if _asked(e.result) not in unsteady] if unsteady else recent
    believed = (_believed(each, since[each.result.path], dead, outdated, failures) for each in steady)
    answered = (Counted(each.result, failure=None) for each in was_silent if _has_answered(each))
    return Counting([*unsteady.values(), *filter(None, believed), *answered], dead)


def _believed(
    standing: Standing, since: float, dead: frozenset[Part], outdated: Outdated, failures: int
) -> Counted | None:
    """What is known of a host that does not come and go; None where that is nothing."""
    result, seen = standing
    if not seen.failures:  # of its addresses, one may have failed all the same
        recovers = outdated.recovers(standing, result.attempt.at)
        before = _seconds_before(standing, since, outdated)
        return Counted(result, result.attempt.failure, recovers=recovers, seconds_before=before)
    if is_in(result, dead) or outdated.is_down(result) or outdated.is_believed(standing, failures):
        return Counted(result, result.attempt.failure, since=seen.fails_since)
    if _has_answered(standing) and not outdated.forgets(standing):
        return Counted(result, failure=None)
    return None


def _has_answered(standing: Standing) -> bool:
    """At any time, be it long ago."""
    return standing.seen.last_success is not None


def _seconds_before(standing: Standing, since: float, outdated: Outdated) -> float | None:
    before = standing.seen.before
    if before is None or before.at < since or outdated.recovers(standing, before.at):
        return None
    return before.seconds


def _parted(known: Iterable[Standing], outdated: Outdated) -> tuple[list[Standing], list[Standing]]:
    """What is not outdated, and of the rest the failures where others answer by now."""
    valid, was_silent = [], []
    for each in known:
        if each not in outdated:
            valid.append(each)
        elif each.seen.failures and not outdated.is_down(each.result):
            was_silent.append(each)
    return valid, was_silent


def _newest(standings: Iterable[Standing]) -> dict[str, float]:
    newest: dict[str, float] = {}
    for result in (standing.result for standing in standings):
        newest[result.path] = max(newest.get(result.path, -math.inf), result.attempt.at)
    return newest


def _asked(result: Result) -> _Asked:
    return result.endpoint, result.attempt.balancer


class _Failing(NamedTuple):
    """What has failed in any of the remembered visits, and how the last time."""

    standing: Standing
    failed: Result

    def unsteady(self, fails_at: tuple[str, ...] = (), *, is_random: bool = False) -> Counted:
        failure = self.failed.attempt.failure
        return Counted(self.failed, failure, comes_and_goes=True, is_random=is_random, fails_at=fails_at)

    def fails_at(self, least: int) -> tuple[str, ...]:
        """The addresses that failed so often in a row at least, while others of the host answered in between.

        None where the last failure was at another one: then it is not these that make it come and go.
        """
        failing, failures = self.standing.seen.failing, self.standing.seen.failures
        found = sorted(each for each, count in failing.items() if count >= least and count > failures)
        return tuple(found) if self.failed.attempt.address in found else ()


def _failing(standings: Iterable[Standing], both_ways: set[str]) -> list[_Failing]:
    """Not by what is no failure."""
    return [
        _Failing(each, failed)
        for each in standings
        if (failed := each.seen.last_failed) is not None
        and not _is_local_dns(failed, both_ways)
        and not _has_no_such_family(failed)
    ]


def _over_time(failing: Iterable[_Failing]) -> dict[_Asked, Counted]:
    """What comes and goes: two in a row need never fail where half of a balancer's members are dead."""
    return {
        _asked(each.standing.result): each.unsteady(each.fails_at(_FEWEST_FALLS))
        for each in failing
        if _comes_and_goes(each.standing.seen.recent)
    }


def _at_some_addresses(failing: Sequence[_Failing]) -> dict[_Asked, Counted]:
    """Where each visit tries several addresses: a quarter of them fails each time, and others answer."""
    tried = Counter(_asked(each.standing.result) for each in failing)
    return {
        asked: each.unsteady(fails_at)
        for each in failing
        if tried[asked := _asked(each.standing.result)] > 1
        and len(fails_at := each.fails_at(_FEWEST_FALLS)) >= max(1, _FAILING_SHARE * tried[asked])
    }


def _in_one_look(failing: Iterable[_Failing], known: Iterable[Standing]) -> dict[_Asked, Counted]:
    """What fails at one address only, and a service's only host that failed once; else it is an accident.

    Where the address that failed first answers the second time, and others fail, it is none of theirs.
    """
    alone = _services_of_one_host(known)
    found: dict[_Asked, Counted] = {}
    for each in failing:
        fails_at, (result, seen) = each.fails_at(1), each.standing
        if fails_at or (len(set(seen.recent)) > 1 and _service_of(each.standing) in alone):
            is_random = bool(fails_at) and not all(seen.recent) and set(seen.failing.values()) == {1}
            found[_asked(result)] = each.unsteady(() if is_random else fails_at, is_random=is_random)
    return found


def _random(
    failing: Iterable[_Failing], random: Mapping[Part, float], since: Mapping[str, float]
) -> dict[_Asked, Counted]:
    """What failed lately where chance decides; not what fails more often in a row than chance explains."""
    found: dict[_Asked, Counted] = {}
    for each in failing:
        result, seen = each.standing
        part = Part.of(result.endpoint)
        is_lately = seen.failures > 0 or each.failed.attempt.at >= since[result.path]
        share = max(random.get(part, 0.0), random.get(part.whole, 0.0))
        if share and is_lately and (seen.failures < 2 or may_be_chance(seen.failures, share)):
            found[_asked(result)] = each.unsteady(is_random=True)
    return found


def _is_random(part: Part, random: Mapping[Part, float]) -> bool:
    return part in random or (part.is_range and part.whole in random)


def _service_of(standing: Standing) -> tuple[str, str]:
    return standing.result.path, standing.result.service


def _services_of_one_host(standings: Iterable[Standing]) -> set[tuple[str, str]]:
    hosts = grouped((_service_of(each), each.result.host) for each in standings)
    return {service for service, its in hosts.items() if len(its) == 1}


def _comes_and_goes(recent: Sequence[bool]) -> bool:
    """Whether the visits to a host, the latest last, are neither a fault nor an accident that is over."""
    runs = [(reached, len(list(run))) for reached, run in groupby(recent)]
    falls = [length for reached, length in runs if not reached]
    often = len(falls) >= _FEWEST_FALLS and sum(falls) >= _FAILING_SHARE * len(recent)
    return len(recent) >= _FEWEST_VISITS and often and runs[-1][1] < _SETTLED


def _is_local_dns(result: Result, both_ways: set[str]) -> bool:
    """Where the proxy resolves as well, that this machine cannot is its normal state."""
    failure = result.attempt.failure
    return result.path in both_ways and failure is not None and failure.phase is Phase.RESOLVE


def _without_missing_families(valid: Sequence[Standing], seen: Sequence[Standing]) -> list[Standing]:
    """Of what is valid. A machine without a family is no network that breaks it: nobody here would use it.

    It counts where nothing else was seen of a host: then it is what keeps this machine from the host. And
    where other addresses of the family and of the same owner can be reached: only some routes are missing.
    IPv4, which machines have, also counts where the host's IPv6 addresses lack a route as well.
    """
    if not any(_has_no_such_family(each.result) for each in valid):
        return [*valid]
    reached = {_kind(each.result) for each in valid if each.result.attempt.connected}

    def lacks_family(result: Result) -> bool:
        return _has_no_such_family(result) and _kind(result) not in reached

    present = {_host(each.result) for each in seen if not lacks_family(each.result)}
    routed = {_host(each.result) for each in seen if not _has_no_such_family(each.result)}

    def can_do_without(result: Result) -> bool:
        return _host(result) in (routed if result.attempt.family is Family.IPV4 else present)

    return [each for each in valid if not (lacks_family(each.result) and can_do_without(each.result))]


def _kind(result: Result) -> tuple[str, Family, str]:
    """What within a family has the same way: Apple's, and each service of the user's own, as one inside."""
    return result.path, result.attempt.family, "" if is_apple_name(result.host) else result.service


def _host(result: Result) -> tuple[str, str, int]:
    return result.path, result.host, result.port


def _has_no_such_family(result: Result) -> bool:
    """No route for it, or no address of it: unless the config wants one, which is then what is missing.

    So it does where it names a load balancer by its address.
    """
    failure = result.attempt.failure
    if failure is None or failure.phase is not Phase.CONNECT or result.attempt.balancer is not None:
        return False
    lacks_address = failure.reason is Reason.NO_LOCAL_ADDRESS and not failure.is_of_binding
    return failure.lacks_route or lacks_address
