"""Work in a process of its own: it answers, or it is gone when its time or its memory is up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netcheck.apart import ApartError, run_apart

DEADLINE = 60.0


def backwards(argument: bytes) -> bytes:
    return argument[::-1]


def for_ever(argument: bytes) -> bytes:
    Path(argument.decode()).write_text(str(os.getpid()))
    while True:
        pass


def greedy(_: bytes) -> bytes:
    return bytes(1 << 40)


def failing(argument: bytes) -> bytes:
    raise ValueError(argument)


def crashing(_: bytes) -> bytes:
    os.abort()


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


@pytest.mark.parametrize(("name", "says"), [("backwards", "sdrawkcab"), ("greedy", "more than 700 MiB")])
def test_a_lower_limit_that_there_is_already_holds(name: str, says: str) -> None:
    """Root may exceed limits, so it gives that up first."""
    asked = (
        f"from netcheck.apart import ApartError, run_apart; from tests.test_apart import {name}\n"
        f"try: print(run_apart({name}, b'backwards', {DEADLINE}).decode())\n"
        "except ApartError as error: print(error)"
    )
    as_others = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"]
    command = ["prlimit", f"--as={700 << 20}", sys.executable, "-c", asked]
    done = subprocess.run(
        [*(as_others if os.geteuid() == 0 else []), *command], stdout=subprocess.PIPE, text=True
    )
    assert says in done.stdout


def test_what_fails_is_no_excess_but_an_error_of_ours_and_says_where() -> None:
    with pytest.raises(RuntimeError, match=r"in failing\n.*\n(.*\n)?ValueError"):
        run_apart(failing, b"", DEADLINE)


def test_no_word_of_an_error_is_told_or_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError) as raised:
        run_apart(failing, b"correct horse", DEADLINE)
    assert "correct" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_what_crashes_takes_too_much() -> None:
    with pytest.raises(ApartError, match="does not come to an end"):
        run_apart(crashing, b"", DEADLINE)


def test_what_goes_in_stands_on_no_command_line() -> None:
    assert b"correct horse" not in run_apart(environment, b"correct horse", DEADLINE)
