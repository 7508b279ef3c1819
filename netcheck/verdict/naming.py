"""How the words of the causes name things: hosts, ports, owners, and the reply that was seen.

No credentials come here: a proxy is named by host and port.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from netcheck.apns.addresses import PUBLISHED_RANGES, is_push_name
from netcheck.model import findings
from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Hop
from netcheck.model.hosts import endpoint_text
from netcheck.model.paths import SYSTEM_RESOLVER, Family, Pac, way_in_short
from netcheck.model.results import HOSTS_FILE, Lookup
from netcheck.model.services import Service
from netcheck.phrases import listed, ports_text
from netcheck.verdict.case import Case
from netcheck.verdict.counting import Counted
from netcheck.verdict.failures_in_words import failure_in_words
from netcheck.verdict.grouping import grouped
from netcheck.verdict.matching import (
    are_mostly_at_times,
    fails_in,
    goes_directly,
    is_by_name,
    is_of_push,
    may_not_know_the_name,
    unreached_proxy,
)

_LONGEST = 200
_LONGEST_ANSWER = 60
_ON_THE_WAY_TO_THE_PROXY = (Phase.PROXY_RESOLVE, Phase.PROXY_CONNECT, Phase.PROXY_TLS)
_MOST = 3
"""How many of a kind are named before the rest is counted."""


class Owner(NamedTuple):
    """Whose part it is, and how it is called in a sentence."""

    hop: Hop
    name: str
    asked: str
    """Who is asked about it, after `Ask`."""


def _owners_of(hop: Hop, name: str) -> Owner:
    return Owner(hop, name, f"the owners of {name}")


APPLE = Owner(Hop.APPLE, "Apple", "Apple")
STATUS_PAGE = "www.apple.com/support/systemstatus"
"""Where Apple tells of its own trouble."""
DEVELOPERS = Owner(Hop.NETCHECK, "the developers of netcheck", "the developers of netcheck")
FIREWALL = _owners_of(Hop.FIREWALL, "the firewall")
THE_MDM_SERVER = Owner(Hop.OWN_SERVICE, "the MDM server", "those who run the MDM server")
THIS_MACHINE = Owner(Hop.LOCAL_NETWORK, "the machine that runs netcheck", "whoever runs netcheck's machine")
THE_HOSTS_FILE = THIS_MACHINE._replace(asked=f"whoever wrote {HOSTS_FILE} on {THIS_MACHINE.name}")
THIS_NETWORK = _owners_of(Hop.LOCAL_NETWORK, findings.THIS_NETWORK)


def the_proxy(case: Case, about: Iterable[Counted]) -> Owner:
    """By its address; of several in a row those at which it ended, or that those before cannot reach.

    Of a PAC file, where it names none.
    """
    ended_at = (unreached_proxy(each) or each.result.attempt.proxy for each in about)
    usual = case.path.proxies[-1:]
    places = sorted({proxy.place for found in ended_at for proxy in ((found,) if found else usual)})
    if not places:
        return the_chooser(case)
    return _owners_of(Hop.PROXY, f"the prox{'ies' if len(places) > 1 else 'y'} {shortened(places)}")


def the_next_proxies(about: Iterable[Counted]) -> str:
    """Those in the row that a proxy was asked for; empty where it was asked for the destination."""
    places = sorted({proxy.place for each in about if (proxy := each.result.attempt.next_proxy)})
    return f"the next prox{'ies' if len(places) > 1 else 'y'} {shortened(places)}" if places else ""


def the_chooser(case: Case) -> Owner:
    """Of the ways on a path: a PAC file, or the environment of netcheck."""
    chooser = case.path.chosen_by
    return _owners_of(Hop.PROXY, f"the PAC file {chooser}") if isinstance(chooser, Pac) else THIS_MACHINE


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


def or_another_way(case: Case, about: Sequence[Counted]) -> str:
    """A sentence: what else would do where a PAC file or the environment has chosen what does not work."""
    chooser = case.path.chosen_by
    if chooser is None or not about:
        return ""
    if all(map(_PROXY_HAS_NO_ADDRESS, about)):
        if isinstance(chooser, Pac):
            return f" Or ask {the_chooser(case).asked} to correct this name in it."
        return " Or correct this name in the environment of netcheck."
    if not case.leads_nowhere_directly(about):
        return ""
    if isinstance(chooser, Pac):
        owners, answer = the_chooser(case).asked, the_answer(about)
        return f" Or ask {owners} to name a proxy for these hosts: it answers {answer}."
    if chooser.https is None:
        return " Or name a proxy for these hosts in https_proxy, where netcheck runs: none is set."
    return " Or take these hosts out of NO_PROXY where netcheck runs: it keeps them from the proxy."


def or_a_later_way(case: Case, about: Iterable[Counted]) -> str:
    """A sentence: which way would do of those that a PAC file names behind the one that is taken."""
    choices = [each.result.choice for each in about if each.failure is not None]
    attempts = [choice.attempts if choice else () for choice in choices]
    works = [{way_in_short(each.proxies) for each in its if each.failure is None} for its in attempts]
    if not works or not (common := sorted(set.intersection(*works))):
        return ""
    return f" Or ask {the_chooser(case).asked} to name {common[0]} first: that leads there."


def only_by_a_member(case: Case, about: Collection[Counted]) -> str:
    """A sentence, where some addresses of a proxy's name are at fault, and others are not."""
    members = {each.result.attempt.member or "" for each in about}
    if not members or not members <= case.members_at_fault:
        return ""
    plural = "es" if len(members) > 1 else ""
    return f" This is so at its address{plural} {shortened(sorted(members))} only: its others lead there."


def or_of_its_names(case: Case, about: Collection[Counted]) -> str:
    """A sentence, where a proxy's answers do not tell whether it is its name resolution that fails."""
    known = case.names_known_to_proxy
    unclear = about and all(may_not_know_the_name(e) and e.result.host not in known for e in about)
    return (
        " By its answers the proxy may also not know these names: ask about its DNS too." if unclear else ""
    )


_PROXY_HAS_NO_ADDRESS = fails_in(Phase.PROXY_RESOLVE, Reason.NXDOMAIN, Reason.NO_ANSWER)


def the_resolver(case: Case, said: Iterable[Lookup] = ()) -> Owner:
    """By its name in the config, and the addresses that were asked: others of its may know better.

    Where it is of what was `said`, by the addresses of those who did.
    """
    resolver = case.path.resolver
    saying = {each.nameserver for lookup in said for each in lookup.tries if each.reason is lookup.reason}
    tried = {each.nameserver for lookup in case.lookups for each in lookup.tries}
    asked = sorted(saying or tried) or [str(server) for server in resolver.nameservers]
    if resolver.name == SYSTEM_RESOLVER.name:
        name = "this machine's resolver"
    else:
        name = "the resolver" if case.path.by_options else f"the resolver {resolver.name}"
    return _owners_of(Hop.RESOLVER, f"{name} ({shortened(asked)})" if asked else name)


def the_balancers(about: Iterable[Counted]) -> Owner:
    """Those that were asked in the hosts' place, by their addresses."""
    names = sorted({each.result.attempt.balancer for each in about if each.result.attempt.balancer})
    return _owners_of(Hop.LOAD_BALANCER, f"the load balancer{'s' * (len(names) > 1)} {shortened(names)}")


def those_who_run(case: Case, about: Iterable[Counted]) -> Owner:
    """Of services of the user's own."""
    name = f"those who run {the_hosts(case, about)}"
    return Owner(Hop.OWN_SERVICE, name, name)


def on_the_way(case: Case, about: Iterable[Counted]) -> Owner:
    """Who passes connections on: what lies behind a proxy is asked of the proxy's owners."""
    about = list(about)
    if case.path.is_proxied and not all(map(goes_directly, about)):
        return the_proxy(case, about)
    return the_balancers(about) if case.path.load_balancer else FIREWALL


def commonest(about: Iterable[Counted]) -> tuple[Phase, Reason, int]:
    """How most of them fail, and how many do so."""
    kinds = Counter((each.failure.phase, each.failure.reason) for each in about if each.failure)
    (phase, reason), count = max(kinds.items(), key=lambda item: (item[1], item[0]))
    return phase, reason, count


def how_often(case: Case, about: Sequence[Counted], words: str = "", *, says_where: bool = True) -> str:
    """How most of them fail, and how many of all that failed there; `words` say more than the reason.

    Without `says_where`, ports and family are named before it.
    """
    phase, reason, count = commonest(about)
    words = words or failure_in_words(phase, reason)
    return f"{words} in {how_many_fail(case, about, count, says_where=says_where)}"


def how_many_fail(case: Case, about: Sequence[Counted], count: int, *, says_where: bool) -> str:
    """Of the probes to the same places: what fails elsewhere has another reason, and weakens nothing."""
    places = {(each.place, each.family) for each in about}
    failed = [each for each in case.failed if (each.place, each.family) in places]
    others = [each for each in case.failed if (each.place, each.family) not in places]
    which = _of_which(case, about, others, says_where=says_where)
    if count < len(failed):
        return f"{count} of {len(failed)} failed probes{which}"
    if len(failed) > 1:
        return f"all {len(failed)} failed probes{which}"
    return f"the one failed probe{which}" if which else "the one probe that failed"


def _of_which(case: Case, about: Sequence[Counted], others: Sequence[Counted], *, says_where: bool) -> str:
    """What sets them apart from the others that fail."""
    places = {each.place for each in about}
    services, ports = {each.service for each in places}, {each.port for each in places}
    is_of_services = any(each.result.service not in services for each in others)
    alike = [each for each in others if each.result.service in services]
    is_of_ports = says_where and any(each.result.port not in ports for each in alike)
    if is_of_services and is_of_ports:
        which = f" of {shortened([f'{service}:{port}' for service, port in sorted(places)])}"
    elif is_of_services:
        which = f" of {shortened(sorted(services))}"
    else:
        which = f" on {ports_text(ports)}" if is_of_ports else ""
    is_of_family = says_where and any(each.place in places for each in alike)
    return which + (over(case, about) if is_of_family else "")


def the_reply(about: Sequence[Counted], *, is_of_destination: bool = True) -> str:
    """One of the commonest kind of failure, with all that was seen of it.

    Where it is not `is_of_destination`, it would be the same for any host and port.
    """
    phase, reason, _ = commonest(about)
    fails_so = fails_in(phase, reason)
    first = next(each for each in about if fails_so(each))
    detail = first.failure.detail[:_LONGEST] if first.failure else ""
    # before the proxy is asked for it, the destination has no part in what happens
    if phase in _ON_THE_WAY_TO_THE_PROXY or not is_of_destination:
        return detail or reason
    return f"{endpoint_text(first.result.host, first.result.port)}: {detail or reason}"


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
