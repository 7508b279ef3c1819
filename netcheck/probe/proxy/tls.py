"""TLS with a proxy: where it is one for https, what is said to it goes over that."""

from netcheck.model.failing import LoginFault, PhaseError, Reason, RefusedLogin
from netcheck.model.paths import Proxy, ProxyScheme
from netcheck.probe.authorities import client_context
from netcheck.probe.sockets import Stream
from netcheck.probe.tls import TlsStream

_LEAVES = (Reason.TLS_ALERT, Reason.CLOSED, Reason.RESET, Reason.PROXY_CLOSED)
"""How it may end a connection."""


async def over_tls(stream: Stream, proxy: Proxy) -> Stream:
    """What the proxy is spoken to over: TLS where it is one for https."""
    if proxy.scheme is not ProxyScheme.HTTPS:
        return stream
    tls = TlsStream(stream, await client_context(proxy.ca_file), proxy.host)
    try:
        await tls.handshake()
    except PhaseError as error:
        raise without_certificate(tls, error, error.reason) or error from error
    return tls


def without_certificate(stream: Stream, error: PhaseError, reason: Reason) -> PhaseError | None:
    """The reason, where who asked for a certificate of the client ends the connection: there is none.

    In the handshake of TLS 1.2, and after that of TLS 1.3.
    """
    asked = isinstance(stream, TlsStream) and stream.said.asked_for_certificate
    if not asked or error.reason not in _LEAVES:
        return None
    detail = f"the proxy asks in TLS for a certificate of its client, and leaves without one: {error.detail}"
    return PhaseError(reason, detail, login=RefusedLogin(LoginFault.CERTIFICATE))
