"""What the tests measure others by: it must not wait for ever itself."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests import own_time
from tests.own_time import ended_within

_MANY_AT_WORK = """
import hashlib, os, threading
data = bytes(10_000_000)

def work():
    while True:
        hashlib.sha256(data)  # which lets the others go on

for _ in range(4 * os.cpu_count()):
    threading.Thread(target=work).start()
"""


@contextmanager
def process(program: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", program], text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def test_who_sleeps_takes_its_own_time() -> None:
    sleeping = process("import time; time.sleep(600)")  # killed long before
    with sleeping as sleeper, pytest.raises(AssertionError, match="of its own"):
        ended_within(sleeper, 0.2)


def test_threads_that_keep_each_other_waiting_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_time, "_LONGEST", 1.0)
    with process(_MANY_AT_WORK) as busy, pytest.raises(AssertionError, match="still there"):
        ended_within(busy, 60.0)


def test_who_ends_gives_its_exit_code() -> None:
    with process("raise SystemExit(3)") as ending:
        assert ended_within(ending, 60.0) == 3
