"""Stand-ins for Apple's side: couriers, the provider API, the retired services and the bag, by their names.

All speak TLS; one listener serves them all and tells them apart by the name that a client asks for (SNI).
"""

import plistlib
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import trio

from netcheck.lab.certificates import Authority

TlsStream = trio.SSLStream[trio.SocketStream]
Talk = Callable[[TlsStream], Awaitable[None]]

COURIERS = ("courier.push.apple.com", "courier2.push.apple.com")
"""What stands behind the `N-` of a courier's name, and the name in its certificate."""
PROVIDER = "api.push.apple.com"
RETIRED = ("gateway.push.apple.com", "feedback.push.apple.com")
BAG, OLD_BAG = "init.push.apple.com", "init-p01st.push.apple.com"
"""On HTTPS and on plain HTTP."""

_ALPN = {**dict.fromkeys(COURIERS, ("apns-security-v3",)), PROVIDER: ("h2",)}
_HANDSHAKE_SECONDS = 5.0
_READ = 4096


def apple_like() -> tuple[Authority, Authority]:
    """A root and the authority below it, named as Apple names its own, and neither of them Apple's."""
    root = Authority.root("Apple Root CA (laboratory)", "netcheck laboratory")
    return root, root.intermediate("Apple Server Authentication CA (laboratory)", "netcheck laboratory")


class Front:
    """Accepts TLS for a set of names and hands each connection to whoever stands in for the name."""

    def __init__(self, authority: Authority, folder: Path, names: Iterable[str]) -> None:
        self._contexts = {
            name: authority.issue(name).server_context(folder, _ALPN.get(name, ())) for name in names
        }
        self._default = next(iter(self._contexts.values()))
        for context in self._contexts.values():
            context.sni_callback = self._choose

    async def handle(self, stream: trio.SocketStream) -> None:
        """One connection, from its TLS handshake to its end."""
        tls = trio.SSLStream(stream, self._default, server_side=True)
        with trio.move_on_after(_HANDSHAKE_SECONDS) as handshake:
            await tls.do_handshake()
        if not handshake.cancelled_caught:
            await _TALKS.get(tls.selected_alpn_protocol(), serve_bag)(tls)

    def _choose(self, tls: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        tls.context = self._contexts.get(name or "", self._default)


async def be_quiet(tls: TlsStream) -> None:
    """As a courier does until a device has said who it is."""
    while await tls.receive_some(_READ):
        pass


async def speak_http2(tls: TlsStream) -> None:
    """As the provider API does: exchange settings, and refuse whoever shows neither token nor certificate."""
    server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    server.initiate_connection()
    await tls.send_all(server.data_to_send())
    while data := await tls.receive_some(_READ):
        with suppress(h2.exceptions.ProtocolError):
            for event in server.receive_data(data):
                if isinstance(event, h2.events.StreamEnded) and event.stream_id:
                    _refuse(server, event.stream_id)
        await tls.send_all(server.data_to_send())


def _refuse(server: h2.connection.H2Connection, stream: int) -> None:
    server.send_headers(stream, [(":status", "403")])
    server.send_data(stream, b'{"reason":"MissingProviderToken"}', end_stream=True)


async def serve_bag(stream: trio.abc.Stream) -> None:
    """One GET is answered with a bag; the retired services end the same way after anything they are told."""
    if not (await stream.receive_some(_READ)).startswith(b"GET "):
        return
    body = plistlib.dumps(
        {
            "APNSCourierHostname": COURIERS[0],
            "APNSCourierHostcount": 50,
            "APNSCourierStatus": True,
            "APNSBagExpiry": 3600,
        }
    )
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/x-apple-plist\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    await stream.send_all(head.encode() + body)


_TALKS: dict[str | None, Talk] = {"h2": speak_http2, "apns-security-v3": be_quiet}
"""By ALPN."""
