"""What became of the large TLS hellos: the latest of each service's port over each path, by family."""

from collections.abc import Iterable

from netcheck.model.paths import Family, ProbePath
from netcheck.model.results import Result
from netcheck.model.services import Service, ports_on


class LargeHellos:
    """The results of attempts that sent one; of those that told nothing, none."""

    def __init__(self) -> None:
        self.latest: dict[tuple[str, int, str, Family], Result] = {}
        """By service, port, path and family."""
        self._wanted: set[tuple[str, int, str]] = set()

    def configure(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        self._wanted = {
            (service.name, port, path.name) for service, path in pairs for port in ports_on(service, path)
        }
        self.latest = {place: result for place, result in self.latest.items() if place[:3] in self._wanted}

    def record(self, result: Result) -> None:
        """Put it in place of the one before; what is not configured is dropped."""
        place = (result.service, result.port, result.path, result.attempt.family)
        self.latest.pop(place, None)
        if result.large_hello is not None and place[:3] in self._wanted:
            self.latest[place] = result
