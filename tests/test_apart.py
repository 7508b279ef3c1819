"""Work in a process of its own: it answers, or it is gone when its time or its memory is up."""

import os
from pathlib import Path

import pytest

from netcheck.apart import ApartError, run_apart

DEADLINE = 20.0


def backwards(argument: bytes) -> bytes:
    return argument[::-1]


def for_ever(argument: bytes) -> bytes:
    Path(argument.decode()).write_text(str(os.getpid()))
    while True:
        pass


def greedy(_: bytes) -> bytes:
    return bytes(1 << 40)


def failing(_: bytes) -> bytes:
    raise ValueError("correct horse")


def environment(_: bytes) -> bytes:
    return Path("/proc/self/cmdline").read_bytes()


def test_what_goes_in_comes_out() -> None:
    assert run_apart(backwards, bytes(range(256)) * 2000, DEADLINE) == (bytes(range(256)) * 2000)[::-1]


def test_what_takes_too_long_is_killed(tmp_path: Path) -> None:
    with pytest.raises(ApartError, match="takes longer than 2 s"):
        run_apart(for_ever, str(tmp_path / "pid").encode(), 2)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_what_takes_too_much_memory_is_refused() -> None:
    with pytest.raises(ApartError, match="more than 1024 MiB of memory"):
        run_apart(greedy, b"", DEADLINE)


def test_nothing_of_an_error_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ApartError, match="does not come to an end"):
        run_apart(failing, b"correct horse", DEADLINE)
    assert capfd.readouterr() == ("", "")


def test_what_goes_in_stands_on_no_command_line() -> None:
    assert b"correct horse" not in run_apart(environment, b"correct horse", DEADLINE)
