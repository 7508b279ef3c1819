"""The status page in a real browser, while the demo's laboratory breaks.

REWRITE_SCREENSHOT names a scenario of which the picture in the README is made anew, to be looked at.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import NamedTuple, ParamSpec

import pytest
from playwright.sync_api import Browser, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from netcheck.lab.scenarios import SCENARIOS, Scenario
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import ProbePath, Proxy, ProxyScheme
from netcheck.pages.page import render
from tests.records import COURIER, facts, result
from tests.system.browser import ARTEFACTS, PATIENCE, TOO_WIDE, LabWithDaemon, Window, browser
from tests.system.namespace import Namespace, sweep

P = ParamSpec("P")

IN_README = Path(__file__).parents[2] / "docs" / "status-page.png"

pytestmark = pytest.mark.needs("chromium")

SENTENCES = {
    "port-5223-blocked": "Devices on direct get push on Wi-Fi and Ethernet only: port 5223 is blocked.",
    "proxy-wants-password": "Devices on web-proxy get no push: the proxy wants a valid login.",
    "proxy-decrypts": "Devices on web-proxy get no push: somebody decrypts the connections.",
    "dns-block-list": "Devices on direct get no push: DNS gives wrong addresses.",
    "proxy-dies": "The MDM server on dmz-socks cannot send push: the proxy does not work.",
    "password-changed": "The MDM server on dmz-socks cannot send push: the proxy wants a valid login.",
    "provider-down": "The MDM server on direct cannot send push: a service of Apple's is down.",
}
HIDDEN = (
    "[...document.querySelectorAll('.wide')].filter((each) => each.scrollWidth > each.clientWidth + 1).length"
)
"""How many tables are wider than the place that they have."""
HOPS = {"firewall": "Firewall", "proxy": "Proxy", "resolver": "Resolver", "apple": "Apple"}


class Desk(NamedTuple):
    """Somebody at a screen in front of the laboratory."""

    lab: LabWithDaemon
    browser: Browser
    inside: Callable[[Callable[[], None]], None]

    @contextmanager
    def broken(self, scenario: Scenario) -> Iterator[None]:
        """While it is broken; what was repaired may be a file, which is read again."""
        self.lab.alter(lambda lab: scenario.alter(lab, True))
        try:
            yield
        finally:
            self.lab.alter(lambda lab: scenario.alter(lab, False))
            self.lab.reload()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    sweep()
    lab = LabWithDaemon(tmp_path_factory.mktemp("lab"))
    with Namespace() as namespace, ExitStack() as stack:
        namespace.inside(stack.enter_context, lab.running())
        opened = namespace.inside(stack.enter_context, browser())
        yield Desk(lab, opened, namespace.inside)
        namespace.inside(stack.close)


def at_the_desk(test: Callable[P, None]) -> Callable[P, None]:
    """Run it in the one thread that lives in the namespace: a browser's objects are for one thread."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        desk = kwargs["desk"]
        assert isinstance(desk, Desk)
        desk.inside(partial(test, *args, **kwargs))

    return run


SCENARIO = {scenario.name: scenario for scenario in SCENARIOS}


def open_window(desk: Desk, scheme: str = "light", width: int = 1280) -> Window:
    page = desk.browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]  # playwright wants literals
    window = Window(page)
    page.goto(desk.lab.url)
    return window


def close(window: Window) -> None:
    window.page.close()
    assert window.complaints == []


@pytest.mark.parametrize(
    "scenario", [each for each in SCENARIOS if each.expected], ids=lambda scenario: scenario.name
)
@at_the_desk
def test_a_breakage_is_told_on_the_page_as_it_happens(desk: Desk, scenario: Scenario) -> None:
    """The page was loaded before, and is never loaded anew: all of it comes by itself."""
    expected = scenario.expected
    assert expected
    window = open_window(desk)
    page = window.page
    expect(page.locator("#live")).to_have_text("live")
    with desk.broken(scenario):
        line = page.locator(".lines li", has_text=SENTENCES[scenario.name])
        expect(line).to_be_visible()
        broken = page.locator(".way", has_text=expected.path).locator(".chain .broken, .chain .limited")
        expect(broken.locator("b").first).to_have_text(HOPS[expected.hop])
        told = page.locator("article", has_text=f"on {expected.path}").first
        expect(told.locator(".step p")).not_to_be_empty()
        expect(told.locator("dd", has_text="UTC, for")).to_be_visible()
        expect(page.locator("#incidents li", has_text=SENTENCES[scenario.name]).first).to_be_visible()
        window.shoot(scenario.name)
        if os.environ.get("REWRITE_SCREENSHOT") == scenario.name:
            page.set_viewport_size({"width": 1100, "height": 1000})
            page.screenshot(path=IN_README)
    expect(page.locator("h1")).to_have_text("Push works on every path.")
    close(window)


@at_the_desk
def test_a_push_certificate_that_runs_out_shows_its_days(desk: Desk) -> None:
    window = open_window(desk)
    left = window.page.locator("#certificates tbody td").nth(1)
    with desk.broken(SCENARIO["push-certificate-expires"]):
        desk.lab.reload()
        expect(left).to_contain_text(", 4 days left")
        expect(left).to_have_class("worry")
    expect(left).to_have_class("good")
    close(window)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 360)])
@at_the_desk
def test_it_can_be_read_by_everybody(desk: Desk, scheme: str, width: int) -> None:
    window = open_window(desk, scheme, width)
    page = window.page
    with desk.broken(SCENARIO["proxy-decrypts"]):
        expect(page.locator("article").first).to_be_visible(timeout=PATIENCE)
        expect(page.locator("#bags")).to_contain_text("0 to 50 of courier.push.apple.com")
        expect(page.locator("#incidents details").first).to_be_visible(timeout=PATIENCE)
        assert window.accessibility() == []
        assert page.evaluate(TOO_WIDE) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator(".matrix .bad", has_text="tls intercepted").first.locator("button").click()
        bars = page.locator(":popover-open .steps svg")
        expect(bars.first).to_be_visible()
        # at once: between two of them the page may be drawn anew
        assert min(bars.evaluate_all("bars => bars.map(bar => bar.getBoundingClientRect().width)")) > 60
        expect(page.locator(":popover-open pre")).to_contain_text("tls_intercepted")
        assert window.accessibility() == []
        window.page.screenshot(path=ARTEFACTS / f"cell-{scheme}-{width}.png")
        page.keyboard.press("Escape")
        expect(page.locator(":popover-open")).to_have_count(0)
        incident = page.locator("#incidents li", has_text="somebody decrypts the connections").first
        expect(incident).to_be_visible()
        incident.locator("summary").press("Enter")
        expect(page.locator("#incidents details[open] pre").first).to_contain_text("over web-proxy")
        window.shoot(f"page-{scheme}-{width}")
    close(window)


LONG_NAME = "branch-office-behind-the-proxy-of-the-head-office-in-the-capital"[:63]
SAID = "the proxy answered CONNECT with 407 Proxy Authentication Required; it offers Negotiate and NTLM; " * 3


@pytest.mark.parametrize(
    ("scheme", "width"), [("light", 390), ("light", 1280), ("dark", 1440), ("light", 1920)]
)
@at_the_desk
def test_what_was_seen_stands_whole_beside_long_names(desk: Desk, scheme: str, width: int) -> None:
    denied = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_AUTH_UNSUPPORTED, SAID, b"HTTP/1.1 407")
    courier = replace(COURIER, hosts=tuple(f"{number}-courier.push.apple.com" for number in range(20, 40)))
    proxy = Proxy(ProxyScheme.HTTP, "proxy.example", 3128)
    failed = [result(courier, 443, denied, host=host, path=LONG_NAME) for host in courier.hosts]
    known = facts([courier], [ProbePath("direct"), ProbePath(LONG_NAME, (proxy,))], results=failed)
    window = Window(desk.browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900}))  # type: ignore[arg-type]  # playwright wants literals
    window.page.set_content(render(known, None, "0.1.0", 1_790_000_000.0))
    seen = window.page.locator("#failures td:last-child").bounding_box()
    assert seen
    assert seen["width"] > 240
    assert window.page.evaluate(HIDDEN) == 0
    window.shoot(f"report-{scheme}-{width}")
    close(window)


@at_the_desk
def test_it_can_be_printed(desk: Desk) -> None:
    window = open_window(desk)
    window.page.emulate_media(media="print")
    expect(window.page.locator("h1")).to_be_visible()
    each_has_one = (
        "article:not(:has(button.copy))"  # the page goes on: to count twice would compare two moments
    )
    expect(window.page.locator(each_has_one)).to_have_count(0)
    expect(window.page.locator("#live")).to_be_hidden()
    window.shoot("print")
    close(window)


@at_the_desk
def test_it_can_be_read_without_javascript(desk: Desk) -> None:
    context = desk.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(desk.lab.url)
    expect(page.locator("h1")).to_be_visible()
    page.locator(".matrix button").first.click()
    expect(page.locator(".cell .steps").first).to_be_visible()
    context.close()


@at_the_desk
def test_the_next_step_can_be_copied(desk: Desk) -> None:
    context = desk.browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    window = Window(context.new_page())
    window.page.goto(desk.lab.url)
    with desk.broken(SCENARIO["proxy-dies"]):
        step = window.page.locator(".step", has_text="Ask the owners of the proxy 127.0.0.1:")
        button = step.get_by_role("button", name="Copy").first
        told = window.page.get_by_role("button", name="Copied")

        def says_so() -> bool:
            """Unless the page is drawn anew in between: what is wrong is only just coming out."""
            button.click()
            with suppress(PlaywrightTimeout):
                told.wait_for(timeout=2_000)
                return True
            return False

        until = time.monotonic() + PATIENCE / 1000
        while not says_so():
            assert time.monotonic() < until
        copied = window.page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("Ask the owners of the proxy 127.0.0.1:")
    close(window)
    context.close()


@at_the_desk
def test_what_is_open_stays_open_and_what_has_the_focus_keeps_it_while_all_else_changes(desk: Desk) -> None:
    window = open_window(desk)
    page = window.page
    expect(page.locator("#live")).to_have_text("live")
    page.locator(".matrix button").first.click()
    opened = page.locator(":popover-open")
    heading = opened.locator("h3").text_content() or ""
    page.evaluate("document.querySelector('#services').dataset.old = 'yes'")
    expect(page.locator("#services[data-old]")).to_have_count(0)  # what came anew has no mark
    expect(opened.locator("h3")).to_have_text(heading)
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    page.locator(".matrix button").nth(1).focus()
    page.evaluate("document.querySelector('#services').dataset.old = 'yes'")
    expect(page.locator("#services[data-old]")).to_have_count(0)
    expect(page.locator(".matrix button").nth(1)).to_be_focused()
    close(window)
