"""Reloads: how many there are, and what a file that is no file does to them."""

import os
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from netcheck.config.reading.problems import ConfigError
from netcheck.daemon.reloading import Reloads, read_config, threads
from tests.probe.peers import in_trio


@in_trio
async def test_who_asks_while_a_reload_is_under_way_shares_the_one_after_it() -> None:
    begun, answers = 0, list[str | None]()
    go_on = trio.Event()

    async def reload() -> str | None:
        nonlocal begun
        begun += 1
        number = begun
        await go_on.wait()
        return f"answer {number}"

    async def ask() -> None:
        answers.append(await reloads.ask())

    reloads = Reloads(reload)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reloads.run)
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        for _ in range(50):
            nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        assert begun == 1
        go_on.set()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert answers == ["answer 1", *["answer 2"] * 50]


@in_trio
async def test_a_client_that_leaves_takes_no_other_s_answer_with_it() -> None:
    async def reload() -> str | None:
        await trio.lowlevel.checkpoint()
        return None

    reloads = Reloads(reload)
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0):
            await reloads.ask()
        nursery.start_soon(reloads.run)
        assert await reloads.ask() is None
        nursery.cancel_scope.cancel()


def test_a_file_that_is_never_read_to_its_end_is_given_up(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.yaml"
    os.mkfifo(file)

    async def main() -> None:
        with pytest.raises(ConfigError) as caught:
            await read_config(file, threads())
        assert str(caught.value).startswith(f"{file}:1:1: ")

    trio.run(main, clock=MockClock(rate=100))


def test_a_reload_for_which_no_thread_can_be_had_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_thread(*_: object, **__: object) -> None:
        await trio.lowlevel.checkpoint()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(trio.to_thread, "run_sync", no_thread)
    with pytest.raises(ConfigError) as caught:
        trio.run(read_config, tmp_path / "netcheck.yaml", threads())
    assert "the system lets netcheck start no more threads" in str(caught.value)
