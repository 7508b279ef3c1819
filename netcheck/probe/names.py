"""The names that a visit needs, asked of its path's resolver: each question once in a round."""

from dataclasses import replace
from functools import partial

import trio

from netcheck.apns.addresses import is_apple_name
from netcheck.model.failing import Hitch, Phase, Reason
from netcheck.model.paths import Family, ProbePath, RecordType, family_of
from netcheck.model.results import HOSTS_FILE, Lookup
from netcheck.probe.clock import unix_time
from netcheck.probe.dns import asks_singly, lookup, names_tried
from netcheck.probe.etc_hosts import addresses_in_hosts
from netcheck.probe.nsswitch import NSSWITCH, Order, Source, Status, order_of_sources
from netcheck.probe.once import Round
from netcheck.probe.walk import unforeseen

_NOT_FOR_PROGRAMS = {
    Hitch.OUT_OF_ORDER: Reason.DNS_MALFORMED,
    Hitch.CUT: Reason.DNS_MALFORMED,
    Hitch.TOO_LATE: Reason.DNS_TIMEOUT,
}
"""Why programs on this machine cannot use an answer."""


class Names:
    """Looks names up for the visits of a configuration."""

    def __init__(self, timeout: float) -> None:
        """`timeout` in seconds, of one lookup."""
        self._timeout = timeout

    async def lookups(
        self,
        shared: Round,
        name: str,
        path: ProbePath,
        families: tuple[Family, ...],
        *,
        reads_hosts: bool = True,
    ) -> tuple[Lookup, ...]:
        """Find a name as typed, for all families at once, as programs on this machine do.

        They look where nsswitch.conf says, mostly into /etc/hosts first, which devices never see. Where the
        path has a resolver of its own, that is asked alone.
        """
        if not reads_hosts or path.resolver.nameservers:
            found = await self._by_dns(shared, name, path, families, for_programs=reads_hosts)
            return _beside_the_file(name, found, f"{HOSTS_FILE}, which devices do not see, has it")
        order, found = order_of_sources(), ()
        looked_into: set[Source] = set()
        for step in order.steps:
            looked_into.add(step.source)
            if step.source is Source.FILES:
                said = _in_hosts(name, families)
            else:
                said = await self._by_dns(shared, name, path, families, for_programs=True)
            found = said or found  # what DNS says of a failure says more than a file without the name
            if _status(said) in step.ends_at:
                break
        if Source.FILES not in looked_into:
            why = f"{HOSTS_FILE} has it, where programs here do not look, by {_as_written(order)}"
            found = _beside_the_file(name, found, why)
        return found or _nowhere(name, families, order)

    async def _by_dns(
        self, shared: Round, name: str, path: ProbePath, families: tuple[Family, ...], *, for_programs: bool
    ) -> tuple[Lookup, ...]:
        """Programs take less for an answer than devices do.

        DHCP tells devices the search list too, and they complete names of one label with it. To programs
        Apple's names are whole, but a high `ndots` puts that list before them. After the time of one lookup
        no other one is begun.
        """
        if "." in name and not for_programs:
            return await self._ask(shared, name, name, path, families)
        failed: dict[str, tuple[Lookup, ...]] = {}
        deadline = trio.current_time() + self._timeout
        for absolute in _absolute(name, path):
            if failed and trio.current_time() >= deadline:
                break
            found = await self._ask(shared, name, absolute, path, families)
            if for_programs:
                found = tuple(map(_as_programs_take_it, found))
            if any(lookup.reason is None or not lookup.was_heard for lookup in found):
                return found
            failed[absolute] = found
        # What is said of a whole name is of use; of a short one, what the first domain has of it.
        return failed[name] if "." in name and name in failed else next(iter(failed.values()))

    async def _ask(
        self, shared: Round, name: str, absolute: str, path: ProbePath, families: tuple[Family, ...]
    ) -> tuple[Lookup, ...]:
        """Ask the path's resolver for all families at once; what this round has asked already is shared."""
        keys = {rdtype: (name, absolute, rdtype, path.resolver, path.binding) for rdtype in _types(families)}
        found: dict[RecordType, Lookup] = {
            rdtype: made for rdtype, key in keys.items() if (made := shared.made(key))
        }

        async def ask(rdtype: RecordType) -> None:
            make = partial(self._lookup, name, absolute, rdtype, path)
            # A failed one is not kept: one lost packet would fail everything behind a proxy for a round.
            found[rdtype] = await shared.once(keys[rdtype], make, keep=lambda lookup: lookup.was_answered)

        missing = [rdtype for rdtype in keys if rdtype not in found]
        if len(missing) == 1 or asks_singly(path.resolver):
            for rdtype in missing:
                await ask(rdtype)
        elif missing:
            async with trio.open_nursery() as nursery:
                for rdtype in missing[1:]:
                    nursery.start_soon(ask, rdtype)
                await ask(missing[0])
        return tuple(found[rdtype] for rdtype in keys)

    async def _lookup(self, name: str, absolute: str, rdtype: RecordType, path: ProbePath) -> Lookup:
        try:
            found = await lookup(absolute, rdtype, path.resolver, path.binding, self._timeout)
        except Exception as error:  # a bug of ours must be counted and shown, and must not end the daemon
            failure = unforeseen(Phase.RESOLVE, error)
            return Lookup(unix_time(), name, rdtype, path.resolver.name, failure.reason, failure.detail)
        return found if absolute == name else replace(found, host=name, chain=(absolute, *found.chain))


def _as_programs_take_it(found: Lookup) -> Lookup:
    """Without the answer where they have none of it; devices may well have."""
    reason = None if found.reason or found.hitch is None else _NOT_FOR_PROGRAMS.get(found.hitch)
    return replace(found, reason=reason, addresses=(), min_ttl=None) if reason else found


def _absolute(name: str, path: ProbePath) -> tuple[str, ...]:
    """What a name as typed stands for, in the order in which it is tried."""
    tried = names_tried(name, path.resolver)
    return tried[: tried.index(name) + 1] if is_apple_name(name) else tried


def _in_hosts(name: str, families: tuple[Family, ...]) -> tuple[Lookup, ...]:
    """As it stands in this machine's own list, without DNS."""
    known, now = addresses_in_hosts(name), unix_time()
    by_type = {
        rdtype: tuple(address for address in known if family_of(address) is rdtype.family)
        for rdtype in _types(families)
    }
    return tuple(
        Lookup(now, name, rdtype, HOSTS_FILE, None, addresses=addresses)
        for rdtype, addresses in by_type.items()
        if addresses
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
