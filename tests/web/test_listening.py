"""Where the web port listens: addresses, unix sockets, passed sockets, and what a reload changes."""

import errno
import os
import socket
import stat
from pathlib import Path

import pytest
import trio

from netcheck.config.reading.listen_places import Listen, UnixListen
from netcheck.web.listening import ListenError, open_door
from netcheck.web.server import Request, Response
from tests.ports import free_port
from tests.probe.peers import in_trio
from tests.web.asking import GET, answers, ask, connect, hello, refuses, status
from tests.web.ports import SOMEWHERE, web_port

ANY = Listen("127.0.0.1", 0)


def number(name: str) -> int:
    return int(name.rpartition(":")[2])


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
@in_trio
async def test_every_kind_of_address_is_listened_on(host: str) -> None:
    async with web_port(hello, places=[Listen(host, 0)]) as port:
        [name] = port.names
        local = name.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")
        assert status(await ask(local)) == 200


@in_trio
async def test_several_addresses_and_a_unix_socket_are_served_together(tmp_path: Path) -> None:
    file = tmp_path / "http.sock"
    async with web_port(hello, places=[ANY, Listen("::1", 0), UnixListen(file)]) as port:
        assert await answers(port) == [200, 200, 200]
        assert port.names[2] == f"unix:{file}"
        assert stat.S_IMODE(file.stat().st_mode) == 0o660
    assert not file.exists()


@in_trio
async def test_both_families_can_have_the_same_port() -> None:
    wanted = free_port()
    async with web_port(hello, places=[Listen("0.0.0.0", wanted), Listen("::", wanted)]) as port:
        assert port.names == [f"0.0.0.0:{wanted}", f"[::]:{wanted}"]


# What is in the way


@pytest.mark.parametrize("is_unix", [False, True])
@in_trio
async def test_that_no_more_files_may_be_open_is_said_with_what_to_do(
    is_unix: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def has_none(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", has_none)
    with pytest.raises(ListenError, match="Too many open files; raise LimitNOFILE or ulimit -n"):
        open_door(UnixListen(tmp_path / "http.sock") if is_unix else Listen("127.0.0.1", 0))


@in_trio
async def test_an_address_in_use_is_said_with_what_to_do() -> None:
    async with web_port(hello) as port:
        taken = number(port.names[0])
        with pytest.raises(ListenError) as caught:
            open_door(Listen("127.0.0.1", taken))
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{taken}: Address already in use; "
        "another program listens there: stop it, or choose another port"
    )


@in_trio
async def test_an_address_that_is_not_local_is_said_with_what_to_do() -> None:
    with pytest.raises(ListenError) as caught:
        open_door(Listen("2001:db8::1", 9223))
    assert str(caught.value) == (
        "cannot listen on [2001:db8::1]:9223: Cannot assign requested address; "
        "no interface here has this address: choose one that has, or 0.0.0.0 for all"
    )


@in_trio
async def test_a_port_that_needs_a_permission_is_said_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", denied)
    with pytest.raises(ListenError) as caught:
        open_door(Listen("0.0.0.0", 80))
    assert str(caught.value) == (
        "cannot listen on 0.0.0.0:80: Permission denied; "
        "this user may not use this port: choose one above 1023, or grant CAP_NET_BIND_SERVICE"
    )


@in_trio
async def test_a_socket_that_a_killed_process_has_left_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(file))
        left.listen()
    async with web_port(hello, places=[UnixListen(file)]) as port:
        assert await answers(port) == [200]


@in_trio
async def test_a_socket_that_somebody_listens_on_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(file))
        other.listen()
        with pytest.raises(ListenError, match=r"http\.sock: Address already in use; another program listens"):
            open_door(UnixListen(file))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(file))


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
@in_trio
async def test_what_is_no_socket_is_never_removed(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "precious"
    if kind == "folder":
        file.mkdir()
    elif kind == "link":
        (tmp_path / "target").write_text("precious")
        file.symlink_to("target")
    else:
        file.write_text("precious")
    with pytest.raises(ListenError, match="a file that is no socket has this name"):
        open_door(UnixListen(file))
    assert file.exists()


@in_trio
async def test_a_socket_in_a_folder_that_is_not_there_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="there is no such folder: make it"):
        open_door(UnixListen(tmp_path / "none" / "http.sock"))


@in_trio
async def test_a_socket_that_came_in_place_of_ours_stays(tmp_path: Path) -> None:
    file = tmp_path / "http.sock"
    async with web_port(hello, places=[UnixListen(file)]):
        file.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(file))
    assert file.exists()


# Reloads


@in_trio
async def test_a_place_that_stays_is_not_interrupted() -> None:
    async with web_port(hello) as port, await connect(port.names[0]) as client:
        await client.send_all(GET)
        first = await client.receive_some()
        port.open([*SOMEWHERE, Listen("::1", 0)])
        assert await answers(port) == [200, 200]
        port.open(SOMEWHERE)
        await client.send_all(GET)
        assert status(first) == status(await client.receive_some()) == 200


@in_trio
async def test_a_place_that_goes_takes_no_more_and_its_idle_connections_end() -> None:
    async with web_port(hello) as port, await connect(port.names[0]) as idle:
        [before] = port.names
        port.open([Listen("::1", 0)])
        assert await idle.receive_some() == b""
        assert await refuses(before)
        assert await answers(port) == [200]


@in_trio
async def test_an_answer_under_way_gets_out_through_a_place_that_goes_and_is_the_last() -> None:
    async def slow(request: Request) -> Response:
        asked.set()
        await go_on.wait()
        return await hello(request)

    asked, go_on = trio.Event(), trio.Event()
    async with web_port(slow) as port, await connect(port.names[0]) as client:
        await client.send_all(GET)
        await asked.wait()
        port.open([Listen("::1", 0)])
        go_on.set()
        answer = b"".join([bytes(chunk) async for chunk in client])
    assert status(answer) == 200
    assert b"\r\nConnection: close\r\n" in answer


@in_trio
async def test_a_place_that_is_taken_changes_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Listen("127.0.0.1", other.getsockname()[1])
        async with web_port(hello) as port:
            names = port.names
            with pytest.raises(ListenError, match=f"cannot listen on {taken}: "):
                port.open([Listen("::1", 0), taken])
            assert port.names == names
            assert await answers(port) == [200]


@in_trio
async def test_one_address_can_become_all_of_them_on_the_same_port_and_back() -> None:
    wanted = free_port()
    async with web_port(hello, places=[Listen("127.0.0.1", wanted)]) as port:
        port.open([Listen("0.0.0.0", wanted)])
        assert port.names == [f"0.0.0.0:{wanted}"]
        assert status(await ask(f"127.0.0.1:{wanted}")) == 200
        port.open([Listen("127.0.0.1", wanted)])
        assert port.names == [f"127.0.0.1:{wanted}"]
        assert await answers(port) == [200]


@in_trio
async def test_what_went_out_of_the_way_comes_back_where_something_else_is_taken() -> None:
    wanted = free_port()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Listen("127.0.0.1", other.getsockname()[1])
        async with web_port(hello, places=[Listen("127.0.0.1", wanted)]) as port:
            with pytest.raises(ListenError, match=str(taken)):
                port.open([Listen("0.0.0.0", wanted), taken])
            assert port.names == [f"127.0.0.1:{wanted}"]
            assert await answers(port) == [200]


@in_trio
async def test_what_went_out_of_the_way_comes_back_once_however_many_were_to_take_its_place() -> None:
    wanted = free_port()
    before = [Listen("0.0.0.0", wanted)]
    async with web_port(hello, places=before) as port:
        with socket.create_server(("::1", wanted), family=socket.AF_INET6):
            with pytest.raises(ListenError, match="another program listens there"):
                port.open([Listen("127.0.0.1", wanted), Listen("::1", wanted)])
            port.open(before)
        assert port.names == [f"0.0.0.0:{wanted}"]
        port.open([Listen("127.0.0.1", wanted)])
        assert port.names == [f"127.0.0.1:{wanted}"]


# Its end


@in_trio
async def test_closing_lets_the_answers_under_way_out_and_ends_the_idle() -> None:
    async def slow(request: Request) -> Response:
        asked.set()
        await trio.sleep(0.1)
        return await hello(request)

    asked = trio.Event()
    async with (
        web_port(slow) as port,
        await connect(port.names[0]) as busy,
        await connect(port.names[0]) as idle,
    ):
        [name] = port.names
        await busy.send_all(GET)
        await asked.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(port.close)
            answer = b"".join([bytes(chunk) async for chunk in busy])
            assert await idle.receive_some() == b""
            await busy.aclose()
        assert status(answer) == 200
        assert await refuses(name)


@in_trio
async def test_who_comes_just_when_a_door_is_closed_disturbs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def finds_it_closed(_: object) -> trio.SocketStream:
        raise trio.ClosedResourceError

    async with web_port(hello) as port:
        with monkeypatch.context() as patched:
            patched.setattr(trio.SocketListener, "accept", finds_it_closed)
            port.open([Listen("127.0.0.2", 0)])
            await trio.testing.wait_all_tasks_blocked()
        port.open(SOMEWHERE)
        assert await answers(port) == [200]


@in_trio
async def test_closing_waits_for_no_answer_without_end() -> None:
    async def endless(request: Request) -> Response:
        asked.set()
        await trio.sleep_forever()

    asked = trio.Event()
    async with web_port(endless) as port, await connect(port.names[0]) as client:
        await client.send_all(GET)
        await asked.wait()
        with trio.fail_after(2):
            await port.close()


# Sockets that were passed


@in_trio
async def test_sockets_that_were_passed_are_served_in_place_of_all_others(tmp_path: Path) -> None:
    file = tmp_path / "passed.sock"
    inet, unix = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)
    unix.bind(str(file))
    unix.listen()
    async with web_port(hello, places=[]) as port:
        port.take_over([("a", inet), ("b", unix)])
        port.open(SOMEWHERE)
        assert len(port.names) == 2
        assert await answers(port) == [200, 200]
        assert not os.get_inheritable(inet.fileno())
    assert file.exists()  # it is not ours


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
@in_trio
async def test_a_passed_socket_that_does_not_listen_is_refused(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as sock:
        async with web_port(hello, places=[]) as port:
            with pytest.raises(
                ListenError, match=r"as http, descriptor \d+, does not listen for connections"
            ):
                port.take_over([("http", sock)])
