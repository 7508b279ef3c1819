"""When things run, and how many at once. Is handed what it runs; must not know what a probe is.

Time is the loop's own clock (`trio.current_time`), which the wall clock's jumps do not touch.
"""

import math
import zlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import trio


class Meter(Protocol):
    """Is told how the schedule keeps its times."""

    def late(self, seconds: float) -> None:
        """A run began this long after its time."""

    def skipped(self, cause: str, count: int) -> None:
        """So many runs were left out."""


STILL_RUNNING = "still_running"
"""The run before had not ended when the next one was due. It is not caught up: load is never bunched."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to run once a round; `run` is given the round's number, from 0."""

    key: str
    run: Callable[[int], Awaitable[None]]


def spread(key: str) -> float:
    """Where in the interval a job starts, in [0, 1): the same in every round and after a restart."""
    return zlib.crc32(key.encode()) / 2**32


@dataclass
class Schedule:
    """Runs each job once per `interval` seconds, at its own fixed offset from a common fixed `start`.

    Every job has a task of its own, so a slow one delays no other. A schedule that begins later than its
    start joins the beat in the round that is under way: so a reload neither repeats nor loses a round.
    """

    interval: float
    meter: Meter
    start: float
    """A time of the loop's clock."""
    all_ran: trio.Event = field(default_factory=trio.Event)
    """Set when every job has ended its first run."""

    async def run(self, jobs: Iterable[Job]) -> None:
        """Run the jobs until cancelled."""
        waiting = set[str]()
        async with trio.open_nursery() as nursery:
            for job in jobs:
                waiting.add(job.key)
                nursery.start_soon(self._repeat, job, waiting)
            if not waiting:
                self.all_ran.set()
            await trio.sleep_forever()

    async def _repeat(self, job: Job, waiting: set[str]) -> None:
        start = self.start + spread(job.key) * self.interval
        number = max(0, math.ceil((trio.current_time() - start) / self.interval))
        while True:
            due = start + number * self.interval
            await trio.sleep_until(due)
            self.meter.late(trio.current_time() - due)
            await job.run(number)
            waiting.discard(job.key)
            if not waiting:
                self.all_ran.set()
            number = self._next(number, trio.current_time() - start)

    def _next(self, number: int, elapsed: float) -> int:
        """The round after `number` that is still to come; those that passed meanwhile are left out."""
        following = max(number + 1, math.ceil(elapsed / self.interval))
        if skipped := following - number - 1:
            self.meter.skipped(STILL_RUNNING, skipped)
        return following


_GRAIN = 0.01
"""Seconds: who may start within this time starts now. At high rates this saves a wake-up for each start."""


class Gate:
    """Lets at most `concurrency` in at once, and starts at most `rate` per second, evenly spaced.

    Of those who wait, one sleeps until the next start and then wakes the others: a timer for each would cost
    more than the rest of the gate.
    """

    def __init__(self, concurrency: int, rate: float) -> None:
        self._free = concurrency
        self._spacing = 1 / rate
        self._next_start = -math.inf
        self._queue = trio.lowlevel.ParkingLot()
        self._someone_sleeps = False

    async def __aenter__(self) -> None:
        while not self._admit():
            if self._free and not self._someone_sleeps:
                await self._sleep_until_next_start()
            else:
                await self._queue.park()

    async def __aexit__(self, *exc: object) -> None:
        self._free += 1
        if not self._someone_sleeps:
            self._queue.unpark()

    def _admit(self) -> bool:
        now = trio.current_time()
        if not self._free or self._next_start > now + _GRAIN:
            return False
        self._free -= 1
        self._next_start = max(now, self._next_start) + self._spacing
        return True

    async def _sleep_until_next_start(self) -> None:
        """For all who wait; also where this one is cancelled, another has to go on."""
        self._someone_sleeps = True
        try:
            await trio.sleep_until(self._next_start)
        finally:
            self._someone_sleeps = False
            # As many as may start now; as the sleeper is one of them, the last of these sleeps next.
            self._queue.unpark(count=1 + int(_GRAIN / self._spacing))
