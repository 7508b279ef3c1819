"""What a rule may ask about: one path's verdict, the failures behind it, and everything seen elsewhere."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from netcheck.model import Failure, Lookup, Phase, ProbePath, Reason, Service, Verdict
from netcheck.verdict.seen import Seen

Matches = Callable[[Failure], bool]


class World:
    """All that counts of all paths, with what resolvers said."""

    def __init__(
        self,
        services: tuple[Service, ...],
        paths: tuple[ProbePath, ...],
        seen: Iterable[Seen],
        lookups: Iterable[Lookup],
    ) -> None:
        self.services = services
        self.paths = paths
        # sorted, so that what is said does not depend on the order in which results came
        self.seen = tuple(sorted(seen, key=_place))
        self.lookups = tuple(sorted(lookups, key=lambda each: (each.host, each.rdtype, each.resolver)))
        self._by_path: dict[str, list[Seen]] = {path.name: [] for path in paths}
        for each in self.seen:
            self._by_path[each.result.path].append(each)

    def on_path(self, path: str) -> list[Seen]:
        return self._by_path[path]


def _place(seen: Seen) -> tuple[object, ...]:
    result = seen.result
    return result.path, result.service, result.port, result.host, seen.family, result.attempt.address or ""


@dataclass(frozen=True)
class Case:
    """A verdict that wants a cause."""

    world: World
    path: ProbePath
    verdict: Verdict
    deciding: frozenset[tuple[str, int]]
    """The services and ports that make the verdict what it is."""

    @property
    def seen(self) -> list[Seen]:
        """All that counts on this path, of other roles too."""
        return self.world.on_path(self.path.name)

    @cached_property
    def failed(self) -> tuple[Seen, ...]:
        """The failures that make the verdict what it is; none where it is ready or unknown."""
        if self.verdict in (Verdict.READY, Verdict.UNKNOWN):
            return ()
        return tuple(each for each in self.seen if each.failure is not None and self._decides(each))

    def _decides(self, seen: Seen) -> bool:
        return (seen.result.service, seen.result.port) in self.deciding

    def mostly(self, matches: Matches) -> bool:
        """Whether at least half of the failures are such."""
        return bool(self.failed) and 2 * len(self.such(matches)) >= len(self.failed)

    def such(self, matches: Matches) -> list[Seen]:
        return [each for each in self.failed if each.failure is not None and matches(each.failure)]

    def elsewhere(self) -> list[list[Seen]]:
        """What counts on each other path that has anything."""
        others = (self.world.on_path(path.name) for path in self.world.paths if path is not self.path)
        return [seen for seen in others if seen]

    @property
    def services(self) -> list[Service]:
        """The services behind the verdict."""
        names = {each.result.service for each in self.failed}
        return [service for service in self.world.services if service.name in names]


def reason_is(*reasons: Reason) -> Matches:
    return lambda failure: failure.reason in reasons


def phase_is(*phases: Phase) -> Matches:
    return lambda failure: failure.phase in phases


def fails_in(phase: Phase, *reasons: Reason) -> Matches:
    return lambda failure: failure.phase is phase and failure.reason in reasons
