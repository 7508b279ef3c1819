"""A daemon as a process of its own, and what a test asks of it."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.own_time import ended_within

DEADLINE = 60.0
"""Seconds for what takes far less, on a busy machine too."""


@dataclass
class Running:
    """A daemon under test."""

    process: subprocess.Popen[str]
    file: Path
    log: Path
    address: str = ""

    def get(self, route: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(f"http://{self.address}{route}", method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def value(self, name: str, /, **labels: str) -> float | None:
        """The sample with these labels, or None where there is none."""
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return sample.value
        return None

    def logged(self) -> str:
        return self.log.read_text()

    def wait(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not holds():
            assert self.process.poll() is None, self.logged()
            assert time.monotonic() < deadline, f"waited in vain for: {what}\n{self.logged()}"
            time.sleep(0.02)

    def ended_within(self, seconds: float) -> int:
        """Its exit code; see `own_time`."""
        return ended_within(self.process, seconds)


def with_default_signals() -> None:
    """For a child of a process that ignores SIGINT, as a shell's background jobs do: it would, too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def running(
    file: Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], None] = with_default_signals,
    under: Sequence[str] = (),
) -> Iterator[Running]:
    """A daemon on this config, from when it listens.

    `before` runs in its process, before it is netcheck; `under` is a command that starts it and looks on.
    """
    log = file.with_name("log")
    with log.open("w") as stderr:
        command = [*under, sys.executable, "-m", "netcheck", "run", "--config", str(file), *options]
        process = subprocess.Popen(
            command,
            stderr=stderr,
            text=True,
            env={**os.environ, **(environment or {})},
            preexec_fn=before,
        )
    daemon = Running(process, file, log)
    try:
        daemon.wait("listening", lambda: "listens on" in daemon.logged())
        found = re.search(r"listens on ([0-9.:]+)", daemon.logged())
        assert found
        daemon.address = found[1]
        yield daemon
    finally:
        process.terminate()
        process.wait(DEADLINE)
