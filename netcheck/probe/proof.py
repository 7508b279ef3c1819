"""The TLS and session phases of a probe that shows a push certificate to the provider API.

It asks for one push to a device that cannot exist. The certificate is sent within the handshake, to whoever
answers: it is no secret, and what is signed with its key is of no use to anybody else. Nothing is asked of
who is not Apple.
"""

import ssl
import time
from contextlib import suppress

from netcheck.apns.acceptance import by_alert, by_reason
from netcheck.model.failing import Phase, PhaseError, Reason
from netcheck.model.push_certificates import Acceptance, PushIdentity
from netcheck.model.results import Trust
from netcheck.probe.secure import Security, hear_out, need_http2, shake_hands
from netcheck.probe.sockets import Stream
from netcheck.probe.tls import TlsStream, presenting_context
from netcheck.probe.walk import Walk, WalkEnded
from netcheck.wire.http2 import Answer, Http2

ALPN = ("h2",)
"""RFC 9113 section 3.2."""

Shown = tuple[Acceptance, str]
"""What came of it, and what was answered, for people."""


def context_of(identity: PushIdentity) -> ssl.SSLContext | str:
    """A context that shows the certificate, or why OpenSSL does not take it."""
    try:
        return presenting_context(ALPN, identity.pem.reveal().encode())
    except ssl.SSLError as error:
        return f"OpenSSL does not take the certificate with its key: {error.reason}"
    except OSError as error:
        return f"there is no file to hand the key to OpenSSL in: {error.strerror}"


async def show(
    walk: Walk,
    stream: Stream,
    context: ssl.SSLContext,
    security: Security,
    identity: PushIdentity,
    timeout: float,
) -> Shown:
    """Walk both phases; raises WalkEnded where they fail for another reason than the certificate."""
    tls = TlsStream(stream, context, security.server_name)
    try:
        await walk.step(Phase.TLS, timeout, shake_hands(walk, tls, security))
        answer = await walk.step(Phase.SESSION, timeout, _ask(tls, security.server_name, identity.topic))
    except WalkEnded as ended:
        # An alert of who is not Apple says nothing of the certificate.
        is_alert = ended.failure.reason is Reason.TLS_ALERT and walk.tls and walk.tls.trust is not Trust.OTHER
        refused = by_alert(tls.said.alert if is_alert else None, identity.not_after, time.time())
        if refused is Acceptance.UNPROVEN:
            raise
        return refused, f"TLS alert {tls.said.alert}: {ended.failure.detail}"
    return by_reason(answer.reason, identity.not_after, time.time()), answer.text


async def _ask(tls: TlsStream, authority: str, topic: str) -> Answer:
    need_http2(tls)
    session = Http2(authority, topic=topic)
    with suppress(PhaseError):  # who refuses has gone, perhaps, and has said why: that is read next
        await tls.send_all(session.start())
    await hear_out(tls, session)
    assert session.answer is not None  # noqa: S101 - for the types: it is done
    return session.answer
