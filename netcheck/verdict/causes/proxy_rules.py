"""What the rules of a proxy deny: ports, hosts, or a way to ask for them."""

from collections.abc import Iterable, Sequence

from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.model.paths import Family
from netcheck.phrases import listed, ports_text
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause, through
from netcheck.verdict.counting import Counted
from netcheck.verdict.how_often import how_often
from netcheck.verdict.matching import Matches, http_status, phase_is, reason_is
from netcheck.verdict.naming import FAMILIES, the_hosts, the_next_proxies, the_ports
from netcheck.verdict.owners import the_proxy
from netcheck.verdict.settings_in_words import to_set_of_proxy

_WORDS = "the proxy denies it"
_CALLED_BAD = (b"400", b"405", b"501")
"""Statuses by which web servers say that they know no CONNECT."""


@cause(Cause.PROXY_DENIES_PORT, Hop.PROXY)
@through
def proxy_denies_port(case: Case) -> Found | None:
    denied = _denied(case)
    if not denied or _ports_of_others(case, denied):
        return None
    return _denial(case, denied, f"TCP {the_ports(case, denied)} to {the_hosts(case, denied)}")


@cause(Cause.PROXY_DENIES_HOST, Hop.PROXY)
@through
def proxy_denies_host(case: Case) -> Found | None:
    """It lets others through on the same ports: the rule is about hosts."""
    denied = _denied(case)
    if not denied:
        return None
    return _denial(case, denied, f"{the_hosts(case, denied)} on {the_ports(case, denied)}")


def _denied(case: Case) -> list[Counted]:
    """Not what it lets through at another time: that is no rule for ports or hosts."""
    is_denied, is_of_no_use = reason_is(Reason.PROXY_DENIED), knows_no_such_request(case)
    return case.mostly(lambda each: (is_denied(each) or is_of_no_use(each)) and each.fails_each_time)


def knows_no_such_request(case: Case) -> Matches:
    """What a proxy calls a bad request, where it takes others that give the destination in another way.

    Some take no IPv6 addresses, or no addresses at all. The same answer to all comes from no proxy.
    """
    taken = {(e.result.attempt.proxy, e.family) for e in case.counted if e.result.attempt.proxy_spoke}
    proxies = {proxy for proxy, _ in taken}

    def matches(each: Counted) -> bool:
        proxy, is_bad = each.result.attempt.proxy, http_status(each) in _CALLED_BAD
        in_handshake = phase_is(Phase.PROXY_HANDSHAKE)(each)
        return in_handshake and is_bad and proxy in proxies and (proxy, each.family) not in taken

    return matches


def _ports_of_others(case: Case, denied: Sequence[Counted]) -> bool:
    """Whether it lets other hosts through on one of these ports, named to it in the same way."""
    mine = {(each.result.port, each.family) for each in denied}
    hosts = {each.result.host for each in denied}
    return any(
        each.connected and (each.result.port, each.family) in mine and each.result.host not in hosts
        for each in case.going_as(denied)
    )


def _how_they_are_given(case: Case, denied: Sequence[Counted]) -> str:
    """How what it denies is asked for, where it lets others through that are asked for in another way."""
    mine = {each.family for each in denied}
    fine = {each.family for each in case.going_as(denied) if each.connected}
    if not fine or mine & fine:
        return ""
    families = [FAMILIES[family] for family in sorted(mine - {Family.NAME})]
    addresses = "by address" if len(families) > 1 else f"by {families[0]} address" if families else ""
    return listed([*(["by name"] if Family.NAME in mine else []), *filter(None, [addresses])])


def _other_ways(case: Case, denied: Iterable[Counted]) -> str:
    """What to write where nobody asks in the way that is denied."""
    mine = {each.family for each in denied}
    other = Family.IPV4 if Family.IPV6 in mine else Family.IPV6
    if Family.NAME in mine:
        keys = "`resolve: local`"
    else:
        keys = "`resolve: proxy`" if len(mine) > 1 else f"`resolve: proxy` or `families: {other}`"
    return f" If nobody asks so, {to_set_of_proxy(case.path, keys)}."


def _denial(case: Case, denied: list[Counted], what: str) -> Found:
    proxy = the_proxy(case, denied)
    allowed = {each.result.port for each in case.going_as(denied) if each.connected}
    given = _how_they_are_given(case, denied)
    how = f" to destinations given {given}" if given else ""
    rest = f"; it allows others on {listed(sorted(allowed))}" if allowed else ""
    others = the_next_proxies(denied)
    ports = others or ports_text({each.result.port for each in denied})
    return Found(
        proxy,
        denied,
        f"Ask {proxy.asked} to change its rules: allow {others or what}{f', given {given}' * bool(given)}. "
        f"It must not decrypt these connections.{_other_ways(case, denied) if given else ''}",
        evidence=f"{how_often(case, denied, _WORDS)}: {ports}{how}{rest}",
    )
