"""Switches: what a client meets in each position, and that turning them back brings the server back."""

import trio

from netcheck.lab.switch import Switch
from tests.probe.peers import in_trio


async def greet(stream: trio.SocketStream) -> None:
    await stream.send_all(b"hello")


async def met(switch: Switch) -> str:
    """What a client meets, as a word."""
    with trio.move_on_after(0.5):
        try:
            async with await trio.open_tcp_stream(switch.address, switch.port) as stream:
                return bytes(await stream.receive_some(5)).decode() or "closed"
        except OSError:
            return "refused"
    return "silence"


async def comes_to(switch: Switch, word: str) -> None:
    """Wait until a client meets that; bounded by the test."""
    while await met(switch) != word:
        await trio.lowlevel.checkpoint()


@in_trio
async def test_each_position_is_met_and_the_way_back_works() -> None:
    switch = Switch("127.0.0.1", greet)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(switch.serve)
        await comes_to(switch, "hello")
        switch.refuse()
        await comes_to(switch, "refused")
        switch.swallow()
        await comes_to(switch, "silence")
        switch.open()
        await comes_to(switch, "hello")
        nursery.cancel_scope.cancel()


@in_trio
async def test_a_change_cuts_what_is_open() -> None:
    async def stay(stream: trio.SocketStream) -> None:
        await stream.send_all(b"hello")
        await trio.sleep_forever()

    switch = Switch("127.0.0.1", stay)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(switch.serve)
        await comes_to(switch, "hello")
        async with await trio.open_tcp_stream(switch.address, switch.port) as stream:
            assert await stream.receive_some(5) == b"hello"
            switch.refuse()
            assert await stream.receive_some(5) == b""
        nursery.cancel_scope.cancel()
