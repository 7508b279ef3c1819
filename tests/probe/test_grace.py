"""Connections that a proxy or a balancer says it has made, against peers that have none behind them."""

import pytest
import trio

from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import LoadBalancer, ProbePath, Proxy, ProxyScheme, ResolveMode
from netcheck.model.results import Attempt
from netcheck.model.services import Depth, Service, Timeouts, TlsSettings, phases_of
from netcheck.probe import grace
from netcheck.probe.runner import Prober
from netcheck.schedule import Gate
from tests.probe.peers import Handler, in_trio, resets, says, serving, stays
from tests.probe.test_secure import where_and_why

SOCKS5_YES = (b"\x05\x00", b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
HTTP_YES = b"HTTP/1.1 200 Connection established\r\n\r\n"
SOCKS4_YES = b"\x00\x5a\x00\x00\x00\x00\x00\x00"


async def closes(stream: trio.SocketStream) -> None:
    """At once, without a word."""


async def probed(path: ProbePath, port: int = 1, depth: Depth = Depth.TCP) -> Attempt:
    service = Service("gateway", ("127.0.0.1",), (port,), depth=depth, tls=TlsSettings(is_apples=True))
    prober = Prober(Timeouts(tls=1.0, proxy=2.0), {path.name: Gate(8, 1e6)})
    [result] = (await prober.visit(service, "127.0.0.1", path, 0, 0)).results
    return result.attempt


async def through_proxy(handler: Handler, scheme: ProxyScheme, depth: Depth = Depth.TCP) -> Attempt:
    async with serving(handler) as port:
        proxy = Proxy(scheme, "127.0.0.1", port, resolve=ResolveMode.LOCAL)
        return await probed(ProbePath("proxy", (proxy,)), depth=depth)


def behind(port: int) -> ProbePath:
    return ProbePath("balancer", load_balancer=(("127.0.0.1", LoadBalancer("127.0.0.1", port)),))


@in_trio
@pytest.mark.parametrize(
    ("scheme", "handler"),
    [
        (ProxyScheme.HTTP, says(HTTP_YES)),
        (ProxyScheme.SOCKS5, says(*SOCKS5_YES)),
        (ProxyScheme.SOCKS4, says(SOCKS4_YES)),
    ],
)
async def test_a_proxy_that_says_yes_and_closes_has_connected_nothing(
    scheme: ProxyScheme, handler: Handler
) -> None:
    attempt = await through_proxy(handler, scheme)
    assert where_and_why(attempt) == (Phase.SESSION, Reason.CLOSED)
    assert attempt.proxy_spoke is True
    assert attempt.phases[Phase.SESSION] > 0


@in_trio
async def test_a_proxy_that_says_yes_and_resets_has_connected_nothing() -> None:
    async def yes_and_no(stream: trio.SocketStream) -> None:
        await says(SOCKS4_YES)(stream)
        stream.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    attempt = await through_proxy(yes_and_no, ProxyScheme.SOCKS4)
    assert where_and_why(attempt) == (Phase.SESSION, Reason.RESET)


@in_trio
async def test_silence_behind_a_proxy_is_a_success_and_our_waiting_has_no_duration() -> None:
    attempt = await through_proxy(stays(says(HTTP_YES)), ProxyScheme.HTTP)
    assert attempt.failure is None
    assert list(attempt.phases) == [Phase.PROXY_CONNECT, Phase.PROXY_HANDSHAKE]


@in_trio
async def test_whoever_speaks_behind_a_proxy_is_there_even_if_it_leaves_then() -> None:
    attempt = await through_proxy(says(HTTP_YES + b"220 mail.example ESMTP\r\n"), ProxyScheme.HTTP)
    assert attempt.failure is None
    assert list(attempt.phases) == [Phase.PROXY_CONNECT, Phase.PROXY_HANDSHAKE, Phase.SESSION]


@in_trio
@pytest.mark.parametrize("depth", [Depth.TCP, Depth.AUTO, Depth.TLS])
async def test_a_balancer_without_a_backend_is_no_way(depth: Depth) -> None:
    async with serving(closes) as port:
        attempt = await probed(behind(port), depth=depth)
    phase = Phase.SESSION if depth is Depth.TCP else Phase.TLS
    assert where_and_why(attempt) in ((phase, Reason.CLOSED), (phase, Reason.RESET))


@in_trio
async def test_a_balancer_that_gives_up_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As haproxy does after its retries; the waiting is shortened."""
    monkeypatch.setattr(grace, "BEHIND_BALANCER", 5.0)

    async def tries_first(stream: trio.SocketStream) -> None:
        await trio.sleep(1)

    async with serving(tries_first) as port:
        attempt = await probed(behind(port))
    assert where_and_why(attempt) == (Phase.SESSION, Reason.CLOSED)


@in_trio
async def test_a_direct_connection_is_not_waited_on() -> None:
    async with serving(resets) as port:
        attempt = await probed(ProbePath("direct"), port)
    assert attempt.failure is None
    assert list(attempt.phases) == [Phase.CONNECT]


@in_trio
async def test_by_itself_the_depth_is_tls_behind_a_proxy() -> None:
    attempt = await through_proxy(says(HTTP_YES, b"220 mail.example ESMTP\r\n"), ProxyScheme.HTTP, Depth.AUTO)
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_NOT_TLS)


PROXIED = ProbePath("proxy", (Proxy(ProxyScheme.HTTP, "127.0.0.1", 1),))


@pytest.mark.parametrize(
    ("depth", "path", "last"),
    [
        (Depth.TCP, ProbePath("direct"), (Phase.CONNECT,)),
        (Depth.AUTO, ProbePath("direct"), (Phase.CONNECT,)),
        (Depth.TLS, ProbePath("direct"), (Phase.CONNECT, Phase.TLS, Phase.SESSION)),
        (Depth.TCP, PROXIED, (Phase.PROXY_HANDSHAKE, Phase.SESSION)),
        (Depth.AUTO, PROXIED, (Phase.PROXY_HANDSHAKE, Phase.TLS, Phase.SESSION)),
        (Depth.TCP, behind(1), (Phase.CONNECT, Phase.SESSION)),
        (Depth.AUTO, behind(1), (Phase.CONNECT, Phase.TLS, Phase.SESSION)),
    ],
)
def test_the_phases_that_can_run_are_known_beforehand(
    depth: Depth, path: ProbePath, last: tuple[Phase, ...]
) -> None:
    service = Service("gateway", ("gateway.test",), (2195,), depth=depth)
    assert phases_of(service, path)[-len(last) :] == last
