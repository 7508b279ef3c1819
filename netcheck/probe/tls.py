"""TLS over a stream we drive ourselves, so that its errors are the real ones.

`ssl.SSLObject` over memory BIOs: trio's SSLStream hides what went wrong. The calling phase sets the deadline.
"""

import functools
import ssl
from pathlib import Path

import trio

from netcheck.model.failing import Reason
from netcheck.probe.errors import EVIDENCE_LIMIT, PhaseError
from netcheck.probe.sockets import Stream

_CHUNK = 16 * 1024 + 256  # a TLS record and its overhead (RFC 8446 section 5.2)
_RECORD_ALERT = 0x15  # RFC 8446 section 5.1, ContentType
_RECORD_HANDSHAKE = 0x16

# OpenSSL's x509_vfy.h
_NOT_IN_TIME = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_WRONG_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


_contexts: dict[Path | None, tuple[object, ssl.SSLContext]] = {}
"""By CA file, with what told the file apart when it was read. As many as the config names."""


async def client_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """A verifying client context that trusts `ca_file`, or the system's store; made anew when that changes.

    Made in a thread: the system's store takes 26 ms. PhaseError where the file cannot be read.
    """
    try:
        identity = _identity(ca_file)
        if ca_file not in _contexts or _contexts[ca_file][0] != identity:
            make = functools.partial(ssl.create_default_context, cafile=ca_file)
            _contexts[ca_file] = (identity, await trio.to_thread.run_sync(make))
    except OSError as error:  # SSLError is one
        raise PhaseError(Reason.TLS_UNTRUSTED, f"{ca_file} cannot be read: {error.strerror}") from error
    return _contexts[ca_file][1]


def _identity(file: Path | None) -> object:
    if file is None:
        return None
    stat = file.stat()
    return (stat.st_mtime_ns, stat.st_ino, stat.st_size)


@functools.cache
def examining_context(alpn: tuple[str, ...]) -> ssl.SSLContext:
    """A client context that takes any certificate, for a chain that is examined after the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


@functools.cache
def system_authorities() -> tuple[bytes, ...]:
    """The system's authorities, in DER."""
    return tuple(ssl.create_default_context().get_ca_certs(binary_form=True))


class TlsStream:
    """A TLS client over a stream: `handshake` first, then read and write as with the stream below."""

    def __init__(self, stream: Stream, context: ssl.SSLContext, server_name: str) -> None:
        self._stream = stream
        self._server_name = server_name
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._first_bytes = b""

    async def handshake(self) -> None:
        """Complete it, or raise PhaseError with a reason of the TLS phases."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._fill():
                    raise self._closed() from None
            except ssl.SSLError as error:
                await self._flush_quietly()
                raise self._explain(error) from error
            else:
                await self._flush()
                return

    @property
    def alpn(self) -> str | None:
        """What the peer chose of the protocols that were offered."""
        return self._tls.selected_alpn_protocol()

    def presented(self) -> list[bytes]:
        """The chain as the peer presented it, in DER, the leaf first."""
        if hasattr(self._tls, "get_unverified_chain"):  # public from Python 3.13 on
            return list(self._tls.get_unverified_chain())
        hidden = self._tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # the same, before
        return [certificate.public_bytes(ssl._ssl.ENCODING_DER) for certificate in hidden or ()]  # type: ignore[attr-defined]  # private, too

    async def send_all(self, data: bytes) -> None:
        self._tls.write(data)
        await self._flush()

    async def receive_some(self, limit: int) -> bytes:
        """At most `limit` bytes; b"" when the peer has closed, with or without saying so."""
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
                raise PhaseError(Reason.TLS_ALERT, error.reason or "TLS error") from error

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            await self._stream.send_all(data)

    async def _flush_quietly(self) -> None:
        """Tell the peer why we leave, if it still listens: our own error is the one to report."""
        try:
            await self._flush()
        except PhaseError:
            return

    async def _fill(self) -> bool:
        data = await self._stream.receive_some(_CHUNK)
        if len(self._first_bytes) < EVIDENCE_LIMIT:
            self._first_bytes += data[: EVIDENCE_LIMIT - len(self._first_bytes)]
        self._incoming.write(data)
        return bool(data)

    def _closed(self) -> PhaseError:
        return PhaseError(Reason.CLOSED, "the peer closed during the TLS handshake", self._first_bytes)

    def _explain(self, error: ssl.SSLError) -> PhaseError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._explain_certificate(error)
        record = self._first_bytes[0] if self._first_bytes else None
        if record not in (_RECORD_ALERT, _RECORD_HANDSHAKE):
            return PhaseError(Reason.TLS_NOT_TLS, "the peer does not speak TLS", self._first_bytes)
        return PhaseError(Reason.TLS_ALERT, error.reason or "TLS error", self._first_bytes)

    def _explain_certificate(self, error: ssl.SSLCertVerificationError) -> PhaseError:
        reason = {
            **dict.fromkeys(_NOT_IN_TIME, Reason.TLS_EXPIRED),
            **dict.fromkeys(_WRONG_NAME, Reason.TLS_NAME_MISMATCH),
        }.get(error.verify_code, Reason.TLS_UNTRUSTED)
        return PhaseError(reason, f"certificate for {self._server_name}: {error.verify_message}")
