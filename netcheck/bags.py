"""The bags that paths have: the latest of each, and where they disagree with the config. Does no I/O."""

from collections.abc import Iterable

from netcheck.apns.bag import differences
from netcheck.apns.services import courier_domains
from netcheck.model import BagSeen, Result, Service


def bags_seen(services: Iterable[Service], results: Iterable[Result]) -> list[BagSeen]:
    """One for each path and host that was asked; of more than one answer a bag counts, and the first one."""
    services = tuple(services)
    fetching = {service.name for service in services if service.bag}
    domains = courier_domains(services)
    found: dict[tuple[str, str], BagSeen] = {}
    for result in results:
        where = (result.path, result.host)
        known = found.get(where)
        if result.service in fetching and (known is None or known.bag is None):
            found[where] = _seen(result, domains)
    return list(found.values())


def _seen(result: Result, domains: dict[str, tuple[str, int]]) -> BagSeen:
    attempt, failure = result.attempt, result.attempt.failure
    error = f"{failure.phase} {failure.reason}: {failure.detail}" if failure else None
    disagreements = differences(attempt.bag, domains) if attempt.bag else ()
    return BagSeen(attempt.time, result.path, result.host, attempt.bag, error, disagreements)
