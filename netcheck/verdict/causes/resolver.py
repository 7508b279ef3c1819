"""What is wrong with names: a block list, no answer, or another answer than elsewhere."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from netcheck.apns.addresses import is_apple_name, is_published, published_range
from netcheck.model.failing import CERTIFICATE_REASONS, DNS_PHASES, Phase, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.model.paths import Transport
from netcheck.model.results import HOSTS_FILE, Hitch, Lookup, Trust
from netcheck.phrases import how_many, listed, ports_text
from netcheck.verdict.case import Case, is_another_of_apples, is_apples, phase_is, reason_is
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.counting import Counted
from netcheck.verdict.naming import (
    FAMILIES,
    THE_HOSTS_FILE,
    THIS_MACHINE,
    THIS_NETWORK,
    an_answer,
    how_often,
    shortened,
    the_hosts,
    the_reply,
    the_resolver,
)

_SOMEBODY_ELSE = (*CERTIFICATE_REASONS, Reason.TLS_NOT_TLS)
_SILENT = (Reason.DNS_TIMEOUT, Reason.RESOLVER_UNREACHABLE)
_AT_THE_ADDRESS = (Phase.PROXY_HANDSHAKE, Phase.CONNECT, Phase.TLS, Phase.SESSION)
_LATEST, _FEWEST = 8, 2
"""Lookups: of the latest that asked a nameserver, none got an answer, and there were so many at least."""
_DNS_PORT = 53
_DOORS = {
    Transport.UDP: "on UDP and TCP {}",
    Transport.TCP: "on TCP {}",
    Transport.TLS: "over TLS on TCP {}, with a certificate that is valid,",
}


_REPAIRS = {
    Hitch.NO_NAMESERVER: "name a nameserver in resolv.conf, or let one run there.",
    Hitch.TCP_ONLY: "take `use-vc` out of resolv.conf: over TCP nobody answers, and over UDP somebody does.",
    Hitch.NEVER_ASKED: "let resolv.conf name nameservers that answer. Programs ask its first three only.",
}
"""What to change on this machine, where it is its resolv.conf."""
_REQUESTS = {
    Hitch.OUT_OF_ORDER: "put each CNAME in its answers before what it leads to. "
    "Programs on Linux read an answer in order, and find no address in these.",
    Hitch.TOO_LATE: "answer sooner. Programs give up as `timeout` and `attempts` in resolv.conf have it.",
}
"""What a resolver has to change, so that programs on this machine can use what it answers."""


@cause(Cause.DNS_SINKHOLE, Hop.RESOLVER)
def dns_sinkhole(case: Case) -> Found | None:
    """The names lead to an address that is nobody's, or to somebody else's server: a block page."""
    is_sinkholed = reason_is(Reason.SINKHOLED)
    about = case.mostly(lambda each: is_sinkholed(each) or _is_led_astray(case, each))
    if not about:
        return None
    resolver = the_resolver(case)
    addresses = _addresses(case, about)
    which = f" {shortened(addresses)}" if addresses else " an address that is nobody's"
    names = how_many(len({each.result.host for each in about}), "name")
    if all(map(is_apples, about)):
        what = "remove *.push.apple.com from its block list"
        why = f"Its answer{which} leads to nothing of Apple's."
    else:
        what = f"correct its answer for {the_hosts(case, about)}"
        why = f"Its answer{which} leads somewhere else."
    return Found(
        resolver,
        about,
        f"{resolver.name} gives{which} for {names}: {how_often(case, about)}",
        f"Ask {resolver.asked} to {what}. {why}",
        the_reply(about),
    )


def _is_led_astray(case: Case, each: Counted) -> bool:
    """Whether an address has nothing of the service's behind it, on any port, and is no good answer."""
    failure, address = each.failure, each.result.attempt.address
    if failure is None or failure.phase not in _AT_THE_ADDRESS or address is None:
        return False
    there = case.by_address.get(address, ())
    if not there or any(map(_is_the_service, there)):
        return False
    if published_range(address) is None and case.works_at_another_address(each):
        return True
    return case.is_unexpected(each) and (not ip_address(address).is_global or _is_a_page(case, each, there))


def _is_the_service(each: Counted) -> bool:
    """By its certificate: a mere connection anybody may accept."""
    tls = each.result.attempt.tls
    if tls is None:
        return False
    genuine = tls.trust is Trust.APPLE or (tls.trust is Trust.PUBLIC and bool(tls.is_for_host))
    return genuine or each.failure is None


def _is_a_page(case: Case, each: Counted, there: Sequence[Counted]) -> bool:
    """Whether many names lead to one address, or who is there shows a certificate of their own.

    A public address outside the list may be one that Apple has not published, and what is wrong with it
    something else: so the expected addresses must not fail in the same way.
    """
    certificates = (other.result.attempt.tls for other in there)
    if len({other.result.host for other in there}) < 2 and not any(
        tls is not None and tls.is_for_host is False for tls in certificates
    ):
        return False
    return not any(_fails_at_both(each, other) for other in case.counted if not case.is_unexpected(other))


def _fails_at_both(one: Counted, other: Counted) -> bool:
    """By somebody who answers in their place, or in the same phase on the same port."""
    if one.failure is None or other.failure is None:
        return False
    if one.failure.reason in _SOMEBODY_ELSE:
        return other.failure.reason in _SOMEBODY_ELSE
    return (one.failure.phase, one.result.port) == (other.failure.phase, other.result.port)


def _addresses(case: Case, about: Sequence[Counted]) -> list[str]:
    """What the resolver answered; of names that were not tried, by its lookups."""
    tried = {each.result.attempt.address for each in about} - {None}
    hosts = {each.result.host for each in about}
    said = {address for lookup in _mine(case) if lookup.host in hosts for address in lookup.addresses}
    return sorted(filter(None, tried or said))


def _mine(case: Case) -> list[Lookup]:
    """What the path's resolver said."""
    return [lookup for lookup in case.world.lookups if lookup.resolver == case.path.resolver.name]


@cause(Cause.DNS_FAILURE, Hop.RESOLVER, Hop.LOCAL_NETWORK)
def dns_failure(case: Case) -> Found | None:
    """There is no answer, or it leads to another host of Apple's than the one that was asked for."""
    return _does_not_resolve(case) or _leads_to_another_host(case)


def _does_not_resolve(case: Case) -> Found | None:
    about = case.mostly(phase_is(*DNS_PHASES))
    if not about:
        return None
    resolver = the_resolver(case)
    is_dead = _is_dead(case, about)
    if is_dead and (told_by := _told_on_the_way(about)):
        return Found(
            THIS_NETWORK,
            about,
            how_often(case, about),
            f"Ask {THIS_NETWORK.asked} to let DNS pass to {resolver.name} {_doors(case)}: "
            f"{shortened(told_by)} rejects it.",
            the_reply(about, is_of_destination=False),
        )
    if hitch := _hitch(case, about):
        return _kept_from_programs(case, about, hitch)
    if partly := _said_by_one_of_several(case, about):
        return partly
    others = sorted({sound.resolver for _, sound in _odd_lookups(case)})
    beside = f"; {listed(others)} answer{'s' * (len(others) == 1)} for the same names" if others else ""
    what = (
        f"make sure that the resolver runs and answers netcheck's machine {_doors(case)}"
        if is_dead
        else _names_to_resolve(case, about)
    )
    return Found(
        resolver,
        about,
        how_often(case, about) + beside,
        f"Ask {resolver.asked} to {what}.",
        the_reply(about, is_of_destination=not is_dead),
    )


def _hitch(case: Case, about: Sequence[Counted]) -> Hitch | None:
    """What keeps programs on this machine from an answer, for all these names; None where it is unknown."""
    hosts: dict[Hitch | None, set[str]] = {}
    for lookup in _mine(case):
        hosts.setdefault(lookup.hitch, set()).add(lookup.host)
    wanted = {each.result.host for each in about}
    return next((hitch for hitch, its in sorted(hosts.items(), key=str) if hitch and wanted <= its), None)


def _kept_from_programs(case: Case, about: Sequence[Counted], hitch: Hitch) -> Found:
    resolver, is_of_answer = the_resolver(case), hitch in _REQUESTS
    return Found(
        resolver if is_of_answer else THIS_MACHINE,
        about,
        how_often(case, about),
        f"Ask {resolver.asked} to {_REQUESTS[hitch]}"
        if is_of_answer
        else f"On the machine that runs netcheck, {_REPAIRS[hitch]}",
        the_reply(about, is_of_destination=is_of_answer),
    )


def _told_on_the_way(about: Sequence[Counted]) -> list[str]:
    """Who says by ICMP that no nameserver can be reached: never one of these."""
    told_by = {each.failure.told_by or "" for each in about if each.failure}
    return [] if "" in told_by else sorted(told_by)


def _said_by_one_of_several(case: Case, about: Sequence[Counted]) -> Found | None:
    """Of several nameservers, one says that names of Apple's do not exist, and the others know such names."""
    if not all(reason_is(Reason.NXDOMAIN)(each) and is_apples(each) for each in about):
        return None
    resolver, hosts = the_resolver(case), {each.result.host for each in about}
    mine = _mine(case)
    denied = (lookup for lookup in mine if lookup.reason is Reason.NXDOMAIN and lookup.host in hosts)
    denying, knowing = _who_said(denied), _who_said(lookup for lookup in mine if lookup.reason is None)
    if len(denying) != 1 or not knowing or denying & knowing:
        return None
    who, others = denying.pop(), shortened(sorted(knowing))
    return Found(
        resolver,
        about,
        f"{who} knows none of the names, and {others} does; {how_often(case, about)}",
        f"Ask {resolver.asked} to correct {who}, or to take it out of the list. "
        f"It denies names like those that {others} knows.",
        the_reply(about),
    )


def _who_said(lookups: Iterable[Lookup]) -> set[str]:
    """The nameservers whose answer each of them is: it may have come after their turn."""
    return {tried.nameserver for each in lookups for tried in each.tries if tried.reason is each.reason}


def _is_dead(case: Case, about: Sequence[Counted]) -> bool:
    """Whether the resolver says nothing any more: what it said before it fell silent does not count."""
    heard = [each.result.attempt.at for each in case.counted if _was_heard(case, each)]
    silent_since = min(each.fails_since - (each.result.resolve_duration or 0.0) for each in about)
    has_fallen_silent = len({each.result.host for each in about}) > 1 and not any(
        at >= silent_since for at in heard
    )
    return not heard or has_fallen_silent


def _was_heard(case: Case, each: Counted) -> bool:
    """Whether the path's resolver said anything for it."""
    attempt = each.result.attempt
    if attempt.failure is not None and attempt.failure.phase in DNS_PHASES:
        return attempt.failure.reason not in _SILENT
    was_asked = case.was_resolved_here(each) and attempt.address != each.result.host
    return was_asked or Phase.PROXY_RESOLVE in attempt.phases


def _doors(case: Case) -> str:
    """Where it is asked: answers too large for UDP come over TCP."""
    resolver = case.path.resolver
    ports = ports_text({server.port for server in resolver.nameservers} or {_DNS_PORT})
    return _DOORS[resolver.transport].format(ports)


def _names_to_resolve(case: Case, about: Sequence[Counted]) -> str:
    at_proxy = [each for each in about if each.failure and each.failure.phase is Phase.PROXY_RESOLVE]
    unresolved = (each.result.attempt.proxy or next(iter(case.path.proxies), None) for each in at_proxy)
    if names := sorted({proxy.host for proxy in unresolved if proxy}):
        return f"resolve {shortened(names)}, the proxy's name"
    asked = case.path.resolved_families()
    if len(asked) == 1 and all(map(reason_is(Reason.NO_ANSWER), about)):
        family = FAMILIES[asked[0]]
        why = "as SOCKS4 can use no other" if asked != case.path.families else "as this path uses no other"
        return f"give {the_hosts(case, about)} an {family} address, {why}"
    return f"resolve {the_hosts(case, about)}"


def _leads_to_another_host(case: Case) -> Found | None:
    about = case.mostly(lambda each: case.was_resolved_here(each) and is_another_of_apples(each))
    if not about:
        return None
    resolver = the_resolver(case)
    return Found(
        resolver,
        about,
        how_often(case, about),
        f"Ask {resolver.asked} to correct its answer for {the_hosts(case, about)}. "
        "It leads to another of Apple's hosts.",
        the_reply(about),
    )


@cause(Cause.DNS_DIFFERS, Hop.RESOLVER, Hop.LOCAL_NETWORK, is_remark=True)
def dns_differs(case: Case) -> Found | None:
    """It leads elsewhere than expected, and that works; or its answers are worse than another resolver's."""
    return _is_led_elsewhere(case) or _answers_worse(case)


def _is_led_elsewhere(case: Case) -> Found | None:
    about = [
        each
        for each in case.counted
        if each.result.attempt.failure is None and each.place in case.needs and case.is_unexpected(each)
    ]
    if not about:
        return None
    resolver = THE_HOSTS_FILE if all(map(case.stands_in_hosts_file, about)) else the_resolver(case)
    addresses = shortened(sorted({str(each.result.attempt.address) for each in about}))
    hosts = {each.result.host for each in about}
    return Found(
        resolver,
        about,
        f"{how_many(len(hosts), 'name')} can be reached at {addresses}, outside the expected networks",
        f"Ask {resolver.asked} whether it leads to {addresses} on purpose. If so, nothing needs to change.",
    )


def _answers_worse(case: Case) -> Found | None:
    odd = _odd_lookups(case)
    if not odd:
        return None
    resolver = the_resolver(case)
    mine, other = odd[0]
    answer, better = an_answer(mine.reason, mine.addresses), an_answer(None, other.addresses)
    hosts = {lookup.host for lookup, _ in odd}
    return Found(
        resolver,
        [each for each in case.counted if each.result.host in hosts],
        f"The resolver {other.resolver} gives {how_many(len(odd), 'better answer')}, such as {better}",
        f"Ask {resolver.asked} to compare its answers for {shortened(sorted(hosts))} with those of the "
        f"resolver {other.resolver}.",
        f"{mine.host} {mine.rdtype}: {answer}",
    )


def _odd_lookups(case: Case) -> list[tuple[Lookup, Lookup]]:
    """Where this path's resolver says something worse of needed names than another does: both answers."""
    if case.path.load_balancer or not case.path.resolved_families():
        return []
    needed = {need.service for need in case.needs}
    hosts = {host for service in case.world.services if service.name in needed for host in service.hosts}
    lookups = [each for each in case.world.lookups if each.host in hosts and is_apple_name(each.host)]
    sound: dict[tuple[str, str], Lookup] = {}
    for each in sorted(lookups, key=lambda each: each.resolver, reverse=True):
        if each.resolver not in (case.path.resolver.name, HOSTS_FILE) and not _is_odd(each):
            sound[each.host, each.rdtype] = each
    mine = (each for each in lookups if each.resolver == case.path.resolver.name and _is_odd(each))
    odd = sorted(mine, key=lambda each: (each.host, each.rdtype))
    return [(each, sound[each.host, each.rdtype]) for each in odd if (each.host, each.rdtype) in sound]


def _is_odd(lookup: Lookup) -> bool:
    return lookup.reason is not None or not all(map(is_published, lookup.addresses))


@cause(Cause.NAMESERVER_SILENT, Hop.RESOLVER, is_remark=True)
def nameserver_silent(case: Case) -> Found | None:
    """Of several nameservers one does not answer, and another does; or one family's questions get no answer.

    Names are found, but late.
    """
    if case.path.load_balancer or not case.path.resolved_families():
        return None
    return _one_of_several_is_silent(case) or _silent_about_one_family(case)


def _one_of_several_is_silent(case: Case) -> Found | None:
    asked = case.world.nameservers.get(case.path.resolver.name, {})
    latest = {nameserver: answers[-_LATEST:] for nameserver, answers in asked.items()}
    silent = [each for each, answers in latest.items() if len(answers) >= _FEWEST and not any(answers)]
    if not silent or not any(map(any, latest.values())):
        return None
    resolver, which = the_resolver(case), shortened(sorted(silent))
    it = "it" if len(silent) == 1 else "them"
    tries = [each for lookup in _mine(case) for each in lookup.tries if each.nameserver in silent]
    is_waited_for = any(each.reason is Reason.DNS_TIMEOUT for each in tries)  # who refuses costs no time
    return Found(
        resolver,
        (),
        f"No answer from {which} to the last {len(latest[silent[0]])} lookups; another nameserver answers",
        f"Ask {resolver.asked} to repair {which}, or to take {it} out of the list."
        + (f" Programs that ask {it} first wait each time, before they ask another one." * is_waited_for),
    )


def _silent_about_one_family(case: Case) -> Found | None:
    families, name = case.path.resolved_families(), case.path.resolver.name
    unheard = [
        each for each in case.world.unanswered if each.resolver == name and each.rdtype.family in families
    ]
    if len(unheard) < _FEWEST:
        return None
    heard = {each.rdtype for each in _mine(case) if each.was_heard and each.rdtype.family in families}
    unheard = [each for each in unheard if each.rdtype not in heard]
    if not heard or len(unheard) < _FEWEST:
        return None
    resolver = the_resolver(case)
    which = f"the {FAMILIES[unheard[0].rdtype.family]} addresses of names ({unheard[0].rdtype})"
    return Found(
        resolver,
        (),
        f"No answer to {how_many(len(unheard), 'question')} for {which}, and others are answered",
        f"Ask {resolver.asked} to answer questions for {which}, be it that there are none. "
        "Programs that ask for both wait for it each time.",
    )
