"""TLS on the web port, as clients see it: Python's ssl, curl, and those that are slow or speak otherwise."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from netcheck.config import web_tls
from netcheck.config.web import ClientAuth, ServerTls, server_context
from netcheck.config.web_file import WebFile
from netcheck.web.port import WebPort
from netcheck.web.server import LIMITS, Handler, Limits, Request, Response
from tests.probe.peers import in_trio
from tests.web.asking import CLOSING_GET, GET, connect, hello, status
from tests.web.pems import Pems, pems
from tests.web.ports import OPEN, web_port


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Pems:
    return pems(tmp_path_factory.mktemp("tls"))


def tls_port(
    settings: ServerTls, handler: Handler = hello, limits: Limits = LIMITS
) -> AbstractAsyncContextManager[WebPort]:
    protection = replace(OPEN, said=WebFile(settings), tls=server_context(settings))
    return web_port(handler, limits, protection)


@pytest.fixture
def settings(issued: Pems) -> ServerTls:
    return ServerTls(*issued.server(), issued.ca)


def client_context(issued: Pems, pair: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=issued.ca)
    if pair:
        context.load_cert_chain(*pair)
    return context


async def ask(port: WebPort, context: ssl.SSLContext, request: bytes = CLOSING_GET) -> bytes:
    """What comes back, to its end; b"" where the server closed without an answer."""
    stream = trio.SSLStream(await connect(port.names[0]), context, server_hostname="127.0.0.1")
    answer = b""
    async with stream:
        await stream.send_all(request)
        while data := await stream.receive_some():
            answer += data
    return answer


async def large(request: Request) -> Response:
    return Response(200, b"x" * 300_000)


@in_trio
async def test_requests_are_answered_over_tls_one_after_the_other(issued: Pems, settings: ServerTls) -> None:
    async with tls_port(settings, large) as port:
        answer = await ask(port, client_context(issued), GET + CLOSING_GET)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"x" * 300_000) == 2


async def pieces() -> AsyncGenerator[bytes, None]:
    for n in range(100):
        yield b"%03d" % n * 1000
        await trio.lowlevel.checkpoint()


async def streaming(request: Request) -> Response:
    return Response(200, b"", stream=pieces)


@in_trio
async def test_a_stream_comes_whole_over_tls(issued: Pems, settings: ServerTls) -> None:
    async with tls_port(settings, streaming) as port:
        answer = await ask(port, client_context(issued))
    for n in range(100):
        assert answer.count(b"%03d" % n * 1000) == 1
    assert answer.endswith(b"0\r\n\r\n")


@pytest.mark.needs("curl")
@in_trio
async def test_curl_verifies_reads_and_keeps_the_connection(issued: Pems, settings: ServerTls) -> None:
    async with tls_port(settings) as port:
        url = f"https://{port.names[0]}/"
        command = ["curl", "-sS", "--cacert", str(issued.ca), "-w", "%{num_connects}", url, url]
        done = await trio.run_process(command, capture_stdout=True)
    # the Host is an address, so it is answered; the second request needs no new connection
    assert done.stdout == b"hello\n1hello\n0"


@in_trio
async def test_the_end_is_said_as_tls_says_it(issued: Pems, settings: ServerTls) -> None:
    async with tls_port(settings) as port:
        strict = trio.SSLStream(  # raises where the end of the stream is only a closed connection
            await connect(port.names[0]), client_context(issued), server_hostname="127.0.0.1"
        )
        await strict.send_all(CLOSING_GET)
        while await strict.receive_some():
            pass
        await strict.aclose()


@pytest.mark.parametrize(
    ("asks", "code", "says"),
    [
        (
            b"GET / HTTP/1.1\r\nA: b\r\nhost: nc.test:9223\r\n\r\n",
            307,
            b"\r\nLocation: https://nc.test:9223/\r\n",
        ),
        (b"GET / HTTP/1.1\r\nHost: nc test\r\n\r\n", 400, b"ask for https://"),
        (b"GET /metrics HTTP/1.1\r\nHost: nc.test:9223\r\n\r\n", 400, b"ask for https://"),
        (b"GET / HTTP/1.0\r\n\r\n", 400, b"ask for https://"),
    ],
)
@in_trio
async def test_who_speaks_plain_http_is_told_what_to_do_and_who_wants_the_page_is_sent_on(
    settings: ServerTls, asks: bytes, code: int, says: bytes
) -> None:
    async with (
        tls_port(settings) as port,
        await connect(port.names[0]) as client,
    ):
        await client.send_all(asks)
        answer = b"".join([bytes(chunk) async for chunk in client])
    assert status(answer) == code
    assert says in answer


@pytest.mark.parametrize("says", [b"", b"\x16\x03\x01", b"\x16\x03\x01\x00\x05hello", b"\x16" * 70_000])
@in_trio
async def test_a_handshake_that_does_not_come_about_costs_one_connection(
    issued: Pems, settings: ServerTls, says: bytes
) -> None:
    limits = replace(LIMITS, request_timeout=0.3)
    async with tls_port(settings, limits=limits) as port:
        async with await connect(port.names[0]) as client:
            await client.send_all(says)
            try:
                while await client.receive_some():
                    pass
            except trio.BrokenResourceError:  # a reset is an end, too
                pass
        port._limits = LIMITS  # whose handshake comes about may take longer
        assert status(await ask(port, client_context(issued))) == 200


@in_trio
async def test_however_many_handshakes_stand_still_others_are_answered(
    issued: Pems, settings: ServerTls
) -> None:
    limits = replace(LIMITS, connections=8, connections_per_client=8)
    async with tls_port(settings, limits=limits) as port:
        clients = [await connect(port.names[0]) for _ in range(40)]
        for client in clients:
            await client.send_all(b"\x16\x03\x01\x02\x00")
        assert status(await ask(port, client_context(issued))) == 200
        for client in clients:
            await client.aclose()


# Clients' certificates


async def outcome(port: WebPort, context: ssl.SSLContext) -> str:
    """`answered`, or `closed` at whatever point."""
    try:
        answer = await ask(port, context)
    except (trio.BrokenResourceError, ssl.SSLError, OSError):
        return "closed"
    return "answered" if answer else "closed"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("auth", "shown", "expected"),
    [
        (ClientAuth.NONE, "nothing", "answered"),
        (ClientAuth.OPTIONAL, "nothing", "answered"),
        (ClientAuth.OPTIONAL, "ours", "answered"),
        (ClientAuth.OPTIONAL, "foreign", "closed"),
        (ClientAuth.REQUIRED, "nothing", "closed"),
        (ClientAuth.REQUIRED, "ours", "answered"),
        (ClientAuth.REQUIRED, "foreign", "closed"),
    ],
)
@in_trio
async def test_who_has_to_show_a_certificate(
    issued: Pems,
    settings: ServerTls,
    tmp_path: Path,
    version: ssl.TLSVersion,
    auth: ClientAuth,
    shown: str,
    expected: str,
) -> None:
    pair = {"nothing": None, "ours": issued.client(), "foreign": pems(tmp_path).client()}[shown]
    context = client_context(issued, pair)
    context.maximum_version = version
    async with tls_port(replace(settings, client_auth=auth)) as port:
        assert await outcome(port, context) == expected


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ("prometheus.example", "answered"),
        ("10.0.0.1", "answered"),
        ("fd00::1", "answered"),
        ("ops@example.org", "answered"),
        ("other.example", "closed"),
        ("example", "closed"),
        ("PROMETHEUS.EXAMPLE", "closed"),
    ],
)
@in_trio
async def test_only_clients_with_an_allowed_name_are_answered(
    issued: Pems, settings: ServerTls, allowed: str, expected: str
) -> None:
    pair = issued.client("named", "prometheus.example", "10.0.0.1", "fd00::1", "ops@example.org")
    chosen = replace(settings, client_auth=ClientAuth.REQUIRED, allowed_sans=("another", allowed))
    async with tls_port(chosen) as port:
        assert await outcome(port, client_context(issued, pair)) == expected


@pytest.mark.parametrize(("shown", "expected"), [("nothing", "answered"), ("ours", "closed")])
@in_trio
async def test_who_need_show_nothing_needs_no_name_but_who_shows_one_does(
    issued: Pems, settings: ServerTls, shown: str, expected: str
) -> None:
    pair = {"nothing": None, "ours": issued.client()}[shown]
    chosen = replace(settings, client_auth=ClientAuth.OPTIONAL, allowed_sans=("another.example",))
    async with tls_port(chosen) as port:
        assert await outcome(port, client_context(issued, pair)) == expected


def test_where_no_authority_is_named_the_system_s_vouch_for_clients(
    issued: Pems, settings: ServerTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = replace(settings, client_ca=None, client_auth=ClientAuth.OPTIONAL)
    ours = client_context(issued, issued.client())
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshakes(server_context(chosen), ours)
    monkeypatch.setenv("SSL_CERT_FILE", str(issued.ca))
    assert _handshakes(server_context(chosen), ours)


# Versions, ciphers, curves


async def handshake(port: WebPort, context: ssl.SSLContext) -> tuple[str, str] | None:
    """The version and the cipher that were agreed on."""
    stream = trio.SSLStream(await connect(port.names[0]), context, server_hostname="127.0.0.1")
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError:
        return None
    finally:
        await trio.aclose_forcefully(stream)
    return str(stream.version()), str(stream.cipher()[0])


@in_trio
async def test_versions_are_spoken_as_they_are_configured(issued: Pems, settings: ServerTls) -> None:
    new, old = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2
    context = client_context(issued)
    async with tls_port(replace(settings, newest=old)) as port:
        found = await handshake(port, context)
        assert found is not None
        assert found[0] == "TLSv1.2"
    context.maximum_version = old
    async with tls_port(replace(settings, oldest=new)) as port:
        assert await handshake(port, context) is None


@in_trio
async def test_ciphers_and_who_prefers_one_are_as_configured(issued: Pems, settings: ServerTls) -> None:
    first, second = "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"
    chosen = replace(settings, ciphers=(first, second))
    context = client_context(issued)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{second}:{first}")
    async with tls_port(chosen) as port:
        assert await handshake(port, context) == ("TLSv1.2", first)
    async with tls_port(replace(chosen, server_prefers=False)) as port:
        assert await handshake(port, context) == ("TLSv1.2", second)
    context.set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305")
    async with tls_port(chosen) as port:
        assert await handshake(port, context) is None


@in_trio
async def test_one_curve_is_the_only_one(issued: Pems, settings: ServerTls) -> None:
    context = client_context(issued)
    context.set_ecdh_curve("secp384r1")
    async with tls_port(replace(settings, curve="secp384r1")) as port:
        assert await handshake(port, context)
    async with tls_port(replace(settings, curve="X25519")) as port:
        assert await handshake(port, context) is None


@in_trio
async def test_every_cipher_that_can_be_written_is_one_that_openssl_has(settings: ServerTls) -> None:
    for name in web_tls._CIPHERS.values():
        server_context(replace(settings, ciphers=(name,)))


@pytest.mark.needs("openssl")
@in_trio
async def test_a_client_cannot_renegotiate(issued: Pems, settings: ServerTls) -> None:
    async with tls_port(settings) as port:
        command = ["openssl", "s_client", "-tls1_2", "-connect", port.names[0], "-CAfile", str(issued.ca)]
        done = await trio.run_process(
            command, stdin=b"R\n", capture_stdout=True, capture_stderr=True, check=False
        )
    assert b"no renegotiation" in done.stderr


def test_an_intermediate_can_vouch_for_clients_alone(tmp_path: Path) -> None:
    """As it can in exporters: what stands in client_ca_file is trusted, be it a root or not."""
    made = pems(tmp_path)
    middle = made.authority.create_child_ca()
    leaf = middle.issue_cert("prometheus.example")
    ca_file = tmp_path / "middle.pem"
    middle.cert_pem.write_to_path(str(ca_file))
    server = server_context(ServerTls(*made.server(), ca_file, ClientAuth.REQUIRED))
    client = client_context(made)
    leaf.configure_cert(client)
    assert _handshakes(server, client)


def _handshakes(server: ssl.SSLContext, client: ssl.SSLContext) -> bool:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1"),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    done = [False, False]
    for _ in range(10):
        for n, end in enumerate(ends):
            try:
                end.do_handshake()
                done[n] = True
            except ssl.SSLWantReadError:
                pass
    return all(done)
