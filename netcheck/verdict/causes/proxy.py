"""What is wrong with a proxy: itself, its connections, and what it says it has connected.

Its logins stand in `proxy_login`, its rules in `proxy_rules`, what it makes of names in `proxy_names`.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Cause, Hop, Needed, Verdict
from netcheck.model.hosts import is_literal
from netcheck.model.paths import Pac
from netcheck.phrases import as_sentence, listed
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause, through
from netcheck.verdict.causes.proxy_rules import knows_no_such_request
from netcheck.verdict.counting import Counted
from netcheck.verdict.grouping import grouped
from netcheck.verdict.matching import (
    fails_in,
    http_status,
    is_translated,
    phase_is,
    reason_is,
    software_of,
    tls_had_begun,
    unreached_proxy,
)
from netcheck.verdict.naming import (
    apples_networks,
    or_of_its_names,
    shortened,
    the_hosts,
    the_names_in_tls,
    the_next_proxies,
    the_ports,
)
from netcheck.verdict.owners import Owner, the_proxy
from netcheck.verdict.settings_in_words import to_set_of_proxy, where_it_is_named
from netcheck.verdict.world import WayOut

_SLOW_SECONDS, _SLOW_FACTOR = 1.0, 3.0
"""A proxy is slow where it takes a second longer than the direct way, and three times as long."""

_BAD_REQUEST = b"400"
_TOGETHER = 1.0
"""Seconds within which the probes of one visit begin."""

_shows_a_bad_certificate = fails_in(
    Phase.PROXY_TLS, Reason.TLS_EXPIRED, Reason.TLS_NAME_MISMATCH, Reason.TLS_UNTRUSTED
)

_is_untrusted = fails_in(Phase.PROXY_TLS, Reason.TLS_UNTRUSTED)
_speaks_no_tls = fails_in(Phase.PROXY_TLS, Reason.TLS_NOT_TLS)
_is_cut = fails_in(Phase.SESSION, Reason.CLOSED, Reason.RESET)
_has_no_server = reason_is(Reason.PROXY_TARGET_UNREACHABLE, Reason.PROXY_TARGET_TIMEOUT)


@cause(Cause.PROXY_DOWN, Hop.PROXY)
@through
def proxy_down(case: Case) -> Found | None:
    """It cannot be connected to, or is no proxy, or has not said a word of its protocol to anyone."""
    is_a_proxys = knows_no_such_request(case)
    about = case.mostly(lambda each: _is_no_proxy(each) and not is_a_proxys(each)) or _silences(case)
    if not about:
        return None
    proxy = the_proxy(case, about)
    runs = f"Ask {proxy.asked} to make sure that {_what_runs(about)}."
    runs += _does_the_one_before_know_it(about)
    next_step = _of_its_tls(case, proxy, about) or _of_its_answers(case, proxy, about) or runs
    return Found(proxy, about, next_step)


def _of_its_tls(case: Case, proxy: Owner, about: Sequence[Counted]) -> str:
    """What to ask of a proxy at https://; nothing where TLS with it works."""
    if all(map(_is_untrusted, about)):
        return (
            f"If its authority is your own, {to_set_of_proxy(case.path, '`ca_file`')}. "
            f"If not, ask {proxy.asked} to correct the proxy's certificate."
        )
    if all(map(reason_is(Reason.TLS_EXPIRED), about)):
        renew = f"Ask {proxy.asked} to renew the proxy's certificate"
        return f"{renew}, if the clock of netcheck's machine is right."
    if all(map(_shows_a_bad_certificate, about)):
        return f"Ask {proxy.asked} to correct the proxy's certificate."
    if all(map(_speaks_no_tls, about)):
        is_in_pac_file = isinstance(case.path.chosen_by, Pac)
        other = "PROXY in place of HTTPS" if is_in_pac_file else "http:// in place of https://"
        return f"Write {other} {where_it_is_named(case.path)}: {proxy.name} speaks no TLS there."
    return ""


def _of_its_answers(case: Case, proxy: Owner, about: Sequence[Counted]) -> str:
    """What to ask where somebody accepts connections; nothing where nobody does."""
    phases = {each.failure.phase for each in about if each.failure}
    if all(map(_finds_it_malformed, about)):
        return (
            f"Ask {proxy.asked} what stands before it: requests arrive malformed. A load balancer there must "
            "not send the PROXY protocol (haproxy: `send-proxy`), or the proxy must expect it."
        )
    if all(map(reason_is(Reason.PROXY_TIMEOUT), about)):
        return (
            f"Ask {proxy.asked} why the proxy accepts connections and answers none of the requests in them. "
            "Its own DNS, or the proxy behind it, may not answer. "
            f"If this is no proxy, correct its address {where_it_is_named(case.path)}."
        )
    if phases <= {Phase.PROXY_TLS, Phase.PROXY_HANDSHAKE} and not any(map(unreached_proxy, about)):
        software = software_of(about)
        who = f" {software} answers there, and not as such a proxy." if software else ""
        return (
            f"Check the host, port and scheme of {proxy.name} {where_it_is_named(case.path)}.{who} "
            "Then ask its owners why it does not answer as such a proxy."
        )
    return ""


def _what_runs(about: Sequence[Counted]) -> str:
    """Of several, each may be down for itself: from where it cannot be reached is told by none of them."""
    proxies = {unreached_proxy(each) or each.result.attempt.proxy for each in about}
    if len(proxies) > 1:
        return "they run and can be reached"
    return f"the proxy runs and can be reached from {_from_where(about)}"


def _from_where(about: Iterable[Counted]) -> str:
    """From this machine, or from the proxy before it."""
    before = [each.result.attempt.proxy for each in about if unreached_proxy(each)]
    return listed(sorted({f"the proxy {proxy.place}" for proxy in before if proxy})) or "netcheck's machine"


def _does_the_one_before_know_it(about: Sequence[Counted]) -> str:
    """A sentence; some proxies say of a name that they do not know what others say of an address."""
    unreached = [proxy for each in about if (proxy := unreached_proxy(each))]
    is_unclear = all(map(reason_is(Reason.PROXY_TARGET_UNREACHABLE, Reason.PROXY_DNS_FAILURE), about))
    names = sorted({proxy.host for proxy in unreached if not is_literal(proxy.host)})
    if not (names and is_unclear and len(unreached) == len(about)):
        return ""
    return f" Then ask the owners of {_from_where(about)} whether it knows the name {shortened(names)}."


def _silences(case: Case) -> list[Counted]:
    """What it does not answer; none where it has spoken to anyone, be it at another time.

    What it has said of what nobody needs counts only from when it fell silent: a denial from before shows
    nothing.
    """
    spoke = {case.way(e) for e in case.counted if e.comes_and_goes or e.result.attempt.proxy_spoke}
    silent = case.mostly(
        lambda each: (
            phase_is(Phase.PROXY_HANDSHAKE)(each) and not _was_not_asked(each) and case.way(each) not in spoke
        )
    )
    began: dict[WayOut, float] = {}
    for each in silent:
        began[case.way(each)] = min(each.fails_since, began.get(case.way(each), math.inf))
    last = {way: case.world.proxy_spoke_at(case.path, way) for way in began}
    return [each for each in silent if last[case.way(each)] < began[case.way(each)] - _TOGETHER]


def _was_not_asked(each: Counted) -> bool:
    """Whether nothing was sent: its protocol cannot ask for this."""
    failure, phases = each.failure, each.result.attempt.phases
    return failure is not None and failure.phase is Phase.PROXY_HANDSHAKE and not phases


def _is_no_proxy(each: Counted) -> bool:
    unconnected = phase_is(Phase.PROXY_CONNECT, Phase.PROXY_TLS)
    is_none = unconnected(each) or reason_is(Reason.PROXY_NOT_A_PROXY, Reason.PROXY_BAD_REPLY)(each)
    return is_none or _finds_it_malformed(each) or unreached_proxy(each) is not None


def _finds_it_malformed(each: Counted) -> bool:
    """Whether a proxy that takes any CONNECT calls ours a bad request: then it does not arrive as it left."""
    failure = each.failure
    is_proxy = failure is not None and failure.software.lower().startswith(("squid", "tinyproxy"))
    return is_proxy and http_status(each) == _BAD_REQUEST


@cause(Cause.PROXY_OVERLOADED, Hop.PROXY)
@through
def proxy_overloaded(case: Case) -> Found | None:
    """It says so. A mere 503 may as well be of a balancer before it, or of the way behind it."""
    about = case.mostly(reason_is(Reason.PROXY_OVERLOADED))
    if not about:
        return None
    proxy = the_proxy(case, about)
    next_step = f"Ask {proxy.asked} to give the proxy more capacity: it rejects requests because of load."
    return Found(proxy, about, next_step)


@cause(Cause.PROXY_CANNOT_CONNECT, Hop.PROXY)
@through
def proxy_cannot_connect(case: Case) -> Found | None:
    """Where it connects to some hosts of a service and not to others, it is not the proxy that cannot."""
    cannot = _where_nothing_is_connected(case)
    about = case.mostly(
        lambda each: (
            phase_is(Phase.PROXY_HANDSHAKE)(each)
            and not reason_is(Reason.PROXY_DENIED)(each)
            and (case.verdicts[each.place] is Verdict.NOT_READY or (each.place, case.way(each)) in cannot)
        )
    )
    if not about:
        return None
    proxy = the_proxy(case, about)
    return Found(proxy, about, _so_that_it_connects(case, proxy, about))


def _so_that_it_connects(case: Case, proxy: Owner, about: Sequence[Counted]) -> str:
    next_proxies = the_next_proxies(about)
    what = next_proxies or f"{the_hosts(case, about)} on {the_ports(case, about)}"
    if all(map(_was_not_asked, about)):
        return (
            f"Name another proxy for {what} {where_it_is_named(case.path)}. "
            f"SOCKS4, which {proxy.name} speaks, carries no IPv6: use SOCKS5 or HTTP."
        )
    if all(map(is_translated, about)):
        return (
            f"{as_sentence(to_set_of_proxy(case.path, '`resolve: proxy`'))}. This network's DNS64 has made "
            "the addresses that the proxy is asked for, and where the proxy is they may lead nowhere."
        )
    if software_of(about) == "HAProxy" and all(map(_has_no_server, about)):
        return (
            f"Ask {proxy.asked} to check the servers in its `backend`. By its answers it is HAProxy, "
            f"and none of these servers answers for {what}."
        )
    if others := _others_that_work(case, about):
        return (
            f"Ask {proxy.asked} to check its rules, and the firewall behind it. "
            f"It cannot connect to {what}. It can connect to {the_hosts(case, others)}."
            f"{or_of_its_names(case, about)}"
        )
    return (
        f"Ask {proxy.asked} to check its rules, its way to the Internet, and the firewall behind it. "
        f"It answers, but cannot connect to {what}.{'' if next_proxies else apples_networks(about)}"
        f"{or_of_its_names(case, about)}"
    )


def _where_nothing_is_connected(case: Case) -> set[tuple[Needed, WayOut]]:
    """The services' ports of which several hosts go by a way that leads to none, and others by another one.

    One host may be what is dead. Where all go one way, the verdict says it.
    """
    hosts = grouped(((each.place, case.way(each)), each.result.host) for each in case.counted)
    connected = {(each.place, case.way(each)) for each in case.counted if each.connected}
    ways = Counter(place for place, _ in hosts)
    several = {where for where, its in hosts.items() if len(its) > 1 and ways[where[0]] > 1}
    return several - connected


def _others_that_work(case: Case, about: Sequence[Counted]) -> list[Counted]:
    """What can be reached of other services, through the same proxies."""
    mine = {each.result.service for each in about}
    proxies = {each.result.attempt.proxy for each in about}
    beside = case.going_as(about)
    works = (each for each in beside if each.failure is None and each.result.attempt.proxy in proxies)
    return [each for each in works if each.result.service not in mine]


@cause(Cause.PROXY_FALSE_SUCCESS, Hop.PROXY)
@through
def proxy_false_success(case: Case) -> Found | None:
    """It says that it is connected, and nothing follows. An alert is TLS: somebody is there.

    So is the beginning of an answer.
    """
    no_tls = fails_in(Phase.TLS, Reason.CLOSED, Reason.RESET, Reason.TLS_TIMEOUT)
    about = case.mostly(
        lambda each: (no_tls(each) and not tls_had_begun(each)) or (_is_without_tls(each) and _is_cut(each))
    )
    if not about or case.is_few(about) or any(each.comes_and_goes for each in about):
        return None
    proxy = the_proxy(case, about)
    others = [each for each in _others_that_work(case, about) if _has_answered(each)]
    beside = f" Connections to {the_hosts(case, others)} work." if others else ""
    return Found(
        proxy,
        about,
        f"Ask {proxy.asked} to check its rules, and the firewall behind it. It reports connections to "
        f"{the_hosts(case, about)} on {the_ports(case, about)} as established, and nothing answers."
        f"{beside}{the_names_in_tls(case, about)}",
    )


def _has_answered(each: Counted) -> bool:
    """Whether something came from the destination itself: what only this proxy says proves nothing here."""
    return each.result.attempt.tls is not None or each.result.attempt.bag is not None


def _is_without_tls(each: Counted) -> bool:
    return Phase.TLS not in each.result.attempt.phases


_FEWEST_PASSED_OVER = 2
"""Connections: that one did not come about may be an accident."""


@cause(Cause.PROXY_MEMBER_DOWN, Hop.PROXY, is_remark=True)
@through
def proxy_member_down(case: Case) -> Found | None:
    """Its name has several addresses: one does not answer, and the next one does."""
    about = [e for e in case.counted if e.result.attempt.failure is None and e.result.attempt.passed_over]
    attempts = {id(each.result.attempt): each.result.attempt for each in about}
    passed_over = Counter(place for attempt in attempts.values() for place in attempt.passed_over)
    dead = sorted(place for place, count in passed_over.items() if count >= _FEWEST_PASSED_OVER)
    if not dead:
        return None
    proxy, which = the_proxy(case, about), shortened(dead)
    return Found(
        proxy,
        about,
        f"Ask {proxy.asked} to repair {which}, or to take it out of the proxy's name in DNS. "
        "Clients that try it first wait, or fail.",
        evidence=f"No connection to {which}; another address of the proxy answers",
    )


@cause(Cause.PROXY_SLOW, Hop.PROXY, is_remark=True)
@through
def proxy_slow(case: Case) -> Found | None:
    """Compared with the direct way, for what the role needs; of two connections, one may be an accident."""
    durations = case.world.durations
    through = {place: took for place, took in durations[case.path.name].items() if place in case.needs}
    straight = [path.name for path in case.world.paths if not path.is_relayed]
    for place in sorted(through):
        plain = [took for path in straight for took in durations[path].get(place, ())]
        if plain and through[place]:
            proxied, directly = _typical(through[place]), _typical(plain)
            if _is_slow(proxied, directly):
                return _slowness(case, place, proxied, directly)
    return None


def _typical(seconds: Sequence[float]) -> float:
    """The median, of an even number the lower one. `statistics` would load fractions and decimals for it."""
    return sorted(seconds)[(len(seconds) - 1) // 2]


def _is_slow(proxied: float, plain: float) -> bool:
    return proxied > plain + _SLOW_SECONDS and proxied > _SLOW_FACTOR * plain


def _slowness(case: Case, place: Needed, proxied: float, plain: float) -> Found:
    about = [each for each in case.counted if each.place == place]
    proxy = the_proxy(case, about)
    return Found(
        proxy,
        about,
        f"Ask {proxy.asked} what slows it down: connections take far longer than directly.",
        evidence=f"a connection through {proxy.name} takes {proxied:.2f} s, directly {plain:.3f} s (medians)",
        reply="",
    )
