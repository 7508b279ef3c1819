"""What became of the large TLS hellos: the latest of each service's port over each path."""

from collections.abc import Iterable

from netcheck.model.paths import ProbePath
from netcheck.model.results import Result, Visit
from netcheck.model.services import Service, ports_on


class LargeHellos:
    """The results after which one was sent."""

    def __init__(self) -> None:
        self.latest: dict[tuple[str, int, str], Result] = {}
        """By service, port and path."""
        self._wanted: set[tuple[str, int, str]] = set()

    def configure(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        self._wanted = {
            (service.name, port, path.name) for service, path in pairs for port in ports_on(service, path)
        }
        self.latest = {place: result for place, result in self.latest.items() if place in self._wanted}

    def record(self, visit: Visit) -> None:
        for result in visit.results:
            place = (result.service, result.port, result.path)
            if result.large_hello is not None and place in self._wanted:
                self.latest[place] = result
