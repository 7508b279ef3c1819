"""How the words of the causes name things: hosts, ports, families, and what was answered."""

from collections.abc import Collection, Iterable, Sequence

from netcheck.apns.addresses import PUBLISHED_RANGES, is_push_name
from netcheck.grouping import grouped
from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import Family
from netcheck.model.services import Service
from netcheck.phrases import listed, ports_text
from netcheck.verdict.case import Case
from netcheck.verdict.counting import Counted
from netcheck.verdict.matching import are_mostly_at_times, is_by_name, is_of_push, may_not_know_the_name

_LONGEST_ANSWER = 60
_MOST = 3
"""How many of a kind are named before the rest is counted."""


def the_next_proxies(about: Iterable[Counted]) -> str:
    """Those in the row that a proxy was asked for; empty where it was asked for the destination."""
    places = sorted({proxy.place for each in about if (proxy := each.result.attempt.next_proxy)})
    return f"the next prox{'ies' if len(places) > 1 else 'y'} {shortened(places)}" if places else ""


def unresolved_proxies(case: Case, about: Iterable[Counted]) -> list[str]:
    """The names of the proxies for which this machine asks in vain."""
    at_proxy = [each for each in about if each.failure and each.failure.phase is Phase.PROXY_RESOLVE]
    proxies = (each.result.attempt.proxy or next(iter(case.path.proxies), None) for each in at_proxy)
    return sorted({proxy.host for proxy in proxies if proxy})


def the_answer(about: Iterable[Counted]) -> str:
    """What a PAC file said of one of them, in short."""
    said = next(choice.said for each in about if (choice := each.result.choice))
    short = said if len(said) <= _LONGEST_ANSWER else f"{said[:_LONGEST_ANSWER]}…"
    return f'"{short}"' if short else "nothing"


def or_of_its_names(case: Case, about: Collection[Counted]) -> str:
    """A sentence, where a proxy's answers do not tell whether it is its name resolution that fails."""
    known = case.names_known_to_proxy
    unclear = about and all(may_not_know_the_name(e) and e.result.host not in known for e in about)
    return (
        " By its answers the proxy may also not know these names: ask about its DNS too." if unclear else ""
    )


def mend_the_stores(stores: Sequence[str]) -> str:
    """A sentence: what to do where netcheck cannot use these files of authorities."""
    return (
        "On the machine that runs netcheck, make sure that netcheck can read certificates in PEM from "
        f"{shortened(stores)}, in time."
    )


def shortened(items: Sequence[str]) -> str:
    return listed(_first(items))


def _first(items: Sequence[str]) -> list[str]:
    more = [f"{len(items) - _MOST} more"] if len(items) > _MOST else []
    return [*items[:_MOST], *more]


FAMILIES = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}


def the_ports(case: Case, about: Sequence[Counted]) -> str:
    """The ports, and over which family where it is not about all."""
    return ports_text({each.result.port for each in about}) + over(case, about)


def over(case: Case, about: Sequence[Counted]) -> str:
    families = {each.family for each in about} & set(FAMILIES)
    places = {each.place for each in about}
    others = {each.family for each in case.counted if each.place in places} & set(FAMILIES) - families
    return f" over {FAMILIES[next(iter(families))]}" if len(families) == 1 and others else ""


def the_hosts(case: Case, about: Iterable[Counted]) -> str:
    """The hosts: a numbered service's as a whole, where more of them fail than can be named."""
    failing = grouped((each.result.service, each.result.host) for each in about)
    single: list[str] = []
    families: dict[str, list[str]] = {}
    for service in case.world.services:
        hosts = sorted(failing.pop(service.name, ()))
        if len(hosts) > _MOST and (numbered := _numbered(service)):
            domain, numbers = numbered
            families.setdefault(numbers, []).append(f"N-{domain}")
        else:
            single += hosts
    single = list(dict.fromkeys(single))  # services may share a host
    named = [f"{listed(domains)} ({numbers})" for numbers, domains in families.items()]
    return listed([*named, *_first(single)])


def the_names_in_tls(case: Case, about: Sequence[Counted]) -> str:
    """Sentences: what a filter sees, where TLS does not name the hosts. A proxy may compare the two.

    One in the way that nobody configured may look the name up: of couriers, it has no address. A filter that
    goes by names does so each time.
    """
    if are_mostly_at_times(about):
        return ""
    names = {s.name: s.tls.server_name for s in case.world.services if s.tls.server_name}
    mine = sorted({names[each.result.service] for each in about if each.result.service in names})
    if not mine:
        return ""
    alike = [
        each
        for each in case.counted
        if each.failure is None and each.result.attempt.tls and each.result.service not in names
    ]
    which = f"name is {mine[0]}" if len(mine) == 1 else f"names are {listed(mine)}"
    if alike and all(_may_be_compared(each) and each.result.service in names for each in about):
        return (
            f" The proxy is asked for the hosts, and in TLS their {which} (SNI). "
            f"It may insist that both match: where they do, {the_hosts(case, alike)} can be reached."
        )
    looked_up = (
        " These have no address: whatever connects on in the client's place must go where the client goes."
        if alike and all(map(is_push_name, mine))
        else ""
    )
    return f" In TLS their {which} (SNI).{looked_up}"


def _may_be_compared(each: Counted) -> bool:
    """Whether a proxy is told the name of the host."""
    return is_by_name(each) and bool(each.result.attempt.proxies)


def _numbered(service: Service) -> tuple[str, str] | None:
    """The domain and the numbers, where its hosts are NUMBER-DOMAIN."""
    parts = [host.partition("-") for host in service.hosts]
    numbers, domains = [number for number, _, _ in parts], {domain for _, _, domain in parts}
    if len(domains) != 1 or "" in domains or not all(map(str.isdecimal, numbers)):
        return None
    return domains.pop(), f"N: {numbers[0]} to {numbers[-1]}"


def the_failed_hosts(about: Iterable[Counted]) -> str:
    return shortened(sorted({each.result.host for each in about}))


def apples_networks(about: Iterable[Counted]) -> str:
    """A sentence of its own, where it is push that fails: not every firewall has rules for names."""
    return f" Apple's networks are {listed(PUBLISHED_RANGES)}." if all(map(is_of_push, about)) else ""


def an_answer(reason: Reason | None, addresses: Sequence[str]) -> str:
    return reason or shortened(addresses)
