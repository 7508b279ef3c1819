"""What resolvers said, and whether they say anything: all that is known by lookups alone."""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import cached_property

from netcheck.grouping import in_turn
from netcheck.model.failing import DNS_SILENCE, Hitch, Reason
from netcheck.model.paths import RecordType
from netcheck.model.results import HOSTS_FILE, Lookup
from netcheck.model.services import Service
from netcheck.verdict.counting import Counted

_UNASKED = (Reason.NETWORK_UNREACHABLE, Reason.NO_LOCAL_ADDRESS)
"""From a nameserver so nobody waits for an answer: this machine has no way to it."""
_FEWEST_NAMES = 3
"""So many that get no answer are no accident, and so many that get one show that there are answers again."""


class Resolvers:
    """Those that were asked for hosts of these services, by the names of the config."""

    def __init__(self, services: Sequence[Service], lookups: Iterable[Lookup]) -> None:
        self._services = services
        self.lookups = _of_present_nameservers(tuple(lookups))

    def lookups_of(self, resolver: str) -> Sequence[Lookup]:
        """What it said."""
        return self._by_resolver.get(resolver, ())

    @cached_property
    def _by_resolver(self) -> Mapping[str, Sequence[Lookup]]:
        return in_turn((lookup.resolver, lookup) for lookup in self.lookups)

    @cached_property
    def answers(self) -> Mapping[tuple[str, RecordType], Sequence[Lookup]]:
        """By host and record type: what resolvers said, in the order of their names."""
        by_name = sorted(self.lookups, key=lambda lookup: lookup.resolver)
        return in_turn(((lookup.host, lookup.rdtype), lookup) for lookup in by_name)

    @cached_property
    def in_hosts_file(self) -> frozenset[tuple[str, str]]:
        """Hosts, each with an address that this machine's own list has for it."""
        lists = (lookup for lookup in self.lookups if lookup.resolver == HOSTS_FILE)
        return frozenset((found.host, address) for found in lists for address in found.addresses)

    @cached_property
    def completed(self) -> Mapping[str, str]:
        """Hosts that this machine's search list has made another name of, with that name."""
        return {lookup.host: lookup.completed for lookup in self.lookups if lookup.completed}

    @cached_property
    def nameservers(self) -> Mapping[str, Mapping[str, Sequence[bool]]]:
        """By resolver, where a lookup took several tries: whether each nameserver spoke, the latest last."""
        found: dict[str, dict[str, list[bool]]] = {}
        if all(len(lookup.tries) < 2 for lookup in self.lookups):
            return found
        for lookup in sorted(self.lookups, key=lambda lookup: lookup.at):
            if lookup.hitch in (Hitch.CR_LF, Hitch.NO_ADDRESS):  # who is asked first stands in no list
                continue
            asked = [each for each in lookup.tries if each.reason not in _UNASKED]
            spoke = {each.nameserver for each in asked if each.was_heard}
            for nameserver in dict.fromkeys(each.nameserver for each in asked):
                of_resolver = found.setdefault(lookup.resolver, {})
                of_resolver.setdefault(nameserver, []).append(nameserver in spoke)
        return found

    def were_silent(self, each: Counted) -> bool:
        """Whether none of them answered anybody when it was asked for."""
        asked, back = self._by_resolver.keys() - {HOSTS_FILE}, self.back_since
        return bool(asked) and all(each.asked_at < back.get(name, -math.inf) for name in asked)

    @cached_property
    def back_since(self) -> Mapping[str, float]:
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
        return {host for service in self._services if hosts & {*service.hosts} for host in service.hosts}


def _are_several(names: Iterable[bool]) -> bool:
    return sum(names) >= _FEWEST_NAMES


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
