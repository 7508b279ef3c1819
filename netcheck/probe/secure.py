"""The TLS and session phases: speak TLS with the destination, examine its certificate, begin its protocol.

Who may vouch for a certificate is known in `netcheck.apns.trust`.
"""

import time
from dataclasses import dataclass

import trio

from netcheck.apns.trust import Anchors, anchors_of_others, apple_anchors, examine
from netcheck.model.failing import Phase, Reason
from netcheck.model.services import TlsSettings
from netcheck.probe.errors import PhaseError
from netcheck.probe.sockets import Stream
from netcheck.probe.tls import TlsStream, examining_context, system_authorities
from netcheck.probe.walk import Walk
from netcheck.wire import HandshakeError, Http2

_FIRST_WORD = 0.3
"""Seconds to wait for what a peer does right after the handshake. With TLS 1.3, a server that refuses the
client for want of a certificate says so only now."""
_READ_LIMIT = 4096
_HTTP2 = "h2"  # RFC 9113 section 3.2


class Vouchers:
    """Who may vouch for which service; read anew with each configuration, as CA files change."""

    def __init__(self) -> None:
        self._known: dict[TlsSettings, Anchors] = {}
        self._reading = trio.Lock()

    async def for_(self, settings: TlsSettings) -> Anchors:
        """The anchors of a service; read once, in a thread, as they are hundreds of certificates."""
        if settings not in self._known:
            async with self._reading:
                if settings not in self._known:
                    self._known[settings] = await trio.to_thread.run_sync(_anchors, settings)
        return self._known[settings]


def _anchors(settings: TlsSettings) -> Anchors:
    if settings.is_apples:
        return apple_anchors(settings.ca_file)
    return anchors_of_others(system_authorities(), settings.ca_file)


@dataclass(frozen=True, slots=True)
class Security:
    """TLS with a destination: the name to ask for and to verify, the protocols to offer, who may vouch."""

    server_name: str
    alpn: tuple[str, ...]
    anchors: Anchors
    request: bool = False
    """Whether APNs must answer a request."""

    @property
    def needs_http2(self) -> bool:
        """Whether nothing else will do: a service of one's own may offer HTTP/1.1 as well."""
        return self.request or self.alpn == (_HTTP2,)


async def secure(walk: Walk, stream: Stream, security: Security, timeout: float) -> TlsStream:
    """Walk the TLS phase; raises WalkEnded where it fails.

    `walk.tls` is set as soon as a certificate was seen, accepted or not.
    """
    tls = TlsStream(stream, examining_context(security.alpn), security.server_name)
    await walk.step(Phase.TLS, timeout, _shake_hands(walk, tls, security))
    return tls


async def begin(walk: Walk, tls: TlsStream, security: Security, timeout: float) -> None:
    """Walk the session phase of a service that is not asked for anything else; raises WalkEnded."""
    await walk.step(Phase.SESSION, max(timeout, 2 * _FIRST_WORD), _begin(tls, security))


async def _shake_hands(walk: Walk, tls: TlsStream, security: Security) -> None:
    await tls.handshake()
    try:
        presented, now = tls.presented(), time.time()
        examined = examine(presented, security.server_name, security.anchors, tls.alpn, now)
    except ValueError as error:
        raise PhaseError(Reason.TLS_UNTRUSTED, f"the certificate cannot be read: {error}") from error
    walk.tls = examined.info
    if examined.reason is not None:
        raise PhaseError(examined.reason, examined.detail)


async def _begin(tls: TlsStream, security: Security) -> None:
    if tls.alpn == _HTTP2:
        await _speak(tls, Http2(security.server_name, request=security.request))
    elif security.needs_http2:
        chosen = tls.alpn or "no protocol"
        raise PhaseError(Reason.REFUSED, f"the peer chose {chosen} in TLS, and this service needs {_HTTP2}")
    else:
        await _hear(tls)


async def _speak(tls: TlsStream, session: Http2) -> None:
    try:
        await tls.send_all(session.start())
        while not session.done:
            if answer := session.receive(await tls.receive_some(_READ_LIMIT)):
                await tls.send_all(answer)
    except HandshakeError as error:
        raise PhaseError(error.reason, error.detail, error.evidence) from error


async def _hear(stream: Stream) -> None:
    """Silence is fine, and so is anything the peer says; only its leaving is not."""
    with trio.move_on_after(_FIRST_WORD):
        if not await stream.receive_some(_READ_LIMIT):
            raise PhaseError(Reason.CLOSED, "the peer ended the connection right after the TLS handshake")
