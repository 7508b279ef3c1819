"""How the words of the causes name things: hosts, ports, proxies, resolvers, and the reply that was seen.

No credentials come here: a proxy is named by host and port.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import Family, endpoint_text
from netcheck.model.services import Service
from netcheck.verdict.case import Case, fails_in

_LONGEST = 200
_ON_THE_WAY_TO_THE_PROXY = (Phase.PROXY_RESOLVE, Phase.PROXY_CONNECT, Phase.PROXY_TLS)
_MOST = 3
"""How many of a kind are named before the rest is counted."""


def commonest(case: Case) -> tuple[Phase, Reason, int]:
    """How most of what the rule is about fails, and how much of it."""
    kinds = Counter((each.failure.phase, each.failure.reason) for each in case.about if each.failure)
    (phase, reason), count = max(kinds.items(), key=lambda item: (item[1], item[0]))
    return phase, reason, count


def the_reply(case: Case) -> str:
    """One of the commonest kind of failure, with all that was seen of it."""
    phase, reason, _ = commonest(case)
    fails_so = fails_in(phase, reason)
    first = next(each for each in case.about if each.failure and fails_so(each.failure))
    detail = first.failure.detail[:_LONGEST] if first.failure else ""
    # before the proxy is asked for it, the destination has no part in what happens
    if phase in _ON_THE_WAY_TO_THE_PROXY:
        return detail or reason
    return f"{endpoint_text(first.result.host, first.result.port)}: {detail or reason}"


def listed(items: Iterable[object]) -> str:
    texts = list(dict.fromkeys(map(str, items)))  # services may share a host
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def shortened(items: Sequence[str]) -> str:
    more = [f"{len(items) - _MOST} more"] if len(items) > _MOST else []
    return listed([*items[:_MOST], *more])


FAMILIES = {Family.IPV4: "IPv4", Family.IPV6: "IPv6"}


def the_ports(case: Case) -> str:
    """The ports it is about, and over which family where it is not about all."""
    return named_ports(sorted({each.result.port for each in case.about})) + over(case)


def over(case: Case) -> str:
    families = {each.family for each in case.about} & set(FAMILIES)
    others = {each.family for each in case.seen} & set(FAMILIES) - families
    return f" over {FAMILIES[next(iter(families))]}" if len(families) == 1 and others else ""


def named_ports(ports: Sequence[int]) -> str:
    return f"port{'s' if len(ports) > 1 else ''} {listed(ports)}"


def the_hosts(case: Case) -> str:
    """The hosts it is about: each service's as a whole, where more of them fail than can be named."""
    if case.path.load_balancer:
        return _balancers(case)
    failing: dict[str, set[str]] = {}
    for each in case.about:
        failing.setdefault(each.result.service, set()).add(each.result.host)
    return listed(
        _hosts_of(service) if len(failing[service.name]) > _MOST else listed(sorted(failing[service.name]))
        for service in case.world.services
        if service.name in failing
    )


def _hosts_of(service: Service) -> str:
    numbers, domains = zip(*(host.partition("-")[::2] for host in service.hosts), strict=True)
    if len(set(domains)) == 1 and domains[0] and all(map(str.isdecimal, numbers)):
        return f"N-{domains[0]} with N from {numbers[0]} to {numbers[-1]}"
    return shortened(service.hosts)


def _balancers(case: Case) -> str:
    """What stands in for the hosts, with its address."""
    places = sorted({(each.result.host, each.result.port) for each in case.about})
    return shortened(
        [
            f"the load balancer {endpoint_text(balancer.address, balancer.port or port)} "
            f"for {endpoint_text(host, port)}"
            for host, port in places
            if (balancer := case.path.balancer(host, port))
        ]
    )


def the_failed_hosts(case: Case) -> str:
    if case.path.load_balancer:
        return _balancers(case)
    return shortened(sorted({each.result.host for each in case.about}))


def the_proxy(case: Case) -> str:
    proxy = case.path.proxy
    if proxy is None:
        return f"the path {case.path.name}"
    return f"the proxy {endpoint_text(proxy.host, proxy.port)}"


def the_inspector(case: Case) -> str:
    return the_proxy(case) if case.path.proxy else "the firewall"


def the_resolver(case: Case) -> str:
    return f"the resolver {case.path.resolver.name}"


def the_answer(reason: Reason | None, addresses: Sequence[str]) -> str:
    return reason or shortened(addresses)
