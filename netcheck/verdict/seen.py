"""Which of the latest results count: the recent ones, and of the failures those that are no accident.

Must not know what a failure means.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import Binding, Family, ProbePath, ResolveMode
from netcheck.model.results import Result, Standing

_Group: TypeAlias = tuple[str, str, int, Family]


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
    paths: Sequence[ProbePath], standings: Iterable[Standing], window: float, failures: int
) -> list[Seen]:
    """Of what is at most `window` seconds older than the newest of its path, what can be believed.

    A failure is believed once it happened `failures` times: to one host in a row, or in so many attempts and
    to so many hosts of a service's port, over one path and family. Until then what was known before holds: a
    host that has answered counts as reached, of one that never has nothing is known. What is believed of a
    host by itself counts until its next visit, however long that takes where hosts take turns.
    """
    known = _without_missing_families(paths, _without_local_dns(paths, list(standings)))
    newest = _newest(known)
    recent = [
        each
        for each in known
        if each.failures >= failures > 0 or each.result.attempt.time >= newest[each.result.path] - window
    ]
    often = _how_often(recent)
    seen = []
    for result, in_a_row, answered in recent:
        if not in_a_row:  # of its addresses, one may have failed all the same
            seen.append(Seen(result, result.attempt.failure is None))
        elif max(in_a_row, often[_group(result)]) >= failures:
            seen.append(Seen(result, reached=False))
        elif answered:
            seen.append(Seen(result, reached=True))
    return seen


def _newest(standings: Iterable[Standing]) -> dict[str, float]:
    newest: dict[str, float] = {}
    for result in (standing.result for standing in standings):
        newest[result.path] = max(newest.get(result.path, 0.0), result.attempt.time)
    return newest


def _how_often(standings: Iterable[Standing]) -> dict[_Group, int]:
    """How many failures there are of a kind: hosts may share an attempt, a host have many addresses."""
    hosts: dict[_Group, set[str]] = {}
    attempts: dict[_Group, set[int]] = {}
    for result in (standing.result for standing in standings if standing.failures):
        hosts.setdefault(_group(result), set()).add(result.host)
        attempts.setdefault(_group(result), set()).add(id(result.attempt))
    return {group: min(len(hosts[group]), len(attempts[group])) for group in hosts}


def _group(result: Result) -> _Group:
    return result.path, result.service, result.port, result.attempt.family


def _without_local_dns(paths: Iterable[ProbePath], standings: Sequence[Standing]) -> list[Standing]:
    """Where the proxy resolves as well, that this machine cannot is its normal state."""
    both_ways = {p.name for p in paths if p.proxy is not None and p.proxy.resolve is ResolveMode.BOTH}
    return [
        standing
        for standing in standings
        if not (standing.result.path in both_ways and _fails_in(standing.result, Phase.RESOLVE))
    ]


def _without_missing_families(paths: Iterable[ProbePath], standings: Sequence[Standing]) -> list[Standing]:
    """A machine without IPv6, or without IPv4, is no network that breaks it: nobody here would use it.

    It counts where a host has nothing else: then it is what keeps this machine from the host.
    """
    bound = {path.name for path in paths if path.binding != Binding()}
    missing = [_has_no_such_family(each.result, bound) for each in standings]
    present = {_place(each.result) for each, lacks in zip(standings, missing, strict=True) if not lacks}
    return [
        each
        for each, lacks in zip(standings, missing, strict=True)
        if not lacks or _place(each.result) not in present
    ]


def _place(result: Result) -> tuple[str, str, int]:
    return result.path, result.host, result.port


def _has_no_such_family(result: Result, bound: set[str]) -> bool:
    """No route for it, or no address of it: unless the config wants one, which is then what is missing."""
    failure = result.attempt.failure
    if failure is None or failure.phase is not Phase.CONNECT:
        return False
    lacks_address = failure.reason is Reason.NO_LOCAL_ADDRESS and result.path not in bound
    return failure.reason is Reason.NETWORK_UNREACHABLE or lacks_address


def _fails_in(result: Result, phase: Phase) -> bool:
    return result.attempt.failure is not None and result.attempt.failure.phase is phase
