"""A large TLS hello after a probe: to servers, and to who looks only at what fits into the first packet."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trustme

from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import ProbePath, Proxy, ProxyScheme
from netcheck.model.results import LargeHello
from netcheck.model.services import Depth, Service, Timeouts, TlsSettings
from netcheck.probe.runner import Prober
from netcheck.schedule import Gate
from netcheck.wire.client_hello import LARGE
from tests.probe.peers import Handler, in_trio, says, serving
from tests.probe.test_old_tls import gnutls
from tests.probe.test_secure import AUTHORITY, server_context, settings, speaking_tls

__all__ = ["settings"]  # a fixture

DIRECT = ProbePath("direct")
ANSWERED = LargeHello(LARGE)
FIRST_PACKET = 1460
LONG_NAMES = ("apns-security-v3", *(f"{number}{'x' * 250}" for number in range(6)))
"""Protocols that make OpenSSL's own hello as large as it is with a key for ML-KEM."""


class FirstPacketOnly:
    """Passes TLS on whose first record is no longer than a packet, and closes else, but for the first few."""

    def __init__(self, server: Handler, forgives: int = 0) -> None:
        self.server = server
        self.forgives = forgives
        self.connections = 0
        self.closed = 0

    async def __call__(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        header = await stream.socket.recv(5, trio.socket.MSG_PEEK)
        if int.from_bytes(header[3:5]) > FIRST_PACKET:
            self.forgives -= 1
            if self.forgives < 0:
                self.closed += 1
                await stream.receive_some(8192)  # else the kernel would reset what was not read
                return
        await self.server(stream)


def prober(path: ProbePath) -> Prober:
    return Prober(Timeouts(tls=1.0), {path.name: Gate(8, 1e6)})


async def tried(settings: TlsSettings, port: int, path: ProbePath = DIRECT) -> LargeHello | None:
    """What comes of one at a courier on this port."""
    service = Service("courier", ("127.0.0.1",), (port,), depth=Depth.TLS, tls=settings)
    (result,) = await prober(path).try_large_hellos(service, "127.0.0.1", path, 0)
    assert (result.service, result.host, result.port, result.path) == (
        "courier",
        "127.0.0.1",
        port,
        path.name,
    )
    return result.large_hello


def fails(told: LargeHello | None) -> tuple[Phase, Reason] | None:
    assert told is not None
    return (told.failure.phase, told.failure.reason) if told.failure else None


@in_trio
async def test_a_server_answers_it(settings: TlsSettings) -> None:
    peer = FirstPacketOnly(speaking_tls(server_context()), forgives=99)
    async with serving(peer) as port:
        assert await tried(settings, port) == ANSWERED
    assert peer.connections == 1


@in_trio
async def test_who_looks_at_the_first_packet_only_is_found(settings: TlsSettings) -> None:
    async with serving(FirstPacketOnly(speaking_tls(server_context()))) as port:
        told = await tried(settings, port)
    assert fails(told) == (Phase.TLS, Reason.CLOSED)
    assert told is not None
    assert (told.passes_in_small_packets, told.is_usual) == (False, False)


@in_trio
async def test_the_attempt_that_is_shown_is_one_that_failed(settings: TlsSettings) -> None:
    async with serving(FirstPacketOnly(speaking_tls(server_context()))) as port:
        service = Service("courier", ("127.0.0.1",), (port,), depth=Depth.TLS, tls=settings)
        (result,) = await prober(DIRECT).try_large_hellos(service, "127.0.0.1", DIRECT, 0)
    assert result.attempt.failure is not None
    assert (result.attempt.source, result.attempt.address) == ("127.0.0.1", "127.0.0.1")


@in_trio
async def test_an_accident_is_no_finding(settings: TlsSettings) -> None:
    lost_once = FirstPacketOnly(speaking_tls(server_context()), forgives=0)

    async def loses_the_first(stream: trio.SocketStream) -> None:
        if lost_once.closed:
            lost_once.forgives = 99
        await lost_once(stream)

    async with serving(loses_the_first) as port:
        assert await tried(settings, port) == ANSWERED
    assert lost_once.closed == 1


@in_trio
@pytest.mark.parametrize("scheme", [ProxyScheme.HTTP, ProxyScheme.SOCKS5H])
async def test_it_goes_through_a_proxy_too(settings: TlsSettings, scheme: ProxyScheme) -> None:
    yes = {
        ProxyScheme.HTTP: [b"HTTP/1.1 200 OK\r\n\r\n"],
        ProxyScheme.SOCKS5H: [b"\x05\x00", b"\x05\x00\x00\x01" + bytes(6)],
    }
    server = FirstPacketOnly(speaking_tls(server_context()))

    async def proxy(stream: trio.SocketStream) -> None:
        await says(*yes[scheme])(stream)
        await server(stream)

    async with serving(proxy) as port:
        told = await tried(settings, 443, ProbePath("proxy", (Proxy(scheme, "127.0.0.1", port),)))
    assert fails(told) == (Phase.TLS, Reason.CLOSED)


@in_trio
async def test_where_openssls_own_hello_is_as_large_it_is_told(settings: TlsSettings) -> None:
    async with serving(FirstPacketOnly(speaking_tls(server_context()))) as port:
        told = await tried(replace(settings, alpn=LONG_NAMES), port)
    assert told is not None
    assert told.is_usual


@in_trio
@pytest.mark.parametrize("handler", [says(b""), says(b"220 ready\r\n")])
async def test_who_answers_no_hello_tells_nothing(settings: TlsSettings, handler: Handler) -> None:
    async with serving(handler) as port:
        assert await tried(settings, port) is None


@in_trio
async def test_nobody_who_can_be_connected_to_tells_nothing(settings: TlsSettings) -> None:
    async with serving(says(b"")) as port:
        pass
    assert await tried(settings, port) is None


@in_trio
async def test_what_speaks_no_tls_is_not_tried(settings: TlsSettings) -> None:
    service = Service("courier", ("127.0.0.1",), (1,), depth=Depth.TCP, tls=settings)
    assert await prober(DIRECT).try_large_hellos(service, "127.0.0.1", DIRECT, 0) == []


@in_trio
async def test_a_server_of_gnutls_answers_it(settings: TlsSettings, tmp_path: Path) -> None:
    assert isinstance(AUTHORITY, trustme.CA)
    with gnutls(tmp_path, AUTHORITY, "NORMAL") as port:
        assert await tried(replace(settings, alpn=()), port) == ANSWERED
