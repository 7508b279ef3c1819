"""Incidents: when one begins and ends, what a restart and an upgrade keep, and what a broken file costs."""

import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from netcheck import history
from netcheck.history import History, Said

DAY = 86400.0
NOON = 1_790_000_000.0
READY = Said("direct", "device", "ready", None, None, "4 of 4 hosts", None, None)
BLOCKED = Said(
    "direct",
    "device",
    "fallback_only",
    "port_blocked",
    "firewall",
    "0 of 4",
    "Ask the firewall",
    "connect: …",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "netcheck.db"


def kinds(kept: History, since: float = 0.0) -> list[tuple[str, float, float | None]]:
    return [(each.said.verdict, each.began, each.ended) for each in kept.incidents(since)]


def test_an_incident_lasts_until_another_verdict_holds() -> None:
    kept = History(None, 30 * DAY)
    kept.note([READY], NOON)
    kept.note([BLOCKED], NOON + 60)
    kept.note([BLOCKED], NOON + 120)
    kept.note([READY], NOON + 180)
    assert kinds(kept) == [
        ("ready", NOON + 180, None),
        ("fallback_only", NOON + 60, NOON + 180),
        ("ready", NOON, NOON + 60),
    ]


def test_what_was_seen_at_the_onset_stays() -> None:
    kept = History(None, 30 * DAY)
    kept.note([BLOCKED], NOON)
    kept.note([BLOCKED._replace(evidence="0 of 40")], NOON + 60)
    (incident,) = kept.incidents(0.0)
    assert incident.said == BLOCKED


def test_another_cause_is_another_incident() -> None:
    kept = History(None, 30 * DAY)
    kept.note([BLOCKED], NOON)
    kept.note([BLOCKED._replace(cause="tls_intercepted")], NOON + 60)
    assert [each.said.cause for each in kept.incidents(0.0)] == ["tls_intercepted", "port_blocked"]


def test_a_path_that_is_configured_no_more_is_over() -> None:
    kept = History(None, 30 * DAY)
    kept.note([BLOCKED, BLOCKED._replace(path="proxy")], NOON)
    kept.note([BLOCKED], NOON + 60)
    ended = {each.said.path: each.ended for each in kept.incidents(0.0)}
    assert ended == {"direct": None, "proxy": NOON}


def test_only_what_lasted_beyond_the_time_asked_for_is_told() -> None:
    kept = History(None, 30 * DAY)
    kept.note([BLOCKED], NOON)
    kept.note([READY], NOON + 60)
    assert kinds(kept, NOON + 61) == []
    assert [verdict for verdict, _, _ in kinds(kept, NOON + 30)] == ["ready", "fallback_only"]


def test_availability_counts_only_the_time_that_was_watched(file: Path) -> None:
    kept = History(file, 30 * DAY)
    kept.note([READY], NOON)
    kept.note([BLOCKED], NOON + 90)
    kept.note([BLOCKED], NOON + 100)
    kept.close()
    again = History(file, 30 * DAY)
    again.note([READY], NOON + 1000)
    again.note([READY], NOON + 1010)
    (found,) = again.availability(0.0, NOON + 2000)
    assert found.watched == 110
    assert found.share("ready") == pytest.approx(100 / 110)
    assert found.share("fallback_only") == pytest.approx(10 / 110)


def test_availability_is_cut_to_the_time_asked_for() -> None:
    kept = History(None, 30 * DAY)
    kept.note([READY], NOON)
    kept.note([READY], NOON + 100)
    (found,) = kept.availability(NOON + 40, NOON + 60)
    assert found.seconds == (("ready", 20.0),)


def test_a_restart_ends_what_was_open_when_it_was_last_seen(file: Path) -> None:
    kept = History(file, 30 * DAY)
    kept.note([BLOCKED], NOON)
    kept.note([BLOCKED], NOON + 60)
    kept.close()
    again = History(file, 30 * DAY)
    again.note([BLOCKED], NOON + 600)
    assert kinds(again) == [
        ("fallback_only", NOON + 600, None),
        ("fallback_only", NOON, NOON + 60),
    ]


def test_a_process_that_is_killed_loses_nothing_that_was_noted(file: Path) -> None:
    program = (
        "import os, pathlib, sys; from netcheck.history import History, Said;"
        "kept = History(pathlib.Path(sys.argv[1]), 1e9);"
        "kept.note([Said('direct', 'device', 'ready', None, None, '', None, None)], 1.79e9);"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(file)], check=False, timeout=30)
    assert [verdict for verdict, _, _ in kinds(History(file, 1e9))] == ["ready"]


def test_old_incidents_are_forgotten() -> None:
    kept = History(None, DAY)
    kept.note([BLOCKED], NOON)
    kept.note([READY], NOON + 60)
    kept.note([READY], NOON + 3 * DAY)
    assert [verdict for verdict, _, _ in kinds(kept)] == ["ready"]


def test_there_are_never_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_SPANS", 10)
    kept = History(None, 1e9)
    for number in range(100):
        kept.note([(READY, BLOCKED)[number % 2]], NOON + 4000 * number)
    assert len(kept.incidents(0.0)) <= 11


def test_texts_are_cut_where_they_are_long() -> None:
    kept = History(None, DAY)
    kept.note([BLOCKED._replace(transcript="x" * 1_000_000)], NOON)
    (incident,) = kept.incidents(0.0)
    assert incident.said.transcript is not None
    assert len(incident.said.transcript) == history.LONGEST_TEXT


def test_a_wall_clock_that_steps_back_shortens_nothing() -> None:
    kept = History(None, 30 * DAY)
    kept.note([READY], NOON)
    kept.note([READY], NOON + 60)
    kept.note([READY], NOON - 7200)
    kept.note([BLOCKED], NOON - 7100)
    assert ("ready", NOON, NOON + 60) in kinds(kept)


def test_a_damaged_file_is_set_aside_and_begun_anew(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_bytes(b"this is no database at all, and long enough to be looked at" * 100)
    kept = History(file, 30 * DAY)
    kept.note([READY], NOON)
    assert len(kept.incidents(0.0)) == 1
    assert file.with_name("netcheck.db.damaged").exists()
    assert "damaged" in caplog.text


def test_a_file_that_is_damaged_while_it_is_used_costs_only_history(file: Path) -> None:
    kept = History(file, 30 * DAY)
    kept.note([READY], NOON)
    kept.close()
    data = bytearray(file.read_bytes())
    data[100:3000] = bytes(2900)
    file.write_bytes(bytes(data))
    again = History(file, 30 * DAY)
    again.note([BLOCKED], NOON + 60)
    again.note([BLOCKED], NOON + 120)
    assert [verdict for verdict, _, _ in kinds(again)] == ["fallback_only"]


def test_a_file_of_a_later_version_is_left_alone(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with sqlite3.connect(file) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    kept = History(file, 30 * DAY)
    kept.note([READY], NOON)
    assert len(kept.incidents(0.0)) == 1
    assert "later netcheck" in caplog.text
    with sqlite3.connect(file) as untouched:
        assert untouched.execute("PRAGMA user_version").fetchone() == (99,)


def test_a_folder_that_cannot_be_written_to_leaves_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = History(tmp_path / "nowhere" / "netcheck.db", 30 * DAY)
    kept.note([READY], NOON)
    assert len(kept.incidents(0.0)) == 1
    assert "kept in memory" in caplog.text


def test_a_full_disk_is_a_warning_and_no_end(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    kept = History(file, 30 * DAY)
    kept.note([READY], NOON)
    (pages,) = kept._connection.execute("PRAGMA page_count").fetchone()
    kept._connection.execute(
        f"PRAGMA max_page_count = {pages}"
    )  # what SQLite says of a full disk: SQLITE_FULL
    for number in range(20):
        kept.note([(READY, BLOCKED)[number % 2]._replace(evidence="x" * 8000)], NOON + number)
    assert caplog.text.count("incidents are not written down") == 1
    kept._connection.execute("PRAGMA max_page_count = 1000000")
    kept.note([BLOCKED], NOON + 100)
    assert "can be written to again" in caplog.text
    assert kinds(kept)[0][0] == "fallback_only"


def test_others_cannot_read_it(file: Path) -> None:
    History(file, DAY).close()
    assert file.stat().st_mode & 0o077 == 0
