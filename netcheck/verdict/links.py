"""What comparing tells: of ports, ranges, families, paths and resolvers beside each other.

Finds, and says nothing.
"""

from collections.abc import Iterable, Sequence
from statistics import median

from netcheck.apns.addresses import is_apple_name, is_published, published_range
from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Verdict
from netcheck.model.paths import Family
from netcheck.model.results import Lookup
from netcheck.verdict.case import Case
from netcheck.verdict.seen import Seen

_LOSS_SHARE, _LOSS_LEAST, _LOSS_BASE = 0.10, 3, 8
"""Packets are lost where a tenth of at least eight connections, and three of them, had to ask twice."""
_SLOW_SECONDS, _SLOW_FACTOR = 1.0, 3.0
"""A proxy is slow where it takes a second longer than the direct way, and three times as long."""

_SILENCE = {
    Phase.RESOLVE: (Reason.DNS_TIMEOUT, Reason.RESOLVER_UNREACHABLE, Reason.NETWORK_UNREACHABLE),
    Phase.CONNECT: (Reason.NETWORK_UNREACHABLE, Reason.HOST_UNREACHABLE),  # a timeout: DNS at least answered
    Phase.PROXY_CONNECT: (Reason.TIMEOUT, Reason.NETWORK_UNREACHABLE, Reason.HOST_UNREACHABLE),
}
_SILENCE[Phase.PROXY_RESOLVE] = _SILENCE[Phase.RESOLVE]
_DOWN = {
    Phase.CONNECT: (Reason.TIMEOUT, Reason.REFUSED, Reason.RESET, Reason.HOST_UNREACHABLE),
    Phase.PROXY_HANDSHAKE: (
        Reason.PROXY_TARGET_REFUSED,
        Reason.PROXY_TARGET_TIMEOUT,
        Reason.PROXY_TARGET_UNREACHABLE,
        Reason.PROXY_TIMEOUT,
        Reason.PROXY_ERROR,
    ),
}
"""How it looks when the other end is down: nobody on the way has said no."""


def nothing_comes_back(case: Case) -> bool:
    """Whether on every path everything ends in silence, and it is this machine that has no way out.

    So it is where a route is missing, or where a resolver and a proxy are both silent.
    """
    seen = [*case.seen, *(each for path in case.elsewhere() for each in path)]
    failures = [each.failure for each in seen if each.failure is not None]
    silent = len(failures) == len(seen) and all(f.reason in _SILENCE.get(f.phase, ()) for f in failures)
    no_route = any(failure.reason is Reason.NETWORK_UNREACHABLE for failure in failures)
    return silent and (no_route or len({failure.phase for failure in failures}) > 1)


def is_down_for_all(case: Case) -> bool:
    """Whether Apple's services behind the verdict cannot be connected to over any of several paths.

    Though other services of Apple's can, over each of them, and nobody on the way has said no.
    """
    names = {each.result.service for each in case.failed}
    paths = [case.seen, *case.elsewhere()]
    with_it = [seen for seen in paths if any(each.result.service in names for each in seen)]
    enough = case.verdict is Verdict.NOT_READY and case.is_apple_s and len(with_it) > 1
    return enough and all(_only_these_are_down(seen, names) for seen in with_it)


def _only_these_are_down(seen: Sequence[Seen], names: set[str]) -> bool:
    theirs = [each.failure for each in seen if each.result.service in names]
    down = all(f is not None and f.reason in _DOWN.get(f.phase, ()) for f in theirs)
    others = (each for each in seen if each.result.service not in names)
    return down and any(each.failure is None and is_apple_name(each.result.host) for each in others)


def on_dead_ports(case: Case) -> list[Seen]:
    """The failures of Apple's hosts on ports on which, over that family, nothing at all can be connected to.

    Where a port has one host only, the host may be what is dead, and not the port: then only if the host can
    be connected to on another port, or has a port that is dead for others too, or nothing can be anywhere.
    """
    if not case.failed or case.path.load_balancer:
        return []
    alive = {(each.result.port, each.family) for each in case.seen if each.connected}
    awake = {(each.result.host, each.family) for each in case.seen if each.connected}
    hosts: dict[tuple[int, Family], set[str]] = {}
    for each in case.seen:
        hosts.setdefault((each.result.port, each.family), set()).add(each.result.host)
    apple_s = (each for each in case.failed if is_apple_name(each.result.host))
    silent = [each for each in apple_s if (each.result.port, each.family) not in alive]
    sure = {
        each.result.host
        for each in silent
        if len(hosts[each.result.port, each.family]) > 1
        or (each.result.host, each.family) in awake
        or not alive
    }
    return [each for each in silent if each.result.host in sure]


def in_dead_ranges(case: Case) -> list[Seen]:
    """The failures in ranges of Apple's in which nothing can be connected to on those ports.

    None where no other range of the family works, or where a single host is all there is.
    """
    if not case.failed:
        return []
    ports = {each.result.port for each in case.failed}
    alive = {
        (_range(each), each.family) for each in case.seen if each.connected and each.result.port in ports
    }
    families = {family for prefix, family in alive if prefix}
    dead = [
        each
        for each in case.failed
        if (prefix := _range(each)) and (prefix, each.family) not in alive and each.family in families
    ]
    return dead if len({each.result.host for each in dead}) > 1 else []


def ranges_of(seen: Iterable[Seen]) -> list[str]:
    return sorted({prefix for each in seen if (prefix := _range(each))})


def is_in(seen: Seen, prefix: str) -> bool:
    return _range(seen) == prefix


def _range(seen: Seen) -> str | None:
    address = seen.result.attempt.address
    return published_range(address) if address else None


def of_broken_family(case: Case, family: Family) -> list[Seen]:
    """The failures over IPv4 or IPv6, if no required service answers over it, but over the other one."""
    required = {service.name for service in case.world.services if service.required}
    working = {e.family for e in case.seen if e.failure is None and e.result.service in required}
    if not case.failed or family in working or not working - {Family.NAME}:
        return []
    return [each for each in case.failed if each.family is family]


def works_by(case: Case, *families: Family) -> bool:
    """Whether the services behind the verdict answer on this path under one of these families."""
    return any(
        each.failure is None
        and each.family in families
        and (each.result.service, each.result.port) in case.deciding
        for each in case.seen
    )


def reached_elsewhere(case: Case) -> list[Seen]:
    """The failures of hosts and ports that another path reaches."""
    if not case.failed:
        return []
    others = (each for seen in case.elsewhere() for each in seen)
    reached = {(each.result.host, each.result.port) for each in others if each.failure is None}
    return [each for each in case.failed if (each.result.host, each.result.port) in reached]


def asked_twice(seen: Iterable[Seen]) -> tuple[int, int]:
    """How many connections came about only after more than one request, and out of how many attempts.

    Those that never came about are for other rules. Hosts may share an attempt, which counts once.
    """
    attempts = {id(each.result.attempt): each.result.attempt for each in seen}.values()
    return sum(bool(a.syn_retransmits) and a.failure is None for a in attempts), len(attempts)


def loses_packets(seen: Iterable[Seen]) -> bool:
    twice, all_of_them = asked_twice(seen)
    return all_of_them >= _LOSS_BASE and twice >= _LOSS_LEAST and twice >= _LOSS_SHARE * all_of_them


def slower_than_direct(case: Case) -> tuple[float, float] | None:
    """The seconds of a connection through this path's proxy and of a direct one, where that is far less."""
    if case.path.proxy is None:
        return None
    straight = [path.name for path in case.world.paths if path.proxy is None and not path.load_balancer]
    durations = case.world.durations
    through = durations[case.path.name]
    for place in sorted(through):
        plain = [took for path in straight for took in durations[path].get(place, ())]
        if plain and _is_slow(median(through[place]), median(plain)):
            return median(through[place]), median(plain)
    return None


def _is_slow(proxied: float, plain: float) -> bool:
    return proxied > plain + _SLOW_SECONDS and proxied > _SLOW_FACTOR * plain


def odd_lookups(case: Case) -> list[tuple[Lookup, Lookup]]:
    """Where this path's resolver says something worse of needed names than another does: both answers."""
    if case.path.load_balancer or not case.path.resolved_families():
        return []
    needed = {service for service, _ in case.deciding}
    hosts = {host for service in case.world.services if service.name in needed for host in service.hosts}
    mine: list[Lookup] = []
    others: list[Lookup] = []
    for lookup in case.world.lookups:
        (mine if lookup.resolver == case.path.resolver.name else others).append(lookup)
    if not others:
        return []
    sound = {
        (each.host, each.rdtype): each
        for each in sorted(others, key=lambda each: each.resolver)
        if not _is_odd(each)
    }
    odd = sorted(filter(_is_odd, mine), key=lambda each: (each.host, each.rdtype))
    pairs = ((each, sound.get((each.host, each.rdtype))) for each in odd if each.host in hosts)
    return [(each, other) for each, other in pairs if other is not None]


def _is_odd(lookup: Lookup) -> bool:
    if not is_apple_name(lookup.host):
        return False
    return lookup.reason is not None or not all(map(is_published, lookup.addresses))
