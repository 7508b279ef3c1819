"""One function for each parser of what peers send and files hold: it takes any bytes.

Declared errors are fine; whatever else comes out, or takes long, is a bug. Hypothesis and libFuzzer feed the
same functions.
"""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

import dns.name
import trio

from netcheck.apns import bag, issuers, trust
from netcheck.config.file import load
from netcheck.config.reading.problems import ConfigError
from netcheck.config.web_file import read_users, read_web_config
from netcheck.model.failing import PhaseError
from netcheck.model.paths import Proxy, ProxyScheme, RecordType, Transport
from netcheck.model.results import Trust
from netcheck.probe.resolve.dns_message import MOST_ADDRESSES, Question
from netcheck.probe.tls import certificates_in
from netcheck.web.places import Places
from netcheck.web.server import LIMITS, Connection, Request, Response
from netcheck.wire.handshake import handshake_for
from netcheck.wire.http2 import Http2
from netcheck.wire.http_get import HttpGet
from netcheck.wire.target import Target
from netcheck.wire.transcript import HandshakeError
from tests.wire.conversation import LOGIN, outcome_of, single_bytes

_COURIER = "1-courier.push.apple.com"
_SECRETS = (b"tb-username", b"tb-passphrase")


def socks4(data: bytes) -> None:
    """The first byte says whether there is a login; so with every handshake."""
    _handshake(ProxyScheme.SOCKS4A, data)


def socks5(data: bytes) -> None:
    _handshake(ProxyScheme.SOCKS5H, data)


def connect(data: bytes) -> None:
    _handshake(ProxyScheme.HTTP, data)


def _handshake(scheme: ProxyScheme, data: bytes) -> None:
    """The same comes of an answer at once and byte by byte: a tunnel or a reason, and no secret."""
    login = LOGIN if data[:1] > b"\xdf" else None  # masking takes long
    proxy, target = Proxy(scheme, "proxy.example", 1080, login), Target(_COURIER, 5223)
    came = outcome_of(lambda: handshake_for(proxy, target), data[1:], eof=True)
    assert came.connected == (came.reason is None)
    assert came.spoke or not came.connected
    shown = came.detail.encode() + came.evidence
    assert login is None or not any(secret in shown for secret in _SECRETS)


def http_get(data: bytes) -> None:
    """An answer at once and byte by byte."""
    assert _got([data]) == _got(single_bytes(data))


def _got(pieces: list[bytes]) -> tuple[int, bytes] | None:
    getting = HttpGet("init.push.apple.com", 80, "/bag", bag.MAX_SIZE)
    try:
        for piece in [*pieces, b""]:
            if piece or not getting.done:
                getting.receive(piece)
    except PhaseError:
        return None
    assert getting.done
    assert len(getting.body) <= bag.MAX_SIZE
    return getting.status, getting.body


def http2(data: bytes) -> None:
    session = Http2("api.push.apple.com", request=True)
    session.start()
    with suppress(HandshakeError):
        session.receive(data)
        if not session.done:
            session.receive(b"")


def dns_answer(data: bytes) -> None:
    """A reply, from behind its id on; the first byte says over what, and for which type."""
    choice, wire = data[:1] or b"\0", data[1:]
    rdtype = RecordType.AAAA if choice[0] & 1 else RecordType.A
    transport = Transport.TCP if choice[0] & 2 else Transport.UDP
    question = Question(dns.name.from_text(_COURIER), rdtype, edns=bool(choice[0] & 4))
    with suppress(PhaseError):
        answer = question.answer(question.wire[:2] + wire, transport)
        assert answer is None or len(answer.addresses) <= MOST_ADDRESSES


def property_list(data: bytes) -> None:
    with suppress(bag.BagError):
        read = bag.parse(data)
        assert 1 <= read.courier_count <= bag.MAX_COUNT
        assert 0 < read.expiry <= bag.MAX_EXPIRY


def certificate(data: bytes) -> None:
    """A Certificate message of TLS 1.2; nobody vouches for what is in it, and all of it can be printed."""
    presented = certificates_in(data, 0x0303)
    certificates_in(data, 0x0304)
    found = trust.examine(presented, _COURIER, _anchors(), 1.8e9)
    info = found.info
    assert info.trust is Trust.OTHER or found.reason is None or found.detail
    assert all(text.isprintable() for text in (found.detail, info.issuer, info.subject, *info.names))


@cache
def _anchors() -> issuers.Anchors:
    return trust.apple_anchors(issuers.store(issuers.in_pem(trust.PUBLIC_AUTHORITIES.read_bytes())))


def config_file(data: bytes) -> None:
    """All faults have a place, and a line each."""
    file = _folder() / "netcheck.yaml"
    file.write_bytes(data)
    if (refused := _refusal(file)) is not None:
        assert refused.problems
        assert all(each.line >= 1 and each.column >= 1 for each in refused.problems)
        assert len(str(refused).splitlines()) == min(len(refused.problems), 21)


def _refusal(file: Path) -> ConfigError | None:
    try:
        load(file)
    except ConfigError as error:
        return error
    return None


def web_config(data: bytes) -> None:
    """A web config as Prometheus's exporters have it, and a file of users."""
    file = _folder() / "web.yaml"
    file.write_bytes(data)
    for reader in (read_web_config, read_users):
        with suppress(ConfigError):
            reader(file)


@cache
def _folder() -> Path:
    """In memory where there is such a place: a million writes are many for a disk."""
    shared = Path("/dev/shm")
    folder = tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None)
    _kept.append(folder)
    return Path(folder.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []


def web_requests(data: bytes) -> None:
    """What a client sends to the web port: answered or closed on, and no answer is a fault of ours."""
    client = Client(data)
    serve(client)
    assert not client.answers or client.answers.startswith(b"HTTP/1.1 ")
    assert b"HTTP/1.1 500" not in client.answers


def serve(client: "Client") -> None:
    """One connection to the web port, from its beginning to its end."""
    trio.run(_serve, client)


async def _serve(client: "Client") -> None:
    place = Places(1, 1, 1).take("192.0.2.1", None)
    assert place is not None
    with trio.fail_after(5.0):
        await Connection(client, _answer, LIMITS, place).run()


async def _answer(request: Request) -> Response:
    return Response(200, repr((request, request.headers)).encode())


class Client:
    """Sends what it has to say, as much at a time as is wanted, and then its end; keeps the answers."""

    def __init__(self, sends: bytes) -> None:
        self._sends = sends
        self.answers = bytearray()

    async def receive_some(self, limit: int, /) -> bytes:
        assert limit > 0
        piece, self._sends = self._sends[:limit], self._sends[limit:]
        return piece

    async def send_all(self, data: bytes, /) -> None:
        self.answers += data

    async def send_eof(self) -> None:
        return


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (
        socks4,
        socks5,
        connect,
        http_get,
        http2,
        dns_answer,
        property_list,
        certificate,
        config_file,
        web_config,
        web_requests,
    )
}
