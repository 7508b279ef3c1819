"""Who makes room for whom; and that whoever only waits costs nobody an answer."""

import resource
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from netcheck.web.places import Doing, Place, Places
from netcheck.web.port import WebPort
from netcheck.web.server import LIMITS, Request, Response
from tests.probe.peers import in_trio
from tests.web.asking import GET, ask, connect, hello, status
from tests.web.ports import web_port

DOOR = object()


async def taken(places: Places, *clients: str) -> list[Place]:
    """A place for each, a second apart."""
    found = []
    for client in clients:
        place = places.take(client, DOOR)
        assert place is not None
        found.append(place)
        await trio.sleep(1)
    return found


def gone(all_: Sequence[Place]) -> list[int]:
    return [n for n, place in enumerate(all_) if place.scope.cancel_called]


def at_its_own_time(main: object) -> None:
    trio.run(main, clock=MockClock(autojump_threshold=0))  # type: ignore[arg-type]


def test_who_has_waited_longest_makes_room() -> None:
    async def main() -> None:
        places = Places(3, 3, 3)
        first = await taken(places, "a", "a", "a")
        first[0].begins(Doing.READING)  # it said something, and waits anew
        assert places.take("a", DOOR)
        assert gone(first) == [1]
        assert places.take("a", DOOR)
        assert gone(first) == [1, 2]

    at_its_own_time(main)


def test_who_does_not_read_makes_room_after_those_that_say_nothing_and_who_is_answered_never() -> None:
    async def main() -> None:
        places = Places(3, 3, 3)
        all_ = await taken(places, "a", "a", "a")
        for place, doing in zip(all_, (Doing.ANSWERING, Doing.WRITING, Doing.READING), strict=True):
            place.begins(doing)
        all_ += await taken(places, "a")
        all_[-1].begins(Doing.ANSWERING)
        assert gone(all_) == [2]
        all_ += await taken(places, "a")
        all_[-1].begins(Doing.ANSWERING)
        assert gone(all_) == [1, 2]
        assert places.take("a", DOOR) is None

    at_its_own_time(main)


def test_a_client_with_all_its_places_makes_room_for_itself() -> None:
    async def main() -> None:
        places = Places(10, 2, 10)
        all_ = await taken(places, "a", "b", "b", "b")
        assert gone(all_) == [1]

    at_its_own_time(main)


def test_where_all_places_are_taken_the_client_with_most_of_them_makes_room() -> None:
    async def main() -> None:
        places = Places(4, 3, 4)
        all_ = await taken(places, "a", "b", "b", "c", "d")
        assert gone(all_) == [1]

    at_its_own_time(main)


def test_of_many_answers_that_nobody_reads_the_oldest_is_given_up() -> None:
    async def main() -> None:
        places = Places(10, 10, 2)
        all_ = await taken(places, "a", "b", "c", "d")
        for place in all_:
            place.begins(Doing.WRITING, is_endless=place is all_[0])
            await trio.sleep(1)
        assert gone(all_) == [1]

    at_its_own_time(main)


def test_a_place_that_was_left_is_free() -> None:
    async def main() -> None:
        places = Places(1, 1, 1)
        [place] = await taken(places, "a")
        places.leave(place)
        await taken(places, "a")
        assert gone([place]) == []

    at_its_own_time(main)


# With real connections


async def large(request: Request) -> Response:
    return Response(200, bytes(32 * 1024 * 1024) if request.route == "/large" else b"small\n")


async def says_nothing(client: trio.SocketStream) -> None:
    pass


async def stops_in_the_head(client: trio.SocketStream) -> None:
    await client.send_all(b"GET / HTTP/1.1\r\nHost: h\r\nX: ")


async def stops_in_the_body(client: trio.SocketStream) -> None:
    await client.send_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx")


async def does_not_read(client: trio.SocketStream) -> None:
    await client.send_all(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n")


async def asks_and_stays(client: trio.SocketStream) -> None:
    await client.send_all(GET)
    await client.receive_some()


KINDS = [says_nothing, stops_in_the_head, stops_in_the_body, does_not_read, asks_and_stays]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
@in_trio
async def test_however_many_clients_wait_each_new_one_is_answered(kind: object) -> None:
    limits = replace(LIMITS, connections=32, connections_per_client=16)
    async with web_port(large, limits) as port, AsyncExitStack() as stack:
        [name] = port.names
        for n in range(60):
            client = await stack.enter_async_context(await connect(name))
            await kind(client)  # type: ignore[operator]
            if n % 10 == 9:
                assert status(await ask(name)) == 200


@pytest.mark.parametrize(("files", "connections"), [(16, 4), (1024, 8), (resource.RLIM_INFINITY, 8)])
@in_trio
async def test_clients_take_a_quarter_of_the_files_that_may_be_open_at_most(
    files: int, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    async with web_port(hello, replace(LIMITS, connections=8)) as port, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(await connect(port.names[0])) for _ in range(10)]
        for client in clients[:-connections]:
            assert await client.receive_some() == b""
        for client in clients[-connections:]:
            await client.send_all(GET)
            assert status(await client.receive_some()) == 200


@in_trio
async def test_a_client_that_is_answered_goes_on_while_others_come_and_wait() -> None:
    limits = replace(LIMITS, connections=4, connections_per_client=4)
    async with (
        web_port(hello, limits) as port,
        await connect(port.names[0]) as served,
        AsyncExitStack() as stack,
    ):
        for _ in range(20):
            await served.send_all(GET)
            assert status(await served.receive_some()) == 200
            await stack.enter_async_context(await connect(port.names[0]))
            await trio.testing.wait_all_tasks_blocked()


@pytest.mark.parametrize("is_streamed", [False, True])
@in_trio
async def test_who_is_dismissed_before_the_answer_gets_its_beginning_and_is_let_go(is_streamed: bool) -> None:
    async def endless() -> AsyncGenerator[bytes, None]:
        while True:
            yield b"still here\n"
            await trio.sleep(0.01)

    async def dismisses(request: Request) -> Response:
        port.open([])
        return Response(200, b"begun\n", stream=endless if is_streamed else None)

    async with web_port(dismisses) as port, await connect(port.names[0]) as client:
        await client.send_all(GET)
        with trio.fail_after(5):
            answer = b"".join([bytes(chunk) async for chunk in client])
    assert status(answer) == 200
    assert b"Connection: close" in answer
    assert b"begun" in answer
    assert b"still here" not in answer


@in_trio
async def test_who_is_dismissed_when_the_answer_is_on_its_way_gets_no_other_one() -> None:
    async with web_port(large) as port, await connect(port.names[0]) as client:
        await does_not_read(client)
        await trio.testing.wait_all_tasks_blocked(0.05)
        port.open([])
        answer = bytearray()
        await client.send_all(GET)
        with trio.fail_after(10):
            async for chunk in client:
                answer += chunk
    assert len(answer) > 32 * 1024 * 1024
    assert answer.count(b"HTTP/1.1 200") == 1


@in_trio
async def test_where_all_are_being_answered_one_more_is_closed_on_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def endless(request: Request) -> Response:
        await trio.sleep_forever()

    limits = replace(LIMITS, connections=1)
    async with web_port(endless, limits) as port, await connect(port.names[0]) as served:
        await served.send_all(GET)
        await trio.testing.wait_all_tasks_blocked()
        async with await connect(port.names[0]) as other:
            assert await other.receive_some() == b""
    assert "too many requests at once: a connection from 127.0.0.1 is closed" in caplog.text


@pytest.mark.parametrize("families", [("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "127.0.0.1")])
@in_trio
async def test_one_client_cannot_take_the_places_of_another(families: tuple[str, str]) -> None:
    greedy, modest = families
    limits = replace(LIMITS, connections=8, connections_per_client=8)
    async with web_port(hello, limits) as port, AsyncExitStack() as stack:
        other = await stack.enter_async_context(await from_address(modest, port))
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(30):
            await stack.enter_async_context(await from_address(greedy, port))
        await trio.testing.wait_all_tasks_blocked()
        await other.send_all(GET)
        assert status(await other.receive_some()) == 200


async def from_address(source: str, port: WebPort) -> trio.SocketStream:
    sock = trio.socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    await sock.bind((source, 0))
    await sock.connect(("127.0.0.1", int(port.names[0].rpartition(":")[2])))
    return trio.SocketStream(sock)
