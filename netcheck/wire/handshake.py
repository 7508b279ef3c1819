"""The one face of all proxy handshakes, and which machine speaks which scheme. Knows no protocol itself."""

from typing import Protocol

from netcheck.model.paths import Proxy, ProxyScheme
from netcheck.wire.http_asking import HttpConnect
from netcheck.wire.socks4 import Socks4
from netcheck.wire.socks5 import Socks5
from netcheck.wire.target import Target
from netcheck.wire.transcript import HandshakeError


class Handshake(Protocol):
    """Asks a proxy for one target, once: `start`, then `receive` until `connected` or HandshakeError."""

    spoke: bool
    """True once the peer has sent something that only a proxy of this protocol sends."""
    connected: bool
    """True once the tunnel stands."""
    trailing: bytes
    """The tunnel's first bytes, as far as they came together with the reply."""

    def start(self) -> bytes:
        """The first bytes to send."""
        ...

    def receive(self, data: bytes) -> bytes:
        """Take what arrived, b"" for the end of the stream; returns what to send next, b"" for nothing.

        Raises HandshakeError as soon as the answer cannot lead to a tunnel any more.
        """
        ...

    def so_far(self) -> HandshakeError | None:
        """What the answer's beginning means where no more of it comes; None where it means nothing yet."""
        ...


def handshake_for(proxy: Proxy, target: Target) -> Handshake:
    """The machine for a proxy's scheme. ValueError for a target or credentials its protocol cannot carry."""
    match proxy.scheme:
        case ProxyScheme.SOCKS4 | ProxyScheme.SOCKS4A:
            return Socks4(target, proxy.credentials, names=proxy.scheme is ProxyScheme.SOCKS4A)
        case ProxyScheme.SOCKS5 | ProxyScheme.SOCKS5H:
            return Socks5(target, proxy.credentials)
        case ProxyScheme.HTTP | ProxyScheme.HTTPS:
            return HttpConnect(target, proxy.credentials)
