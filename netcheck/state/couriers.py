"""How many couriers there are, where the config leaves it to the bags to say so."""

from collections.abc import Iterable

from netcheck.model.paths import ProbePath
from netcheck.model.results import Visit
from netcheck.model.services import Service


class CourierCounts:
    """The highest number of a courier, by path and courier host name; None until a bag of the path said it.

    The last one that could be had holds. Bags over plain HTTP have no say: anybody on the way can write them.
    """

    def __init__(self) -> None:
        self.highest: dict[tuple[str, str], int | None] = {}

    def configure(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        pairs = list(pairs)
        domains = {service.count_from_bag for service, _ in pairs if service.count_from_bag}
        keys = [(path.name, domain) for service, path in pairs if service.bag for domain in domains]
        self.highest = {key: self.highest.get(key) for key in keys}

    def record(self, visit: Visit) -> None:
        attempts = [result.attempt for result in visit.results]
        said = [(a.bag.courier_hostname, a.bag.courier_count) for a in attempts if a.bag and a.tls]
        for domain, count in sorted(said):  # of a visit that was told more than one number, the highest stays
            if (visit.path, domain) in self.highest:
                self.highest[visit.path, domain] = count
