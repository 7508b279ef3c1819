"""A log whose reader hangs, as a log shipper may: the daemon measures on, and ends when it is told to."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.configs import daemon_config
from tests.daemon.running import DEADLINE, with_default_signals
from tests.pipes import full_pipe


@pytest.fixture
def full() -> Iterator[int]:
    """Where a pipe is written in which there is no room."""
    with full_pipe() as (_, writing):
        yield writing


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
    tmp_path: Path, full: int, style: str
) -> None:
    web = tmp_path / "web"
    file = daemon_config(tmp_path, listen=f"unix:{web}")
    command = [sys.executable, "-m", "netcheck", "run", "--config", str(file), "--log-format", style]
    process = subprocess.Popen(command, stderr=full, preexec_fn=with_default_signals)
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
