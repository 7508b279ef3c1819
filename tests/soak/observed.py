"""netcheck, whose tasks are counted and whose clock can be moved: `python -m tests.soak.observed FOLDER …`.

In the folder, `census` is how many tasks there are, written every second; `clock` is by how many seconds the
clock is wrong. Not by libfaketime: threads hang in it where there are no descriptors or no memory.
"""

import functools
import sys
import time
from contextlib import suppress
from pathlib import Path

import trio

_EACH = 1.0


class Census(trio.abc.Instrument):
    """Counts tasks as they come and go."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._tasks = 0
        self._due = 0.0

    def task_spawned(self, _: trio.lowlevel.Task) -> None:
        self._tasks += 1

    def task_exited(self, _: trio.lowlevel.Task) -> None:
        self._tasks -= 1

    def after_io_wait(self, _: float) -> None:
        if (now := time.monotonic()) >= self._due:
            self._due = now + _EACH
            with suppress(OSError):  # no descriptors left: later, then
                self._file.write_text(f"{self._tasks}\n")


class WallClock:
    """`time.time`, wrong by what a file says, which is looked at once a second."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = 0.0
        self._due = 0.0
        self._right = time.time

    def __call__(self) -> float:
        if (now := time.monotonic()) >= self._due:
            self._due = now + _EACH
            with suppress(OSError, ValueError):  # no descriptors left, or it is just being written
                self._offset = float(self._file.read_text())
        return self._right() + self._offset


def main() -> None:
    folder, *arguments = sys.argv[1:]
    sys.argv = ["netcheck", *arguments]
    vars(trio)["run"] = functools.partial(trio.run, instruments=[Census(Path(folder, "census"))])
    vars(time)["time"] = WallClock(Path(folder, "clock"))
    from netcheck.__main__ import entry  # it must find these in place of the others

    entry()


if __name__ == "__main__":
    main()
