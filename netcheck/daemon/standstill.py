"""Whether the process stood still for a while: stopped by a signal, paused with its container, or on a laptop
that was shut. What was under way then has seen its deadlines pass, and tells nothing of the network.
"""

import math
import time

import trio

from netcheck.model.services import Timeouts

_BEAT = 1.0
_LONGEST = _BEAT + Timeouts().resolve
"""Seconds from one beat to the next that are no standstill yet: a beat, and the least that a phase has by
default. No busy machine is so late."""
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on in a machine that sleeps


def slept() -> float:
    """For how many seconds the machine has, since it was started, where the system says so."""
    return time.clock_gettime(_CLOCK) - time.monotonic()


class Pulse:
    """Beats as long as the process runs."""

    def __init__(self) -> None:
        self._latest = self.now()
        self._went_on = -math.inf
        """When it last did after it had stood still."""

    def now(self) -> float:
        """Seconds of a clock of its own."""
        return time.clock_gettime(_CLOCK)

    async def run(self) -> None:
        while True:
            await trio.sleep(_BEAT)
            self._beat()

    def missed_some_since(self, began: float) -> bool:
        """Whether the process stood still after this time, as `now` said it; whoever wakes first sees it."""
        self._beat()
        return began < self._went_on

    def _beat(self) -> None:
        now = self.now()
        if now - self._latest > _LONGEST:
            self._went_on = now
        self._latest = now
