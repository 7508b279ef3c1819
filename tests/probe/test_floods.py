"""Peers that always have bytes ready, in threads of their own: each finds its limit, others their turn."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import trio

from netcheck.model.failing import Phase, PhaseError, Reason
from netcheck.model.holds import Hold, HoldEnd, HoldKey
from netcheck.model.paths import (
    Binding,
    Family,
    Nameserver,
    ProbePath,
    Proxy,
    ProxyScheme,
    RecordType,
    Resolver,
    Transport,
)
from netcheck.model.services import TlsSettings
from netcheck.probe import walk
from netcheck.probe.hold import Line
from netcheck.probe.resolve.dns import lookup
from netcheck.probe.sockets import TcpStream, connect, open_socket
from netcheck.probe.tls import TlsStream, examining_context
from tests.probe.peers import in_trio
from tests.probe.test_secure import NAME, probe, server_context, settings, where_and_why

__all__ = ["settings"]  # a fixture

TLS_1_2 = b"\x03\x03"
HELLO_REQUEST = b"\x16" + TLS_1_2 + struct.pack(">H", 4) + bytes(4)  # RFC 5246 section 7.4.1.1
CHANGE_CIPHER_SPEC = b"\x14" + TLS_1_2 + struct.pack(">H", 1) + b"\1"
HUGE_MESSAGE = b"\x16" + TLS_1_2 + struct.pack(">H", 4) + b"\x0b\x01\x70\x00"  # 94 KB of Certificate begin

Serve = Callable[[socket.socket], None]


@contextmanager
def peer(serve: Serve) -> Iterator[int]:
    """A server that blocks nobody but its own thread; it serves one connection after the other."""

    def accept(server: socket.socket) -> None:
        while True:
            try:
                sock, _ = server.accept()
            except OSError:  # the test is over
                return
            with sock, suppress(OSError):  # the client has left
                serve(sock)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept, args=(server,))
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
    thread.join()


def floods(data: bytes, first: bytes = b"") -> Serve:
    """Hear the client, say `first`, and then `data` for ever."""

    def serve(sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(first)
        while True:
            sock.sendall(data * (64 * 1024 // len(data)))

    return serve


def floods_after_the_handshake(context: ssl.SSLContext) -> Serve:
    def serve(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as tls:
            while tls.recv(4096):
                pass

    return serve


async def connected(port: int) -> TcpStream:
    sock = open_socket(socket.SOCK_STREAM, "127.0.0.1", Binding())
    await connect(sock, "127.0.0.1", port)
    return TcpStream(sock)


@in_trio
async def test_every_read_gives_others_a_turn_though_there_is_always_something_to_read() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    with peer(floods(b"x" * 1024)) as port, await connected(port) as stream:
        await stream.send_all(b"go")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(others)
            for _ in range(1000):
                await stream.receive_some(16)
            assert turns > 900  # one each, but for what it takes to begin
            nursery.cancel_scope.cancel()


@in_trio
async def test_reading_a_flood_ends_at_its_deadline() -> None:
    with peer(floods(b"x" * 1024)) as port, await connected(port) as stream:
        await stream.send_all(b"go")
        with trio.move_on_after(0.2) as scope:
            while True:
                await stream.receive_some(16)
    assert scope.cancelled_caught


@in_trio
async def test_sending_gives_others_a_turn_too() -> None:
    with peer(floods(b"x")) as port, await connected(port) as stream:
        with trio.move_on_after(0) as scope:
            await stream.send_all(b"")
    assert scope.cancelled_caught


@in_trio
@pytest.mark.parametrize(
    "data",
    [HELLO_REQUEST, CHANGE_CIPHER_SPEC, HUGE_MESSAGE],
    ids=["hello requests", "cipher changes", "a message"],
)
async def test_a_flood_in_the_tls_handshake_ends_in_a_failure_of_tls(
    settings: TlsSettings, data: bytes
) -> None:
    with peer(floods(data)) as port:
        attempt = await probe(settings, port, ProbePath("direct"))
    assert attempt.failure is not None
    assert attempt.failure.phase is Phase.TLS
    # whichever comes first, the budget of bytes or the deadline
    assert attempt.failure.reason in (Reason.TLS_ALERT, Reason.TLS_TIMEOUT)


@in_trio
async def test_tickets_without_end_are_no_session(
    settings: TlsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "_MOST_BYTES", 16 * 1024)  # that many come while a first word is waited for
    context = server_context()
    context.num_tickets = 500  # of some 250 bytes each
    with peer(floods_after_the_handshake(context)) as port:
        attempt = await probe(settings, port, ProbePath("direct"), patience=20.0)
    assert where_and_why(attempt) == (Phase.SESSION, Reason.BAD_ANSWER)
    assert attempt.failure is not None
    assert attempt.failure.detail == "more than 16384 bytes came, and no end of them"


@in_trio
async def test_a_connection_is_not_held_for_a_peer_that_sends_tickets_without_end() -> None:
    context = server_context()
    context.num_tickets = 2000
    ends: list[Hold] = []
    with peer(floods_after_the_handshake(context)) as port, await connected(port) as stream:
        tls = TlsStream(stream, examining_context(()), NAME)
        await tls.handshake()
        start = Hold(0.0, HoldKey("courier", "direct", Family.IPV4), "127.0.0.1", port, 0.0)
        await Line(tls, stream).hold(start, (60.0,), 5.0, ends.append)
    assert [hold.end for hold in ends] == [HoldEnd.LOCAL]


@in_trio
@pytest.mark.parametrize("scheme", [ProxyScheme.HTTP, ProxyScheme.SOCKS5H, ProxyScheme.SOCKS4A])
@pytest.mark.parametrize("data", [b"HTTP/1.1 100 Continue\r\n\r\n", b"\r\n", b"\5\0", bytes(16)])
async def test_a_flood_of_a_proxys_ends_in_a_failure_behind_it_or_of_it(
    settings: TlsSettings, scheme: ProxyScheme, data: bytes
) -> None:
    with peer(floods(data)) as port:
        path = ProbePath("proxy", (Proxy(scheme, "127.0.0.1", port),))
        attempt = await probe(settings, 443, path)
    assert attempt.failure is not None
    assert attempt.failure.phase in (Phase.PROXY_HANDSHAKE, Phase.TLS)
    assert attempt.failure.reason not in (
        Reason.INTERNAL_ERROR,
        Reason.PROXY_TIMEOUT,
        Reason.TLS_TIMEOUT,
    )


@in_trio
async def test_a_resolver_that_floods_costs_its_own_lookup_only() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    with peer(floods(HELLO_REQUEST)) as port:
        resolver = Resolver("corp", (Nameserver("127.0.0.1", port),), Transport.TLS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(others)
            found = await lookup("courier.test", RecordType.A, resolver, Binding(), 5.0)
            nursery.cancel_scope.cancel()
    assert found.reason is Reason.DNS_MALFORMED
    assert turns > 10


@in_trio
async def test_what_a_peers_tls_cannot_write_is_told_as_every_other_failure() -> None:
    """A stream promises PhaseError: here TLS was never begun."""
    with peer(lambda sock: sock.sendall(b"SSH-2.0-x\r\n")) as port, await connected(port) as stream:
        tls = TlsStream(stream, examining_context(()), NAME)
        with pytest.raises(PhaseError):
            await tls.send_all(b"hello")
