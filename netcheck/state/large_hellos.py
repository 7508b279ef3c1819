"""What became of the large TLS hellos."""

from collections.abc import Iterable, Sequence

from netcheck.model.paths import ProbePath
from netcheck.model.results import Result
from netcheck.model.services import Service, ports_on


class LargeHellos:
    """The results of attempts that sent one; of those that told nothing, none."""

    def __init__(self) -> None:
        self.latest: tuple[Result, ...] = ()
        """Of the last try of each service over each path."""
        self._wanted: set[tuple[str, int, str]] = set()

    def configure(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        self._wanted = {
            (service.name, port, path.name) for service, path in pairs for port in ports_on(service, path)
        }
        self.latest = tuple(filter(self._is_wanted, self.latest))

    def record(self, service: Service, path: ProbePath, results: Sequence[Result]) -> None:
        """Put all of a try in place of the one before; what is not configured is dropped.

        So nothing stays of a family that has no addresses any more, nor of a name that has none.
        """
        tried = (service.name, path.name)
        others = (each for each in self.latest if (each.service, each.path) != tried)
        self.latest = (*others, *(each for each in results if each.large_hello and self._is_wanted(each)))

    def _is_wanted(self, result: Result) -> bool:
        return (result.service, result.port, result.path) in self._wanted
