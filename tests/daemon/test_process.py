"""The daemon as a process of its own: routes, reload, signals."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from netcheck.config import Config, load
from netcheck.daemon import Daemon
from netcheck.model.findings import BagSeen, PushCertificate, PushCertificateFile
from netcheck.model.paths import Family, ProbePath
from netcheck.model.results import Bag, Endpoint, TlsInfo, Trust, Visit
from netcheck.model.services import Service, Timeouts
from netcheck.probe.runner import Prober
from netcheck.state import Flow
from tests.certificates import OTHER_TOPIC, TOPIC, issued
from tests.records import result, visit
from tests.test_cli import config

DEADLINE = 20.0


@dataclass
class Running:
    """A daemon under test."""

    process: subprocess.Popen[str]
    file: Path
    log: Path
    address: str = ""

    def get(self, route: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(f"http://{self.address}{route}", method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def value(self, name: str, /, **labels: str) -> float | None:
        """The sample with these labels, or None where there is none."""
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return sample.value
        return None

    def wait(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not holds():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"waited in vain for: {what}\n{self.log.read_text()}"
            time.sleep(0.02)


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def daemon(tmp_path: Path, port: int) -> Iterator[Running]:
    file = config(tmp_path, f"  ours: {{hosts: [127.0.0.1], ports: [{port}]}}")
    file.write_text("listen: 127.0.0.1:0\n" + file.read_text())
    yield from running(file, "-m", "netcheck")


def running(file: Path, *program: str) -> Iterator[Running]:
    """Runs the daemon on this config for as long as a test takes."""
    log = file.with_name("log")
    with log.open("w") as stderr:
        command = [sys.executable, *program, "run", "--config", str(file)]
        process = subprocess.Popen(command, stderr=stderr, text=True)
    daemon = Running(process, file, log)
    try:
        daemon.wait("listening", lambda: "listens on" in log.read_text())
        found = re.search(r"listens on (\S+)", log.read_text())
        assert found
        daemon.address = found[1]
        yield daemon
    finally:
        process.terminate()
        process.wait(DEADLINE)


def measured(daemon: Running) -> None:
    daemon.wait("a first success", lambda: bool(daemon.value("netcheck_probe_success", service="ours")))


def test_it_is_healthy_at_once_and_ready_after_the_first_round(daemon: Running) -> None:
    assert daemon.get("/-/healthy")[0] == 200
    daemon.wait("ready", lambda: daemon.get("/-/ready")[0] == 200)
    assert daemon.value("netcheck_probe_success", service="ours", host="127.0.0.1", family="ipv4") == 1


def test_probes_are_counted_round_after_round(daemon: Running) -> None:
    daemon.wait(
        "two probes",
        lambda: (daemon.value("netcheck_probes_total", service="ours", outcome="success") or 0) >= 2,
    )


def test_metrics_can_be_had_as_openmetrics(daemon: Running) -> None:
    status, body = daemon.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert status == 200
    assert body.endswith("# EOF\n")


def test_metrics_can_be_filtered_by_name(daemon: Running) -> None:
    _, body = daemon.get("/metrics?name[]=netcheck_build_info")
    assert [family.name for family in text_string_to_metric_families(body)] == ["netcheck_build_info"]


def test_the_status_is_what_check_prints(daemon: Running) -> None:
    measured(daemon)
    report = json.loads(daemon.get("/api/v1/status")[1])
    assert report["ready"] is True
    assert [result["host"] for result in report["results"]] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("route", "method", "status"),
    [("/none", "GET", 404), ("/metrics", "POST", 405), ("/-/reload", "GET", 405)],
)
def test_what_is_not_there_is_refused(daemon: Running, route: str, method: str, status: int) -> None:
    assert daemon.get(route, method)[0] == status


def test_the_first_page_links_to_the_others(daemon: Running) -> None:
    status, body = daemon.get("/")
    assert status == 200
    assert 'href="/metrics"' in body


def test_a_reload_takes_the_series_of_hosts_away_and_leaves_what_is_told_without_them(
    daemon: Running,
) -> None:
    measured(daemon)
    daemon.file.write_text(daemon.file.read_text() + "metrics: {per_host: false}\n")
    assert daemon.get("/-/reload", "POST")[0] == 200
    assert "netcheck_probe_success" not in daemon.get("/metrics")[1]
    assert daemon.value("netcheck_hosts", service="ours", state="reachable") == 1


def test_a_reload_keeps_counts_and_takes_the_new_config(daemon: Running, port: int) -> None:
    measured(daemon)
    before = daemon.value("netcheck_probes_total", service="ours", outcome="success")
    assert before
    text = daemon.file.read_text()
    daemon.file.write_text(
        text.replace("probing:", f"  more: {{hosts: [127.0.0.1], ports: [{port}]}}\nprobing:")
    )
    assert daemon.get("/-/reload", "POST")[0] == 200
    assert (daemon.value("netcheck_probes_total", service="ours", outcome="success") or 0) >= before
    assert daemon.value("netcheck_probes_total", service="more", outcome="success") is not None
    daemon.wait("the new service", lambda: daemon.value("netcheck_probe_success", service="more") == 1)


def test_series_of_what_is_no_longer_configured_are_gone(daemon: Running) -> None:
    measured(daemon)
    daemon.file.write_text(daemon.file.read_text().replace("ours:", "theirs:"))
    assert daemon.get("/-/reload", "POST")[0] == 200
    assert daemon.value("netcheck_probe_success", service="ours") is None
    assert daemon.value("netcheck_probes_total", service="ours") is None


def test_a_faulty_config_is_refused_and_the_old_one_stays(daemon: Running) -> None:
    measured(daemon)
    good = daemon.file.read_text()
    daemon.file.write_text(good + "nonsense: 1\n")
    status, body = daemon.get("/-/reload", "POST")
    assert status == 500
    assert "nonsense" in body
    assert daemon.value("netcheck_config_last_reload_successful") == 0
    assert daemon.value("netcheck_probe_success", service="ours") == 1
    daemon.file.write_text(good)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait("the reload", lambda: daemon.value("netcheck_config_last_reload_successful") == 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(daemon: Running, number: signal.Signals) -> None:
    daemon.process.send_signal(number)
    assert daemon.process.wait(DEADLINE) == 0
    assert "stopped" in daemon.log.read_text()


def test_a_verdict_that_changes_is_logged(daemon: Running) -> None:
    daemon.wait("the verdict", lambda: "direct for device: ready" in daemon.log.read_text())


PUSH = "netcheck_push_certificate_"
LOOK_OFTEN = (
    "import netcheck.cli.main as cli, netcheck.daemon as daemon; daemon._CERTIFICATE_CHECK = 0.05; cli.main()"
)


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Running]:
    """A daemon that probes hardly anything and looks at its push certificate all the time."""
    file = config(tmp_path, "  ours: {hosts: [127.0.0.1], ports: [1]}")
    certificates = f"push_certificates: {{mdm: {{file: mdm.pem, topic: {TOPIC}}}}}\n"
    file.write_text(f"listen: 127.0.0.1:0\n{certificates}" + file.read_text())
    yield from running(file, "-c", LOOK_OFTEN)


def test_a_push_certificate_that_is_replaced_under_the_daemon_is_noticed(watching: Running) -> None:
    def expects(readable: int, matches: int | None) -> None:
        watching.wait(
            f"readable {readable}, topic matches {matches}",
            lambda: (
                watching.value(f"{PUSH}readable", name="mdm") == readable
                and watching.value(f"{PUSH}topic_matches", name="mdm") == matches
            ),
        )

    file = watching.file.with_name("mdm.pem")
    expects(0, None)
    good = issued()
    file.write_bytes(good.key_pem() + good.pem)
    expects(1, 1)
    expires = good.certificate.not_valid_after_utc.timestamp()
    assert watching.value(f"{PUSH}not_after_timestamp_seconds", name="mdm") == expires
    file.write_bytes(issued(OTHER_TOPIC).pem)
    expects(1, 0)
    assert f"mdm: its topic is {OTHER_TOPIC}, not the one expected" in watching.log.read_text()
    file.unlink()
    expects(0, None)
    assert watching.log.read_text().count(f"mdm: {file} cannot be read: No such file or directory") == 2
    (told,) = json.loads(watching.get("/api/v1/status")[1])["push_certificates"]
    assert (told["name"], told["topic"], told["error"].startswith(str(file))) == ("mdm", None, True)


def test_a_reload_keeps_what_was_read_of_a_push_certificate_until_it_is_removed(watching: Running) -> None:
    watching.file.with_name("mdm.pem").write_bytes(issued().pem)
    watching.wait("the certificate", lambda: watching.value(f"{PUSH}readable", name="mdm") == 1)
    assert watching.get("/-/reload", "POST")[0] == 200
    assert watching.value(f"{PUSH}topic_matches", name="mdm") == 1
    text = watching.file.read_text()
    watching.file.write_text(text.replace("{mdm:", "{school:"))
    assert watching.get("/-/reload", "POST")[0] == 200
    assert watching.value(f"{PUSH}topic_matches", name="mdm") is None
    watching.wait("the new name", lambda: watching.value(f"{PUSH}topic_matches", name="school") == 1)


def test_what_is_still_wrong_with_a_push_certificate_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = config(tmp_path, "  ours: {hosts: [127.0.0.1], ports: [1]}")
    daemon = Daemon(file, load(file))
    daemon.state.configure([], [], [PushCertificateFile("mdm", tmp_path / "mdm.pem")])
    for error in ("it is gone", "it is gone", "it is broken"):
        daemon._take_push_certificate(PushCertificate("mdm", error=error))
    assert caplog.messages == ["push certificate mdm: it is gone", "push certificate mdm: it is broken"]


def test_a_bug_in_a_hold_costs_that_hold_and_not_the_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = config(tmp_path, "  ours: {hosts: [127.0.0.1], ports: [1], depth: tls, hold: 10s}")
    daemon = Daemon(file, load(file))
    turns: list[int] = []

    async def hold(*asked: object) -> None:
        turns.append(int(str(asked[-2])))
        if len(turns) == 1:
            raise RuntimeError("a bug")
        stop.cancel()

    prober = Prober(Timeouts(), {})
    monkeypatch.setattr(prober, "hold", hold)
    (service,) = load(file).services

    async def main() -> None:
        with stop:
            await daemon._hold(prober, 0.01, service, ProbePath("direct"), Family.IPV4)

    stop = trio.CancelScope()
    trio.run(main)
    assert turns == [0, 1]
    assert daemon.state.own.skipped["internal_error"] == 1
    assert caplog.messages == ["internal error in the hold of ours over direct"]


def test_a_bag_that_disagrees_is_logged_once_and_again_when_it_agrees(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    file = config(tmp_path, "  ours: {hosts: [127.0.0.1], ports: [1]}")
    daemon = Daemon(file, load(file))
    bag = Bag("courier.push.apple.com", 30, True, None, 900.0)
    differs = BagSeen(0.0, "direct", "init.test", bag, None, ("it ends at 30",))
    missing = replace(differs, bag=None, error="connect timeout", disagreements=())
    for seen in (differs, differs, missing, differs, replace(differs, disagreements=())):
        monkeypatch.setattr(daemon, "_bags", lambda seen=seen: [seen])
        daemon._announce_bags()
    assert caplog.messages == [
        "bag of init.test over direct: it ends at 30",
        "bag of init.test over direct: agrees with the config",
    ]


# `count: auto`

DOMAIN = "courier.push.apple.com"


@pytest.fixture
def auto(tmp_path: Path) -> Config:
    """Couriers on two paths, all of them in each round, as many as the bag says; and another service."""
    file = tmp_path / "auto.yaml"
    off = ", ".join(f"{name}: {{enabled: false}}" for name in ("courier2", "provider", "gateway", "feedback"))
    courier = "courier: {count: auto, hosts_per_round: all, hold: 10s}"
    ours = "ours: {hosts: [127.0.0.1], ports: [1]}"
    file.write_text(
        f"paths: {{direct: {{}}, wifi: {{}}}}\n"
        f"services: {{{off}, {courier}, bag: {{enabled: true, interval: 7d}}, {ours}}}\n"
    )
    return load(file)


def started(config: Config) -> Daemon:
    daemon = Daemon(Path("auto.yaml"), config)
    daemon._apply(config)
    return daemon


def bag_visit(count: int | None, path: str = "direct") -> Visit:
    """A fetch of the bag over TLS; None is one in vain."""
    bag = Bag(DOMAIN, count, True, None, 900.0) if count is not None else None
    found = result("bag", 443, host="init.push.apple.com", path=path)
    tls = TlsInfo("Apple", 2e9, Trust.APPLE, None)
    return visit(replace(found, attempt=replace(found.attempt, bag=bag, tls=tls)))


def take(daemon: Daemon, count: int | None, path: str = "direct") -> int:
    """The highest number of a courier after this visit."""
    daemon.state.record(bag_visit(count, path))
    daemon._take_counts()
    (courier,) = (service for service in daemon._services if service.name == "courier")
    assert courier.hosts[0] == f"0-{DOMAIN}"
    return int(courier.hosts[-1].partition("-")[0])


def test_a_new_number_of_couriers_is_logged_once(auto: Config, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    daemon = started(auto)
    assert [take(daemon, count) for count in (None, 30, 30, None, 60)] == [50, 30, 30, 30, 60]
    assert caplog.messages == [
        f"courier: the bag's hosts are now 0-{DOMAIN} to {last}-{DOMAIN}" for last in (30, 60)
    ]


def test_a_reload_keeps_the_number_of_couriers_until_the_path_that_said_it_is_gone(auto: Config) -> None:
    daemon = started(auto)
    assert take(daemon, 30, "direct") == 30
    assert take(daemon, 60, "wifi") == 60
    host = f"60-{DOMAIN}"
    daemon.state.record(visit(result("courier", 443, host=host)))
    daemon._apply(replace(auto))
    assert Endpoint("courier", host, 443, "direct", Family.IPV4) in daemon.state.endpoints
    assert take(daemon, None) == 60
    daemon._apply(replace(auto, paths=auto.paths[:1]))
    assert take(daemon, None) == 30


def test_a_new_number_of_couriers_keeps_counts_and_last_results(auto: Config) -> None:
    daemon = started(auto)
    for host in (f"7-{DOMAIN}", f"40-{DOMAIN}"):
        daemon.state.record(visit(result("courier", 443, host=host)))
    daemon.state.record(visit(result("ours", 1, host="127.0.0.1")))
    take(daemon, 30)
    counted = daemon.state.flows[Flow("courier", 443, "direct")].probes
    assert sum(counted.values()) == 2
    assert {e.host for e in daemon.state.endpoints} == {
        f"7-{DOMAIN}",
        "127.0.0.1",
        "init.push.apple.com",
    }


class Stand:
    """In place of a prober: visits and holds take no time, and each bag says the same."""

    def __init__(self, stop_after: int = 0, count: int = 0) -> None:
        self.begun: list[tuple[str, str]] = []
        self.held: list[str] = []
        self.stop = trio.CancelScope()
        self._stop_after, self._count = stop_after, count

    async def visit(self, service: Service, host: str, path: ProbePath, *_: object) -> Visit:
        self.begun.append((service.name, host))
        if len(self.begun) == self._stop_after:
            self.stop.cancel()
        if service.bag:
            return bag_visit(self._count, path.name)
        await trio.lowlevel.checkpoint()
        return visit(*(result(service, port, host=host, path=path.name) for port in service.ports))

    async def hold(self, service: Service, *_: object) -> None:
        self.held.append(service.hosts[-1])
        self.stop.cancel()


@pytest.mark.parametrize(("count", "stop_after"), [(2, 150), (60, 400)])
def test_from_its_bag_on_just_the_couriers_that_it_speaks_of_are_visited(
    auto: Config, count: int, stop_after: int
) -> None:
    config = replace(auto, probing=replace(auto.probing, interval=0.1))
    daemon, stand = started(config), Stand(stop_after, count)

    async def main() -> None:
        with trio.fail_after(DEADLINE), stand.stop:
            await daemon._run_schedule(config, stand, trio.current_time())  # type: ignore[arg-type] # stands in

    trio.run(main)
    fetches = [number for number, (name, _) in enumerate(stand.begun) if name == "bag"]
    assert (
        len(fetches) == 4
    )  # once in so many rounds, from two addresses over two paths: no new number repeats it
    after = {host for name, host in stand.begun[fetches[0] :] if name == "courier"}
    assert after == {f"{number}-{DOMAIN}" for number in range(count + 1)}
    shown = {endpoint.host for endpoint in daemon.state.endpoints if endpoint.service == "courier"}
    assert shown == after
    assert daemon.ready


def test_a_visit_to_a_courier_that_a_bag_has_taken_away_meanwhile_is_not_shown(auto: Config) -> None:
    daemon = started(auto)
    begun: list[str] = []

    class Slow(Stand):
        async def visit(self, service: Service, host: str, path: ProbePath, *_: object) -> Visit:
            begun.append(host)
            if host == f"40-{DOMAIN}":
                take(daemon, 30)
                self.stop.cancel()
            return visit(*(result(service, port, host=host, path=path.name) for port in service.ports))

    stand = Slow()
    config = replace(auto, probing=replace(auto.probing, interval=0.1))
    daemon._config = config

    async def main() -> None:
        with trio.fail_after(DEADLINE), stand.stop:
            await daemon._run_schedule(config, stand, trio.current_time())  # type: ignore[arg-type] # stands in

    trio.run(main)
    assert f"40-{DOMAIN}" in begun
    assert f"40-{DOMAIN}" not in {endpoint.host for endpoint in daemon.state.endpoints}


def test_the_next_hold_is_of_the_couriers_that_the_bag_speaks_of(auto: Config) -> None:
    daemon, stand = started(auto), Stand()
    (planned,) = (service for service in auto.services if service.name == "courier")
    take(daemon, 30)

    async def main() -> None:
        with trio.fail_after(DEADLINE), stand.stop:
            await daemon._hold(stand, 0.01, planned, ProbePath("direct"), Family.IPV4)  # type: ignore[arg-type] # stands in

    trio.run(main)
    assert stand.held == [f"30-{DOMAIN}"]
