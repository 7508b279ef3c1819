"""The picture of a path: a chain of hops, with the broken one marked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netcheck.model.failing import Phase
from netcheck.model.findings import THIS_NETWORK, Finding, Hop, Judgement, Verdict
from netcheck.model.paths import Binding, ProbePath, Resolver
from netcheck.telling.answers import in_short


@dataclass(frozen=True, slots=True)
class Link:
    """One hop: `state` is ok, limited, broken, beyond (behind what is broken), expected, or unknown."""

    name: str
    detail: str
    state: str
    says: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    path: str
    links: tuple[Link, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong on it."""
        return all(link.state in ("ok", "expected") for link in self.links)


@dataclass(frozen=True, slots=True)
class _Place:
    """A hop as the config knows it, and whose fault would be there."""

    name: str
    detail: str
    hops: tuple[Hop, ...]
    is_network: bool = False
    """Whether, of the hop `local_network`, it is what is not this machine."""

    def has(self, finding: Finding) -> bool:
        return finding.hop in self.hops and self.is_network == (finding.owner == THIS_NETWORK)


def chain(path: ProbePath, judgements: Iterable[Judgement]) -> Chain:
    """What the judgements of a path say about each of its hops."""
    judged = [each for each in judgements if each.path == path.name]
    faults = [(finding, each) for each in judged for finding in each.faults]
    places = _places(path, [finding for finding, _ in faults])
    unknown = all(each.verdict is Verdict.UNKNOWN for each in judged)
    nothing_arrives = all(each.verdict is Verdict.NOT_READY for each in judged)
    links: list[Link] = []
    is_closed = bool(judged) and nothing_arrives and all(each.is_expected for each in judged)
    state = "unknown" if unknown else "expected" if is_closed else "ok"
    for place in places:
        here = [(finding, each) for finding, each in faults if place.has(finding)]
        links.append(_link(place, here, state))
        if here and nothing_arrives:
            state = "beyond"
    return Chain(path.name, tuple(links))


def _link(place: _Place, faults: Sequence[tuple[Finding, Judgement]], state: str) -> Link:
    if not faults:
        return Link(place.name, place.detail, state)
    is_broken = any(judged.verdict is Verdict.NOT_READY for _, judged in faults)
    says = "; ".join(dict.fromkeys(in_short(finding) for finding, _ in faults))
    return Link(place.name, place.detail, "broken" if is_broken else "limited", says)


def _places(path: ProbePath, faults: Sequence[Finding]) -> list[_Place]:
    """From this machine to Apple; a hop that is blamed without being of the path stands before Apple."""
    blamed, near = {finding.hop for finding in faults}, list[_Place]()
    if not path.load_balancer and (path.resolved_families() or Hop.RESOLVER in blamed):
        near.append(_Place("Resolver", _resolver(path.resolver), (Hop.RESOLVER,)))
    if of_network := [finding for finding in faults if finding.owner == THIS_NETWORK]:
        network = _Place("This network", "", (Hop.LOCAL_NETWORK,), is_network=True)
        near.insert(len(near) if all(map(_has_resolved, of_network)) else 0, network)
    places = [_Place("This machine", _binding(path.binding), (Hop.LOCAL_NETWORK, Hop.NETCHECK)), *near]
    if path.is_proxied:
        places += [_Place("Proxy", proxy.url, (Hop.PROXY,)) for proxy in path.proxies]
        if path.chosen_by is not None:
            places.append(_Place("Proxy", f"as {path.chosen_by} says", (Hop.PROXY, Hop.FIREWALL)))
    elif path.load_balancer:
        places.append(_Place("Load balancer", _balancers(path), (Hop.LOAD_BALANCER,)))
    else:
        places.append(_Place("Firewall", "", (Hop.FIREWALL,)))
    known = {hop for place in places for hop in place.hops} | {Hop.APPLE, Hop.OWN_SERVICE}
    places += [_Place(hop.replace("_", " ").capitalize(), "", (hop,)) for hop in Hop if hop in blamed - known]
    if Hop.OWN_SERVICE in blamed:
        places.append(_Place("Your service", "", (Hop.OWN_SERVICE,)))
    return [*places, _Place("Apple", "", (Hop.APPLE,))]


def _has_resolved(finding: Finding) -> bool:
    """Whether all of it failed after its names were resolved: the resolver is nearer than what is broken."""
    failures = [result.attempt.failure for result in finding.about]
    return bool(failures) and all(failure and failure.phase is not Phase.RESOLVE for failure in failures)


def _binding(binding: Binding) -> str:
    return ", ".join(filter(None, [binding.interface, binding.source_ipv4, binding.source_ipv6]))


def _resolver(resolver: Resolver) -> str:
    return f"{resolver.name} {', '.join(map(str, resolver.nameservers[:2]))}".strip()


def _balancers(path: ProbePath) -> str:
    addresses = dict.fromkeys(balancer.address for _, balancer in path.load_balancer)
    first = list(addresses)[:2]
    return ", ".join(first) + (f" and {len(addresses) - 2} more" if len(addresses) > 2 else "")
