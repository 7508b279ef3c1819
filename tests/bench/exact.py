"""How exact the times of phases are: beside what the wire itself saw, with hundreds of probes in flight.

Directly, over names, and through dante. That real proxy is itself at the far end of the wire, as is dnsmasq,
which answers for the names. blackbox_exporter probes the same addresses directly, by a few clients.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import blackbox, nameserver
from tests.bench.costs import judge
from tests.bench.daemon import FIRST_PORT, LAST_PORT, PORT, Settings, config, daemon, sink, sum_and_count
from tests.bench.processes import ROOT, get, in_a_namespace
from tests.bench.proxying import DANTE, running_dante
from tests.bench.wire import DELAY

GOAL_AT_HALF, GOAL_AT_99, GOAL_OF_THE_KERNEL = 0.2, 1.0, 0.1
"""Milliseconds."""
HOSTS = [f"10.100.0.{number + 1}" for number in range(62)]
PORTS = range(FIRST_PORT, LAST_PORT + 1)
PROXIES = [f"10.100.1.{number + 1}" for number in range(16)]
"""Addresses of the one proxy, of which each is a path's: so the wire can tell them apart."""
SLOWLY = "4s"
"""Through dante a probe takes four round trips: to it, for its method, its answer, and the destination's."""
NAMES = {f"{n}-courier.{nameserver.DOMAIN}": f"10.100.{n // 250 + 3}.{n % 250 + 1}" for n in range(1000)}
"""Each with an address of its own: a connection that hosts share would not tell when each was asked for."""
FAR_NAMESERVER = "10.100.2.1"
WINDOW = 6
"""Seconds in which it is scraped each second."""
PROBES_OF_BLACKBOX = 100
Times = Mapping[str, list[tuple[float, float]]]
"""By address and port, or by question: when something began, in Unix time, and the seconds that it took."""
Samples = Mapping[tuple[str, str, str], float]
"""By path, host and port."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the wire saw."""

    connects: Times
    answers: Times
    lookups: Times


def main() -> None:
    """Measure in a network namespace."""
    in_a_namespace("tests.bench.exact", (blackbox.PROGRAM, nameserver.PROGRAM, "danted"))


def measure() -> None:
    """The errors of both, in milliseconds."""
    with sink():
        _show_head("directly")
        _netcheck()
        _show(f"blackbox_exporter, {blackbox.CLIENTS} at once", _blackbox())
        _show_head("over names")
        _netcheck_over_names()
        _show_head("through dante")
        _netcheck_through_dante()


def _netcheck() -> None:
    with _wire() as wire:
        with daemon(_config(HOSTS, PORTS, "1s")):
            body = _after_scrapes(WINDOW)
            all_of_them, count = sum_and_count("netcheck_tcp_rtt_seconds")
        known = wire.known()
    took, began = _durations(body, "connect"), _times(body)
    _show(
        f"connect, {len(HOSTS) * len(PORTS) * 2 * DELAY:.0f} in flight",
        [
            _error(known.connects[f"{host}:{port}"], began[path, host, port], took[path, host, port])
            for path, host, port in took
        ],
        is_ours=True,
    )
    truths = [took for each in known.connects.values() for _, took in each]
    off = abs(all_of_them / count - sum(truths) / len(truths)) * 1e3
    judge("the kernel's round trip, mean, off the wire's", off, GOAL_OF_THE_KERNEL, " ms")


def _netcheck_over_names() -> None:
    """The nameserver is at the far end of the wire too, and asked for A and AAAA."""
    resolvers: Settings = {"far": {"nameservers": [f"{FAR_NAMESERVER}:{nameserver.PORT}"]}}
    paths: Settings = {"direct": {"resolver": "far"}}
    settings = _config(tuple(NAMES), [FIRST_PORT], SLOWLY, resolvers=resolvers, paths=paths)
    with _wire() as wire, nameserver.nameserver(NAMES):
        with daemon(settings):
            body = _after_scrapes(WINDOW)
        known = wire.known()
    took, began = _durations(body, "resolve"), _times(body)
    _show(
        f"resolve, {len(NAMES) * 2 * 2 * DELAY / float(SLOWLY.rstrip('s')):.0f} in flight",
        [_error(known.lookups[f"{key[1]} A"], began[key], took[key]) for key in took],
        is_ours=True,
    )


def _netcheck_through_dante() -> None:
    with _wire() as wire, running_dante("0.0.0.0", "wire0"):
        paths: Settings = {name: {"proxy": f"socks5://{name}:{DANTE}"} for name in PROXIES}
        with daemon(_config(HOSTS, [FIRST_PORT], SLOWLY, paths=paths)):
            body = _after_scrapes(WINDOW)
        known = wire.known()
    began = _times(body)
    in_flight = f"{len(HOSTS) * len(PROXIES) * 2 * DELAY:.0f} in flight"
    for phase, truths in (("proxy_connect", known.connects), ("proxy_handshake", known.answers)):
        errors = [
            _error(truths[f"{key[0]}:{DANTE}"], began[key], took)
            for key, took in _durations(body, phase).items()
        ]
        _show(f"{phase}, {in_flight}", errors, is_ours=True)


def _config(hosts: Sequence[str], ports: Sequence[int], interval: str, **others: Settings) -> Settings:
    timeouts = {"connect": "1s", "resolve": interval, "proxy": interval, "tls": "1s"}
    probing: Settings = {"interval": interval, "rate": 1000, "concurrency": 1000, "timeouts": timeouts}
    return config(hosts, ports, probing=probing, metrics={"per_host": True}, **others)


def _after_scrapes(seconds: int) -> str:
    """What it says after some seconds, in which a Prometheus scrapes it."""
    for _ in range(seconds):
        time.sleep(1)
        get(PORT, "/metrics")
    return get(PORT, "/metrics").decode()


def _durations(body: str, phase: str) -> Samples:
    return _samples(body, f'netcheck_probe_phase_duration_seconds{{.*phase="{phase}"')


def _times(body: str) -> Samples:
    """When each probe began."""
    return _samples(body, "netcheck_probe_last_success_timestamp_seconds{")


def _samples(body: str, start: str) -> Samples:
    found = {}
    for line in re.findall(rf"^{start}.*$", body, re.MULTILINE):
        path, host, port = (
            re.findall(rf'[{{,]{label}="(.*?)"', line)[0] for label in ("path", "host", "port")
        )
        found[path, host, port] = float(line.rpartition(" ")[2])
    return found


def _error(known: Sequence[tuple[float, float]], began: float, took: float) -> float:
    """In milliseconds: beside what the wire saw of the connection that began then."""
    return abs(took - min(known, key=lambda each: abs(each[0] - began))[1]) * 1e3


def _blackbox() -> list[float]:
    """The error of each of its probes."""
    targets = [f"{HOSTS[number % len(HOSTS)]}:{FIRST_PORT}" for number in range(PROBES_OF_BLACKBOX)]
    with _wire() as wire, blackbox.blackbox(), ThreadPoolExecutor(blackbox.CLIENTS) as clients:
        found = list(clients.map(_ask_blackbox, targets))
        known = wire.known()
    return [_error(known.connects[target], began, took) for target, began, took in found]


def _ask_blackbox(target: str) -> tuple[str, float, float]:
    began = time.time()
    took = blackbox.probe(target)
    if took is None:
        raise SystemExit(f"blackbox_exporter cannot reach {target}")
    return target, began, took


_START_DEADLINE = 10.0
"""Seconds until the wire has a route."""


class _Wire:
    """The wire, in a process of its own; ends when it is asked what it knows."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def known(self) -> Known:
        self._process.terminate()
        out, _ = self._process.communicate(timeout=30)
        return Known(**json.loads(out))


@contextmanager
def _wire() -> Iterator[_Wire]:
    command = [sys.executable, "-m", "tests.bench.wire"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + _START_DEADLINE
            while "wire0" not in Path("/proc/net/route").read_text():
                if time.monotonic() > deadline or process.poll() is not None:
                    raise SystemExit("the wire is not there")
                time.sleep(0.02)  # nobody tells when a route is there
            yield _Wire(process)
        finally:
            process.kill()


def _show_head(how: str) -> None:
    print(f"{how:36}{'probes':>8}{'p50 ms':>9}{'p99 ms':>9}")


def _show(name: str, errors: list[float], *, is_ours: bool = False) -> None:
    """How far off the wire's time a phase's is; ours beside the goals."""
    half, most = (_quantile(errors, part) for part in (0.5, 0.99))
    print(f"{name:36}{len(errors):>8}{half:>9.3f}{most:>9.3f}")
    if is_ours:
        for part, value, goal in (("half", half, GOAL_AT_HALF), ("99 of 100", most, GOAL_AT_99)):
            if value > goal:
                print(f"ABOVE THE GOAL: {name}: {part} are {value:.2f} ms off, not {goal:g}")


def _quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


if __name__ == "__main__":
    measure()
