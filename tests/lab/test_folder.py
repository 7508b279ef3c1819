"""The demo's folder: removed with it, and after a demo that was killed by the next one."""

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from netcheck.lab.folder import demo_folder
from netcheck.lab.lab import CONFIG, LabError

_HOLDS_ONE = f"""
import tempfile, sys, time
from netcheck.lab.folder import demo_folder
tempfile.tempdir = sys.argv[1]
with demo_folder() as folder:
    (folder / {CONFIG!r}).touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@contextmanager
def another_demo(parent: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    command = [sys.executable, "-c", _HOLDS_ONE, str(parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_it_is_removed_at_the_end() -> None:
    with demo_folder() as folder:
        (folder / CONFIG).touch()
    assert not folder.exists()


def test_that_of_a_demo_that_was_killed_is_removed_by_the_next(tmp_path: Path) -> None:
    with another_demo(tmp_path) as (process, folder):
        process.kill()
        process.wait()
        assert folder.exists()
        with demo_folder() as ours:
            assert list(tmp_path.iterdir()) == [ours]


def test_that_of_a_demo_that_lives_stays(tmp_path: Path) -> None:
    with another_demo(tmp_path) as (_, folder), demo_folder() as ours:
        assert sorted(tmp_path.iterdir()) == sorted([folder, ours])


def test_what_a_daemon_wrote_into_a_folder_that_was_removed_is_removed_later(tmp_path: Path) -> None:
    leftover = tmp_path / "netcheck-demo-leftover"
    leftover.mkdir()
    (leftover / "netcheck.db").touch()
    os.utime(leftover, (0, 0))
    with demo_folder() as ours:
        assert list(tmp_path.iterdir()) == [ours]


def test_what_only_has_such_a_name_stays(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / CONFIG).touch()
    (tmp_path / "netcheck-demo-link").symlink_to(elsewhere)
    (tmp_path / "netcheck-demo-file").touch()
    (tmp_path / "netcheck-demo-being-made").mkdir()
    before = sorted(tmp_path.iterdir())
    with demo_folder() as ours:
        assert sorted(tmp_path.iterdir()) == sorted([*before, ours])
    assert (elsewhere / CONFIG).exists()


def test_where_nothing_can_be_written_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "absent")])
    with pytest.raises(LabError, match="TMPDIR"), demo_folder():
        pass


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, LabError), (errno.EROFS, LabError), (errno.EBADF, OSError)]
)
@pytest.mark.parametrize("in_group", [True, False])
def test_what_finds_no_room_in_it_is_told_from_a_bug(
    number: int, kind: type[Exception], in_group: bool
) -> None:
    error = OSError(number, os.strerror(number))
    with pytest.raises((ExceptionGroup, OSError, LabError)) as caught, demo_folder():
        raise ExceptionGroup("tasks", [error]) if in_group else error
    found = caught.value.exceptions[0] if isinstance(caught.value, ExceptionGroup) else caught.value
    assert type(found) is kind
