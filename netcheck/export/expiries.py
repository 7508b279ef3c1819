"""When the certificates expire of those who are asked on the way to a service."""

from collections.abc import Iterator

from netcheck.facts import Facts
from netcheck.model.paths import Proxy, ProxyScheme, Transport


def of_proxies(facts: Facts) -> Iterator[tuple[str, float]]:
    """By path: of what each proxy showed last, the one that expires first."""
    paths = {
        path.name
        for path in facts.paths
        if path.chosen_by or any(proxy.scheme is ProxyScheme.HTTPS for proxy in path.proxies)
    }
    latest: dict[tuple[str, tuple[Proxy, ...]], tuple[float, float]] = {}
    for result in facts.results if paths else ():
        attempt, way = result.attempt, (result.path, result.attempt.proxies)
        if attempt.proxy_not_after is not None and result.path in paths:
            seen = (attempt.at, attempt.proxy_not_after)
            latest[way] = max(seen, latest.get(way, seen))
    by_path: dict[str, float] = {}
    for (path, _), (_, not_after) in latest.items():
        by_path[path] = min(not_after, by_path.get(path, not_after))
    yield from by_path.items()


def of_resolvers(facts: Facts) -> Iterator[tuple[str, float]]:
    """By path: what the nameserver showed that was asked last."""
    asked = {
        path.name: path.resolver.name for path in facts.paths if path.resolver.transport is Transport.TLS
    }
    latest: dict[str, tuple[float, float]] = {}
    for lookup in facts.lookups if asked else ():
        for tried in lookup.tries:
            if tried.not_after is not None:
                seen = (lookup.at, tried.not_after)
                latest[lookup.resolver] = max(seen, latest.get(lookup.resolver, seen))
    yield from ((path, latest[resolver][1]) for path, resolver in asked.items() if resolver in latest)
