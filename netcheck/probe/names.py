"""The names that a visit needs, asked of its path's resolver: each question once in a round."""

from dataclasses import replace
from functools import partial

import trio

from netcheck.apns.addresses import is_apple_name
from netcheck.model.failing import Hitch, Phase, Reason
from netcheck.model.paths import Family, ProbePath, RecordType, Transport, family_of
from netcheck.model.results import HOSTS_FILE, Lookup
from netcheck.probe.clock import unix_time
from netcheck.probe.dns import lookup, stub_of
from netcheck.probe.dns_waiting import Silences
from netcheck.probe.etc_hosts import addresses_in_hosts
from netcheck.probe.nsswitch import NSSWITCH, Order, Source, Status, order_of_sources
from netcheck.probe.once import Round
from netcheck.probe.resolvconf import StubResolver
from netcheck.probe.walk import unforeseen

_NOT_FOR_PROGRAMS = {
    Hitch.OUT_OF_ORDER: Reason.DNS_MALFORMED,
    Hitch.CUT: Reason.DNS_MALFORMED,
    Hitch.TOO_LATE: Reason.DNS_TIMEOUT,
    Hitch.CR_LF: Reason.RESOLVER_UNREACHABLE,
    Hitch.NO_ADDRESS: Reason.RESOLVER_UNREACHABLE,
    Hitch.NO_ATTEMPTS: Reason.DNS_TIMEOUT,
}
"""Why programs on this machine cannot use an answer."""


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
        Apple's names are whole, but a high `ndots` puts that list before them.
        """
        if "." in name and not for_programs:
            found = await self._ask(shared, name, name, path, families, self._timeout)
            return tuple(map(_as_devices_take_it, found))
        return await self._search(shared, name, path, families, for_programs=for_programs)

    async def _search(
        self,
        shared: Round,
        name: str,
        path: ProbePath,
        families: tuple[Family, ...],
        *,
        for_programs: bool,
    ) -> tuple[Lookup, ...]:
        """Try what a name as typed stands for, in order; until time is up, where nobody has an answer."""
        stub = stub_of(path.resolver)
        take = _as_programs_take_it if for_programs else _as_devices_take_it
        failed: dict[str, tuple[Lookup, ...]] = {}
        left = list(_absolute(name, stub, reads_file=for_programs))
        end = trio.current_time() + 2 * self._timeout  # the first may have to wait for a silent nameserver
        while left and (timeout := min(self._timeout, end - trio.current_time())) > 0:
            absolute, *left = left
            gives_up = for_programs and stub.patience < timeout
            if gives_up and left:  # programs go on to the next name
                timeout = stub.patience
            answered = await self._ask(shared, name, absolute, path, families, timeout)
            found = tuple(map(take, _as_pairs(answered, stub) if for_programs else answered))
            is_silent = any(each.reason is Reason.DNS_TIMEOUT for each in found)
            if _ends_here(found, absolute) or (is_silent and not gives_up):
                return found
            still_tried = _still_tried(left, found, absolute, name)
            is_cut_short = len(still_tried) < len(left)
            failed[absolute] = _as_last_of_list(found, absolute) if is_cut_short else found
            left = still_tried
        # What is said of a whole name is of use; of a short one, what the first domain has of it.
        if "." in name and name in failed:
            return failed[name]
        found = next(iter(failed.values()))
        why = stub.lost[1] if for_programs else ""
        return tuple(_without_a_domain(each, why) for each in found) if why else found

    async def _ask(
        self,
        shared: Round,
        name: str,
        absolute: str,
        path: ProbePath,
        families: tuple[Family, ...],
        timeout: float,
    ) -> tuple[Lookup, ...]:
        """Ask the path's resolver for all families at once; what this round has asked already is shared."""
        keys = {rdtype: (name, absolute, rdtype, path.resolver, path.binding) for rdtype in _types(families)}
        found: dict[RecordType, Lookup] = {
            rdtype: made for rdtype, key in keys.items() if (made := shared.made(key))
        }

        async def ask(rdtype: RecordType) -> None:
            make = partial(self._lookup, name, absolute, rdtype, path, timeout)
            # A failed one is not kept: one lost packet would fail everything behind a proxy for a round.
            found[rdtype] = await shared.once(keys[rdtype], make, keep=lambda lookup: lookup.was_answered)

        missing = [rdtype for rdtype in keys if rdtype not in found]
        if len(missing) == 1 or stub_of(path.resolver).single_request:
            for rdtype in missing:
                await ask(rdtype)
        elif missing:
            async with trio.open_nursery() as nursery:
                for rdtype in missing[1:]:
                    nursery.start_soon(ask, rdtype)
                await ask(missing[0])
        return tuple(found[rdtype] for rdtype in keys)

    async def _lookup(
        self, name: str, absolute: str, rdtype: RecordType, path: ProbePath, timeout: float
    ) -> Lookup:
        try:
            found = await lookup(absolute, rdtype, path.resolver, path.binding, timeout, self._silences)
        except Exception as error:  # a bug of ours must be counted and shown, and must not end the daemon
            failure = unforeseen(Phase.RESOLVE, error)
            return Lookup(unix_time(), name, rdtype, path.resolver.name, failure.reason, failure.detail)
        return found if absolute == name else replace(found, host=name, chain=(absolute, *found.chain))


def _ends_here(found: tuple[Lookup, ...], absolute: str) -> bool:
    """Whether there are records, be they of no use; or nobody to ask."""
    return any(
        each.reason is None
        or not (each.was_heard or each.reason is Reason.DNS_TIMEOUT)
        or each.reason is Reason.DNS_MALFORMED
        or (each.reason is Reason.NO_ANSWER and each.chain not in ((), (absolute,)))
        for each in found
    )


def _still_tried(left: list[str], found: tuple[Lookup, ...], absolute: str, name: str) -> list[str]:
    """What glibc's res_search still tries after it has found nothing.

    After a whole name, all of the list. After a domain of the list, the next one where a nameserver has said
    that there is nothing, or SERVFAIL; else only the name as it is.
    """
    goes_on = absolute == name or any(
        each.reason in (Reason.NXDOMAIN, Reason.NO_ANSWER, Reason.SERVFAIL) and not each.ends_search
        for each in found
    )
    return left if goes_on else [each for each in left if each == name]


def _as_last_of_list(found: tuple[Lookup, ...], absolute: str) -> tuple[Lookup, ...]:
    why = f"that was asked of {absolute}, and programs try no further domain of the search list after it"
    return tuple(replace(each, detail=f"{each.detail}; {why}") for each in found)


def _as_pairs(found: tuple[Lookup, ...], stub: StubResolver) -> tuple[Lookup, ...]:
    """Without answers that programs never ask for.

    They ask a nameserver for A and AAAA at once. Where it answers one, they ask nobody else for the other.
    With `single-request` they ask for AAAA only once A is answered.
    """
    if stub.single_request and (found[0].ends_search or not found[0].was_answered):
        return found[:1]
    return tuple(_beside(each, other) for each, other in zip(found, reversed(found), strict=True))


def _beside(found: Lookup, other: Lookup) -> Lookup:
    """Without what a later nameserver has answered, where an earlier one has answered the other question."""
    place = next((n for n, each in enumerate(other.tries) if each.reason is other.reason), len(found.tries))
    if found.reason or not other.was_answered or place >= len(found.tries) - 1:
        return found
    said, answered = found.tries[place], other.tries[place]
    is_no = said.reason in (Reason.SERVFAIL, Reason.REFUSED_BY_SERVER, Reason.NO_ANSWER)
    if not is_no or (said.nameserver, said.transport) != (answered.nameserver, Transport.UDP):
        return found
    detail = (
        f"{said.nameserver} answers for {other.rdtype} and not for {found.rdtype} ({said.reason}): "
        "most programs on Linux ask no other nameserver then, and not again"
    )
    return replace(found, reason=said.reason, detail=detail, addresses=(), min_ttl=None)


def _as_programs_take_it(found: Lookup) -> Lookup:
    """Without the answer where they have none of it; devices may well have."""
    reason = _NOT_FOR_PROGRAMS.get(found.hitch) if found.hitch else None
    return replace(found, reason=reason, addresses=(), min_ttl=None) if reason else found


def _as_devices_take_it(found: Lookup) -> Lookup:
    """What keeps programs from an answer is not why devices have none."""
    return replace(found, hitch=None) if found.reason and found.hitch in _NOT_FOR_PROGRAMS else found


def _without_a_domain(found: Lookup, why: str) -> Lookup:
    return replace(found, detail=f"{found.detail}; {why}", hitch=Hitch.CR_LF)


def _absolute(name: str, stub: StubResolver, *, reads_file: bool) -> tuple[str, ...]:
    """What a name as typed stands for, in the order in which it is tried."""
    tried = stub.names(name, reads_file=reads_file)
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
