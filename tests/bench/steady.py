"""What a daemon uses, minute by minute: one with the default config, and one with 10,000 endpoints.

Both at once, each in a network namespace of its own: the first visits stand-ins that speak TLS as Apple's
servers do, the second a sink. Each is looked at for a minute after its first round.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.bench.costs import judge
from tests.bench.daemon import FIRST_PORT, PORT, Settings, config, daemon, sink, spent
from tests.bench.growth import places
from tests.bench.processes import cpu_seconds, in_a_namespace, memory
from tests.system.lab import Lab
from tests.system.scenes import TLS_APPLE, start_stand_ins

MOST_CPU_BY_DEFAULT, MOST_MEMORY_BY_DEFAULT = 0.5, 55
"""Percent of a core, and megabytes."""
ENDPOINTS, MOST_CPU, MOST_MEMORY = 10_000, 50, 150
INTERVAL = 60
MARGIN = 10
"""Seconds to start, and for the last of a round."""


def main() -> None:
    """Both; the one with many endpoints needs a process for its namespace."""
    with ThreadPoolExecutor(1) as thread:
        many = thread.submit(in_a_namespace, "tests.bench.steady")
        _by_default()
        many.result()


def _by_default() -> None:
    """But for who may vouch for Apple, and where it listens, nothing is configured."""
    with Lab(TLS_APPLE) as lab:
        start_stand_ins(lab)
        services = dict.fromkeys(("courier", "courier2", "provider"), lab.as_apple())
        file = lab.namespace.scratch / "netcheck.yaml"
        file.write_text(json.dumps({"listen": f"127.0.0.1:{PORT}", "services": services}))
        command = [sys.executable, "-m", "netcheck", "run", "--config", str(file), "--log-level", "warning"]
        running = lab.namespace.start(command, "netcheck")
        time.sleep(INTERVAL + MARGIN)
        before = cpu_seconds(running.pid)
        time.sleep(INTERVAL)
        share = (cpu_seconds(running.pid) - before) / INTERVAL * 100
        judge("the default config: CPU", share, MOST_CPU_BY_DEFAULT, " % of a core")
        judge("the default config: memory", memory(running.pid) / 1e6, MOST_MEMORY_BY_DEFAULT, " MB")


def measure() -> None:
    """The one with many endpoints."""
    probing: Settings = {"interval": f"{INTERVAL}s", "rate": 1000, "concurrency": 64}
    with sink(), daemon(config(places(ENDPOINTS), [FIRST_PORT], probing=probing), "/-/healthy") as pid:
        time.sleep(INTERVAL + MARGIN)
        used = spent(pid, INTERVAL, scrape_every=15)
    judge(f"{ENDPOINTS} endpoints: CPU", used.share * 100, MOST_CPU, " % of a core")
    judge(f"{ENDPOINTS} endpoints: memory", used.memory / 1e6, MOST_MEMORY, " MB")


if __name__ == "__main__":
    measure()
