"""What the status page costs: the CPU that it takes to make it anew, with 500 cells of which some fail."""

import time
from dataclasses import replace
from statistics import median

from netcheck.facts import Facts
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import Family, ProbePath
from netcheck.model.services import Service
from netcheck.pages.page import render
from netcheck.pages.standing import Past
from netcheck.state.flows import RECENT
from tests.bench.network import Network

GOAL = 0.1
"""Seconds of CPU that the page may take."""
RUNS = 9
PATHS = tuple(ProbePath(f"path-{number}", families=(Family.IPV4,)) for number in range(50))
SERVICES = (
    Service("courier", tuple(f"{number}-courier.push.apple.com" for number in range(5)), (5223, 443)),
    Service("courier2", tuple(f"{number}-courier2.push.apple.com" for number in range(5)), (5223, 443)),
    Service("provider", ("api.push.apple.com",), (443, 2197)),
    Service("gateway", ("gateway.push.apple.com",), (2195,)),
    Service("feedback", ("feedback.push.apple.com",), (2196,)),
    Service("mdm", ("mdm.example.com",), (443, 8443)),
)
"""Ten ports, on 50 paths."""
_TIMEOUT = Failure(Phase.CONNECT, Reason.TIMEOUT, "no answer from 17.57.144.1:5223 in 5 s")


def facts() -> Facts:
    """Every fifth path has its port 5223 blocked."""
    network = Network(SERVICES, PATHS)
    for _ in range(RECENT):
        network.visit(1.0, _fault)
    return network.facts()


def _fault(_: Service, port: int, path: ProbePath) -> Failure | None:
    return _TIMEOUT if port == 5223 and path.name.endswith(("0", "5")) else None


def main() -> None:
    """Print the median of some runs, the first left out: it loads the templates."""
    known = facts()
    times = []
    for _ in range(RUNS + 1):
        fresh = replace(known)  # nothing that the facts themselves remember
        start = time.process_time()
        page = render(fresh, Past(), "0.1.0", time.time())
        times.append(time.process_time() - start)
    took = median(times[1:])
    print(f"500 cells, {len(page) / 1000:.0f} kB: {took * 1000:.0f} ms of CPU (goal: {GOAL * 1000:.0f})")
    if took > GOAL:
        print(f"ABOVE THE GOAL: {took / GOAL:.2f} times what it may cost")
