"""What a rule may ask about: one path's verdict, the failures behind it, and everything seen elsewhere."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from netcheck.apns.addresses import is_apple_name
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Verdict
from netcheck.model.paths import ProbePath
from netcheck.model.results import Lookup
from netcheck.model.services import Service
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
        self.seen = tuple(seen)
        self.lookups = tuple(lookups)
        self._by_path: dict[str, list[Seen]] = {path.name: [] for path in paths}
        for each in self.seen:
            self._by_path[each.result.path].append(each)

    def on_path(self, path: str) -> list[Seen]:
        return self._by_path[path]

    @cached_property
    def durations(self) -> Mapping[str, Mapping[tuple[str, int], list[float]]]:
        """How long connecting and TLS took where it succeeded, in seconds: by path, then by service and port.

        Without the session, which is a wait for what the peer might still say.
        """
        found: dict[str, dict[tuple[str, int], list[float]]] = {path.name: {} for path in self.paths}
        for result in (each.result for each in self.seen if each.result.attempt.failure is None):
            phases = result.attempt.phases
            took = sum(phases.values()) - phases.get(Phase.SESSION, 0.0)
            found[result.path].setdefault((result.service, result.port), []).append(took)
        return found


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
    about: tuple[Seen, ...] = ()
    """What of it the rule that holds is about."""

    @property
    def seen(self) -> list[Seen]:
        """All that counts on this path, of other roles too."""
        return self.world.on_path(self.path.name)

    @cached_property
    def failed(self) -> tuple[Seen, ...]:
        """The failures that make the verdict what it is; none where it is ready or unknown.

        Sorted, so that what is said of them does not depend on the order in which they came.
        """
        if self.verdict in (Verdict.READY, Verdict.UNKNOWN):
            return ()
        failed = (each for each in self.seen if each.failure is not None and self._decides(each))
        return tuple(sorted(failed, key=_place))

    def _decides(self, seen: Seen) -> bool:
        return (seen.result.service, seen.result.port) in self.deciding

    def mostly(self, matches: Matches) -> list[Seen]:
        """The failures that are such, where they are at least half of all; else none."""
        return self.at_least_half(self.such(matches))

    def such(self, matches: Matches) -> list[Seen]:
        return [each for each in self.failed if each.failure is not None and matches(each.failure)]

    def at_least_half(self, such: list[Seen]) -> list[Seen]:
        return such if 2 * len(such) >= len(self.failed) else []

    def elsewhere(self) -> list[list[Seen]]:
        """What counts on each other path that has anything."""
        others = (self.world.on_path(path.name) for path in self.world.paths if path is not self.path)
        return [seen for seen in others if seen]

    @property
    def is_apple_s(self) -> bool:
        """Whether all that fails is Apple's, and nothing a service, or a load balancer, of the user's own."""
        return not self.path.load_balancer and all(is_apple_name(each.result.host) for each in self.failed)

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
