"""When things run, and how many at once. Is handed what it runs; must not know what a probe is.

Time is the loop's own clock (`trio.current_time`), which the wall clock's jumps do not touch.
"""

import heapq
import math
import zlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol, Self

import trio


class Meter(Protocol):
    """Is told how the schedule keeps its times."""

    def note_late(self, seconds: float) -> None:
        """A run began this long after its time."""

    def note_left_out(self, count: int) -> None:
        """So many runs were left out, as the one before had not ended when they were due.

        They are not caught up: load is never bunched.
        """


TOGETHER = 0.25
"""Seconds: what may wait begins at a multiple of this, with others. A processor that has gone to sleep makes
each run cost up to twice as much (`make bench`)."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something to run once a round; `run` is given the round's number, from 0."""

    key: str
    run: Callable[[int], Awaitable[None]]
    about: object = None
    """What a run is about: where a new plan has a job of this key about the same, a run under way goes on."""
    may_wait: bool = False
    """Whether it may begin up to TOGETHER later, with others: it is short, and none of them disturbs it."""


def offset_of(key: str) -> float:
    """Where in the interval a job starts, in [0, 1): the same in every round and after a restart."""
    return zlib.crc32(key.encode()) / 2**32


@dataclass(frozen=True, slots=True)
class _Beat:
    """When which round is: one each `interval` seconds from `start`, the first of them numbered `first`."""

    start: float
    interval: float
    first: int = 0

    def due(self, job: Job, number: int) -> float:
        due = self._start_of(job.key) + (number - self.first) * self.interval
        return math.ceil(due / TOGETHER) * TOGETHER if job.may_wait else due

    def next(self, key: str, now: float) -> int:
        """The first round whose time for this key is not over."""
        return self.first + max(0, math.ceil((now - self._start_of(key)) / self.interval))

    def _start_of(self, key: str) -> float:
        return self.start + offset_of(key) * self.interval

    def at(self, interval: float, now: float) -> Self:
        """With another interval; no number comes twice, and the times are those that it would always have."""
        begun = self.first + math.floor((now - self.start) / self.interval)
        return replace(self, interval=interval, first=begun + 1 - math.floor((now - self.start) / interval))


@dataclass(slots=True, eq=False)
class _Planned:
    """A job, with the round of its next run, or of the one that is under way."""

    job: Job
    number: int
    run: trio.CancelScope | None = None
    """None while it waits for its time."""


class Schedule:
    """Runs each job once an interval, at its own fixed offset from a common fixed start.

    Every run has a task of its own, so a slow one delays no other. What waits has none: for ten thousand jobs
    these would take 46 MB, and waking them costs a third of what short runs do. The plan may change while it
    runs: what stays in it is not disturbed, what is new joins the beat, in the round that is under way if its
    time there is still to come.
    """

    def __init__(self, interval: float, meter: Meter, start: float) -> None:
        """`start` is a time of the loop's clock, `interval` is in seconds."""
        self.all_ran = trio.Event()
        """Set when every job has ended its first run."""
        self.round_ended = start
        """When the last of the jobs had ended a run, counted anew each time: a time of the loop's clock.

        Or when the interval changed: nothing ends a round in time for another interval.
        """
        self._beat = _Beat(start, interval)
        self._another_interval = trio.Event()
        self._meter = meter
        self._planned: dict[str, _Planned] = {}
        self._queue: list[tuple[float, str, _Planned]] = []
        """A heap of what waits: when it is due, its key, and what it is."""
        self._sleep = trio.CancelScope()
        """Until something is due."""
        self._unfinished = set[str]()
        """The jobs that have not ended a run since the last round ended."""

    async def run(self) -> None:
        """Run what is planned until cancelled."""
        async with trio.open_nursery() as nursery:
            self._look_up_rounds()
            self._queue_all()
            while True:
                due = self._queue[0][0] if self._queue else math.inf
                with trio.CancelScope(deadline=due) as self._sleep:
                    await trio.sleep_forever()
                while self._start_what_is_due(nursery):
                    await trio.lowlevel.checkpoint()  # many at once would hold up everything else

    def plan(self, jobs: Iterable[Job], interval: float) -> None:
        """Run these jobs from now on, each `interval` seconds.

        A run under way is cancelled where its job is no longer planned, or is about something else by now.
        """
        now = trio.current_time()
        if interval != self._beat.interval:
            self._beat = self._beat.at(interval, now)
            self.round_ended = now
            self._another_interval.set()
            self._another_interval = trio.Event()
            self._look_up_rounds()
        new = {job.key: job for job in jobs}
        for key, planned in list(self._planned.items()):
            if key not in new or new[key].about != planned.job.about:
                if planned.run is not None:
                    planned.run.cancel()
                del self._planned[key]
        for key, job in new.items():
            if key in self._planned:
                self._planned[key].job = job
            else:
                self._planned[key] = _Planned(job, self._beat.next(key, now))
                self._unfinished.add(key)
        self._queue_all()
        self._unfinished &= new.keys()
        self._note_end_of_round()

    async def sleep(self, rounds: float) -> None:
        """For so many rounds; where the interval changes meanwhile, for as many of these."""
        begun = trio.current_time()
        while (end := begun + rounds * self._beat.interval) > trio.current_time():
            with trio.CancelScope(deadline=end):
                await self._another_interval.wait()

    def _look_up_rounds(self) -> None:
        """Of all that waits: which round is the next one by now."""
        now = trio.current_time()
        for key, planned in self._planned.items():
            if planned.run is None:
                planned.number = self._beat.next(key, now)

    def _queue_all(self) -> None:
        """Anew, all that waits."""
        waiting = ((key, planned) for key, planned in self._planned.items() if planned.run is None)
        self._queue = [
            (self._beat.due(planned.job, planned.number), key, planned) for key, planned in waiting
        ]
        heapq.heapify(self._queue)
        self._sleep.deadline = self._queue[0][0] if self._queue else math.inf

    def _start_what_is_due(self, nursery: trio.Nursery) -> bool:
        """Start one, if one is due."""
        now = trio.current_time()
        if not self._queue or self._queue[0][0] > now:
            return False
        due, _, planned = heapq.heappop(self._queue)
        self._meter.note_late(now - due)
        planned.run = trio.CancelScope()
        nursery.start_soon(self._run, planned, planned.run, self._beat)
        return True

    async def _run(self, planned: _Planned, scope: trio.CancelScope, beat: _Beat) -> None:
        with scope:
            await trio.lowlevel.checkpoint_if_cancelled()  # by a plan since it was started
            await planned.job.run(planned.number)
        if scope.cancel_called:
            return
        key, planned.run = planned.job.key, None
        self._unfinished.discard(key)
        self._note_end_of_round()
        planned.number = self._next(key, planned.number, beat)
        due = self._beat.due(planned.job, planned.number)
        heapq.heappush(self._queue, (due, key, planned))
        if due < self._sleep.deadline:
            self._sleep.deadline = due

    def _next(self, key: str, number: int, beat: _Beat) -> int:
        """The round after `number` that is still to come; those of its beat that passed are left out."""
        following = max(number + 1, self._beat.next(key, trio.current_time()))
        if beat is self._beat and (skipped := following - number - 1):
            self._meter.note_left_out(skipped)
        return following

    def _note_end_of_round(self) -> None:
        if not self._unfinished:
            self.all_ran.set()
            self.round_ended = trio.current_time()
            self._unfinished = set(self._planned)


_GRAIN = 0.01
"""Seconds: who may start within this time starts now. At high rates this saves a wake-up for each start; more
at once would wait for each other in a proxy."""


class Gate:
    """Lets at most `concurrency` in at once, and starts at most `rate` per second, evenly spaced, in turn.

    Only who is first in line waits for the next start, or for room: a timer for each would cost more than the
    rest of the gate.
    """

    def __init__(self, concurrency: int, rate: float) -> None:
        self._concurrency = self._free = concurrency
        self._taken = 0
        """How many fewer are let in than that."""
        self._spacing = 1 / rate
        self._next_start = -math.inf
        self._line = trio.Lock()  # handed on in the order of those who came
        self._room = trio.lowlevel.ParkingLot()

    async def __aenter__(self) -> None:
        await self.enter()

    async def __aexit__(self, *exc: object) -> None:
        self.leave()

    async def enter(self, most: int = 1, *, together: bool = False) -> int:
        """Wait for one's turn: how many of `most` come in, one at least. Each of them has to leave.

        If they may begin `together`, all come in now that have their turn within TOGETHER.
        """
        try:
            self._line.acquire_nowait()  # where nobody is before us, that costs no turn of the loop
        except trio.WouldBlock:
            await self._line.acquire()
        try:
            while not (admitted := self._admit(most, TOGETHER if together else _GRAIN)):
                if self._free > 0:
                    await trio.sleep_until(self._next_start)
                else:
                    await self._room.park()
        finally:
            self._line.release()
        return admitted

    def leave(self) -> None:
        """Make room for the next one."""
        self._free += 1
        if self._room:
            self._room.unpark()

    def narrow(self, concurrency: int) -> None:
        """Let in no more than so many at once until it is widened."""
        self._taken = max(0, self._concurrency - concurrency)
        self._free -= self._taken

    def widen(self) -> None:
        """Let in as many at once as at first."""
        self._free += self._taken
        self._taken = 0
        self._room.unpark()

    def keeps_busy(self, patience: float) -> bool:
        """Whether somebody waits because so much is asked for, and no longer than that and `patience`."""
        is_waited_for = self._line.locked()
        return is_waited_for and trio.current_time() <= self._next_start + patience

    def _admit(self, most: int, within: float) -> int:
        now = trio.current_time()
        next_start = max(now, self._next_start)
        in_time = math.floor((now + within - next_start) / self._spacing) + 1
        admitted = max(0, min(most, self._free, in_time))
        self._free -= admitted
        if admitted:
            self._next_start = next_start + admitted * self._spacing
        return admitted
