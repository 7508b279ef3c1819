"""Runs a handshake that is written as a script: a generator that asks for bytes by their number.

The script takes exactly what it asks for, so how the stream was cut into reads cannot change an outcome.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import suppress

from netcheck.wire.transcript import HandshakeError, Transcript

Script = Generator[int, bytes, None]
"""Yields how many bytes it needs next, and is sent just these."""


class Dialogue(ABC):
    """What the SOCKS machines share: the bytes between a script and the one who does the I/O."""

    def __init__(self, heard: Transcript) -> None:
        self.spoke = False
        self.connected = False
        self.trailing = b""
        self._heard = heard
        self._received = bytearray()
        self._outgoing = bytearray()
        self._script = self._talk()
        self._needed = 0

    def start(self) -> bytes:
        self._needed = next(self._script)
        return self._collect_outgoing()

    def receive(self, data: bytes) -> bytes:
        if not data:
            raise self.so_far() or self._heard.closed()
        self._heard.add(data)
        self._received += data
        with suppress(StopIteration):
            while len(self._received) >= self._needed:
                self._needed = self._script.send(self._take(self._needed))
        return self._collect_outgoing()

    def so_far(self) -> HandshakeError | None:
        """As in Handshake; mostly nothing, before the script has come to its end."""
        return None

    @abstractmethod
    def _talk(self) -> Script:
        """The script: ends by `_finish` or by raising HandshakeError."""

    def _send(self, data: bytes) -> None:
        self._outgoing += data

    def _finish(self) -> None:
        self.connected = True
        self.trailing = bytes(self._received)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def _collect_outgoing(self) -> bytes:
        collected = bytes(self._outgoing)
        self._outgoing.clear()
        return collected
