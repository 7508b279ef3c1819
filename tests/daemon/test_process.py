"""The daemon as a process of its own: routes, reload, signals, log."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.configs import daemon_config, ours
from tests.connections import ESTABLISHED, has_connection_to
from tests.daemon.running import DEADLINE, Running, running
from tests.daemon.tls_server import TlsServer, tls_server


@pytest.fixture
def daemon(tmp_path: Path, port: int) -> Iterator[Running]:
    file = daemon_config(tmp_path, services=ours(port))
    with running(file) as daemon:
        yield daemon


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


def test_the_status_is_what_check_prints(daemon: Running) -> None:
    measured(daemon)
    report = json.loads(daemon.get("/api/v1/status")[1])
    assert report["ready"] is True
    assert [result["host"] for result in report["results"]] == ["127.0.0.1"]


def test_a_reload_takes_the_series_of_hosts_away_and_leaves_what_is_told_without_them(
    daemon: Running,
) -> None:
    measured(daemon)
    daemon.file.write_text(daemon.file.read_text().replace("per_host: true", "per_host: false"))
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
    assert "there is no such key" in body
    assert daemon.value("netcheck_config_last_reload_successful") == 0
    assert daemon.value("netcheck_probe_success", service="ours") == 1
    daemon.file.write_text(good)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait("the reload", lambda: daemon.value("netcheck_config_last_reload_successful") == 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(daemon: Running, number: signal.Signals) -> None:
    daemon.process.send_signal(number)
    assert daemon.process.wait(DEADLINE) == 0
    assert "stopped" in daemon.logged()


def test_a_verdict_that_changes_is_logged(daemon: Running) -> None:
    daemon.wait("the verdict", lambda: "direct for device: ready\n" in daemon.logged())


def blocks_hangups(process: subprocess.Popen[str]) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    blocked = next(line for line in status.splitlines() if line.startswith("SigBlk:"))  # proc_pid_status(5)
    return bool(int(blocked.split()[1], 16) & 1 << (signal.SIGHUP - 1))


def test_a_reload_that_is_asked_for_too_early_waits_until_it_can_be(tmp_path: Path, port: int) -> None:
    file = daemon_config(tmp_path, services=ours(port))
    command = [sys.executable, "-m", "netcheck", "run", "--config", str(file)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stderr=log, text=True)
    daemon = Running(process, file, tmp_path / "log")
    try:
        daemon.wait("the beginning", lambda: blocks_hangups(process))
        process.send_signal(signal.SIGHUP)
        daemon.wait("the reload", lambda: "configuration reloaded" in daemon.logged())
    finally:
        process.kill()
        process.wait()


def test_what_a_reload_changes_is_logged_in_words(daemon: Running) -> None:
    text = daemon.file.read_text()
    daemon.file.write_text(
        text.replace("paths:\n", "paths:\n  wifi: {}\n").replace("interval: 2s", "interval: 3s")
    )
    assert daemon.get("/-/reload", "POST")[0] == 200
    assert "path wifi is new; probing.interval is 3s, was 2s\n" in daemon.logged()
    assert daemon.get("/-/reload", "POST")[0] == 200
    assert "nothing has changed\n" in daemon.logged()


def test_all_that_is_wrong_with_a_file_is_one_line_of_the_log(daemon: Running) -> None:
    daemon.file.write_text(daemon.file.read_text() + "nonsense: 1\nrubbish: 2\n")
    assert daemon.get("/-/reload", "POST")[0] == 500
    (line,) = [line for line in daemon.logged().splitlines() if "reload refused" in line]
    assert line.count("there is no such key") == 2


def test_a_config_that_nobody_writes_holds_up_no_scrape_and_no_signal(daemon: Running) -> None:
    daemon.file.unlink()
    os.mkfifo(daemon.file)
    daemon.process.send_signal(signal.SIGHUP)
    assert daemon.get("/-/healthy")[0] == 200
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(DEADLINE) == 0


def test_what_a_reload_brings_that_is_warned_of_is_warned_of_once(daemon: Running) -> None:
    daemon.file.write_text(daemon.file.read_text() + 'resolvers: {odd: "fd00::10:53"}\n')
    assert daemon.get("/-/reload", "POST")[0] == 200
    assert daemon.get("/-/reload", "POST")[0] == 200
    assert daemon.logged().count("resolvers.odd.nameservers: fd00::10:53 is an address as a whole") == 1


def test_a_file_that_is_replaced_is_taken_over_where_that_is_asked_for(tmp_path: Path, port: int) -> None:
    file = daemon_config(tmp_path, services=ours(port))
    with running(file, "--reload-on-change") as daemon:
        other = tmp_path / "other.yaml"
        other.write_text(file.read_text().replace("paths:\n", "paths:\n  wifi: {}\n"))
        other.replace(file)
        daemon.wait("the reload", lambda: "path wifi is new" in daemon.logged())


def test_a_password_that_is_replaced_is_taken_over_and_what_sighup_took_is_not_taken_twice(
    tmp_path: Path, port: int
) -> None:
    password = tmp_path / "password"
    password.write_text("before")
    file = daemon_config(tmp_path, services=ours(port))
    squid = "{proxy: 'http://127.0.0.1:1', username: svc, password_file: password}"
    file.write_text(file.read_text().replace("paths:\n", f"paths:\n  squid: {squid}\n"))
    with running(file, "--reload-on-change") as daemon:
        password.write_text("after")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait("the reload", lambda: "path squid has changed: proxies" in daemon.logged())
        password.write_text("later")
        daemon.wait("another", lambda: daemon.logged().count("path squid has changed: proxies") == 2)
        assert daemon.logged().count("configuration reloaded") == 2
        assert f"{password} has changed" in daemon.logged()


# Reload storms


def counted(daemon: Running, **labels: str) -> float:
    return daemon.value("netcheck_probes_total", **labels) or 0.0


def test_reloads_without_end_lose_no_probe_and_no_scrape(daemon: Running, port: int) -> None:
    measured(daemon)
    text = daemon.file.read_text()
    more = text.replace("probing:", f"  more: {{hosts: [127.0.0.1], ports: [{port}]}}\nprobing:")
    counts = [counted(daemon, service="ours", outcome="success")]
    reloads = 0
    while counts[-1] < counts[0] + 2:
        for content in (more, text):
            daemon.file.write_text(content)
            assert daemon.get("/-/reload", "POST")[0] == 200
            reloads += 1
            counts.append(counted(daemon, service="ours", outcome="success"))
        assert daemon.process.poll() is None
    assert reloads > 2
    assert counts == sorted(counts)


@pytest.fixture
def silent_daemon(tmp_path: Path, port: int) -> Iterator[Running]:
    """Its visits end by their deadlines only: the peer takes connections and says nothing."""
    services = ours(port, also=", depth: tls")
    with running(daemon_config(tmp_path, services=services)) as daemon:
        yield daemon


def test_visits_that_outlast_many_reloads_are_counted(silent_daemon: Running) -> None:
    failed = {"path": "direct", "phase": "tls", "reason": "tls_timeout"}
    text, reloads = silent_daemon.file.read_text(), 0
    while not silent_daemon.value("netcheck_probe_failures_total", **failed):
        silent_daemon.file.write_text(f"{text}verdict: {{failures: {2 + reloads % 2}}}\n")
        assert silent_daemon.get("/-/reload", "POST")[0] == 200
        reloads += 1
        assert silent_daemon.process.poll() is None
    assert reloads > 2


def test_many_reloads_at_once_are_few(daemon: Running) -> None:
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(daemon.get("/-/reload", "POST")[0])) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 20
    assert daemon.logged().count("configuration reloaded") < 20


# Its end


def test_it_ends_within_two_seconds_in_a_round(silent_daemon: Running, port: int) -> None:
    silent_daemon.wait("a visit under way", lambda: has_connection_to(port, ESTABLISHED))
    silent_daemon.process.send_signal(signal.SIGTERM)
    assert silent_daemon.ended_within(2.0) == 0


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Running, TlsServer]]:
    """A daemon that holds a connection idle, and who it is to."""
    with tls_server(tmp_path) as server:
        what = f", depth: tls, ca_file: {server.ca_file}, hold: 1h"
        with running(daemon_config(tmp_path, services=ours(server.port, also=what))) as daemon:
            daemon.wait("a hold", server.held)
            yield daemon, server


def test_it_ends_within_two_seconds_in_a_hold(held: tuple[Running, TlsServer]) -> None:
    daemon, _ = held
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.ended_within(2.0) == 0


def test_a_hold_goes_on_through_reloads_that_keep_it_and_ends_with_one_that_does_not(
    held: tuple[Running, TlsServer],
) -> None:
    daemon, server = held
    text = daemon.file.read_text()
    since = time.monotonic()
    for interval in range(3, 13):
        daemon.file.write_text(text.replace("interval: 2s", f"interval: {interval}s"))
        assert daemon.get("/-/reload", "POST")[0] == 200
    assert server.held(time.monotonic() - since)
    daemon.file.write_text(text.replace(", hold: 1h", ""))
    assert daemon.get("/-/reload", "POST")[0] == 200
    daemon.wait("its end", lambda: not server.held(time.monotonic() - since))


# Its log


def test_a_verdict_as_json_has_its_parts_as_fields(tmp_path: Path) -> None:
    file = daemon_config(tmp_path)
    with running(file, "--log-format", "json") as daemon:
        daemon.wait("the verdict", lambda: "not_ready" in daemon.logged())
        lines = [json.loads(line) for line in daemon.logged().splitlines()]
    said = next(line for line in lines if line.get("verdict"))
    assert (said["path"], said["role"], said["verdict"], said["level"]) == (
        "direct",
        "device",
        "not_ready",
        "warning",
    )
    assert {"cause", "hop"} <= said.keys()
    assert said["message"].startswith(f"direct for device: not_ready, {said['cause']} ({said['hop']}): ")


def test_failures_are_told_at_debug_and_only_there(tmp_path: Path) -> None:
    file = daemon_config(tmp_path)
    with running(file, "--log-level", "debug") as daemon:
        failure = "direct: ours 127.0.0.1:1: connect refused: "
        daemon.wait("the failure", lambda: failure in daemon.logged())


def test_under_the_journal_each_line_has_its_priority(tmp_path: Path) -> None:
    file = daemon_config(tmp_path)
    log = tmp_path / "log"
    log.touch()  # opening it again keeps its inode
    journal = f"{log.stat().st_dev}:{log.stat().st_ino}"
    with running(file, environment={"JOURNAL_STREAM": journal}) as daemon:
        daemon.wait("the verdict", lambda: "not_ready" in daemon.logged())
        lines = daemon.logged().splitlines()
    assert lines[0].startswith("<6>netcheck ")
    assert lines[1].startswith("<4>direct for device: not_ready, ")
