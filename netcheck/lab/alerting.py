"""Prometheus and Alertmanager as they are installed here, beside the laboratory: what fires, and who is told.

They run with the rules and routes of `config/prometheus`, sixty times as fast, and every receiver is a
webhook of the laboratory's.
"""

import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import h11
import trio

from netcheck.lab.child import child
from netcheck.lab.lab import HERE, LabError, free_port
from netcheck.lab.switch import Switch
from netcheck.shipped import shipped

SPEED = 60
"""How many times as fast: a minute of a rule is a second here."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(
    r"(\b(?:for|keep_firing_for|(?:group_|repeat_)?interval|group_wait): |\boffset |\[|(?<=\d[smhdw]):)"
    r"(\d+)([smhdw])\b"
)
_RECEIVER = re.compile(r"https?://[^/\"\s]+")
_LARGEST = 1024 * 1024
_SECONDS = 5.0
_PROMETHEUS = """\
global: {{scrape_interval: 1s, scrape_timeout: 900ms, evaluation_interval: 1s}}
rule_files: [recording.yml, alerts.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{alertmanager}"]}}]}}]}}
scrape_configs: [{{job_name: netcheck, static_configs: [{{targets: ["{netcheck}"]}}]}}]
"""


class Alert(NamedTuple):
    """What somebody was told."""

    name: str
    receiver: str
    path: str
    is_firing: bool


def sped_up(text: str) -> str:
    """A file of rules or routes with every duration in it divided by SPEED."""
    return _DURATION.sub(lambda m: f"{m[1]}{int(m[2]) * _UNITS[m[3]] * 1000 // SPEED}ms", text)


class Alerting:
    """Hears what Alertmanager tells its receivers, and passes it on."""

    def __init__(self, folder: Path, netcheck: str, tell: Callable[[Alert], None]) -> None:
        """`netcheck` is the HOST:PORT to scrape. Raises LabError where something is missing."""
        self._folder = folder
        self._tell = tell
        self._fired = trio.Event()
        self._webhook = Switch(HERE, self._hear)
        self.alertmanager = f"{HERE}:{free_port(9093)}"
        self.prometheus = f"{HERE}:{free_port(9090)}"
        self._commands = self._write(netcheck)

    def _write(self, netcheck: str) -> dict[str, list[str]]:
        """The files of both, and by name the commands that start them."""
        programs = [_found("prometheus"), _found("prometheus-alertmanager", "alertmanager")]
        for name in ("recording.yml", "alerts.yml"):
            (self._folder / name).write_text(sped_up(_shipped(name)))
        routes = _RECEIVER.sub(f"http://{HERE}:{self._webhook.port}", sped_up(_shipped("alertmanager.yml")))
        (self._folder / "alertmanager.yml").write_text(routes)
        config = _PROMETHEUS.format(alertmanager=self.alertmanager, netcheck=netcheck)
        (self._folder / "prometheus.yml").write_text(config)
        shared = "--log.level=warn"
        return {
            "prometheus": [
                programs[0],
                f"--config.file={self._folder}/prometheus.yml",
                f"--storage.tsdb.path={self._folder}/prometheus",
                f"--web.listen-address={self.prometheus}",
                shared,
            ],
            "alertmanager": [
                programs[1],
                f"--config.file={self._folder}/alertmanager.yml",
                f"--storage.path={self._folder}/alertmanager",
                f"--web.listen-address={self.alertmanager}",
                "--cluster.listen-address=",
                shared,
            ],
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Both, and the webhook; they are stopped on every way out."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._webhook.serve)
            async with AsyncExitStack() as stack:
                for name, command in self._commands.items():
                    await stack.enter_async_context(child(command, self._folder / f"{name}.log"))
                yield
            nursery.cancel_scope.cancel()

    def forget(self) -> None:
        """From now on, wait for another alert."""
        self._fired = trio.Event()

    async def until_fired(self, longest: float) -> bool:
        """Whether somebody was told of an alert since `forget`, within so many seconds."""
        with trio.move_on_after(longest):
            await self._fired.wait()
        return self._fired.is_set()

    async def _hear(self, stream: trio.SocketStream) -> None:
        """One message of Alertmanager's (its documentation, webhook_config)."""
        body = b""
        with trio.move_on_after(_SECONDS), suppress(h11.RemoteProtocolError):
            body = await _posted(stream)
        if not body:
            return
        told = json.loads(body)
        alerts = [
            Alert(
                each["labels"]["alertname"],
                told["receiver"],
                each["labels"].get("path", ""),
                each["status"] == "firing",
            )
            for each in told["alerts"]
        ]
        for alert in dict.fromkeys(alerts):  # those that differ only in other labels are one here
            self._tell(alert)
            if alert.is_firing:
                self._fired.set()


async def _posted(stream: trio.SocketStream) -> bytes:
    """The body of a request, which is answered and is the last one of its connection; empty for none."""
    server = h11.Connection(h11.SERVER)
    body = b""
    while not isinstance(event := server.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            server.receive_data(await stream.receive_some(65536))
        elif isinstance(event, h11.ConnectionClosed):
            return b""
        elif isinstance(event, h11.Data) and len(body) < _LARGEST:
            body += event.data
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    return body


def _found(*names: str) -> str:
    for name in names:
        if program := shutil.which(name):
            return program
    raise LabError(f"--prometheus needs {' or '.join(names)}: install it, or leave --prometheus out")


def _shipped(name: str) -> str:
    return shipped()[f"prometheus/{name}"].read_text(encoding="utf-8")
