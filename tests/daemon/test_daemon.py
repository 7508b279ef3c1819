"""The daemon as the web room sees it, before anything runs."""

import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from netcheck import facts
from netcheck.config.file import load
from netcheck.daemon import showing
from netcheck.daemon.daemon import Daemon
from netcheck.model.paths import ProbePath
from netcheck.model.services import Service
from netcheck.pages import page
from netcheck.web.routes import routes
from netcheck.web.server import Request, Response
from tests.bench.network import Network
from tests.calls import Counted
from tests.configs import config, daemon_config, ours


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    file = config(tmp_path, ours(1))
    return Daemon(file, load(file))


@pytest.fixture
def engine(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """How often it judges once there is a daemon."""
    return Counted(monkeypatch, facts, "assess")


def test_the_first_scrape_says_what_is_configured(daemon: Daemon) -> None:
    """Probing is loaded when the port answers already."""
    text, _ = trio.run(daemon.scrape, "", ())
    lines = text.decode().splitlines()
    (interval,) = (line for line in lines if line.startswith("netcheck_probing_interval_seconds "))
    assert float(interval.split()[1]) == daemon._config.probing.interval
    skipped = dict(line.split(" ") for line in lines if line.startswith("netcheck_probes_skipped_total{"))
    causes = ("still_running", "stood_still", "internal_error")
    assert skipped.keys() == {f'netcheck_probes_skipped_total{{cause="{cause}"}}' for cause in causes}
    assert set(map(float, skipped.values())) == {0}


def test_scrapes_judge_nothing(daemon: Daemon, engine: Counted) -> None:
    for _ in range(5):
        trio.run(daemon.scrape, "", ())
        trio.run(daemon.scrape, "application/openmetrics-text", ("netcheck_ready",))
    assert engine.runs == 0


def test_a_scrape_of_many_series_lets_others_run_meanwhile(tmp_path: Path) -> None:
    file = daemon_config(tmp_path)
    daemon = Daemon(file, load(file))
    many = Service("many", tuple(f"host-{number}.example" for number in range(1000)), (443,))
    network = Network([many], [ProbePath("direct")])
    network.visit(1.0)
    daemon.showing.take(network.facts())
    turns = 0

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(count_turns)
            body, _ = await daemon.scrape("", ())
            assert body.count(b"\nnetcheck_probe_success{") == 2000
            nursery.cancel_scope.cancel()

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    trio.run(main)
    assert turns > 5  # one each for the start and the end; the rest is while the series are written


def ask(
    daemon: Daemon, route: str, method: str = "GET", name: str | None = None, accept: str = ""
) -> Response:
    async def main() -> Response:
        query = {} if name is None else {"name[]": (name,)}
        return await routes(daemon)(Request(method, route, query, {"accept": accept}))

    return trio.run(main)


def test_metrics_can_be_had_as_openmetrics_and_by_name(daemon: Daemon) -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    answer = ask(daemon, "/metrics", name="netcheck_build_info", accept=accept)
    said = answer.body.decode()
    assert said.endswith("# EOF\n")
    assert [family.name for family in text_string_to_metric_families(said)] == ["netcheck_build_info"]


def test_what_the_page_links_to_is_there(daemon: Daemon) -> None:
    links = re.findall(r'(?:href|src)="(/[^"?]*)', ask(daemon, "/").body.decode())
    assert {"/metrics", "/api/v1/status", "/api/v1/incidents"} < set(links)
    assert {ask(daemon, link).status for link in links} == {200}


def test_what_is_not_there_is_refused(daemon: Daemon) -> None:
    assert ask(daemon, "/none").status == 404


@pytest.mark.parametrize("route", ["/", "/api/v1/status", "/api/v1/incidents"])
def test_what_takes_long_to_show_is_made_in_a_thread_and_judges_nothing(
    daemon: Daemon, engine: Counted, route: str, monkeypatch: pytest.MonkeyPatch
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
    assert engine.runs == 0
    assert threading.main_thread() not in threads
    assert len(threads) == 1


@pytest.mark.parametrize(
    ("route", "method", "status", "allowed"),
    [
        ("/metrics", "POST", 405, "GET, HEAD, OPTIONS"),
        ("/metrics", "OPTIONS", 200, "GET, HEAD, OPTIONS"),
        ("/-/reload", "HEAD", 405, "POST, OPTIONS"),
        ("*", "OPTIONS", 200, "GET, HEAD, POST, OPTIONS"),
        ("*", "GET", 405, "GET, HEAD, POST, OPTIONS"),
    ],
)
def test_what_may_be_asked_is_told(
    daemon: Daemon, route: str, method: str, status: int, allowed: str
) -> None:
    answer = ask(daemon, route, method)
    assert (answer.status, answer.headers) == (status, (("Allow", allowed),))


def test_names_of_files_that_are_not_utf_8_are_shown_escaped(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_reloaded() -> str:
        return "/srv/\udcff.yaml:1:1: no"

    monkeypatch.setattr(page, "render", lambda *_: "<p>/srv/\udcff.pem</p>")
    monkeypatch.setattr(daemon, "reload", not_reloaded)
    assert ask(daemon, "/").body == b"<p>/srv/\\udcff.pem</p>"
    assert b"/srv/\\udcff.yaml:1:1: no" in ask(daemon, "/-/reload", "POST").body


def test_it_is_not_ready_before_it_runs(daemon: Daemon) -> None:
    assert not daemon.ready
