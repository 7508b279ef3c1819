"""What a scrape costs: our rendering beside prometheus_client's, over the same series, in one run.

Two peers: the library with metric objects of its own that hold as many series, as most programs use it; and
the library over our collector, which makes its samples anew each time. All bodies hold the process metrics.
Then all of it once more in gzip, as Prometheus asks for it; the library compresses as its own server does.
"""

import gzip
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from netcheck.daemon.daemon import spare_the_collector
from netcheck.export.families import FAMILIES
from netcheck.export.family import Kind, MetricFamily
from netcheck.export.negotiate import Exporter
from netcheck.facts import Facts
from netcheck.model.paths import ProbePath, Proxy, ProxyScheme, ResolveMode
from netcheck.model.services import Service
from netcheck.state.histogram import BUCKETS
from netcheck.web.server import Response, compressed
from tests.bench.network import Network
from tests.export.collector import StateCollector
from tests.export.states import scraped

GOAL, GOAL_OF_THE_FIRST = 0.10, 0.25
"""The most that a series may cost in a scrape, as a part of what it costs the library with its objects."""

RUNS = 21
SERVICES = (
    Service("courier", tuple(f"{number}-courier.push.apple.com" for number in range(51)), (5223, 443)),
    Service("courier2", tuple(f"{number}-courier2.push.apple.com" for number in range(51)), (5223, 443)),
    Service("provider", ("api.push.apple.com",), (443, 2197)),
    Service("gateway", ("gateway.push.apple.com",), (2195,)),
    Service("feedback", ("feedback.push.apple.com",), (2196,)),
)
PATHS = (
    ProbePath("direct"),
    ProbePath("web-proxy", (Proxy(ProxyScheme.HTTP, "192.0.2.1", 3128, resolve=ResolveMode.BOTH),)),
)


def in_our_gzip(body: bytes) -> bytes:
    """As the web port does."""
    return compressed(Response(200, body)).body


@dataclass(frozen=True, slots=True)
class Way:
    """One way to scrape, and what is done before each scrape without being timed."""

    name: str
    scrape: Callable[[], bytes]
    prepare: Callable[[], object] = lambda: None
    goal: float | None = None
    compress: Callable[[bytes], bytes] = in_our_gzip


def main() -> None:
    """Measure every way in turns, print the medians, and say so where a scrape costs more than it may.

    With the collector of garbage set as in the daemon, for all of them.
    """
    spare_the_collector()
    network = Network(SERVICES, PATHS)
    network.visit(1.0)
    ways = (*the_library_s_ways(network), *our_ways(network))
    series = {series_in(way.scrape()) for way in ways}
    if len(series) != 1:
        raise SystemExit(f"the bodies differ in their number of series: {sorted(series)}")
    print_table(ways, medians(ways), f"{series.pop()} series")
    print_table(ways, medians([in_gzip(way) for way in ways]), "the same in gzip")


def in_gzip(way: Way) -> Way:
    return replace(way, scrape=lambda: way.compress(way.scrape()))


def the_library_s_ways(network: Network) -> tuple[Way, ...]:
    """The first is what the others are compared with."""
    own, ours = process_metrics(), process_metrics()
    disable_created_metrics()
    for family in FAMILIES:
        fill(native_metric(family, own), family, network.facts())
    ours.register(StateCollector(network.facts))
    return (
        Way("prometheus_client, own objects", lambda: generate_latest(own), compress=gzip.compress),
        Way("prometheus_client, our collector", lambda: generate_latest(ours), compress=gzip.compress),
    )


def process_metrics() -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


def native_metric(family: MetricFamily, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    if family.kind is Kind.HISTOGRAM:
        return Histogram(family.name, family.help, family.labels, registry=registry, buckets=BUCKETS)
    metric = Counter if family.kind is Kind.COUNTER else Gauge
    return metric(family.name, family.help, family.labels, registry=registry)


def fill(metric: Counter | Gauge | Histogram, family: MetricFamily, facts: Facts) -> None:
    """As many series as the family has, with its values; what a histogram holds does not matter."""
    for labels, value in family.sample(facts):
        child = metric.labels(*labels) if labels else metric
        match child, value:
            case Histogram(), _:
                child.observe(0.02)
            case Gauge(), (int() | float()):
                child.set(value)
            case Counter(), (int() | float()):
                child.inc(value)


def our_ways(network: Network) -> tuple[Way, ...]:
    """In this order: the last finds what the one before it has seen.

    The facts are there before each, as in the daemon, which judges when something has changed and not when
    it is scraped.
    """
    exporter = Exporter()

    def first() -> bytes:
        return scraped(Exporter(), network.facts())[0]

    def again() -> bytes:
        return scraped(exporter, network.facts())[0]

    def visit(share: float) -> None:
        network.visit(share)
        network.facts()

    return (
        Way("netcheck, its first scrape", first, goal=GOAL_OF_THE_FIRST),
        Way("netcheck, all hosts visited since", again, lambda: visit(1.0), GOAL),
        Way("netcheck, 5 % of hosts visited since", again, lambda: visit(0.05), GOAL),
        Way("netcheck, nothing visited since", again, goal=GOAL),
    )


def series_in(body: bytes) -> int:
    return sum(not line.startswith(b"#") for line in body.split(b"\n")) - 1


def medians(ways: Sequence[Way]) -> dict[str, float]:
    """Seconds of CPU per scrape; the ways take turns: what else the machine does slows all of them."""
    seconds: dict[str, list[float]] = {way.name: [] for way in ways}
    for _ in range(RUNS):
        for way in ways:
            way.prepare()
            start = time.process_time()
            way.scrape()
            seconds[way.name].append(time.process_time() - start)
    return {name: median(times) for name, times in seconds.items()}


def print_table(ways: Sequence[Way], seconds: dict[str, float], what: str) -> None:
    peer = seconds[ways[0].name]
    print(f"{what:38}{'ms/scrape':>11}{'ratio':>9}")
    for way in ways:
        took = seconds[way.name]
        print(f"{way.name:38}{took * 1e3:>11.1f}{took / peer:>9.3f}")
    print(f"goal: a ratio of at most {GOAL_OF_THE_FIRST:.2f} for the first, {GOAL:.2f} for every other")
    for way in ways:
        if way.goal is not None and (ratio := seconds[way.name] / peer) > way.goal:
            print(f"ABOVE THE GOAL: {way.name}: {ratio / way.goal:.2f} times what it may cost")


if __name__ == "__main__":
    main()
