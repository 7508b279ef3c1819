"""A fleet of 1,000 sites in one real Prometheus: how long what one asks of it takes, and the rules.

The sites are simulated: they expose what the daemon would, with `per_host: false`, in networks some of
which fail. A quarter of them have a web proxy beside the direct path. Prometheus scrapes them all the while.
By the end it has seen each only a few times: over hours of data, questions about rates take longer.

The peer is what blackbox_exporter has for the same question: `probe_success` for each host and port of a
site, in the same Prometheus. A few sites more come with `per_host: true`, to show what that costs.
"""

import contextlib
import functools
import http.server
import json
import multiprocessing
import shutil
import socket
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from netcheck.apns.services import BUILT_IN
from netcheck.export.negotiate import Exporter
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import ProbePath, Proxy, ProxyScheme, ResolveMode
from netcheck.model.services import Service, ports_on, targets
from tests.bench.network import Fault, Network, nothing_fails
from tests.bench.processes import ROOT, answers, memory, process
from tests.export.states import scraped
from tests.ports import free_port

SITES = 1000
PER_HOST_SITES = 10
"""Sites with `per_host: true`, beyond the others."""

GOAL = 0.10
"""The most that the list of what is not ready may take, as a part of what it takes the peer."""

RUNS = 5
INTERVAL = 30  # seconds between the scrapes of a site, and between the evaluations of a rule
SCRAPES = 2  # of every site, before anything is asked: no rate without
DEADLINE = 150  # seconds for each wait
VERSIONS = 8
"""Scrapes of a site that differ; those after them repeat the last."""

SERVICES = tuple(
    each.service for each in BUILT_IN if each.service.name in ("courier", "courier2", "provider")
)
PATHS = (
    ProbePath("direct"),
    ProbePath("web-proxy", (Proxy(ProxyScheme.HTTP, "192.0.2.1", 3128, resolve=ResolveMode.PROXY),)),
)


def port_blocked(_: Service, port: int, path: ProbePath) -> Failure | None:
    blocked = port == 5223 and not path.is_proxied
    return Failure(Phase.CONNECT, Reason.TIMEOUT) if blocked else None


def proxy_down(_: Service, _port: int, path: ProbePath) -> Failure | None:
    return Failure(Phase.PROXY_CONNECT, Reason.REFUSED) if path.is_proxied else None


def proxy_denies(_: Service, port: int, path: ProbePath) -> Failure | None:
    denied = path.is_proxied and port != 443
    return Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED) if denied else None


def intercepted(_: Service, _port: int, _path: ProbePath) -> Failure | None:
    return Failure(Phase.TLS, Reason.TLS_INTERCEPTED)


FAULTS: Sequence[tuple[int, Fault]] = (
    (40, port_blocked),
    (30, proxy_down),
    (20, proxy_denies),
    (10, intercepted),
)
"""Of 1,000 sites so many have this fault, and all others have none."""


def fault_at(number: int) -> Fault:
    """Spread over the numbers of the sites, so that every part of them has its share."""
    place = number * 389 % 1000  # 389 is prime to 1,000
    for share, fault in FAULTS:
        if place < share:
            return fault
        place -= share
    return nothing_fails


def paths_at(number: int) -> tuple[ProbePath, ...]:
    return PATHS if number % 4 == 0 else PATHS[:1]


@functools.cache
def expositions(fault: Fault, paths: tuple[ProbePath, ...], per_host: bool) -> list[bytes]:
    """What a site exposes from one scrape to the next, after a first visit to every host."""
    network = Network(SERVICES, paths, start=time.time())
    exporter = Exporter(per_host)
    bodies = []
    for share in (1.0, *[0.1] * (VERSIONS - 1)):
        network.visit(share, fault)
        bodies.append(scraped(exporter, network.facts())[0])
    return bodies


@functools.cache
def blackbox_exposition(fault: Fault) -> bytes:
    """`probe_success` for what netcheck visits directly, with a target for each host and port."""
    direct = PATHS[0]
    lines = [
        f'probe_success{{instance="{host}:{port}"}} {int(fault(service, port, direct) is None)}\n'
        for service, path in targets(SERVICES, [direct])
        for host in service.hosts
        for port in ports_on(service, path)
    ]
    return "".join(lines).encode()


def body_at(kind: str, number: int, turn: int) -> bytes:
    """What a site answers to its scrape number `turn`, from 0."""
    fault = fault_at(number)
    if kind == "blackbox":
        return blackbox_exposition(fault)
    bodies = expositions(fault, paths_at(number), kind == "per-host")
    return bodies[min(turn, VERSIONS - 1)]


def serve_fleet(listener: socket.socket) -> None:
    """Answer the scrapes of `/KIND/NUMBER` on a listening socket until the process ends."""
    asked: Counter[str] = Counter()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, kind, number = self.path.split("/")
            body = body_at(kind, int(number), asked[self.path])
            asked[self.path] += 1
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(listener.getsockname(), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.serve_forever()


@contextmanager
def fleet() -> Iterator[int]:
    """The sites, in a process of their own; gives their port."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        child = multiprocessing.get_context("fork").Process(target=serve_fleet, args=(listener,), daemon=True)
        child.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            child.terminate()
            child.join(10)


def scrape_jobs(port: int) -> list[dict[str, Any]]:
    """Every site is a target with its name as a label, as if file or HTTP discovery had found it."""

    def job(name: str, kind: str, site: str, count: int, **more: object) -> dict[str, Any]:
        labels = [{"site": f"{site}-{n}", "__metrics_path__": f"/{kind}/{n}"} for n in range(count)]
        groups = [{"targets": [f"127.0.0.1:{port}"], "labels": each} for each in labels]
        return {"job_name": name, "static_configs": groups, **more}

    return [
        job("netcheck", "netcheck", "site", SITES),
        job("netcheck-per-host", "per-host", "wide", PER_HOST_SITES),
        job("blackbox", "blackbox", "site", SITES, honor_labels=True),
    ]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the fleet, and the same in PromQL."""

    words: str
    promql: str


PEER = Question("blackbox_exporter: sites where something fails", "min by (site) (probe_success) == 0")
NOT_READY = Question("paths and roles that are not ready", "netcheck_ready == 0")
QUESTIONS = (
    PEER,
    NOT_READY,
    Question("the ten worst sites", "topk(10, sum by (site) (1 - netcheck_ready))"),
    Question(
        "paths by cause and hop",
        "sum by (cause, hop) (max by (site, path, cause, hop) (netcheck_verdict_cause)) > 0",
    ),
    Question(
        "sites and services with hosts that do not answer",
        'sum by (site, service) (netcheck_hosts{state="unreachable"}) > 0',
    ),
    Question(
        "silent sites",
        'group by (site) (last_over_time(up{job="netcheck"}[1d])) '
        'unless group by (site) (up{job="netcheck"})',
    ),
    Question(
        "reasons of failures, per second",
        "topk(10, sum by (phase, reason) (rate(netcheck_probe_failures_total[5m])))",
    ),
    Question(
        "95th percentile of TLS, by site",
        "histogram_quantile(0.95, sum by (site, le) "
        '(rate(netcheck_probe_duration_seconds_bucket{phase="tls"}[5m])))',
    ),
    Question(
        f"hosts that do not answer, of {PER_HOST_SITES} sites",
        'sum by (site) (netcheck_hosts{site=~"wide-.*",state="unreachable"})',
    ),
    Question(
        "    the same with per_host: true, host by host",
        'sum by (site) (1 - netcheck_probe_success{site=~"wide-.*"})',
    ),
)


class Prometheus:
    """A running one, as its API shows it."""

    def __init__(self, port: int, config: Path) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._config = config

    def ask(self, promql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._get(f"/api/v1/query?query={quote(promql)}")["result"]
        return found

    def number(self, promql: str) -> float:
        found = self.ask(promql)
        return float(found[0]["value"][1]) if found else 0.0

    def groups(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._get("/api/v1/rules")["groups"]
        return found

    def configure(self, settings: Mapping[str, object]) -> None:
        self._config.write_text(json.dumps(settings))  # JSON is YAML
        reload = urllib.request.Request(f"{self._url}/-/reload", method="POST")
        urllib.request.urlopen(reload, timeout=DEADLINE).close()

    def _get(self, route: str) -> Any:
        with urllib.request.urlopen(f"{self._url}{route}", timeout=DEADLINE) as answer:
            return json.load(answer)["data"]


def wait_until(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain for {what}")
        time.sleep(1)  # the bench has nothing else to do, and Prometheus tells nobody when it is done


def main(rules: Path = ROOT / "config" / "prometheus") -> None:
    """Fill a Prometheus, ask it, give it the rules in this folder, and print the tables."""
    if shutil.which("prometheus") is None:
        print("skipped: prometheus not installed")
        return
    with tempfile.TemporaryDirectory() as name, fleet() as sites:
        config = Path(name, "prometheus.yml")
        settings: dict[str, object] = {
            "global": {"scrape_interval": f"{INTERVAL}s", "evaluation_interval": f"{INTERVAL}s"},
            "scrape_configs": scrape_jobs(sites),
        }
        config.write_text(json.dumps(settings))
        port = free_port()
        flags = [
            f"--storage.tsdb.path={name}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-lifecycle",
        ]
        command = ["prometheus", f"--config.file={config}", "--log.level=error", *flags]
        with process(command, lambda: answers(port, "/-/ready")) as pid:
            prometheus = Prometheus(port, config)
            measure(prometheus, settings, rules)
            print(f"Prometheus's memory at the end: {memory(pid) / 1e9:.1f} GB")


def measure(prometheus: Prometheus, settings: Mapping[str, object], rules: Path) -> None:
    targets_in_all = 2 * SITES + PER_HOST_SITES
    full = f"count(count_over_time(up[{DEADLINE}s]) >= {SCRAPES}) == {targets_in_all}"
    wait_until("every site to be scraped", lambda: bool(prometheus.ask(full)))
    print_sizes(prometheus)
    print_questions(prometheus)
    files = [str(file) for file in (rules / "recording.yml", rules / "alerts.yml") if file.exists()]
    if not files:
        print("no rules: there is no recording.yml and no alerts.yml")
        return
    prometheus.configure({**settings, "rule_files": files})
    wait_until("the rules", lambda: all(group["evaluationTime"] > 0 for group in prometheus.groups()))
    print_rules(prometheus.groups())


def print_sizes(prometheus: Prometheus) -> None:
    for job, count in (("netcheck", SITES), ("netcheck-per-host", PER_HOST_SITES), ("blackbox", SITES)):
        series = prometheus.number(f'sum(scrape_samples_scraped{{job="{job}"}})')
        print(f"{job:20}{count:>6} sites{series:>12.0f} series{series / count:>9.0f} a site")


def print_questions(prometheus: Prometheus) -> None:
    """Medians; the questions take turns, so that what else the machine does falls on all of them."""
    seconds: dict[Question, list[float]] = {question: [] for question in QUESTIONS}
    answered = dict.fromkeys(QUESTIONS, 0)
    for _ in range(RUNS):
        for question in QUESTIONS:
            start = time.perf_counter()
            answered[question] = len(prometheus.ask(question.promql))
            seconds[question].append(time.perf_counter() - start)
    peer = median(seconds[PEER])
    print(f"\n{'':50}{'answers':>9}{'ms':>9}{'ratio':>8}")
    for question, times in seconds.items():
        took = median(times)
        print(f"{question.words:50}{answered[question]:>9}{took * 1e3:>9.1f}{took / peer:>8.3f}")
    ratio = median(seconds[NOT_READY]) / peer
    print(f"goal for what is not ready: a ratio of at most {GOAL:.2f}")
    if ratio > GOAL:
        print(f"ABOVE THE GOAL: {ratio / GOAL:.1f} times what it may take")


def print_rules(groups: Sequence[Mapping[str, Any]]) -> None:
    """A group that takes longer than its interval misses evaluations."""
    print(f"\n{'group of rules':30}{'rules':>7}{'alerts':>8}{'seconds':>9}{'of its interval':>17}")
    for group in groups:
        alerts = sum(len(rule.get("alerts", ())) for rule in group["rules"])
        took, share = group["evaluationTime"], group["evaluationTime"] / group["interval"]
        print(f"{group['name']:30}{len(group['rules']):>7}{alerts:>8}{took:>9.2f}{share:>17.1%}")
        if share > 1:
            print(f"TOO SLOW: {group['name']} takes longer than its interval")
        for rule in group["rules"]:
            if rule["health"] != "ok":
                print(f"NOT EVALUATED: {rule['name']}: {rule.get('lastError')}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
