"""A real daemon to measure, in a network namespace made for it, with a sink that accepts what it connects to.

Owns how it is configured, started and read from outside. Must not know what is measured.
"""

import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from netcheck.config.services import BUILT_IN_NAMES
from tests.bench.costs import Spent
from tests.bench.processes import START_DEADLINE, answers, cpu_seconds, get, memory, process

PORT = 9223
FIRST_PORT, LAST_PORT = 22443, 22458
MOST_HOSTS = 250
"""That one service has."""
EVERY = {"hosts_per_round": "all", "addresses": "all"}
Settings = dict[str, object]
FAST: Settings = {"interval": "1s", "rate": 1000, "concurrency": 256}
"""Of `probing`: all endpoints each second."""
PATHS = ("first", "second", "third")
"""Each with a pace of its own."""
SCRAPED_EVERY = 5.0
"""Seconds, as a Prometheus in a hurry would."""
OURS = "netcheck, scraped every 5 s"


@contextmanager
def sink() -> Iterator[None]:
    """Accepts on the ports, on every address of this namespace."""
    command = [sys.executable, "-m", "tests.bench.acceptor", str(FIRST_PORT), str(LAST_PORT)]
    with process(command, lambda: answers(FIRST_PORT)):
        yield


def config(
    hosts: Sequence[str], ports: Sequence[int], service: Settings | None = None, **others: Settings
) -> Settings:
    """Services, all of whose hosts are visited in each round; `others` are sections of the file."""
    services: Settings = {name: {"enabled": False} for name in BUILT_IN_NAMES}
    for first in range(0, len(hosts), MOST_HOSTS):
        some = list(hosts[first : first + MOST_HOSTS])
        services[f"bench-{first}"] = {"hosts": some, "ports": list(ports), **EVERY, **(service or {})}
    return {"listen": f"127.0.0.1:{PORT}", "services": services, **others}


@contextmanager
def daemon(settings: Settings, ready: str = "/-/ready", deadline: float = START_DEADLINE) -> Iterator[int]:
    """A daemon, from when it answers the route to the end of the block; gives its process id."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "netcheck.yaml")
        file.write_text(json.dumps(settings))  # JSON is YAML
        command = [sys.executable, "-m", "netcheck", "run", "--config", str(file), "--log-level", "error"]
        with process(command, lambda: answers(PORT, ready), deadline) as pid:
            yield pid


def spent(pid: int, seconds: float, scrape_every: float = 0.0) -> Spent:
    """What the daemon does and uses for so long, scraped meanwhile if it is to be; says where probes fail."""
    probes, failed = total("netcheck_probes_total"), total("netcheck_probe_failures_total")
    cpu, began = cpu_seconds(pid), time.monotonic()
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(left, scrape_every or left))  # what is measured is what the daemon does meanwhile
        if scrape_every:
            get(PORT, "/metrics")
    took, used = time.monotonic() - began, cpu_seconds(pid) - cpu
    if more := total("netcheck_probe_failures_total") - failed:
        print(f"{more:.0f} probes of netcheck's failed: the comparison is not fair")
    return Spent(took, used, round(total("netcheck_probes_total") - probes), memory(pid))


def spent_by_daemon(settings: Settings, seconds: float, scrape_every: float = SCRAPED_EVERY) -> Spent:
    """What one does and uses for so long, after its first round and its first scrape."""
    with daemon(settings) as pid:
        if scrape_every:
            get(PORT, "/metrics")
        return spent(pid, seconds, scrape_every)


def total(name: str) -> float:
    """The sum of a metric's samples, as a scrape of it alone says."""
    return _sum_in(_scraped(name), name)


def sum_and_count(histogram: str) -> tuple[float, float]:
    """Of all that was observed, at one moment."""
    text = _scraped(histogram)
    return _sum_in(text, f"{histogram}_sum"), _sum_in(text, f"{histogram}_count")


def _scraped(name: str) -> str:
    return get(PORT, f"/metrics?name[]={name}").decode()


def _sum_in(text: str, name: str) -> float:
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))
