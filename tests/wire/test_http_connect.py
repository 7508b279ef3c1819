"""HTTP CONNECT against the answers of real proxies, and of peers that are none."""

import html
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from netcheck import __version__
from netcheck.model.credentials import AuthScheme, Credentials, Secret
from netcheck.model.failing import Reason
from netcheck.wire.http_asking import HttpConnect, LoginWantedError
from netcheck.wire.http_head import MAX_HEAD, MAX_LINE
from netcheck.wire.target import Target
from netcheck.wire.transcript import HandshakeError
from tests.wire.conversation import LOGIN, outcome_of, play

ADDRESS = Target("17.57.145.5", 5223)
SERVER_SPEAKS_FIRST = b"\x16\x03\x03 from the far end"
SQUID_407 = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nServer: squid/5.7\r\nContent-Type: text/html\r\n"
    b"Content-Length: 9\r\nX-Squid-Error: ERR_CACHE_ACCESS_DENIED 0\r\n"
    b'Proxy-Authenticate: Basic realm="tb"\r\nConnection: keep-alive\r\n\r\n<!DOCTYPE'
)

plain = partial(HttpConnect, ADDRESS, None)
with_login = partial(HttpConnect, ADDRESS, LOGIN)


def with_basic() -> HttpConnect:
    """One that has sent its login already."""
    machine = HttpConnect(ADDRESS, replace(LOGIN, auth=AuthScheme.BASIC))
    machine.again(AuthScheme.BASIC, b"Basic eA==")
    return machine


with_digest = partial(HttpConnect, ADDRESS, replace(LOGIN, auth=AuthScheme.DIGEST))


def head(status: str, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode()


@pytest.mark.parametrize(
    ("host", "authority"),
    [
        ("17.57.145.5", "17.57.145.5:5223"),
        ("2620:149:a44:1::1", "[2620:149:a44:1::1]:5223"),
        ("1-courier.push.apple.com", "1-courier.push.apple.com:5223"),
        ("bücher.example", "xn--bcher-kva.example:5223"),
    ],
)
def test_the_request_names_the_target_as_an_authority(host: str, authority: str) -> None:
    request = HttpConnect(Target(host, 5223), None).start().decode()

    assert request == (
        f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: netcheck/{__version__}\r\n"
        "Proxy-Connection: Keep-Alive\r\n\r\n"
    )


def test_no_password_is_sent_before_it_is_asked_for() -> None:
    assert with_login().start() == with_digest().start() == plain().start()


@pytest.mark.parametrize(
    "make",
    [
        partial(HttpConnect, Target("a\r\nHost: b", 443), None),
        partial(HttpConnect, Target("fe80::1%eth0", 443), None),
        partial(HttpConnect, ADDRESS, Credentials("a:b", Secret("c"))),
    ],
    ids=["not-a-name", "zone", "colon-in-user-name"],
)
def test_what_the_protocol_cannot_say_is_a_value_error(make: Callable[[], HttpConnect]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the wording is free
        make()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\nContent-Length: -1\r\nTransfer-Encoding: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nProxy-Agent : x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\td\r\n\r\n",
        b"HTTP/1.1 200 OK\nA: b\n\n",
        b"HTTP/1.1 200 OK\r\n\n",
        b"HTTP/1.1 200 \xe4\r\nA: \xf6\r\nA(b: c\r\n: d\r\n\r\n",
        b"HTTP/1.1   0200-ok\r\n\r\n",
        b"HTTP/1.10\t299\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=[
        *("squid", "tinyproxy", "no-phrase", "204", "chunked", "length", "framing-that-is-none", "close"),
        *("space-before-colon", "folded", "line-feeds", "mixed", "latin-1", "odd-status", "odd-version"),
        "interim",
    ],
)
def test_any_2xx_connects_and_what_follows_its_head_belongs_to_the_tunnel(answer: bytes) -> None:
    outcome = outcome_of(plain, answer + SERVER_SPEAKS_FIRST)

    assert (outcome.connected, outcome.spoke, outcome.tunnel) == (True, True, SERVER_SPEAKS_FIRST)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n"])
def test_a_head_that_is_cut_is_no_success(answer: bytes) -> None:
    unfinished = outcome_of(plain, answer)
    cut_off = outcome_of(plain, answer, eof=True)

    assert (unfinished.connected, unfinished.reason) == (False, None)
    assert (cut_off.connected, cut_off.reason, cut_off.spoke) == (False, Reason.PROXY_CLOSED, False)


def test_an_end_without_an_answer_is_closed() -> None:
    outcome = outcome_of(plain, b"", eof=True)

    assert (outcome.reason, outcome.spoke) == (Reason.PROXY_CLOSED, False)


@pytest.mark.parametrize(
    ("status", "header", "reason"),
    [
        ("403 Forbidden", "X-Squid-Error: ERR_ACCESS_DENIED 0", Reason.PROXY_DENIED),
        ("503 Service Unavailable", "X-Squid-Error: ERR_CONNECT_FAIL 111", Reason.PROXY_TARGET_REFUSED),
        ("503 Service Unavailable", "X-Squid-Error: ERR_CONNECT_FAIL 110", Reason.PROXY_TARGET_TIMEOUT),
        ("503 Service Unavailable", "X-Squid-Error: ERR_CONNECT_FAIL 113", Reason.PROXY_TARGET_UNREACHABLE),
        ("503 Service Unavailable", "X-Squid-Error: ERR_CONNECT_FAIL 101", Reason.PROXY_TARGET_UNREACHABLE),
        ("500 Internal Server Error", "X-Squid-Error: ERR_CANNOT_FORWARD 0", Reason.PROXY_ERROR),
        ("501 Not Implemented", "X-Squid-Error: ERR_UNSUP_REQ 0", Reason.PROXY_ERROR),
        ("403 Access violation", "", Reason.PROXY_DENIED),
        ("451 Blocked", "", Reason.PROXY_DENIED),
        ("500 Unable to connect", "", Reason.PROXY_ERROR),
        ("500 Internal Privoxy Error", "", Reason.PROXY_ERROR),
        ("502 Bad Gateway", 'Proxy-Status: gw; error=dns_error; rcode="NXDOMAIN"', Reason.PROXY_DNS_FAILURE),
        ("503 Service Unavailable", "Retry-After: 120", Reason.PROXY_OVERLOADED),
    ],
)
def test_a_proxys_refusal_has_its_reason_and_its_words(status: str, header: str, reason: Reason) -> None:
    answer = head(status, *filter(None, [header]), "Server: squid/5.7")
    outcome = outcome_of(plain, answer, eof=True)

    shown = f" ({header.replace(': ', ' ', 1)})" if header else ""
    assert (outcome.reason, outcome.detail) == (reason, f"HTTP {status}{shown}")
    assert (outcome.spoke, outcome.connected) == (True, False)
    assert outcome.evidence == answer[:64]


@pytest.mark.parametrize(
    ("status", "reason", "spoke"),
    [
        (302, Reason.PROXY_ERROR, False),
        (400, Reason.PROXY_NOT_A_PROXY, False),
        (404, Reason.PROXY_ERROR, False),
        (405, Reason.PROXY_NOT_A_PROXY, False),
        (418, Reason.PROXY_ERROR, True),
        (429, Reason.PROXY_OVERLOADED, True),
        (501, Reason.PROXY_NOT_A_PROXY, False),
        (502, Reason.PROXY_TARGET_UNREACHABLE, True),
        (503, Reason.PROXY_TARGET_UNREACHABLE, True),
        (504, Reason.PROXY_TARGET_TIMEOUT, True),
        (505, Reason.PROXY_NOT_A_PROXY, False),
        (511, Reason.PROXY_AUTH_REQUIRED, True),
    ],
)
def test_a_status_alone_has_its_reason(status: int, reason: Reason, spoke: bool) -> None:
    outcome = outcome_of(plain, head(f"{status} Whatever"))

    assert (outcome.reason, outcome.spoke) == (reason, spoke)
    assert outcome.detail == f"HTTP {status} Whatever"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_to_where_people_log_in(status: int) -> None:
    outcome = outcome_of(plain, head(f"{status} Found", "Location: https://login.example/?from=1"))

    assert (outcome.reason, outcome.spoke) == (Reason.PROXY_AUTH_REQUIRED, False)
    assert outcome.detail == f"HTTP {status} Found (Location https://login.example/?from=1)"


def test_where_a_redirect_leads_is_one_short_printable_line_without_a_login() -> None:
    target = "http://tb-username:tb-passphrase@login.example/\x1b[31m" + "x" * 500

    detail = outcome_of(with_login, head("302 Found", f"Location: {target}")).detail

    assert detail.startswith("HTTP 302 Found (Location http://***@login.example/?[31mxxx")
    assert len(detail) < 120


APACHE_503 = (
    b"HTTP/1.1 503 Service Unavailable\r\nDate: Wed, 25 Nov 2026 05:00:00 GMT\r\n"
    b"Server: Apache/2.4.62 (Debian)\r\nContent-Length: 299\r\nConnection: close\r\n"
    b"Content-Type: text/html; charset=iso-8859-1\r\n\r\n"
)


def test_apache_says_503_of_a_target_that_refuses() -> None:
    outcome = outcome_of(plain, APACHE_503)

    assert (outcome.reason, outcome.spoke) == (Reason.PROXY_TARGET_UNREACHABLE, True)


def test_who_passed_an_answer_on_is_shown() -> None:
    outcome = outcome_of(plain, head("502 Bad Gateway", "Via: 1.1 inner.example", "Via: 1.0 outer"))

    assert outcome.detail == "HTTP 502 Bad Gateway (Via 1.1 inner.example, 1.0 outer)"


HAPROXY_503 = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 107\r\ncache-control: no-cache\r\n"
    b"content-type: text/html\r\n\r\n<html><body><h1>503 Service Unavailable</h1>\n"
    b"No server is available to handle this request.\n</body></html>\n"
)


HTML = "Content-Type: text/html"


@pytest.mark.parametrize(
    ("headers", "page", "said"),
    [
        ((), "unknown browser not allowed", "unknown browser not allowed"),
        ((HTML,), "<html><head><title>Access blocked</title></head><body>x</body></html>", "Access blocked"),
        (
            (HTML,),
            "<title>Network Error</title><p>Network Error (dns_unresolved_hostname)</p><p>Ask</p>",
            "Network Error (dns_unresolved_hostname)",
        ),
        ((HTML,), "<title>403 Forbidden</title><h1>Forbidden</h1><p>Not in\nyour plan", "Not in"),
        ((HTML,), "<!-- no --><style>b {}</style><script>1 < 2</script><b>R&amp;D only</b>", "R&D only"),
        ((HTML,), "<p>gesperrt f\xfcr alle", "gesperrt für alle"),
        ((HTML,), f"<p>{'long ' * 2000}", f"{'long ' * 16}"[:79] + "…"),
        ((HTML,), "<p>\x1b[31mred", "?[31mred"),
        ((HTML,), "<p>you sent Basic c3ZjOnMzY3JldC13b3Jk", "you sent Basic ***"),
        ((HTML,), "<p>you are tb-username with tb-passphrase", "you are *** with ***"),
        ((HTML,), "<p>your password is tb-pass", "your password is ***"),
        ((HTML,), "", ""),
        ((HTML,), "<h1>403 Forbidden</h1>", ""),
        ((), "\0", ""),
        ((HTML,), "<hr>***<hr>", ""),
        ((HTML, "Content-Encoding: gzip"), "\x1f\x8b", ""),
        (("Content-Type: image/png",), "PNG", ""),
        ((HTML, "Transfer-Encoding: chunked"), "5\r\nhello\r\n", ""),
        ((HTML, "Via: 1.1 gate"), "more", None),
    ],
)
def test_what_its_page_says_is_shown_where_no_header_says_more(
    headers: tuple[str, ...], page: str, said: str | None
) -> None:
    answer = head("403 Forbidden", *headers) + page.encode("latin-1")
    shown = {None: " (Via 1.1 gate)", "": ""}.get(said, f' ("{said}")')
    assert play(with_login(), (answer,)).detail == f"HTTP 403 Forbidden{shown}"


@pytest.mark.parametrize("password", ["a&amp;Secret99", "&#83;ecretPass99", "a&Secret99"])
@pytest.mark.parametrize("sent", [str, html.escape])
def test_no_page_shows_a_password_be_it_escaped_or_as_if_it_were(
    password: str, sent: Callable[[str], str]
) -> None:
    machine = partial(HttpConnect, ADDRESS, Credentials("tb-username", Secret(password)))
    answer = head("403 Forbidden", HTML) + f"<p>denied {sent(password)} sorry".encode()
    detail = play(machine(), (answer,)).detail
    assert "***" in detail
    assert "ecret" not in detail


@pytest.mark.parametrize("page", ["<" * 100_000, "<script" * 20_000, "<title>" * 20_000, "<!--" * 30_000])
def test_a_page_without_end_is_read_in_a_moment(page: str) -> None:
    began = time.perf_counter()
    play(plain(), (head("403 Forbidden", HTML) + page.encode(),))
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize(
    ("answer", "software"),
    [
        (HAPROXY_503, "HAProxy"),
        (HAPROXY_503.replace(b"content-length", b"Server: edge\r\ncontent-length"), "edge"),
        (HAPROXY_503[:-60], ""),
        (SQUID_407, "squid/5.7"),
        (head("403 Forbidden", "X-Squid-Error: ERR_ACCESS_DENIED 0"), "squid"),
        (head("403 Access violation", "Server: tinyproxy/1.11.1"), "tinyproxy/1.11.1"),
        (head("502 Bad Gateway", "Proxy-Agent: Apache/2.4.62"), "Apache/2.4.62"),
        (head("403 Request blocked by Privoxy"), "Privoxy"),
        (head("403 Forbidden", "Via: 1.1 far.example (squid/5.7)"), ""),
        (head("403 Forbidden", f"Server: {LOGIN.password.reveal()}\x1b[2J"), "***?[2J"),
    ],
)
def test_what_a_proxy_calls_itself_is_kept(answer: bytes, software: str) -> None:
    with pytest.raises(HandshakeError) as caught:
        with_login().receive(answer)
    assert caught.value.software == software


def test_a_page_to_which_a_rule_of_squids_sends_is_no_login() -> None:
    to = "Location: http://policy.test/?u=api.push.apple.com"
    outcome = outcome_of(plain, head("302 Found", to, "X-Squid-Error: 302 Access Denied"))
    assert (outcome.reason, outcome.spoke) == (Reason.PROXY_DENIED, True)


@pytest.mark.parametrize(
    ("make", "answer", "reason", "spoke"),
    [
        (plain, SQUID_407, Reason.PROXY_AUTH_REQUIRED, True),
        (with_login, SQUID_407, Reason.PROXY_AUTH_FAILED, True),
        (plain, b"HTTP/1.0 407 Proxy Authentication Required\r\n\r\n", Reason.PROXY_AUTH_REQUIRED, True),
        (
            with_basic,
            b'HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="Tinyproxy"\r\n\r\n',
            Reason.PROXY_AUTH_FAILED,
            True,
        ),
        (plain, head("401 Unauthorized"), Reason.PROXY_AUTH_REQUIRED, False),
        (with_basic, SQUID_407, Reason.PROXY_AUTH_FAILED, True),
        (with_basic, head("407 X", "Proxy-Authenticate: NTLM"), Reason.PROXY_AUTH_UNSUPPORTED, True),
        (with_basic, head("401 X", "WWW-Authenticate: NTLM"), Reason.PROXY_AUTH_UNSUPPORTED, True),
        (with_digest, SQUID_407, Reason.PROXY_AUTH_UNSUPPORTED, True),
        (with_login, head("407 X", "Proxy-Authenticate: Hawk"), Reason.PROXY_AUTH_UNSUPPORTED, True),
        (plain, head("407 X", "Proxy-Authenticate: NTLM"), Reason.PROXY_AUTH_REQUIRED, True),
        (plain, head("407 X", "Proxy-Authenticate: Bearer"), Reason.PROXY_AUTH_UNSUPPORTED, True),
        (plain, head("407 X"), Reason.PROXY_AUTH_REQUIRED, True),
        (with_login, head("407 X"), Reason.PROXY_AUTH_FAILED, True),
    ],
    ids=[
        "squid-none",
        "squid-wrong",
        "tinyproxy-none",
        "tinyproxy-wrong",
        "401-none",
        "basic-wrong",
        "ntlm",
        "401-ntlm",
        "basic-not-allowed",
        "unknown-scheme",
        "ntlm-none",
        "unknown-scheme-none",
        "no-challenge-none",
        "no-challenge",
    ],
)
def test_a_wanted_login_is_missing_wrong_or_of_another_kind(
    make: Callable[[], HttpConnect], answer: bytes, reason: Reason, spoke: bool
) -> None:
    outcome = outcome_of(make, answer)

    assert (outcome.reason, outcome.spoke, outcome.connected) == (reason, spoke, False)


def test_the_ways_to_log_in_are_named() -> None:
    answer = head("407 Login", "Proxy-Authenticate: Negotiate", "Proxy-Authenticate: NTLM")

    assert outcome_of(plain, answer).detail == "HTTP 407 Login (offers Negotiate, NTLM)"
    assert outcome_of(plain, head("407 Login")).detail == "HTTP 407 Login (offers no way to log in)"
    assert outcome_of(with_basic, answer).detail == (
        "HTTP 407 Login (rejects the login by basic; offers Negotiate, NTLM)"
    )


def test_each_way_to_log_in_is_named_once_and_few_of_them() -> None:
    digests = [
        "Proxy-Authenticate: Digest realm=a, nonce=b, algorithm=" + name for name in ("SHA-256", "MD5")
    ]
    many = [f"Proxy-Authenticate: X{number}" for number in range(100)]

    assert outcome_of(plain, head("407 L", *digests)).detail == "HTTP 407 L (offers Digest)"
    assert outcome_of(plain, head("407 L", *many)).detail.endswith("(offers X0, X1, X2, X3, X4, X5, X6, X7)")


CHALLENGE = ("Proxy-Authenticate: Basic realm=a", "Content-Length: 4")


@pytest.mark.parametrize(
    ("answer", "is_kept"),
    [
        (head("407 Login", *CHALLENGE), True),
        (head("407 Login", *CHALLENGE, "Connection: close"), False),
        (head("407 Login", *CHALLENGE, "Proxy-Connection: Close"), False),
        (head("407 Login", *CHALLENGE, "Content-Encoding: odd"), True),
        (head("407 Login", CHALLENGE[0], "Transfer-Encoding: chunked"), True),
        (head("407 Login", CHALLENGE[0]), False),
        (head("407 Login", CHALLENGE[0], "Content-Length: many"), False),
        (head("407 Login", CHALLENGE[0], "Content-Length: 65536"), True),
        (head("407 Login", CHALLENGE[0], "Content-Length: 65537"), False),
        (head("407 Login", *CHALLENGE, CHALLENGE[1]), True),
        (head("407 Login", *CHALLENGE, "Content-Length: 5"), False),
        (head("407 Login", *CHALLENGE).replace(b"/1.1", b"/1.0"), False),
        (head("407 Login", *CHALLENGE, "Proxy-Connection: keep-alive").replace(b"/1.1", b"/1.0"), True),
    ],
)
def test_after_a_refusal_the_connection_is_used_again_where_its_body_has_an_end(
    answer: bytes, is_kept: bool
) -> None:
    machine = with_login()
    machine.start()
    with pytest.raises(LoginWantedError) as raised:
        machine.receive(answer)

    assert raised.value.keeps_connection is is_kept


def test_after_a_refusal_the_same_is_asked_with_a_login() -> None:
    machine = with_login()
    asked = machine.start()
    with pytest.raises(LoginWantedError) as raised:
        machine.receive(SQUID_407 + b"\x00 more than its body")

    assert raised.value.rest is not None
    assert (raised.value.rest.done, machine.spoke, machine.connected) == (True, True, False)
    assert (
        machine.again(AuthScheme.BASIC, b"Basic eA==")
        == asked[:-2] + b"Proxy-Authorization: Basic eA==\r\n\r\n"
    )
    machine.receive(b"HTTP/1.1 200 OK\r\n\r\nfar end")
    assert (machine.connected, machine.trailing) == (True, b"far end")


@pytest.mark.parametrize(
    ("answer", "likeness"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n", ": its answer begins like SSH"),
        (b"\x05\xff", ": its answer begins like SOCKS5"),
        (b"\x15\x03\x01\x00\x02\x02\x46", ": its answer begins like a TLS alert"),
        (b"HELO\r\n", ""),
        (b"http/1.1 200 OK\r\n\r\n", ""),
        (b"\r\nhttp/1.1 200 OK\r\n\r\n", ""),
    ],
    ids=["ssh", "microsocks", "tls", "h", "lower-case", "blank-line"],
)
def test_a_peer_of_another_protocol_is_not_a_proxy(answer: bytes, likeness: str) -> None:
    outcome = outcome_of(plain, answer)

    assert (outcome.reason, outcome.spoke) == (Reason.PROXY_NOT_A_PROXY, False)
    assert outcome.detail == f"the peer does not speak HTTP{likeness}"
    assert outcome.evidence == answer


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n\x05\x00\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1+1 100 OK\r\nHTTP/1.1 503 Busy\r\n\r\n",
    ],
    ids=[
        *("no-status", "http2", "no-colon", "101", "garbage-after-100", "blank-line", "folded-first", "nul"),
        *("two-digits", "four-digits", "too-low", "status-after-none"),
    ],
)
def test_what_begins_as_http_and_is_none_is_a_bad_reply(answer: bytes) -> None:
    outcome = outcome_of(plain, answer)

    assert (outcome.reason, outcome.spoke, outcome.connected) == (Reason.PROXY_BAD_REPLY, False, False)


def lines(size: int) -> bytes:
    """Headers of so many bytes, in lines that are not too long."""
    whole, left = divmod(size, 1000)
    return b"X: %b\r\n" % (b"a" * 995) * whole + (b"Y:%b\r\n" % (b"a" * (left - 4)) if left else b"")


def test_a_head_may_be_as_long_as_the_limit() -> None:
    begun, ended = b"HTTP/1.1 200 OK\r\n", b"\r\n"
    room = MAX_HEAD - len(begun) - len(ended)

    fits = outcome_of(plain, begun + lines(room) + ended + SERVER_SPEAKS_FIRST)
    exceeds = outcome_of(plain, begun + lines(room + 1) + ended)

    assert (fits.connected, fits.tunnel) == (True, SERVER_SPEAKS_FIRST)
    assert (exceeds.connected, exceeds.reason) == (False, Reason.PROXY_BAD_REPLY)
    assert exceeds.detail == "the answer's head exceeds 307200 bytes"


def test_a_line_may_be_as_long_as_the_limit() -> None:
    fits = outcome_of(plain, head("200 OK", "X: " + "a" * (MAX_LINE - 5)))
    exceeds = outcome_of(plain, head("200 OK", "X: " + "a" * (MAX_LINE - 4)))

    assert (fits.connected, exceeds.reason) == (True, Reason.PROXY_BAD_REPLY)


def test_interim_answers_without_end_are_a_bad_reply() -> None:
    outcome = outcome_of(plain, b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_HEAD // 25 + 1))

    assert outcome.reason is Reason.PROXY_BAD_REPLY


@pytest.mark.parametrize(
    "rest",
    [
        b"\r\n" + lines(100_000) + b"\r\n",
        b"\r\n" + lines(MAX_HEAD + 1),
        b"\r\nX: " + b"a" * MAX_LINE,
        b"\r\nno colon\r\n\r\n",
        b"\r\nContent-Length: many\r\n\r\n",
        b"\r\nA: \0\r\n\r\n",
        b"\r\nA: b",
        b"",
    ],
    ids=["long", "too-long", "long-line", "no-colon", "length", "nul", "cut-in-header", "cut-in-status-line"],
)
def test_a_refusal_keeps_its_meaning_whatever_becomes_of_its_head(rest: bytes) -> None:
    outcome = outcome_of(plain, b"HTTP/1.1 403 Forbidden" + rest, eof=True)

    assert (outcome.reason, outcome.detail, outcome.spoke) == (
        Reason.PROXY_DENIED,
        "HTTP 403 Forbidden",
        True,
    )


def test_what_a_refusal_said_counts_where_no_more_of_it_comes() -> None:
    machine = plain()
    machine.start()
    machine.receive(b"HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACC")

    known = machine.so_far()

    assert known is not None
    assert (known.reason, known.detail, machine.spoke) == (Reason.PROXY_DENIED, "HTTP 403 Forbidden", True)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 40", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 C\r\n\r\n"])
def test_a_beginning_that_refuses_nothing_says_nothing_yet(begun: bytes) -> None:
    machine = plain()
    machine.start()
    machine.receive(begun or b"H")

    assert machine.so_far() is None


def test_the_detail_is_one_short_printable_line() -> None:
    answer = head("403 \x9b[31mred\u202e" + "x" * 5000, "X-Squid-Error: " + "y" * 5000)

    detail = outcome_of(plain, answer).detail

    assert detail.startswith("HTTP 403 ?[31mred?xxx")
    assert detail.isprintable()
    assert len(detail) < 250


def test_a_refused_machine_never_connects_afterwards() -> None:
    machine = plain()
    machine.start()
    with pytest.raises(HandshakeError):
        machine.receive(head("403 Forbidden", "Content-Length: 0"))

    machine.receive(head("200 OK"))

    assert not machine.connected
