"""TLS of the web port: the server's side of a connection, and what its errors mean there."""

import ipaddress
import ssl
from contextlib import suppress
from functools import partial

import trio

from netcheck.tls_driver import CHUNK, StreamEndError, TlsDriver

_HANDSHAKE = 0x16  # RFC 8446 section 5.1, ContentType


class TlsError(Exception):
    """The client did not get through the handshake; the message says why."""


class NotTlsError(TlsError):
    """The client does not speak TLS; `said` is what came of it."""

    def __init__(self, said: bytes) -> None:
        super().__init__("the client does not speak TLS")
        self.said = said


class TlsStream:
    """A client's connection behind TLS: `handshake` first, then read and write as without."""

    def __init__(self, stream: trio.SocketStream, context: ssl.SSLContext) -> None:
        self._stream = stream
        wrap = partial(context.wrap_bio, server_side=True)
        self._driver = TlsDriver(wrap, stream.receive_some, stream.send_all)
        self._tls = self._driver.tls

    async def handshake(self) -> None:
        """Complete it; TlsError where the client does not."""
        first = await self._stream.receive_some(CHUNK)
        if first and first[0] != _HANDSHAKE:
            raise NotTlsError(bytes(first))
        self._driver.feed(first)
        try:
            await self._driver.run(self._tls.do_handshake)
        except StreamEndError:
            raise TlsError("the client closed during the handshake") from None
        except ssl.SSLError as error:
            await self._driver.flush()  # tell the client why
            raise TlsError(error.reason or "TLS error") from error

    def names(self) -> frozenset[str] | None:
        """The names in the client's certificate, of every type; None where it showed no certificate."""
        if (certificate := self._tls.getpeercert()) is None:
            return None
        # typeshed has one type for all that may stand in a certificate
        names: tuple[tuple[str, str], ...] = certificate.get("subjectAltName", ())  # type: ignore[assignment]
        return frozenset(_address(name) if kind == "IP Address" else name for kind, name in names)

    async def receive_some(self, limit: int) -> bytes:
        """At most `limit` bytes; b"" when the client has closed, with or without saying so."""
        await trio.lowlevel.checkpoint()
        try:
            return await self._driver.run(partial(self._tls.read, limit))
        except (StreamEndError, ssl.SSLZeroReturnError):
            return b""
        except ssl.SSLError as error:
            raise trio.BrokenResourceError(error.reason) from error

    async def send_all(self, data: bytes) -> None:
        """Write all of it; trio.BrokenResourceError where the client has gone."""
        try:
            await self._driver.write(data)
        except StreamEndError:
            raise trio.BrokenResourceError("the client has closed") from None
        except ssl.SSLError as error:
            raise trio.BrokenResourceError(error.reason) from error

    async def send_eof(self) -> None:
        """Say that nothing more comes (RFC 8446 section 6.1); then the client's end can be waited for."""
        with suppress(ssl.SSLError):  # it wants the client's word too, which nobody needs
            self._tls.unwrap()
        await self._driver.flush()
        await self._stream.send_eof()


def _address(written: str) -> str:
    """As Go writes an address: OpenSSL writes IPv6 in full."""
    try:
        return str(ipaddress.ip_address(written))
    except ValueError:
        return written
