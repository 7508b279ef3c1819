"""What a cause may ask about: one role's failures on a path, and everything that counts elsewhere."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address
from itertools import chain
from typing import NamedTuple

from netcheck.apns.addresses import is_allocated, is_apple_name
from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Acceptance, Needed, Proof, Verdict
from netcheck.model.paths import Family, ProbePath, Role
from netcheck.model.results import HOSTS_FILE, Attempt, Hold, Lookup, Result, Trust
from netcheck.model.services import Network, Service
from netcheck.verdict.counting import Counted, Counting
from netcheck.verdict.ranges import RangeOnPath

Matches = Callable[[Counted], bool]


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known besides the latest results, and may make a verdict or a remark."""

    proofs: tuple[Proof, ...] = ()
    """What APNs makes of the push certificates of MDM servers."""
    large_hellos: tuple[Result, ...] = ()
    """After which a large TLS hello was sent."""
    holds: tuple[Hold, ...] = ()
    """What became of connections that were held idle."""


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
    ) -> None:
        self.services = tuple(services)
        self.networks: dict[str, tuple[Network, ...]] = {}
        for service in services:  # services of one name are one to people
            self.networks[service.name] = (*self.networks.get(service.name, ()), *service.networks)
        self.paths = tuple(paths)
        self.dead_ranges: frozenset[RangeOnPath] = counting.dead
        self.lookups = tuple(lookups)
        self._beside = beside
        self._by_path: dict[str, list[Counted]] = {path.name: [] for path in paths}
        self._chosen: dict[str, list[Counted]] = {path.name: [] for path in paths}
        self.proxy_spoke_at: dict[str, float] = {path.name: -math.inf for path in paths}
        """By path: when its proxy last spoke its protocol, be it to deny what nobody needs."""
        self.software: dict[str, str] = {}
        """By `HOST:PORT` of a proxy: what it is known as, be it by denying what nobody needs."""
        for each in counting.counted:
            path = each.result.path
            if each.result.attempt.proxy_spoke:
                self.proxy_spoke_at[path] = max(self.proxy_spoke_at[path], each.result.attempt.at)
            proxy = each.result.attempt.proxy
            if proxy and phase_is(Phase.PROXY_HANDSHAKE)(each) and (software := software_of([each])):
                self.software[proxy.place] = software
            if each.result.choice is not None:
                self._chosen[path].append(each)
            if each.failure is None or each.place in needs[path]:
                self._by_path[path].append(each)

    def on_path(self, path: str) -> list[Counted]:
        return self._by_path[path]

    def proofs_on(self, path: str) -> tuple[Proof, ...]:
        """What APNs said there of push certificates, where it said anything."""
        said = (proof for proof in self._beside.proofs if proof.acceptance is not Acceptance.UNPROVEN)
        return tuple(proof for proof in said if proof.path == path)

    def large_hellos_lost(self, path: str) -> tuple[Result, ...]:
        """After which nobody answered a large TLS hello there, and somebody a short one."""
        tried = (each for each in self._beside.large_hellos if each.path == path)
        return tuple(each for each in tried if each.large_hello and each.large_hello.failure)

    @property
    def holds(self) -> tuple[Hold, ...]:
        return self._beside.holds

    def chosen_on(self, path: str) -> list[Counted]:
        """What a PAC file or the environment has said something of, be it needed or not."""
        return self._chosen[path]

    @cached_property
    def in_hosts_file(self) -> frozenset[tuple[str, str]]:
        """Hosts, each with an address that this machine's own list has for it."""
        lists = (lookup for lookup in self.lookups if lookup.resolver == HOSTS_FILE)
        return frozenset((found.host, address) for found in lists for address in found.addresses)

    @cached_property
    def out_of_date(self) -> tuple[Counted, ...]:
        """Where Apple's genuine certificates seem out of date; nothing where any certificate is in date."""
        counted = list(chain.from_iterable(self._by_path.values()))
        if any(each.failure is None and each.result.attempt.tls is not None for each in counted):
            return ()
        return tuple(each for each in counted if is_apples(each) and _is_genuine_and_out_of_date(each))

    @cached_property
    def unanswered(self) -> tuple[Lookup, ...]:
        """What no nameserver said anything to."""
        return tuple(lookup for lookup in self.lookups if lookup.reason is Reason.DNS_TIMEOUT)

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
        for lookup in sorted(self.lookups, key=lambda lookup: lookup.time):
            spoke: dict[str, bool] = {}
            for each in lookup.tries:
                if each.reason is Reason.NETWORK_UNREACHABLE:
                    continue  # nobody was asked, and nobody waits
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


@dataclass(frozen=True)
class Case:
    """A verdict that wants its causes."""

    world: World
    path: ProbePath
    role: Role
    needs: frozenset[Needed]
    """What the role needs here."""
    verdict: Verdict
    verdicts: Mapping[Needed, Verdict]
    """Of the services and ports that keep the role from being ready: how bad it is with each."""
    failed: tuple[Counted, ...]
    """The failures on them, sorted: what is said of them must not depend on the order in which they came."""
    left: tuple[Counted, ...]
    """Those of them that no cause explains so far."""
    lost: tuple[int, int] | None = None
    """Where packets are lost: how many connections had to ask twice, and of how many."""
    proofs: tuple[Proof, ...] = ()
    """What APNs says of the push certificates that the role needs."""
    large_hellos: tuple[Result, ...] = ()
    """After which nobody answered a large TLS hello, where the role depends on it."""

    @property
    def counted(self) -> list[Counted]:
        """All that counts on this path, of other roles too."""
        return self.world.on_path(self.path.name)

    @property
    def lookups(self) -> list[Lookup]:
        """What the path's resolver said."""
        return [found for found in self.world.lookups if found.resolver == self.path.resolver.name]

    def without(self, explained: Iterable[Counted]) -> "Case":
        gone = set(map(id, explained))
        return replace(self, left=tuple(each for each in self.left if id(each) not in gone))

    def mostly(self, matches: Matches) -> list[Counted]:
        """The failures left that are such, where they are enough to stand for something; else none."""
        return self.if_enough([each for each in self.left if matches(each)])

    def if_enough(self, such: list[Counted]) -> list[Counted]:
        """As they are where they are half of what is left, or half of what fails on a service's port."""
        return such if 2 * len(such) >= len(self.left) or self.weighs(such) else []

    def weighs(self, such: Sequence[Counted]) -> bool:
        """Whether they are at least half of all that fails on some service's port."""
        places = [each.place for each in self.failed]
        mine = [each.place for each in such]
        return any(2 * mine.count(place) >= places.count(place) for place in set(mine))

    def elsewhere(self) -> list[list[Counted]]:
        """What counts on each other path that has anything."""
        others = (self.world.on_path(path.name) for path in self.world.paths if path is not self.path)
        return [counted for counted in others if counted]

    def is_reached_elsewhere(self, each: Counted) -> bool:
        """Whether another path reaches the host and port; or sees its certificate, and this one does not."""
        where = (each.result.host, each.result.port)
        return where in (self.reached_elsewhere if each.connected else self.seen_elsewhere)

    @cached_property
    def reached_elsewhere(self) -> frozenset[tuple[str, int]]:
        return frozenset((o.result.host, o.result.port) for o in self.others if o.failure is None)

    @cached_property
    def seen_elsewhere(self) -> frozenset[tuple[str, int]]:
        seen = {(o.result.host, o.result.port) for o in self.others if o.result.attempt.tls is not None}
        return self.reached_elsewhere | seen

    @cached_property
    def answering(self) -> Mapping[tuple[str, int], set[Family]]:
        """The hosts and ports that answer here, with the families over which they do."""
        found: dict[tuple[str, int], set[Family]] = {}
        for each in self.counted:
            if each.failure is None:
                found.setdefault((each.result.host, each.result.port), set()).add(each.family)
        return found

    @property
    def others(self) -> list[Counted]:
        """What counts on the other paths."""
        return [each for counted in self.elsewhere() for each in counted]

    def is_only_its_own(self, each: Counted) -> bool:
        """Whether it is the user's own, fails wherever it is tried, and does not fail as Apple's do."""
        elsewhere = self.is_led_astray(each) or self.is_reached_elsewhere(each)
        return not (is_apples(each) or elsewhere or self.fails_as_apples_do(each))

    def is_led_astray(self, each: Counted) -> bool:
        """Whether a load balancer leads it to another of the hosts behind it, or to another of Apple's."""
        tls, balancer = each.result.attempt.tls, each.result.attempt.balancer
        if balancer is None or tls is None or tls.is_for_host is not False:
            return False
        others = (other.result for other in self.counted if other.result.host != each.result.host)
        return is_another_of_apples(each) or any(
            other.host in tls.names or _is_right_at(other.attempt, balancer) for other in others
        )

    def fails_as_apples_do(self, each: Counted) -> bool:
        """Whether all of Apple's that gets as far fails in the same way: then it is the way.

        Over the same family, as one that is dead is dead for all; and on this port, if any is tried there.
        """
        mine = _fate(each)
        fates = self._fates_of_apples
        beside = fates.get((each.family, each.result.port)) or fates.get((each.family, None), set())
        as_far = [fate for fate in beside if fate.steps >= mine.steps]
        return bool(as_far) and all(fate.how == mine.how and not fate.is_genuine for fate in as_far)

    @cached_property
    def _fates_of_apples(self) -> Mapping[tuple[Family, int | None], set["_Fate"]]:
        """By family and port, and by family alone: many share one, and each failure is compared with all."""
        found: dict[tuple[Family, int | None], set[_Fate]] = {}
        for each in filter(is_apples, self.counted):
            for port in (each.result.port, None):
                found.setdefault((each.family, port), set()).add(_fate(each))
        return found

    def is_few(self, about: Iterable[Counted]) -> bool:
        """Whether of each service's port only one of several hosts fails, or less than half of them."""
        failing: dict[Needed, set[str]] = {}
        for each in about:
            failing.setdefault(each.place, set()).add(each.result.host)
        return all(self._is_minority(place, hosts) for place, hosts in failing.items())

    def _is_minority(self, place: Needed, hosts: set[str]) -> bool:
        tried = {each.result.host for each in self.counted if each.place == place}
        return len(tried) > len(hosts) and (len(hosts) == 1 or 2 * len(hosts) < len(tried))

    @cached_property
    def by_address(self) -> Mapping[str, Sequence[Counted]]:
        """What counts at each address to which the path's resolver leads."""
        found: dict[str, list[Counted]] = {}
        for each in self.counted:
            if self.was_resolved_here(each) and each.result.attempt.address:
                found.setdefault(each.result.attempt.address, []).append(each)
        return found

    def works_at_another_address(self, each: Counted) -> bool:
        """Whether another resolver's answer leads to the host and port, by the same way out.

        Not where the other resolvers know this address as well.
        """
        address = each.result.attempt.address
        working = self._working_beside.get((each.result.host, each.result.port, each.family), set())
        return bool(working - {address}) and address not in self._answered_by_others

    @cached_property
    def _answered_by_others(self) -> frozenset[str]:
        others = (found for found in self.world.lookups if found.resolver != self.path.resolver.name)
        return frozenset(address for found in others for address in found.addresses)

    @cached_property
    def _working_beside(self) -> Mapping[tuple[str, int, Family], set[str | None]]:
        """The addresses that work on paths with other resolvers and the same way out."""
        found: dict[tuple[str, int, Family], set[str | None]] = {}
        for path in self.world.paths:
            if path.way_out == self.path.way_out and path.resolver != self.path.resolver:
                for each in self.world.on_path(path.name):
                    if each.failure is None:
                        where = each.result.host, each.result.port, each.family
                        found.setdefault(where, set()).add(each.result.attempt.address)
        return found

    def stands_in_hosts_file(self, each: Counted) -> bool:
        """Whether its address is none of a resolver's, but of this machine's own list."""
        reads_it = not (self.path.resolver.nameservers or each.family is Family.NAME)
        return reads_it and (each.result.host, each.result.attempt.address) in self.world.in_hosts_file

    def is_known_to_resolvers(self, each: Counted) -> bool:
        """Whether any resolver has answered the same address for the host."""
        host, address = each.result.host, each.result.attempt.address
        asked = (found for found in self.world.lookups if found.resolver != HOSTS_FILE)
        return any(found.host == host and address in found.addresses for found in asked)

    def was_resolved_here(self, each: Counted) -> bool:
        """Whether its address is what the path's resolver answered."""
        is_named = self.path.load_balancer or each.family is Family.NAME
        return not (is_named or self.stands_in_hosts_file(each))

    def is_unexpected(self, each: Counted) -> bool:
        """Whether the resolver led to an address where the service should not be: see `Service.networks`."""
        address = each.result.attempt.address
        is_led = self.was_resolved_here(each) or self.stands_in_hosts_file(each)
        if address is None or not is_led or address == each.result.host:
            return False
        networks = self.world.networks[each.result.service]
        if networks:
            return not any(ip_address(address) in network for network in networks)
        return is_apples(each) and not is_allocated(address)


def _is_genuine_and_out_of_date(each: Counted) -> bool:
    tls = each.result.attempt.tls
    return reason_is(Reason.TLS_EXPIRED)(each) and tls is not None and tls.trust is not Trust.OTHER


def _is_right_at(attempt: Attempt, balancer: str) -> bool:
    """Whether the load balancer leads to who has the right certificate."""
    return attempt.balancer == balancer and attempt.tls is not None and attempt.tls.is_for_host is True


class _Fate(NamedTuple):
    """How far it gets, and how it fails: in which phase, by whom as its certificate's issuer, or else why."""

    steps: int
    how: tuple[Phase, str | None, Reason | None] | None
    is_genuine: bool
    """Whether a certificate was seen that is no stranger's."""


def _fate(each: Counted) -> _Fate:
    phases, tls = tuple(Phase), each.result.attempt.tls
    if each.failure is None:
        return _Fate(len(phases), None, is_genuine=False)
    issuer, reason = (None, each.failure.reason) if tls is None else (tls.issuer, None)
    is_genuine = tls is not None and tls.trust is not Trust.OTHER
    return _Fate(phases.index(each.failure.phase), (each.failure.phase, issuer, reason), is_genuine)


def is_apples(each: Counted) -> bool:
    return is_apple_name(each.result.host)


def is_another_of_apples(each: Counted) -> bool:
    """Whether a genuine certificate of Apple's was shown that is for another of its hosts."""
    tls = each.result.attempt.tls
    genuine = tls is not None and tls.trust is not Trust.OTHER and any(map(is_apple_name, tls.names))
    return genuine and reason_is(Reason.TLS_NAME_MISMATCH)(each)


def software_of(about: Iterable[Counted]) -> str:
    """What all of them are known as that failed; empty where that differs, or is not known."""
    names = {each.failure.software if each.failure else "" for each in about}
    return names.pop() if len(names) == 1 else ""


def http_status(each: Counted) -> bytes:
    """Of what a proxy answered in HTTP; empty where it is none."""
    evidence = each.failure.evidence if each.failure else b""
    return evidence[9:12] if evidence.startswith(b"HTTP/1.") else b""


def tls_had_begun(each: Counted) -> bool:
    """Whether it ended in the middle of an answer to TLS, by its first record (RFC 8446 section 5.1)."""
    evidence = each.failure.evidence if each.failure else b""
    return fails_in(Phase.TLS, Reason.CLOSED, Reason.RESET)(each) and evidence.startswith(b"\x16")


def reason_is(*reasons: Reason) -> Matches:
    return lambda each: each.failure is not None and each.failure.reason in reasons


def phase_is(*phases: Phase) -> Matches:
    return lambda each: each.failure is not None and each.failure.phase in phases


def fails_in(phase: Phase, *reasons: Reason) -> Matches:
    return lambda each: (
        each.failure is not None and each.failure.phase is phase and each.failure.reason in reasons
    )
