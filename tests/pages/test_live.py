"""The page in a browser while its daemon goes and comes back, and what hostile peers say on it."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from netcheck.facts import Facts
from netcheck.model.findings import Fix
from netcheck.model.paths import ProbePath
from netcheck.model.push_certificates import PushCertificate
from netcheck.pages.page import asset, render
from netcheck.pages.standing import Past
from tests.bench.page import facts as five_hundred_cells
from tests.configs import config, ours
from tests.daemon.running import running
from tests.pages.test_page import HOSTILE, NOW, hostile, site
from tests.ports import free_port
from tests.records import COURIER, DROPPED, facts, result
from tests.system.browser import PATIENCE, TOO_WIDE, Window, browser

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


def test_a_page_whose_daemon_is_gone_says_so_and_comes_back_by_itself(
    chromium: Browser, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as target:
        file = config(tmp_path, ours(target.getsockname()[1]))
        file.write_text(f"listen: 127.0.0.1:{free_port()}\n{file.read_text()}")
        with running(file) as daemon:
            page = chromium.new_page()
            page.goto(f"http://{daemon.address}/")
            live = page.locator("#live")
            expect(live).to_have_text("live")
            expect(page.locator("h1")).to_have_text("Push works.")
        expect(live).to_contain_text("not live since")
        with running(file):
            expect(live).to_have_text("live")
        page.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which its files are to be had."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is http.server's
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_peers_say_is_text(chromium: Browser, served: tuple[Path, str]) -> None:
    folder, address = served
    (folder / "report.html").write_text(render(hostile(), None, "0.1.0", NOW))
    window = Window(chromium.new_page())
    window.page.on("dialog", lambda dialog: window.complaints.append(dialog.message))
    window.page.goto(f"{address}/report.html")
    assert window.page.locator("img").count() == 0
    expect(window.page.get_by_text(HOSTILE).first).to_be_visible()
    assert window.accessibility() == []
    window.page.close()
    assert [text for text in window.complaints if "favicon" not in text and "404" not in text] == []


def test_five_hundred_cells_can_be_looked_through(chromium: Browser, served: tuple[Path, str]) -> None:
    folder, address = served
    (folder / "report.html").write_text(render(five_hundred_cells(), None, "0.1.0", NOW))
    page = chromium.new_page()
    page.goto(f"{address}/report.html")
    assert page.locator(".matrix button").count() == 500
    page.locator(".matrix .bad button").last.click()
    expect(page.locator(":popover-open pre")).to_contain_text("connect")
    page.close()


class Script:
    """The live page and its script, with a daemon of which only the page is there: `show` changes that."""

    def __init__(self, page: Page, known: Facts) -> None:
        self.page = page
        self._held: list[Callable[[], None]] | None = None
        self._html = render(known, Past(), "0.1.0", NOW)
        page.route("**/*", self._answer)
        page.goto("http://netcheck.test/")

    def show(self, known: Facts) -> None:
        self.keep(known)
        self.page.evaluate("refresh()")

    def keep(self, known: Facts) -> None:
        """For the next time that the page asks."""
        self._html = render(known, Past(), "0.1.0", NOW)

    def upgrade(self) -> None:
        """The same page asks for another script now."""
        self._html = self._html.replace("/assets/page.js?", "/assets/page.js?new")
        self.page.evaluate("refresh()")

    @contextmanager
    def slowly(self) -> Iterator[None]:
        """What is asked for meanwhile is answered at the end, as it was when it was asked for."""
        self._held = []
        yield
        held, self._held = self._held, None
        for answer in held:
            answer()

    def until_asked(self) -> None:
        """Until something waits for the end of `slowly`; who waits hears nobody but by the page."""
        until = time.monotonic() + PATIENCE / 1000
        while not self._held:
            assert time.monotonic() < until
            self.page.wait_for_timeout(10)

    def _answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path == "/":
            answer = partial(route.fulfill, body=self._html, content_type="text/html")
            return answer() if self._held is None else self._held.append(answer)
        if found := asset(path.removeprefix("/assets/")):
            return route.fulfill(body=found[0], content_type=found[1])
        return None  # the stream of events says nothing


@pytest.fixture
def script(chromium: Browser) -> Iterator[Script]:
    """Thirty paths, which all work."""
    page = chromium.new_page()
    yield Script(page, site(30))
    page.close()


def test_an_open_cell_stays_the_same_when_the_columns_change_their_order(script: Script) -> None:
    opened = script.page.locator(":popover-open h3")
    script.page.locator(".matrix button").nth(3).click()
    expect(opened).to_have_text("courier port 5223 over path-3")
    script.page.keyboard.press("Tab")  # to the button that closes it
    script.show(site(30, 20))
    expect(script.page.locator(".matrix th[scope=col]").nth(2)).to_have_text("path-20")
    expect(opened).to_have_text("courier port 5223 over path-3")
    script.page.keyboard.press("Escape")
    expect(script.page.locator(".matrix td[data-of=path-3] button:focus")).to_have_count(1)


def test_what_was_opened_or_closed_stays_so(script: Script) -> None:
    script.show(with_lines(20))
    lines = script.page.locator("article details")
    expect(lines).to_have_attribute("open", "")
    lines.locator("summary").click()
    script.show(with_lines(20, 25))
    expect(script.page.locator("article")).to_contain_text("Devices on path-25")
    expect(lines).not_to_have_attribute("open", "")


def test_what_changes_while_the_page_is_under_way_is_asked_for_after_it(script: Script) -> None:
    with script.slowly():
        script.show(site(30, 20))
        script.until_asked()
        script.show(site(30, 25))
    expect(script.page.locator("h1")).to_have_text("Push works with limits on path-25.")


def test_a_screen_reader_is_told_what_has_changed_and_that_alone(script: Script) -> None:
    told = script.page.get_by_role("status").last
    script.show(site(30))
    expect(script.page.locator("#live")).to_have_text("live")
    expect(told).to_be_empty()
    script.show(site(30, 20))
    expect(told).to_have_text("Push works with limits on path-20.")


def test_after_an_upgrade_the_page_is_loaded_anew_with_its_script(script: Script) -> None:
    script.page.evaluate("window.isOld = true")
    script.show(site(30))
    expect(script.page.locator("#live")).to_have_text("live")
    assert script.page.evaluate("window.isOld")
    script.upgrade()
    script.page.wait_for_function("!window.isOld")


def test_a_page_that_heard_nothing_while_its_machine_slept_says_since_when(chromium: Browser) -> None:
    page = chromium.new_page()
    page.clock.install(time=datetime(2026, 1, 1, 12, tzinfo=UTC))
    Script(page, site(1))
    page.clock.fast_forward("10:00")
    expect(page.locator("#live")).to_have_text(re.compile("not live since 2026-01-01 12:00:.. UTC"))
    page.close()


def test_a_tab_that_nobody_sees_holds_no_connection_and_keeps_its_title(chromium: Browser) -> None:
    """Browsers open six to a server: a seventh link of an alert would never load."""
    page = chromium.new_page()
    page.clock.install()
    script = Script(page, site(30))
    page.evaluate(BECOMES.format(hidden="true"))
    assert page.evaluate("stream.readyState === EventSource.CLOSED")
    script.keep(site(30, 20))
    page.clock.fast_forward("01:10")
    expect(page).to_have_title(re.compile("limits on path-20"))
    script.keep(site(30, 25))
    page.evaluate(BECOMES.format(hidden="false"))
    assert page.evaluate("stream.readyState === EventSource.CONNECTING")
    expect(page.locator("h1")).to_have_text("Push works with limits on path-25.")
    page.close()


BECOMES = """
Object.defineProperty(document, "hidden", {{ value: {hidden}, configurable: true }});
document.dispatchEvent(new Event("visibilitychange"));
"""


def test_while_text_is_selected_the_page_waits_and_says_so(script: Script) -> None:
    live = script.page.locator("#live")
    script.page.locator("h1").select_text()
    script.show(site(30, 20))
    expect(live).to_have_text("waits while text is selected")
    expect(script.page.locator("h1")).to_have_text("Push works on every path.")
    script.page.evaluate("getSelection().removeAllRanges()")
    expect(live).to_have_text("live")
    expect(script.page.locator("h1")).to_have_text("Push works with limits on path-20.")


def test_the_step_and_its_lines_have_a_button_each_that_says_what_it_copies(script: Script) -> None:
    script.show(with_lines(20))
    buttons = script.page.locator("article button.copy")
    expect(buttons).to_have_text(["Copy", "Copy the lines"])
    for n, text in enumerate(["Copy", "Copy the lines"]):
        buttons.nth(n).click()  # which fails where something lies over it
        expect(buttons.nth(n)).to_have_text("Copied")
        expect(buttons.nth(n)).to_have_text(text)


def with_lines(*broken: int) -> Facts:
    """The same fault on some of thirty paths, with the lines that repair it."""
    known = site(30, *broken)
    fix = Fix("Filter", is_known=True, how="run this:", lines=("open 5223", "save"))
    return replace(
        known,
        judgements=tuple(
            replace(each, findings=tuple(replace(finding, fix=fix) for finding in each.findings))
            for each in known.judgements
        ),
    )


BROKEN_NAMES = """() => [...document.querySelectorAll(".matrix th[scope=row], .whole")].filter(each => {
    const text = document.createRange();
    text.selectNodeContents(each);
    return new Set([...text.getClientRects()].map(line => line.top)).size > 1;
}).map(each => each.textContent)"""
CUT_TABLES = """() => [document.documentElement, ...document.querySelectorAll(".wide")]
    .filter(each => each.scrollWidth > each.clientWidth).length"""


@pytest.mark.parametrize("width", [320, 390, 820, 1280])
def test_no_name_is_broken_and_no_table_is_cut(
    chromium: Browser, served: tuple[Path, str], width: int
) -> None:
    folder, address = served
    mdm = replace(COURIER, name="our-second-provider")
    results = [result(COURIER, 443, DROPPED, host=f"{n}-courier.push.apple.com") for n in range(3)]
    known = facts([COURIER, mdm], [ProbePath("direct"), ProbePath("web-proxy")], [], results)
    topic = "com.apple.mgmt.External.1ab0bab0-0000-4000-8000-000000000000"
    fingerprints = {"sha1": ":".join(["A5"] * 20), "sha256": ":".join(["A5"] * 32)}
    certificate = PushCertificate("mdm", topic, True, NOW, **fingerprints)
    known = replace(known, push_certificates=(certificate,))
    (folder / "report.html").write_text(render(known, None, "0.1.0", NOW))
    page = chromium.new_page(viewport={"width": width, "height": 800})
    page.goto(f"{address}/report.html")
    assert page.evaluate(BROKEN_NAMES) == []
    assert page.evaluate(CUT_TABLES) == 0 or width == 820  # there it scrolls, with a shadow at its edge
    expect(page.locator(".matrix th[scope=row]").first).to_be_visible()
    page.close()


SEPARATED = "-office-behind-the-proxy-of-the-head-office-in-the-capital"


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("name", [SEPARATED, SEPARATED.replace("-", "_")], ids=["parts", "in-one"])
def test_no_name_of_a_path_makes_the_page_wider_than_the_window(
    chromium: Browser, width: int, name: str
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 800})
    Script(page, site(9, 0, suffix=name))
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


@pytest.mark.parametrize("paths", [5, 6, 50])
def test_on_paper_no_path_is_cut_off(chromium: Browser, paths: int) -> None:
    page = chromium.new_page(viewport={"width": 718, "height": 1000})  # A4 with usual margins
    page.emulate_media(media="print")
    Script(page, site(paths, 0))
    assert page.evaluate(CUT_TABLES) == 0
    cells = page.locator("#services td:has(button)")
    assert all(cell.is_visible() for cell in cells.all())
    heading = "getComputedStyle(document.querySelector('.matrix td:last-child'), '::before').content"
    has_columns = page.locator(".matrix thead").is_visible()
    assert has_columns or page.evaluate(heading) != "none"  # each says of what path it is
    page.close()
