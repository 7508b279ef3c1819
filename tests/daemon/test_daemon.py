"""The daemon as the web room sees it, before anything runs."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from netcheck import facts
from netcheck.config.file import load
from netcheck.daemon import showing
from netcheck.daemon.daemon import Daemon
from netcheck.pages import page
from netcheck.verdict.assessing import Assessment, assess
from netcheck.web.routes import routes
from netcheck.web.server import Request, Response
from tests.test_cli import config


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    file = config(tmp_path, "  ours: {hosts: [127.0.0.1], ports: [1]}")
    return Daemon(file, load(file))


class Judged:
    """Counts how often the engine judges."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, *args: object, **options: object) -> Assessment:
        self.runs += 1
        return assess(*args, **options)  # type: ignore[arg-type]  # whatever facts.py hands over


@pytest.fixture
def judged(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Judged:
    judged = Judged()
    monkeypatch.setattr(facts, "assess", judged)
    return judged


def test_scrapes_judge_nothing(daemon: Daemon, judged: Judged) -> None:
    for _ in range(5):
        daemon.scrape("", ())
        daemon.scrape("application/openmetrics-text", ("netcheck_ready",))
    assert judged.runs == 0


def ask(daemon: Daemon, route: str) -> Response:
    async def main() -> Response:
        return await routes(daemon)(Request("GET", route, {}, {}))

    return trio.run(main)


@pytest.mark.parametrize("route", ["/", "/api/v1/status", "/api/v1/incidents"])
def test_what_takes_long_to_show_is_made_in_a_thread_and_judges_nothing(
    daemon: Daemon, judged: Judged, route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def noting(make: Callable[..., object]) -> Callable[..., object]:
        def made(*args: object) -> object:
            threads.append(threading.current_thread())
            return make(*args)

        return made

    for room, name in ((showing, "report"), (showing, "incidents"), (page, "render")):
        monkeypatch.setattr(room, name, noting(getattr(room, name)))
    assert ask(daemon, route).status == 200
    assert judged.runs == 0
    assert threading.main_thread() not in threads
    assert len(threads) == 1


def test_it_is_not_ready_before_it_runs(daemon: Daemon) -> None:
    assert not daemon.ready
