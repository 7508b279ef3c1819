"""The words of the causes: evidence in numbers, and a next step that can be forwarded as it stands.

A next step names hosts, ports, ranges and the reply that was seen. Decides nothing. No credentials come here:
a proxy is named by host and port.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from netcheck.apns.addresses import PUBLISHED_RANGES
from netcheck.model import Family, Phase, Reason, Service
from netcheck.verdict import links
from netcheck.verdict.case import Case, fails_in, reason_is

_LONGEST = 200
_ON_THE_WAY_TO_THE_PROXY = (Phase.PROXY_RESOLVE, Phase.PROXY_CONNECT, Phase.PROXY_TLS)
_MOST = 3
"""How many of a kind are named before the rest is counted."""


def example(case: Case) -> str:
    """The commonest kind of what the rule is about, how common, and one of its kind in full."""
    kinds = Counter((each.failure.phase, each.failure.reason) for each in case.about if each.failure)
    (phase, reason), count = max(kinds.items(), key=lambda item: (item[1], item[0]))
    return f"{phase} {reason} in {count} of {len(case.failed)} failed probes; {_such(case, phase, reason)}"


def _such(case: Case, phase: Phase, reason: Reason) -> str:
    fails_so = fails_in(phase, reason)
    first = next(each for each in case.about if each.failure and fails_so(each.failure))
    detail = first.failure.detail[:_LONGEST] if first.failure else ""
    # before the proxy is asked for it, the destination has no part in what happens
    where = "" if phase in _ON_THE_WAY_TO_THE_PROXY else f"{first.result.host}:{first.result.port}: "
    return f"for example {where}{detail or reason}"


def _reply(case: Case) -> str:
    """What was seen of the commonest failure, without the counts."""
    return example(case).partition("; for example ")[2]


# How things are named.


def _listed(items: Iterable[object], joint: str = "and") -> str:
    texts = list(dict.fromkeys(map(str, items)))  # services may share a host
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {joint} {texts[-1]}"


def _shortened(items: Sequence[str]) -> str:
    more = [f"{len(items) - _MOST} more"] if len(items) > _MOST else []
    return _listed([*items[:_MOST], *more])


def _ports(case: Case) -> str:
    """The ports it is about, and over which family where it is not about all."""
    return _named(sorted({each.result.port for each in case.about})) + _over(case)


def _over(case: Case) -> str:
    families = {each.family for each in case.about} & set(_FAMILIES)
    others = {each.family for each in case.seen} & set(_FAMILIES) - families
    return f" over {_FAMILIES[next(iter(families))]}" if len(families) == 1 and others else ""


_FAMILIES = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}


def _named(ports: Sequence[int]) -> str:
    return f"port{'s' if len(ports) > 1 else ''} {_listed(ports)}"


def _hosts(case: Case) -> str:
    """The hosts it is about: each service's as a whole, where more of them fail than can be named."""
    if case.path.load_balancer:
        return _balancers(case)
    failing: dict[str, set[str]] = {}
    for each in case.about:
        failing.setdefault(each.result.service, set()).add(each.result.host)
    return _listed(
        _hosts_of(service) if len(failing[service.name]) > _MOST else _listed(sorted(failing[service.name]))
        for service in case.world.services
        if service.name in failing
    )


def _hosts_of(service: Service) -> str:
    numbers, domains = zip(*(host.partition("-")[::2] for host in service.hosts), strict=True)
    if len(set(domains)) == 1 and domains[0] and all(map(str.isdecimal, numbers)):
        return f"N-{domains[0]} with N from {numbers[0]} to {numbers[-1]}"
    return _shortened(service.hosts)


def _balancers(case: Case) -> str:
    """What stands in for the hosts, with its address."""
    places = sorted({(each.result.host, each.result.port) for each in case.about})
    return _shortened(
        [
            f"the load balancer {balancer.address}:{balancer.port or port} for {host}:{port}"
            for host, port in places
            if (balancer := case.path.balancer(host, port))
        ]
    )


def _failed_hosts(case: Case) -> str:
    if case.path.load_balancer:
        return _balancers(case)
    return _shortened(sorted({each.result.host for each in case.about}))


def _proxy(case: Case) -> str:
    proxy = case.path.proxy
    if proxy is None:
        return f"the path {case.path.name}"
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    return f"the proxy {host}:{proxy.port}"


def _via(case: Case) -> str:
    return _proxy(case) if case.path.proxy else "the firewall"


def _resolver(case: Case) -> str:
    return f"the resolver {case.path.resolver.name}"


# Local: this machine, its network, its resolvers.


def report_the_bug(case: Case) -> str:
    return f"Report this to the developers of netcheck, with the traceback of its log: {_reply(case)}"


def mend_this_machine(case: Case) -> str:
    reasons = {each.failure.reason for each in case.about if each.failure}
    if Reason.FD_EXHAUSTED in reasons:
        what = "raise netcheck's limit of open files"
    elif Reason.NO_LOCAL_ADDRESS in reasons:
        what = f"correct the interface or source address of the path {case.path.name}"
    else:
        what = f"give {_resolver(case)} a route, or the path {case.path.name} another resolver"
    return f"On the machine that runs netcheck, {what}: {_reply(case)}"


def nothing_anywhere(case: Case) -> str:
    count = len(case.elsewhere()) + 1
    what = "the only path" if count == 1 else f"any of {count} paths"
    return f"nothing answers on {what}: {example(case)}"


def mend_the_network(case: Case) -> str:
    return (
        "Look at this machine's own network first, its link, addresses and default route: nothing answers on "
        f"any path ({_reply(case)})"
    )


def unblock_the_names(case: Case) -> str:
    return (
        f"Ask the owners of {_resolver(case)} to take *.push.apple.com off its block list: for "
        f"{_hosts(case)} it "
        f"gives addresses that cannot be Apple's ({_reply(case)})"
    )


def example_of_lookup(case: Case) -> str:
    """With what another resolver says of the same names, where one was asked."""
    others = sorted({sound.resolver for _, sound in links.odd_lookups(case)})
    beside = f"; {_listed(others)} answers for the same names" if others else ""
    return f"{example(case)}{beside}"


def resolve_the_names(case: Case) -> str:
    return f"Ask the owners of {_resolver(case)} to resolve {_resolved(case)}: {_reply(case)}"


def _resolved(case: Case) -> str:
    at_proxy = any(
        each.failure is not None and each.failure.phase is Phase.PROXY_RESOLVE for each in case.about
    )
    return f"{case.path.proxy.host}, the proxy's name" if at_proxy and case.path.proxy else _hosts(case)


def which_lookups_differ(case: Case) -> str:
    odd = links.odd_lookups(case)
    mine, other = odd[0]
    return (
        f"{_resolver(case)} answers otherwise than {other.resolver} for {len(odd)} names and types; for "
        "example "
        f"{mine.host} {mine.rdtype}: {_answer(mine.reason, mine.addresses)}, but "
        f"{_answer(None, other.addresses)}"
    )


def _answer(reason: Reason | None, addresses: Sequence[str]) -> str:
    return reason or _shortened(addresses)


def compare_the_resolvers(case: Case) -> str:
    mine, other = links.odd_lookups(case)[0]
    return (
        f"Ask the owners of {_resolver(case)} why {mine.host} ({mine.rdtype}) is "
        f"{_answer(mine.reason, mine.addresses)} there, and {_answer(None, other.addresses)} at the resolver "
        f"{other.resolver}"
    )


# The proxy.


def log_in(case: Case) -> str:
    return (
        f"Ask the owners of {_proxy(case)} for a login that it accepts, or to let {_hosts(case)} through "
        "without one, "
        f"since devices cannot log in: {_reply(case)}"
    )


def start_the_proxy(case: Case) -> str:
    phases = {each.failure.phase for each in case.about if each.failure}
    owners = f"Ask the owners of {_proxy(case)}"
    if phases == {Phase.PROXY_TLS}:
        return f"{owners} to mend its own TLS: {_reply(case)}"
    if phases == {Phase.PROXY_HANDSHAKE}:
        return (
            f"See whether the path {case.path.name} has the right host, port and scheme for "
            f"{_proxy(case)}, then ask "
            "its owners: what is there can be connected to, and does not answer as such a proxy "
            f"({_reply(case)})"
        )
    return f"{owners} to see that it runs and can be reached from here: {_reply(case)}"


def relieve_the_proxy(case: Case) -> str:
    return f"Ask the owners of {_proxy(case)} why it turns requests away for being too many: {_reply(case)}"


def denied_and_allowed_ports(case: Case) -> str:
    denied = [e for e in case.seen if e.failure and e.failure.reason is Reason.PROXY_DENIED]
    allowed = sorted({each.result.port for each in case.seen if each.connected})
    names_work = any(each.connected and each.family is Family.NAME for each in case.seen)
    by_address = all(each.family is not Family.NAME for each in denied) and names_work
    how = " to destinations given by address" if by_address else ""
    rest = f"it lets others through on {_listed(allowed)}" if allowed else "it lets nothing through"
    ports = sorted({each.result.port for each in denied})
    return f"{_proxy(case)} denies {_named(ports)}{how}; {rest}; {_reply(case)}"


def allow_the_ports(case: Case) -> str:
    return (
        f"Ask the owners of {_proxy(case)} to allow connections to {_hosts(case)} on {_ports(case)}, without "
        f"decrypting them; now it answers: {_reply(case)}"
    )


def mend_the_proxy_s_dns(case: Case) -> str:
    return (
        f"Ask the owners of {_proxy(case)} to mend its name resolution: it cannot connect to "
        f"{_hosts(case)} by name "
        f"({_reply(case)})"
    )


def compare_the_proxy_s_dns(case: Case) -> str:
    return (
        f"Ask the owners of {_proxy(case)} which addresses its resolver has for {_hosts(case)}: asked by "
        "name it fares "
        f"otherwise than asked by the addresses that {_resolver(case)} has ({_reply(case)})"
    )


def open_the_way_behind_the_proxy(case: Case) -> str:
    denied = sorted({each.result.port for each in case.such(reason_is(Reason.PROXY_DENIED))})
    besides = f"; it also denies {_named(denied)}" if denied else ""
    return (
        f"Ask the owners of {_proxy(case)} to see that it can itself connect to {_hosts(case)} on "
        f"{_ports(case)}{_networks(case)}: {_reply(case)}{besides}"
    )


def see_what_the_proxy_hides(case: Case) -> str:
    return (
        f"Ask the owners of {_proxy(case)} why it reports connections to {_hosts(case)} on {_ports(case)} as "
        f"established when no TLS comes through them: {_reply(case)}"
    )


def how_slow(case: Case) -> str:
    proxied, plain = links.slower_than_direct(case) or (0.0, 0.0)
    return f"a connection through {_proxy(case)} takes {proxied:.2f} s, directly {plain:.3f} s (medians)"


def speed_up_the_proxy(case: Case) -> str:
    return f"Ask the owners of {_proxy(case)} what slows it down: {how_slow(case)}"


# What stands in the way of TLS, at the firewall or at the proxy.


def stop_decrypting(case: Case) -> str:
    return (
        f"Ask the owners of {_via(case)} to except *.push.apple.com from TLS inspection: devices refuse "
        "certificates "
        f"that are not Apple's ({_reply(case)})"
    )


def lead_to_apple(case: Case) -> str:
    if case.is_apple_s:
        return (
            f"Ask the owners of {_via(case)} what answers in Apple's place for {_hosts(case)} on "
            f"{_ports(case)}, "
            f"a login page or a block page perhaps: {_reply(case)}"
        )
    if any(each.failure and each.failure.reason is Reason.TLS_NOT_TLS for each in case.about):
        return f"Ask those who run {_hosts(case)} why there is no TLS on {_ports(case)}: {_reply(case)}"
    return (
        f"Ask those who run {_hosts(case)} about the certificate on {_ports(case)}, or name its authority "
        "as the "
        f"service's ca_file: {_reply(case)}"
    )


def let_large_packets_through(case: Case) -> str:
    return (
        f"Ask the owners of the firewall about {_hosts(case)} on {_ports(case)}: connections come about, "
        "but the "
        "large packets of the TLS answer never arrive. Either a link with a smaller MTU loses them (let "
        "the ICMP "
        "messages 'fragmentation needed' and 'packet too big' through), or a filter swallows TLS "
        f"({_reply(case)})"
    )


def let_tls_through(case: Case) -> str:
    return (
        f"Ask the owners of the firewall to let TLS to {_hosts(case)} on {_ports(case)} through without "
        "inspection: "
        f"it is cut right after it begins ({_reply(case)})"
    )


def let_the_session_through(case: Case) -> str:
    return (
        f"Ask the owners of {_via(case)} to pass what follows TLS to {_hosts(case)} on {_ports(case)} "
        "unchanged, "
        f"HTTP/2 for the provider API: {_reply(case)}"
    )


# The firewall and the networks behind it.


def which_ranges(case: Case) -> str:
    ports = {each.result.port for each in case.about}
    hosts = len({each.result.host for each in case.about})
    tried = len({each.result.host for each in case.seen if each.result.port in ports})
    counted = "; ".join(f"{name}: {_in_range(case, name)}" for name in links.ranges_of(case.about))
    return f"{hosts} of {tried} hosts fail on {_ports(case)}, all with addresses in {counted}"


def _in_range(case: Case, name: str) -> str:
    """How many addresses of the range were tried on the ports in question; none of them answers."""
    addresses = {each.result.attempt.address for each in case.about if links.is_in(each, name)}
    return f"0 of {len(addresses)} addresses answer"


def open_the_ranges(case: Case) -> str:
    ranges = links.ranges_of(case.about)
    return (
        f"Ask the owners of the firewall to allow {_ports(case)} to {_listed(ranges)}, as to the other "
        "networks that "
        f"Apple publishes (support.apple.com/102266): {_reply(case)}"
    )


def which_family(case: Case) -> str:
    return f"nothing answers over {_FAMILIES[case.about[0].family]}, other addresses do; {example(case)}"


def mend_the_family(case: Case) -> str:
    family = _FAMILIES[case.about[0].family]
    whose = _proxy(case) if case.path.proxy else "this network"
    return (
        f"Ask the owners of {whose} to mend its {family}, or not to offer it: connections to "
        f"{_hosts(case)} on "
        f"{_ports(case)} fail ({_reply(case)})"
    )


def blocked_and_open_ports(case: Case) -> str:
    families = {each.family for each in case.about}
    dead = sorted({each.result.port for each in case.about})
    answering = {e.result.port for e in case.seen if e.connected and e.family in families} - set(dead)
    rest = f"{_listed(sorted(answering))} can be connected to" if answering else "no other port answers"
    return f"nothing answers on {_named(dead)}{_over(case)}; {rest}; {example(case)}"


def open_the_ports(case: Case) -> str:
    return (
        f"Ask the owners of the firewall to allow TCP {_ports(case)} to {_hosts(case)}{_networks(case)}: "
        f"{_reply(case)}"
    )


def _networks(case: Case) -> str:
    """Apple's networks, where the services are Apple's: not every firewall has rules for names."""
    return f" (Apple's networks {_listed(PUBLISHED_RANGES)})" if case.is_apple_s else ""


def how_many_asked_twice(case: Case) -> str:
    twice, of_all = links.asked_twice(case.seen)
    return f"{twice} of {of_all} connections came about only after their request was sent again"


def find_the_loss(case: Case) -> str:
    return f"Ask the owners of this network where packets are lost: {how_many_asked_twice(case)}"


def reached_elsewhere(case: Case) -> str:
    count = len(links.reached_elsewhere(case))
    return f"{count} of {len(case.failed)} failed probes work over another path; {example(case)}"


def open_the_hosts(case: Case) -> str:
    """Of a service of the user's own, it may be the service itself that is down."""
    beside = ", which another path reaches" if links.reached_elsewhere(case) else ""
    if case.is_apple_s:
        return (
            f"Ask the owners of the firewall to allow {_ports(case)} to {_failed_hosts(case)}{beside}: "
            f"{_reply(case)}"
        )
    return (
        f"See whether anything listens on {_ports(case)} of {_failed_hosts(case)}{beside}, then ask the "
        f"owners of the firewall to allow that: {_reply(case)}"
    )


def which_hosts(case: Case) -> str:
    failed = {each.result.host for each in case.failed}
    tried = {e.result.host for e in case.seen if (e.result.service, e.result.port) in case.deciding}
    return f"{len(failed)} of {len(tried)} hosts fail: {_failed_hosts(case)}; {example(case)}"


def watch_the_hosts(case: Case) -> str:
    return (
        f"Wait and watch, then ask Apple (www.apple.com/support/systemstatus): only {_failed_hosts(case)} on "
        f"{_ports(case)} cannot be reached from here ({_reply(case)})"
    )


def down_on_every_path(case: Case) -> str:
    names = _listed(service.name for service in case.services)
    paths = len(case.elsewhere()) + 1
    return f"{names} cannot be reached over any of {paths} paths, other services can; {example(case)}"


def ask_apple(case: Case) -> str:
    return (
        f"Look at Apple's status page (www.apple.com/support/systemstatus) and ask Apple: {_hosts(case)} on "
        f"{_ports(case)} cannot be reached over any path, while other hosts can ({_reply(case)})"
    )
