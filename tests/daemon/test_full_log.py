"""A log whose reader hangs, as a log shipper may: the daemon measures on, and ends when it is told to."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.configs import daemon_config
from tests.daemon.running import DEADLINE, with_default_signals


@pytest.fixture
def full() -> Iterator[tuple[int, int]]:
    """A pipe in which there is no room: where it is read, and where it is written."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def answers(web: Path) -> bool:
    """Whether the daemon says at its socket that it is ready: a round has ended."""
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(DEADLINE)
            sock.connect(str(web))
            sock.sendall(b"GET /-/ready HTTP/1.0\r\n\r\n")
            return sock.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_reader_that_hangs_stops_neither_the_start_nor_the_rounds_nor_the_end(
    tmp_path: Path, full: tuple[int, int], style: str
) -> None:
    _, writing = full
    web = tmp_path / "web"
    file = daemon_config(tmp_path, listen=f"unix:{web}")
    command = [sys.executable, "-m", "netcheck", "run", "--config", str(file), "--log-format", style]
    process = subprocess.Popen(command, stderr=writing, preexec_fn=with_default_signals)
    try:
        until = time.monotonic() + DEADLINE
        while not answers(web):
            assert process.poll() is None
            assert time.monotonic() < until, "no round has ended"
            time.sleep(0.02)  # nobody tells: the log is full
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
