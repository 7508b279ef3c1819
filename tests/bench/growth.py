"""What grows with the endpoints and the paths: CPU, memory, lag, the time of a scrape, and series.

All of it should be a straight line: what an endpoint costs is the same, however many there are.
"""

import time
from collections.abc import Sequence

from tests.bench.daemon import FIRST_PORT, PORT, Settings, config, daemon, in_a_namespace, sink, spent, total
from tests.bench.probing import get

INTERVAL = 20
"""Seconds; by default it is 60."""
WINDOW, MARGIN = 10, 5
ENDPOINTS = (100, 1_000, 10_000)
PATHS = (1, 10, 60)
"""A config has 64 at most."""
ON_A_PATH = 10
"""Endpoints, where paths are counted."""
MOST_MEMORY = 150e6
"""Bytes, with 10,000 endpoints."""
MOST_CPU = 0.5
"""Of a core, with 10,000 endpoints every 60 s."""
WIDTH = 30
HEAD = ("core %", "us/probe", "MB", "lag ms", "scrape ms", "series")


def main() -> None:
    """Measure in a network namespace."""
    in_a_namespace("tests.bench.growth")


def measure() -> None:
    """Each number of endpoints, then of paths: a table, and bars of the CPU that one probe takes."""
    with sink():
        by_endpoints = {f"{count} endpoints": _row(_endpoints(count), 1) for count in ENDPOINTS}
        show(by_endpoints)
        show({f"{count} paths": _row(_endpoints(ON_A_PATH), count) for count in PATHS})
    largest = by_endpoints[f"{ENDPOINTS[-1]} endpoints"]
    share, size = largest[0] / 100 * INTERVAL / 60, largest[2] * 1e6
    print(f"{ENDPOINTS[-1]} endpoints every 60 s would take {share:.2f} of a core (goal: {MOST_CPU})", end="")
    print(f" and take {size / 1e6:.0f} MB (goal: {MOST_MEMORY / 1e6:.0f})")


def _endpoints(count: int) -> list[str]:
    return [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(count)]


def _row(hosts: Sequence[str], paths: int) -> tuple[float, ...]:
    """The figures of HEAD."""
    probing: Settings = {"interval": f"{INTERVAL}s", "rate": 1000, "concurrency": 64}
    ways: Settings = {f"path-{number}": {} for number in range(paths)}
    with daemon(config(hosts, [FIRST_PORT], paths=ways, probing=probing), "/-/healthy") as pid:
        time.sleep(INTERVAL + MARGIN)  # a whole round, so that each endpoint is known
        used = spent(pid, WINDOW)
        began = time.perf_counter()
        body = get(PORT, "/metrics")
        took = time.perf_counter() - began
        lag = total("netcheck_loop_lag_seconds_sum") / max(1.0, total("netcheck_loop_lag_seconds_count"))
    series = sum(not line.startswith("#") for line in body.splitlines())
    return used.share * 100, used.microseconds, used.memory / 1e6, lag * 1e3, took * 1e3, series


def show(rows: dict[str, tuple[float, ...]]) -> None:
    most = max(row[1] for row in rows.values())
    print(f"{f'every {INTERVAL} s':18}" + "".join(f"{name:>11}" for name in HEAD) + "  us/probe")
    for name, row in rows.items():
        bar = "#" * round(WIDTH * row[1] / most)
        print(f"{name:18}" + "".join(f"{value:>11.1f}" for value in row) + f"  {bar}")


if __name__ == "__main__":
    measure()
