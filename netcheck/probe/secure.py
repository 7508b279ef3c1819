"""The TLS and session phases: speak TLS with the destination, examine its certificate, begin its protocol.

Who may vouch for a certificate is known in `netcheck.apns.trust`.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from netcheck.apns.issuers import Anchors
from netcheck.apns.trust import examine
from netcheck.model.failing import NOT_ITS_CERTIFICATE, Failure, Phase, PhaseError, Reason
from netcheck.model.services import TlsSettings
from netcheck.probe.grace import stays_open
from netcheck.probe.sockets import READ_LIMIT, Stream
from netcheck.probe.tls import TlsStream, examining_context, tolerant_context
from netcheck.probe.walk import Walk, WalkEnded
from netcheck.wire.http2 import Http2

FIRST_WORD = 0.3
"""Seconds to wait for what a peer does right after the handshake. With TLS 1.3, a server that refuses the
client for want of a certificate says so only now."""
_HTTP2 = "h2"  # RFC 9113 section 3.2

_MAY_SHOW_ITSELF = (Reason.TLS_ALERT, Reason.CLOSED, Reason.RESET)
"""How a handshake ends with who speaks only older or weaker TLS, or not our protocols: not all say so."""
_TOLERANT = "with old and weak TLS allowed, and without ALPN"


@dataclass(frozen=True, slots=True)
class Security:
    """TLS with a destination: the name to ask for and to verify, the protocols to offer, who may vouch."""

    server_name: str
    alpn: tuple[str, ...]
    anchors: Anchors | PhaseError
    """Or why nobody knows who may."""
    request: bool = False
    """Whether APNs must answer a request."""

    @property
    def needs_http2(self) -> bool:
        """Whether nothing else will do: a service of one's own may offer HTTP/1.1 as well."""
        return self.request or self.alpn == (_HTTP2,)

    @property
    def needs_no_certificate(self) -> bool:
        """Whether the peer lets clients in without one, by what is offered: couriers and the provider API."""
        return bool(self.alpn) and isinstance(self.anchors, Anchors) and self.anchors.is_apples


async def secure(walk: Walk, stream: Stream, security: Security, timeout: float) -> TlsStream:
    """Walk the TLS phase; raises WalkEnded where it fails.

    `walk.tls` is set as soon as a certificate was seen, accepted or not.
    """
    tls = TlsStream(stream, examining_context(security.alpn), security.server_name)
    await walk.step(Phase.TLS, timeout, shake_hands(walk, tls, security))
    return tls


async def speak(walk: Walk, stream: Stream, security: Security) -> None:
    """Run both phases with a peer that speaks no HTTP/2; raises WalkEnded where one fails.

    For who sets the deadlines: that of the session phase is FIRST_WORD, and then silence is fine.
    """
    tls = TlsStream(stream, examining_context(security.alpn), security.server_name)
    await walk.run(Phase.TLS, shake_hands(walk, tls, security))
    if not walk.lacks_certificate:
        await walk.run(Phase.SESSION, hear_first_word(walk, tls, security))


def is_worth_another_look(walk: Walk, failure: Failure) -> bool:
    """Whether who is at the other end may show in another TLS than devices and servers speak."""
    return walk.tls is None and failure.phase is Phase.TLS and failure.reason in _MAY_SHOW_ITSELF


async def look_again(
    walk: Walk, again: Walk, stream: Stream, security: Security, timeout: float, failure: Failure
) -> Failure:
    """What a connection of its own shows of a peer with which the handshake failed: that, or the failure.

    It speaks TLS that nobody should, to see the certificate and for nothing else: it makes no success. Sets
    `walk.tls` where it sees one.
    """
    tls = TlsStream(stream, tolerant_context(), security.server_name)
    try:
        await again.step(Phase.TLS, timeout, shake_hands(again, tls, security))
    except WalkEnded as ended:
        seen = ended.failure
    else:
        seen = failure
    walk.tls = again.tls
    if walk.tls is None:
        return failure
    if seen.reason in NOT_ITS_CERTIFICATE:
        return replace(seen, detail=f"{seen.detail}, seen in {walk.tls.version} {_TOLERANT}")
    succeeds = f"the handshake succeeds in {walk.tls.version} {_TOLERANT}"
    return replace(failure, detail=f"{failure.detail}; {succeeds}")


async def begin(walk: Walk, tls: TlsStream, security: Security, timeout: float) -> None:
    """Walk the session phase of a service that is not asked for anything else; raises WalkEnded."""
    if walk.lacks_certificate:
        return
    if tls.alpn == _HTTP2 or security.needs_http2:
        await walk.step(Phase.SESSION, max(timeout, 2 * FIRST_WORD), _speak_http2(walk, tls, security))
    else:
        await stays_open(walk, hear_first_word(walk, tls, security), FIRST_WORD)


async def shake_hands(walk: Walk, tls: TlsStream, security: Security) -> None:
    """The TLS phase itself; raises PhaseError.

    That is for what the certificate shows, if it shows anything, rather than for how the handshake ended.
    """
    try:
        await tls.handshake()
    except PhaseError as error:
        presented = tls.presented()
        seen = _examine(walk, tls, security, presented) if presented else None
        if seen is not None and seen.reason in NOT_ITS_CERTIFICATE:
            raise seen from error
        if not presented or seen is not None or not _lacks_certificate(tls, security, error):
            raise
        walk.lacks_certificate = True
        return
    except BaseException:  # its time is over: a certificate that came until then says how far the peer got
        if presented := tls.presented():
            _examine(walk, tls, security, presented)
        raise
    seen = _examine(walk, tls, security, tls.presented())
    if seen is not None:
        raise seen


def _lacks_certificate(tls: TlsStream, security: Security, error: PhaseError) -> bool:
    """Whether it ends for want of one: MDM servers ask devices, which have one, and we have none."""
    return _may_want_certificate(tls, security) and error.reason is Reason.TLS_ALERT


def _may_want_certificate(tls: TlsStream, security: Security) -> bool:
    return tls.said.asked_for_certificate and not security.needs_no_certificate


def _examine(walk: Walk, tls: TlsStream, security: Security, presented: Sequence[bytes]) -> PhaseError | None:
    """What is wrong with the chain, if anything; `walk.tls` is what it says, if it is known who may vouch."""
    if isinstance(security.anchors, PhaseError):
        return security.anchors
    version = tls.said.version()
    examined = examine(
        presented, security.server_name, security.anchors, time.time(), alpn=tls.alpn, version=version
    )
    walk.tls = examined.info
    return None if examined.reason is None else PhaseError(examined.reason, examined.detail)


async def _speak_http2(walk: Walk, tls: TlsStream, security: Security) -> None:
    with _certificate_may_lack(walk, tls, security):
        need_http2(tls)
        session = Http2(security.server_name, request=security.request)
        await tls.send_all(session.start())
        await hear_out(tls, session)


def may_speak_http2(settings: TlsSettings) -> bool:
    """Whether the session may be one of HTTP/2, in which we have something to say."""
    return _HTTP2 in settings.alpn or settings.request


async def hear_first_word(walk: Walk, tls: TlsStream, security: Security) -> None:
    """Until the peer says anything. That and silence are fine; only its leaving is not: PhaseError."""
    with _certificate_may_lack(walk, tls, security):
        if not await tls.receive_some(READ_LIMIT):
            raise PhaseError(Reason.CLOSED, "the peer ended the connection right after the TLS handshake")


@contextmanager
def _certificate_may_lack(walk: Walk, tls: TlsStream, security: Security) -> Iterator[None]:
    """Where the peer ends the session for want of a certificate, it has gone well up to there.

    Only an alert tells that: who is closed may have nobody behind it, be a certificate wanted or not.
    """
    try:
        yield
    except PhaseError as error:
        if _lacks_certificate(tls, security, error):
            walk.lacks_certificate = True
            return
        if _may_want_certificate(tls, security) and error.reason in (Reason.CLOSED, Reason.RESET):
            detail = f"{error.detail}, and had asked for a certificate of its client"
            raise PhaseError.of(error, detail=detail) from error
        raise


def need_http2(tls: TlsStream) -> None:
    """Raises PhaseError where the peer chose anything else."""
    if tls.alpn != _HTTP2:
        chosen = tls.alpn or "no protocol"
        raise PhaseError(Reason.REFUSED, f"the peer chose {chosen} in TLS, and this service needs {_HTTP2}")


async def hear_out(tls: TlsStream, session: Http2) -> None:
    """Until the session, which has begun, is done; PhaseError where it does not come to that."""
    while not session.done:
        if answer := session.receive(await tls.receive_some(READ_LIMIT)):
            await tls.send_all(answer)
