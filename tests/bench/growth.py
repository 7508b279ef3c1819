"""What grows with the endpoints and the paths: CPU, memory, lag, the time of a scrape, and series.

All of it should be a straight line: what an endpoint costs is the same, however many there are.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

from tests.bench.daemon import FIRST_PORT, PORT, Settings, config, daemon, sink, spent, sum_and_count
from tests.bench.plot import draw
from tests.bench.processes import ROOT, get, in_a_namespace

INTERVAL = 20
"""Seconds; by default it is 60."""
WINDOW, MARGIN = 10, 5
ENDPOINTS = (100, 1_000, 10_000)
PATHS = (1, 10, 60)
"""A config has 64 at most."""
ON_A_PATH = 10
"""Endpoints, where paths are counted."""
HEAD = ("core %", "MB", "lag ms", "scrape ms", "series")
PLOT = ROOT / "docs" / "growth.svg"


@dataclass(frozen=True, slots=True)
class Figures:
    """Those of HEAD."""

    share: float
    memory: float
    lag: float
    """The mean."""
    scrape: float
    """The median of some."""
    series: float


def main() -> None:
    """Measure in a network namespace."""
    in_a_namespace("tests.bench.growth")


def measure() -> None:
    """Each number of endpoints, then of paths: two tables, and a plot of both."""
    with sink():
        by_endpoints = {count: figures(places(count), 1) for count in ENDPOINTS}
        show("endpoints", by_endpoints)
        by_paths = {count: figures(places(ON_A_PATH), count) for count in PATHS}
        show("paths", by_paths)
    lines = {
        name: {
            of: [(count, astuple(found)[number]) for count, found in rows.items()]
            for of, rows in (("endpoints", by_endpoints), (f"paths with {ON_A_PATH} endpoints", by_paths))
        }
        for number, name in enumerate(HEAD)
    }
    PLOT.write_text(draw(lines))
    print(f"drawn in {PLOT.relative_to(ROOT)}")


def places(count: int) -> list[str]:
    """So many addresses of the sink's."""
    return [f"127.1.{number // 250}.{number % 250 + 1}" for number in range(count)]


def figures(hosts: Sequence[str], paths: int, interval: int = INTERVAL) -> Figures:
    """Of a daemon that visits each host over each path once an interval, after its first round."""
    probing: Settings = {"interval": f"{interval}s", "rate": 1000, "concurrency": 64}
    ways: Settings = {f"path-{number}": {} for number in range(paths)}
    with daemon(config(hosts, [FIRST_PORT], paths=ways, probing=probing), "/-/healthy") as pid:
        time.sleep(interval + MARGIN)  # a whole round, so that each endpoint is known
        used = spent(pid, WINDOW)
        took, body = min(_timed_scrape() for _ in range(3))
        late, times = sum_and_count("netcheck_loop_lag_seconds")
    series = sum(not line.startswith(b"#") for line in body.splitlines())
    return Figures(used.share * 100, used.memory / 1e6, late / max(1.0, times) * 1e3, took * 1e3, series)


def _timed_scrape() -> tuple[float, bytes]:
    began = time.perf_counter()
    body = get(PORT, "/metrics")
    return time.perf_counter() - began, body


def show(what: str, rows: Mapping[int, Figures]) -> None:
    """A table."""
    print(f"{f'every {INTERVAL} s':18}" + "".join(f"{name:>11}" for name in HEAD) + f"{'us/probe':>11}")
    for count, found in rows.items():
        probes = count * (ON_A_PATH if what == "paths" else 1)
        each = found.share / 100 * INTERVAL / probes * 1e6
        values = (*astuple(found), each)
        print(f"{f'{count} {what}':18}" + "".join(f"{value:>11.1f}" for value in values))


if __name__ == "__main__":
    measure()
