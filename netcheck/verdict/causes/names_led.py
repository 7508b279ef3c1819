"""Where names lead: to nobody's address, to somebody else's, or elsewhere than by another resolver."""

from collections.abc import Collection, Iterable, Sequence

from netcheck.apns.addresses import (
    is_allocated,
    is_apple_name,
    is_made_by_dns64,
    is_public,
    is_published,
    may_lead_elsewhere,
    published_range,
)
from netcheck.model.failing import CERTIFICATE_REASONS, Phase, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.model.results import HOSTS_FILE, Lookup, Trust
from netcheck.phrases import how_many
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.causes.wavering import denies_at_times, half_denies
from netcheck.verdict.counting import Counted
from netcheck.verdict.how_often import how_often
from netcheck.verdict.matching import Matches, fails_in, is_of_push, reason_is
from netcheck.verdict.naming import an_answer, shortened, the_hosts, unresolved_proxies
from netcheck.verdict.owners import THE_HOSTS_FILE, the_resolver

_Place = tuple[str, str]
"""A host and one of its addresses."""
_SOMEBODY_ELSE = (*CERTIFICATE_REASONS, Reason.TLS_NOT_TLS)
_AT_THE_ADDRESS = (Phase.PROXY_HANDSHAKE, Phase.CONNECT, Phase.TLS, Phase.SESSION)


@cause(Cause.DNS_SINKHOLE, Hop.RESOLVER)
def dns_sinkhole(case: Case) -> Found | None:
    """The names lead to an address that is nobody's, or to somebody else's server: a block page.

    Or one of a name's addresses does.
    """
    return _leads_proxies_nowhere(case) or _leads_astray(case) or _fails_at_strays(case)


def _leads_proxies_nowhere(case: Case) -> Found | None:
    about = case.mostly(fails_in(Phase.PROXY_RESOLVE, Reason.SINKHOLED))
    if not about:
        return None
    resolver, names = the_resolver(case), shortened(unresolved_proxies(case, about))
    return Found(
        resolver,
        about,
        f"Ask {resolver.asked} to correct its answer for {names}, the proxy's name. "
        "It leads nowhere, as those of block lists do.",
    )


def _leads_astray(case: Case) -> Found | None:
    is_sinkholed, is_stray = reason_is(Reason.SINKHOLED), at_strays(case)
    about = case.mostly(
        lambda each: not is_stray(each) and (is_sinkholed(each) or _is_resolved_astray(case, each))
    )
    if not about:
        return None
    if wavering := denies_at_times(case, about):
        return wavering
    hosts = {each.result.host for each in about}
    resolver = the_resolver(case, [each for each in case.lookups if each.host in hosts and not each.reason])
    addresses = _addresses(case, about)
    which = f" {shortened(addresses)}" if addresses else " an address that is nobody's"
    said = which if addresses else ""
    answers = f"The answer{'s' * (len(addresses) > 1)}{said} lead{'s' * (len(addresses) < 2)}"
    names = how_many(len(hosts), "name")
    if all(map(is_of_push, about)):
        what = "remove *.push.apple.com from its block list"
        why = f"{answers} to nothing of Apple's."
    else:
        what = f"correct its answer for {the_hosts(case, about)}"
        why = f"{answers} somewhere else."
    if any(map(_is_somebodys_page, about)):
        why += " If it is the login page of this network, log in."
    return Found(
        resolver,
        about,
        f"Ask {resolver.asked} to {what}. {why}",
        evidence=f"{resolver.name} gives{which} for {names}: {how_often(case, about)}",
    )


def _is_somebodys_page(each: Counted) -> bool:
    """Whether who answers does so under a name of their own, or not in TLS."""
    tls = each.result.attempt.tls
    return reason_is(Reason.TLS_NOT_TLS)(each) or (tls is not None and tls.is_for_host is False)


def _fails_at_strays(case: Case) -> Found | None:
    is_stray = at_strays(case)
    expected = [other for other in case.counted if other.failure and not case.is_unexpected(other)]
    about = case.mostly(
        lambda each: (
            is_stray(each)
            and not any(map(_is_the_service, case.by_address.get(_place(each)[1], ())))
            and not any(_fails_at_both(each, other) for other in expected)
        )
    )
    if not about:
        return None
    resolver, places = the_resolver(case), {_place(each) for each in about}
    addresses, hosts = _said_of(places)
    return Found(
        resolver,
        about,
        f"Ask {resolver.asked} to take {addresses} out of its answers for {shortened(hosts)}. "
        "It may be an old record: only Apple's own addresses belong there.",
        evidence=f"{_beside_apples(places)}: {how_often(case, about)}",
    )


def at_strays(case: Case) -> Matches:
    """Whether an address is not Apple's, and stands beside such that are in the resolver's answer."""
    known = _strays(case)
    return lambda each: _place(each) in known and case.was_resolved_here(each)


def is_led_to_nobody(case: Case) -> Matches:
    """Whether the answer is no good by itself, and no path reaches anything there: it needs no route."""
    reached = case.world.reached_at
    return lambda each: (
        case.is_unexpected(each)
        and _is_resolved_astray(case, each)
        and (each.result.attempt.address, each.result.port) not in reached
    )


def _place(each: Counted) -> _Place:
    return each.result.host, each.result.attempt.address or ""


def _strays(case: Case) -> frozenset[_Place]:
    hosts = _hosts_of(case, (name for name in case.services_needed if not case.world.networks[name]))
    return frozenset(
        (lookup.host, address)
        for lookup in case.lookups
        if lookup.host in hosts and is_apple_name(lookup.host) and not may_lead_elsewhere(lookup.host)
        if any(map(is_allocated, lookup.addresses))
        for address in lookup.addresses
        if not is_allocated(address)
    )


def _hosts_of(case: Case, services: Iterable[str]) -> set[str]:
    names = set(services)
    return {host for service in case.world.services if service.name in names for host in service.hosts}


def _said_of(strays: Collection[_Place]) -> tuple[str, list[str]]:
    """The addresses, and the hosts."""
    return shortened(sorted({address for _, address in strays})), sorted({host for host, _ in strays})


def _beside_apples(strays: Collection[_Place]) -> str:
    addresses, hosts = _said_of(strays)
    return f"Beside Apple's addresses, answers for {how_many(len(hosts), 'name')} have {addresses}"


def _is_resolved_astray(case: Case, each: Counted) -> bool:
    """Whether an address has nothing of the service's behind it, on any port, and is no good answer."""
    failure, address = each.failure, each.result.attempt.address
    if failure is None or failure.phase not in _AT_THE_ADDRESS or address is None:
        return False
    there = case.by_address.get(address, ())
    if not there or any(map(_is_the_service, there)):
        return False
    # On the way to who delivers for Apple, a firewall may stand that knows Apple's networks only.
    may_be_the_way = failure.reason not in _SOMEBODY_ELSE and case.may_be_elsewhere(each)
    if published_range(address) is None and not may_be_the_way and case.works_at_another_address(each):
        return True
    return case.is_unexpected(each) and (not is_public(address) or _is_a_page(case, each, there))


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
    is_shared = len({other.result.host for other in there}) > 1 and not case.may_be_elsewhere(each)
    if not is_shared and not any(tls is not None and tls.is_for_host is False for tls in certificates):
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
    said = {address for lookup in case.lookups if lookup.host in hosts for address in lookup.addresses}
    return sorted(filter(None, tried or said))


@cause(Cause.DNS_DIFFERS, Hop.RESOLVER, Hop.LOCAL_NETWORK, is_remark=True)
def dns_differs(case: Case) -> Found | None:
    """It leads elsewhere than expected, and that works, or may do so at one of several addresses.

    Or its answers contradict each other, or are worse than another resolver's.
    """
    return _is_led_elsewhere(case) or _has_strays(case) or half_denies(case) or _answers_worse(case)


def _has_strays(case: Case) -> Found | None:
    """Visits come to each address in turn, so what is there may not be known."""
    strays, resolver = _strays(case), the_resolver(case)
    if not strays or not case.path.resolved_families():
        return None
    addresses, hosts = _said_of(strays)
    return Found(
        resolver,
        [each for each in case.counted if each.result.host in hosts],
        f"Ask {resolver.asked} whether {addresses} is in its answers for {shortened(hosts)} on purpose. "
        "If it is an old record, take it out: clients try it too.",
        evidence=_beside_apples(strays),
        reply="",
    )


def _is_led_elsewhere(case: Case) -> Found | None:
    about = [
        each
        for each in case.counted
        if each.result.attempt.failure is None and case.is_unexpected(each) and each.place in case.needs
        if not case.may_be_elsewhere(each)
    ]
    if not about:
        return None
    owner = THE_HOSTS_FILE if all(map(case.stands_in_hosts_file, about)) else the_resolver(case)
    addresses = shortened(sorted({str(each.result.attempt.address) for each in about}))
    names = how_many(len({each.result.host for each in about}), "name")
    return Found(
        owner,
        about,
        f"Ask {owner.asked} whether it leads to {addresses} on purpose. If so, nothing needs to change.",
        evidence=f"{names} can be reached at {addresses}, outside the expected networks",
    )


def _answers_worse(case: Case) -> Found | None:
    """Not by silence, which leaves nothing to compare: where a proxy finds the names too, it is normal."""
    if not (pairs := [(mine, other) for mine, other in odd_lookups(case) if mine.was_heard]):
        return None
    works = {e.result.attempt.address for e in (*case.counted, *case.others) if e.failure is None}
    odd = [
        (mine, other)
        for mine, other in pairs
        if not works.isdisjoint(other.addresses) and (works.isdisjoint(mine.addresses) or _is_foreign(mine))
    ]
    if not odd:
        return None
    resolver = the_resolver(case)
    mine, other = odd[0]
    answer, better = an_answer(mine.reason, mine.addresses), an_answer(None, other.addresses)
    hosts = {lookup.host for lookup, _ in odd}
    return Found(
        resolver,
        [each for each in case.counted if each.result.host in hosts],
        f"Ask {resolver.asked} to compare its answers for {shortened(sorted(hosts))} with those of the "
        f"resolver {other.resolver}.",
        evidence=(
            f"The resolver {other.resolver} answers {how_many(len(odd), 'question')} better, "
            f"such as with {better}"
        ),
        reply=f"{mine.host} {mine.rdtype}: {answer}",
    )


def odd_lookups(case: Case) -> list[tuple[Lookup, Lookup]]:
    """Where this path's resolver says something worse of needed names than another does: both answers."""
    if not case.path.resolved_families():
        return []
    hosts = _hosts_of(case, case.services_needed)
    mine = (e for e in case.lookups if e.host in hosts and is_apple_name(e.host) and _is_odd(e))
    odd = sorted(mine, key=lambda each: (each.host, each.rdtype))
    return [(each, better) for each in odd if (better := _better_answer(case, each)) is not None]


def _better_answer(case: Case, odd: Lookup) -> Lookup | None:
    """The first by the name of the resolver; this machine's own list is none."""
    others = (
        each
        for each in case.world.resolvers.answers[odd.host, odd.rdtype]
        if each.resolver not in (case.path.resolver.name, HOSTS_FILE)
    )
    return next(filter(_is_sound, others), None)


def _is_sound(lookup: Lookup) -> bool:
    return not (_is_odd(lookup) or any(map(is_made_by_dns64, lookup.addresses)))


def _is_foreign(lookup: Lookup) -> bool:
    return not all(map(is_allocated, lookup.addresses))


def _is_odd(lookup: Lookup) -> bool:
    return lookup.reason is not None or not all(_may_be_there(lookup.host, each) for each in lookup.addresses)


def _may_be_there(host: str, address: str) -> bool:
    return is_published(address) or (may_lead_elsewhere(host) and is_public(address))
