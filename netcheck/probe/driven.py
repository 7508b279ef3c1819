"""A TCP stream whose waits cost no task: it hands out the events that it waits for, as epoll names them.

What reads and writes it is a coroutine that somebody drives: one `send(None)` for each of those events.
"""

import select
import types
from collections.abc import Generator
from time import perf_counter

from netcheck.probe.sockets import TcpStream


class DrivenStream(TcpStream):
    """As it is below, for a coroutine that is driven; must not be waited for in a task of trio's."""

    async def send_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view := self._put(view):
            await _event(select.EPOLLOUT)

    async def receive_some(self, limit: int) -> bytes:
        """At most `limit` bytes; b"" when the peer has closed. Others have their turn first, each time."""
        began = perf_counter()
        while True:
            await _event(select.EPOLLIN)
            data = self._take(limit, began)
            if data is not None:
                return data


@types.coroutine
def _event(events: int) -> Generator[int, None, None]:
    yield events
