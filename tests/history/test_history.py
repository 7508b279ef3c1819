"""The file of the incidents: restarts, damage, full disks, and files that are not ours."""

import errno
import logging
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from netcheck.history import database as database_module
from netcheck.history import history as history_module
from netcheck.history.claim import Claim
from netcheck.history.database import Database, read
from netcheck.history.history import History
from netcheck.history.timeline import MOST
from netcheck.history.unusable import HistoryError
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.incidents import Onset, Span
from netcheck.model.paths import Role
from tests.hanging import hanging_file
from tests.history.test_timeline import BLOCKED, DOWN, READY

NOW = 1_790_000_000.0
LATER = NOW + 86400.0
KEEP = 30 * 86400.0
FIRST_VERSION = Path(__file__).with_name("version-1.sql")
DEADLINE = 60.0
BEFORE = Span(
    "direct",
    Role.DEVICE,
    Verdict.NOT_READY,
    Cause.PORT_BLOCKED,
    Hop.FIREWALL,
    NOW,
    NOW + 100,
    NOW + 100,
    is_expected=False,
)


def kept(file: Path | None, *judgements: Judgement, begun: float = NOW, keep: float = 1e12) -> History:
    """A history that has run for these judgements, 200 seconds each, and has stopped."""

    async def main() -> History:
        history = History(file, keep)
        async with trio.open_nursery() as nursery:
            await nursery.start(history.run)
            for number, judged in enumerate(judgements):
                history.note([judged], begun + 200 * number, lambda _: Onset("so it is", "a probe"))
            nursery.cancel_scope.cancel()
        return history

    return trio.run(main)


def causes(history: History) -> list[object]:
    return [each.cause for each in history.timeline().incidents(0, LATER)]


def test_incidents_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    before = kept(file, READY, BLOCKED, DOWN)
    after = kept(file, DOWN, READY, begun=NOW + 500)
    assert causes(after) == causes(before) == [DOWN.cause, BLOCKED.cause]
    newest, older = after.timeline().incidents(0, LATER)
    assert (newest.began, newest.ended) == (NOW + 400, NOW + 700)
    assert older == before.timeline().incidents(0, LATER)[1]


def test_the_file_is_whole_when_nobody_has_it_open(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, DOWN)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["netcheck.db", "netcheck.db.lock"]
    assert [span.cause for span in read(file)] == [DOWN.cause]


def test_without_a_file_they_are_in_memory() -> None:
    assert causes(kept(None, DOWN)) == [DOWN.cause]


def test_another_file_gets_what_is_known(tmp_path: Path) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    kept(second, BLOCKED)

    async def main() -> History:
        history = History(first, KEEP)
        history.note([READY], NOW + 900, lambda _: Onset("", ""))
        history.note([DOWN], NOW + 1000, lambda _: Onset("", ""))
        history.take(second, 1e12)
        with trio.move_on_after(0):
            await history.run()
        return history

    assert causes(trio.run(main)) == [DOWN.cause, BLOCKED.cause]
    assert {span.cause for span in read(second)} == {None, DOWN.cause, BLOCKED.cause}


async def until_it_has(file: Path, cause: Cause | None) -> None:
    with trio.fail_after(DEADLINE):
        while cause not in causes_in(file):  # noqa: ASYNC110 - no event
            await trio.sleep(0.02)


def causes_in(file: Path) -> set[Cause | None]:
    try:
        return {span.cause for span in read(file)}
    except HistoryError:  # not there yet, or just being made
        return set()


def test_a_file_that_hangs_does_not_hold_up_the_one_that_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history_module, "_LONGEST", 2.0)  # the second one answers in that
    folder, second = tmp_path / "drive", tmp_path / "second.db"
    folder.mkdir()

    async def main(hanging: Path) -> None:
        history = History(hanging, 1e12)
        history.note([DOWN], NOW, lambda _: Onset("", ""))
        async with trio.open_nursery() as nursery:
            await nursery.start(history.run)
            history.take(second, 1e12)
            await until_it_has(second, DOWN.cause)
            nursery.cancel_scope.cancel()

    with hanging_file(folder) as hanging:
        trio.run(main, hanging)
        assert f"{hanging} does not answer" in caplog.text
    assert f"{second} does not answer" not in caplog.text


def test_a_file_that_comes_while_the_one_before_is_read_is_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    kept(first, DOWN)
    kept(second, BLOCKED, begun=NOW + 500)
    in_earnest = Database.read

    async def main() -> History:
        history = History(first, 1e12)

        def read_slowly(database: Database) -> list[Span]:
            if database.file == first:
                trio.from_thread.run_sync(history.take, second, 1e12)
            return in_earnest(database)

        monkeypatch.setattr(Database, "read", read_slowly)
        async with trio.open_nursery() as nursery:
            await nursery.start(history.run)
            await until_it_has(second, DOWN.cause)
            nursery.cancel_scope.cancel()
        return history

    assert set(causes(trio.run(main))) == {DOWN.cause, BLOCKED.cause}


def test_what_lasts_is_kept_however_much_has_ended_since(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    database = Database(file)
    lasting = Span("direct", Role.DEVICE, Verdict.DEGRADED, None, None, NOW, NOW + 2 * MOST, None)
    others = [
        Span("other", Role.DEVICE, Verdict.READY, None, None, NOW + n, NOW + n, NOW + n + 1)
        for n in range(1, MOST + 50)
    ]
    database.write({span.key: span for span in [lasting, *others]}, before=0)
    found = read(file)
    assert len(found) == MOST
    assert lasting in found
    assert min(span.began for span in found if span.path == "other") == NOW + 51


def test_what_is_old_is_taken_out_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    Database(file).write(kept(None, BLOCKED, DOWN, DOWN)._timeline.spans, before=0)
    Database(file).write({}, before=NOW + 300)
    assert [span.cause for span in read(file)] == [DOWN.cause]


def test_what_is_no_longer_known_is_taken_out_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, DOWN)
    after = kept(file, DOWN, begun=NOW - 5000)  # the clock was set back meanwhile
    assert [span.began for span in read(file)] == [span.began for span in after.timeline().incidents(0, NOW)]


@pytest.mark.parametrize("is_ahead_again", [False, True])
def test_only_a_clock_that_stays_so_makes_what_is_old_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_ahead_again: bool
) -> None:
    file, ahead = tmp_path / "netcheck.db", NOW + 2 * KEEP
    kept(file, DOWN, READY)
    monkeypatch.setattr(history_module, "_BELIEVED_AFTER", 0.0)

    async def main() -> History:
        history = History(file, KEEP)
        async with trio.open_nursery() as nursery:
            await nursery.start(history.run)
            for now in (ahead, ahead + 1 if is_ahead_again else NOW + 900):
                history.note([READY], now, lambda _: Onset("", ""))
            nursery.cancel_scope.cancel()
        return history

    left = [] if is_ahead_again else [DOWN.cause]
    assert causes(trio.run(main)) == left
    assert [span.cause for span in read(file) if span.is_incident] == left


def test_what_is_old_goes_by_what_the_file_saw_last_where_nobody_runs_for_long(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, DOWN, READY, begun=NOW - 3 * KEEP)
    kept(file, BLOCKED, READY, begun=NOW - 1000)
    kept(file, READY, begun=NOW, keep=KEEP)
    assert [span.cause for span in read(file) if span.is_incident] == [BLOCKED.cause]


# Files that cannot be used


@pytest.mark.parametrize("start", [100, 4096])
def test_a_damaged_file_is_set_aside_and_a_fresh_one_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, start: int
) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, DOWN)
    data = file.read_bytes()
    damaged = data[:start] + b"\xa5" * (len(data) - start)
    file.write_bytes(damaged)
    after = kept(file, BLOCKED)
    assert causes(after) == [BLOCKED.cause]
    assert [span.cause for span in read(file)] == [BLOCKED.cause]
    (aside,) = tmp_path.glob("netcheck.db.damaged-*")
    assert aside.read_bytes() == damaged
    assert str(aside) in caplog.text


@pytest.mark.parametrize("left", [bytes(8192), b"SQLite format 3\0" + b"\x10" * 34])
def test_a_file_whose_beginning_was_lost_is_set_aside_too(tmp_path: Path, left: bytes) -> None:
    file = tmp_path / "netcheck.db"
    file.write_bytes(left)
    assert causes(kept(file, BLOCKED)) == [BLOCKED.cause]
    assert [span.cause for span in read(file)] == [BLOCKED.cause]
    (aside,) = tmp_path.glob("netcheck.db.damaged-*")
    assert aside.read_bytes() == left


@pytest.mark.parametrize(
    "change", [(b"CREATE TABLE", b"CR\x91ATE TABLE"), (b"transcript TEXT", b"transcripu TEXT")]
)
def test_a_file_whose_table_is_damaged_is_set_aside_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: tuple[bytes, bytes]
) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, DOWN)
    file.write_bytes(damaged := file.read_bytes().replace(*change))
    with pytest.raises(HistoryError, match="is damaged"):
        read(file)
    assert causes(kept(file, BLOCKED)) == [BLOCKED.cause]
    (aside,) = tmp_path.glob("netcheck.db.damaged-*")
    assert aside.read_bytes() == damaged
    assert "internal error" not in caplog.text


def test_a_file_that_says_another_name_of_its_table_is_set_aside_too(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, DOWN)
    altered(file, "ALTER TABLE spans RENAME TO spanz")
    assert causes(kept(file, BLOCKED)) == [BLOCKED.cause]
    assert len(list(tmp_path.glob("netcheck.db.damaged-*"))) == 1


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE spans ADD COLUMN ticket TEXT",
        "CREATE INDEX own ON spans (cause)",
        "CREATE VIEW own AS SELECT a FROM b",
    ],
)
def test_a_file_to_which_its_user_adds_something_goes_on(tmp_path: Path, change: str) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, DOWN)
    altered(file, change)
    assert causes(kept(file, BLOCKED, begun=NOW + 500)) == [BLOCKED.cause, DOWN.cause]
    assert len(read(file)) == 2
    assert not list(tmp_path.glob("*damaged*"))


def test_a_user_s_trigger_that_fails_is_told_and_costs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, DOWN)
    altered(file, "CREATE TRIGGER own AFTER INSERT ON spans BEGIN INSERT INTO nowhere VALUES (1); END")
    with pytest.raises(HistoryError, match="cannot be used: no such table"):
        Database(file).write(kept(None, BLOCKED)._timeline.spans, before=0)
    assert [span.cause for span in read(file)] == [DOWN.cause]
    assert not list(tmp_path.glob("*damaged*"))


def test_a_file_that_loses_a_column_while_we_run_gets_all_again(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    database, spans = Database(file), kept(None, BLOCKED, DOWN)._timeline.spans
    database.write(spans, before=0)
    altered(file, "ALTER TABLE spans DROP COLUMN transcript")
    database.write(spans, before=0)
    assert len(read(file)) == 2
    assert len(list(tmp_path.glob("netcheck.db.damaged-*"))) == 1


def test_a_file_that_another_daemon_makes_at_the_same_time_is_no_damaged_one(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, DOWN)
    altered(file, "PRAGMA user_version = 0")  # as before the other's last statement
    assert causes(kept(file, BLOCKED, begun=NOW + 500)) == [BLOCKED.cause, DOWN.cause]
    assert not list(tmp_path.glob("*damaged*"))


def test_a_file_that_is_damaged_while_we_run_gets_all_again(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    database, spans = Database(file), kept(None, BLOCKED, DOWN)._timeline.spans
    database.write(spans, before=0)
    file.write_bytes(file.read_bytes()[:100] + b"something else " * 500)
    database.write(spans, before=0)
    assert len(read(file)) == 2


def test_a_damaged_file_is_told_to_who_only_reads(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, DOWN)
    file.write_bytes(damaged := file.read_bytes()[:100] + b"something else " * 500)
    with pytest.raises(HistoryError, match="is damaged"):
        read(file)
    assert file.read_bytes() == damaged


@contextmanager
def no_room_for(size: int) -> Iterator[None]:
    """Files cannot grow beyond so many bytes, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_costs_the_file_only_and_all_is_written_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "netcheck.db"
    with no_room_for(1024):
        history = kept(file, BLOCKED, DOWN)
    assert causes(history) == [DOWN.cause, BLOCKED.cause]
    assert caplog.text.count("incidents are kept in memory until it can") == 1

    async def go_on() -> None:
        with trio.move_on_after(0):
            await history.run()

    caplog.set_level(logging.INFO)
    trio.run(go_on)
    assert "the file is written again" in caplog.text
    assert [span.cause for span in read(file)] == [DOWN.cause, BLOCKED.cause]


def test_a_folder_that_is_not_there_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    history = kept(tmp_path / "none" / "netcheck.db", BLOCKED, DOWN)
    assert causes(history) == [DOWN.cause, BLOCKED.cause]
    assert caplog.text.count("see that its folder is there") == 1


def test_a_folder_in_place_of_the_file_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert causes(kept(tmp_path, DOWN)) == [DOWN.cause]
    assert str(tmp_path) in caplog.text


def altered(file: Path, statement: str) -> bytes:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)
    return file.read_bytes()


@pytest.mark.parametrize(
    ("make", "says"),
    [("PRAGMA user_version = 99", "newer netcheck"), ("PRAGMA application_id = 7", "another program's")],
)
def test_a_file_that_is_not_ours_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make: str, says: str
) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, BLOCKED)
    data = altered(file, make)
    assert causes(kept(file, DOWN)) == [DOWN.cause]
    assert says in caplog.text
    assert file.read_bytes() == data
    with pytest.raises(HistoryError, match=says):
        read(file)


SOMETHING_ELSE = {
    "a config": b"history: {file: netcheck.yaml}\n",
    "a password": b"s3cret",
    "one byte, over which SQLite would write": b"x",
    "a damaged database of another program": b"SQLite format 3\0" + b"\xa5" * 8192,
}


@pytest.mark.parametrize("data", SOMETHING_ELSE.values(), ids=SOMETHING_ELSE)
def test_a_file_that_is_no_history_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    """Whoever names the wrong file, the config itself for one, still has it afterwards."""
    file = tmp_path / "netcheck.yaml"
    file.write_bytes(data)
    assert causes(kept(file, DOWN)) == [DOWN.cause]
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {file.name: data}
    assert caplog.text.count("is not a history file of netcheck: name another file") == 1
    with pytest.raises(HistoryError, match="is not a history file of netcheck"):
        read(file)


def test_an_empty_file_may_be_used(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    file.touch()
    kept(file, DOWN)
    assert [span.cause for span in read(file)] == [DOWN.cause]


@pytest.mark.parametrize(
    "broken",
    [
        "evidence = 'null'",
        "evidence = '{'",
        "began = 'soon'",
        "role = NULL",
        "began = -1",
        "seen = 'nan'",
        "seen = began - 1",
        "ended = began - 1",
        "ended = 1e300",
        "seen = 253402300800",
        "cause = 'of_the_future'",  # as another version may have it
    ],
)
def test_a_row_that_makes_no_sense_costs_no_other(tmp_path: Path, broken: str) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, BLOCKED, DOWN)
    altered(file, f"UPDATE spans SET {broken} WHERE cause = 'dns_failure'")
    assert [span.cause for span in read(file)] == [BLOCKED.cause]


def test_text_that_is_not_utf_8_costs_no_row(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, BLOCKED, DOWN)
    altered(file, "UPDATE spans SET summary = CAST(x'ff41' AS TEXT) WHERE cause = 'dns_failure'")
    assert [span.summary for span in read(file)] == ["\ufffdA", "so it is"]
    assert causes(kept(file, BLOCKED, begun=NOW + 500))[1:] == [DOWN.cause, BLOCKED.cause]


def test_a_name_of_a_file_that_is_not_utf_8_costs_no_row(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    spans = kept(None, BLOCKED)._timeline.spans
    odd = {key: replace(span, next_step="Look at /srv/\udcff.pem.") for key, span in spans.items()}
    Database(file).write(odd, before=0)
    assert [span.next_step for span in read(file)] == ["Look at /srv/\\udcff.pem."]


def first_version(file: Path) -> Path:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(FIRST_VERSION.read_text())
    return file


IN_FIRST_VERSION = [
    Span("direct", Role.DEVICE, Verdict.READY, None, None, NOW, NOW + 100, NOW + 100),
    Span(
        "direct",
        Role.DEVICE,
        Verdict.FALLBACK_ONLY,
        Cause.PORT_BLOCKED,
        Hop.FIREWALL,
        NOW + 100,
        NOW + 200.5,
        NOW + 200.5,
        is_expected=False,
        summary="Port 5223 is blocked.",
        evidence=("Nothing answers – nowhere", "0 of 51"),
        next_step="Ask the owners of the firewall.",
        transcript="connect   1.5 s\n    timeout",
    ),
    Span(
        "web-proxy",
        Role.PROVIDER,
        Verdict.NOT_READY,
        Cause.PROXY_DOWN,
        Hop.PROXY,
        NOW + 150,
        NOW + 250,
        is_expected=False,
        summary="The proxy does not work.",
        evidence=("connect refused",),
        next_step="Ask the owners of the proxy.",
    ),
]


def test_a_file_of_the_first_version_is_read_whole_and_goes_on(tmp_path: Path) -> None:
    file = first_version(tmp_path / "netcheck.db")
    assert sorted(read(file), key=lambda span: span.began) == IN_FIRST_VERSION
    assert causes(kept(file, DOWN, begun=NOW + 300)) == [DOWN.cause, Cause.PROXY_DOWN, Cause.PORT_BLOCKED]
    assert {span.cause for span in read(file)} == {None, DOWN.cause, Cause.PROXY_DOWN, Cause.PORT_BLOCKED}


def test_another_format_has_another_version(tmp_path: Path) -> None:
    """Whoever changes the tables raises the version, and teaches netcheck to read the files of before."""
    kept(tmp_path / "new.db", DOWN)
    assert format_of(tmp_path / "new.db") == format_of(first_version(tmp_path / "first.db"))


def format_of(file: Path) -> list[object]:
    with closing(sqlite3.connect(file)) as connection:
        names = ("user_version", "application_id", "journal_mode")
        marks = [connection.execute(f"PRAGMA {name}").fetchone() for name in names]
        return [*marks, *connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name")]


def test_a_file_that_is_locked_is_written_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, BLOCKED)
    with closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN EXCLUSIVE")
        history = kept(file, DOWN, begun=NOW + 500)
        assert "locked" in caplog.text
    assert causes(history)[0] == DOWN.cause


# Another daemon

_WRITES = """
import sys, time
from pathlib import Path
from netcheck.history.claim import Claim
print(Claim(Path(sys.argv[1])).take(), flush=True)
time.sleep(60)  # killed before: the lock lasts as long as the process
"""


@contextmanager
def written_elsewhere(file: Path) -> Iterator[subprocess.Popen[str]]:
    """By another process, as long as it lives."""
    command = [sys.executable, "-c", _WRITES, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "True\n"
            yield other
        finally:
            other.kill()


def may_be_written_elsewhere(file: Path) -> bool:
    try:
        with written_elsewhere(file):
            return True
    except AssertionError:
        return False


def test_a_file_that_another_daemon_writes_is_only_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, link = tmp_path / "netcheck.db", tmp_path / "link.db"
    link.symlink_to(file)
    Database(file).write({BEFORE.key: BEFORE}, 0.0)
    with written_elsewhere(file):  # not by this process before: its lock would be its own as long as it lives
        for name in (file, link):
            caplog.clear()
            history = kept(name, DOWN, DOWN, begun=NOW + 500)
            assert causes(history) == [DOWN.cause, BLOCKED.cause]
            (said,) = caplog.messages
            assert f"{name} is written by another netcheck that runs" in said
    assert [span.cause for span in read(file)] == [BLOCKED.cause]


def test_a_lock_that_somebody_removed_lets_one_write_and_not_two(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    claim = Claim(file)
    assert claim.take()
    file.with_name("netcheck.db.lock").unlink()
    with written_elsewhere(file):
        assert not claim.take()
    assert claim.take()
    file.with_name("netcheck.db.lock").unlink()
    assert claim.take()
    assert not may_be_written_elsewhere(file)
    claim.let_go()


def test_a_file_is_ours_when_the_other_daemon_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history_module, "_WRITE_EVERY", 0.05)
    caplog.set_level(logging.INFO)
    file = tmp_path / "netcheck.db"

    async def main(other: subprocess.Popen[str]) -> History:
        history = History(file, 1e12)
        async with trio.open_nursery() as nursery:
            await nursery.start(history.run)
            kept_elsewhere = Database(file)
            kept_elsewhere.write({BEFORE.key: BEFORE}, 0.0)
            history.note([DOWN], NOW + 500, lambda _: Onset("", ""))
            other.kill()
            await until_it_has(file, DOWN.cause)
            nursery.cancel_scope.cancel()
        return history

    with written_elsewhere(file) as other:
        history = trio.run(main, other)
    assert causes(history) == [DOWN.cause, BEFORE.cause]
    assert "the file is written again" in caplog.text


def test_a_file_that_is_left_in_a_reload_is_anybody_s(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"

    async def main() -> None:
        history = History(file, 1e12)
        async with trio.open_nursery() as nursery:
            await nursery.start(history.run)
            history.take(second := tmp_path / "second.db", 1e12)
            history.note([DOWN], NOW, lambda _: Onset("", ""))
            await until_it_has(second, DOWN.cause)
            with written_elsewhere(file):
                pass
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_a_file_that_hangs_when_it_is_left_is_anybody_s_as_soon_as_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_WRITE_EVERY", "_LONGEST"):
        monkeypatch.setattr(history_module, name, 0.1)
    file, goes_on, write = tmp_path / "netcheck.db", threading.Event(), Database.write

    def hangs(database: Database, *what: Any) -> None:
        if database.file == file:
            goes_on.wait(DEADLINE)
        write(database, *what)

    monkeypatch.setattr(Database, "write", hangs)

    async def main() -> None:
        history = History(file, 1e12)
        async with trio.open_nursery() as nursery:
            await nursery.start(history.run)
            history.note([DOWN], NOW, lambda _: Onset("", ""))
            history.take(second := tmp_path / "second.db", 1e12)
            await until_it_has(second, DOWN.cause)
            goes_on.set()
            with trio.fail_after(DEADLINE):
                while not may_be_written_elsewhere(file):  # noqa: ASYNC110 - a thread lets go
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()

    trio.run(main)


def test_where_there_are_no_locks_all_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("netcheck.history.claim.fcntl.lockf", none)
    kept(file := tmp_path / "netcheck.db", DOWN)
    assert [span.cause for span in read(file)] == [DOWN.cause]


def test_a_lock_of_another_user_s_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "netcheck.db.lock").mkdir()  # which root cannot open either
    kept(file := tmp_path / "netcheck.db", DOWN)
    assert [span.cause for span in read(file)] == [DOWN.cause]


# Who only reads


def test_a_file_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    kept(file, DOWN)
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("UPDATE spans SET seen = seen + 1")
        assert [span.seen for span in read(file)] == [NOW]
        writer.commit()
        assert [span.seen for span in read(file)] == [NOW + 1]


def test_a_look_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    kept(file := tmp_path / "netcheck.db", DOWN)
    before = sorted(tmp_path.iterdir())
    assert [span.seen for span in read(file)] == [NOW]
    assert sorted(tmp_path.iterdir()) == before  # what is this user's, the daemon's may not write to


@pytest.mark.parametrize(("left", "seen"), [("-wal -shm", NOW + 1), ("-wal", NOW)])
def test_what_a_writer_left_that_was_killed_is_read_and_nothing_is_added(
    tmp_path: Path, left: str, seen: float
) -> None:
    kept(file := tmp_path / "netcheck.db", DOWN)
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("UPDATE spans SET seen = seen + 1")
        writer.commit()
        (killed := tmp_path / "killed").mkdir()
        copies = [killed / f"netcheck.db{side}" for side in ("", *left.split())]
        for copy in copies:
            copy.write_bytes((tmp_path / copy.name).read_bytes())
    assert [span.seen for span in read(copies[0])] == [seen]
    assert sorted(killed.iterdir()) == sorted(copies)


def test_what_is_written_during_a_look_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(file := tmp_path / "netcheck.db", DOWN)
    look = database_module._looked_at

    def slowly(file: Path, way: str) -> list[Span]:
        found = look(file, way)
        if found[0].seen == NOW:
            with closing(sqlite3.connect(file)) as writer, writer:
                writer.execute("UPDATE spans SET seen = seen + 1")
        return found

    monkeypatch.setattr(database_module, "_looked_at", slowly)
    assert [span.seen for span in read(file)] == [NOW + 1]


def test_no_file_says_who_makes_it(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="the daemon makes it"):
        read(tmp_path / "netcheck.db")


def test_a_file_for_which_there_was_no_room_is_no_quiet_week(tmp_path: Path) -> None:
    file = tmp_path / "netcheck.db"
    file.touch()
    with pytest.raises(HistoryError, match="is empty: the daemon has not been able to write it"):
        read(file)
    with closing(sqlite3.connect(file)) as begun:
        begun.execute("PRAGMA journal_mode = WAL")
    with pytest.raises(HistoryError, match="is empty"):
        read(file)
