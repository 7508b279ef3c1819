"""Drives TLS by hand, for both sides: an SSLObject over memory, between a stream and who reads and writes.

trio's SSLStream hides what went wrong, and cannot end its side and then wait for the other's. Knows no errors
but OpenSSL's, and whom to trust as little as who is at the other end.
"""

import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import trio

T = TypeVar("T")

CHUNK = 16 * 1024 + 256
"""Bytes to read at once: a TLS record and its overhead (RFC 8446 section 5.2)."""


class StreamEndError(Exception):
    """The stream ended where TLS needs more."""


class TlsDriver:
    """Moves records between an SSLObject and a stream; `tls` is that object."""

    def __init__(
        self,
        wrap: Callable[[ssl.MemoryBIO, ssl.MemoryBIO], ssl.SSLObject],
        receive: Callable[[int], Awaitable[bytes | bytearray]],
        send: Callable[[bytes], Awaitable[None]],
    ) -> None:
        """`wrap` makes the object over what comes in and what goes out; the others are the stream's."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = wrap(self._incoming, self._outgoing)
        self._receive = receive
        self._send = send
        # Who reads may have to send too, as TLS wants it. No Lock, as that belongs to a task.
        self._sending = trio.Semaphore(1)

    async def run(self, step: Callable[[], T]) -> T:
        """What a call of the object comes to, with as many reads as it takes, and all sent that it wants to.

        Raises ssl.SSLError as OpenSSL does, StreamEndError, and what the stream raises.
        """
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                await self.flush()
                data = await self._receive(CHUNK)
                if not data:
                    raise StreamEndError from None
                self.feed(data)
            else:
                await self.flush()
                return result

    def feed(self, data: bytes | bytearray) -> None:
        """Take what was read from the stream already."""
        self._incoming.write(data)

    async def write(self, data: bytes) -> None:
        """Send all of it; raises as `run`."""
        view = memoryview(data)
        while view:
            view = view[await self.run(partial(self.tls.write, view[:CHUNK])) :]

    async def flush(self) -> None:
        """Send what TLS has to say, and wait for who is sending it."""
        if not self._outgoing.pending and self._sending.value:
            return
        try:
            self._sending.acquire_nowait()  # what is free costs no turn of the loop
        except trio.WouldBlock:
            await self._sending.acquire()
        try:
            if data := self._outgoing.read():
                await self._send(data)
        finally:
            self._sending.release()
