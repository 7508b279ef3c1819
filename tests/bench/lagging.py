"""How much a scrape of 10,000 series holds up the daemon's event loop, as who asks it something else sees it.

/-/healthy is asked again and again, first in peace and then while wrk scrapes, in gzip and without a pause.
"""

import http.client
import subprocess
import time

from tests.bench.costs import judge
from tests.bench.daemon import FIRST_PORT, PORT, Settings, config, daemon, sink
from tests.bench.growth import places
from tests.bench.processes import get, in_a_namespace

GOAL = 1.0
"""Milliseconds that an answer may take longer, 99 times of 100."""
HOSTS, PORTS = 250, range(FIRST_PORT, FIRST_PORT + 4)
INTERVAL = 10
"""Seconds: a hundred endpoints are new each second."""
WINDOW = 6
PAUSE = 0.002


def main() -> None:
    """Measure in a network namespace."""
    in_a_namespace("tests.bench.lagging", ("wrk",))


def measure() -> None:
    """The answer times in peace, then while scraped."""
    probing: Settings = {"interval": f"{INTERVAL}s", "rate": 1000, "concurrency": 64}
    settings = config(places(HOSTS), PORTS, probing=probing, metrics={"per_host": True})
    with sink(), daemon(settings):
        series = sum(not line.startswith(b"#") for line in get(PORT, "/metrics").splitlines())
        in_peace = _answer_times(WINDOW)
        url, coding = f"http://127.0.0.1:{PORT}/metrics", "Accept-Encoding: gzip"
        scraping = ["wrk", "-t1", "-c1", f"-d{WINDOW + 1}s", "-H", coding, url]
        with subprocess.Popen(scraping, stdout=subprocess.DEVNULL):
            scraped = _answer_times(WINDOW)
    print(f"{f'{series} series':28}{'answers':>9}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for name, times in (("in peace", in_peace), ("scraped without a pause", scraped)):
        print(f"{name:28}{len(times):>9}{_part(times, 0.5):>9.2f}{_part(times, 0.99):>9.2f}{times[-1]:>9.2f}")
    judge("later while scraped, p99", _part(scraped, 0.99) - _part(in_peace, 0.99), GOAL, " ms")


def _answer_times(seconds: float) -> list[float]:
    """In milliseconds, in order of size."""
    times, until = [], time.monotonic() + seconds
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    while time.monotonic() < until:
        began = time.perf_counter()
        connection.request("GET", "/-/healthy")
        connection.getresponse().read()
        times.append((time.perf_counter() - began) * 1e3)
        time.sleep(PAUSE)
    connection.close()
    return sorted(times)


def _part(times: list[float], part: float) -> float:
    return times[int(part * len(times))]


if __name__ == "__main__":
    measure()
