"""Proxies on loopback: SOCKS 5 with a password, and HTTP with port rules, a password or a decrypting eye.

Both ask the lab's table for names. Bounded: heads, waits, and what is connected to, which is only the lab.
"""

from base64 import b64encode
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import h11
import trio

from netcheck.lab.certificates import Authority

_HEAD = 8192
_READ = 65536
_SECONDS = 10.0
_HTTP = 80
_NO_METHOD, _PASSWORD = 0xFF, 0x02  # RFC 1928 section 3
_OK, _UNREACHABLE, _REFUSED = 0, 4, 5  # RFC 1928 section 6

Zone = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str


@dataclass(slots=True)
class SocksProxy:
    """SOCKS 5 (RFC 1928) with username and password (RFC 1929)."""

    zone: Zone
    login: Login

    async def handle(self, stream: trio.SocketStream) -> None:
        remote = None
        with trio.move_on_after(_SECONDS):
            remote = await self._negotiate(_Reader(stream), stream)
        if remote is not None:
            async with remote:
                await stream.send_all(_reply(_OK))
                await splice(stream, remote)

    async def _negotiate(self, reader: "_Reader", stream: trio.SocketStream) -> trio.SocketStream | None:
        _, count = await reader.exactly(2)
        if _PASSWORD not in await reader.exactly(count):
            await stream.send_all(bytes([5, _NO_METHOD]))
            return None
        await stream.send_all(bytes([5, _PASSWORD]))
        return await self._connect(reader, stream) if await self._logs_in(reader, stream) else None

    async def _logs_in(self, reader: "_Reader", stream: trio.SocketStream) -> bool:
        username = await reader.prefixed(skip=1)
        password = await reader.prefixed()
        is_right = (username, password) == (self.login.username.encode(), self.login.password.encode())
        await stream.send_all(bytes([1, 0 if is_right else 1]))
        return is_right

    async def _connect(self, reader: "_Reader", stream: trio.SocketStream) -> trio.SocketStream | None:
        head = await reader.exactly(4)
        host = await reader.destination(head[3])
        port = int.from_bytes(await reader.exactly(2))
        remote, code = await _dial(self.zone, host, port)
        if remote is None:
            await stream.send_all(_reply(code))
        return remote


@dataclass(slots=True)
class HttpProxy:
    """CONNECT with squid's stock rule, only some ports; and GET. Fields may be changed while it serves."""

    zone: Zone
    allowed_ports: frozenset[int]
    folder: Path
    login: Login | None = None
    inspector: Authority | None = None
    """Issues the certificates with which it decrypts; None lets TLS through."""

    async def handle(self, stream: trio.SocketStream) -> None:
        request = None
        with trio.move_on_after(_SECONDS):
            request = await _request(stream)
        if request is not None:
            await self._serve(stream, request)

    async def _serve(self, stream: trio.SocketStream, request: h11.Request) -> None:
        target = request.target.decode("latin-1")
        if self.login and not _has(request, self.login):
            await stream.send_all(_answer(407, "Proxy Authentication Required", _CHALLENGE))
        elif request.method == b"GET":
            await self._forward(stream, target)
        else:
            await self._connect(stream, target)

    async def _forward(self, stream: trio.SocketStream, url: str) -> None:
        """RFC 9112 section 3.2.2, to port 80 alone."""
        _, host, path = urlsplit(url)[:3]
        if remote := await self._reach(stream, host, _HTTP):
            async with remote:
                await remote.send_all(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                await splice(stream, remote)

    async def _connect(self, stream: trio.SocketStream, target: str) -> None:
        host, _, port = target.rpartition(":")
        if not port.isdecimal() or int(port) not in self.allowed_ports:
            await stream.send_all(_answer(403, "Forbidden", "X-Squid-Error: ERR_ACCESS_DENIED 0\r\n"))
        elif remote := await self._reach(stream, host.strip("[]"), int(port)):
            await self._tunnel(stream, remote)

    async def _reach(self, stream: trio.SocketStream, host: str, port: int) -> trio.SocketStream | None:
        """Where it leads; the client is told where it leads nowhere."""
        remote, code = await _dial(self.zone, host, port)
        if remote is None:
            error = 110 if code == _UNREACHABLE else 111
            header = f"X-Squid-Error: ERR_CONNECT_FAIL {error}\r\n"
            await stream.send_all(_answer(503, "Service Unavailable", header))
        return remote

    async def _tunnel(self, stream: trio.SocketStream, remote: trio.SocketStream) -> None:
        inspector = self.inspector  # which may be taken out meanwhile
        async with remote:
            await stream.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if not inspector:
                await splice(stream, remote)
        if inspector:
            with trio.move_on_after(_SECONDS):
                await self._decrypt(stream, inspector)

    async def _decrypt(self, stream: trio.SocketStream, inspector: Authority) -> None:
        """Shows a certificate of its own; nobody who knows Apple's goes on from there."""
        pair = inspector.issue("*.push.apple.com", "courier.push.apple.com")
        tls = trio.SSLStream(stream, pair.server_context(self.folder), server_side=True)
        await tls.do_handshake()
        while await tls.receive_some(_READ):
            pass


def _reply(code: int) -> bytes:
    """SOCKS 5's, RFC 1928 section 6; what address it connected from is not told."""
    return bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0])


_CHALLENGE = 'Proxy-Authenticate: Basic realm="web proxy of the laboratory"\r\n'


def _answer(status: int, phrase: str, header: str) -> bytes:
    return f"HTTP/1.1 {status} {phrase}\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()


async def _request(stream: trio.SocketStream) -> h11.Request | None:
    """The head of a CONNECT or GET; None where the client sends something else, or leaves."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD)
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return None
        if isinstance(event, h11.Request):
            return event if event.method in (b"CONNECT", b"GET") else None
        if event is not h11.NEED_DATA:
            return None
        connection.receive_data(await stream.receive_some(_HEAD))


def _has(request: h11.Request, login: Login) -> bool:
    token = b64encode(f"{login.username}:{login.password}".encode())
    return dict(request.headers).get(b"proxy-authorization") == b"Basic " + token


async def _dial(zone: Zone, host: str, port: int) -> tuple[trio.SocketStream | None, int]:
    """Connect to a loopback address, or to a name of the zone; the code is SOCKS 5's."""
    address = _address(zone, host)
    if address is None:
        return None, _UNREACHABLE
    with ExitStack() as unless_connected:
        sock = unless_connected.enter_context(trio.socket.socket())
        try:
            with trio.fail_after(2):
                await sock.connect((address, port))
        except trio.TooSlowError:
            return None, _UNREACHABLE
        except OSError:
            return None, _REFUSED
        unless_connected.pop_all()
    return trio.SocketStream(sock), _OK


def _address(zone: Zone, host: str) -> str | None:
    """Only loopback: the lab must reach nothing else, whatever it is asked for."""
    try:
        given = [ip_address(host)]
    except ValueError:
        given = [ip_address(address) for address in zone.get(host.lower(), ())]
    return next((str(each) for each in given if each.is_loopback and each.version == 4), None)


async def splice(left: trio.SocketStream, right: trio.SocketStream) -> None:
    """Carry bytes both ways until one side has ended."""

    async def carry(source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope) -> None:
        try:
            while data := await source.receive_some(_READ):
                await sink.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(carry, left, right, nursery.cancel_scope)
        nursery.start_soon(carry, right, left, nursery.cancel_scope)


class _Reader:
    """Exactly so many bytes of a stream; BrokenResourceError where it ends before."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._received = b""

    async def exactly(self, size: int) -> bytes:
        while len(self._received) < size:
            data = await self._stream.receive_some(_HEAD)
            if not data:
                raise trio.BrokenResourceError
            self._received += data
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    async def prefixed(self, skip: int = 0) -> bytes:
        """What stands behind a byte that says how long it is."""
        await self.exactly(skip)
        return await self.exactly((await self.exactly(1))[0])

    async def destination(self, kind: int) -> str:
        """RFC 1928 section 5, ATYP: 1 is IPv4, 3 a name, 4 IPv6."""
        if kind == 3:
            return (await self.prefixed()).decode("latin-1")
        return str(ip_address(await self.exactly(4 if kind == 1 else 16)))
