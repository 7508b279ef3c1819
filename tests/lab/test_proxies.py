"""The laboratory's proxies close what they connected to, also where the client leaves before it is told."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from netcheck.lab.proxies import HttpProxy, SocksProxy
from tests.probe.peers import in_trio


class Leaving:
    """A client that has said everything it has to say, and is gone when it is answered for the nth time."""

    def __init__(self, said: bytes, answers: int) -> None:
        self._said = said
        self._answers = answers

    async def receive_some(self, limit: int) -> bytes:
        said, self._said = self._said[:limit], self._said[limit:]
        return said

    async def send_all(self, _: bytes) -> None:
        if not self._answers:
            raise trio.BrokenResourceError
        self._answers -= 1


def over_socks(port: int) -> tuple[SocksProxy, Leaving]:
    asks = b"\5\1\0" + b"\5\1\0\1\x7f\0\0\1" + port.to_bytes(2, "big")
    return SocksProxy({}, None), Leaving(asks, answers=1)


def over_http(port: int) -> tuple[HttpProxy, Leaving]:
    asks = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: site.example\r\n\r\n"
    return HttpProxy({}, frozenset({port}), Path()), Leaving(asks.encode(), answers=0)


@pytest.mark.parametrize("over", [over_socks, over_http])
@in_trio
async def test_what_it_connected_to_is_closed_where_the_client_is_gone(
    over: Callable[[int], tuple[SocksProxy | HttpProxy, Leaving]],
) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    proxy, client = over(listener.socket.getsockname()[1])
    async with listener:
        with pytest.raises(trio.BrokenResourceError):
            await proxy.handle(client)  # type: ignore[arg-type]  # it is all of a stream that a proxy uses
        async with await listener.accept() as accepted:
            with trio.fail_after(2):
                assert await accepted.receive_some(1) == b""
