"""Everything that counts, of all paths, with what is known besides."""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from netcheck.apns.services import provers
from netcheck.grouping import grouped, in_turn
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Needed
from netcheck.model.holds import Hold
from netcheck.model.paths import Family, ProbePath, Way
from netcheck.model.push_certificates import Acceptance, Proof, PushCertificate
from netcheck.model.results import Attempt, Lookup, Result, Trust
from netcheck.model.services import Network, Service
from netcheck.model.trends import Part, Silence, Trends
from netcheck.phrases import date_text
from netcheck.verdict.counting import Counted, Counting
from netcheck.verdict.matching import is_apples, is_unheard, phase_is, reason_is, software_of
from netcheck.verdict.resolvers import Resolvers
from netcheck.verdict.routes import Routes, unrouted_since

_SAME_CLOCK = 60.0
"""Seconds that it may gain or lose from one attempt to another; one that is set back by less harms nobody."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known besides the latest results, and may make a verdict or a remark."""

    push_certificates: tuple[PushCertificate, ...] = ()
    """Of MDM servers, as their files are."""
    proofs: tuple[Proof, ...] = ()
    """What APNs makes of them, where it was asked."""
    large_hellos: tuple[Result, ...] = ()
    """Of attempts that sent a large TLS hello."""
    holds: tuple[Hold, ...] = ()
    """What became of connections that were held idle."""


class WayOut(NamedTuple):
    """What tells apart what goes different ways on one path."""

    proxies: Way
    """Of a path whose proxies are chosen for each host; else none."""
    member: str | None
    """The address of the first proxy's name, where it is at fault."""

    def is_of(self, attempt: Attempt) -> bool:
        """Whether the attempt went so, as far as this tells it apart."""
        return self.proxies in ((), attempt.proxies) and self.member in (None, attempt.member)


class World:
    """All that counts of all paths, with what resolvers said.

    Of what no role of a path needs there, only that it works counts: it shows that a way is open.
    """

    def __init__(
        self,
        services: Sequence[Service],
        paths: Sequence[ProbePath],
        counting: Counting,
        lookups: Iterable[Lookup],
        needs: Mapping[str, Set[Needed]],
        beside: Beside,
        trends: Trends,
    ) -> None:
        self.services = tuple(services)
        self.paths = tuple(paths)
        self.resolvers = Resolvers(services, lookups)
        self._counting = counting
        self._beside = beside
        self._trends = trends
        self._by_path: dict[str, list[Counted]] = {path.name: [] for path in paths}
        for each in counting.counted:
            if each.failure is None or each.place in needs.get(each.result.path, ()):
                self._by_path[each.result.path].append(each)

    @cached_property
    def required(self) -> frozenset[str]:
        """By their names: the services that count towards readiness."""
        return frozenset(service.name for service in self.services if service.required)

    @cached_property
    def networks(self) -> Mapping[str, Sequence[Network]]:
        """By the name of a service; services of one name are one to people."""
        found: dict[str, list[Network]] = {}
        for service in self.services:
            found.setdefault(service.name, []).extend(service.networks)
        return found

    @cached_property
    def software(self) -> Mapping[str, str]:
        """By `HOST:PORT` of a proxy: what it is known as, be it by denying what nobody needs."""
        found: dict[str, str] = {}
        for each in filter(phase_is(Phase.PROXY_HANDSHAKE), self._counting.counted):
            if (proxy := each.result.attempt.proxy) and (software := software_of([each])):
                found[proxy.place] = software
        return found

    def proxy_spoke_at(self, path: ProbePath, way: WayOut) -> float:
        """When the proxies of this way, or any of the path's, last spoke: be it to deny what nobody needs."""
        its = (each.result.attempt for each in self._counting.counted if each.result.path == path.name)
        return max((e.at for e in its if e.proxy_spoke and way.is_of(e)), default=-math.inf)

    def silences_before(self, each: Counted, window: float) -> list[Silence]:
        """The times in which nothing answered over its port and family, and which are over."""
        trend, at = self._trends.get(Part.of(each.result.endpoint).whole), each.result.attempt.at
        return [silence for silence in trend.silences if silence[0] >= at - window] if trend else []

    def on_path(self, path: str) -> list[Counted]:
        return self._by_path[path]

    @cached_property
    def _counted(self) -> Sequence[Counted]:
        """All that counts, of all paths."""
        return list(chain.from_iterable(self._by_path.values()))

    def proofs_on(self, path: str) -> tuple[Proof, ...]:
        """What is known there of each push certificate: what APNs said, or what its file says.

        APNs cannot know to which topic devices listen.
        """
        beside = self._beside
        readable = (each for each in beside.push_certificates if path in self._pushes and each.error is None)
        by_file = {each.name: self._by_its_file(each, path) for each in readable}
        asked = (proof for proof in beside.proofs if proof.path == path)
        said = {proof.name: proof for proof in asked if proof.acceptance is not Acceptance.UNPROVEN}
        known = by_file | said
        for name, proof in by_file.items():
            if proof.acceptance is Acceptance.OTHER_TOPIC and not known[name].acceptance.is_refusal:
                known[name] = proof
        return tuple(known.values())

    @cached_property
    def _pushes(self) -> Set[str]:
        """The paths on which push certificates are of use."""
        return {path.name for _, path in provers(self.services, self.paths)}

    def _by_its_file(self, certificate: PushCertificate, path: str) -> Proof:
        """Not by a clock that may be wrong: something is reached, and no certificate seems out of date."""
        reached = (e.result.attempt.time for e in self._counting.counted if e.failure is None)
        now, expires = max(reached, default=0.0), certificate.not_after
        acceptance, detail = Acceptance.UNPROVEN, ""
        if expires is not None and expires <= now and not self.out_of_date:
            acceptance = Acceptance.EXPIRED
            detail = f"by its file it expired on {date_text(expires)}; if it was renewed, name the new file"
        elif certificate.topic_matches is False:
            acceptance = Acceptance.OTHER_TOPIC
            detail = f"by its file its topic is {certificate.topic}, which is not the one in the config"
        return Proof(now, certificate.name, path, acceptance, detail)

    def large_hellos_lost(self, path: str) -> tuple[Result, ...]:
        """Of attempts there whose large TLS hello nobody answered, and somebody a short one.

        None where it is chance that TLS fails: it may have been that, both times.
        """
        if any(each.is_random and phase_is(Phase.TLS)(each) for each in self.on_path(path)):
            return ()
        tried = (each for each in self._beside.large_hellos if each.path == path)
        return tuple(each for each in tried if each.large_hello and each.large_hello.failure)

    @property
    def holds(self) -> tuple[Hold, ...]:
        return self._beside.holds

    def is_in_dead_range(self, each: Counted) -> bool:
        """Whether it cannot be connected to, and nothing in the same range of Apple's can be."""
        return not each.connected and each.range in self._counting.dead

    def chosen_on(self, path: str) -> Sequence[Counted]:
        """What a PAC file or the environment has said something of, be it needed or not."""
        return self._chosen.get(path, ())

    @cached_property
    def _chosen(self) -> Mapping[str, Sequence[Counted]]:
        chosen = (each for each in self._counting.counted if each.result.choice is not None)
        return in_turn((each.result.path, each) for each in chosen)

    @cached_property
    def failures_now(self) -> frozenset[Failure | None]:
        """Of all that counts, each once; None is among them where anything was reached.

        Where every path has lost its routes lately, over each family, only of what came since: what was
        reached before on another port, and not asked since, is as much out of reach.
        """
        ways: dict[tuple[str, Family], list[Counted]] = {}
        for each in self._counted if self._trends else ():  # in one look no route is lost
            ways.setdefault((each.result.path, each.family), []).append(each)
        since = {way: unrouted_since(counted) for way, counted in ways.items()}
        if not since or math.inf in since.values():
            return frozenset(each.failure for each in self._counted)
        known = ((each, since[way]) for way, counted in ways.items() for each in counted)
        return frozenset(each.failure for each, at in known if each.result.attempt.at >= at)

    @cached_property
    def reached_on(self) -> Mapping[tuple[str, int], Set[str]]:
        """By host and port: the paths that reach it."""
        return _paths_by_place(each for each in self._counted if each.failure is None)

    @cached_property
    def reached_at(self) -> Mapping[tuple[str | None, int], Set[str]]:
        """By address and port: the paths that reach something there."""
        works = (each.result for each in self._counted if each.failure is None)
        return grouped(((each.attempt.address, each.port), each.path) for each in works)

    @cached_property
    def trusted_on(self) -> Mapping[tuple[str, int], Set[str]]:
        """By host and port: the paths that reach it over TLS; `depth: auto` is TLS only behind proxies."""
        return _paths_by_place(e for e in self._counted if e.failure is None and e.result.attempt.tls)

    @cached_property
    def seen_on(self) -> Mapping[tuple[str, int], Set[str]]:
        """By host and port: the paths that reach it, or see its certificate."""
        return _paths_by_place(e for e in self._counted if e.failure is None or e.result.attempt.tls)

    def is_stale(self, path: ProbePath, each: Counted) -> bool:
        """Whether it failed for want of a route or of any answer of the resolver, and these are back by now.

        In one look no route comes back.
        """
        if each.failure is not None and each.failure.lacks_route:
            return bool(self._trends) and self._routes.are_back_since(each)
        back = self.resolvers.back_since.get(path.resolver.name, math.inf)
        return is_unheard(each) and each.asked_at < back < math.inf

    @cached_property
    def _routes(self) -> Routes:
        return Routes(self.paths, self._counted)

    @cached_property
    def out_of_date(self) -> tuple[Counted, ...]:
        """Where Apple's genuine certificates seem out of date; nothing where any certificate is in date.

        What was seen before the clock was set says nothing of what it shows now, be it in date or not.
        """
        seem_so = [each for each in self._counted if is_apples(each) and _is_genuine_and_out_of_date(each)]
        if not seem_so:
            return ()
        latest = max((each.result.attempt for each in seem_so), key=lambda attempt: attempt.at)
        in_date = filter(_is_in_date, self._counted)
        if not all(_was_by_another_clock(each.result.attempt, latest) for each in in_date):
            return ()
        return tuple(each for each in seem_so if not _was_by_another_clock(each.result.attempt, latest))

    @cached_property
    def durations(self) -> Mapping[str, Mapping[Needed, list[float]]]:
        """How long connecting and TLS took where it succeeded, in seconds: by path, then by service and port.

        At the last two visits to a host, as far as they count. Without the session, which is a wait for what
        the peer might still say; and without those that waited for a lost request to be sent again, or for
        an outage to end.
        """
        found: dict[str, dict[Needed, list[float]]] = {path.name: {} for path in self.paths}
        for each in self._counted:
            attempt = each.result.attempt
            took = found[each.result.path].setdefault(each.place, [])
            has_waited = attempt.syn_retransmits or attempt.passed_over or each.recovers
            if attempt.failure is None and not has_waited:
                took.append(attempt.seconds)
            if each.seconds_before is not None:
                took.append(each.seconds_before)
        return found


def _paths_by_place(counted: Iterable[Counted]) -> Mapping[tuple[str, int], Set[str]]:
    return grouped(((each.result.host, each.result.port), each.result.path) for each in counted)


def _is_in_date(each: Counted) -> bool:
    """What counts as reached may have failed by now, and not yet often enough."""
    attempt = each.result.attempt
    is_expired = attempt.failure is not None and attempt.failure.reason is Reason.TLS_EXPIRED
    return each.failure is None and attempt.tls is not None and not is_expired


def _was_by_another_clock(attempt: Attempt, later: Attempt) -> bool:
    """Whether this machine's clock was set between the two."""
    by_the_clock, passed = later.time - attempt.time, later.at - attempt.at
    return passed > 0 and abs(by_the_clock - passed) > _SAME_CLOCK


def _is_genuine_and_out_of_date(each: Counted) -> bool:
    tls = each.result.attempt.tls
    return reason_is(Reason.TLS_EXPIRED)(each) and tls is not None and tls.trust is not Trust.OTHER
