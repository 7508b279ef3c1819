"""`netcheck incidents`: what is read of the daemon's file, and what is said where there is none."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netcheck.cli.main import main
from tests.history.test_history import NOW, kept
from tests.history.test_timeline import BLOCKED, DOWN, READY


def invoke(*args: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, ["incidents", *map(str, args)])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "netcheck.yaml"
    file.write_text("history: {file: netcheck.db}\n")
    kept(tmp_path / "netcheck.db", READY, BLOCKED, READY, DOWN, begun=NOW)
    return file


def test_incidents_stand_newest_first_with_how_available_each_path_was(config: Path) -> None:
    shown = invoke("--config", config, "--since", "9y").output.splitlines()
    assert shown[0].split() == ["began", "lasted", "path", "role", "verdict", "cause", "hop"]
    assert "dns_failure" in shown[1]
    assert "last seen 2026-09-21 14:" in shown[1]
    assert "port_blocked" in shown[2]
    assert "3 min" in shown[2]
    assert shown[4].split()[:3] == ["path", "role", "available"]
    assert shown[5].split()[:4] == ["direct", "device", "100", "%"]


def test_on_a_narrow_terminal_no_word_is_broken(config: Path) -> None:
    narrow = CliRunner(env={"COLUMNS": "80"}).invoke(
        main, ["incidents", "--config", str(config), "--since", "9y"]
    )
    shown = narrow.output.splitlines()
    assert shown[1] == "    direct device: not_ready, dns_failure (resolver)"
    assert shown[3] == "    direct device: fallback_only, port_blocked (firewall)"
    assert shown[2].endswith(" UTC, 3 min")
    assert max(map(len, shown)) <= 90  # the note at the end is a paragraph


def test_the_sums_agree_with_an_incident_that_lasts(tmp_path: Path) -> None:
    """The file says how it stood up to a minute ago."""
    file = tmp_path / "netcheck.yaml"
    file.write_text("history: {file: netcheck.db}\n")
    kept(tmp_path / "netcheck.db", BLOCKED, begun=time.time() - 40)
    told = json.loads(invoke("--config", file, "--format", "json").output)
    (incident,), (availability,) = told["incidents"], told["availability"]
    assert incident["duration"] == availability["limited"] == availability["measured"] >= 40
    shown = invoke("--config", file).output
    assert "still so" in shown
    assert shown.rstrip().endswith("with limits counts as available.")


def test_as_json_they_are_what_the_daemon_says(config: Path) -> None:
    told = json.loads(invoke("--config", config, "--since", "9y", "--format", "json").output)
    assert told.keys() == {"time", "version", "since", "incidents", "left_out", "availability"}
    newest, older = told["incidents"]
    assert (newest["cause"], newest["ended"]) == ("dns_failure", None)
    assert older["duration"] == 200
    assert older["began"] == "2026-09-21T14:16:40.000Z"
    assert older["transcript"] == "a probe"
    (availability,) = told["availability"]
    assert (availability["path"], availability["role"], availability["ratio"]) == ("direct", "device", 1.0)


def test_what_was_over_by_then_is_left_out(config: Path) -> None:
    assert "no incidents" in invoke("--config", config, "--since", "1s").output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("listen: 127.0.0.1:0\n", "names no file for incidents"),
        ("history: {file: none.db}\n", "there is no such file yet: the daemon makes it"),
        ("history: {file: other}\n", "is not a history file of netcheck"),
        ("history: {file: empty}\n", "is empty: the daemon has not been able to write it"),
        ("history: {keep: soon}\n", ":1:17: history.keep"),
    ],
)
def test_where_there_is_nothing_to_read_it_says_what_to_do(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "netcheck.yaml"
    file.write_text(text)
    (tmp_path / "other").write_text("something else")
    (tmp_path / "empty").touch()
    ended = invoke("--config", file)
    assert ended.exit_code == 2
    assert says in ended.output
    assert "Traceback" not in ended.output


def test_a_duration_that_is_none_is_an_error_in_one_line(config: Path) -> None:
    ended = invoke("--config", config, "--since", "lately")
    assert (ended.exit_code, len(ended.output.splitlines())) == (2, 1)
