"""A page of another origin, in a real browser on the network of the daemon: what it can make of it."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.configs import daemon_config
from tests.daemon.running import DEADLINE, Running, running
from tests.programs import program

pytestmark = pytest.mark.needs("chromium")


class _Evil(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><body>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def evil() -> Iterator[str]:
    """A page under another name; all names but addresses lead to this machine, or nowhere."""
    server = HTTPServer(("127.0.0.1", 0), _Evil)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://evil.example:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    nowhere_else = "MAP evil.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium"),
            args=["--no-sandbox", f"--host-resolver-rules={nowhere_else}", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, evil: str) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(evil)
    yield page
    page.close()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(daemon_config(tmp_path_factory.mktemp("daemon"))) as daemon:
        yield daemon


def reloads(daemon: Running) -> int:
    return daemon.logged().count("configuration reloaded")


def test_a_form_of_another_page_does_not_reload(daemon: Running, page: Page) -> None:
    page.evaluate(
        """url => { const form = document.createElement("form");
                    form.method = "POST"; form.action = url;
                    document.body.append(form); form.submit(); }""",
        f"http://{daemon.address}/-/reload",
    )
    page.wait_for_url(f"http://{daemon.address}/-/reload")
    assert page.inner_text("body").strip() == "A page of another origin may not do this."
    assert reloads(daemon) == 0


@pytest.mark.parametrize("mode", ["no-cors", "cors"])
def test_a_script_of_another_page_does_not_reload(daemon: Running, page: Page, mode: str) -> None:
    page.evaluate(
        "([url, mode]) => fetch(url, {method: 'POST', mode}).then(() => 'done', () => 'done')",
        [f"http://{daemon.address}/-/reload", mode],
    )
    assert reloads(daemon) == 0
    assert daemon.get("/-/reload", "POST")[0] == 200  # which would have been told in the log
    assert reloads(daemon) == 1
    daemon.log.write_text("")


@pytest.mark.parametrize("route", ["/api/v1/status", "/metrics", "/", "/-/healthy"])
def test_a_script_of_another_page_reads_nothing(daemon: Running, page: Page, route: str) -> None:
    for mode in ("cors", "no-cors"):
        read = page.evaluate(
            "([url, mode]) => fetch(url, {mode}).then(answer => answer.text(), () => '')",
            [f"http://{daemon.address}{route}", mode],
        )
        assert read == ""


class _Rebound(StreamRequestHandler):
    """Who answers under the evil name: for /start its own server, for all else the daemon."""

    daemon_address: tuple[str, int]

    def handle(self) -> None:
        request = self.request.recv(65536)
        if b" /start " in request:
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<!doctype html>evil")
            return
        with socket.create_connection(self.daemon_address, timeout=DEADLINE) as daemon:
            daemon.sendall(request.replace(b"Connection: keep-alive", b"Connection: close"))
            while data := daemon.recv(65536):
                self.wfile.write(data)


@pytest.fixture(scope="module")
def rebound(daemon: Running) -> Iterator[str]:
    """An origin of somebody else's that leads to the daemon as soon as its first page was loaded."""
    host, port = daemon.address.split(":")
    handler = type("Handler", (_Rebound,), {"daemon_address": (host, int(port))})
    with ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://evil.example:{server.server_address[1]}"
        server.shutdown()


FETCH = "([route, method]) => fetch(route, {method}).then(async a => [a.status, await a.text()])"


@pytest.mark.parametrize("route", ["/api/v1/status", "/metrics", "/", "/-/healthy"])
def test_a_name_that_was_rebound_to_the_daemon_reads_nothing(rebound: str, page: Page, route: str) -> None:
    page.goto(f"{rebound}/start")
    status, read = page.evaluate(FETCH, [route, "GET"])
    assert status == 403
    assert "netcheck does not answer under the name" in read
    assert page.evaluate(FETCH, ["/-/reload", "POST"])[0] == 403


def test_a_page_of_another_origin_cannot_frame_ours(daemon: Running, page: Page) -> None:
    page.evaluate(
        """url => new Promise(loaded => { const frame = document.createElement("iframe");
                    frame.onload = loaded; frame.src = url; document.body.append(frame); })""",
        f"http://{daemon.address}/",
    )
    assert all(daemon.address not in frame.url for frame in page.frames)


def test_a_page_of_our_own_reads_and_reloads(daemon: Running, page: Page) -> None:
    page.route("**/start", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    page.goto(f"http://{daemon.address}/start")
    assert page.evaluate(FETCH, ["/api/v1/status", "GET"])[0] == 200
    assert page.evaluate(FETCH, ["/-/reload", "POST"])[0] == 200
