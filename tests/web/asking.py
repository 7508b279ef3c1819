"""What clients of the web port do, in a few words."""

import re

import trio

from netcheck.web.port import WebPort
from netcheck.web.server import Request, Response

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
CLOSING_GET = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


async def hello(request: Request) -> Response:
    return Response(200, b"hello\n")


async def connect(where: str) -> trio.SocketStream:
    """To a name of the port's: HOST:PORT or unix:/PATH."""
    if where.startswith("unix:"):
        stream = await trio.open_unix_socket(where.removeprefix("unix:"))
        assert isinstance(stream, trio.SocketStream)
        return stream
    host, _, port = where.rpartition(":")
    return await trio.open_tcp_stream(host.strip("[]"), int(port))


async def ask(where: str, request: bytes = CLOSING_GET) -> bytes:
    """What comes back, to its end."""
    async with await connect(where) as client:
        await client.send_all(request)
        return b"".join([bytes(chunk) async for chunk in client])


def status(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert found, answer
    return int(found[1])


async def answers(port: WebPort) -> list[int]:
    """What each of its doors says."""
    return [status(await ask(name)) for name in port.names]


async def refuses(where: str) -> bool:
    """Whether nobody listens there."""
    try:
        async with await connect(where):
            return False
    except OSError:
        return True
