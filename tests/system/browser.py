"""A real browser beside the demo's laboratory, both in a network namespace that leads nowhere.

Owns the laboratory, its daemon and Chromium, from start to end. Must not know what a test looks for.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from netcheck.lab.lab import HERE, Ground, Lab
from netcheck.lab.watcher import Watcher, watching
from tests.programs import program

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
"""Where screenshots go, to be looked at."""
TOO_WIDE = """
[...document.querySelectorAll("body *:not(.wide *):not(pre *)")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
    .map((each) => each.outerHTML.slice(0, 100))
"""
"""What sticks out of the window, beside what can be scrolled."""
_PORT = 9223
_PATIENCE = 60.0
PATIENCE = 1000 * _PATIENCE
"""Milliseconds for anything to come to a page, on a busy machine too."""


@dataclass
class LabWithDaemon:
    """The laboratory and the daemon that watches it, in a thread of their own."""

    folder: Path
    url: str = f"http://{HERE}:{_PORT}"
    lab: Lab = field(init=False)
    _token: trio.lowlevel.TrioToken = field(init=False)
    _ready: threading.Event = field(default_factory=threading.Event)
    _scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    _watcher: Watcher = field(init=False)

    def alter(self, change: Callable[[Lab], None]) -> None:
        """Break or repair something in it."""
        trio.from_thread.run_sync(change, self.lab, trio_token=self._token)

    def reload(self) -> None:
        """As an administrator does after a change of files."""
        self._watcher.reload()

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self.lab = Lab(self.folder, Ground.here())
        config = self.lab.write_config(f"{HERE}:{_PORT}")
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.lab.serve)
                async with watching(config, self.url) as watcher:
                    self._watcher = watcher
                    await watcher.until_answering()
                    await watcher.until_all_ready()
                    self._ready.set()
                    await trio.sleep_forever()

    @contextmanager
    def running(self) -> Iterator[None]:
        _outwait_threads_of_trio()
        with ThreadPoolExecutor(1) as threads:  # a thread inherits the namespace of who starts it
            ended = threads.submit(trio.run, self._serve)
            ended.add_done_callback(lambda _: self._ready.set())
            try:
                assert self._ready.wait(_PATIENCE), "the laboratory is not ready"
                if not ended.done():
                    yield
            finally:
                if not ended.done():
                    self._token.run_sync_soon(self._scope.cancel)
                ended.result(_PATIENCE)


def _outwait_threads_of_trio() -> None:
    """Those of tests before are in another namespace and would start the daemon there. Idle ones end."""
    for thread in threading.enumerate():
        if thread.name.startswith("Trio thread"):
            thread.join(_PATIENCE)


@dataclass
class Window:
    """A page in the browser, and everything that it complains of or asks for elsewhere."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._look_at)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _look_at(self, request: Request) -> None:
        if not request.url.startswith((f"http://{HERE}:", "data:", "file:", "about:")):
            self.complaints.append(f"asks for {request.url}")

    def shoot(self, name: str) -> None:
        """Keep a picture of the whole page."""
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)

    def accessibility(self) -> list[str]:
        """What axe-core finds, by rule and place."""
        found = Axe().run(self.page).response["violations"]
        return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        expect.set_options(timeout=PATIENCE)  # 5 s otherwise
        try:
            yield chromium
        finally:
            chromium.close()
