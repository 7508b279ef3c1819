"""When things run, and how many at once. Is handed what it runs; must not know what a probe is.

Time is the loop's own clock (`trio.current_time`), which the wall clock's jumps do not touch.
"""

import math
import zlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol, Self

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
    about: object = None
    """What a run is about: where a new plan has a job of this key about the same, a run under way goes on."""


def offset_of(key: str) -> float:
    """Where in the interval a job starts, in [0, 1): the same in every round and after a restart."""
    return zlib.crc32(key.encode()) / 2**32


@dataclass(frozen=True, slots=True)
class _Beat:
    """When which round is: one each `interval` seconds from `start`, the first of them numbered `first`."""

    start: float
    interval: float
    first: int = 0

    def due(self, key: str, number: int) -> float:
        return self._start_of(key) + (number - self.first) * self.interval

    def next(self, key: str, now: float) -> int:
        """The first round whose time for this key is not over."""
        return self.first + max(0, math.ceil((now - self._start_of(key)) / self.interval))

    def _start_of(self, key: str) -> float:
        return self.start + offset_of(key) * self.interval

    def at(self, interval: float, now: float) -> Self:
        """With another interval; no number comes twice, and the times are those that it would always have."""
        begun = self.first + math.floor((now - self.start) / self.interval)
        return replace(self, interval=interval, first=begun + 1 - math.floor((now - self.start) / interval))


class _Running:
    """A job with its task."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.task = trio.CancelScope()
        self.pause = trio.CancelScope()
        """Cancelled when it has to look anew when its next run is."""


class Schedule:
    """Runs each job once an interval, at its own fixed offset from a common fixed start.

    Every job has a task of its own, so a slow one delays no other. The plan may change while it runs: what
    stays in it is not disturbed, what is new joins the beat, in the round that is under way if its time there
    is still to come.
    """

    def __init__(self, interval: float, meter: Meter, start: float) -> None:
        """`start` is a time of the loop's clock, `interval` is in seconds."""
        self.all_ran = trio.Event()
        """Set when every job has ended its first run."""
        self.round_ended = start
        """When the last of the jobs had ended a run, counted anew each time: a time of the loop's clock."""
        self._beat = _Beat(start, interval)
        self._meter = meter
        self._running: dict[str, _Running] = {}
        self._waiting = set[str]()
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Run what is planned until cancelled."""
        async with trio.open_nursery() as self._nursery:
            for running in self._running.values():
                self._nursery.start_soon(self._repeat, running)
            await trio.sleep_forever()

    def plan(self, jobs: Iterable[Job], interval: float) -> None:
        """Run these jobs from now on, each `interval` seconds.

        A run under way is cancelled where its job is no longer planned, or is about something else by now.
        """
        if interval != self._beat.interval:
            self._beat = self._beat.at(interval, trio.current_time())
            for running in self._running.values():
                running.pause.cancel()
        planned = {job.key: job for job in jobs}
        for key, running in list(self._running.items()):
            if key not in planned or planned[key].about != running.job.about:
                running.task.cancel()
                del self._running[key]
        for key, job in planned.items():
            if key in self._running:
                self._running[key].job = job
            else:
                self._begin(job)
        self._waiting &= planned.keys()
        self._note_end_of_round()

    def _begin(self, job: Job) -> None:
        running = self._running[job.key] = _Running(job)
        self._waiting.add(job.key)
        if self._nursery is not None:
            self._nursery.start_soon(self._repeat, running)

    async def _repeat(self, running: _Running) -> None:
        key = running.job.key
        with running.task:
            number = self._beat.next(key, trio.current_time())
            while True:
                number = await self._wait(running, number)
                beat = self._beat
                await running.job.run(number)
                self._waiting.discard(key)
                self._note_end_of_round()
                number = self._next(key, number, beat)

    async def _wait(self, running: _Running, number: int) -> int:
        """Sleep until the round's time has come; another beat may give it another number."""
        key = running.job.key
        while True:
            beat = self._beat
            due = beat.due(key, number)
            with trio.CancelScope() as running.pause:
                await trio.sleep_until(due)
            if beat is self._beat:
                self._meter.late(trio.current_time() - due)
                return number
            number = self._beat.next(key, trio.current_time())

    def _next(self, key: str, number: int, beat: _Beat) -> int:
        """The round after `number` that is still to come; those of its beat that passed are left out."""
        following = max(number + 1, self._beat.next(key, trio.current_time()))
        if beat is self._beat and (skipped := following - number - 1):
            self._meter.skipped(STILL_RUNNING, skipped)
        return following

    def _note_end_of_round(self) -> None:
        if not self._waiting:
            self.all_ran.set()
            self.round_ended = trio.current_time()
            self._waiting = set(self._running)


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
        await self.enter()

    async def __aexit__(self, *exc: object) -> None:
        self.leave()

    async def enter(self) -> None:
        """Wait for one's turn; who comes in has to leave."""
        while not self._admit():
            if self._free and not self._someone_sleeps:
                await self._sleep_until_next_start()
            else:
                await self._queue.park()

    def leave(self) -> None:
        """Make room for the next one."""
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
