"""The bags that paths have: the latest of each, where they disagree with the config, what follows from them.

Does no I/O.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from netcheck.apns.bag import differences
from netcheck.apns.services import HIGHEST_NUMBER, courier_domains, numbered_hosts
from netcheck.model.bags import Bag, FetchedBag
from netcheck.model.results import Result
from netcheck.model.services import Service


def fetched_bags(
    services: Iterable[Service], results: Iterable[tuple[Result, Bag | None]]
) -> list[FetchedBag]:
    """One for each path and host that was asked; of more than one answer a bag counts, and the first one.

    The results come with the bag that was there when it last could be had.
    """
    services = tuple(services)
    fetching = {service.name for service in services if service.bag}
    domains = courier_domains(services)
    found: dict[tuple[str, str], FetchedBag] = {}
    for result, bag in results:
        if result.service in fetching:
            seen = _seen(result, bag, domains)
            found[seen.path, seen.host] = max(found.get((seen.path, seen.host), seen), seen, key=_worth)
    return list(found.values())


def _worth(seen: FetchedBag) -> tuple[bool, bool]:
    return seen.error is None, seen.bag is not None


def with_counts(
    services: Iterable[Service], counts: Mapping[tuple[str, str], int | None]
) -> tuple[Service, ...]:
    """The services, of which those that are numbered by the bag have the hosts that bags speak of.

    `counts` are the highest numbers that bags have said, by path and courier host name. The highest of all
    paths holds, up to a limit; a service of which no path's bag speaks is left as it is.
    """
    highest: dict[str, int] = {}
    for (_, domain), count in counts.items():
        if count is not None:
            highest[domain] = max(count, highest.get(domain, 0))
    return tuple(_numbered(service, highest) for service in services)


def _numbered(service: Service, highest: Mapping[str, int]) -> Service:
    domain = service.count_from_bag
    if domain is None or domain not in highest:
        return service
    return replace(service, hosts=numbered_hosts(domain, min(highest[domain], HIGHEST_NUMBER)))


def _seen(result: Result, bag: Bag | None, domains: dict[str, tuple[str, int | None]]) -> FetchedBag:
    attempt, failure = result.attempt, result.attempt.failure
    error = f"{failure.phase} {failure.reason}: {failure.detail}" if failure else None
    disagreements = differences(bag, domains) if bag else ()
    return FetchedBag(attempt.time, result.path, result.host, bag, error, disagreements)
