"""The laboratory's proxies close what they connected to, also where the client leaves before it is told."""

from pathlib import Path

import pytest
import trio

from netcheck.lab.proxies import HttpProxy, Login, SocksProxy
from tests.probe.peers import in_trio


async def ask_over_socks(stream: trio.SocketStream, port: int) -> None:
    await stream.send_all(b"\5\1\2")
    assert await stream.receive_some(2) == b"\5\2"
    await stream.send_all(b"\1\1u\1p")
    assert await stream.receive_some(2) == b"\1\0"
    await stream.send_all(b"\5\1\0\1\x7f\0\0\1" + port.to_bytes(2, "big"))


async def ask_over_http(stream: trio.SocketStream, port: int) -> None:
    await stream.send_all(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: site.example\r\n\r\n".encode())


@pytest.mark.parametrize("scheme", ["socks", "http"])
@in_trio
async def test_what_it_connected_to_is_closed_where_the_client_is_gone(scheme: str) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port: int = listener.socket.getsockname()[1]
    proxy = SocksProxy({}, Login("u", "p")) if scheme == "socks" else HttpProxy({}, frozenset({port}), Path())
    ask = ask_over_socks if scheme == "socks" else ask_over_http
    client, served = map(trio.SocketStream, trio.socket.socketpair())

    async def leave_at_once() -> None:
        async with client:
            await ask(client, port)

    async with listener, served, trio.open_nursery() as nursery:
        nursery.start_soon(leave_at_once)
        with pytest.raises(trio.BrokenResourceError):
            await proxy.handle(served)
        async with await listener.accept() as accepted:
            with trio.fail_after(2):
                assert await accepted.receive_some(1) == b""
