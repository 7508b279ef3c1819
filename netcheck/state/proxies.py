"""Whether the proxies of paths accept connections and speak their protocol."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from netcheck.model.failing import Failure, Reason
from netcheck.model.paths import ProbePath
from netcheck.model.results import Visit
from netcheck.model.services import Service


@dataclass(slots=True)
class ProxyHealth:
    """How the proxy of a path did lately; `up` None is not yet known."""

    up: bool | None = None
    spoke_in_round: int | None = None
    """The number of the last round in which it spoke."""
    spoke_at: float = -math.inf
    """When the latest attempt in which it spoke began, on the monotonic clock: what began before is old."""

    def record(self, visit: Visit) -> None:
        attempts = [r.attempt for r in visit.results if r.attempt.proxy_spoke is not None]
        latest = max((attempt.at for attempt in attempts), default=-math.inf)
        if not attempts or latest < self.spoke_at:
            return
        if any(attempt.proxy_spoke for attempt in attempts):
            self.up, self.spoke_in_round, self.spoke_at = True, visit.round, latest
        elif not (_is_silence(attempts[0].failure) and self._spoke_lately(visit.round)):
            self.up = False

    def _spoke_lately(self, number: int) -> bool:
        return self.spoke_in_round is not None and number - self.spoke_in_round <= 1


def _is_silence(failure: Failure | None) -> bool:
    """Silence about one destination says nothing of a proxy that lately answered for another."""
    return failure is not None and failure.reason is Reason.PROXY_TIMEOUT


class Proxies:
    """The health of every proxy, by path."""

    def __init__(self) -> None:
        self.health: dict[str, ProxyHealth] = {}

    def configure(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        before = self.health
        self.health = {
            path.name: before.get(path.name) or ProxyHealth() for _, path in pairs if path.is_proxied
        }

    def record(self, visit: Visit) -> None:
        if (health := self.health.get(visit.path)) is not None:
            health.record(visit)
