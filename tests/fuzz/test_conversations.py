"""State machines: a peer that says one thing after the other, and what has to hold whatever it has said."""

import re

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from netcheck.model.paths import Proxy, ProxyScheme
from netcheck.wire.handshake import Handshake, handshake_for
from netcheck.wire.target import Target
from netcheck.wire.transcript import HandshakeError
from tests.fuzz.targets import Client, serve
from tests.wire.conversation import LOGIN, play

_PROXIES_SAY = (
    *(b"\x05\x00", b"\x05\x02", b"\x01\x00", b"\x05\xff", b"\x05\x00\x00\x01" + bytes(6), b"\x05\x05\x00"),
    *(b"\x00\x5a" + bytes(6), b"\x00\x5b", b"\x00", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 407 Login\r\n"),
    *(b"HTTP/1.1 100 Continue\r\n\r\n", b"Proxy-Authenticate: Basic\r\n", b"\r\n", b"\n", b" ", b"\x16\x03"),
)


class _Answers(RuleBasedStateMachine):
    """A proxy answers in pieces; at each moment, all of them at once would have come to the same."""

    scheme: ProxyScheme

    def __init__(self) -> None:
        super().__init__()
        self.connects_anew()

    @precondition(lambda self: not self.is_open())
    @rule()
    def connects_anew(self) -> None:
        self.said: list[bytes] = []
        self.error: HandshakeError | None = None
        self.machine = self.fresh()
        self.machine.start()

    def fresh(self) -> Handshake:
        proxy = Proxy(self.scheme, "proxy.example", 1080, LOGIN)
        return handshake_for(proxy, Target("courier.push.apple.com", 5223))

    def is_open(self) -> bool:
        return self.error is None and not self.machine.connected

    @precondition(is_open)
    @rule(piece=st.sampled_from(_PROXIES_SAY) | st.binary(max_size=4))
    def says_or_leaves(self, piece: bytes) -> None:
        self.said.append(piece)
        try:
            self.machine.receive(piece)
        except HandshakeError as error:
            self.error = error

    @invariant()
    def all_at_once_comes_to_the_same(self) -> None:
        everything = b"".join(self.said)
        end = [b""] if b"" in self.said else []
        whole = play(self.fresh(), [*([everything] if everything else []), *end])
        assert whole.connected == self.machine.connected
        assert whole.spoke == self.machine.spoke
        said = (self.error.reason, self.error.detail) if self.error else (None, "")
        assert (whole.reason, whole.detail) == said

    @invariant()
    def it_is_open_or_connected_or_refused(self) -> None:
        assert not (self.error and self.machine.connected)
        assert b"" not in self.said or self.error
        assert b"".join(self.said).endswith(self.machine.trailing)


class Socks4(_Answers):
    scheme = ProxyScheme.SOCKS4A


class Socks5(_Answers):
    scheme = ProxyScheme.SOCKS5H


class Connect(_Answers):
    scheme = ProxyScheme.HTTP


class Requests(RuleBasedStateMachine):
    """A client of the web port asks one thing after the other, and each is answered, as long as it may."""

    def __init__(self) -> None:
        super().__init__()
        self._begin()

    def _begin(self) -> None:
        self.sent = b""
        self.statuses: list[int] = []
        self.is_over = False

    @precondition(lambda self: self.is_over)
    @rule()
    def connects_anew(self) -> None:
        self.teardown()
        self._begin()

    @precondition(lambda self: not self.is_over)
    @rule(method=st.sampled_from(["GET", "HEAD", "POST", "DELETE"]), close=st.booleans())
    def asks(self, method: str, close: bool) -> None:
        self._sends(f"{method} /a%20b?c=d HTTP/1.1\r\nHost: h\r\n{_closing(close)}\r\n".encode(), 200, close)

    @precondition(lambda self: not self.is_over)
    @rule(body=st.binary(max_size=300), chunked=st.booleans(), close=st.booleans())
    def sends_a_body(self, body: bytes, chunked: bool, close: bool) -> None:
        length = f"Content-Length: {len(body)}\r\n\r\n".encode()
        pieces = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        framed = b"Transfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n" if chunked else length + body
        head = f"POST / HTTP/1.1\r\nHost: h\r\n{_closing(close)}".encode()
        self._sends(head + framed, 200, close)

    @precondition(lambda self: not self.is_over)
    @rule(
        wrong=st.sampled_from(
            [(b"\0", 400), (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505), (b"x" * 20_000, 431)]
        )
    )
    def does_wrong(self, wrong: tuple[bytes, int]) -> None:
        self._sends(*wrong, True)

    def _sends(self, data: bytes, status: int, is_last: bool) -> None:
        self.sent += data
        self.statuses.append(status)
        self.is_over = is_last

    def teardown(self) -> None:
        client = Client(self.sent)
        serve(client)
        assert [int(each) for each in re.findall(rb"HTTP/1\.1 (\d+) ", client.answers)] == self.statuses


def _closing(close: bool) -> str:
    return "Connection: close\r\n" if close else ""


_QUICK = settings(max_examples=40, stateful_step_count=12)
for _machine in (Socks4, Socks5, Connect, Requests):
    _machine.TestCase.settings = _QUICK

TestSocks4, TestSocks5, TestConnect = Socks4.TestCase, Socks5.TestCase, Connect.TestCase
TestRequests = Requests.TestCase
