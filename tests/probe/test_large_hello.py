"""A large TLS hello after a probe: to servers, and to who looks only at what fits into the first packet."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trustme

from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import LoadBalancer, ProbePath, Proxy, ProxyScheme
from netcheck.model.results import LargeHello
from netcheck.model.services import Depth, Service, Timeouts, TlsSettings
from netcheck.probe import large_hello
from netcheck.probe.large_hello import begins_large
from netcheck.probe.runner import Prober
from netcheck.schedule import Gate
from netcheck.wire.client_hello import LARGE
from tests.probe.peers import Handler, in_trio, says, serving
from tests.probe.test_old_tls import gnutls
from tests.probe.test_secure import AUTHORITY, NAME, server_context, settings, speaking_tls

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


class Visits:
    """Of one prober, to a courier at this port."""

    def __init__(self, settings: TlsSettings, port: int, path: ProbePath = DIRECT) -> None:
        self.service = Service("courier", ("127.0.0.1",), (port,), depth=Depth.TLS, tls=settings)
        self.path = path
        self.prober = Prober(Timeouts(tls=1.0), {path.name: Gate(8, 1e6)})
        self.number = 0

    async def one(self) -> tuple[Reason | None, LargeHello | None]:
        """Why its probe failed, and what came of a large hello."""
        self.number += 1
        seen = await self.prober.visit(self.service, "127.0.0.1", self.path, self.number, 0)
        (result,) = seen.results
        failure = result.attempt.failure
        return failure.reason if failure else None, result.large_hello


def fails(told: LargeHello | None) -> tuple[Phase, Reason] | None:
    assert told is not None
    return (told.failure.phase, told.failure.reason) if told.failure else None


@in_trio
async def test_a_server_answers_it_and_is_left_alone_then(settings: TlsSettings) -> None:
    peer = FirstPacketOnly(speaking_tls(server_context()), forgives=99)
    async with serving(peer) as port:
        visits = Visits(settings, port)
        assert await visits.one() == (None, ANSWERED)
        assert await visits.one() == (None, None)
    assert peer.connections == 3


@in_trio
async def test_it_is_sent_again_after_a_while(settings: TlsSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_hello, "_EVERY", 0.0)
    async with serving(speaking_tls(server_context())) as port:
        visits = Visits(settings, port)
        assert [await visits.one() for _ in range(2)] == [(None, ANSWERED)] * 2


@in_trio
async def test_who_looks_at_the_first_packet_only_is_found_and_asked_again_soon(
    settings: TlsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_hello, "_AGAIN", 0.0)
    peer = FirstPacketOnly(speaking_tls(server_context()))
    async with serving(peer) as port:
        visits = Visits(settings, port)
        reason, told = await visits.one()
        assert (reason, fails(told)) == (None, (Phase.TLS, Reason.CLOSED))
        assert told is not None
        assert not told.passes_in_small_packets
        peer.forgives = 99
        assert await visits.one() == (None, ANSWERED)


@in_trio
async def test_an_accident_is_no_finding(settings: TlsSettings) -> None:
    lost_once = FirstPacketOnly(speaking_tls(server_context()), forgives=0)

    async def loses_the_first(stream: trio.SocketStream) -> None:
        if lost_once.closed:
            lost_once.forgives = 99
        await lost_once(stream)

    async with serving(loses_the_first) as port:
        assert await Visits(settings, port).one() == (None, ANSWERED)
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
        path = ProbePath("proxy", (Proxy(scheme, "127.0.0.1", port),))
        reason, told = await Visits(settings, 443, path).one()
    assert (reason, fails(told)) == (None, (Phase.TLS, Reason.CLOSED))


@in_trio
async def test_where_openssls_own_hello_is_as_large_it_explains_the_failure(settings: TlsSettings) -> None:
    assert begins_large(LONG_NAMES, NAME)
    assert not begins_large(settings.alpn, NAME)
    async with serving(FirstPacketOnly(speaking_tls(server_context()))) as port:
        reason, told = await Visits(replace(settings, alpn=LONG_NAMES), port).one()
    assert (reason, fails(told)) == (Reason.CLOSED, (Phase.TLS, Reason.CLOSED))


@in_trio
async def test_who_answers_no_hello_is_none_of_its_business(settings: TlsSettings) -> None:
    async with serving(says(b"")) as port:
        assert await Visits(replace(settings, alpn=LONG_NAMES), port).one() == (Reason.CLOSED, None)


@in_trio
async def test_nothing_is_sent_where_it_could_tell_nothing(settings: TlsSettings) -> None:
    peer = FirstPacketOnly(speaking_tls(server_context()))
    async with serving(peer) as port:
        balanced = ProbePath("lb", load_balancer=(("127.0.0.1", LoadBalancer("127.0.0.1", port)),))
        _, told = await Visits(settings, port, balanced).one()
        assert told is None
        _, told = await Visits(replace(settings, is_apples=False, ca_file=settings.lab_ca_file), port).one()
        assert told is None
    assert peer.closed == 0


@in_trio
async def test_a_server_of_gnutls_answers_it(settings: TlsSettings, tmp_path: Path) -> None:
    assert isinstance(AUTHORITY, trustme.CA)
    with gnutls(tmp_path, AUTHORITY, "NORMAL") as port:
        _, told = await Visits(replace(settings, alpn=()), port).one()
    assert told == ANSWERED
