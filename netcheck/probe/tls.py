"""TLS over a stream we drive ourselves, so that its errors are the real ones.

The calling phase sets the deadline, and the limit of bytes. Whom to trust is not known here.
"""

import functools
import ssl
from contextlib import suppress

from netcheck.apns import certificates
from netcheck.files import as_file
from netcheck.model.failing import EVIDENCE_LIMIT, PhaseError, Reason
from netcheck.probe.sockets import Stream
from netcheck.tls_driver import StreamEndError, TlsDriver
from netcheck.wire.http_software import software_in

_KEPT = 1024
"""Bytes of what comes first: of what is not TLS they say who it is."""
_RECORDS = range(0x14, 0x18)  # RFC 8446 section 5.1, ContentType
_RECORD_ALERT, _RECORD_HANDSHAKE = 0x15, 0x16
_CLOSE_NOTIFY = 0  # RFC 8446 section 6.1
_ALERTS_WITHOUT_A_NAME = {115: "unknown_psk_identity", 120: "no_application_protocol", 121: "ech_required"}
"""IANA's names of those for which Python has none, or not every Python."""
_CERTIFICATE, _CERTIFICATE_REQUEST = 11, 13  # RFC 8446 section 4, HandshakeType
_TLS_1_3 = 0x0304  # RFC 8446 section 4.2.1
_OP_LEGACY_SERVER_CONNECT = 0x4  # OpenSSL's ssl.h; a name in `ssl` from Python 3.12 on

_CIPHERS = "DEFAULT:@SECLEVEL=2"
"""OpenSSL's own list, as curl offers it. That of `ssl` is shorter, and depends on who built Python."""

# OpenSSL's x509_vfy.h
_NOT_IN_TIME = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_WRONG_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


def verifying_context() -> ssl.SSLContext:
    """As curl's, but it trusts nobody yet. It takes no part in renegotiation, as that has no end.

    An intermediate authority in the store vouches too, be its root there or not. Connections keep what the
    peer says of certificates, and its alert.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.sslobject_class = _Overheard
    # Private; nothing else hears it. Past the property of `ssl`, which makes members of enums of all numbers.
    ssl._ssl._SSLContext._msg_callback.__set__(context, _overhear)  # type: ignore[attr-defined]  # no stub
    return context


@functools.cache
def examining_context(alpn: tuple[str, ...]) -> ssl.SSLContext:
    """A client context that takes any certificate, for a chain that is examined after the handshake.

    Else as today's clients: TLS 1.2 at least. A peer need not know secure renegotiation (RFC 5746), as
    devices do not ask for it.
    """
    context = verifying_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= _OP_LEGACY_SERVER_CONNECT
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


@functools.cache
def tolerant_context() -> ssl.SSLContext:
    """One that also speaks TLS 1.0 and 1.1, with weak ciphers, keys and signatures: only to see who it is.

    It offers no protocol in ALPN: nginx and Go end the handshake where they do not know it (RFC 7301 section
    3.2). Devices and servers refuse what needs all this, so whatever comes of it is no success.
    """
    context = examining_context.__wrapped__(())
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:!aNULL:@SECLEVEL=0")
    return context


def presenting_context(alpn: tuple[str, ...], pem: bytes) -> ssl.SSLContext:
    """One that shows the certificate in the PEM, which holds its key too. Raises ssl.SSLError and OSError."""
    context = examining_context.__wrapped__(alpn)
    with as_file(pem) as file:
        context.load_cert_chain(file, password=b"")  # nobody is there to be asked for one
    return context


def first_flight(context: ssl.SSLContext, server_name: str) -> bytes:
    """What a client with this context sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=server_name).do_handshake()
    return outgoing.read()


def is_handshake(data: bytes) -> bool:
    """Whether it begins with what answers a first flight, if it is not refused."""
    return data[:1] == bytes([_RECORD_HANDSHAKE])


class _Overheard(ssl.SSLObject):
    """Keeps the Certificate message as it came, for a chain that OpenSSL cannot read."""

    certificate_message = b""
    certificate_version = 0
    asked_for_certificate = False
    alert: int | None = None
    """The fault that the peer told of (RFC 8446 section 6.2)."""


def _overhear(
    connection: _Overheard, direction: str, version: int, content_type: int, message_type: int, data: bytes
) -> None:
    if direction != "read":
        return
    if content_type == _RECORD_ALERT and message_type != _CLOSE_NOTIFY:
        connection.alert = message_type & 0xFF  # `ssl` makes negative numbers of those from 128 on
    if content_type != _RECORD_HANDSHAKE:
        return
    if message_type == _CERTIFICATE:
        connection.certificate_message, connection.certificate_version = data, version
    elif message_type == _CERTIFICATE_REQUEST:
        connection.asked_for_certificate = True


def certificates_in(message: bytes, version: int) -> list[bytes]:
    """The certificates of a Certificate message (RFC 5246 section 7.4.2, RFC 8446 section 4.4.2)."""
    extended = version >= _TLS_1_3
    context = 1 + int.from_bytes(message[4:5]) if extended else 0
    at = 4 + context + 3  # the header, the context, the length of the list
    found = []
    while at < len(message):
        end = at + 3 + int.from_bytes(message[at : at + 3])
        found.append(message[at + 3 : end])
        at = end + (2 + int.from_bytes(message[end : end + 2]) if extended else 0)
    return found


class _Ear:
    """Reads from a stream, and keeps its first bytes.

    Apart from the TlsStream: a driver that led back to it would leave a cycle with each connection, some
    40 KB of OpenSSL's that stay until the collector comes.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.first_bytes = b""

    async def hear(self, limit: int) -> bytes:
        data = await self._stream.receive_some(limit)
        if len(self.first_bytes) < _KEPT:
            self.first_bytes += data[: _KEPT - len(self.first_bytes)]
        return data


class TlsStream:
    """A TLS client over a stream: `handshake` first, then read and write as with the stream below."""

    def __init__(self, stream: Stream, context: ssl.SSLContext, server_name: str) -> None:
        """`context` is one that overhears."""
        self._server_name = server_name
        self._ear = _Ear(stream)
        wrap = functools.partial(context.wrap_bio, server_hostname=server_name)
        self._driver = TlsDriver(wrap, self._ear.hear, stream.send_all)
        assert isinstance(self._driver.tls, _Overheard)  # noqa: S101 - for the types: its context overhears
        self.said = self._driver.tls
        """What OpenSSL says of the connection, and the peer of certificates and of its faults."""

    async def handshake(self) -> None:
        """Complete it, or raise PhaseError with a reason of the TLS phases."""
        try:
            await self._driver.run(self.said.do_handshake)
        except (StreamEndError, ssl.SSLZeroReturnError):
            raise self._closed() from None
        except PhaseError as error:
            error.evidence = self._ear.first_bytes[:EVIDENCE_LIMIT]
            raise
        except ssl.SSLError as error:
            await self._flush_quietly()
            raise self._explain(error) from error

    @property
    def alpn(self) -> str | None:
        """What the peer chose of the protocols that were offered."""
        return self.said.selected_alpn_protocol()

    @property
    def not_after(self) -> float | None:
        """When the peer's certificate expires, in Unix seconds; None where that cannot be read.

        `ssl` reads all of it or nothing, and raises for names with letters in Latin-1.
        """
        der = self.said.getpeercert(binary_form=True) or b""
        not_after = certificates.read(der, most_names=0).not_after
        return None if not_after is None else not_after.timestamp()

    def presented(self) -> list[bytes]:
        """The chain as the peer presented it, in DER, the leaf first.

        Also where the handshake failed; empty where it did so before there was one. What is in it need not be
        certificates.
        """
        if self.said.certificate_message:
            return certificates_in(self.said.certificate_message, self.said.certificate_version)
        # It came in another message, compressed (RFC 8879). Before Python 3.13 this has no public name.
        hidden = self.said._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
        return [certificate.public_bytes(ssl._ssl.ENCODING_DER) for certificate in hidden or ()]  # type: ignore[attr-defined]

    async def send_all(self, data: bytes) -> None:
        try:
            await self._driver.write(data)
        except StreamEndError:
            raise PhaseError(Reason.CLOSED, "the peer closed the connection") from None
        except ssl.SSLError as error:
            raise self._broken(error) from error

    async def receive_some(self, limit: int) -> bytes:
        """At most `limit` bytes; b"" when the peer has closed, with or without saying so."""
        try:
            return await self._driver.run(functools.partial(self.said.read, limit))
        except (StreamEndError, ssl.SSLZeroReturnError):
            return b""
        except ssl.SSLError as error:
            raise self._broken(error) from error

    async def _flush_quietly(self) -> None:
        """Tell the peer why we leave, if it still listens: our own error is the one to report."""
        with suppress(PhaseError):
            await self._driver.flush()

    def _closed(self) -> PhaseError:
        if self._ear.first_bytes and not self._is_in_records():
            return self._not_tls()  # in fewer words than a record begins with
        begun = ", after its answer had begun" if is_handshake(self._ear.first_bytes) else ""
        detail = f"the peer closed during the TLS handshake{begun}"
        return PhaseError(Reason.CLOSED, detail, self._ear.first_bytes)

    def _explain(self, error: ssl.SSLError) -> PhaseError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._explain_certificate(error)
        if not self._is_in_records():
            return self._not_tls()
        return self._broken(error, self._ear.first_bytes)

    def _is_in_records(self) -> bool:
        return bool(self._ear.first_bytes) and self._ear.first_bytes[0] in _RECORDS

    def _not_tls(self) -> PhaseError:
        said = self._ear.first_bytes
        detail = "the peer does not speak TLS"
        return PhaseError(Reason.TLS_NOT_TLS, detail, said, software=software_in(said))

    def _broken(self, error: ssl.SSLError, evidence: bytes = b"") -> PhaseError:
        detail = error.reason or "TLS error"
        if error.reason is None and (alert := self.said.alert) is not None:
            detail = f"the peer's alert {_ALERTS_WITHOUT_A_NAME.get(alert, alert)}"
        return PhaseError(Reason.TLS_ALERT, detail, evidence)

    def _explain_certificate(self, error: ssl.SSLCertVerificationError) -> PhaseError:
        reason = {
            **dict.fromkeys(_NOT_IN_TIME, Reason.TLS_EXPIRED),
            **dict.fromkeys(_WRONG_NAME, Reason.TLS_NAME_MISMATCH),
        }.get(error.verify_code, Reason.TLS_UNTRUSTED)
        return PhaseError(reason, f"certificate for {self._server_name}: {error.verify_message}")
