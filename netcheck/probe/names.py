"""The names that a visit needs, asked of its path's resolver: each question once in a round."""

from dataclasses import replace
from functools import partial

import trio

from netcheck.apns.addresses import is_apple_name
from netcheck.model.failing import Hitch, Phase, Reason
from netcheck.model.paths import Family, ProbePath, RecordType, family_of
from netcheck.model.results import HOSTS_FILE, Lookup
from netcheck.probe.clock import unix_time
from netcheck.probe.dns import asks_singly, lookup, names_tried, why_not_searched
from netcheck.probe.dns_waiting import Silences
from netcheck.probe.etc_hosts import addresses_in_hosts
from netcheck.probe.once import Round
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

        They look into /etc/hosts first, which devices never see, and take less for an answer than these. DHCP
        tells devices the search list too, and they complete names of one label with it. To programs Apple's
        names are whole, but a high `ndots` puts that list before them. All of the list has the time of two
        lookups: the first may have had to wait for a silent nameserver.
        """
        if reads_hosts and (found := _in_hosts(name, path, families)):
            return found
        if "." in name and not reads_hosts:
            return await self._ask(shared, name, name, path, families, self._timeout)
        failed: dict[str, tuple[Lookup, ...]] = {}
        end = trio.current_time() + 2 * self._timeout
        for absolute in _absolute(name, path, reads_file=reads_hosts):
            timeout = min(self._timeout, end - trio.current_time())
            if failed and timeout <= 0:
                break
            found = await self._ask(shared, name, absolute, path, families, timeout)
            if reads_hosts:
                found = tuple(map(_as_programs_take_it, found))
            if any(lookup.reason is None or not lookup.was_heard for lookup in found):
                return found
            failed[absolute] = found
        # What is said of a whole name is of use; of a short one, what the first domain has of it.
        if "." in name and name in failed:
            return failed[name]
        found = next(iter(failed.values()))
        why = why_not_searched(path.resolver) if reads_hosts else ""
        return (
            tuple(replace(each, detail=f"{each.detail}; {why}", hitch=Hitch.CR_LF) for each in found)
            if why
            else found
        )

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
        keys = {
            rdtype: (name, absolute, rdtype, path.resolver, path.binding)
            for rdtype in RecordType
            if rdtype.family in families
        }
        found: dict[RecordType, Lookup] = {
            rdtype: made for rdtype, key in keys.items() if (made := shared.made(key))
        }

        async def ask(rdtype: RecordType) -> None:
            make = partial(self._lookup, name, absolute, rdtype, path, timeout)
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

    async def _lookup(
        self, name: str, absolute: str, rdtype: RecordType, path: ProbePath, timeout: float
    ) -> Lookup:
        try:
            found = await lookup(absolute, rdtype, path.resolver, path.binding, timeout, self._silences)
        except Exception as error:  # a bug of ours must be counted and shown, and must not end the daemon
            failure = unforeseen(Phase.RESOLVE, error)
            return Lookup(unix_time(), name, rdtype, path.resolver.name, failure.reason, failure.detail)
        if found.reason is Reason.NXDOMAIN and addresses_in_hosts(name):
            found = replace(found, detail=f"{found.detail}; {HOSTS_FILE}, which devices do not see, has it")
        return found if absolute == name else replace(found, host=name, chain=(absolute, *found.chain))


def _as_programs_take_it(found: Lookup) -> Lookup:
    """Without the answer where they have none of it; devices may well have."""
    reason = None if found.reason or found.hitch is None else _NOT_FOR_PROGRAMS.get(found.hitch)
    return replace(found, reason=reason, addresses=(), min_ttl=None) if reason else found


def _absolute(name: str, path: ProbePath, *, reads_file: bool) -> tuple[str, ...]:
    """What a name as typed stands for, in the order in which it is tried."""
    tried = names_tried(name, path.resolver, reads_file=reads_file)
    return tried[: tried.index(name) + 1] if is_apple_name(name) else tried


def _in_hosts(name: str, path: ProbePath, families: tuple[Family, ...]) -> tuple[Lookup, ...]:
    """As programs on this machine find it, without DNS; nothing where the path has a resolver of its own."""
    if path.resolver.nameservers or not (known := addresses_in_hosts(name)):
        return ()
    by_type = {
        rdtype: tuple(address for address in known if family_of(address) is rdtype.family)
        for rdtype in RecordType
        if rdtype.family in families
    }
    now = unix_time()
    return tuple(
        Lookup(now, name, rdtype, HOSTS_FILE, None, addresses=addresses)
        for rdtype, addresses in by_type.items()
        if addresses
    )
