"""What a running daemon shows people: the page, its files, incidents, events, and a probe on request."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.configs import daemon_config, ours
from tests.daemon.running import DEADLINE, Running, running
from tests.programs import give_up


@pytest.fixture(scope="module")
def target() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield server


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, target: socket.socket) -> Path:
    folder = tmp_path_factory.mktemp("daemon")
    return daemon_config(folder, "history: {file: netcheck.db}", services=ours(target.getsockname()[1]))


@pytest.fixture(scope="module")
def daemon(file: Path) -> Iterator[Running]:
    with running(file) as daemon:
        daemon.wait("a verdict", lambda: "Push works." in daemon.get("/")[1])
        yield daemon


def test_the_page_is_served_with_all_that_it_needs(daemon: Running) -> None:
    status, page = daemon.get("/")
    assert status == 200
    for name, begins in (("page.css", ":root"), ("page.js", "//"), ("icon.svg", "<svg")):
        address = next(part for part in page.split('"') if part.startswith(f"/assets/{name}?"))
        status, body = daemon.get(address)
        assert (status, body.startswith(begins)) == (200, True)
    assert daemon.get("/assets/page.py")[0] == 404
    assert daemon.get("/assets/../page.py")[0] == 404


def test_incidents_come_with_how_available_paths_were(daemon: Running) -> None:
    daemon.wait("time passes", lambda: '"ratio": 1.0' in daemon.get("/api/v1/incidents")[1])
    told = json.loads(daemon.get("/api/v1/incidents?since=1h")[1])
    assert told["incidents"] == []
    (availability, *_) = told["availability"]
    assert (availability["path"], availability["ratio"]) == ("direct", 1.0)


@pytest.mark.parametrize("since", ["soon", "-1h", "7", "%00", "1h%0d%0aX:1"])
def test_a_time_that_is_none_is_refused(daemon: Running, since: str) -> None:
    status, text = daemon.get(f"/api/v1/incidents?since={since}")
    assert (status, text.startswith("since: ")) == (400, True)


def test_a_time_before_all_times_is_from_the_beginning(daemon: Running) -> None:
    status, body = daemon.get("/api/v1/incidents?since=99999999d")
    assert (status, json.loads(body)["since"]) == (200, "1970-01-01T00:00:00.000Z")


@contextmanager
def listener(daemon: Running) -> Iterator[socket.socket]:
    """Who has just asked for the events."""
    host, _, port = daemon.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as client:
        client.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        yield client


def heard(client: socket.socket, what: bytes, count: int = 1) -> bytes:
    """All until it was heard so often."""
    data = b""
    while data.count(what) < count:
        data += client.recv(65536)
    return data


def events(daemon: Running, count: int) -> list[str]:
    """The first events of a stream."""
    with listener(daemon) as client:
        data = heard(client, b"event: ", count)
    assert b"Content-Type: text/event-stream" in data
    return [line for line in data.decode().splitlines() if line.startswith(("event: ", "data: "))]


def test_a_stream_begins_with_how_it_stands_and_goes_on(daemon: Running) -> None:
    kind, data, *later = events(daemon, 2)
    assert kind == "event: status"
    told = json.loads(data.removeprefix("data: "))
    assert told["ready"] is True
    assert told["verdicts"][0] == {
        "path": "direct",
        "role": "device",
        "verdict": "ready",
        "cause": None,
        "hop": None,
    }
    assert later[0] in ("event: status", "event: alive")


def test_so_many_streams_and_no_more(daemon: Running) -> None:
    with ExitStack() as clients:
        for _ in range(16):
            heard(clients.enter_context(listener(daemon)), b"event: status")
        status, text = daemon.get("/api/v1/events")
        assert (status, text) == (503, "Too many pages listen already; ask /api/v1/status instead.\n")
    daemon.wait("a place is free again", lambda: _has_stream(daemon))


def _has_stream(daemon: Running) -> bool:
    with listener(daemon) as client:
        return client.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_probe_says_every_phase(daemon: Running) -> None:
    status, text = daemon.get("/probe?path=direct&service=ours&host=127.0.0.1")
    assert status == 200
    assert "ours 127.0.0.1:" in text
    assert "connect" in text
    assert " ms  ok" in text


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "say which path; there is: direct"),
        ("?path=web&service=ours&host=127.0.0.1", "no such path in the configuration; there is: direct"),
        (
            "?path=direct&service=courier&host=127.0.0.1",
            "no such service in the configuration; there is: ours",
        ),
        (
            "?path=direct&service=ours&host=192.0.2.1",
            "no such host in the configuration; there is: 127.0.0.1",
        ),
        ("?path=direct&service=ours&host=%3Cscript%3E", "no such host in the configuration"),
    ],
)
def test_what_is_not_configured_is_not_probed(daemon: Running, query: str, says: str) -> None:
    status, text = daemon.get(f"/probe{query}")
    assert (status, text.startswith(says)) == (404, True)
    assert "script" not in text


@pytest.mark.parametrize(
    ("route", "says"),
    [
        (
            "/probe?path=direct&service=ours&host=127.0.0.1&port=443",
            "'port' here; there is: path, service, host.",
        ),
        ("/probe?path=direct&service=ours&host=127.0.0.1&port=", "'port' here"),
        ("/probe?%3Cb%3E%E2%80%A8=1", "'<b>\\u2028' here"),
        ("/api/v1/incidents?sinze=1d", "'sinze' here; there is: since."),
        ("/api/v1/status?path=direct", "'path' here."),
        ("/api/v1/events?path=direct", "'path' here."),
    ],
)
def test_a_parameter_that_would_do_nothing_is_refused(daemon: Running, route: str, says: str) -> None:
    status, text = daemon.get(route)
    assert status == 400
    assert text.startswith(f"There is no parameter {says}")


def test_probes_on_request_are_counted_nowhere_and_few(daemon: Running) -> None:
    route = "/probe?path=direct&service=ours&host=127.0.0.1"
    answers = [daemon.get(route)[0] for _ in range(15)]
    assert answers.count(429) >= 3
    assert set(answers) == {200, 429}
    assert "try again" in daemon.get(route)[1]


def test_the_daemon_goes_on_while_the_disk_of_its_history_is_full(tmp_path: Path, closed_port: int) -> None:
    """The disk is there for the daemon only, and has room for less than SQLite needs to begin."""
    if os.geteuid() != 0:
        give_up("needs root on Linux, to mount a disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    file = daemon_config(tmp_path, "history: {file: disk/netcheck.db}", services=ours(closed_port))
    mount = 'mount -t tmpfs -o size=8k none "$0" && exec "$@"'
    with running(file, under=("unshare", "-m", "sh", "-ec", mount, str(disk))) as daemon:
        daemon.wait("a warning", lambda: "incidents are kept in memory until it can" in daemon.logged())
        daemon.wait("an incident", lambda: bool(_incidents(daemon)))
        assert "cannot use ours" in daemon.get("/")[1]
        assert "internal error" not in daemon.logged()


def test_the_daemon_goes_on_with_a_history_that_cannot_be_written(
    tmp_path: Path, target: socket.socket
) -> None:
    services = ours(target.getsockname()[1])
    file = daemon_config(tmp_path, "history: {file: none/netcheck.db}", services=services)
    with running(file) as daemon:
        daemon.wait("a warning", lambda: "incidents are kept in memory until it can" in daemon.logged())
        daemon.wait("a verdict", lambda: "Push works." in daemon.get("/")[1])
        assert daemon.get("/api/v1/incidents")[0] == 200


def test_an_incident_outlives_the_daemon(tmp_path: Path, closed_port: int) -> None:
    file = daemon_config(tmp_path, "history: {file: netcheck.db}", services=ours(closed_port))
    with running(file) as daemon:
        daemon.wait("an incident", lambda: bool(_incidents(daemon)))
        began = _incidents(daemon)[0]["began"]
    with running(file) as daemon:
        daemon.wait("the file is read", lambda: bool(_incidents(daemon)))
        assert _incidents(daemon)[0]["began"] == began
        assert _incidents(daemon)[0]["ended"] is None
        assert "connect" in str(_incidents(daemon)[0]["transcript"])


def test_an_incident_begins_with_the_first_verdict_long_before_everything_was_visited(
    tmp_path: Path, closed_port: int
) -> None:
    file = daemon_config(tmp_path, services=ours(closed_port))
    file.write_text(file.read_text().replace("interval: 2s", "interval: 10m"))
    with running(file) as daemon:
        daemon.wait("an incident", lambda: bool(_incidents(daemon)))
        assert daemon.get("/-/ready")[0] == 503
        assert "Since 2" in daemon.get("/")[1]


def _incidents(daemon: Running) -> list[dict[str, object]]:
    told: list[dict[str, object]] = json.loads(daemon.get("/api/v1/incidents")[1])["incidents"]
    return told
