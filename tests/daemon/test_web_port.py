"""The web port of the daemon as a process: logins, certificates that change, reloads, starvation, its end."""

import base64
import fcntl
import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.configs import daemon_config
from tests.daemon.running import DEADLINE, Running, running
from tests.web.pems import Pems, pems


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Running]:
    with running(daemon_config(tmp_path)) as daemon:
        yield daemon


@pytest.fixture
def issued(tmp_path: Path) -> Pems:
    return pems(tmp_path)


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


# What protects it


@pytest.fixture
def exporters_file(tmp_path: Path, issued: Pems) -> Path:
    """As one writes it for node_exporter."""
    issued.server()
    _ = issued.ca
    file = tmp_path / "web.yml"
    file.write_text(
        "tls_server_config:\n"
        "  cert_file: server.crt\n"
        "  key_file: server.key\n"
        "  client_auth_type: RequireAndVerifyClientCert\n"
        "  client_ca_file: ca.pem\n"
        "  min_version: TLS13\n"
        "http_server_config:\n"
        "  headers: {Strict-Transport-Security: max-age=600}\n"
        f"basic_auth_users: {{prometheus: {hashed('correct horse')}}}\n"
    )
    return file


@pytest.mark.needs("curl")
def test_a_web_config_of_exporters_protects_it_as_it_protects_them(
    tmp_path: Path, issued: Pems, exporters_file: Path
) -> None:
    cert, key = issued.client()

    def curl(route: str, *options: str) -> str:
        command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", str(issued.ca)]
        command += [*options, f"https://{daemon.address}{route}"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    with_cert = ("--cert", str(cert), "--key", str(key))
    login = ("--user", "prometheus:correct horse")
    with running(daemon_config(tmp_path, f"web: {{config_file: {exporters_file}}}")) as daemon:
        for route in ("/metrics", "/", "/api/v1/status"):
            assert curl(route, *with_cert, *login) == "200"
            assert curl(route, *with_cert) == "401"
            assert curl(route, *with_cert, "--user", "prometheus:wrong") == "401"
            assert curl(route, *login) == "000"
            assert curl(route, *with_cert, *login, "--tls-max", "1.2") == "000"
        assert curl("/-/reload", *with_cert, "--request", "POST") == "401"
        assert curl("/-/reload", *with_cert, *login, "--request", "POST") == "200"
        assert "correct horse" not in daemon.logged()


def test_a_file_that_protects_nothing_ends_it_before_it_listens(tmp_path: Path) -> None:
    web = tmp_path / "web.yml"
    web.write_text("basic_auth_users: {prometheus: hunter2}\n")
    file = daemon_config(tmp_path, f"web: {{config_file: {web}}}")
    command = [sys.executable, "-m", "netcheck", "run", "--config", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert ended.returncode == 2
    assert f"{web}:1:32: basic_auth_users.prometheus: this is not a bcrypt hash" in ended.stderr
    assert "hunter2" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_users_of_a_file_of_their_own_log_in_and_their_changes_count_at_a_reload(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text(f"alice:{hashed('one')}\n")
    with running(daemon_config(tmp_path, "web: {basic_auth_users_file: users}")) as daemon:

        def status(password: str, route: str = "/metrics", method: str = "GET") -> int:
            return daemon.get(route, method, Authorization=_basic("alice", password))[0]

        assert (status("one"), status("two"), daemon.get("/metrics")[0]) == (200, 401, 401)
        users.write_text(f"alice:{hashed('two')}\n")
        assert status("one", "/-/reload", "POST") == 200
        assert (status("one"), status("two")) == (401, 200)
        users.write_text("alice:two\n")
        assert status("two", "/-/reload", "POST") == 500
        assert status("two") == 200


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_what_is_switched_off_is_refused_and_other_names_are_too(tmp_path: Path) -> None:
    file = daemon_config(tmp_path, "web: {reload: false, probe: false, hosts: [netcheck.example]}")
    with running(file) as daemon:
        assert daemon.get("/-/reload", "POST")[0] == 403
        assert daemon.get("/probe?path=direct&service=ours")[0] == 403
        assert daemon.get("/metrics", Host="netcheck.example")[0] == 200
        assert daemon.get("/metrics", Host="evil.example")[0] == 403


# Certificates that change


def context_of(issued: Pems) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=issued.ca)


def presented(daemon: Running, context: ssl.SSLContext) -> bytes:
    """The certificate that a new connection is shown."""
    host, port = daemon.address.split(":")
    with (
        socket.create_connection((host, int(port)), timeout=DEADLINE) as sock,
        context.wrap_socket(sock, server_hostname=host) as tls,
    ):
        return tls.getpeercert(binary_form=True) or b""


@dataclass
class Scraper:
    """Scrapes without a pause in a thread, now over a new connection, now over one that it keeps."""

    address: str
    context: ssl.SSLContext | None = None
    statuses: list[int] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    counts: list[float] = field(default_factory=list)

    def run_until(self, stop: threading.Event) -> None:
        kept = self._connection()
        while not stop.is_set():
            fresh = self._connection()
            for connection in (kept, fresh):
                try:
                    self._scrape(connection)
                except (OSError, http.client.HTTPException) as error:
                    self.errors.append(error)
                    connection.close()
            fresh.close()
        kept.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self.context is None:
            return http.client.HTTPConnection(self.address, timeout=DEADLINE)
        return http.client.HTTPSConnection(self.address, timeout=DEADLINE, context=self.context)

    def _scrape(self, connection: http.client.HTTPConnection) -> None:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        body = response.read().decode()
        self.statuses.append(response.status)
        self.counts.append(
            sum(
                sample.value
                for family in text_string_to_metric_families(body)
                for sample in family.samples
                if sample.name == "netcheck_probes_total"
            )
        )


@contextmanager
def scraped(daemon: Running, context: ssl.SSLContext | None = None) -> Iterator[Scraper]:
    scraper, stop = Scraper(daemon.address, context), threading.Event()
    thread = threading.Thread(target=scraper.run_until, args=[stop])
    thread.start()
    try:
        yield scraper
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def with_tls(tmp_path: Path, issued: Pems) -> Iterator[Running]:
    cert, key = issued.server()
    with running(daemon_config(tmp_path, f"web: {{tls: {{cert_file: {cert}, key_file: {key}}}}}")) as daemon:
        yield daemon


def reload(daemon: Running) -> None:
    """By signal: who reloads need not speak TLS."""
    before = daemon.logged().count("configuration reloaded")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait("the reload", lambda: daemon.logged().count("configuration reloaded") > before)


def test_certificates_change_at_each_reload_and_no_scrape_is_lost(with_tls: Running, issued: Pems) -> None:
    context = context_of(issued)
    seen = {presented(with_tls, context)}
    with scraped(with_tls, context) as scraper:
        for _ in range(10):
            issued.server()
            reload(with_tls)
            seen.add(presented(with_tls, context))
    assert len(seen) == 11
    assert scraper.errors == []
    assert set(scraper.statuses) == {200}
    assert "the web port's files were read again: " in with_tls.logged()


def test_a_new_certificate_is_taken_without_a_reload_and_a_broken_one_is_not(
    with_tls: Running, issued: Pems
) -> None:
    context = context_of(issued)
    first = presented(with_tls, context)
    with scraped(with_tls, context) as scraper:
        cert, _ = issued.server()
        with_tls.wait("the new one", lambda: presented(with_tls, context) != first)
        second = presented(with_tls, context)
        cert.write_text("half a certifi")
        with_tls.wait("a word about it", lambda: "what its files say now cannot be used" in with_tls.logged())
        assert presented(with_tls, context) == second
    assert scraper.errors == []
    assert set(scraper.statuses) == {200}


def test_a_reload_onto_a_key_of_another_certificate_is_refused(with_tls: Running, issued: Pems) -> None:
    context = context_of(issued)
    before = presented(with_tls, context)
    _, other = issued.server("other")
    other.replace(issued.folder / "server.key")
    with_tls.process.send_signal(signal.SIGHUP)
    with_tls.wait("the refusal", lambda: "reload refused" in with_tls.logged())
    assert "OpenSSL does not take these for a certificate and its own private key" in with_tls.logged()
    assert presented(with_tls, context) == before


def test_tls_can_come_and_go_with_a_reload(plain: Running, issued: Pems) -> None:
    text = plain.file.read_text()
    cert, key = issued.server()
    plain.file.write_text(f"{text}web: {{tls: {{cert_file: {cert}, key_file: {key}}}}}\n")
    assert plain.get("/-/reload", "POST")[0] == 200
    assert presented(plain, context_of(issued))
    assert plain.get("/metrics")[0] == 400
    plain.file.write_text(text)
    reload(plain)
    assert plain.get("/metrics")[0] == 200


@pytest.mark.parametrize("asked", ["/metrics", "/api/v1/events"])
@pytest.mark.parametrize("rule", ["a certificate", "a login"])
def test_who_is_connected_already_has_to_come_by_the_rules_of_now(
    plain: Running, issued: Pems, tmp_path: Path, asked: str, rule: str
) -> None:
    cert, key = issued.server()
    users = tmp_path / "users"
    users.write_text(f"sre: {hashed('word')}\n")
    now = {
        "a certificate": f"tls: {{cert_file: {cert}, key_file: {key}, client_ca_file: {issued.ca}}}",
        "a login": f"basic_auth_users_file: {users}",
    }
    host, _, port = plain.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as kept:
        kept.sendall(f"GET {asked} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert kept.recv(64).startswith(b"HTTP/1.1 200")
        plain.file.write_text(f"{plain.file.read_text()}web: {{{now[rule]}}}\n")
        assert plain.get("/-/reload", "POST")[0] == 200
        deadline = time.monotonic() + DEADLINE
        with suppress(ConnectionResetError):
            while kept.recv(65536):  # what was under way, and then the end
                assert time.monotonic() < deadline


# Reloads of listen


def test_reloads_that_change_listen_interrupt_nobody_who_stays(plain: Running, tmp_path: Path) -> None:
    text = plain.file.read_text()
    more = text.replace("listen: 127.0.0.1:0", f'listen: [127.0.0.1:0, "[::1]:0", "unix:{tmp_path}/s"]')
    with scraped(plain) as scraper:
        for _ in range(15):
            for content in (more, text):
                plain.file.write_text(content)
                assert plain.get("/-/reload", "POST")[0] == 200
    assert scraper.errors == []
    assert set(scraper.statuses) == {200}
    assert scraper.counts == sorted(scraper.counts)
    assert len(scraper.counts) > 10


def test_a_new_place_is_told_and_answers_and_an_old_one_is_closed(plain: Running, tmp_path: Path) -> None:
    old = plain.address
    file = tmp_path / "http.sock"
    plain.file.write_text(plain.file.read_text().replace("127.0.0.1:0", f"unix:{file}"))
    assert plain.get("/-/reload", "POST")[0] == 200
    assert f"listen is unix:{file}" in plain.logged()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(file))
        client.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    host, port = old.split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=DEADLINE)


def test_a_place_that_is_taken_is_told_with_its_address_and_all_stays_as_it_was(plain: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        plain.file.write_text(plain.file.read_text().replace("127.0.0.1:0", taken))
        status, body = plain.get("/-/reload", "POST")
        assert status == 500
        assert f"cannot listen on {taken}: Address already in use" in body
        assert f"cannot listen on {taken}: Address already in use" in plain.logged()
        assert plain.value("netcheck_config_last_reload_successful") == 0
        assert plain.get("/-/healthy")[0] == 200


def test_a_port_that_is_taken_ends_it_with_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        file = daemon_config(tmp_path, listen=f"127.0.0.1:{other.getsockname()[1]}")
        command = [sys.executable, "-m", "netcheck", "run", "--config", str(file)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert ended.returncode == 2
    assert "Address already in use; another program listens there" in ended.stderr
    assert "Traceback" not in ended.stderr


# Sockets that systemd passes


_ACTIVATE = """
import os, sys
for number, descriptor in enumerate(sys.argv[1].split(","), 3):
    os.dup2(int(descriptor), number)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


@contextmanager
def activated(file: Path, *sockets: socket.socket, names: str = "") -> Iterator[subprocess.Popen[str]]:
    """A daemon with these as its descriptors from 3 on, as systemd starts it."""
    descriptors = [str(sock.fileno()) for sock in sockets]
    netcheck = [sys.executable, "-m", "netcheck", "run", "--config", str(file)]
    command = [sys.executable, "-c", _ACTIVATE, ",".join(descriptors), *netcheck]
    environment = {**os.environ, "LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": names}
    with file.with_name("log").open("w") as log:
        process = subprocess.Popen(
            command,
            stderr=log,
            text=True,
            env=environment,
            pass_fds=[sock.fileno() for sock in sockets],
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(DEADLINE)


def high(sock: socket.socket) -> socket.socket:
    """The same at a descriptor that is in nobody's way."""
    descriptor = fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD, 50)
    sock.close()
    return socket.socket(fileno=descriptor)


def test_sockets_of_systemd_are_served_in_place_of_listen_and_nobody_waits_in_vain(tmp_path: Path) -> None:
    path = tmp_path / "netcheck.sock"
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(path))
    unix.listen()
    file = daemon_config(tmp_path)
    inet = high(socket.create_server(("127.0.0.1", 0)))
    with inet, high(unix) as unix:
        early = socket.create_connection(inet.getsockname(), timeout=DEADLINE)
        early.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")  # asked before the daemon runs
        with activated(file, inet, unix, names="netcheck.socket:local") as process:
            assert early.recv(100).startswith(b"HTTP/1.1 200 ")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                client.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
                assert client.recv(100).startswith(b"HTTP/1.1 200 ")
            logged = file.with_name("log").read_text()
            port = inet.getsockname()[1]
            assert f"listens on 127.0.0.1:{port}, unix:{path} (passed by systemd" in logged
            process.send_signal(signal.SIGHUP)
            early.close()
        assert process.returncode == 0
    assert path.exists()


@pytest.mark.parametrize(("names", "name"), [("netcheck.socket", "netcheck.socket"), ("", "unknown")])
def test_what_systemd_passes_and_nobody_can_serve_is_told(tmp_path: Path, names: str, name: str) -> None:
    file = daemon_config(tmp_path)
    with (
        high(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as datagrams,
        activated(file, datagrams, names=names) as process,
    ):
        assert process.wait(DEADLINE) == 2
    logged = file.with_name("log").read_text()
    assert f"passed as {name}, descriptor 3, does not listen for connections" in logged
    assert "Traceback" not in logged


def test_sockets_for_another_process_are_left_alone(tmp_path: Path) -> None:
    environment = {"LISTEN_FDS": "1", "LISTEN_PID": "1"}
    with running(daemon_config(tmp_path), environment=environment) as daemon:
        assert daemon.get("/-/healthy")[0] == 200


# Clients that cost others their answers


def fill(
    daemon: Running, stack: ExitStack, says: bytes, count: int = 200, context: ssl.SSLContext | None = None
) -> None:
    """So many connections that stay, each having said this."""
    host, port = daemon.address.split(":")
    for _ in range(count):
        sock = socket.socket()
        stack.enter_context(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(DEADLINE)
        sock.connect((host, int(port)))
        client = stack.enter_context(context.wrap_socket(sock, server_hostname=host)) if context else sock
        with suppress(ConnectionError):  # it had to make room
            client.sendall(says)


STARVING = {
    "silent": b"",
    "stopping in the head": b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ",
    "stopping in the body": b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx",
    "idle": b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "not reading": b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50,
}


@pytest.mark.parametrize("kind", STARVING)
def test_two_hundred_clients_that_wait_cost_no_scrape(plain: Running, kind: str) -> None:
    with ExitStack() as stack:
        fill(plain, stack, STARVING[kind])
        for _ in range(5):
            assert plain.get("/metrics")[0] == 200
            fill(plain, stack, STARVING[kind], 20)
        assert plain.get("/metrics")[0] == 200


@pytest.mark.parametrize("kind", ["silent", "stopping in the hello", "idle behind TLS"])
def test_two_hundred_handshakes_that_stand_still_cost_no_scrape(
    with_tls: Running, issued: Pems, kind: str
) -> None:
    context = context_of(issued)
    says = {"silent": b"", "stopping in the hello": b"\x16\x03\x01\x02\x00\x01"}.get(kind, STARVING["idle"])
    with ExitStack() as stack:
        fill(with_tls, stack, says, 200, context if kind == "idle behind TLS" else None)
        connection = http.client.HTTPSConnection(with_tls.address, timeout=DEADLINE, context=context)
        for _ in range(5):
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            assert response.status == 200
            response.read()
            connection.close()
            fill(with_tls, stack, says, 10, context if kind == "idle behind TLS" else None)


# Its end


def test_a_signal_cuts_no_answer_short(plain: Running) -> None:
    with scraped(plain) as scraper:
        plain.wait("some scrapes", lambda: len(scraper.statuses) > 10)
        plain.process.send_signal(signal.SIGTERM)
        assert plain.ended_within(2.0) == 0
    assert set(scraper.statuses) == {200}
    cut = [error for error in scraper.errors if isinstance(error, http.client.IncompleteRead)]
    assert cut == []


_SLOW_RELOADS = """
import sys, time
from pathlib import Path
from netcheck.__main__ import entry
from netcheck.daemon import reloading
from netcheck.web import port

_, begun, go_on, _, _, _, *arguments = sys.argv

def read_later(file, read=reloading.to_run):
    Path(begun).touch()
    while not Path(go_on).exists():
        time.sleep(0.01)  # in a thread of its own; the test says by a file when to go on
    return read(file)

reloading.to_run = read_later
reloading._LONGEST = port._LAST_ANSWERS = 3600.0
sys.argv = ["netcheck", *arguments]
entry()
"""
"""A netcheck that reads no config anew before a file is there, and gives its last answers all their time."""


def test_an_answer_under_way_gets_out_before_it_ends(tmp_path: Path) -> None:
    begun, go_on = tmp_path / "begun", tmp_path / "go-on"
    slow = [sys.executable, "-c", _SLOW_RELOADS, str(begun), str(go_on)]
    with running(daemon_config(tmp_path), under=slow) as daemon:
        daemon.file.write_text("nonsense: 1\n")  # refused, so nothing of it is probed
        connection = http.client.HTTPConnection(daemon.address, timeout=DEADLINE)
        connection.request("POST", "/-/reload")
        daemon.wait("the reload", begun.exists)
        daemon.process.send_signal(signal.SIGTERM)
        daemon.wait("the signal", lambda: "SIGTERM: stopping" in daemon.logged())
        go_on.touch()
        response = connection.getresponse()
        assert response.status == 500
        assert b"there is no such key" in response.read()
        assert response.headers["Connection"] == "close"
        connection.close()
        assert daemon.ended_within(2.0) == 0


def test_clients_that_stay_do_not_keep_it_from_ending(plain: Running) -> None:
    with ExitStack() as stack:
        for says in STARVING.values():
            fill(plain, stack, says, 10)
        plain.process.send_signal(signal.SIGTERM)
        assert plain.ended_within(2.0) == 0
