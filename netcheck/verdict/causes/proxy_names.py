"""What a proxy makes of the names that it is given: it finds no address, or another one."""

from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.model.paths import Family, ProxyScheme
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause, through
from netcheck.verdict.counting import Counted
from netcheck.verdict.how_often import how_often
from netcheck.verdict.matching import may_not_know_the_name, phase_is, reason_is
from netcheck.verdict.naming import the_hosts
from netcheck.verdict.owners import the_proxy
from netcheck.verdict.settings_in_words import to_set


@cause(Cause.PROXY_CANNOT_RESOLVE, Hop.PROXY)
@through
def proxy_cannot_resolve(case: Case) -> Found | None:
    """It says so; or what it is given by name fails in it, and what it is given by address does not.

    Not where it says that it has tried to connect. Or it may mean that, while DNS is silent here too.
    """
    only_names = all(each.family is Family.NAME for each in case.left)
    by_address = only_names and _works_by(case, Family.IPV4, Family.IPV6)
    unsaid = case.mostly(_fails_without_a_try) if by_address else []
    about = case.mostly(reason_is(Reason.PROXY_DNS_FAILURE)) or unsaid or _fails_as_dns_does(case)
    if not about:
        return None
    beside = (
        " This machine's DNS falls silent as well: both may ask the same resolver."
        if all(map(case.world.resolvers.were_silent, about))
        else ""
    )
    proxy, takes_none = the_proxy(case, about), all(map(_may_take_no_names, about))
    what = f"{'take names, or to ' if takes_none else ''}fix its name resolution"
    instead = f" If it takes none, {to_set(case.path, '`resolve: local`')}."
    return Found(
        proxy,
        about,
        f"Ask {proxy.asked} to {what}. It cannot connect to {the_hosts(case, about)} by name.{beside}"
        f"{instead if takes_none and case.path.chosen_by is None else ''}",
    )


def _fails_as_dns_does(case: Case) -> list[Counted]:
    known, was_silent = case.names_known_to_proxy, case.world.resolvers.were_silent
    return case.mostly(
        lambda each: may_not_know_the_name(each) and each.result.host not in known and was_silent(each)
    )


def _may_take_no_names(each: Counted) -> bool:
    """Whether it says that it does not support this type of address: so SOCKS5 proxies do without DNS too."""
    proxy = each.result.attempt.proxy
    is_socks = proxy is not None and proxy.scheme in (ProxyScheme.SOCKS5, ProxyScheme.SOCKS5H)
    return is_socks and reason_is(Reason.PROXY_DNS_FAILURE)(each)


def _fails_without_a_try(each: Counted) -> bool:
    tried = reason_is(Reason.PROXY_TARGET_REFUSED, Reason.PROXY_TARGET_TIMEOUT)
    return phase_is(Phase.PROXY_HANDSHAKE)(each) and not tried(each)


@cause(Cause.PROXY_RESOLVES_DIFFERENTLY, Hop.PROXY)
@through
def proxy_resolves_differently(case: Case) -> Found | None:
    """Asked by name its results differ from those by the addresses that this machine has for the name."""
    by_name = {each.family is Family.NAME for each in case.left}
    if len(by_name) != 1:
        return None
    addresses_work = _works_by(case, Family.IPV4, Family.IPV6)
    differs = addresses_work if True in by_name else _works_by(case, Family.NAME) and not addresses_work
    if not differs:
        return None
    about = list(case.left)
    proxy = the_proxy(case, about)
    return Found(
        proxy,
        about,
        f"Ask {proxy.asked} to check its resolver's addresses for {the_hosts(case, about)}. "
        "It connects differently by name and by the addresses that are known here.",
        evidence=f"Results by name and by address differ: {how_often(case, about)}",
    )


def _works_by(case: Case, *families: Family) -> bool:
    """Whether what fails answers under one of these families."""
    places = {each.place for each in case.left}
    return any(
        each.failure is None and each.family in families and each.place in places for each in case.counted
    )
