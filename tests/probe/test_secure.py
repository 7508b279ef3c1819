"""The TLS and session phases against real TLS servers on loopback."""

import os
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest
import trio
import trustme

from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import ProbePath, Proxy, ProxyScheme
from netcheck.model.results import Attempt, Trust
from netcheck.model.services import Depth, Service, Timeouts, TlsSettings
from netcheck.probe import dialer, runner
from netcheck.probe.runner import Prober
from netcheck.probe.sockets import TcpStream
from netcheck.probe.tls import TlsStream
from netcheck.probe.walk import Walk
from netcheck.schedule import Gate
from tests.probe.peers import Handler, in_trio, nothing_left, resets, says, serving, silent

NAME = "courier.push.apple.com"
API = "api.push.apple.com"
AUTHORITY = trustme.CA(organization_name="Apple-like")
INTERCEPTOR = trustme.CA(organization_name="Corporate Proxy")

After = Callable[[trio.SSLStream[trio.SocketStream]], Awaitable[None]]


async def quiet(tls: trio.SSLStream[trio.SocketStream]) -> None:
    while await tls.receive_some(100):
        pass


async def talks(tls: trio.SSLStream[trio.SocketStream]) -> None:
    await tls.send_all(b"hello")
    await quiet(tls)


async def leaves(tls: trio.SSLStream[trio.SocketStream]) -> None:
    await tls.aclose()


def server_context(
    authority: trustme.CA = AUTHORITY, name: str = NAME, alpn: str | None = "apns-security-v3"
) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    return context


def wanting_a_certificate(
    authority: trustme.CA = AUTHORITY,
    alpn: str | None = "apns-security-v3",
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
) -> ssl.SSLContext:
    context = server_context(authority, alpn=alpn)
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(context)
    return context


def speaking_tls(context: ssl.SSLContext, after: After = quiet) -> Handler:
    async def handle(stream: trio.SocketStream) -> None:
        tls = trio.SSLStream(stream, context, server_side=True)
        await tls.do_handshake()
        await after(tls)

    return handle


def refusing(context: ssl.SSLContext) -> Handler:
    """A server whose handshake fails. The standard library's, as trio's does not send its alert."""

    def shake_hands(sock: socket.socket) -> None:
        with sock, suppress(ssl.SSLError), context.wrap_socket(sock, server_side=True):
            pass

    async def handle(stream: trio.SocketStream) -> None:
        sock = socket.socket(fileno=os.dup(stream.socket.fileno()))
        sock.settimeout(5)
        await trio.to_thread.run_sync(shake_hands, sock)

    return handle


@pytest.fixture
def settings(tmp_path: Path) -> TlsSettings:
    file = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    return TlsSettings(NAME, ("apns-security-v3",), is_apples=True, lab_ca_file=file)


async def probed(settings: TlsSettings, handler: Handler, path: ProbePath = ProbePath("direct")) -> Attempt:  # noqa: B008 - frozen
    async with serving(handler) as port:
        return await probe(settings, port, path)


async def probe(settings: TlsSettings, port: int, path: ProbePath, patience: float = 1.0) -> Attempt:
    service = Service("courier", ("127.0.0.1",), (port,), depth=Depth.TLS, tls=settings)
    timeouts = Timeouts(tls=patience, proxy=2.0)
    visit = await Prober(timeouts, {path.name: Gate(8, 1e6)}).visit(service, "127.0.0.1", path, 0, 0)
    return visit.results[0].attempt


def where_and_why(attempt: Attempt) -> tuple[Phase, Reason] | None:
    return (attempt.failure.phase, attempt.failure.reason) if attempt.failure else None


@in_trio
@pytest.mark.parametrize(
    "handler",
    [
        speaking_tls(server_context()),
        speaking_tls(server_context(), leaves),
        says(b"220 ready\r\n"),
        says(b""),
    ],
)
async def test_a_probe_leaves_nothing_for_the_collector(settings: TlsSettings, handler: Handler) -> None:
    """OpenSSL holds 40 KB for each connection."""
    with nothing_left(TlsStream, TcpStream, Walk):
        await probed(settings, handler)


@in_trio
@pytest.mark.parametrize("after", [quiet, talks])
async def test_a_good_courier_passes_and_its_certificate_is_told(settings: TlsSettings, after: After) -> None:
    attempt = await probed(settings, speaking_tls(server_context(), after))
    assert attempt.failure is None
    assert attempt.tls is not None
    assert (attempt.tls.trust, attempt.tls.alpn) == (Trust.APPLE, "apns-security-v3")
    assert (attempt.tls.names, attempt.tls.version) == ((NAME,), "TLSv1.3")


@in_trio
@pytest.mark.parametrize(("after", "phases"), [(quiet, []), (talks, [Phase.SESSION])])
async def test_only_a_peer_that_does_something_has_a_session_with_a_duration(
    settings: TlsSettings, after: After, phases: list[Phase]
) -> None:
    attempt = await probed(settings, speaking_tls(server_context(), after))
    assert list(attempt.phases) == [Phase.CONNECT, Phase.TLS, *phases]


@in_trio
async def test_an_interceptor_is_told_by_its_issuer(settings: TlsSettings) -> None:
    attempt = await probed(settings, speaking_tls(server_context(INTERCEPTOR)))
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_INTERCEPTED)
    assert attempt.failure is not None
    assert "Corporate Proxy" in attempt.failure.detail
    assert attempt.tls is not None
    assert attempt.tls.trust is Trust.OTHER


@in_trio
async def test_the_unnumbered_name_is_what_is_verified(settings: TlsSettings) -> None:
    attempt = await probed(settings, speaking_tls(server_context(name="1-courier.push.apple.com")))
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_NAME_MISMATCH)


@in_trio
async def test_a_peer_that_leaves_right_after_the_handshake_fails_in_the_session(
    settings: TlsSettings,
) -> None:
    attempt = await probed(settings, speaking_tls(server_context(), leaves))
    assert where_and_why(attempt) == (Phase.SESSION, Reason.CLOSED)
    assert list(attempt.phases) == [Phase.CONNECT, Phase.TLS, Phase.SESSION]


@in_trio
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_of_one_that_had_asked_for_a_certificate_that_is_told(
    settings: TlsSettings, version: ssl.TLSVersion
) -> None:
    """Some close for want of one without an alert, and so do those with nobody behind them."""
    context = server_context(alpn=None)
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_OPTIONAL
    attempt = await probed(replace(settings, alpn=()), speaking_tls(context, leaves))
    assert where_and_why(attempt) == (Phase.SESSION, Reason.CLOSED)
    assert attempt.failure is not None
    assert attempt.failure.detail.endswith(" handshake, and had asked for a certificate of its client")
    courier = await probed(settings, speaking_tls(context, leaves))
    assert courier.failure is not None
    assert courier.failure.detail.endswith(" handshake")


@in_trio
async def test_a_server_that_wants_a_certificate_of_the_client_says_so_in_the_session(
    settings: TlsSettings,
) -> None:
    attempt = await probed(settings, refusing(wanting_a_certificate()))
    assert where_and_why(attempt) == (Phase.SESSION, Reason.TLS_ALERT)


@in_trio
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("authority", "failure"), [(AUTHORITY, None), (INTERCEPTOR, (Phase.TLS, Reason.TLS_INTERCEPTED))]
)
async def test_who_wants_a_certificate_that_devices_have_is_reached_if_its_own_is_good(
    settings: TlsSettings,
    version: ssl.TLSVersion,
    authority: trustme.CA,
    failure: tuple[Phase, Reason] | None,
) -> None:
    wanting = refusing(wanting_a_certificate(authority, alpn=None, version=version))
    attempt = await probed(replace(settings, alpn=()), wanting)
    assert where_and_why(attempt) == failure
    assert attempt.tls is not None


@in_trio
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("chosen", [None, "http/1.1", "h2"])
async def test_so_is_a_server_of_ones_own_whatever_protocols_it_is_offered(
    settings: TlsSettings, version: ssl.TLSVersion, chosen: str | None
) -> None:
    own = TlsSettings(NAME, ("h2", "http/1.1"), ca_file=settings.lab_ca_file)
    attempt = await probed(own, refusing(wanting_a_certificate(alpn=chosen, version=version)))
    assert where_and_why(attempt) is None
    assert attempt.tls is not None


@in_trio
@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (says(b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\n\r\n"), Reason.TLS_NOT_TLS),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), Reason.TLS_NOT_TLS),
        (says(b"ERR"), Reason.TLS_NOT_TLS),
        (says(b""), Reason.CLOSED),
        (says(b"\x15\x03\x03\x00\x02\x01\x00"), Reason.CLOSED),
        (silent, Reason.TLS_TIMEOUT),
    ],
    ids=["portal", "ssh", "less than a record", "closed", "closed with a word", "silent"],
)
async def test_what_is_no_tls_is_told_apart(settings: TlsSettings, handler: Handler, reason: Reason) -> None:
    attempt = await probed(settings, handler)
    assert where_and_why(attempt) == (Phase.TLS, reason)
    assert attempt.tls is None


@in_trio
@pytest.mark.parametrize(
    ("alert", "told"),
    [
        (40, "SSLV3_ALERT_HANDSHAKE_FAILURE"),
        (120, "the peer's alert no_application_protocol"),
        (200, "the peer's alert 200"),
    ],
)
async def test_an_alert_is_told_by_its_name_or_number(settings: TlsSettings, alert: int, told: str) -> None:
    attempt = await probed(settings, says(b"\x15\x03\x03\x00\x02\x02" + bytes([alert])))
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_ALERT)
    assert attempt.failure is not None
    assert attempt.failure.detail == told


def silent_after_its_certificate(context: ssl.SSLContext) -> Handler:
    async def handle(stream: trio.SocketStream) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        incoming.write(await stream.receive_some(4096))
        with suppress(ssl.SSLWantReadError):
            context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
        await stream.send_all(outgoing.read())
        await silent(stream)

    return handle


@in_trio
@pytest.mark.parametrize("alpn", ["apns-security-v3", "h2"], ids=["driven", "walked"])
async def test_what_falls_silent_in_tls_has_shown_its_certificate(settings: TlsSettings, alpn: str) -> None:
    context = server_context(alpn=alpn)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    attempt = await probed(replace(settings, alpn=(alpn,)), silent_after_its_certificate(context))
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_TIMEOUT)
    assert attempt.tls is not None
    assert attempt.tls.trust is Trust.APPLE


@in_trio
@pytest.mark.parametrize(
    ("answer", "software"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nServer: nginx/1.22.1\r\n\r\n", "nginx/1.22.1"),
        (
            b"HTTP/1.1 400 Bad request\r\nContent-length: 90\r\nCache-Control: no-cache\r\n"
            b"Connection: close\r\nContent-Type: text/html\r\n\r\n<html><body><h1>400 Bad request</h1>\n"
            b"Your browser sent an invalid request.\n</body></html>\n",
            "HAProxy",
        ),
        (b"HTTP/1.1 what\r\n\r\n", ""),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ""),
    ],
)
async def test_who_answers_in_http_is_known(settings: TlsSettings, answer: bytes, software: str) -> None:
    attempt = await probed(settings, says(answer))
    assert attempt.failure is not None
    assert attempt.failure.software == software


# --- driven by events, and by tasks


def only_old() -> ssl.SSLContext:
    context = server_context(INTERCEPTOR)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with warnings.catch_warnings(action="ignore"):  # it is old: that is the point
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


HANDLERS = {
    "quiet": speaking_tls(server_context()),
    "talks": speaking_tls(server_context(), talks),
    "leaves": speaking_tls(server_context(), leaves),
    "intercepts": speaking_tls(server_context(INTERCEPTOR)),
    "old and intercepts": refusing(only_old()),
    "another name": speaking_tls(server_context(name="other.example")),
    "wants a certificate": refusing(wanting_a_certificate()),
    "not TLS": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "closed": says(b""),
    "resets": resets,
    "silent": silent,
}


@pytest.mark.linux
@pytest.mark.parametrize("alpn", [(), ("apns-security-v3",)])
@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
@in_trio
async def test_a_dialer_says_what_a_walk_says(
    handler: Handler, alpn: tuple[str, ...], settings: TlsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(settings, alpn=alpn)
    patience = 0.4 if handler is silent else 10.0
    async with serving(handler) as port:
        dialled = await probe(settings, port, ProbePath("direct"), patience)
        monkeypatch.setattr(runner, "can_dial", lambda *_: False)
        walked = await probe(settings, port, ProbePath("direct"), patience)
    assert dialled.failure == walked.failure
    assert list(dialled.phases) == list(walked.phases)
    for field in ("family", "address", "source", "tls", "proxies", "proxy_spoke", "passed", "legs"):
        assert getattr(dialled, field) == getattr(walked, field), field


@pytest.mark.linux
@in_trio
async def test_a_second_look_keeps_nobody_from_the_gate(settings: TlsSettings) -> None:
    """Whose turn there is still to come waits for the end of the one that is looked at again."""
    async with serving(says(b"")) as one, serving(says(b"")) as other:
        service = Service("courier", ("127.0.0.1",), (one, other), depth=Depth.TLS, tls=settings)
        prober = Prober(Timeouts(), {"direct": Gate(1, 1e6)})
        with trio.fail_after(30):
            visit = await prober.visit(service, "127.0.0.1", ProbePath("direct"), 0, 0)
    assert [where_and_why(each.attempt) for each in visit.results] == [(Phase.TLS, Reason.CLOSED)] * 2


@contextmanager
def leaving_later(seconds: float) -> Iterator[int]:
    """A courier in threads of its own, so that nothing holds it up; it leaves so long after the handshake."""
    context = server_context()

    def serve(sock: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(sock, server_side=True) as tls:
            time.sleep(seconds)  # holds up this thread only
            tls.unwrap()

    def accept(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.linux
@in_trio
async def test_what_came_while_nobody_here_had_time_is_no_silence(
    settings: TlsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than are looked at in one turn, beside a handshake that goes on."""
    monkeypatch.setattr(dialer, "FIRST_WORD", 1.0)
    prober = Prober(Timeouts(tls=30.0), {"direct": Gate(100, 1e6)})
    seen = []
    all_seen = trio.Event()

    async def visit(port: int) -> None:
        service = Service("courier", ("127.0.0.1",), (port,), depth=Depth.TLS, tls=settings)
        visit = await prober.visit(service, "127.0.0.1", ProbePath("direct"), 0, 0, alone=True)
        seen.append(where_and_why(visit.results[0].attempt))
        if len(seen) == 12:
            all_seen.set()

    async with serving(silent) as never, trio.open_nursery() as nursery:
        nursery.start_soon(visit, never)
        with leaving_later(0.1) as port:
            for _ in range(12):
                nursery.start_soon(visit, port)
            await trio.sleep(0.07)
            time.sleep(1.5)  # noqa: ASYNC251 - trio.sleep would let the loop go on
            await all_seen.wait()
        nursery.cancel_scope.cancel()
    assert {*seen} == {(Phase.SESSION, Reason.CLOSED)}


# --- HTTP/2 with the provider API


@pytest.fixture
def api(settings: TlsSettings) -> TlsSettings:
    return replace(settings, server_name=API, alpn=("h2",))


def provider(after: After, alpn: str | None = "h2") -> Handler:
    return speaking_tls(server_context(name=API, alpn=alpn), after)


Answer = Callable[[h2.connection.H2Connection], None]


def refuse(server: h2.connection.H2Connection) -> None:
    """As APNs does without credentials."""
    server.send_headers(1, [(":status", "403")])
    server.send_data(1, b'{"reason":"MissingProviderToken"}', end_stream=True)


def blocked(server: h2.connection.H2Connection) -> None:
    server.send_headers(1, [(":status", "502")])
    server.send_data(1, b"<html>Blocked by policy", end_stream=True)


def speaking_http2(answer: Answer = refuse) -> After:
    """A server of h2's, which answers the first request."""

    async def speak(tls: trio.SSLStream[trio.SocketStream]) -> None:
        server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        server.initiate_connection()
        await tls.send_all(server.data_to_send())
        while data := await tls.receive_some(4096):
            events = server.receive_data(data)
            if any(isinstance(event, h2.events.RequestReceived) for event in events):
                answer(server)
            await tls.send_all(server.data_to_send())

    return speak


def saying(data: bytes) -> After:
    async def say(tls: trio.SSLStream[trio.SocketStream]) -> None:
        await tls.receive_some(4096)
        await tls.send_all(data)
        await quiet(tls)

    return say


async def chatters(tls: trio.SSLStream[trio.SocketStream]) -> None:
    """Frames of a kind that nobody knows, as large as they may be, without end."""
    while True:
        await tls.send_all(b"\x00\x40\x00\xaa\x00" + bytes(4 + 0x4000))


@in_trio
async def test_a_provider_that_exchanges_settings_passes(api: TlsSettings) -> None:
    attempt = await probed(api, provider(speaking_http2()))
    assert attempt.failure is None
    assert list(attempt.phases) == [Phase.CONNECT, Phase.TLS, Phase.SESSION]
    assert attempt.tls is not None
    assert attempt.tls.alpn == "h2"


@in_trio
async def test_a_request_that_apns_refuses_passes(api: TlsSettings) -> None:
    attempt = await probed(replace(api, request=True), provider(speaking_http2(refuse)))
    assert attempt.failure is None


@in_trio
async def test_a_request_that_another_answers_fails_with_its_words(api: TlsSettings) -> None:
    attempt = await probed(replace(api, request=True), provider(speaking_http2(blocked)))
    assert where_and_why(attempt) == (Phase.SESSION, Reason.REFUSED)
    assert attempt.failure is not None
    assert attempt.failure.detail.endswith("not answered by APNs: HTTP 502, <html>Blocked by policy")


@in_trio
@pytest.mark.parametrize(
    ("after", "reasons", "detail"),
    [
        (leaves, {Reason.CLOSED, Reason.RESET}, ""),
        (quiet, {Reason.TIMEOUT}, "no answer from 127.0.0.1:"),
        (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), {Reason.REFUSED}, "does not speak HTTP/2"),
        (chatters, {Reason.REFUSED}, "no settings in the first 32768 bytes"),
    ],
    ids=["leaves", "silent", "http1", "endless"],
)
async def test_what_is_no_http2_session_is_told_apart(
    api: TlsSettings, after: After, reasons: set[Reason], detail: str
) -> None:
    attempt = await probed(api, provider(after))
    assert attempt.failure is not None
    assert attempt.failure.phase is Phase.SESSION
    assert attempt.failure.reason in reasons
    assert detail in attempt.failure.detail


@in_trio
@pytest.mark.parametrize("alpn", [None, "http/1.1"])
async def test_a_provider_that_does_not_choose_http2_fails(api: TlsSettings, alpn: str | None) -> None:
    attempt = await probed(api, provider(quiet, alpn))
    assert where_and_why(attempt) == (Phase.SESSION, Reason.REFUSED)
    assert attempt.failure is not None
    assert attempt.failure.detail == "the peer chose no protocol in TLS, and this service needs h2"


@in_trio
@pytest.mark.parametrize("request_wanted", [False, True])
async def test_only_who_needs_no_http2_may_choose_another_protocol(
    api: TlsSettings, request_wanted: bool
) -> None:
    lenient = replace(api, alpn=("h2", "http/1.1"), request=request_wanted)
    attempt = await probed(lenient, provider(quiet, "http/1.1"))
    expected = (Phase.SESSION, Reason.REFUSED) if request_wanted else None
    assert where_and_why(attempt) == expected
    assert attempt.failure is None or "chose http/1.1" in attempt.failure.detail


# --- Through a proxy


def tunnel_to(inner: Handler, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Handler:
    """A proxy whose every tunnel leads to `inner`."""

    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(answer)
        await inner(stream)

    return handle


async def through_proxy(settings: TlsSettings, handler: Handler) -> Attempt:
    async with serving(handler) as port:
        path = ProbePath("proxy", (Proxy(ProxyScheme.HTTP, "127.0.0.1", port),))
        return await probe(settings, 443, path)


@in_trio
async def test_tls_goes_through_a_proxys_tunnel(settings: TlsSettings) -> None:
    attempt = await through_proxy(settings, tunnel_to(speaking_tls(server_context())))
    assert attempt.failure is None
    phases = [Phase.PROXY_CONNECT, Phase.PROXY_HANDSHAKE, Phase.TLS]
    assert list(attempt.phases) == phases


@in_trio
async def test_an_intercepting_proxy_is_found(settings: TlsSettings) -> None:
    attempt = await through_proxy(settings, tunnel_to(speaking_tls(server_context(INTERCEPTOR))))
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_INTERCEPTED)


@in_trio
async def test_a_portal_that_says_yes_with_a_page_is_no_courier(settings: TlsSettings) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Please log in</html>"
    attempt = await through_proxy(settings, tunnel_to(silent, page))
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_NOT_TLS)


@in_trio
async def test_a_proxy_that_says_yes_before_it_connects_is_found_out(settings: TlsSettings) -> None:
    attempt = await through_proxy(settings, tunnel_to(says()))
    assert where_and_why(attempt) in [(Phase.TLS, Reason.CLOSED), (Phase.TLS, Reason.RESET)]
