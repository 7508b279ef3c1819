"""The names that a visit needs, asked of its path's resolver: each question once in a round."""

from functools import partial

import trio

from netcheck.model.failing import Phase
from netcheck.model.paths import Family, ProbePath, RecordType, family_of
from netcheck.model.results import Lookup
from netcheck.probe.clock import unix_time
from netcheck.probe.dns import asks_singly, lookup, names_tried
from netcheck.probe.etc_hosts import ETC_HOSTS, addresses_in_hosts
from netcheck.probe.once import Round
from netcheck.probe.walk import unforeseen


class Names:
    """Looks names up for the visits of a configuration."""

    def __init__(self, timeout: float) -> None:
        """`timeout` in seconds, of one lookup."""
        self._timeout = timeout

    async def lookups(
        self, shared: Round, host: str, path: ProbePath, families: tuple[Family, ...]
    ) -> tuple[Lookup, ...]:
        """Ask the path's resolver for all families at once; what this round has asked already is shared."""
        keys = {
            rdtype: (host, rdtype, path.resolver, path.binding)
            for rdtype in RecordType
            if rdtype.family in families
        }
        found: dict[RecordType, Lookup] = {
            rdtype: made for rdtype, key in keys.items() if (made := shared.made(key))
        }

        async def ask(rdtype: RecordType) -> None:
            make = partial(self._lookup, host, rdtype, path)
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

    async def of_proxy(self, shared: Round, name: str, path: ProbePath) -> tuple[Lookup, ...]:
        """The lookups of a proxy's own name, which may stand in /etc/hosts, or be one for the search list."""
        if found := _in_hosts(name, path):
            return found
        for absolute in names_tried(name, path.resolver):
            found = await self.lookups(shared, absolute, path, path.families)
            if any(lookup.reason is None or not lookup.was_heard for lookup in found):
                break
        return found

    async def _lookup(self, host: str, rdtype: RecordType, path: ProbePath) -> Lookup:
        try:
            return await lookup(host, rdtype, path.resolver, path.binding, self._timeout)
        except Exception as error:  # a bug of ours must be counted and shown, and must not end the daemon
            failure = unforeseen(Phase.RESOLVE, error)
            return Lookup(unix_time(), host, rdtype, path.resolver.name, failure.reason, failure.detail)


def _in_hosts(name: str, path: ProbePath) -> tuple[Lookup, ...]:
    """As programs on this machine find it, without DNS; nothing where the path has a resolver of its own."""
    if path.resolver.nameservers or not (known := addresses_in_hosts(name)):
        return ()
    by_type = {
        rdtype: tuple(address for address in known if family_of(address) is rdtype.family)
        for rdtype in RecordType
        if rdtype.family in path.families
    }
    now = unix_time()
    return tuple(
        Lookup(now, name, rdtype, str(ETC_HOSTS), None, addresses=addresses)
        for rdtype, addresses in by_type.items()
        if addresses
    )
