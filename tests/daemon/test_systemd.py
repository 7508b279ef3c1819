"""What systemd hears, on a real socket."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from netcheck.daemon.systemd import Systemd
from tests.configs import daemon_config
from tests.daemon.running import DEADLINE, running
from tests.virtual import virtually


@contextmanager
def notified(address: str) -> Iterator[socket.socket]:
    """A socket as systemd has it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0" + address[1:] if address[0] == "@" else address)
        server.settimeout(DEADLINE)
        yield server


def heard(server: socket.socket) -> list[str]:
    return server.recv(4096).decode().split("\n")


def heard_until(server: socket.socket, wanted: str) -> list[str]:
    """Everything up to the first message that begins so."""
    messages: list[str] = []
    while not any(message.startswith(wanted) for message in messages):
        messages += heard(server)
    return messages


@pytest.mark.parametrize("name", ["{}/notify", "{}/notify@1", "@netcheck-test-{}", "@netcheck@test-{}"])
def test_assignments_arrive_as_lines_of_one_datagram(tmp_path: Path, name: str) -> None:
    address = name.format(tmp_path if name.startswith("{") else os.getpid())
    with notified(address) as server:
        Systemd({"NOTIFY_SOCKET": address}).tell("READY=1", "STATUS=well")
        assert heard(server) == ["READY=1", "STATUS=well"]


def test_a_reload_is_told_with_the_time_of_the_monotonic_clock_in_microseconds(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with notified(address) as server:
        before = time.monotonic_ns() // 1000
        Systemd({"NOTIFY_SOCKET": address}).tell_reloading()
        reloading, when = heard(server)
    assert reloading == "RELOADING=1"
    name, _, number = when.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(number) <= time.monotonic_ns() // 1000


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_where_nobody_listens_nothing_happens(environment: dict[str, str]) -> None:
    Systemd(environment).tell("READY=1")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_this_process_s_own(environment: dict[str, str], seconds: float | None) -> None:
    assert Systemd(environment).watchdog == seconds


def test_the_watchdog_is_fed_twice_as_often_as_asked_for_as_long_as_there_is_life(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")

    async def main() -> None:
        alive = True
        systemd = Systemd({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "10000000"})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(systemd.feed_watchdog, lambda: alive)
            await trio.sleep(12)
            alive = False
            await trio.sleep(100)
            nursery.cancel_scope.cancel()

    with notified(address) as server:
        virtually(main)
        server.setblocking(False)
        assert [heard(server) for _ in range(3)] == [["WATCHDOG=1"]] * 3
        with pytest.raises(BlockingIOError):
            server.recv(1)


def test_a_daemon_says_when_it_is_ready_reloads_lives_and_stops(tmp_path: Path) -> None:
    file = daemon_config(tmp_path)
    address = str(tmp_path / "notify")
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "200000"}
    with notified(address) as server:
        with running(file, environment=environment) as daemon:
            heard_until(server, "READY=1")
            heard_until(server, "WATCHDOG=1")
            heard_until(server, "STATUS=0 of 2 ready; direct device not_ready")
            assert daemon.get("/-/reload", "POST")[0] == 200
            heard_until(server, "RELOADING=1")
            heard_until(server, "READY=1")
        heard_until(server, "STOPPING=1")
