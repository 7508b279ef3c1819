"""A loop that stands still ends its process; one that goes on, and one that is over, does not."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.pipes import full_pipe

_BEGIN = "import time, trio; from netcheck.daemon.lifeline import lifeline; line = lifeline(10, 0.05)\n"
STANDS_STILL = """
async def main():
    with line:
        time.sleep(60)
trio.run(main)
"""
HAS_NO_MEMORY = """
import threading
left, clear = [MemoryError(), MemoryError()], threading.Event.clear
def clear_later(event):
    if left:
        raise left.pop()
    clear(event)
threading.Event.clear = clear_later
"""
GOES_ON = """
async def main():
    with line as beat:
        for _ in range(200):
            beat()
            await trio.sleep(0.005)
trio.run(main)
"""
IS_OVER = """
with line as beat:
    beat()
time.sleep(1)
"""


def ended(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _BEGIN + program], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_loop_that_stands_still_ends_its_process_and_tells_where_it_stood() -> None:
    done = ended(STANDS_STILL)
    assert done.returncode == 2
    assert done.stderr.startswith("the event loop stands still: netcheck ends")
    assert 'File "<string>", line 5 in main' in done.stderr


def test_it_watches_on_where_there_was_no_memory_for_a_moment() -> None:
    assert ended(HAS_NO_MEMORY + STANDS_STILL).returncode == 2


@pytest.fixture(params=["full", "closed"])
def pipe_that_nobody_reads(request: pytest.FixtureRequest) -> Iterator[int]:
    with full_pipe() as (reader, writing):
        if request.param == "closed":
            reader.close()
        yield writing


def test_it_ends_where_nobody_reads_its_last_words(pipe_that_nobody_reads: int) -> None:
    """A pipe that is full may be what the loop stands still for: to write a line to it takes for ever."""
    words = [sys.executable, "-c", _BEGIN + STANDS_STILL]
    done = subprocess.run(words, stderr=pipe_that_nobody_reads, timeout=60, check=False)
    assert done.returncode == 2
    assert os.get_blocking(pipe_that_nobody_reads)


@pytest.mark.parametrize("program", [GOES_ON, IS_OVER])
def test_no_other_is_ended(program: str) -> None:
    done = ended(program)
    assert (done.returncode, done.stderr) == (0, "")
