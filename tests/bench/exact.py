"""How exact the time of a connection is: beside what the wire itself saw, with hundreds of probes in flight.

blackbox_exporter probes the same addresses after it, over the same wire, by a few clients.
"""

import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.daemon import (
    FIRST_PORT,
    LAST_PORT,
    PORT,
    Settings,
    config,
    daemon,
    in_a_namespace,
    sink,
    total,
)
from tests.bench.probing import BLACKBOX_CONFIG, BLACKBOX_PORT, ROOT, answers, get, process
from tests.bench.wire import DELAY

GOAL_AT_HALF, GOAL_AT_99, GOAL_OF_THE_KERNEL = 0.2, 1.0, 0.1
"""Milliseconds."""
HOSTS = [f"10.100.0.{number + 1}" for number in range(62)]
PORTS = range(FIRST_PORT, LAST_PORT + 1)
WINDOW = 6
"""Seconds in which it is scraped each second."""
CLIENTS = 8
PROBES_OF_BLACKBOX = 100
Known = dict[str, list[tuple[float, float]]]


def main() -> None:
    """Measure in a network namespace."""
    in_a_namespace("tests.bench.exact", ("ip", "prometheus-blackbox-exporter"))


def measure() -> None:
    """The errors of both, in milliseconds."""
    with sink():
        ours, kernel, truth = _netcheck()
        theirs = _blackbox()
    in_flight = len(HOSTS) * len(PORTS) * 2 * DELAY
    print(f"{f'about {in_flight:.0f} probes in flight':32}{'probes':>8}{'p50 ms':>9}{'p99 ms':>9}")
    for name, errors in (("netcheck", ours), (f"blackbox_exporter, {CLIENTS} at once", theirs)):
        half, most = (_quantile(errors, part) for part in (0.5, 0.99))
        print(f"{name:32}{len(errors):>8}{half:>9.3f}{most:>9.3f}")
    print(f"goal: {GOAL_AT_HALF} and {GOAL_AT_99}")
    print(f"the kernel's round trip, mean: {kernel:.3f} ms off the wire's {truth:.3f}", end=" ")
    print(f"(goal: {GOAL_OF_THE_KERNEL})")


def _netcheck() -> tuple[list[float], float, float]:
    """The error of each endpoint's latest time; of the kernel's mean; and the true mean."""
    probing: Settings = {"interval": "1s", "rate": 1000, "concurrency": 1000}
    probing["timeouts"] = {"connect": "1s", "resolve": "1s", "proxy": "1s", "tls": "1s"}
    settings = config(HOSTS, PORTS, probing=probing, metrics={"per_host": True})
    with _Wire() as wire:
        with daemon(settings):
            for _ in range(WINDOW):
                time.sleep(1)  # as a Prometheus would scrape it meanwhile
                get(PORT, "/metrics")
            body = get(PORT, "/metrics")
            rtt = total("netcheck_tcp_rtt_seconds_sum") / total("netcheck_tcp_rtt_seconds_count")
        known = wire.known()
    durations = _samples(body, 'netcheck_probe_phase_duration_seconds{.*phase="connect"')
    times = _samples(body, "netcheck_probe_last_success_timestamp_seconds{")
    errors = [abs(durations[key] - _nearest(known[key], times[key])) * 1e3 for key in durations]
    truths = [took for each in known.values() for _, took in each]
    mean = sum(truths) / len(truths)
    return errors, abs(rtt - mean) * 1e3, mean * 1e3


def _samples(body: str, start: str) -> dict[str, float]:
    """By address and port."""
    found = {}
    for line in re.findall(rf"^{start}.*$", body, re.MULTILINE):
        host, port = (re.findall(rf'[{{,]{label}="(.*?)"', line)[0] for label in ("host", "port"))
        found[f"{host}:{port}"] = float(line.rpartition(" ")[2])
    return found


def _nearest(known: list[tuple[float, float]], moment: float) -> float:
    """What the wire saw of the connection that began then."""
    return min(known, key=lambda each: abs(each[0] - moment))[1]


def _blackbox() -> list[float]:
    """The error of each of its probes."""
    targets = [f"{HOSTS[number % len(HOSTS)]}:{FIRST_PORT}" for number in range(PROBES_OF_BLACKBOX)]
    with TemporaryDirectory() as folder, _Wire() as wire:
        file = Path(folder, "blackbox.yml")
        file.write_text(BLACKBOX_CONFIG)
        listen = f"--web.listen-address=127.0.0.1:{BLACKBOX_PORT}"
        command = ["prometheus-blackbox-exporter", f"--config.file={file}", listen, "--log.level=error"]
        with process(command, lambda: answers(BLACKBOX_PORT)), ThreadPoolExecutor(CLIENTS) as clients:
            found = list(clients.map(_ask_blackbox, targets))
        known = wire.known()
    return [abs(said - _nearest(known[target], began)) * 1e3 for target, began, said in found]


def _ask_blackbox(target: str) -> tuple[str, float, float]:
    began = time.time()
    body = get(BLACKBOX_PORT, f"/probe?module=tcp_connect&target={target}")
    return target, began, float(re.findall(r"^probe_duration_seconds (\S+)$", body, re.MULTILINE)[0])


_START_DEADLINE = 10.0
"""Seconds until the wire has a route."""


class _Wire:
    """The wire, in a process of its own; ends when it is asked what it knows."""

    def __enter__(self) -> "_Wire":
        command = [sys.executable, "-m", "tests.bench.wire"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + _START_DEADLINE
        while "wire0" not in Path("/proc/net/route").read_text():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self._process.kill()
                raise SystemExit("the wire is not there")
            time.sleep(0.02)  # nobody tells when a route is there
        return self

    def known(self) -> Known:
        self._process.terminate()
        out, _ = self._process.communicate(timeout=30)
        return dict(json.loads(out))

    def __exit__(self, *_: object) -> None:
        self._process.kill()


def _quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


if __name__ == "__main__":
    measure()
