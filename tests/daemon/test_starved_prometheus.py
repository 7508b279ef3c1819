"""A real Prometheus that scrapes a daemon beside hundreds of clients that only wait: no scrape fails."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.configs import daemon_config
from tests.daemon.running import DEADLINE, Running, running
from tests.daemon.test_web_port import STARVING, fill
from tests.ports import free_port
from tests.programs import program

pytestmark = pytest.mark.needs("prometheus")


class Prometheus:
    """A server that scrapes every second."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1/query?"

    def ups(self) -> list[str]:
        """What has come of each scrape so far: 1 or 0."""
        query = urllib.parse.urlencode({"query": 'up{job="netcheck"}[10m]'})
        try:
            with urllib.request.urlopen(self._url + query, timeout=10) as answer:
                results = json.load(answer)["data"]["result"]
        except OSError:  # it does not listen yet
            return []
        return [value for result in results for _, value in result["values"]]


@contextmanager
def prometheus(folder: Path, daemon: Running) -> Iterator[Prometheus]:
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "netcheck", "static_configs": [{"targets": [daemon.address]}]}],
    }
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


def wait_for_scrapes(server: Prometheus, count: int) -> list[str]:
    deadline = time.monotonic() + 2 * DEADLINE
    while len(ups := server.ups()) < count:
        assert time.monotonic() < deadline, "Prometheus does not scrape"
        time.sleep(0.1)
    return ups


def test_prometheus_gets_through_whatever_others_do(tmp_path: Path) -> None:
    with running(daemon_config(tmp_path)) as daemon, ExitStack() as early:
        fill(daemon, early, STARVING["idle"])  # they are there before it comes, and stay for a minute
        with prometheus(tmp_path, daemon) as server:
            wait_for_scrapes(server, 2)
            for says in STARVING.values():
                with ExitStack() as stack:
                    fill(daemon, stack, says)
                    before = len(server.ups())
                    wait_for_scrapes(server, before + 3)
            assert set(server.ups()) == {"1"}
