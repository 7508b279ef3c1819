"""Logins over the rounds and connections that they take, at scripted proxies; the oracle is curl, run here.

Real proxies and Kerberos stand in tests/system.
"""

import base64
import socket
import struct
import sys
import threading
import types
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter

import pytest
import spnego
import trio
import trustme

from netcheck.model.credentials import AuthScheme, Credentials, Secret
from netcheck.model.failing import Failure, LoginFault, Phase, PhaseError, Reason, RefusedLogin
from netcheck.model.paths import Proxy, ProxyScheme, ResolveMode
from netcheck.model.services import Timeouts
from netcheck.probe.proxy.kerberos import principal
from netcheck.probe.proxy.logins import Logins
from netcheck.probe.walk import Walk
from netcheck.wire.target import Target
from netcheck.wire.transcript import HandshakeError
from tests.probe.peers import Handler, in_trio, says, serving, stays
from tests.probe.test_proxy import tls_handler, trusting, walked
from tests.programs import require_programs

TARGET = Target("17.57.145.5", 5223)
LOGIN = Credentials("svc", Secret("s3cret-word"))
PROVEN = b"Basic c3ZjOnMzY3JldC13b3Jk"

Answer = bytes | None
Rule = Callable[[bytes, int], Answer]
"""From the login of a request (b"" for none) and how many requests came before, the answer; None to close."""

OK = b"HTTP/1.1 200 OK\r\n\r\n"
LENGTH = b"HTTP/1.1 407 Login\r\nContent-Length: 4\r\n"
BASIC = b"Proxy-Authenticate: Basic realm=x\r\n"


class Scripted:
    """A proxy that answers each request by a rule, on any connection, and knows what it was asked."""

    stays = False
    """Also after an answer of HTTP/1.0."""

    def __init__(self, rule: Rule, most_connections: int = 10) -> None:
        self.rule = rule
        self.connections = 0
        self.logins: list[bytes] = []
        self._most = most_connections

    async def __call__(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        if self.connections > self._most:
            return
        while (answer := await self._answer(stream)) is not None:
            head, end, body = answer.partition(b"\r\n\r\n")
            await stream.send_all(head + end)
            await stream.send_all(body)
            if b": close" in head or (b"/1.0" in head and not self.stays):
                return

    async def _answer(self, stream: trio.SocketStream) -> Answer:
        heard = b""
        while not heard.endswith(b"\r\n\r\n"):
            if not (data := await stream.receive_some(4096)):
                return None
            heard += data
            if heard.startswith(b"GET "):  # curl uses its tunnel
                return b"HTTP/1.1 204 x\r\n\r\n"
        said = [line.partition(b": ")[2] for line in heard.split(b"\r\n") if line.startswith(b"Proxy-Auth")]
        self.logins.append(said[0] if said else b"")
        return self.rule(self.logins[-1], len(self.logins) - 1)


async def we_ask(
    port: int, login: Credentials = LOGIN, proxy_timeout: float = 5.0, logins: Logins | None = None
) -> tuple[Walk, Failure | None]:
    proxy = Proxy(ProxyScheme.HTTP, "127.0.0.1", port, login)
    return await walked(proxy, timeouts=Timeouts(proxy=proxy_timeout), logins=logins, target=TARGET)


async def asked(rule: Rule, login: Credentials = LOGIN, **how: int) -> tuple[Scripted, Failure | None]:
    scripted = Scripted(rule, **how)
    async with serving(scripted) as port:
        _, failure = await we_ask(port, login)
    return scripted, failure


async def curl_gets_through(rule: Rule, login: Credentials = LOGIN, *, stays: bool = False) -> bool:
    scripted = Scripted(rule)
    scripted.stays = stays
    async with serving(scripted) as port:
        options = ("--silent", "--max-time", "2", "--output", "/dev/null", "--write-out", "%{http_connect}")
        account = f"{login.username}:{login.password.reveal()}"
        proxy = (
            "--proxytunnel",
            "--proxy",
            f"http://127.0.0.1:{port}",
            "--proxy-anyauth",
            "--proxy-user",
            account,
        )
        command = ["curl", *options, *proxy, "http://17.57.145.5:5223/"]
        done = await trio.run_process(command, capture_stdout=True, check=False)
    return done.stdout == b"200"


def basic_after(refusal: bytes) -> Rule:
    return lambda login, _: OK if login == PROVEN else refusal


REFUSALS = {
    "a body": LENGTH + BASIC + b"\r\nbody",
    "no body": LENGTH.replace(b": 4", b": 0") + BASIC + b"\r\n",
    "a body in chunks": b"HTTP/1.1 407 L\r\nTransfer-Encoding: chunked\r\n"
    + BASIC
    + b"\r\n4\r\nbody\r\n0\r\n\r\n",
    "close": LENGTH + BASIC + b"Connection: close\r\n\r\nbody",
    "proxy-connection close": LENGTH + BASIC + b"Proxy-Connection: close\r\n\r\nbody",
    "others before it": LENGTH + b"Proxy-Authenticate: Hawk, Bearer\r\n" + BASIC + b"\r\nbody",
    "large": LENGTH.replace(b": 4", b": 9000") + BASIC + b"\r\n" + b"b" * 9000,
    "a realm that looks like a scheme": LENGTH + b'Proxy-Authenticate: Basic realm="a, NTLM"\r\n\r\nbody',
}


@in_trio
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
async def test_we_get_through_where_curl_does(refusal: bytes) -> None:
    require_programs("curl")
    scripted, failure = await asked(basic_after(refusal))
    assert await curl_gets_through(basic_after(refusal))
    assert failure is None
    assert scripted.logins == [b"", PROVEN]
    stays = b": close" not in refusal
    assert scripted.connections == (1 if stays else 2)


@in_trio
@pytest.mark.parametrize(
    "refusal",
    [
        b"HTTP/1.1 407 Login\r\n" + BASIC + b"\r\nbody without an end",
        LENGTH.replace(b"/1.1", b"/1.0") + BASIC + b"\r\nbody",  # curl asks on, where nobody hears it
        LENGTH.replace(b": 4", b": 99999999") + BASIC + b"\r\nbody",
        b"HTTP/1.1 407 Login\r\nTransfer-Encoding: chunked\r\n" + BASIC + b"\r\nno chunk\r\n",
    ],
    ids=["no framing", "HTTP/1.0", "very large", "broken chunks"],
)
async def test_where_the_body_has_no_good_end_another_connection_is_made(refusal: bytes) -> None:
    scripted, failure = await asked(basic_after(refusal))
    assert (failure, scripted.connections) == (None, 2)


@in_trio
async def test_a_proxy_that_wants_a_login_and_falls_silent_is_a_timeout() -> None:
    async with serving(stays(says(LENGTH + BASIC + b"\r\nbo"))) as port:
        _, failure = await we_ask(port, proxy_timeout=0.3)
    assert failure is not None
    assert failure.reason is Reason.PROXY_TIMEOUT
    assert failure.login == RefusedLogin(LoginFault.SILENT, ("Basic",))
    assert failure.detail == "HTTP 407 Login (offers Basic), and no end of this answer in 0.3 s"


@in_trio
async def test_a_proxy_that_says_nothing_to_a_request_with_a_login_may_be_busy_with_the_request() -> None:
    async with serving(stays(says(LENGTH + BASIC + b"\r\nbody"))) as port:
        _, failure = await we_ask(port, proxy_timeout=0.3)
    assert failure is not None
    assert (failure.reason, failure.login) == (Reason.PROXY_TIMEOUT, None)
    assert "to a request for" in failure.detail


@in_trio
@pytest.mark.parametrize("refusal", ["a body", "close"])
async def test_a_proxy_behind_tls_is_logged_in_at_over_tls(tmp_path: Path, refusal: str) -> None:
    authority = trustme.CA()
    scripted = Scripted(basic_after(REFUSALS[refusal]))
    async with serving(tls_handler(authority, "127.0.0.1", scripted)) as port:
        proxy = Proxy(ProxyScheme.HTTPS, "127.0.0.1", port, LOGIN, ca_file=trusting(authority, tmp_path))
        walk, failure = await walked(proxy)
    assert (failure, scripted.logins) == (None, [b"", PROVEN])
    assert list(walk.phases) == [Phase.PROXY_CONNECT, Phase.PROXY_TLS, Phase.PROXY_HANDSHAKE]


@in_trio
async def test_a_proxy_that_takes_no_second_connection_has_closed() -> None:
    scripted, failure = await asked(basic_after(REFUSALS["close"]), most_connections=1)
    assert failure is not None
    assert failure.phase is Phase.PROXY_HANDSHAKE
    assert failure.reason in (Reason.PROXY_CLOSED, Reason.RESET)  # as fast as this machine is
    assert scripted.logins == [b""]


@in_trio
async def test_a_rejected_login_is_not_tried_again() -> None:
    scripted, failure = await asked(lambda *_: REFUSALS["a body"])
    assert failure is not None
    assert (failure.reason, failure.detail) == (
        Reason.PROXY_AUTH_FAILED,
        "HTTP 407 Login (rejects the login by basic; offers Basic)",
    )
    assert failure.login is not None
    assert failure.login.fault is LoginFault.REJECTED
    assert scripted.logins == [b"", PROVEN]


@in_trio
async def test_with_basic_alone_the_login_goes_at_once_and_once() -> None:
    login = Credentials("svc", Secret("s3cret-word"), auth=AuthScheme.BASIC)
    good, nothing = await asked(basic_after(REFUSALS["a body"]), login)
    bad, failure = await asked(lambda *_: REFUSALS["a body"], login)
    assert (nothing, good.logins, bad.logins) == (None, [PROVEN], [PROVEN])
    assert failure is not None
    assert failure.reason is Reason.PROXY_AUTH_FAILED


@in_trio
@pytest.mark.parametrize("auth", [None, AuthScheme.BASIC])
async def test_a_login_that_is_always_rejected_is_not_sent_with_every_probe(
    monkeypatch: pytest.MonkeyPatch, auth: AuthScheme | None
) -> None:
    scripted = Scripted(lambda *_: REFUSALS["a body"])
    login, logins = Credentials("svc", Secret("s3cret-word"), auth=auth), Logins()
    async with serving(scripted) as port:
        failures = [(await we_ask(port, login, logins=logins))[1] for _ in range(6)]
        sent = scripted.logins.count(PROVEN)
        monkeypatch.setattr("netcheck.probe.proxy.logins._PAUSE", 0.0)
        await we_ask(port, login, logins=logins)
    assert (sent, scripted.logins.count(PROVEN)) == (3, 4)
    assert {each.reason for each in failures if each} == {Reason.PROXY_AUTH_FAILED}
    assert {each.login for each in failures if each} == {RefusedLogin(LoginFault.REJECTED, ("Basic",))}
    assert [
        each is not None
        and "sends this login only every 5 min, as accounts get locked: next in 5 min, and another one after "
        "a reload"
        in each.detail[:200]  # of which so much is shown
        for each in failures
    ] == 3 * [False] + 3 * [True]


@in_trio
async def test_who_the_proxy_is_stays_known_while_a_rejected_login_is_not_sent() -> None:
    scripted = Scripted(lambda *_: LENGTH + BASIC + b"Server: squid/5.7\r\n\r\nbody")
    logins = Logins()
    async with serving(scripted) as port:
        failures = [(await we_ask(port, logins=logins))[1] for _ in range(4)]
    assert scripted.logins.count(PROVEN) == 3
    assert [each.software for each in failures if each] == 4 * ["squid/5.7"]


@in_trio
@pytest.mark.parametrize(
    ("other", "sent"),
    [
        (b"200 OK", 8),
        (b"403 No", 8),
        # they say nothing of a login: three that are rejected, and two between them
        (b"503 Busy\r\nRetry-After: 1", 5),
        (b"429 Too Many Requests", 5),
        (b"302 Found\r\nLocation: http://login.test/", 5),
        (b"511 Network Authentication Required", 5),
    ],
)
async def test_what_tells_that_a_login_is_right_makes_up_for_its_rejections(other: bytes, sent: int) -> None:
    answer = b"HTTP/1.1 " + other + b"\r\nContent-Length: 0\r\n\r\n"
    scripted = Scripted(lambda login, before: answer if login and before % 4 == 3 else REFUSALS["a body"])
    logins = Logins()
    async with serving(scripted) as port:
        for _ in range(8):
            await we_ask(port, logins=logins)
    assert scripted.logins.count(PROVEN) == sent


@in_trio
async def test_a_login_that_was_accepted_a_while_ago_goes_first_to_see_whether_it_still_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Passwords are changed: not all of a round are to go wrong at once."""
    is_right = True

    def rule(login: bytes, _: int) -> bytes:
        return OK if login and is_right else REFUSALS["a body"]

    logins, proxy = Logins(), Slowly(rule, most_connections=100)
    async with serving(proxy) as port:
        await all_at_once(port, ProxyScheme.HTTP, logins, 1)
        is_right = False
        monkeypatch.setattr("netcheck.probe.proxy.logins._FRESH", 0.0)
        ended = await all_at_once(port, ProxyScheme.HTTP, logins, 20)
    assert proxy.logins.count(PROVEN) == 1 + 3
    assert [each.reason for each, _ in ended if each] == 20 * [Reason.PROXY_AUTH_FAILED]


@in_trio
async def test_a_login_that_was_right_is_not_why_those_that_wait_get_no_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy, logins = Proxy(ProxyScheme.HTTP, "p.test", 3128, LOGIN), Logins()
    with logins.turn(proxy, nullcontext, 0.0) as turn:
        await turn.come()
        turn.accepted()
    monkeypatch.setattr("netcheck.probe.proxy.logins._FRESH", 0.0)
    for _ in range(20):
        await logins.turn(proxy, nullcontext, 0.0).come()


@in_trio
@pytest.mark.parametrize("auth", [AuthScheme.DIGEST, AuthScheme.NTLM, AuthScheme.NEGOTIATE])
async def test_what_the_config_forbids_is_never_sent(auth: AuthScheme) -> None:
    login = Credentials("svc", Secret("s3cret-word"), auth=auth)
    scripted, failure = await asked(basic_after(REFUSALS["a body"]), login)
    assert failure is not None
    assert failure.reason is Reason.PROXY_AUTH_UNSUPPORTED
    assert failure.login is not None
    assert (failure.login.fault, failure.login.offered) == (LoginFault.NOT_OFFERED, ("Basic",))
    assert scripted.logins == [b""]


@in_trio
async def test_the_strongest_that_is_offered_is_taken() -> None:
    offer = BASIC + b"Proxy-Authenticate: Digest realm=x, nonce=n, qop=auth\r\nContent-Length: 0\r\n\r\n"
    scripted, failure = await asked(
        lambda login, _: OK if login.startswith(b"Digest") else b"HTTP/1.1 407 L\r\n" + offer
    )
    assert failure is None
    assert b'uri="17.57.145.5:5223"' in scripted.logins[1]


@in_trio
@pytest.mark.parametrize(("stale", "logins"), [(1, 3), (99, 4)])
async def test_a_nonce_that_is_too_old_is_renewed_a_few_times(stale: int, logins: int) -> None:
    def rule(login: bytes, before: int) -> bytes:
        if login and before > stale:
            return OK
        old = b", stale=true" if login else b""
        return LENGTH + b"Proxy-Authenticate: Digest realm=x, nonce=n%d%b\r\n\r\nbody" % (before, old)

    scripted, failure = await asked(rule)
    assert len(scripted.logins) == logins
    assert (failure is None) is (stale == 1)


@in_trio
async def test_a_nonce_is_renewed_by_a_way_that_is_known() -> None:
    beside = b'Proxy-Authenticate: Digest algorithm=SHA-3, nonce="a", stale=true\r\n'

    def rule(_: bytes, before: int) -> bytes:
        known = b'Proxy-Authenticate: Digest realm="r", nonce="n%d", stale=true\r\n' % before
        return OK if before == 2 else LENGTH + beside + known + b"\r\nbody"

    scripted, failure = await asked(rule)
    assert failure is None
    assert [b'nonce="n0"' in scripted.logins[1], b'nonce="n1"' in scripted.logins[2]] == [True, True]


@in_trio
async def test_proxies_without_end_do_not_fill_the_memory_with_their_rejections() -> None:
    logins = Logins()
    proxies = [Proxy(ProxyScheme.HTTP, f"p{n}.test", 3128, LOGIN) for n in range(2000)]
    for proxy in proxies:
        for _ in range(3):
            with logins.turn(proxy, nullcontext, 0.0) as turn:
                turn.rejected(HandshakeError(Reason.PROXY_AUTH_FAILED, "HTTP 407"))
    await logins.turn(proxies[0], nullcontext, 0.0).come()  # forgotten, so it is tried again
    with pytest.raises(PhaseError):
        await logins.turn(proxies[-1], nullcontext, 0.0).come()


def rejecting(answer: bytes, seconds: float, *, resets: bool = False) -> tuple[Handler, list[bytes]]:
    """A SOCKS5 proxy that takes its time to answer a password; and what it was sent."""
    sent: list[bytes] = []

    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some(64)
        await stream.send_all(b"\x05\x02")
        if not (login := bytes(await stream.receive_some(64))):
            return
        sent.append(login)
        await trio.sleep(seconds)
        await stream.send_all(answer)
        if resets:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return handle, sent


async def all_at_once(
    port: int, scheme: ProxyScheme, logins: Logins, count: int, proxy_timeout: float = 5.0
) -> list[tuple[Failure | None, float]]:
    """As many probes as a visit of all hosts begins, over paths that differ in who resolves.

    Of each, what came of it, and how many seconds it took beside those of its handshake.
    """
    ended: list[tuple[Failure | None, float]] = []

    async def one(number: int) -> None:
        modes = list(ResolveMode)
        proxy = Proxy(scheme, "127.0.0.1", port, LOGIN, modes[number % len(modes)])
        began = perf_counter()  # the clock of a walk's phases
        walk, failure = await walked(
            proxy, timeouts=Timeouts(proxy=proxy_timeout), logins=logins, target=TARGET
        )
        ended.append((failure, perf_counter() - began - walk.phases[Phase.PROXY_HANDSHAKE]))

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, number)
    return ended


SLOW = 0.3
"""Seconds that whatever checks passwords takes."""


@in_trio
async def test_a_socks_proxy_that_rejects_a_password_is_sent_it_three_times_by_many_probes_at_once() -> None:
    handler, sent = rejecting(b"\x01\x01", SLOW)
    logins = Logins()
    async with serving(handler) as port:
        ended = await all_at_once(port, ProxyScheme.SOCKS5H, logins, 20)
        ended += await all_at_once(port, ProxyScheme.SOCKS5, logins, 5)
    assert len(sent) == 3
    assert [each.reason for each, _ in ended if each] == 25 * [Reason.PROXY_AUTH_FAILED]


@in_trio
async def test_an_http_proxy_that_rejects_a_password_is_sent_it_three_times_by_many_probes_at_once() -> None:
    rejections = Slowly(lambda *_: REFUSALS["a body"], most_connections=100)
    logins = Logins()
    async with serving(rejections) as port:
        ended = await all_at_once(port, ProxyScheme.HTTP, logins, 20)
    assert rejections.logins.count(PROVEN) == 3
    assert [each.reason for each, _ in ended if each] == 20 * [Reason.PROXY_AUTH_FAILED]


@in_trio
async def test_who_waits_for_the_first_logins_goes_on_as_soon_as_one_is_accepted() -> None:
    accepts = Slowly(basic_after(REFUSALS["a body"]), most_connections=100)
    async with serving(accepts) as port:
        ended = await all_at_once(port, ProxyScheme.HTTP, Logins(), 20)
    assert [failure for failure, _ in ended] == 20 * [None]
    assert accepts.most_at_once > 3, "they went one after another"
    assert max(beside for _, beside in ended) > SLOW / 2, "who waits counts that as the proxy's time"


@in_trio
async def test_a_login_that_is_never_answered_holds_up_others_for_a_while_only() -> None:
    """With HTTP, what is asked for may be why: so some more go, and the rest is given up."""
    proxy, logins = Proxy(ProxyScheme.HTTP, "p.test", 3128, LOGIN), Logins()
    for _ in range(3):
        await logins.turn(proxy, nullcontext, 0.0).come()
    began = trio.current_time()
    for _ in range(3):
        await logins.turn(proxy, nullcontext, SLOW).come()
    assert trio.current_time() - began >= 3 * 0.4 * SLOW
    with pytest.raises(PhaseError) as caught:
        await logins.turn(proxy, nullcontext, 0.0).come()
    assert (caught.value.reason, caught.value.login) == (Reason.PROXY_TIMEOUT, None)
    assert caught.value.detail == "6 requests with the login got no answer, so no more were sent"


@in_trio
async def test_after_its_pause_a_rejected_login_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, logins = Proxy(ProxyScheme.HTTP, "p.test", 3128, LOGIN), Logins()
    for _ in range(3):
        with logins.turn(proxy, nullcontext, 0.0) as turn:
            turn.rejected(HandshakeError(Reason.PROXY_AUTH_FAILED, "HTTP 407"))
    monkeypatch.setattr("netcheck.probe.proxy.logins._PAUSE", 0.0)
    await logins.turn(proxy, nullcontext, 0.0).come()
    with pytest.raises(PhaseError, match="HTTP 407"):
        await logins.turn(proxy, nullcontext, 0.0).come()


@in_trio
async def test_a_socks_proxy_that_answers_no_login_is_sent_three_at_once() -> None:
    handler, sent = rejecting(b"", 60.0)
    async with serving(handler) as port:
        ended = await all_at_once(port, ProxyScheme.SOCKS5H, Logins(), 8, proxy_timeout=SLOW)
    assert len(sent) <= 6, "three, and three more when nobody waits for these any longer"
    silent = (Reason.PROXY_TIMEOUT, RefusedLogin(LoginFault.SILENT))
    assert [(each.reason, each.login) for each, _ in ended if each] == 8 * [silent]


@in_trio
async def test_a_socks_proxy_that_leaves_where_the_login_was_right_has_not_rejected_it() -> None:
    """It may be about to restart."""
    proxy, logins = Proxy(ProxyScheme.SOCKS5H, "p.test", 1080, LOGIN), Logins()
    left = HandshakeError(Reason.PROXY_AUTH_FAILED, "the proxy ended the connection")
    with logins.turn(proxy, nullcontext, 0.0) as turn:
        await turn.come()
        turn.accepted()
    turns = [logins.turn(proxy, nullcontext, 0.0) for _ in range(4)]
    for turn in turns:
        await turn.come()
    for turn in turns:
        turn.rejected(left, in_words=False)
    for _ in range(3):
        turn = logins.turn(proxy, nullcontext, 0.0)
        await turn.come()
        turn.rejected(left, in_words=False)
    with pytest.raises(PhaseError):
        await logins.turn(proxy, nullcontext, 0.0).come()


@in_trio
@pytest.mark.parametrize("resets", [False, True])
async def test_a_socks_proxy_that_leaves_after_the_password_has_rejected_it(resets: bool) -> None:
    handler, sent = rejecting(b"", 0.0, resets=resets)
    async with serving(handler) as port:
        ended = await all_at_once(port, ProxyScheme.SOCKS5H, Logins(), 8)
    assert len(sent) == 3
    assert [each.reason for each, _ in ended if each] == 8 * [Reason.PROXY_AUTH_FAILED]


class Slowly(Scripted):
    """One that takes its time where there is a login to be checked."""

    at_once = most_at_once = 0

    async def _answer(self, stream: trio.SocketStream) -> Answer:
        answer = await super()._answer(stream)
        if self.logins[-1]:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await trio.sleep(SLOW)
            self.at_once -= 1
        return answer


# --- NTLM, against pyspnego's own server


def ntlm_proxy() -> Rule:
    """Knows one account, by the file that pyspnego's server reads."""
    server = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
    refusal = LENGTH + b"Proxy-Authenticate: NTLM%b\r\n\r\nbody"

    def rule(login: bytes, _: int) -> bytes:
        if not login.startswith(b"NTLM "):
            return refusal % b""
        try:
            token = server.step(base64.b64decode(login[5:]))
        except spnego.exceptions.SpnegoError:
            return refusal % b""
        return OK if server.complete else refusal % (b" " + base64.b64encode(token or b""))

    return rule


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "accounts"
    file.write_text("CORP:svc:s3cret-word\n:svc@corp.example:s3cret-word\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(file))


@in_trio
@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("username", "password", "fits"),
    [
        (r"CORP\svc", "s3cret-word", True),
        ("svc@corp.example", "s3cret-word", True),
        (r"CORP\svc", "another-word", False),
        (r"CORP\nobody", "s3cret-word", False),
    ],
)
async def test_ntlm_proves_the_account(username: str, password: str, fits: bool) -> None:
    scripted, failure = await asked(ntlm_proxy(), Credentials(username, Secret(password)))
    assert scripted.connections == 1
    assert [login[:16] for login in scripted.logins] == [b"", *2 * [b"NTLM TlRMTVNTUAA"]]
    assert (failure is None) is fits
    if failure is not None:
        assert failure.detail == "HTTP 407 Login (rejects the login by ntlm; offers NTLM)"


def challenging(token: bytes) -> Rule:
    """Answers the beginning of NTLM with this."""
    begun, then = (LENGTH + b"Proxy-Authenticate: NTLM%b\r\n\r\nbody" % said for said in (b"", b" " + token))
    return lambda login, _: then if login else begun


@in_trio
@pytest.mark.parametrize(
    "token",
    [
        b"####",
        b"TlRMTVNTUAACAAAA",
        base64.b64encode(b"NTLMSSP\0\1\0\0\0" + bytes(36)),
    ],
    ids=["no base64", "cut", "another message"],
)
async def test_an_ntlm_challenge_that_is_none_is_told(token: bytes) -> None:
    _, failure = await asked(challenging(token))
    assert failure is not None
    assert (failure.reason, failure.detail) == (
        Reason.PROXY_AUTH_FAILED,
        "the proxy's NTLM challenge cannot be read; the proxy offers NTLM",
    )


OF_CORP = Credentials(r"CORP\svc", LOGIN.password)


def with_second_answer(change: Callable[[bytes], bytes]) -> Rule:
    """Of NTLM's proxy, changed: the one with its challenge."""
    server = ntlm_proxy()

    def rule(login: bytes, before: int) -> Answer:
        answer = server(login, before)
        return change(answer) if answer and login and answer is not OK else answer

    return rule


def framed(lines: bytes, body: bytes = b"") -> Callable[[bytes], bytes]:
    """In place of the length and the body that it has."""
    return lambda answer: answer.replace(b"Content-Length: 4\r\n", lines)[: -len(b"body")] + body


IN_THE_MIDDLE = {
    "no length": framed(b""),
    "no length, but kept": framed(b"Proxy-Connection: Keep-Alive\r\n"),
    "a length that is none": framed(b"Content-Length: x\r\n"),
    "two lengths": framed(b"Content-Length: 0\r\nContent-Length: 0\r\n"),
    "a large page": framed(b"Content-Length: 70000\r\n", b"p" * 70_000),
    "a large page in chunks": framed(
        b"Transfer-Encoding: chunked\r\n", b"11170\r\n" + b"p" * 70_000 + b"\r\n0\r\n\r\n"
    ),
    "HTTP/1.0": lambda answer: answer.replace(b"/1.1", b"/1.0"),
    "HTTP/1.0 without a length": lambda answer: framed(b"")(answer).replace(b"/1.1", b"/1.0"),
}


@in_trio
@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("change", IN_THE_MIDDLE.values(), ids=IN_THE_MIDDLE.keys())
async def test_in_the_middle_of_ntlm_the_connection_is_used_as_curl_uses_it(
    change: Callable[[bytes], bytes],
) -> None:
    require_programs("curl")
    scripted = Scripted(with_second_answer(change))
    scripted.stays = True
    async with serving(scripted) as port:
        _, failure = await we_ask(port, OF_CORP)
    assert (failure, scripted.connections, len(scripted.logins)) == (None, 1, 3)
    assert await curl_gets_through(with_second_answer(change), OF_CORP, stays=True)


@in_trio
@pytest.mark.usefixtures("account")
async def test_a_bare_offer_beside_the_challenge_rejects_no_login() -> None:
    beside = with_second_answer(
        lambda answer: answer.replace(b"\r\n", b"\r\nProxy-Authenticate: NTLM\r\n", 1)
    )
    _, failure = await asked(beside, OF_CORP)
    assert failure is None


@in_trio
@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        (
            lambda answer: answer.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
            Reason.PROXY_CLOSED,
            "the proxy says that it ends the connection, in the middle of a login that needs it",
        ),
        (
            lambda answer: framed(b"")(answer).replace(b"/1.1", b"/1.0"),
            Reason.PROXY_CLOSED,
            "the proxy ended the connection in the middle of a login that needs it",
        ),
        (
            lambda answer: answer.replace(b"/1.1", b"/1.0"),
            Reason.PROXY_CLOSED,
            "the proxy ended the connection in the middle of a login that needs it",
        ),
        (
            framed(b"Content-Length: 300000\r\n", b"p" * 300_000),
            Reason.PROXY_BAD_REPLY,
            "more than 262144 bytes came, and no end of them",
        ),
    ],
    ids=["close", "1.0 ends", "1.0 with a length ends", "endless page"],
)
async def test_why_ntlm_cannot_go_on_is_told(
    change: Callable[[bytes], bytes], reason: Reason, detail: str
) -> None:
    _, failure = await asked(with_second_answer(change))
    assert failure is not None
    assert (failure.reason, failure.detail) == (reason, detail)


@in_trio
@pytest.mark.usefixtures("account")
async def test_a_page_that_comes_late_and_has_no_end_is_why_ntlm_cannot_go_on() -> None:
    server = with_second_answer(framed(b""))

    def late(login: bytes, before: int) -> Answer:
        answer = server(login, before)
        return b"<html>Log in</html>" + OK if answer is OK else answer

    _, failure = await asked(late, OF_CORP)
    assert failure is not None
    assert (failure.reason, failure.detail) == (
        Reason.PROXY_BAD_REPLY,
        "in the middle of a login that needs its connection, no end of the proxy's answer is told",
    )


# --- libraries that are not there, and servers that hang


@in_trio
@pytest.mark.parametrize(
    ("library", "scheme", "named"), [("spnego", b"NTLM", "pyspnego"), ("gssapi", b"Negotiate", "gssapi")]
)
async def test_what_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, library: str, scheme: bytes, named: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    _, failure = await asked(lambda *_: LENGTH + b"Proxy-Authenticate: " + scheme + b"\r\n\r\nbody")
    assert failure is not None
    assert failure.reason is Reason.PROXY_AUTH_UNSUPPORTED
    assert failure.login is not None
    assert failure.login.fault is LoginFault.NOT_INSTALLED
    assert f"needs {named}, which is not installed" in failure.detail


@in_trio
async def test_a_kerberos_library_without_what_we_need_counts_as_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", types.SimpleNamespace(raw=types.SimpleNamespace()))
    _, failure = await asked(lambda *_: LENGTH + b"Proxy-Authenticate: Negotiate\r\n\r\nbody")
    assert failure is not None
    assert failure.login == RefusedLogin(LoginFault.NOT_INSTALLED, ("Negotiate",))


@in_trio
async def test_without_kerberos_the_next_best_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    refusal = LENGTH + b"Proxy-Authenticate: Negotiate\r\n" + BASIC + b"\r\nbody"
    scripted, failure = await asked(basic_after(refusal))
    assert (failure, scripted.logins) == (None, [b"", PROVEN])


@in_trio
async def test_a_kerberos_server_that_hangs_is_given_up_and_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    needed = ("acquire_cred_from", "acquire_cred_with_password", "store_cred_into")
    hanging = types.SimpleNamespace(
        raw=types.SimpleNamespace(**dict.fromkeys(needed)),
        OID=types.SimpleNamespace(from_int_seq=lambda _: ended.wait(20)),
        exceptions=types.SimpleNamespace(GSSError=ZeroDivisionError),
    )
    monkeypatch.setitem(sys.modules, "gssapi", hanging)
    scripted = Scripted(lambda *_: LENGTH + b"Proxy-Authenticate: Negotiate\r\n\r\nbody")
    try:
        async with serving(scripted) as port:
            _, failure = await we_ask(port, proxy_timeout=0.5)
    finally:
        ended.set()
    assert failure is not None
    assert (failure.reason, scripted.logins) == (Reason.PROXY_AUTH_FAILED, [b""])
    assert failure.login is not None
    assert failure.login.fault is LoginFault.NO_KDC


@pytest.mark.parametrize(
    ("username", "name"),
    [
        ("svc", "svc"),
        (r"CORP\svc", "svc"),
        (r"corp.example\svc", "svc@CORP.EXAMPLE"),
        ("svc@corp.example", "svc@CORP.EXAMPLE"),
        ("svc@CORP", "svc@CORP"),
        ("", ""),
    ],
)
def test_an_account_is_named_as_kerberos_names_it(username: str, name: str) -> None:
    assert principal(username) == name
