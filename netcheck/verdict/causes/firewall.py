"""What is blocked on the way: TLS, sessions, ranges, families, ports and hosts.

On the direct way that is a firewall's; behind a proxy or a load balancer its owners answer for it.
"""

from collections.abc import Sequence
from ipaddress import ip_address

from netcheck.grouping import grouped
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Expected, Family, Role
from netcheck.phrases import listed, ports_text
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.counting import Counted
from netcheck.verdict.failures_in_words import failure_in_words
from netcheck.verdict.how_often import commonest, how_many_fail, how_often
from netcheck.verdict.matching import (
    fails_as,
    fails_in,
    is_apples,
    is_translated,
    is_unsaid,
    phase_is,
    tls_had_begun,
)
from netcheck.verdict.naming import (
    FAMILIES,
    apples_networks,
    or_of_its_names,
    over,
    the_failed_hosts,
    the_hosts,
    the_names_in_tls,
    the_ports,
)
from netcheck.verdict.owners import APPLE, STATUS_PAGE, THIS_NETWORK, on_the_way
from netcheck.verdict.world import WayOut

_is_reset_at_once = fails_in(Phase.CONNECT, Reason.RESET)
_MOST_ACCIDENTS = 3
"""Hosts; or a tenth of all. Where more fail at once, it is no accident at their end."""
_REPAIR_NAT64 = (
    "Ask {} to repair its NAT64 gateway. "
    "All addresses that fail were made by DNS64, and none of these can be connected to."
)


@cause(Cause.PATH_OPEN, Hop.FIREWALL, Hop.PROXY, Hop.LOAD_BALANCER, needs_failures=False)
def path_open(case: Case) -> Found | None:
    """The config says that nothing leads out here, and something does."""
    if case.path.expected is not Expected.BLOCKED:
        return None
    required = (each for each in case.counted if each.result.service in case.world.required)
    about = [each for each in required if each.result.attempt.failure is None]
    if not about:
        return None
    owner = on_the_way(case, about)
    ports = ports_text({each.result.port for each in about})
    return Found(
        owner,
        about,
        f"Ask {owner.asked} to block these connections: the path {case.path.name} should be closed. "
        "If it is open on purpose, correct `expected` in the config.",
        evidence=f"On the path {case.path.name}, {the_failed_hosts(about)} can be reached on {ports}",
    )


@cause(Cause.TLS_STALLS, Hop.FIREWALL, Hop.PROXY, Hop.LOAD_BALANCER)
def tls_stalls(case: Case) -> Found | None:
    about = _cut_in_tls(case, case.mostly(fails_in(Phase.TLS, Reason.TLS_TIMEOUT)))
    if not about:
        return None
    owner = on_the_way(case, about)
    has_begun = all(map(tls_had_begun, about))  # large packets have come through
    silence = "TLS falls silent after the certificate" if has_begun else ""
    how = f"and {silence}" if has_begun else "but no answer to TLS arrives"
    if told := _by_what_works(case, about):
        why = f"A filter seems to drop TLS by its {told}."
    elif has_begun:
        why = "A filter seems to drop what follows."
    else:
        why = (
            "Either a link has a smaller MTU and ICMP ('fragmentation needed', 'packet too big') is blocked, "
            "or a filter drops TLS."
        )
    return Found(
        owner,
        about,
        f"Ask {owner.asked} to allow the answers of {the_hosts(case, about)} on {the_ports(case, about)}. "
        f"Connections are established, {how}. {why}{the_names_in_tls(case, about)}",
        evidence=how_often(case, about, silence),
    )


def _by_what_works(case: Case, about: Sequence[Counted]) -> str:
    """By what it is told that TLS is dropped: large packets get through where some works over each family.

    Those that work are other services on any of these ports, or else the same hosts on other ports.
    """
    hosts, ports = {each.result.host for each in about}, {each.result.port for each in about}
    families = {each.family for each in about}
    others = [
        each for each in case.others_that_work(about) if each.result.attempt.tls and each.result.port in ports
    ]
    if families <= {each.family for each in others}:
        return f"name or address: {the_hosts(case, others)} can be reached"
    works = [each for each in case.going_as(about) if each.failure is None and each.result.attempt.tls]
    same = [each for each in works if each.result.host in hosts and each.result.port not in ports]
    if families <= {each.family for each in same}:
        return f"port: on {the_ports(case, same)} {the_hosts(case, same)} can be reached"
    return ""


@cause(Cause.TLS_BLOCKED, Hop.FIREWALL, Hop.PROXY, Hop.LOAD_BALANCER)
def tls_blocked(case: Case) -> Found | None:
    about = _cut_in_tls(case, case.mostly(lambda each: phase_is(Phase.TLS)(each) or _is_reset_at_once(each)))
    if not about:
        return None
    owner = on_the_way(case, about)
    if all(map(_is_reset_at_once, about)):
        what, when = "TCP", "are reset at once"
    else:
        begun = "in the middle of TLS" if all(map(tls_had_begun, about)) else "as soon as TLS begins"
        what, when = "TLS", f"end {begun}"
    return Found(
        owner,
        about,
        f"Ask {owner.asked} to allow {what} to {the_hosts(case, about)} on {the_ports(case, about)}. "
        f"Connections are established, and {when}: a filter seems to end them."
        f"{the_names_in_tls(case, about)}",
    )


@cause(Cause.SESSION_BROKEN, Hop.FIREWALL, Hop.PROXY, Hop.LOAD_BALANCER, Hop.APPLE)
def session_broken(case: Case) -> Found | None:
    """What follows TLS is cut on the way; or Apple itself says, within TLS, what nobody expects."""
    about = _cut_in_tls(case, case.mostly(phase_is(Phase.SESSION)))
    if not about:
        return None
    said = list(filter(case.is_said_by_apple, about))
    if 2 * len(said) >= len(about):
        return Found(
            APPLE,
            said,
            f"If it lasts, ask Apple ({STATUS_PAGE}) about {the_hosts(case, said)} on "
            f"{the_ports(case, said)}. They answer under Apple's certificate, and not as they should. "
            "Nobody on the way can change that.",
        )
    about = [each for each in about if each not in said]
    owner = on_the_way(case, about)
    needed = "; the provider API needs HTTP/2" if case.role is Role.PROVIDER else ""
    return Found(
        owner,
        about,
        f"Ask {owner.asked} to pass on unchanged what follows the TLS handshake. Sessions with "
        f"{the_hosts(case, about)} on {the_ports(case, about)} are broken{needed}.",
    )


def _cut_in_tls(case: Case, about: list[Counted]) -> list[Counted]:
    """Those that are cut each time; none where it may be single hosts, or servers of the user's own."""
    about = [each for each in about if not each.comes_and_goes]
    return [] if all(map(case.is_only_its_own, about)) or case.is_few(about) else about


@cause(Cause.RANGE_BLOCKED, Hop.FIREWALL, Hop.PROXY)
def range_blocked(case: Case) -> Found | None:
    """In some of the ranges that Apple publishes nothing can be connected to, and beside them it can."""
    about = case.mostly(case.world.is_in_dead_range)
    if not about:
        return None
    owner = on_the_way(case, about)
    where, ports = the_ports(case, about), {each.result.port for each in about}
    hosts = len({each.result.host for each in about})
    tried = len({each.result.host for each in case.counted if each.result.port in ports})
    tried_in = grouped((e.range.what, e.result.attempt.address) for e in about if e.range)
    prefixes = sorted(tried_in)
    counted = ", ".join(f"{each}: 0 of {len(tried_in[each])} addresses answer" for each in prefixes)
    return Found(
        owner,
        about,
        f"Ask {owner.asked} to allow TCP {where} to {listed(prefixes)}. "
        "Apple's other networks are open (support.apple.com/102266).",
        evidence=f"Hosts with addresses that fail on {where}: {hosts} of {tried} ({counted})",
    )


@cause(Cause.IPV6_BROKEN, Hop.LOCAL_NETWORK, Hop.PROXY)
def ipv6_broken(case: Case) -> Found | None:
    return _only_over(case, Family.IPV6)


@cause(Cause.IPV4_BROKEN, Hop.LOCAL_NETWORK, Hop.PROXY)
def ipv4_broken(case: Case) -> Found | None:
    return _only_over(case, Family.IPV4)


def _only_over(case: Case, family: Family) -> Found | None:
    """No required service can be connected to over it, and over the other family they can."""
    working = {e.family for e in case.counted if e.connected and e.result.service in case.world.required}
    if case.path.load_balancer or family in working or not working - {Family.NAME}:
        return None
    about = case.mostly(lambda each: each.family is family)
    if {each.result.service for each in about} <= _lost_over_others(case, family):
        return None
    names = _names_that_fail_alike(case, about)
    about = [*about, *names]
    owner = on_the_way(case, about) if case.path.is_proxied else THIS_NETWORK
    name, how = FAMILIES[family], how_often(case, about, says_where=False)
    fix = f"Ask {owner.asked} to fix its {name}, or to switch it off. Connections to "
    fix += f"{the_hosts(case, about)} on {ports_text({each.result.port for each in about})} fail."
    return Found(
        owner,
        about,
        _REPAIR_NAT64.format(owner.asked) if _nothing_is_translated(case, about) else fix,
        evidence=f"over {name}{' and by name' if names else ''}, {how}; other addresses answer",
    )


def _names_that_fail_alike(case: Case, about: Sequence[Counted]) -> list[Counted]:
    """What a proxy that is given the name takes this family for, and fails as with its addresses."""
    return [each for each in filter(fails_as(about), case.left) if each.family is Family.NAME]


def _lost_over_others(case: Case, family: Family) -> set[str]:
    """The services to which other families lead as little: what answers may have one family only."""
    others = [each for each in case.counted if each.family is not family]
    reached = {each.result.service for each in others if each.connected}
    return {each.result.service for each in others if each.failure} - reached


@cause(Cause.PORT_BLOCKED, Hop.FIREWALL, Hop.PROXY, Hop.LOCAL_NETWORK)
def port_blocked(case: Case) -> Found | None:
    about = [] if case.path.load_balancer else case.if_enough(_on_dead_ports(case))
    if not about:
        return None
    untranslated = _nothing_is_translated(case, about)
    owner = THIS_NETWORK if untranslated else on_the_way(case, about)
    families = {each.family for each in about}
    dead = {each.result.port for each in about}
    beside = case.going_as(about)
    answering = {e.result.port for e in beside if e.connected and e.family in families} - dead
    rest = f"; connections to {listed(sorted(answering))} are established" if answering else ""
    return Found(
        owner,
        about,
        _REPAIR_NAT64.format(owner.asked)
        if untranslated
        else f"Ask {owner.asked} to allow TCP {the_ports(case, about)} to {the_hosts(case, about)}."
        f"{apples_networks(about)}",
        evidence=f"{_how_on_ports(case, about)}{rest}",
    )


def _how_on_ports(case: Case, about: Sequence[Counted]) -> str:
    """How they fail; of two ports each, where that differs."""
    ports = sorted({each.result.port for each in about})
    kinds = [commonest([each for each in about if each.result.port == port])[:2] for port in ports]
    if len(ports) != 2 or kinds[0] == kinds[1]:
        return f"on {ports_text(ports)}{over(case, about)}, {how_often(case, about, says_where=False)}"
    how_many = how_many_fail(case, about, len(about), says_where=False)
    each = (f"on port {port}, {failure_in_words(*kind)}" for port, kind in zip(ports, kinds, strict=True))
    return f"{'; '.join(each)}{over(case, about)} ({how_many})"


def _nothing_is_translated(case: Case, about: Sequence[Counted]) -> bool:
    """Whether all addresses that fail stand for IPv4 ones, and none of such can be connected to."""
    if case.path.is_relayed:
        return False
    connected = (each for each in case.counted if each.connected)
    return all(map(is_translated, about)) and not any(map(is_translated, connected))


def _on_dead_ports(case: Case) -> list[Counted]:
    """The failures on ports on which, over that family, nothing can be connected to, Apple's hosts included.

    Where a port has one host only, the host may be what is dead, and not the port: then only if the host can
    be connected to on another port, or has a port that is dead for others too, or nothing can be anywhere.
    """
    alive = {_channel(case, each) for each in case.counted if each.connected}
    awake = {(each.result.host, each.family) for each in case.counted if each.connected}
    hosts = grouped((_channel(case, each), each.result.host) for each in case.counted)
    silent = [each for each in case.left if _channel(case, each) not in alive and not each.connected]
    sure = {
        each.result.host
        for each in silent
        if len(hosts[_channel(case, each)]) > 1 or (each.result.host, each.family) in awake or not alive
    }
    apples = {_channel(case, e) for e in silent if is_apples(e) and e.result.host in sure}
    return [e for e in silent if e.result.host in sure and _channel(case, e) in apples]


_Channel = tuple[int, Family, WayOut]


def _channel(case: Case, each: Counted) -> _Channel:
    """What a rule against a port closes: other ways out have rules of their own."""
    return each.result.port, each.family, case.way(each)


@cause(Cause.HOSTS_BLOCKED, Hop.FIREWALL, Hop.PROXY, Hop.LOAD_BALANCER)
def hosts_blocked(case: Case) -> Found | None:
    """If another path reaches them, or so many more fail that it is no accident at their end.

    Not where a proxy says nothing: that is no rule of its for hosts.
    """
    if case.mostly(is_unsaid):
        return None
    elsewhere = case.mostly(case.is_reached_elsewhere)
    about = elsewhere if _is_accident(case.without(elsewhere)) else list(case.left)
    if not about:
        return None
    owner = on_the_way(case, about)
    beside = " Another path reaches them." if len(elsewhere) == len(about) else ""
    count = f"; another path reaches {len(elsewhere)} of them" if elsewhere else ""
    to = f"{the_failed_hosts(about)}.{beside}"
    in_part = sum(map(case.answers_at_another_address, about))
    if 2 * in_part > len(about):  # a firewall that is given names allows what it resolves itself
        count = f"; {in_part} of these hosts answer at other addresses"
        to = f"Apple's networks, not to names or single addresses: these change.{apples_networks(about)}"
    return Found(
        owner,
        about,
        f"Ask {owner.asked} to allow TCP {the_ports(case, about)} to {to}{or_of_its_names(case, about)}",
        evidence=how_often(case, about) + count,
    )


def _is_told_by_others(failure: Failure) -> bool:
    """Whether somebody near by says by ICMP that it leads nowhere, and no router in the Internet."""
    return bool(failure.told_by) and not ip_address(failure.told_by or "").is_global


def _is_accident(case: Case) -> bool:
    """Single hosts of Apple's, or addresses of these, of services that have others which answer."""
    if any(case.verdicts.get(each.place) is Verdict.NOT_READY for each in case.left):
        return False
    if not all(map(is_apples, case.left)) or not case.is_few(case.left):
        return False
    if any(each.failure and _is_told_by_others(each.failure) for each in case.left):
        return False
    hosts = {each.result.host for each in case.left}
    tried = {each.result.host for each in case.counted if each.place in case.verdicts}
    are_few = len(hosts) <= max(_MOST_ACCIDENTS, len(tried) // 10)
    return are_few or case.is_at_few_addresses(case.left)
