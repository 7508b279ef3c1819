"""What 1,000 probes that hang cost in memory, beside the same ones where they succeed at once.

They hang because the namespace drops what comes in at their port.
"""

import subprocess
import time

from tests.bench.costs import judge
from tests.bench.daemon import FIRST_PORT, MOST_HOSTS, Settings, config, daemon, sink
from tests.bench.processes import in_a_namespace, memory
from tests.connections import SYN_SENT, connections

GOAL = 10
"""Megabytes that they may cost all together."""
COUNT = 1_000
SILENT_PORT = 22460
ENOUGH = 0.97
"""The part of them that hangs at once: where the last begins, the first ends."""
DEADLINE = 60.0
PROBING: Settings = {
    "interval": "30s",
    "rate": 1000,
    "concurrency": 1000,
    "timeouts": {"connect": "30s"},
}


def main() -> None:
    """Measure in a network namespace."""
    in_a_namespace("tests.bench.hanging", ("nft",))


def measure() -> None:
    """The memory of both, when all of them have begun, and the difference."""
    drop = "table inet bench { chain in { type filter hook input priority 0; tcp dport %d drop; }; }"
    subprocess.run(["nft", "-f", "-"], input=drop % SILENT_PORT, text=True, check=True)
    with sink():
        ended, hanging = _memory(FIRST_PORT), _memory(SILENT_PORT)
    print(f"{COUNT} probes that end at once: {ended / 1e6:.1f} MB; hanging: {hanging / 1e6:.1f} MB")
    judge("more while they hang", (hanging - ended) / 1e6, GOAL, " MB")


def _memory(port: int) -> int:
    hosts = [f"127.1.{number // MOST_HOSTS}.{number % MOST_HOSTS + 1}" for number in range(COUNT)]
    ready = "/-/healthy" if port == SILENT_PORT else "/-/ready"
    with daemon(config(hosts, [port], probing=PROBING), ready) as pid:
        if port == SILENT_PORT:
            _wait_until_they_hang()
        return memory(pid)


def _wait_until_they_hang() -> None:
    deadline = time.monotonic() + DEADLINE
    while (hanging := _connecting()) < ENOUGH * COUNT:
        if time.monotonic() > deadline:
            raise SystemExit(f"only {hanging} of {COUNT} probes hang")
        time.sleep(0.05)  # the kernel tells nobody how many connections hang


def _connecting() -> int:
    """How many connections of this namespace are in SYN_SENT."""
    return sum(each.state == SYN_SENT for each in connections())


if __name__ == "__main__":
    measure()
