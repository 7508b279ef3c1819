"""Bugs of our own, wherever they are: each costs what it breaks, and the daemon and its log go on."""

import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from netcheck.config.file import load
from netcheck.daemon import daemon as daemon_module
from netcheck.daemon.announcing import Announcer
from netcheck.daemon.daemon import Daemon
from netcheck.daemon.systemd import Systemd
from netcheck.export.negotiate import Exporter
from netcheck.facts import Facts, Snapshot
from netcheck.model.failing import Reason
from netcheck.pages import page
from netcheck.state.state import State
from tests.configs import daemon_config
from tests.daemon.running import DEADLINE
from tests.daemon.test_systemd import heard, notified
from tests.web.asking import ask, status


def raises(*_: object, **__: object) -> Any:
    raise RuntimeError("a bug")


def run_meanwhile(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[Daemon, str], Awaitable[None]],
    *,
    follows: bool = False,
) -> None:
    """A daemon in this process, with one service that nobody serves, until that is over."""
    file = daemon_config(folder, listen=f"unix:{folder}/web")

    told: list[str] = []

    async def main() -> None:
        daemon = Daemon(file, load(file), follows=follows)
        monkeypatch.setattr(daemon._systemd, "tell", lambda *told_now: told.extend(told_now))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(daemon.run)
            with trio.fail_after(DEADLINE):
                await until(lambda: "READY=1" in told)
                await meanwhile(daemon, f"unix:{folder}/web")
            signal.raise_signal(signal.SIGTERM)

    trio.run(main)


async def get(where: str, route: str) -> int:
    request = f"GET {route} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    return status(await ask(where, request.encode()))


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - what is waited for is in a daemon that tells nobody
        await trio.sleep(0.01)


@pytest.mark.parametrize(
    ("room", "name", "route"),
    [(page, "render", "/"), (Exporter, "pieces", "/metrics")],
    ids=["page", "metrics"],
)
def test_a_template_or_encoder_that_raises_costs_that_answer(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    room: Any,
    name: str,
    route: str,
) -> None:
    monkeypatch.setattr(room, name, raises)

    async def look(_: Daemon, where: str) -> None:
        assert await get(where, route) == 500
        assert await get(where, "/api/v1/status") == 200

    run_meanwhile(tmp_path, monkeypatch, look)
    (record,) = (each for each in caplog.records if each.exc_info)
    assert record.message == f"GET '{route}' failed"


def test_a_state_that_raises_costs_the_visit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(State, "record", raises)

    async def look(daemon: Daemon, where: str) -> None:
        await until(lambda: daemon._state.own.skipped.get(Reason.INTERNAL_ERROR, 0) > 0)
        assert await get(where, "/-/healthy") == 200

    run_meanwhile(tmp_path, monkeypatch, look)
    assert "internal error in the visit to 127.0.0.1 over direct" in caplog.messages
    assert all(each.exc_info for each in caplog.records if "internal error" in each.message)


def test_an_announcer_that_raises_costs_lines_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Announcer, "look", raises)

    async def look(_: Daemon, where: str) -> None:
        await until(lambda: caplog.messages.count("internal error in announcing") > 1)
        assert await get(where, "/api/v1/status") == 200

    run_meanwhile(tmp_path, monkeypatch, look)


def test_what_a_reload_cannot_load_changes_nothing_and_the_next_one_takes_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look(daemon: Daemon, where: str) -> None:
        wifi = "  wifi: {source_address: 127.0.0.2}\n"
        written = daemon._file.read_text().replace("paths:\n", f"paths:\n{wifi}")
        daemon._file.write_text(f"{written}history: {{file: netcheck.db}}\n")
        before = daemon._config
        with monkeypatch.context() as without:
            without.setitem(sys.modules, "netcheck.history.kept", None)
            assert "restart it" in (await daemon.reload() or "")
        assert daemon._config is before
        assert await daemon.reload() is None
        assert {path.name for path in daemon._state.paths} == {"direct", "wifi"}
        assert await get(where, "/-/healthy") == 200

    run_meanwhile(tmp_path, monkeypatch, look)


def test_a_loop_that_hangs_gives_no_sign_of_life_so_that_systemd_restarts_it(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")

    async def main() -> None:
        systemd = Systemd({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "20000"})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(systemd.feed_watchdog, lambda: True)
            await trio.to_thread.run_sync(heard, server)
            server.setblocking(False)
            _drain(server)
            time.sleep(0.2)  # noqa: ASYNC251 - the hang
            assert _drain(server) == 0
            nursery.cancel_scope.cancel()

    with notified(address) as server:
        trio.run(main)


def _drain(server: Any) -> int:
    """How many messages there were."""
    count = 0
    while True:
        try:
            server.recv(4096)
        except BlockingIOError:
            return count
        count += 1


def test_judging_that_never_ends_costs_that_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    release, over, judge = threading.Event(), threading.Event(), Snapshot.facts
    stuck: list[Snapshot] = []

    def facts(snapshot: Snapshot) -> Facts:
        if stuck:
            return judge(snapshot)
        stuck.append(snapshot)
        release.wait(DEADLINE)
        made = judge(snapshot)
        over.set()
        return made

    async def look(daemon: Daemon, where: str) -> None:
        monkeypatch.setattr(daemon_module, "_LONGEST_JUDGING", 0.1)
        monkeypatch.setattr(Snapshot, "facts", facts)
        daemon._state.version += 1
        await until(lambda: bool(stuck))
        shown = daemon.showing.facts
        daemon._state.version += 1
        await until(lambda: daemon.showing.facts is not shown)
        assert await get(where, "/-/healthy") == 200

    run_meanwhile(tmp_path, monkeypatch, look)
    release.set()
    assert over.wait(DEADLINE)  # else the next test may count what this one judges
    assert "internal error in announcing" in caplog.messages
