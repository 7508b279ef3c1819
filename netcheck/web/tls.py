"""TLS of the web port: the server's side of a connection.

An SSLObject over memory, and not trio's SSLStream, which cannot end its side and then wait for the client's.
"""

import ipaddress
import ssl
from contextlib import suppress

import trio

_CHUNK = 16 * 1024 + 256  # a TLS record and its overhead (RFC 8446 section 5.2)
_HANDSHAKE = 0x16  # RFC 8446 section 5.1, ContentType


class TlsError(Exception):
    """The client did not get through the handshake; the message says why."""


class NotTlsError(TlsError):
    """The client does not speak TLS."""


class TlsStream:
    """A client's connection behind TLS: `handshake` first, then read and write as without."""

    def __init__(self, stream: trio.SocketStream, context: ssl.SSLContext) -> None:
        self._stream = stream
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._sending = trio.StrictFIFOLock()  # who reads may have to send too, as TLS wants it
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    async def handshake(self) -> None:
        """Complete it; TlsError where the client does not."""
        first = await self._stream.receive_some(_CHUNK)
        if first and first[0] != _HANDSHAKE:
            raise NotTlsError("the client does not speak TLS")
        self._incoming.write(first)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._fill():
                    raise TlsError("the client closed during the handshake") from None
            except ssl.SSLError as error:
                await self._flush()  # tell the client why
                raise TlsError(error.reason or "TLS error") from error
            else:
                return await self._flush()

    def names(self) -> frozenset[str]:
        """The names in the client's certificate, of every type; none where it showed none."""
        certificate = self._tls.getpeercert() or {}
        names: tuple[tuple[str, str], ...] = certificate.get("subjectAltName", ())  # type: ignore[assignment]
        return frozenset(_address(name) if kind == "IP Address" else name for kind, name in names)

    async def receive_some(self, limit: int) -> bytes:
        """At most `limit` bytes; b"" when the client has closed, with or without saying so."""
        await trio.lowlevel.checkpoint()
        while True:
            try:
                return self._tls.read(limit)
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._fill():
                    return b""
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError as error:
                raise trio.BrokenResourceError(error.reason) from error

    async def send_all(self, data: bytes) -> None:
        """Write all of it; trio.BrokenResourceError where the client has gone."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._tls.write(view[:_CHUNK]) :]
            except ssl.SSLWantReadError:
                if not await self._fill():
                    raise trio.BrokenResourceError("the client has closed") from None
            except ssl.SSLError as error:
                raise trio.BrokenResourceError(error.reason) from error
            await self._flush()

    async def send_eof(self) -> None:
        """Say that nothing more comes (RFC 8446 section 6.1); then the client's end can be waited for."""
        with suppress(ssl.SSLError):  # it wants the client's word too, which nobody needs
            self._tls.unwrap()
        await self._flush()
        await self._stream.send_eof()

    async def _flush(self) -> None:
        async with self._sending:
            if data := self._outgoing.read():
                await self._stream.send_all(data)

    async def _fill(self) -> bool:
        data = await self._stream.receive_some(_CHUNK)
        self._incoming.write(data)
        return bool(data)


def _address(written: str) -> str:
    """As Go writes an address: OpenSSL writes IPv6 in full."""
    try:
        return str(ipaddress.ip_address(written))
    except ValueError:
        return written
