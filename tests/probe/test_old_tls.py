"""Who decrypts with TLS that is too old, too weak, or for other clients: servers of OpenSSL and GnuTLS."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio
import trustme

from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import ProbePath, Proxy, ProxyScheme
from netcheck.model.results import Attempt, Trust
from netcheck.model.services import TlsSettings
from tests.ports import free_port
from tests.probe.peers import in_trio, serving
from tests.probe.test_secure import (
    AUTHORITY,
    INTERCEPTOR,
    NAME,
    probe,
    server_context,
    settings,
    speaking_tls,
    where_and_why,
)
from tests.programs import program

__all__ = ["settings"]  # a fixture

pytestmark = pytest.mark.system

DIRECT = ProbePath("direct")
WITHOUT_POLICY = {**os.environ, "OPENSSL_CONF": "/dev/null"}  # a system's may forbid what is tried here
OPENSSL_SETTINGS = {
    "TLS 1.0": ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
    "TLS 1.1": ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
    "SHA-1 signatures": ["-tls1_2", "-cipher", "ECDHE:@SECLEVEL=0", "-sigalgs", "ECDSA+SHA1"],
}
SMALL = {
    "an RSA key of 1024 bits": ["-tls1_2", "-cipher", "ECDHE:@SECLEVEL=0"],
    "a Diffie-Hellman group of 1024 bits": ["-tls1_2", "-cipher", "DHE:@SECLEVEL=0"],
    "a cipher that Diffie and Hellman have no part in": ["-tls1_2", "-cipher", "kRSA:@SECLEVEL=0"],
    "TLS 1.0 and all of that": ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
}
GNUTLS_SETTINGS = {
    "no secure renegotiation": "NORMAL:-VERS-TLS1.3:%DISABLE_SAFE_RENEGOTIATION",
    "TLS 1.0 and no secure renegotiation": "NORMAL:-VERS-ALL:+VERS-TLS1.0:%DISABLE_SAFE_RENEGOTIATION",
}
# Of 1024 bits, made by `openssl dhparam -dsaparam 1024`
SMALL_GROUP = """-----BEGIN X9.42 DH PARAMETERS-----
MIIBJgKBgQDTEiXiA6sJsR/48bNq5g1GxBgBggPVj+zdStaVU+q9Jk55pzRcFUIh
GfSvkp1PYQ7AAVvsH1ALDs2FtdSNjHYYtoTxgd2tHUSITc/RvugIhEV9gunkG4Jf
Yw9uPEb5MtLm+3NKhl9NGhfDkyJ0PWDnvHbaSWnbDaLqLRWXewEX0QKBgCtX8dyK
zUDtnfv0SnGmdES7odComA4vMoCpG4lu6shHt5W8V1cEdA00qTz7zdqgYa5MrX3b
Ew2ScuintEz3w4H62YC+PE8sg+yyrfAuUmtoPPSqJZei9ecXzSF/X49s1HNSFqs+
HTeVohJKfQg3C7RVDDy+Xc5UbA5AsyHrKtIvAh0Ar7DsxSPr1s9VT7vlSQYczTLk
jW2UFaf4R3Da5Q==
-----END X9.42 DH PARAMETERS-----
"""


@contextmanager
def running(argv: Sequence[str], port: int) -> Iterator[int]:
    """A server of its own process, once it takes connections."""
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=WITHOUT_POLICY,
    ) as process:
        try:
            _wait_until_listening(process, port)
            yield port
        finally:
            process.kill()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    while process.poll() is None:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
    pytest.fail(f"{process.args!r} ended with {process.returncode}")


def files(folder: Path, authority: trustme.CA) -> tuple[Path, Path]:
    """Key and certificate for the courier's name."""
    leaf = authority.issue_cert(NAME)
    key, chain = folder / "key.pem", folder / "chain.pem"
    leaf.private_key_pem.write_to_path(key)
    leaf.cert_chain_pems[0].write_to_path(chain)
    return key, chain


@contextmanager
def openssl(folder: Path, authority: trustme.CA, options: Sequence[str]) -> Iterator[int]:
    key, chain = files(folder, authority)
    port = free_port()
    argv = [program("openssl"), "s_server", "-accept", f"127.0.0.1:{port}", "-quiet"]
    with running([*argv, "-key", str(key), "-cert", str(chain), *options], port):
        yield port


@contextmanager
def openssl_with_small_numbers(folder: Path, options: Sequence[str]) -> Iterator[int]:
    """An interceptor whose own certificate has a key of 1024 bits, as has its group."""
    key, chain, group = folder / "key.pem", folder / "chain.pem", folder / "group.pem"
    group.write_text(SMALL_GROUP)
    make = ["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", str(key), "-out", str(chain)]
    named = ["-subj", "/O=Corporate Proxy", "-addext", f"subjectAltName=DNS:{NAME}"]
    command = program("openssl")
    subprocess.run([command, *make, *named], check=True, capture_output=True, env=WITHOUT_POLICY)
    port = free_port()
    argv = [command, "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", "-dhparam", str(group)]
    with running([*argv, "-key", str(key), "-cert", str(chain), *options], port):
        yield port


@contextmanager
def gnutls(folder: Path, authority: trustme.CA, priority: str) -> Iterator[int]:
    key, chain = files(folder, authority)
    port = free_port()
    argv = [program("gnutls-serv"), "--quiet", "--echo", "--port", str(port), "--priority", priority]
    with running([*argv, "--x509keyfile", str(key), "--x509certfile", str(chain)], port):
        yield port


def is_interception(attempt: Attempt) -> None:
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_INTERCEPTED)
    assert attempt.failure is not None
    assert "was issued by" in attempt.failure.detail
    assert "Corporate Proxy" in attempt.failure.detail
    assert attempt.tls is not None
    assert attempt.tls.trust is Trust.OTHER


SERVERS: Mapping[str, Callable[[Path], AbstractContextManager[int]]] = {
    **{name: partial(openssl, authority=INTERCEPTOR, options=its) for name, its in OPENSSL_SETTINGS.items()},
    **{name: partial(openssl_with_small_numbers, options=its) for name, its in SMALL.items()},
    # they cannot renegotiate securely
    **{name: partial(gnutls, authority=INTERCEPTOR, priority=its) for name, its in GNUTLS_SETTINGS.items()},
}


@in_trio
@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
async def test_who_decrypts_is_told_whatever_tls_it_speaks(
    settings: TlsSettings, tmp_path: Path, server: Callable[[Path], AbstractContextManager[int]]
) -> None:
    with server(tmp_path) as port:
        is_interception(await probe(settings, port, DIRECT))


@in_trio
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_who_decrypts_is_told_though_it_ends_tls_for_a_protocol_that_it_does_not_know(
    settings: TlsSettings, tmp_path: Path, version: str
) -> None:
    with openssl(tmp_path, INTERCEPTOR, ["-alpn", "http/1.1", version]) as port:
        is_interception(await probe(replace(settings, alpn=("apns-security-v3",)), port, DIRECT))


@in_trio
@pytest.mark.parametrize("options", [OPENSSL_SETTINGS["TLS 1.0"], OPENSSL_SETTINGS["TLS 1.1"]])
async def test_a_good_certificate_excuses_no_tls_that_devices_refuse(
    settings: TlsSettings, tmp_path: Path, options: Sequence[str]
) -> None:
    with openssl(tmp_path, AUTHORITY, options) as port:
        attempt = await probe(settings, port, DIRECT)
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_ALERT)
    assert attempt.failure is not None
    assert attempt.tls is not None
    assert attempt.tls.trust is Trust.APPLE
    assert attempt.tls.version in ("TLSv1", "TLSv1.1")
    said = f"the handshake succeeds in {attempt.tls.version} with old and weak TLS allowed, and without ALPN"
    assert attempt.failure.detail.endswith(said)


@in_trio
async def test_what_ends_one_handshake_by_chance_is_not_said_to_want_other_tls(settings: TlsSettings) -> None:
    connections = 0
    speaks = speaking_tls(server_context(AUTHORITY))

    async def ends_the_first(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        await (stream.receive_some(4096) if connections == 1 else speaks(stream))

    async with serving(ends_the_first) as port:
        attempt = await probe(settings, port, DIRECT)
    assert attempt.failure is not None
    assert attempt.failure.phase is Phase.TLS
    assert "succeeds" not in attempt.failure.detail
    assert connections == 3


@in_trio
async def test_a_good_peer_need_not_know_secure_renegotiation_as_devices_do_not_ask_for_it(
    settings: TlsSettings, tmp_path: Path
) -> None:
    with gnutls(tmp_path, AUTHORITY, GNUTLS_SETTINGS["no secure renegotiation"]) as port:
        assert (await probe(settings, port, DIRECT)).failure is None


@in_trio
async def test_an_old_inspector_is_seen_behind_a_proxy_too(settings: TlsSettings, tmp_path: Path) -> None:
    async def tunnel(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        inner = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")

        async def forward(source: trio.SocketStream, sink: trio.SocketStream) -> None:
            async for data in source:
                await sink.send_all(data)
            await sink.send_eof()

        async with inner, trio.open_nursery() as nursery:
            nursery.start_soon(forward, stream, inner)
            await forward(inner, stream)

    with openssl(tmp_path, INTERCEPTOR, OPENSSL_SETTINGS["TLS 1.0"]) as port:
        async with serving(tunnel) as proxy:
            path = ProbePath("proxy", (Proxy(ProxyScheme.HTTP, "127.0.0.1", proxy),))
            is_interception(await probe(settings, 443, path))


@in_trio
async def test_a_handshake_that_went_well_needs_no_other_look(settings: TlsSettings) -> None:
    connections = 0
    speaks = speaking_tls(server_context(INTERCEPTOR))

    async def counts(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        await speaks(stream)

    async with serving(counts) as port:
        is_interception(await probe(settings, port, DIRECT))
    assert connections == 1


@in_trio
async def test_a_peer_that_ends_every_handshake_stays_what_it_was(settings: TlsSettings) -> None:
    connections = 0

    async def closes(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        await stream.receive_some(4096)

    async with serving(closes) as port:
        attempt = await probe(settings, port, DIRECT)
    assert where_and_why(attempt) == (Phase.TLS, Reason.CLOSED)
    assert attempt.failure is not None
    assert attempt.failure.detail == "the peer closed during the TLS handshake"
    assert list(attempt.phases) == [Phase.CONNECT, Phase.TLS]
    assert connections == 2
