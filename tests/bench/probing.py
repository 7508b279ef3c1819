"""What one direct TCP probe costs: the whole netcheck daemon beside blackbox_exporter and bare loops.

All probe the same 800 endpoints (50 addresses, 16 ports), one after the other in one run. The sink that
accepts the connections does not count. blackbox_exporter is asked as often as netcheck probes, as by a
Prometheus, which spreads its scrapes; and once more as fast as it answers.
"""

from functools import partial

from tests.bench import blackbox, loops
from tests.bench.costs import in_turns, judge, show
from tests.bench.daemon import (
    FAST,
    FIRST_PORT,
    LAST_PORT,
    OURS,
    PATHS,
    Settings,
    config,
    sink,
    spent_by_daemon,
)
from tests.bench.processes import in_a_namespace

GOAL = 0.25
"""The most CPU that a probe of netcheck's may cost, as a part of blackbox_exporter's."""
PORTS = range(FIRST_PORT, LAST_PORT + 1)
WINDOW = 5
"""Seconds, of each turn."""
COUNT = 20_000
"""Connections of a bare loop."""
PACE = len(PATHS) * len(loops.ADDRESSES) * len(PORTS)
"""Probes a second of netcheck, over all its paths."""
PEER = f"blackbox_exporter, {PACE:,}/s"


def main() -> None:
    """Measure in a network namespace."""
    in_a_namespace("tests.bench.probing", ("wrk", blackbox.PROGRAM))


def measure() -> None:
    """The loops, then its peer and the daemon in turns."""
    paths: Settings = {path: {} for path in PATHS}
    settings = config(loops.ADDRESSES, PORTS, paths=paths, probing=FAST)
    costs = {}
    with sink():
        if (in_c := loops.run_in_c(COUNT)) is not None:
            costs["a loop in C, over epoll"] = in_c
        costs["a loop in Python, over epoll"] = loops.run("epoll", COUNT)
        costs["trio's connect, bare"] = loops.run("trio", COUNT)
        with blackbox.blackbox() as pid:
            by_blackbox = partial(blackbox.spent_by_blackbox, pid, loops.ADDRESSES, PORTS, WINDOW)
            costs["blackbox_exporter, at its limit"] = by_blackbox()
            ours = partial(spent_by_daemon, settings, WINDOW)
            costs |= in_turns({PEER: partial(by_blackbox, PACE), OURS: ours})
    show(costs, PEER)
    judge(
        "a probe of netcheck's, of blackbox_exporter's",
        costs[OURS].microseconds / costs[PEER].microseconds,
        GOAL,
    )


if __name__ == "__main__":
    measure()
