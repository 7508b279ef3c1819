"""The names that a visit needs: where they are looked for, and each question to DNS once in a round."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from netcheck.model.failing import Hitch, Phase, Reason
from netcheck.model.paths import Family, ProbePath, RecordType, family_of
from netcheck.model.results import HOSTS_FILE, Lookup
from netcheck.probe.clock import unix_time
from netcheck.probe.once import Round
from netcheck.probe.resolve.dns import lookup, stub_of
from netcheck.probe.resolve.dns_waiting import Silences
from netcheck.probe.resolve.etc_hosts import addresses_in_hosts
from netcheck.probe.resolve.nsswitch import NSSWITCH, Order, Source, Status, order_of_sources
from netcheck.probe.resolve.search_list import search
from netcheck.probe.together import together
from netcheck.probe.walk import unforeseen

_TURNS = 6
"""As many as three nameservers, and two, share evenly."""
LookUp = Callable[[str], Awaitable[tuple[Lookup, ...]]]
"""Finds a name for all families of a path."""


class Names:
    """Looks names up for the visits of a configuration."""

    def __init__(self, timeout: float) -> None:
        """`timeout` in seconds, of one lookup."""
        self._timeout = timeout
        self._silences = Silences()

    async def lookups(
        self,
        shared: Round,
        name: str,
        path: ProbePath,
        families: tuple[Family, ...],
        *,
        for_programs: bool = True,
    ) -> tuple[Lookup, ...]:
        """Find a name as typed, for all families at once: as programs on this machine do, or as devices.

        Programs look where nsswitch.conf says, mostly into /etc/hosts first, which devices never see. Where
        the path has a resolver of its own, that is asked alone.
        """
        by_dns = _ByDns(shared, name, path, families, self._timeout, self._silences)
        if not for_programs or path.resolver.nameservers:
            found = await by_dns.found(for_programs=for_programs)
            return _beside_the_file(name, found, f"{HOSTS_FILE}, which devices do not see, has it")
        order, found = order_of_sources(), ()
        looked_into: set[Source] = set()
        for step in order.steps:
            looked_into.add(step.source)
            if step.source is Source.FILES:
                said = _in_hosts(name, families)
            else:
                said = await by_dns.found(for_programs=True)
            found = said or found  # what DNS says of a failure says more than a file without the name
            if _status(said) in step.ends_at:
                break
        if Source.FILES not in looked_into:
            why = f"{HOSTS_FILE} has it, where programs here do not look, by {_as_written(order)}"
            found = _beside_the_file(name, found, why)
        return found or _nowhere(name, families, order)

    def over(self, path: ProbePath, shared: Round) -> LookUp:
        """How this path finds what a round needs beside the hosts of services: as programs do."""
        return partial(self.lookups, shared, path=path, families=path.families)


@dataclass(frozen=True, slots=True)
class _ByDns:
    """A name as typed that the path's resolver is asked for, for all families at once."""

    shared: Round
    name: str
    path: ProbePath
    families: tuple[Family, ...]
    timeout: float
    silences: Silences

    async def found(self, *, for_programs: bool) -> tuple[Lookup, ...]:
        """As programs on this machine find it, or as devices do."""
        stub = stub_of(self.path.resolver)
        return await search(self.name, stub, self._ask, self.timeout, for_programs=for_programs)

    async def _ask(self, absolute: str, timeout: float) -> tuple[Lookup, ...]:
        """What this round has asked already is shared."""
        path = self.path
        keys = {
            rdtype: (self.name, absolute, rdtype, path.resolver, path.binding)
            for rdtype in _types(self.families)
        }
        found = [self.shared.made(key) for key in keys.values()]
        if all(found):
            return tuple(found)

        turn = secrets.randbelow(_TURNS)  # programs ask the same nameserver for both types

        async def ask(rdtype: RecordType) -> Lookup:
            make = partial(self._lookup, absolute, rdtype, timeout, turn)
            # A failed one is not kept: one lost packet would fail everything behind a proxy for a round.
            return await self.shared.once(keys[rdtype], make, keep=lambda made: made.was_answered)

        asking = [partial(ask, rdtype) for rdtype in keys]
        if stub_of(path.resolver).single_request:
            return tuple([await each() for each in asking])
        return tuple(await together(asking))

    async def _lookup(self, absolute: str, rdtype: RecordType, timeout: float, turn: int) -> Lookup:
        resolver, binding = self.path.resolver, self.path.binding
        try:
            found = await lookup(absolute, rdtype, resolver, binding, timeout, self.silences, turn)
        except Exception as error:  # a bug of ours must be counted and shown, and must not end the daemon
            failure = unforeseen(Phase.RESOLVE, error)
            return Lookup(unix_time(), self.name, rdtype, resolver.name, failure.reason, failure.detail)
        if absolute == self.name:
            return found
        return replace(found, host=self.name, chain=(absolute, *found.chain), completed=absolute)


def _in_hosts(name: str, families: tuple[Family, ...]) -> tuple[Lookup, ...]:
    """As it stands in this machine's own list, without DNS."""
    known, now = addresses_in_hosts(name), unix_time()
    return tuple(
        Lookup(now, name, rdtype, HOSTS_FILE, None, addresses=addresses)
        for rdtype in _types(families)
        if (addresses := tuple(each for each in known if family_of(each) is rdtype.family))
    )


def _types(families: tuple[Family, ...]) -> tuple[RecordType, ...]:
    return tuple(rdtype for rdtype in RecordType if rdtype.family in families)


def _status(said: tuple[Lookup, ...]) -> Status:
    """As glibc takes it: a file says nothing without the name, and DNS without an answer is not there."""
    reasons = {lookup.reason for lookup in said}
    if None in reasons:
        return Status.SUCCESS
    return Status.NOTFOUND if reasons <= {Reason.NXDOMAIN, Reason.NO_ANSWER} else Status.UNAVAIL


def _beside_the_file(name: str, found: tuple[Lookup, ...], why: str) -> tuple[Lookup, ...]:
    """With a word on a name that DNS denies, and that stands in /etc/hosts."""
    denied = any(lookup.reason is Reason.NXDOMAIN for lookup in found)
    if not (denied and addresses_in_hosts(name)):
        return found
    return tuple(
        replace(lookup, detail=f"{lookup.detail}; {why}") if lookup.reason is Reason.NXDOMAIN else lookup
        for lookup in found
    )


def _nowhere(name: str, families: tuple[Family, ...], order: Order) -> tuple[Lookup, ...]:
    """Where only /etc/hosts is looked into, and has it not; or nothing is."""
    file_is_read = any(step.source is Source.FILES for step in order.steps)
    what = f"{HOSTS_FILE} does not have {name}, and DNS is" if file_is_read else f"{HOSTS_FILE} and DNS are"
    detail = f"{what} not asked here, by {_as_written(order)}"
    return tuple(
        Lookup(unix_time(), name, rdtype, HOSTS_FILE, Reason.NXDOMAIN, detail, hitch=Hitch.NOT_BY_DNS)
        for rdtype in _types(families)
    )


def _as_written(order: Order) -> str:
    return f"`hosts: {order.line}` in {NSSWITCH}"
