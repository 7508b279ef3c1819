"""Ends a process whose event loop stands still, so that whoever started it can start it again.

Where memory runs out, a thread may die before it could say that it lives, and who began it waits for ever.
systemd's watchdog sees that too; nothing else that runs a process does.
"""

import faulthandler
import os
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

_MOST_MISSED = 60
_EACH = 1.0
_STDERR = 2
_A_BUG = 2
"""An exit status, as of the commands."""
_STOOD_STILL = b"the event loop stands still: netcheck ends, so that it can be started again\n"


class Lifeline:
    """A thread that ends the process after so many looks, `each` seconds apart, without a beat in between.

    What a process sleeps through, in a container that is paused or on a laptop that is shut, are no looks.
    It exits with 2, as for a bug, and tells where every thread was on standard error. A context manager.
    """

    def __init__(self, most_missed: int = _MOST_MISSED, each: float = _EACH) -> None:
        self._most_missed, self._each = most_missed, each
        self._has_beaten = self._is_over = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="lifeline", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True

    def beat(self) -> None:
        """The loop lives."""
        self._has_beaten = True

    def _watch(self) -> None:
        missed = 0
        while not self._is_over:
            try:
                time.sleep(self._each)  # in a thread of its own, beside the loop that it watches
            except MemoryError:  # it must not end with what it is here for
                continue
            missed = 0 if self._has_beaten else missed + 1
            self._has_beaten = False
            if missed >= self._most_missed and not self._is_over:
                with suppress(OSError):
                    _tell()
                os._exit(_A_BUG)


def _tell() -> None:
    """As far as standard error takes it: a pipe that nobody reads may be why the loop stands still."""
    os.set_blocking(_STDERR, False)
    try:
        with suppress(BlockingIOError):
            os.write(_STDERR, _STOOD_STILL)
        faulthandler.dump_traceback(_STDERR)
    finally:
        os.set_blocking(_STDERR, True)  # whoever else has it, as a shell has its terminal, counts on that
