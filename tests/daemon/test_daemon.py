"""The daemon as the web room sees it, before anything runs."""

from pathlib import Path

import pytest

from netcheck import facts
from netcheck.config import load
from netcheck.daemon.daemon import Daemon
from netcheck.verdict.assessing import Assessment, assess
from tests.test_cli import config


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    file = config(tmp_path, "  ours: {hosts: [127.0.0.1], ports: [1]}")
    return Daemon(file, load(file))


def test_scrapes_and_reports_without_a_change_between_them_judge_once(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = 0

    def counting(*args: object, **options: object) -> Assessment:
        nonlocal runs
        runs += 1
        return assess(*args, **options)  # type: ignore[arg-type]  # whatever facts.py hands over

    monkeypatch.setattr(facts, "assess", counting)
    for _ in range(5):
        daemon.scrape("", ())
        daemon.scrape("application/openmetrics-text", ("netcheck_ready",))
        daemon.status()
    assert runs == 1


def test_it_is_not_ready_before_it_runs(daemon: Daemon) -> None:
    assert not daemon.ready
