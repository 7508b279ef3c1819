"""systemd: what it is told of this process (sd_notify(3)), and the sockets that it passes (sd_listen_fds(3)).

Nothing where it did not start us, or does not ask.
"""

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import chain, repeat

import trio

from netcheck.web.listening import ListenError

_FIRST_DESCRIPTOR = 3
_MOST_SOCKETS = 64


def passed_sockets(environment: Mapping[str, str]) -> list[tuple[str, socket.socket]]:
    """Names and sockets of the units that activated this process; none where they are for another one.

    Raises ListenError where a descriptor is no socket.
    """
    count = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID") != str(os.getpid()) or not count.isdecimal():
        return []
    descriptors = range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + min(int(count), _MOST_SOCKETS))
    names = chain(environment.get("LISTEN_FDNAMES", "").split(":"), repeat(""))
    return [(name or "unknown", _socket(each)) for each, name in zip(descriptors, names, strict=False)]


def _socket(descriptor: int) -> socket.socket:
    try:
        return socket.socket(fileno=descriptor)
    except OSError as error:
        raise ListenError(f"descriptor {descriptor}, which was passed, is no socket") from error


class Systemd:
    """The socket to systemd, by the environment that it gave us."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{name[1:]}" if name.startswith("@") else name  # abstract, unix(7)
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
