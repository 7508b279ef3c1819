"""What works at one time and not at another, or at one address and not at another."""

from collections.abc import Sequence

from netcheck.model.failing import LOGIN_REASONS, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.phrases import how_many
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.counting import Counted
from netcheck.verdict.matching import fails_as, http_status, is_apples, is_unsaid, reason_is
from netcheck.verdict.naming import shortened, the_hosts, the_ports
from netcheck.verdict.owners import APPLE, Owner, on_the_way, those_who_run


@cause(Cause.INTERMITTENT, Hop.FIREWALL, Hop.PROXY, Hop.LOAD_BALANCER, Hop.OWN_SERVICE, Hop.APPLE)
def intermittent(case: Case) -> Found | None:
    """It works at one time and not at another, time and again: one of several on the way does not work.

    Or at one address and not at another.
    """
    about = case.mostly(lambda each: each.comes_and_goes)
    if not about:
        return None
    if all(each.fails_at for each in about):
        if case.is_few(about) and case.is_at_few_addresses(about):
            return None  # Apple's part: `hosts_unreachable` says it of all that fail there
        return _fails_at_addresses(case, about)
    is_random = any(each.is_random for each in about)
    is_apples_part = (
        all(map(is_apples, about)) and case.is_few(about) and not any(map(_is_of_the_proxy, about))
    )
    if is_apples_part and not is_random:
        return None
    count = how_many(len({each.result.host for each in about}), "host")
    if is_random:  # what else fails so is chance too: some fail each time that they are asked
        about += [each for each in filter(fails_as(about), case.left) if not each.comes_and_goes]
    owner = APPLE if all(map(case.is_said_by_apple, about)) else _who_passes_on(case, about)
    return Found(
        owner,
        about,
        f"Ask {owner.asked} to check the connection to {the_hosts(case, about)}. {_why_at_times(about)}",
        evidence=f"Reached at one time and not at another: {count}",
    )


_is_denied = reason_is(Reason.PROXY_DENIED, *LOGIN_REASONS)
_cannot_get_there = reason_is(Reason.PROXY_TARGET_UNREACHABLE)
_UNAVAILABLE = b"503"


def _is_of_the_proxy(each: Counted) -> bool:
    """Whether its answer may have nothing to do with the host."""
    return _is_denied(each) or _is_merely_unavailable(each)


def _is_merely_unavailable(each: Counted) -> bool:
    """Whether it says 503 and not why: for want of capacity, or of a member that works."""
    return http_status(each) == _UNAVAILABLE and _cannot_get_there(each)


def _why_at_times(about: Sequence[Counted]) -> str:
    if all(map(reason_is(Reason.PROXY_DENIED), about)):
        return (
            "It denies what it allows at another time: it may limit connections at once, "
            "or one of several members has other rules."
        )
    if all(map(_is_denied, about)):
        return "It wants a login at one time and not at another: one of several members has other rules."
    if all(map(is_unsaid, about)):
        return (
            "It says nothing at one time and answers at another: it may lack capacity or limit connections, "
            "or one of several members does not work."
        )
    if all(map(_is_merely_unavailable, about)):
        return (
            "It says 503 at one time and not at another: it may lack capacity or limit connections, "
            "or one of several members does not work."
        )
    return (
        "Some connections fail and others work: one of several links or members seems to be broken, "
        "packets are lost, or new connections are limited."
    )


def _fails_at_addresses(case: Case, about: Sequence[Counted]) -> Found:
    """Apple's part are single hosts of many, and what fails at the same address over another path too."""
    addresses = {address for each in about for address in each.fails_at}
    is_elsewhere = any(not addresses.isdisjoint(other.fails_at) for other in case.others)
    is_apples_part = all(map(is_apples, about)) and (case.is_few(about) or is_elsewhere)
    owner = APPLE if is_apples_part else _who_passes_on(case, about)
    where, hosts = shortened(sorted(addresses)), the_hosts(case, about)
    count = how_many(len({each.result.host for each in about}), "host")
    what = "It is one of the addresses" if len(addresses) == 1 else "These are addresses"
    return Found(
        owner,
        about,
        f"Ask {owner.asked} to check the connection to {where} on {the_ports(case, about)}. "
        f"{what} of {hosts}, and clients try them all.",
        evidence=f"Reached at other addresses and not at {where}: {count}",
    )


def _who_passes_on(case: Case, about: Sequence[Counted]) -> Owner:
    """Of servers of the user's own that are asked directly, those who run them."""
    is_own = not case.path.is_proxied and not any(map(is_apples, about))
    return those_who_run(case, about) if is_own else on_the_way(case, about)
