"""How long a process itself took: without the time for which a busy machine gave it no core.

Such time is nobody's: no deadline in a test may pass by it. Where the kernel keeps no account of it, as only
Linux does, it counts as ever.
"""

import math
import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trio.abc import Clock

_SECOND = 1_000_000_000
_PAUSE = 0.01
_LONGEST = 60.0
"""Seconds of everybody's: threads that wait side by side for a core may count for more than passes."""


class OwnTime(Clock):
    """A clock for trio that stands still while its thread could go on and gets no core.

    For tests whose peers live in the same loop: they get none then, either.
    """

    def __init__(self, schedstat: int | None) -> None:
        """`schedstat` is the descriptor of the thread's own, as proc(5) has it."""
        self._schedstat = schedstat
        self._offset = random.uniform(1e4, 1e6)  # as trio's own has it: no two runs share their times
        self._latest = -math.inf

    def start_clock(self) -> None:
        """There is nothing to start."""

    def current_time(self) -> float:
        now = self._offset + time.perf_counter()
        if self._schedstat is not None:
            now -= _kept_waiting(os.pread(self._schedstat, 100, 0))
        # Between the two readings there may have been a wait, and times have to differ.
        self._latest = max(now, math.nextafter(self._latest, math.inf))
        return self._latest

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return deadline - self.current_time()


@contextmanager
def own_time() -> Iterator[OwnTime]:
    """To run a trio loop by, in this thread."""
    try:
        schedstat = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    except OSError:
        yield OwnTime(None)
        return
    try:
        yield OwnTime(schedstat)
    finally:
        os.close(schedstat)


def ended_within(process: subprocess.Popen[str], seconds: float) -> int:
    """The exit code of a process that ends within so many seconds of its own."""
    began, kept_waiting = time.monotonic(), _AllThreads(process.pid)
    while (code := process.poll()) is None:
        passed = time.monotonic() - began
        took = passed - kept_waiting.so_far()
        assert took < seconds, f"still there after {took:.1f} s of its own"
        assert passed < _LONGEST, f"still there after {passed:.1f} s"
        time.sleep(_PAUSE)  # its own time has to be asked for: no wait can be told of it
    return code


class _AllThreads:
    """For how long the threads of a process have been kept waiting since we look."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}/task")
        self._before = self._now()
        self._latest = dict(self._before)

    def so_far(self) -> float:
        self._latest |= self._now()  # those that have ended meanwhile keep their place
        return sum(waited - self._before.get(thread, 0.0) for thread, waited in self._latest.items())

    def _now(self) -> dict[str, float]:
        found = {}
        with suppress(OSError):  # it ends
            for thread in self._folder.iterdir():
                found[thread.name] = _kept_waiting((thread / "schedstat").read_bytes())
        return found


def _kept_waiting(schedstat: bytes) -> float:
    """The second field: nanoseconds on a run queue."""
    return int(schedstat.split()[1]) / _SECOND
