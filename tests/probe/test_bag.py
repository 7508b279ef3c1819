"""A probe that fetches a bag, against scripted HTTP and HTTPS servers on loopback."""

import gzip
import plistlib
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trustme

from netcheck.model.bags import Bag
from netcheck.model.credentials import AuthScheme, Credentials, Secret
from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import ProbePath, Proxy, ProxyScheme, ResolveMode
from netcheck.model.results import Attempt
from netcheck.model.services import Depth, Service, Timeouts, TlsSettings
from netcheck.probe.runner import Prober
from netcheck.schedule import Gate
from tests.probe.peers import Handler, in_trio, says, serving, silent
from tests.probe.test_secure import (
    AUTHORITY,
    INTERCEPTOR,
    server_context,
    speaking_tls,
    tunnel_to,
    where_and_why,
)

NAME = "init.push.apple.com"
DIRECT = ProbePath("direct")
KEYS = {"APNSCourierHostname": "courier.push.apple.com", "APNSCourierHostcount": 50}
BAG = Bag("courier.push.apple.com", 50, None, None, 900.0)
NEW = plistlib.dumps(KEYS)
OLD = plistlib.dumps({"bag": NEW, "signature": b"x", "certs": [b"x"]})
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    b"<plist><string>&b;</string></plist>"
)


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def probed(
    handler: Handler, path: ProbePath = DIRECT, depth: Depth = Depth.TCP, ca_file: Path | None = None
) -> Attempt:
    async with serving(handler) as port:
        path = replace(path, proxies=tuple(replace(proxy, port=port) for proxy in path.proxies))
        tls = TlsSettings(NAME, is_apples=True, lab_ca_file=ca_file)
        service = Service("bag", ("127.0.0.1",), (port,), depth=depth, tls=tls, bag="/bag")
        prober = Prober(Timeouts(tls=1.0, proxy=2.0), {path.name: Gate(8, 1e6)})
        return (await prober.visit(service, "127.0.0.1", path, 0, 0)).results[0].attempt


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    file = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    return file


@in_trio
@pytest.mark.parametrize("body", [NEW, OLD], ids=["new", "old"])
async def test_a_good_bag_is_read(body: bytes) -> None:
    heard: list[bytes] = []
    attempt = await probed(says(answer(body), heard=heard))
    assert (attempt.failure, attempt.bag) == (None, BAG)
    assert list(attempt.phases) == [Phase.CONNECT, Phase.SESSION]
    assert heard[0].startswith(b"GET /bag HTTP/1.1\r\nHost: init.push.apple.com:")


@in_trio
@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (says(answer(NEW + b" " * 65536)), Reason.BAD_ANSWER),
        (says(answer(NEW)[:-20]), Reason.CLOSED),
        (says(answer(NEW[:-20])), Reason.BAD_ANSWER),
        (says(answer(plistlib.dumps(KEYS | {"APNSCourierHostcount": "50"}))), Reason.BAD_ANSWER),
        (says(answer(BOMB)), Reason.BAD_ANSWER),
        (says(answer(NEW, b"404 Not Found")), Reason.BAD_ANSWER),
        (says(answer(NEW, b"500 Internal Server Error")), Reason.BAD_ANSWER),
        (says(answer(NEW, b"302 Found\r\nLocation: http://portal.example/")), Reason.BAD_ANSWER),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), Reason.BAD_ANSWER),
        (says(b""), Reason.CLOSED),
        (silent, Reason.TIMEOUT),
    ],
    ids=[
        *("huge", "cut off", "truncated", "wrong type", "entities", "404", "500", "redirect", "ssh"),
        *("closed", "silent"),
    ],
)
async def test_what_is_no_bag_fails_in_the_session(handler: Handler, reason: Reason) -> None:
    attempt = await probed(handler)
    assert (where_and_why(attempt), attempt.bag) == ((Phase.SESSION, reason), None)


def over_tls(authority: trustme.CA) -> Handler:
    async def after(tls: trio.SSLStream[trio.SocketStream]) -> None:
        await tls.receive_some(4096)
        await tls.send_all(answer(NEW))

    return speaking_tls(server_context(authority, NAME), after)


@in_trio
async def test_a_bag_is_fetched_over_tls(ca_file: Path) -> None:
    attempt = await probed(over_tls(AUTHORITY), depth=Depth.TLS, ca_file=ca_file)
    assert (attempt.failure, attempt.bag) == (None, BAG)
    assert list(attempt.phases) == [Phase.CONNECT, Phase.TLS, Phase.SESSION]


@in_trio
async def test_a_bag_behind_anothers_certificate_is_not_even_asked_for(ca_file: Path) -> None:
    attempt = await probed(over_tls(INTERCEPTOR), depth=Depth.TLS, ca_file=ca_file)
    assert (where_and_why(attempt), attempt.bag) == ((Phase.TLS, Reason.TLS_INTERCEPTED), None)


@in_trio
async def test_a_bag_is_fetched_through_a_proxy(ca_file: Path) -> None:
    path = ProbePath("proxy", (Proxy(ProxyScheme.HTTP, "127.0.0.1", 1),))
    attempt = await probed(tunnel_to(over_tls(AUTHORITY)), path, Depth.TLS, ca_file)
    assert (attempt.failure, attempt.bag) == (None, BAG)


# --- the old bag, whose URL is http://, through proxies

WEB_PROXY = ProbePath("proxy", (Proxy(ProxyScheme.HTTP, "127.0.0.1", 1),))
LOGIN = Credentials("svc", Secret("s3cret"), auth=AuthScheme.BASIC)


@in_trio
@pytest.mark.parametrize("resolve", ResolveMode)
async def test_an_http_proxy_is_asked_for_it_by_its_url(resolve: ResolveMode) -> None:
    heard: list[bytes] = []
    proxy = Proxy(ProxyScheme.HTTP, "127.0.0.1", 1, LOGIN, resolve)
    attempt = await probed(says(answer(OLD), heard=heard), ProbePath("proxy", (proxy,)))
    assert (attempt.failure, attempt.bag, attempt.proxy_spoke) == (None, BAG, True)
    assert list(attempt.phases) == [Phase.PROXY_CONNECT, Phase.PROXY_HANDSHAKE, Phase.SESSION]
    line, host, *headers = heard[0].decode().split("\r\n")
    authority = host.removeprefix("Host: ")
    assert authority.startswith("init.push.apple.com")
    assert line == f"GET http://{authority}/bag HTTP/1.1"
    assert "Proxy-Authorization: Basic c3ZjOnMzY3JldA==" in headers


@in_trio
async def test_a_socks_proxy_is_asked_for_a_tunnel() -> None:
    granted = (b"\x05\x00", b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
    heard: list[bytes] = []
    path = ProbePath("socks", (Proxy(ProxyScheme.SOCKS5H, "127.0.0.1", 1),))
    attempt = await probed(says(*granted, answer(OLD), heard=heard), path)
    assert (attempt.failure, attempt.bag) == (None, BAG)
    assert heard[2].startswith(b"GET /bag HTTP/1.1\r\nHost: init.push.apple.com:")


@in_trio
@pytest.mark.parametrize(
    "framing",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(OLD), OLD),
        b"HTTP/1.0 200 OK\r\nVia : 1.0 x\r\n\r\n" + OLD,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(OLD), OLD),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(OLD),
    ],
    ids=["length", "until-closed", "chunked", "gzip"],
)
@pytest.mark.parametrize("path", [DIRECT, WEB_PROXY], ids=["direct", "proxy"])
async def test_a_bag_is_read_however_it_is_framed(framing: bytes, path: ProbePath) -> None:
    attempt = await probed(says(framing), path)
    assert (attempt.failure, attempt.bag) == (None, BAG)


@in_trio
@pytest.mark.parametrize(
    ("said", "phase", "reason"),
    [
        (
            b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=x\r\n\r\n",
            Phase.PROXY_HANDSHAKE,
            Reason.PROXY_AUTH_REQUIRED,
        ),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n",
            Phase.PROXY_HANDSHAKE,
            Reason.PROXY_AUTH_REQUIRED,
        ),
        (
            b"HTTP/1.1 503 X\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\n\r\n",
            Phase.PROXY_HANDSHAKE,
            Reason.PROXY_DNS_FAILURE,
        ),
        (b"SSH-2.0-x\r\n", Phase.PROXY_HANDSHAKE, Reason.PROXY_NOT_A_PROXY),
        (b"", Phase.PROXY_HANDSHAKE, Reason.PROXY_CLOSED),
        (answer(b"<html>log in</html>"), Phase.SESSION, Reason.BAD_ANSWER),
        (answer(OLD)[:-20], Phase.SESSION, Reason.CLOSED),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Phase.SESSION, Reason.BAD_ANSWER),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nno gzip..",
            Phase.SESSION,
            Reason.BAD_ANSWER,
        ),
    ],
    ids=["407", "403", "portal", "squid", "ssh", "closed", "html", "cut off", "204", "no gzip"],
)
async def test_a_refused_bag_is_the_proxys_and_a_bad_one_is_the_sessions(
    said: bytes, phase: Phase, reason: Reason
) -> None:
    attempt = await probed(says(said), WEB_PROXY)
    assert (where_and_why(attempt), attempt.bag) == ((phase, reason), None)


@in_trio
async def test_a_bag_that_does_not_come_names_who_was_asked() -> None:
    async with serving(silent) as port:
        service = Service("bag", ("127.0.0.1",), (port,), bag="/bag")
        prober = Prober(Timeouts(tls=0.1), {"direct": Gate(8, 1e6)})
        attempt = (await prober.visit(service, "127.0.0.1", DIRECT, 0, 0)).results[0].attempt
    assert attempt.failure is not None
    assert attempt.failure.detail == f"no answer from 127.0.0.1:{port} in 0.1 s"
