"""Files that people name: what is read of them, and what is not a file at all."""

import functools
import os
import stat
from pathlib import Path

import pytest
import trio

from netcheck import files
from netcheck.files import as_file, in_time, read_file, read_if_changed
from tests.hanging import hanging_file
from tests.programs import give_up


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    return path


def test_a_file_is_read_whole(file: Path) -> None:
    assert read_file(file, 10) == b"0123456789"


def test_a_file_that_is_larger_than_it_may_be_is_refused(file: Path) -> None:
    with pytest.raises(OSError, match="larger than 9 bytes"):
        read_file(file, 9)


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(OSError, match="not a regular file"):
        read_file(Path("/dev/zero"), 10)


def test_a_pipe_without_a_writer_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_file(tmp_path / "pipe", 10)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not a regular file"):
        read_file(tmp_path, 10)


def test_a_name_that_no_file_can_have_is_a_missing_file() -> None:
    with pytest.raises(FileNotFoundError):
        read_file(Path("a\0b"), 10)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none", 10)


def test_a_file_is_not_read_again_until_it_changes(file: Path) -> None:
    stamp, _ = read_if_changed(file, 10, None)
    assert read_if_changed(file, 10, stamp) == (stamp, None)


def test_a_file_that_was_replaced_is_read_again(file: Path) -> None:
    stamp, _ = read_if_changed(file, 10, None)
    other = file.with_name("other")
    other.write_bytes(b"9876543210")
    other.replace(file)
    assert read_if_changed(file, 10, stamp)[1] == b"9876543210"


def test_what_says_more_as_time_goes_by_is_no_file() -> None:
    log = Path("/proc/kmsg")
    if not os.access(log, os.R_OK):
        give_up("needs root on Linux, to read the kernel's log")
    with pytest.raises(OSError, match=r"not a regular file|larger than"):
        read_file(log, 1 << 20)


def test_an_endless_file_that_comes_in_small_pieces_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LONGEST_READ", -1.0)
    (tmp_path / "file").write_bytes(b"1")
    with pytest.raises(OSError, match="not read within"):
        read_file(tmp_path / "file", 10)


def test_a_file_that_never_comes_is_abandoned(tmp_path: Path) -> None:
    with hanging_file(tmp_path) as file, pytest.raises(OSError, match="not read within 1 s"):
        trio.run(in_time, functools.partial(read_file, file, 10_000), 1)


@pytest.mark.parametrize("lacks", ["nothing", "memfd", "/proc"])
def test_what_is_written_for_openssl_is_whole_and_then_gone(
    lacks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory = lacks == "nothing"
    if lacks == "memfd":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    elif lacks == "/proc":  # as in a chroot
        monkeypatch.setattr(files, "_DESCRIPTORS", tmp_path / "absent")
    with as_file(b"a key") as name:
        assert Path(name).read_bytes() == b"a key"
        others_may = stat.S_IRWXG | stat.S_IRWXO
        assert in_memory or not Path(name).parent.stat().st_mode & others_may
    assert in_memory or not Path(name).parent.exists()
