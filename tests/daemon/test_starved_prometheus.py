"""A real Prometheus that scrapes daemons beside many clients that only wait: no scrape fails."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.configs import daemon_config
from tests.daemon.running import DEADLINE, Running, running
from tests.daemon.test_web_port import STARVING, fill
from tests.ports import free_port
from tests.programs import program

pytestmark = [pytest.mark.needs("prometheus"), pytest.mark.waits]

CLIENTS = 80
"""More than one address has places for, at each daemon, twice."""
JOBS = 4
"""Of one daemon: scrapes are spread over the interval, so each second has some."""
INTERVAL = "10s"
"""And how much patience a scrape has: on a busy machine one can take seconds, and nobody has starved it."""


class Prometheus:
    """A server with some jobs for each daemon."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/query?"

    def ups(self) -> dict[str, list[str]]:
        """What has come of each scrape so far, by job: 1 or 0."""
        query = urllib.parse.urlencode({"query": "up[10m]"})
        try:
            with urllib.request.urlopen(self._url + query, timeout=DEADLINE) as answer:
                results = json.load(answer)["data"]["result"]
        except OSError:  # it does not listen yet
            return {}
        return {each["metric"]["job"]: [value for _, value in each["values"]] for each in results}


@contextmanager
def prometheus(folder: Path, daemons: Sequence[Running]) -> Iterator[Prometheus]:
    port = free_port()
    jobs = [
        {"job_name": f"{job} of {daemon.address}", "static_configs": [{"targets": [daemon.address]}]}
        for daemon in daemons
        for job in range(JOBS)
    ]
    config = {"global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL}, "scrape_configs": jobs}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    command = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
    ]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log)
    try:
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(DEADLINE)


def wait_until(server: Prometheus, holds: Callable[[Mapping[str, Sequence[str]]], bool]) -> None:
    deadline = time.monotonic() + 2 * DEADLINE
    while not holds(server.ups()):
        assert time.monotonic() < deadline, "Prometheus does not scrape"
        time.sleep(0.1)


def test_prometheus_gets_through_whatever_others_do(tmp_path: Path) -> None:
    with ExitStack() as stack:
        daemons: list[Running] = []
        for number in range(len(STARVING)):
            folder = tmp_path / str(number)
            folder.mkdir()
            daemons.append(daemon := stack.enter_context(running(daemon_config(folder))))
            fill(daemon, stack, STARVING["idle"], CLIENTS)  # they are there before it comes
        server = stack.enter_context(prometheus(tmp_path, daemons))
        wait_until(server, lambda ups: len(ups) > 1)
        for daemon, says in zip(daemons, STARVING.values(), strict=True):
            fill(daemon, stack, says, CLIENTS)
        before = server.ups()
        wait_until(
            server,
            lambda ups: (
                len(ups) == JOBS * len(daemons)
                and all(len(seen) > len(before.get(job, [])) for job, seen in ups.items())
            ),
        )
        assert {up for seen in server.ups().values() for up in seen} == {"1"}
