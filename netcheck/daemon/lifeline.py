"""Ends a process whose event loop stands still, so that whoever started it can start it again.

Where memory runs out, a thread may die before it could say that it lives, and who began it waits for ever.
systemd's watchdog sees that too; nothing else that runs a process does.
"""

import faulthandler
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

_MOST_MISSED = 60
_EACH = 1.0
_STDERR = 2
_A_BUG = 2
"""An exit status, as of the commands."""
_STOOD_STILL = b"the event loop stands still: netcheck ends, so that it can be started again\n"


@contextmanager
def lifeline(most_missed: int = _MOST_MISSED, each: float = _EACH) -> Iterator[Callable[[], None]]:
    """A thread that ends the process after so many looks, `each` seconds apart, without a beat in between.

    The loop says by a call that it lives. What a process sleeps through, in a container that is paused or on
    a laptop that is shut, are no looks. It exits with 2, as for a bug, and tells where every thread was on
    standard error.
    """
    beaten, over = threading.Event(), threading.Event()
    watch = partial(_watch, beaten, over, most_missed, each)
    threading.Thread(target=watch, name="lifeline", daemon=True).start()
    try:
        yield beaten.set
    finally:
        over.set()


def _watch(beaten: threading.Event, over: threading.Event, most_missed: int, each: float) -> None:
    missed = 0
    while not over.is_set():
        try:
            time.sleep(each)  # in a thread of its own, beside the loop that it watches
            missed = 0 if beaten.is_set() else missed + 1
            beaten.clear()
        except MemoryError:  # it must not end with what it is here for
            continue
        if missed >= most_missed and not over.is_set():
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
