"""Reloads: how many there are, and what a file that is no file does to them."""

import errno
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from netcheck.config.file import default
from netcheck.config.reading.problems import ConfigError
from netcheck.daemon import daemon as daemon_module
from netcheck.daemon import reloading
from netcheck.daemon.daemon import Daemon
from netcheck.daemon.reloading import Files, Reloads, follow, read_config, threads, try_again
from netcheck.files import Stamp
from tests.calls import Counted
from tests.daemon.test_bugs import run_meanwhile, until
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
            await read_config(file, threads(), default())
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
        trio.run(read_config, tmp_path / "netcheck.yaml", threads(), default())
    assert "the system lets netcheck start no more threads" in str(caught.value)


@pytest.mark.parametrize(
    ("config", "module"),
    [
        ("history: {file: netcheck.db}", "netcheck.history.kept"),
        ("push_certificates: {mdm: mdm.pem}", "netcheck.apns.push_certificate"),
    ],
)
def test_what_a_config_is_the_first_to_need_is_loaded_before_anything_of_it_is_taken(
    config: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade under a running daemon takes its files away, or puts others in their place."""
    file = tmp_path / "netcheck.yaml"
    file.write_text(config)
    (tmp_path / "mdm.pem").touch(mode=0o600)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError) as caught:
        trio.run(read_config, file, threads(), default())
    assert "own files were replaced or removed since it started: restart it" in str(caught.value)
    monkeypatch.delitem(sys.modules, module)
    trio.run(read_config, file, threads(), default())
    assert module in sys.modules


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EMFILE, "cannot be read: Too many open files"),
        (errno.ETIMEDOUT, f"was {os.strerror(errno.ETIMEDOUT)}"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_from_one_that_takes_too_long(
    number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Path) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(reloading, "to_run", fails)
    with pytest.raises(ConfigError) as caught:
        trio.run(read_config, tmp_path / "netcheck.yaml", threads(), default())
    assert str(caught.value).endswith(f": the config, or a file that it names, {said}")


def test_a_file_without_a_byte_is_refused_where_the_config_before_said_something(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_text("paths: {proxy: {proxy: 'http://127.0.0.1:3128'}}\n")
    before = trio.run(read_config, file, threads(), default())
    file.write_text("")
    with pytest.raises(ConfigError) as caught:
        trio.run(read_config, file, threads(), before)
    assert str(caught.value) == f"{file}:1:1: the file is empty: write {{}} if all defaults are meant"
    assert trio.run(read_config, file, threads(), default()) == default()  # it was empty at the start, too
    file.write_text("{}")
    assert trio.run(read_config, file, threads(), before) == default()


FILE, PASSWORD = Path("netcheck.yaml"), Path("password")
A, B, C = (Stamp(device=1, inode=inode, size=9, modified=0, changed=0) for inode in range(3))
GONE = None


@pytest.mark.parametrize(
    ("looks", "reloads_after"),
    [
        ([A, A, A], []),
        ([A, B, B, B], [3]),  # the same at two looks, and only once
        ([B, C, A, B, C], []),  # somebody is at it
        ([B, C, C], [3]),
        ([GONE, GONE, A, A], []),
        ([GONE, B, GONE, B, B], [5]),
        ([B, B, A, A], [2, 4]),
    ],
)
@in_trio
async def test_a_file_that_is_followed_is_read_again_once_it_stays_another(
    monkeypatch: pytest.MonkeyPatch, looks: list[Stamp | None], reloads_after: list[int]
) -> None:
    done, reloads = 0, list[int]()

    def look(_: Path) -> Stamp:
        nonlocal done
        found = looks[done]
        done += 1
        if found is None:
            raise FileNotFoundError
        return found

    async def reload() -> None:
        await trio.lowlevel.checkpoint()
        reloads.append(done)

    await followed(monkeypatch, look, {FILE: A}, reload, looks=len(looks))
    assert reloads == reloads_after


async def followed(
    monkeypatch: pytest.MonkeyPatch,
    look: Callable[[Path], Stamp],
    taken: Files | Callable[[], Files],
    reload: Callable[[], Awaitable[object]],
    looks: int,
) -> None:
    """For so many looks."""
    monkeypatch.setattr(reloading, "stamp_of", look)
    with trio.CancelScope() as scope:
        left = looks

        async def sleep(_: float) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                scope.cancel()
            await trio.lowlevel.checkpoint()

        monkeypatch.setattr(trio, "sleep", sleep)
        await follow(taken if callable(taken) else lambda: taken, threads(), reload, every=1)


@in_trio
async def test_a_password_that_changes_is_taken_in_as_the_config_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reloads = 0

    async def reload() -> None:
        nonlocal reloads
        await trio.lowlevel.checkpoint()
        reloads += 1

    await followed(
        monkeypatch, lambda file: B if file == PASSWORD else A, {FILE: A, PASSWORD: A}, reload, looks=5
    )
    assert reloads == 1


@in_trio
async def test_what_another_reload_has_taken_is_not_reloaded_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, after = {FILE: A}, {FILE: B}
    looks = 0

    def look(_: Path) -> Stamp:
        nonlocal looks
        looks += 1
        return A if looks < 3 else B

    async def reload() -> None:
        pytest.fail("it was")

    await followed(monkeypatch, look, lambda: before if looks < 4 else after, reload, looks=9)


@in_trio
async def test_a_bug_in_looking_at_the_files_costs_one_look(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks, reloads = 0, list[int]()

    def look(_: Path) -> Stamp:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise RuntimeError("a bug")
        return B

    async def reload() -> None:
        await trio.lowlevel.checkpoint()
        reloads.append(looks)

    await followed(monkeypatch, look, {FILE: A}, reload, looks=4)
    assert reloads == [3]
    assert caplog.text.count("internal error") == 1


def test_a_config_that_was_refused_is_tried_again_until_it_is_taken() -> None:
    answers = ["no password yet", "no password yet", None]
    refused = False

    async def reload() -> None:
        nonlocal refused
        await trio.lowlevel.checkpoint()
        refused = answers.pop(0) is not None

    async def main() -> None:
        nonlocal refused
        with trio.move_on_after(1000):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(try_again, lambda: refused, reload, 30)
                await trio.sleep(100)
                assert len(answers) == 3  # none was refused
                refused = True
                await trio.sleep_forever()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert (answers, refused) == ([], False)


def test_a_daemon_that_follows_tells_once_why_it_refuses_and_takes_what_was_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(daemon_module, "_TRY_AGAIN", 0.05)
    tries = Counted(monkeypatch, daemon_module, "read_config")

    async def meanwhile(daemon: Daemon, _: str) -> None:
        proxied = "  web: {proxy: 'http://127.0.0.1:1', username: svc, password_file: password}\n"
        daemon._file.write_text(daemon._file.read_text().replace("paths:\n", f"paths:\n{proxied}"))
        refused = await daemon.reload()
        assert refused
        assert "password_file: the file cannot be read: No such file or directory" in refused
        await until(lambda: tries.runs > 3)
        assert await daemon.reload() == refused  # who asks is told again
        told = [each.levelname for each in caplog.records if each.message.startswith("reload refused")]
        assert told.count("ERROR") == 2
        (tmp_path / "password").write_text("secret")
        await until(lambda: {path.name for path in daemon._state.paths} == {"direct", "web"})

    run_meanwhile(tmp_path, monkeypatch, meanwhile, follows=True)
