"""A real daemon to measure, in a network namespace made for it, with a sink that accepts what it connects to.

Owns how it is started and read from outside. Must not know what is measured.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from netcheck.config.services import BUILT_IN_NAMES
from tests.bench.probing import ROOT, answers, cpu_seconds, get, memory, network_namespace, process

PORT = 9223
FIRST_PORT, LAST_PORT = 22443, 22458
MOST_HOSTS = 250
"""That one service has."""
EVERY = {"hosts_per_round": "all", "addresses": "all"}
Settings = dict[str, object]


@dataclass(frozen=True, slots=True)
class Spent:
    """What a daemon did and used in some seconds."""

    seconds: float
    cpu: float
    probes: int
    memory: int
    """Bytes, at the end."""

    @property
    def microseconds(self) -> float:
        """CPU per probe."""
        return self.cpu / max(1, self.probes) * 1e6

    @property
    def share(self) -> float:
        """Of one core."""
        return self.cpu / self.seconds


def in_a_namespace(module: str, tools: Sequence[str] = ("ip",)) -> None:
    """Run the module in a network namespace of its own; one line instead where that is impossible."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        print(f"skipped: {', '.join(missing)} not installed" if missing else "skipped: needs root")
        return
    with network_namespace() as name:
        inside = ["ip", "netns", "exec", name, sys.executable, "-m", module]
        if subprocess.run(inside, cwd=ROOT, check=False).returncode != 0:
            raise SystemExit(f"{module} failed")


@contextmanager
def sink() -> Iterator[None]:
    """Accepts on the ports, on every address of this namespace."""
    command = [sys.executable, "-m", "tests.bench.acceptor", str(FIRST_PORT), str(LAST_PORT)]
    with process(command, lambda: answers(FIRST_PORT)):
        yield


def config(hosts: Sequence[str], ports: Sequence[int], **others: Settings) -> Settings:
    """Services, all of whose hosts are visited in each round; `others` are sections of the file."""
    services: Settings = {name: {"enabled": False} for name in BUILT_IN_NAMES}
    for first in range(0, len(hosts), MOST_HOSTS):
        some = list(hosts[first : first + MOST_HOSTS])
        services[f"bench-{first}"] = {"hosts": some, "ports": list(ports), **EVERY}
    return {"listen": f"127.0.0.1:{PORT}", "services": services, **others}


@contextmanager
def daemon(settings: Settings, ready: str = "/-/ready") -> Iterator[int]:
    """A daemon, from when it answers the route to the end of the block; gives its process id."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "netcheck.yaml")
        file.write_text(json.dumps(settings))  # JSON is YAML
        command = [sys.executable, "-m", "netcheck", "run", "--config", str(file), "--log-level", "error"]
        with process(command, lambda: answers(PORT, ready)) as pid:
            yield pid


def spent(pid: int, seconds: float, scrape_every: float = 0.0) -> Spent:
    """What the daemon does and uses for so long, scraped meanwhile if it is to be."""
    probes, cpu, began = total("netcheck_probes_total"), cpu_seconds(pid), time.monotonic()
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(left, scrape_every or left))  # what is measured is what the daemon does meanwhile
        if scrape_every:
            get(PORT, "/metrics")
    took, used = time.monotonic() - began, cpu_seconds(pid) - cpu
    return Spent(took, used, round(total("netcheck_probes_total") - probes), memory(pid))


def total(name: str) -> float:
    """The sum of a metric's samples, as a scrape of it alone says."""
    text = get(PORT, f"/metrics?name[]={name}")
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))
