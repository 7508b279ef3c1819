"""The real daemon as a child process, and what it says of itself over HTTP."""

import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import trio

from netcheck.lab.child import child
from netcheck.lab.scenarios import Expected

_LOOK_EVERY = 0.25
_ANSWER_SECONDS = 5.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever proxies the shell names
_EXPIRES_SOON = 7 * 86400.0


Status = dict[str, Any]
"""The JSON of the status API, as `export.report` makes it."""


class DaemonError(Exception):
    """The daemon did not start, or has ended; the message says what it said."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """Asks one daemon, at `url`, what it says."""

    url: str
    process: trio.Process
    log: Path

    async def until_answering(self) -> None:
        """Raises DaemonError where it ends instead."""
        await self._until(lambda _: True)

    async def until_all_ready(self) -> None:
        await self._until(lambda status: bool(status["ready"]))

    async def until_said(self, expected: Expected) -> None:
        await self._until(lambda status: _says(status, expected))

    async def until_certificate_runs_out(self, *, soon: bool) -> None:
        """Until the push certificate that it knows has less than a week left, or more."""
        await self._until(lambda status: _runs_out(status) is soon)

    async def _until(self, holds: Callable[[Status], bool]) -> None:
        while True:
            status = await trio.to_thread.run_sync(
                _fetch, f"{self.url}/api/v1/status", abandon_on_cancel=True
            )
            if status is not None and holds(status):
                return
            if self.process.poll() is not None:
                raise DaemonError(f"netcheck has ended: {self.log.read_text(errors='replace')[-2000:]}")
            await trio.sleep(_LOOK_EVERY)

    def reload(self) -> None:
        """As an administrator does after a change of files."""
        self.process.send_signal(signal.SIGHUP)


@asynccontextmanager
async def watching(config: Path, url: str) -> AsyncIterator[Watcher]:
    """Run the daemon on a config; it is stopped on every way out."""
    log = config.with_name("netcheck.log")
    command = [sys.executable, "-m", "netcheck", "run", "--config", str(config)]
    async with child(command, log, _environment()) as process:
        yield Watcher(url, process, log)


def _environment() -> dict[str, str]:
    """With the place of this very netcheck first, so that the child is the same one."""
    here = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))}


def _fetch(url: str) -> Status | None:
    try:
        with _OPENER.open(url, timeout=_ANSWER_SECONDS) as answer:
            status: Status = json.load(answer)
            return status
    except (urllib.error.URLError, OSError, ValueError):
        return None


def _says(status: Status, expected: Expected) -> bool:
    wanted = (expected.path, expected.role, expected.verdict, expected.cause, expected.hop)
    keys = ("path", "role", "verdict", "cause", "hop")
    return any(tuple(each[key] for key in keys) == wanted for each in status["verdicts"])


def _runs_out(status: Status) -> bool:
    ends = [
        datetime.fromisoformat(each["not_after"]) for each in status["push_certificates"] if each["not_after"]
    ]
    return any((end - datetime.now(end.tzinfo)).total_seconds() < _EXPIRES_SOON for end in ends)
