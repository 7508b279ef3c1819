"""Whose part of the way it is, and how they are named and asked.

No credentials come here: a proxy is named by host and port.
"""

from collections.abc import Iterable
from typing import NamedTuple

from netcheck.model import findings
from netcheck.model.findings import Hop
from netcheck.model.paths import SYSTEM_RESOLVER, Pac
from netcheck.model.results import HOSTS_FILE, Lookup
from netcheck.verdict.case import Case
from netcheck.verdict.counting import Counted
from netcheck.verdict.matching import goes_directly, unreached_proxy
from netcheck.verdict.naming import shortened, the_hosts


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


def the_chooser(case: Case) -> Owner:
    """Of the ways on a path: a PAC file, or the environment of netcheck."""
    chooser = case.path.chosen_by
    return _owners_of(Hop.PROXY, f"the PAC file {chooser}") if isinstance(chooser, Pac) else THIS_MACHINE


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
