"""The files that protect the web port: read again when they change, and until they can be used."""

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import bcrypt
import pytest
import trio

from netcheck.config.web import Web
from netcheck.web import protection
from netcheck.web.protection import Protected, Protection
from tests.web.pems import pems

DEADLINE = 60.0


def user(name: str) -> str:
    return f"{name}:{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}\n"


@asynccontextmanager
async def watched(web: Web, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Protected]:
    monkeypatch.setattr(protection, "_LOOK_AGAIN", 0.01)
    protected = Protected(protection.read(web))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(protected.watch)
        yield protected
        nursery.cancel_scope.cancel()


async def until_it_is_another(protected: Protected, before: Protection) -> Protection:
    with trio.fail_after(DEADLINE):
        while protected.now is before:  # noqa: ASYNC110 - no event tells
            await trio.sleep(0.01)
    return protected.now


def test_files_that_are_read_too_slowly_once_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    users = tmp_path / "users"
    users.write_text(user("alice"))
    failures = [OSError(errno.ETIMEDOUT, "not read within 10 s")] * 2
    in_earnest = protection.read

    def read(web: Web) -> Protection:
        if failures:
            raise failures.pop()
        return in_earnest(web)

    async def main() -> None:
        async with watched(Web(basic_auth_users_file=users), monkeypatch) as protected:
            before = protected.now
            monkeypatch.setattr(protection, "read", read)
            users.write_text(user("alice") + user("bob"))
            assert set((await until_it_is_another(protected, before)).said.users) == {"alice", "bob"}

    trio.run(main)
    assert caplog.text.count("not read within 10 s") == 1


def test_a_look_that_takes_too_long_is_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    users = tmp_path / "users"
    users.write_text(user("alice"))

    def hangs(_: object) -> protection.Stamps:
        raise OSError(errno.ETIMEDOUT, "not read within 10 s")

    async def main() -> None:
        async with watched(Web(basic_auth_users_file=users), monkeypatch):
            monkeypatch.setattr(protection, "_stamps", hangs)
            with trio.fail_after(DEADLINE):
                while not caplog.messages:  # noqa: ASYNC110 - no event tells
                    await trio.sleep(0.01)

    trio.run(main)
    assert caplog.messages[0].endswith("cannot be used: a file cannot be read: not read within 10 s")


def test_a_file_that_comes_later_than_its_name_is_read_when_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    web = tmp_path / "web.yml"
    web.write_text("{}")
    made = pems(tmp_path)

    async def main() -> None:
        async with watched(Web(config_file=web), monkeypatch) as protected:
            before = protected.now
            web.write_text("tls_server_config: {cert_file: server.crt, key_file: server.key}")
            with trio.fail_after(DEADLINE):
                while "cannot be used" not in caplog.text:  # noqa: ASYNC110 - nor of this
                    await trio.sleep(0.01)
            made.server()
            assert (await until_it_is_another(protected, before)).tls is not None

    trio.run(main)
