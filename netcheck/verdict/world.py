"""Everything that counts, of all paths, with what is known besides."""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from netcheck.apns.services import provers
from netcheck.model.failing import DNS_SILENCE, Failure, Hitch, Phase, Reason
from netcheck.model.findings import Needed
from netcheck.model.holds import Hold
from netcheck.model.paths import ProbePath, RecordType, Way
from netcheck.model.push_certificates import Acceptance, Proof, PushCertificate
from netcheck.model.results import HOSTS_FILE, Attempt, Lookup, Result, Trust
from netcheck.model.services import Network, Service
from netcheck.model.trends import Part, Silence, Trends
from netcheck.phrases import date_text
from netcheck.verdict.counting import Counted, Counting
from netcheck.verdict.matching import Matches, is_apples, is_unheard, phase_is, reason_is, software_of
from netcheck.verdict.routes import Routes, unrouted_since

_UNASKED = (Reason.NETWORK_UNREACHABLE, Reason.NO_LOCAL_ADDRESS)
"""From a nameserver so nobody waits for an answer: this machine has no way to it."""
_SAME_CLOCK = 60.0
"""Seconds that it may gain or lose from one attempt to another; one that is set back by less harms nobody."""

_FEWEST_NAMES = 3
"""So many that get no answer are no accident, and so many that get one show that there are answers again."""


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
        needs: Mapping[str, frozenset[Needed]],
        beside: Beside = Beside(),
        trends: Trends = MappingProxyType({}),
    ) -> None:
        self.services = tuple(services)
        self.required = frozenset(service.name for service in services if service.required)
        """By their names: the services that count towards readiness."""
        self.networks: dict[str, tuple[Network, ...]] = {}
        for service in services:  # services of one name are one to people
            self.networks[service.name] = (*self.networks.get(service.name, ()), *service.networks)
        self.paths = tuple(paths)
        self._dead_ranges = counting.dead
        self.lookups = _of_present_nameservers(tuple(lookups))
        self._beside = beside
        self._trends = trends
        self._by_path: dict[str, list[Counted]] = {path.name: [] for path in paths}
        self._chosen: dict[str, list[Counted]] = {path.name: [] for path in paths}
        self._counted = counting.counted
        self.software: dict[str, str] = {}
        """By `HOST:PORT` of a proxy: what it is known as, be it by denying what nobody needs."""
        for each in self._counted:
            path = each.result.path
            proxy = each.result.attempt.proxy
            if proxy and phase_is(Phase.PROXY_HANDSHAKE)(each) and (software := software_of([each])):
                self.software[proxy.place] = software
            if each.result.choice is not None:
                self._chosen[path].append(each)
            if each.failure is None or each.place in needs[path]:
                self._by_path[path].append(each)
        reached = [each.result.attempt.time for each in self._counted if each.failure is None]
        self._latest = max(reached, default=0.0)
        self._pushes = {path.name for _, path in provers(self.services, self.paths)}

    def proxy_spoke_at(self, path: ProbePath, way: WayOut) -> float:
        """When the proxies of this way, or any of the path's, last spoke: be it to deny what nobody needs."""
        its = (each.result.attempt for each in self._counted if each.result.path == path.name)
        return max((e.at for e in its if e.proxy_spoke and way.is_of(e)), default=-math.inf)

    def silences_before(self, each: Counted, window: float) -> list[Silence]:
        """The times in which nothing answered over its port and family, and which are over."""
        trend, at = self._trends.get(Part.of(each.result.endpoint).whole), each.result.attempt.at
        return [silence for silence in trend.silences if silence[0] >= at - window] if trend else []

    def on_path(self, path: str) -> list[Counted]:
        return self._by_path[path]

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

    def _by_its_file(self, certificate: PushCertificate, path: str) -> Proof:
        """Not by a clock that may be wrong: something is reached, and no certificate seems out of date."""
        now, expires = self._latest, certificate.not_after
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
        return not each.connected and each.range in self._dead_ranges

    def chosen_on(self, path: str) -> list[Counted]:
        """What a PAC file or the environment has said something of, be it needed or not."""
        return self._chosen[path]

    @cached_property
    def failures(self) -> frozenset[Failure | None]:
        """Of all that counts, each once; None is among them where anything was reached."""
        return frozenset(each.failure for each in chain.from_iterable(self._by_path.values()))

    @cached_property
    def failures_now(self) -> frozenset[Failure | None]:
        """The same; where all is down, and every path has lost its routes lately, only of what came since."""
        wholes = [part for part in self._trends if part == part.whole]
        its = [counted for counted in self._by_path.values() if counted]
        since = [unrouted_since(counted) for counted in its]
        if not wholes or not all(self._trends[part].down for part in wholes) or math.inf in since:
            return self.failures
        known = zip(its, since, strict=True)
        return frozenset(e.failure for counted, at in known for e in counted if e.result.attempt.at >= at)

    @cached_property
    def reached_on(self) -> Mapping[tuple[str, int], frozenset[str]]:
        """By host and port: the paths that reach it."""
        return _paths_by_place(self._by_path, lambda each: each.failure is None)

    @cached_property
    def reached_at(self) -> Mapping[tuple[str | None, int], frozenset[str]]:
        """By address and port: the paths that reach something there."""
        found: dict[tuple[str | None, int], set[str]] = {}
        for path, counted in self._by_path.items():
            for each in counted:
                if each.failure is None:
                    found.setdefault((each.result.attempt.address, each.result.port), set()).add(path)
        return {place: frozenset(paths) for place, paths in found.items()}

    @cached_property
    def trusted_on(self) -> Mapping[tuple[str, int], frozenset[str]]:
        """By host and port: the paths that reach it over TLS; `depth: auto` is TLS only behind proxies."""
        return _paths_by_place(
            self._by_path, lambda each: each.failure is None and each.result.attempt.tls is not None
        )

    @cached_property
    def seen_on(self) -> Mapping[tuple[str, int], frozenset[str]]:
        """By host and port: the paths that reach it, or see its certificate."""
        return _paths_by_place(
            self._by_path, lambda each: each.failure is None or each.result.attempt.tls is not None
        )

    def lookups_of(self, resolver: str) -> Sequence[Lookup]:
        """What it said."""
        return self._by_resolver.get(resolver, ())

    @cached_property
    def _by_resolver(self) -> Mapping[str, Sequence[Lookup]]:
        found: dict[str, list[Lookup]] = {}
        for lookup in self.lookups:
            found.setdefault(lookup.resolver, []).append(lookup)
        return found

    @cached_property
    def _dns_back_since(self) -> Mapping[str, float]:
        """By resolver that lately answered nobody: when the first question was asked that it answered again.

        As in `Attempt.at`; infinite while it answers too few. One that answered others between the names that
        it leaves unanswered has not been silent. A few may have been asked for at the same moment.
        """
        found: dict[str, float] = {}
        for resolver, lookups in self._by_resolver.items():
            known = {each.host for each in lookups if each.was_heard}  # be it for A alone
            silent = (each for each in lookups if each.reason in DNS_SILENCE)
            asked = {each.host: each.at for each in silent if each.host not in known}
            heard = [e for e in lookups if e.was_heard and _are_several(at < e.at for at in asked.values())]
            between = (_are_several(at > each.at for at in asked.values()) for each in heard)
            if len(asked) >= _FEWEST_NAMES and not any(between):
                names = {each.host for each in heard} & self._hosts_beside(asked.keys())
                is_back = len(names) >= _FEWEST_NAMES
                found[resolver] = min(each.at for each in heard) if is_back else math.inf
        return found

    def _hosts_beside(self, hosts: Set[str]) -> set[str]:
        """All of the services that have any of these: a resolver may block one service's names."""
        return {host for service in self.services if hosts & {*service.hosts} for host in service.hosts}

    def is_of_before(self, path: ProbePath, each: Counted) -> bool:
        """Whether it failed as the resolver answered nobody, or for want of a route, which is over.

        In one look no route comes back.
        """
        if each.failure is not None and each.failure.lacks_route:
            return bool(self._trends) and self._routes.are_back_since(each)
        back = self._dns_back_since.get(path.resolver.name, math.inf)
        return is_unheard(each) and each.asked_at < back < math.inf

    @cached_property
    def _routes(self) -> Routes:
        return Routes(self.paths, chain.from_iterable(self._by_path.values()))

    def was_without_dns(self, each: Counted) -> bool:
        """Whether none of the resolvers that are asked here has answered anybody since."""
        asked, back = self._by_resolver.keys() - {HOSTS_FILE}, self._dns_back_since
        return bool(asked) and all(each.asked_at < back.get(name, -math.inf) for name in asked)

    @cached_property
    def answers(self) -> Mapping[tuple[str, RecordType], Sequence[Lookup]]:
        """By host and record type: what resolvers said, in the order of their names."""
        found: dict[tuple[str, RecordType], list[Lookup]] = {}
        for lookup in sorted(self.lookups, key=lambda lookup: lookup.resolver):
            found.setdefault((lookup.host, lookup.rdtype), []).append(lookup)
        return found

    @cached_property
    def in_hosts_file(self) -> frozenset[tuple[str, str]]:
        """Hosts, each with an address that this machine's own list has for it."""
        lists = (lookup for lookup in self.lookups if lookup.resolver == HOSTS_FILE)
        return frozenset((found.host, address) for found in lists for address in found.addresses)

    @cached_property
    def out_of_date(self) -> tuple[Counted, ...]:
        """Where Apple's genuine certificates seem out of date; nothing where any certificate is in date.

        What was seen before the clock was set says nothing of what it shows now, be it in date or not.
        """
        counted = list(chain.from_iterable(self._by_path.values()))
        seem_so = [each for each in counted if is_apples(each) and _is_genuine_and_out_of_date(each)]
        if not seem_so:
            return ()
        latest = max((each.result.attempt for each in seem_so), key=lambda attempt: attempt.at)
        in_date = [each for each in counted if _is_in_date(each)]
        if not all(_was_by_another_clock(each.result.attempt, latest) for each in in_date):
            return ()
        return tuple(each for each in seem_so if not _was_by_another_clock(each.result.attempt, latest))

    @cached_property
    def completed(self) -> Mapping[str, str]:
        """Hosts that this machine's search list has made another name of, with that name."""
        first = {lookup.host: lookup.chain[0] for lookup in self.lookups if lookup.chain}
        return {host: name for host, name in first.items() if name.startswith(f"{host}.")}

    @cached_property
    def nameservers(self) -> Mapping[str, Mapping[str, Sequence[bool]]]:
        """By resolver, where a lookup took several tries: whether each nameserver spoke, the latest last."""
        found: dict[str, dict[str, list[bool]]] = {}
        if all(len(lookup.tries) < 2 for lookup in self.lookups):
            return found
        for lookup in sorted(self.lookups, key=lambda lookup: lookup.at):
            if lookup.hitch in (Hitch.CR_LF, Hitch.NO_ADDRESS):  # who is asked first stands in no list
                continue
            spoke: dict[str, bool] = {}
            for each in lookup.tries:
                if each.reason in _UNASKED:
                    continue
                spoke[each.nameserver] = spoke.get(each.nameserver, False) or each.was_heard
            for nameserver, did in spoke.items():
                found.setdefault(lookup.resolver, {}).setdefault(nameserver, []).append(did)
        return found

    @cached_property
    def durations(self) -> Mapping[str, Mapping[Needed, list[float]]]:
        """How long connecting and TLS took where it succeeded, in seconds: by path, then by service and port.

        At the last two visits to a host, as far as they count. Without the session, which is a wait for what
        the peer might still say; and without those that waited for a lost request to be sent again, or for
        an outage to end.
        """
        found: dict[str, dict[Needed, list[float]]] = {path.name: {} for path in self.paths}
        for each in chain.from_iterable(self._by_path.values()):
            attempt = each.result.attempt
            took = found[each.result.path].setdefault(each.place, [])
            has_waited = attempt.syn_retransmits or attempt.passed_over or each.recovers
            if attempt.failure is None and not has_waited:
                took.append(attempt.seconds)
            if each.seconds_before is not None:
                took.append(each.seconds_before)
        return found


def _are_several(names: Iterable[bool]) -> bool:
    return sum(names) >= _FEWEST_NAMES


def _paths_by_place(
    by_path: Mapping[str, Iterable[Counted]], matches: Matches
) -> Mapping[tuple[str, int], frozenset[str]]:
    found: dict[tuple[str, int], set[str]] = {}
    for path, counted in by_path.items():
        for each in filter(matches, counted):
            found.setdefault((each.result.host, each.result.port), set()).add(path)
    return {place: frozenset(paths) for place, paths in found.items()}


def _of_present_nameservers(lookups: tuple[Lookup, ...]) -> tuple[Lookup, ...]:
    """Without what was asked of nameservers that this machine has no more: hosts take turns."""
    of_machine = [lookup for lookup in lookups if lookup.nameservers]
    if len({lookup.nameservers for lookup in of_machine}) < 2:
        return lookups
    present = max(of_machine, key=lambda lookup: lookup.at).nameservers
    return tuple(
        replace(lookup, tries=tuple(each for each in lookup.tries if each.nameserver in present))
        if lookup.nameservers
        else lookup
        for lookup in lookups
    )


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
