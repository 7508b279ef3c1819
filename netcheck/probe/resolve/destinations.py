"""The destinations that a visit tries, from a host and what its lookups said."""

import zlib
from collections.abc import Container, Sequence

from netcheck.apns.addresses import is_sinkhole, is_unspecified, unexpected
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import Family
from netcheck.model.record import record
from netcheck.model.results import HOSTS_FILE, Lookup
from netcheck.model.services import AddressChoice, Network

_ADDRESSES_TRIED = 32
"""With `addresses: all`: the couriers' names have about 8 each."""


@record
class Destination:
    """Where one probe of a visit goes: an address, or (family name) the host itself; or why it cannot go."""

    family: Family
    address: str | None = None
    resolve_duration: float | None = None
    failure: Failure | None = None


def why_no_address(phase: Phase, lookups: Sequence[Lookup]) -> Failure | None:
    """The failure of a name for which no lookup gave an address; None where one did."""
    if any(lookup.reason is None for lookup in lookups):
        return None
    return _failure(phase, _telling(lookups)[0])


def _telling(failed: Sequence[Lookup]) -> Sequence[Lookup]:
    """Those of which the failure says more than that a family has no records; all, where none does."""
    return [lookup for lookup in failed if lookup.reason is not Reason.NO_ANSWER] or failed


def leads_nowhere(host: str, lookups: Sequence[Lookup]) -> Failure | None:
    """Why a proxy is not even connected to: DNS gives no address for it but 0.0.0.0 and ::, as filters do.

    One on this machine itself may well be at 127.0.0.1.
    """
    given = [(lookup, address) for lookup in lookups for address in lookup.addresses]
    if any(lookup.resolver == HOSTS_FILE or not is_unspecified(address) for lookup, address in given):
        return None
    lookup, address = given[0]
    return Failure(Phase.PROXY_RESOLVE, Reason.SINKHOLED, _answered(host, address, lookup))


def _failure(phase: Phase, lookup: Lookup) -> Failure:
    assert lookup.reason is not None  # noqa: S101 - for the types: it did not succeed
    return Failure(
        phase,
        lookup.reason,
        lookup.detail,
        told_by=lookup.told_by,
        hitch=lookup.hitch,
        unusable_store=lookup.unusable_store,
    )


def destinations(
    host: str,
    lookups: Sequence[Lookup],
    choice: AddressChoice,
    turn: int,
    known: Container[Family] = (),
    networks: Sequence[Network] = (),
) -> list[Destination]:
    """What to try after the lookups of a host: its addresses, and a failure for each family that failed.

    While one family has addresses, no reply about the other is a failure: clients go on without it at once.
    Silence, for which some of them wait, is one for a family of which an address was `known`.
    `networks` is where the host's addresses may be.
    """
    some_answered = any(lookup.reason is None for lookup in lookups)
    found: list[Destination] = []
    for lookup in lookups if some_answered else _telling(lookups):
        family = lookup.rdtype.family
        if lookup.reason is None:
            found += _addresses(host, lookup, choice, turn, networks)
        elif not some_answered or (family in known and not lookup.was_heard):
            found.append(Destination(family, None, lookup.duration, _failure(Phase.RESOLVE, lookup)))
    return found


def _addresses(
    host: str, lookup: Lookup, choice: AddressChoice, turn: int, networks: Sequence[Network]
) -> list[Destination]:
    return [
        Destination(
            lookup.rdtype.family, address, lookup.duration, _sinkhole(host, address, lookup, networks)
        )
        for address in chosen(host, lookup.addresses, choice, turn)
    ]


def _sinkhole(host: str, address: str, lookup: Lookup, networks: Sequence[Network]) -> Failure | None:
    """Why an address is not even tried: it leads to this machine, and the service is expected elsewhere."""
    if not is_sinkhole(address) or not unexpected(host, (address,), networks):
        return None
    return Failure(Phase.RESOLVE, Reason.SINKHOLED, _answered(host, address, lookup))


def _answered(host: str, address: str, lookup: Lookup) -> str:
    who = f"{HOSTS_FILE} has" if lookup.resolver == HOSTS_FILE else f"resolver {lookup.resolver} answered"
    return f"{who} {address} for {host}, which leads nowhere"


def chosen(host: str, addresses: Sequence[str], choice: AddressChoice, turn: int) -> Sequence[str]:
    """The next one at each turn, or all from it on. Hosts begin at different ones: they share addresses."""
    first = (turn + zlib.crc32(host.encode())) % len(addresses)
    most = _ADDRESSES_TRIED if choice is AddressChoice.ALL else 1
    return (*addresses[first:], *addresses[:first])[:most]
