"""What systemd is told of this process (sd_notify(3)); nothing where it did not start us, or does not ask."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import trio


class Systemd:
    """The socket to systemd, by the environment that it gave us."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        ours = environment.get("WATCHDOG_PID") in (None, str(os.getpid()))
        microseconds = environment.get("WATCHDOG_USEC", "") if ours else ""
        self.watchdog = int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) else None
        """The longest time between two signs of life, in seconds; None where nobody waits for any."""

    def tell(self, *assignments: str) -> None:
        """Send assignments such as READY=1; a systemd that does not listen is no fault of ours."""
        if self._address:
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.setblocking(False)
                notify.sendto("\n".join(assignments).encode(), self._address)

    def tell_reloading(self) -> None:
        """For Type=notify-reload: READY=1 is to follow."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    async def feed_watchdog(self, is_alive: Callable[[], bool]) -> None:
        """Give a sign of life, twice as often as asked, for as long as there is life; until cancelled."""
        while self.watchdog is not None:
            if is_alive():
                self.tell("WATCHDOG=1")
            await trio.sleep(self.watchdog / 2)
