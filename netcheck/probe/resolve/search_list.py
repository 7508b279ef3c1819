"""A name as typed, asked of DNS: what it stands for by the search list of resolv.conf, in which order.

Owns where glibc's resolver and devices stop, and which answers they take. Must not know how DNS is asked.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import trio

from netcheck.apns.addresses import is_apple_name
from netcheck.model.failing import Hitch, Reason
from netcheck.model.paths import Transport
from netcheck.model.results import Lookup
from netcheck.probe.resolve.resolvconf import StubResolver

Ask = Callable[[str, float], Awaitable[tuple[Lookup, ...]]]
"""Asks for an absolute name, in so many seconds: a lookup for each record type."""

_NOT_FOR_PROGRAMS = {
    Hitch.OUT_OF_ORDER: Reason.DNS_MALFORMED,
    Hitch.CUT: Reason.DNS_MALFORMED,
    Hitch.TOO_LATE: Reason.DNS_TIMEOUT,
    Hitch.CR_LF: Reason.RESOLVER_UNREACHABLE,
    Hitch.NO_ADDRESS: Reason.RESOLVER_UNREACHABLE,
    Hitch.NO_ATTEMPTS: Reason.DNS_TIMEOUT,
    Hitch.NO_EDNS: Reason.SERVFAIL,
    Hitch.ENDED: Reason.SERVFAIL,
}
"""Why programs on this machine cannot use an answer."""


async def search(
    name: str, stub: StubResolver, ask: Ask, timeout: float, *, for_programs: bool
) -> tuple[Lookup, ...]:
    """Try what a name as typed stands for, in order; until time is up, where nobody has an answer.

    Each gets `timeout` seconds at most. Programs take less for an answer than devices do.
    """
    take = _as_programs_take_it if for_programs else _as_devices_take_it
    failed: dict[str, tuple[Lookup, ...]] = {}
    left = list(_absolute(name, stub, for_programs=for_programs))
    end = trio.current_time() + 2 * timeout  # the first may have to wait for a silent nameserver
    while left and (in_time := min(timeout, end - trio.current_time())) > 0:
        absolute, *left = left
        gives_up = for_programs and stub.patience < in_time
        if gives_up and left:  # programs go on to the next name
            in_time = stub.patience
        answered = await ask(absolute, in_time)
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


def _absolute(name: str, stub: StubResolver, *, for_programs: bool) -> tuple[str, ...]:
    """What a name as typed stands for, in the order in which it is tried.

    DHCP tells devices the search list too, and they complete names of one label with it. To programs
    Apple's names are whole, but a high `ndots` puts that list before them.
    """
    if "." in name and not for_programs:
        return (name,)
    tried = stub.names(name, for_programs=for_programs)
    return tried[: tried.index(name) + 1] if is_apple_name(name) else tried


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
