"""Reading the files of push certificates, and noticing that they change; nothing here looks into them."""

import itertools
import os
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from netcheck import push_certificates
from netcheck.apns import push_certificate
from netcheck.apns.push_certificate import read_in_time
from netcheck.apns.push_certificate_limits import LARGEST
from netcheck.files import Stamp
from netcheck.model.credentials import Secret
from netcheck.model.paths import ProbePath
from netcheck.model.push_certificates import Acceptance, PushCertificate, PushCertificateFile, PushIdentity
from netcheck.push_certificates import ToProve, prove, read_all, threads
from tests.certificates import OTHER_TOPIC, PASSWORD, TOPIC, issued
from tests.records import PROVIDER

GOOD, RENEWED, OTHER = issued(), issued(), issued(OTHER_TOPIC)
DEADLINE = 60.0


@dataclass
class Watched:
    """A file under watch, and what is told of it."""

    path: Path
    told: trio.MemoryReceiveChannel[PushCertificate]

    async def wait(self, holds: Callable[[PushCertificate], bool]) -> PushCertificate:
        """The next that is told and is like this."""
        with trio.fail_after(DEADLINE):
            while True:
                found = await self.told.receive()
                if holds(found):
                    return found

    def replace(self, data: bytes) -> None:
        """As careful programs do: written aside, then put in place."""
        aside = self.path.with_suffix(".new")
        aside.write_bytes(data)
        aside.replace(self.path)


def watching(folder: Path, story: Callable[[Watched], Awaitable[None]], data: bytes | None = None) -> None:
    """Watches a file with this content, or a missing one, while the story is told."""
    path = folder / "mdm.pem"
    if data is not None:
        path.write_bytes(data)
        os.utime(path, (1e9, 1e9))  # old, so that a file system's coarse clock hides no change

    async def main() -> None:
        told, receive = trio.open_memory_channel[PushCertificate](1000)
        files = [PushCertificateFile("mdm", path, TOPIC)]
        with told, receive:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read_all, files, told.send_nowait, threads(), 0.005)
                await story(Watched(path, receive))
                nursery.cancel_scope.cancel()

    trio.run(main)


def read_once(file: PushCertificateFile) -> PushCertificate:
    told: list[PushCertificate] = []
    trio.run(read_all, [file], told.append, threads())
    (only,) = told
    return only


def is_read(found: PushCertificate) -> bool:
    return found.error is None


def test_a_file_is_told_once_as_long_as_it_stays_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = itertools.count(1)
    third, look = threading.Event(), push_certificates._read_if_changed

    def counted(file: PushCertificateFile, before: Stamp | None) -> object:
        if next(looks) == 3:
            third.set()
        return look(file, before)

    async def story(watched: Watched) -> None:
        await watched.wait(is_read)
        assert await trio.to_thread.run_sync(third.wait, DEADLINE)
        with pytest.raises(trio.WouldBlock):
            watched.told.receive_nowait()

    monkeypatch.setattr(push_certificates, "_read_if_changed", counted)
    watching(tmp_path, story, GOOD.pem)


def test_a_file_that_is_replaced_is_read_again(tmp_path: Path) -> None:
    async def story(watched: Watched) -> None:
        before = await watched.wait(is_read)
        watched.replace(RENEWED.pem)
        after = await watched.wait(lambda found: found != before)
        assert (after.topic, after.topic_matches, after.error) == (TOPIC, True, None)

    watching(tmp_path, story, GOOD.pem)


def test_a_renewal_that_changes_the_topic_is_noticed(tmp_path: Path) -> None:
    async def story(watched: Watched) -> None:
        await watched.wait(is_read)
        watched.replace(OTHER.pem)
        found = await watched.wait(lambda found: found.topic_matches is False)
        assert found.topic == OTHER_TOPIC

    watching(tmp_path, story, GOOD.pem)


def test_a_file_written_in_place_with_the_same_size_is_read_again(tmp_path: Path) -> None:
    one, two = GOOD.pem.ljust(2000, b"\n"), OTHER.pem.ljust(2000, b"\n")

    async def story(watched: Watched) -> None:
        await watched.wait(is_read)
        watched.path.write_bytes(two)
        await watched.wait(lambda found: found.topic == OTHER_TOPIC)

    watching(tmp_path, story, one)


def test_a_file_that_is_removed_is_an_error_until_it_is_back(tmp_path: Path) -> None:
    async def story(watched: Watched) -> None:
        await watched.wait(is_read)
        watched.path.unlink()
        gone = await watched.wait(lambda found: not is_read(found))
        assert gone.error == f"{watched.path} cannot be read: No such file or directory"
        watched.replace(GOOD.pem)
        await watched.wait(is_read)

    watching(tmp_path, story, GOOD.pem)


def test_a_file_may_come_late(tmp_path: Path) -> None:
    async def story(watched: Watched) -> None:
        await watched.wait(lambda found: not is_read(found))
        watched.replace(GOOD.pem)
        await watched.wait(is_read)

    watching(tmp_path, story)


def test_a_password_opens_the_file(tmp_path: Path) -> None:
    (tmp_path / "mdm.p12").write_bytes(GOOD.pkcs12(PASSWORD))
    file = PushCertificateFile("mdm", tmp_path / "mdm.p12", TOPIC, Secret(PASSWORD))
    assert read_once(file).topic_matches is True


def test_a_directory_is_no_certificate(tmp_path: Path) -> None:
    assert (
        read_once(PushCertificateFile("mdm", tmp_path)).error
        == f"{tmp_path} cannot be read: not a regular file"
    )


def test_a_pipe_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    error = read_once(PushCertificateFile("mdm", tmp_path / "pipe")).error
    assert error == f"{tmp_path / 'pipe'} cannot be read: not a regular file"


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "mdm.pem").open("wb") as stream:
        stream.truncate(1 << 40)  # sparse: it takes no room
    assert f"larger than {LARGEST} bytes" in (
        read_once(PushCertificateFile("m", tmp_path / "mdm.pem")).error or ""
    )


def test_a_file_that_hangs_is_given_up_and_delays_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    reading = read_in_time

    def stuck(file: PushCertificateFile, data: bytes) -> PushCertificate:
        if file.name == "stuck":
            release.wait(DEADLINE)
        return reading(file, data)

    monkeypatch.setattr(push_certificate, "read_in_time", stuck)
    monkeypatch.setattr(push_certificates, "_LONGEST_READ", 0.2)
    (tmp_path / "mdm.pem").write_bytes(GOOD.pem)
    told: list[PushCertificate] = []
    files = [PushCertificateFile(name, tmp_path / "mdm.pem") for name in ("stuck", "mdm")]
    trio.run(read_all, files, told.append, threads())
    release.set()
    assert [(found.name, found.topic) for found in told] == [("mdm", TOPIC), ("stuck", None)]
    assert "cannot be read: not read within" in (told[1].error or "")


def test_a_bug_of_ours_costs_one_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(file: PushCertificateFile, data: bytes) -> PushCertificate:
        raise ZeroDivisionError

    monkeypatch.setattr(push_certificate, "read_in_time", broken)
    (tmp_path / "mdm.pem").write_bytes(GOOD.pem)
    assert read_once(PushCertificateFile("mdm", tmp_path / "mdm.pem")).error == "internal error: see the log"
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("was_read", [True, False])
def test_where_no_thread_can_be_had_what_was_read_before_stays(
    was_read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    third, looks = trio.Event(), itertools.count(1)

    async def no_thread(*_: object, **__: object) -> None:
        await trio.lowlevel.checkpoint()
        if next(looks) == 3:
            third.set()
        raise RuntimeError("can't start new thread")

    async def story(watched: Watched) -> None:
        if was_read:
            await watched.wait(is_read)
        monkeypatch.setattr(trio.to_thread, "run_sync", no_thread)
        watched.replace(RENEWED.pem)
        with trio.fail_after(DEADLINE):
            await third.wait()
        if was_read:
            assert watched.told.statistics().current_buffer_used == 0
        else:
            found = await watched.wait(lambda _: True)
            assert "raise TasksMax, the pids limit or ulimit -u" in (found.error or "")

    if not was_read:  # so from the first look on
        monkeypatch.setattr(trio.to_thread, "run_sync", no_thread)
    watching(tmp_path, story, GOOD.pem)


def test_a_bug_of_ours_in_reading_costs_one_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(file: PushCertificateFile, data: bytes) -> PushIdentity:
        raise ZeroDivisionError

    async def show(*_: object) -> tuple[Acceptance, str]:
        raise AssertionError("there is nothing to show")

    monkeypatch.setattr(push_certificate, "identity_in_time", broken)
    (tmp_path / "mdm.pem").write_bytes(GOOD.pem)
    asked = ToProve(PushCertificateFile("mdm", tmp_path / "mdm.pem"), PROVIDER, ProbePath("direct"))
    proof = trio.run(prove, asked, threads(), show)
    assert (proof.acceptance, proof.detail) == (Acceptance.UNPROVEN, "internal error: see the log")
    assert "ZeroDivisionError" in caplog.text
