"""What a cause may ask about: one role's failures on a path, and everything that counts elsewhere."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from netcheck.apns.addresses import is_allocated, is_public, is_within, may_lead_elsewhere
from netcheck.grouping import grouped, in_turn
from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Finding, Needed, Verdict
from netcheck.model.paths import Family, ProbePath, Role
from netcheck.model.push_certificates import Proof
from netcheck.model.results import HOSTS_FILE, Attempt, Lookup, Result, Trust
from netcheck.verdict.counting import Counted
from netcheck.verdict.matching import (
    Matches,
    fails_in,
    goes_directly,
    is_another_of_apples,
    is_apples,
    is_by_name,
    phase_is,
)
from netcheck.verdict.world import WayOut, World

_HOSTS_OF_A_MEMBER = 2
"""So many fail at an address of a proxy's name, and others lead to as many, where the address is at fault."""
_FEW_ADDRESSES = 3
"""Where more fail at once, it is no accident at Apple's end."""


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
    """The failures on them, sorted: what is said of them must not depend on the order in which they came.

    Where the config counts on the other ports of a service, also names that lead nowhere for these.
    """
    left: tuple[Counted, ...]
    """Those of them that no cause explains so far."""
    lost: tuple[int, int] | None = None
    """Where packets are lost: how many connections had to ask twice, and of how many."""
    proofs: tuple[Proof, ...] = ()
    """What is known of the push certificates that the role needs."""
    large_hellos: tuple[Result, ...] = ()
    """Of attempts whose large TLS hello nobody answered, where the role depends on it."""
    faults: tuple[Finding, ...] = ()
    """For remarks: what is known to be wrong."""

    @property
    def counted(self) -> list[Counted]:
        """All that counts on this path, of other roles too."""
        return self.world.on_path(self.path.name)

    def way(self, each: Counted) -> WayOut:
        """What it goes by that others on this path may not go by."""
        attempt = each.result.attempt
        proxies = attempt.proxies if self.path.chosen_by else ()
        return WayOut(proxies, attempt.member if attempt.member in self.members_at_fault else None)

    @cached_property
    def members_at_fault(self) -> frozenset[str]:
        """The addresses of a proxy's name by which hosts of a service fail that others of them lead to.

        Where it is one host only, that may be what is at fault. So it may be where the address leads to
        another service of Apple's on this port.
        """
        by_member = [(each, member) for each in self.counted if (member := each.result.attempt.member)]
        failing = grouped(((e.place, member), e.result.host) for e, member in by_member if e.failure)
        works = [(each, member) for each, member in by_member if each.failure is None]
        reached = grouped((each.place, each.result.host) for each, _ in works)
        leads = {(e.result.port if is_apples(e) else e.place, member) for e, member in works}
        return frozenset(
            member
            for (place, member), hosts in failing.items()
            if len(hosts) >= _HOSTS_OF_A_MEMBER
            and leads.isdisjoint(((place, member), (place.port, member)))
            and len(reached.get(place, ())) >= _HOSTS_OF_A_MEMBER
        )

    def going_as(self, about: Iterable[Counted]) -> list[Counted]:
        """All that counts here and goes the same way as one of these: other ways say nothing of it."""
        ways = set(map(self.way, about))
        return [each for each in self.counted if self.way(each) in ways]

    def others_that_work(self, about: Sequence[Counted]) -> list[Counted]:
        """What goes the same way and can be reached, of other services."""
        mine = {each.result.service for each in about}
        beside = self.going_as(about)
        return [each for each in beside if each.failure is None and each.result.service not in mine]

    @property
    def services_needed(self) -> set[str]:
        """What the role needs here, by the names."""
        return {need.service for need in self.needs}

    @property
    def lookups(self) -> Sequence[Lookup]:
        """What the path's resolver said."""
        return self.world.resolvers.lookups_of(self.path.resolver.name)

    def without(self, explained: Iterable[Counted]) -> "Case":
        gone = set(map(id, explained))
        return replace(self, left=tuple(each for each in self.left if id(each) not in gone))

    def mostly(self, matches: Matches) -> list[Counted]:
        """The failures left that are such, where they are enough to stand for something; else none."""
        return self.if_enough([each for each in self.left if matches(each)])

    def if_enough(self, such: list[Counted]) -> list[Counted]:
        """These, if they are half of what is left, or half of what fails on a service's port; else none."""
        return such if 2 * len(such) >= len(self.left) or self.weighs(such) else []

    def weighs(self, such: Sequence[Counted]) -> bool:
        """Whether they are at least half of all that fails on some service's port."""
        mine = Counter(each.place for each in such)
        return any(2 * count >= self._failing[place] for place, count in mine.items())

    @cached_property
    def _failing(self) -> Mapping[Needed, int]:
        """How many fail on each service's port."""
        return Counter(each.place for each in self.failed)

    def is_reached_elsewhere(self, each: Counted) -> bool:
        """Whether another path reaches the host and port; or sees its certificate, and this one does not.

        What fails in TLS is not refuted by a path that says nothing in TLS. Nor is an address that fails by
        who reaches the name, where the name has another one that answers: they may have taken that.
        """
        world, result = self.world, each.result
        if self.answers_at_another_address(each):
            paths = world.reached_at.get((result.attempt.address, result.port))
        elif phase_is(Phase.TLS)(each) or result.attempt.tls is not None:
            paths = world.trusted_on.get((result.host, result.port))
        else:
            known = world.reached_on if each.connected else world.seen_on
            paths = known.get((result.host, result.port))
        return bool(paths) and paths != {self.path.name}

    @cached_property
    def answering(self) -> Mapping[tuple[str, int], set[Family]]:
        """The hosts and ports that answer here, with the families over which they do."""
        works = (each for each in self.counted if each.failure is None)
        return grouped(((each.result.host, each.result.port), each.family) for each in works)

    @property
    def others(self) -> list[Counted]:
        """What counts on the other paths."""
        names = (path.name for path in self.world.paths if path is not self.path)
        return [each for name in names for each in self.world.on_path(name)]

    def is_only_its_own(self, each: Counted) -> bool:
        """Whether it is the user's own, fails wherever it is tried, and does not fail as Apple's do."""
        elsewhere = self.is_balanced_astray(each) or self.is_reached_elsewhere(each)
        return not (is_apples(each) or elsewhere or self.fails_as_apples_do(each))

    def is_said_by_apple(self, each: Counted) -> bool:
        """Whether what fails was said within TLS, under a certificate of Apple's: nobody on the way says it.

        Of services of one's own, the system's authorities vouch too, and who decrypts may be among them.
        """
        tls = each.result.attempt.tls
        said = fails_in(Phase.SESSION, Reason.REFUSED, Reason.BAD_ANSWER)
        if tls is None or not (said(each) and is_apples(each) and tls.is_for_host):
            return False
        pinned = (service.name for service in self.world.services if service.tls.is_apples)
        return tls.trust is Trust.APPLE or (tls.trust is Trust.PUBLIC and each.result.service in pinned)

    def is_balanced_astray(self, each: Counted) -> bool:
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
        apples = filter(is_apples, self.counted)
        return grouped(((e.family, port), _fate(e)) for e in apples for port in (e.result.port, None))

    def is_few(self, about: Sequence[Counted]) -> bool:
        """Whether of each service's port only one of several hosts fails, or less than half of them.

        Of those that go the same way, where several do: all of these are not few.
        """
        beside = self.going_as(about)
        failing = grouped((each.place, each.result.host) for each in about)
        return all(self._is_minority(place, hosts, beside) for place, hosts in failing.items())

    def _is_minority(self, place: Needed, hosts: set[str], beside: list[Counted]) -> bool:
        tried = {each.result.host for each in beside if each.place == place}
        if len(tried) == 1:  # alone on its way: others tell at least whether it is the host
            tried = {each.result.host for each in self.counted if each.place == place}
        return len(tried) > len(hosts) and (len(hosts) == 1 or 2 * len(hosts) < len(tried))

    @cached_property
    def by_address(self) -> Mapping[str, Sequence[Counted]]:
        """What counts at each address to which the path's resolver leads."""
        there = filter(self.was_resolved_here, self.counted)
        return in_turn((address, each) for each in there if (address := each.result.attempt.address))

    def answers_at_another_address(self, each: Counted) -> bool:
        """Whether it is Apple's and cannot be connected to, and another address that it has answers.

        That is for this port, be it asked for another of Apple's hosts, which share their addresses.
        """
        if each.result.attempt.connected or not is_apples(each):
            return False
        named = self._named.get((each.result.host, each.family), set())
        return not named.isdisjoint(self._answering_at.get(each.result.port, ()))

    def is_at_few_addresses(self, about: Collection[Counted]) -> bool:
        """Whether all of them end at the same few of Apple's addresses, while their hosts have others.

        Since they fail, no other host has been connected to at these addresses either.
        """
        dead = {each.result.attempt.address for each in about}
        return len(dead) <= _FEW_ADDRESSES and all(map(self._is_at_dead_address, about))

    def _is_at_dead_address(self, each: Counted) -> bool:
        if not (each.fails_at or self.answers_at_another_address(each)):
            return False
        result = each.result
        if result.attempt.connected or not is_apples(each):
            return False
        there = (other.result for other in self.by_address.get(result.attempt.address or "", ()))
        same = (other.attempt for other in there if other.port == result.port)
        return not any(attempt.connected and attempt.at >= each.fails_since for attempt in same)

    def leads_nowhere_directly(self, about: Iterable[Counted]) -> bool:
        """Whether all of them were told to go without a proxy, and nothing here gets anywhere so."""
        sent = [each for each in self.counted if goes_directly(each)]
        return all(goes_directly(e) and not e.connected for e in about) and not any(e.connected for e in sent)

    @cached_property
    def names_known_to_proxy(self) -> frozenset[str]:
        """Hosts that a proxy of the path reaches by name, be it on another port."""
        reached = (each for each in self.counted if each.failure is None and each.family is Family.NAME)
        return frozenset(each.result.host for each in reached)

    @cached_property
    def _named(self) -> Mapping[tuple[str, Family], set[str]]:
        """What the path's resolver answers."""
        answers = ((found, address) for found in self.lookups for address in found.addresses)
        return grouped(((found.host, found.rdtype.family), address) for found, address in answers)

    @cached_property
    def _answering_at(self) -> Mapping[int, set[str]]:
        """By port, the addresses at which Apple's hosts answer."""
        there = ((address, each) for address, its in self.by_address.items() for each in its)
        return grouped((e.result.port, address) for address, e in there if e.failure is None and is_apples(e))

    def works_at_another_address(self, each: Counted) -> bool:
        """Whether another resolver's answer leads to the host and port, by the same way out.

        Not where the other resolvers know this address as well.
        """
        address = each.result.attempt.address
        working = self._working_beside.get((each.result.host, each.result.port, each.family), set())
        return bool(working - {address}) and address not in self._answered_by_others

    @cached_property
    def _answered_by_others(self) -> frozenset[str]:
        mine, lookups = self.path.resolver.name, self.world.resolvers.lookups
        others = (found for found in lookups if found.resolver != mine)
        return frozenset(address for found in others for address in found.addresses)

    @cached_property
    def _working_beside(self) -> Mapping[tuple[str, int, Family], set[str | None]]:
        """The addresses that work on paths with other resolvers and the same way out."""
        beside = (
            path.name
            for path in self.world.paths
            if path.way_out == self.path.way_out and path.resolver != self.path.resolver
        )
        works = (each for name in beside for each in self.world.on_path(name) if each.failure is None)
        return grouped(((e.result.host, e.result.port, e.family), e.result.attempt.address) for e in works)

    def stands_in_hosts_file(self, each: Counted) -> bool:
        """Whether its address is none of a resolver's, but of this machine's own list."""
        if self.path.resolver.nameservers:  # which alone are asked then
            return False
        return (each.result.host, each.result.attempt.address) in self.world.resolvers.in_hosts_file

    def is_known_to_resolvers(self, each: Counted) -> bool:
        """Whether any resolver has answered the same address for the host."""
        host, address = each.result.host, each.result.attempt.address
        asked = (found for found in self.world.resolvers.lookups if found.resolver != HOSTS_FILE)
        return any(found.host == host and address in found.addresses for found in asked)

    def was_resolved_here(self, each: Counted) -> bool:
        """Whether its address is what the path's resolver answered, be it that the way to it was chosen."""
        is_named = self.path.load_balancer or is_by_name(each)
        return not (is_named or self.stands_in_hosts_file(each))

    def is_unexpected(self, each: Counted) -> bool:
        """Whether the resolver led to an address where the service should not be: see `Service.networks`."""
        address = each.result.attempt.address
        if address is None or address == each.result.host:
            return False
        if networks := self.world.networks[each.result.service]:
            is_elsewhere = not is_within(address, networks)
        else:
            is_elsewhere = is_apples(each) and not is_allocated(address)
        return is_elsewhere and (self.was_resolved_here(each) or self.stands_in_hosts_file(each))

    def fails_by_name(self, each: Counted) -> bool:
        """Whether its name does not resolve, or leads to a private address where the service is not."""
        address = each.result.attempt.address
        is_private = address is not None and not is_public(address)
        return phase_is(Phase.RESOLVE)(each) or (is_private and self.is_unexpected(each))

    def may_be_elsewhere(self, each: Counted) -> bool:
        """Whether it may be with a company that delivers for Apple: at a public address.

        The config may say otherwise.
        """
        address, networks = each.result.attempt.address, self.world.networks[each.result.service]
        leads_elsewhere = may_lead_elsewhere(each.result.host) and not networks
        return leads_elsewhere and address is not None and is_public(address)


def _is_right_at(attempt: Attempt, balancer: str) -> bool:
    """Whether the load balancer leads to who has the right certificate."""
    return attempt.balancer == balancer and attempt.tls is not None and attempt.tls.is_for_host is True


class _Fate(NamedTuple):
    """How far it gets, and how it fails: in which phase, and the issuer of its certificate or else why."""

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
