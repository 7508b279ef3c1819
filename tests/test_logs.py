"""How log lines look."""

import errno
import json
import logging
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from netcheck.logs import Aside, JsonFormatter, Prioritised, Summary, TextFormatter, Want
from netcheck.scarcity import NO_MORE_THREADS


def a_record(
    message: str = "hello", *args: object, level: int = logging.WARNING, **fields: Any
) -> logging.LogRecord:
    record = logging.LogRecord("netcheck", level, "", 0, message, args, None)
    vars(record).update(fields)
    return record


def a_bug(message: str = "bad", number: str = "broken") -> logging.LogRecord:
    record = a_record(message)
    try:
        int(number)
    except ValueError:
        record.exc_info = sys.exc_info()
    return record


def as_json(record: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(record)
    assert "\n" not in line
    fields: dict[str, Any] = json.loads(line)
    return fields


def test_a_json_line_has_time_level_logger_and_message() -> None:
    fields = as_json(a_record("%s is %s", "direct", "ready"))
    assert list(fields) == ["time", "level", "logger", "message"]
    assert fields["message"] == "direct is ready"
    assert fields["level"] == "warning"
    assert fields["time"].endswith("+00:00")


def test_text_and_json_have_the_same_time_wherever_the_machine_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is said in the line is in UTC, too."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        record = a_record()
        record.created = 1_796_060_796.0
        assert TextFormatter().format(record).startswith("2026-11-30T17:46:36Z WARNING hello")
        assert as_json(record)["time"].startswith("2026-11-30T17:46:36")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_json_line_has_what_a_record_says_beside_its_message_and_nothing_that_is_not_there() -> None:
    fields = as_json(a_record(hop="firewall", path="direct", cause=None, kind="not for the log"))
    assert list(fields) == ["time", "level", "logger", "message", "path", "hop"]


def test_a_traceback_stays_in_one_json_line() -> None:
    assert "ValueError: invalid literal" in as_json(a_bug())["traceback"]


@pytest.mark.parametrize("formatter", [TextFormatter(), Prioritised(TextFormatter())])
def test_a_traceback_stays_in_one_line_of_text(formatter: logging.Formatter) -> None:
    line = formatter.format(a_bug())
    assert "\n" not in line
    assert " bad | Traceback (most recent call last): | " in line
    assert line.endswith("ValueError: invalid literal for int() with base 10: 'broken'")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("two\nlines", "two | lines"),
        ("two\r\n\r\nlines", "two | lines"),
        ("a\x1b[31m colour", "a\\x1b[31m colour"),
        ("a\x85next\u2028line", "a | next | line"),
        ("null\0", "null\\x00"),
        ("ümlaut ☃", "ümlaut ☃"),
    ],
)
def test_what_a_peer_says_makes_no_line_of_its_own_and_reaches_no_terminal_raw(said: str, shown: str) -> None:
    assert TextFormatter().format(a_record("%s", said)).endswith(f" WARNING {shown}")


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.DEBUG, "<7>"),
        (logging.INFO, "<6>"),
        (logging.WARNING, "<4>"),
        (logging.ERROR, "<3>"),
        (logging.CRITICAL, "<2>"),
    ],
)
@pytest.mark.parametrize("lines", [TextFormatter(), JsonFormatter()])
def test_the_journal_is_told_the_priority(lines: logging.Formatter, level: int, priority: str) -> None:
    record = a_record(level=level)
    assert Prioritised(lines).format(record) == priority + lines.format(record)


# What the system has no more of


NO_THREAD = RuntimeError("can't start new thread")


def said_of(error: Exception, name: str = "netcheck") -> str:
    record = a_record("%s failed", "it")
    record.name, record.exc_info = name, (type(error), error, None)
    assert Want().filter(record)
    return TextFormatter(for_journal=True).format(record)


@pytest.mark.parametrize("error", [NO_THREAD, ExceptionGroup("tasks", [NO_THREAD, NO_THREAD])])
def test_that_no_thread_can_be_had_is_said_in_one_line_without_a_traceback(error: Exception) -> None:
    assert said_of(error) == NO_MORE_THREADS


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_that_no_file_can_be_opened_is_said_without_a_traceback(number: int) -> None:
    error = OSError(number, os.strerror(number))
    assert said_of(error) == f"it failed: {os.strerror(number)}"
    assert said_of(error, "trio.serve_listeners") == f"no connection can be accepted: {os.strerror(number)}"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a bug"),
        OSError(errno.EBADF, "Bad file descriptor"),
        ExceptionGroup("tasks", [NO_THREAD, ValueError("a bug")]),
    ],
)
def test_a_bug_keeps_its_traceback(error: Exception) -> None:
    assert said_of(error).startswith("it failed | ")


def test_what_the_system_has_no_more_of_is_said_once_a_minute() -> None:
    summary = Summary(Clock())
    said = []
    for number in range(10):
        record = a_record("visit %d", number)
        record.exc_info = (RuntimeError, NO_THREAD, None)
        said.append(Want().filter(record) and summary.filter(record))
    assert said == [True] + 9 * [False]


# A reader that hangs


def test_what_finds_no_room_is_lost_and_in_its_place_stands_how_many_lines_that_were() -> None:
    reading, writing = os.pipe()
    handler = Aside(writing, most=3)
    handler.setFormatter(logging.Formatter("%(message)s"))
    with os.fdopen(reading, "rb") as log:
        handler.emit(a_record("x" * 2_000_000))  # more than a pipe holds
        assert log.read(1) == b"x"  # it is being written, and waits no more
        for number in range(20):
            handler.emit(a_record(f"line {number}"))
        assert len(log.readline()) == 2_000_000
        kept = [log.readline().decode() for _ in range(2)]
        handler.emit(a_record("after it"))
        while kept[-1] != "after it\n":
            kept.append(log.readline().decode())
    count = len(kept) - 2
    assert kept[:count] == [f"line {number}\n" for number in range(count)]
    assert kept[count] == f"{20 - count} lines of the log were lost: who reads it was too slow\n"


def test_lines_that_are_lost_at_the_very_end_are_counted_too() -> None:
    reading, writing = os.pipe()
    handler = Aside(writing, most=3)
    handler.setFormatter(logging.Formatter("%(message)s"))
    with os.fdopen(reading, "rb") as log:
        handler.emit(a_record("x" * 2_000_000))
        assert log.read(1) == b"x"  # it is being written
        for number in range(20):
            handler.emit(a_record(f"line {number}"))
        assert len(log.readline()) == 2_000_000
        handler.flush()
        os.close(writing)
        *kept, last = log.read().decode().splitlines()
    assert kept == [f"line {number}" for number in range(len(kept))]
    assert last == f"{20 - len(kept)} lines of the log were lost: who reads it was too slow"


def test_a_pipe_that_others_have_set_not_to_block_loses_nothing() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    handler = Aside(writing)
    handler.setFormatter(logging.Formatter("%(message)s"))
    with os.fdopen(reading, "rb") as log:
        handler.emit(a_record("x" * 2_000_000))
        handler.emit(a_record("after it"))
        assert len(log.readline()) == 2_000_001
        assert log.readline() == b"after it\n"


@pytest.mark.parametrize("ends", ["sys.exit(3)", "flush_logs(); os._exit(0)", "pass"])
def test_what_is_logged_just_before_the_end_is_read(ends: str) -> None:
    program = (
        "import logging, os, sys; from netcheck.logs import flush_logs, set_up_logging\n"
        "set_up_logging('text', 'info', aside=True)\n"
        "for number in range(500): logging.getLogger().info('line %d ümlaut \\ud800', number)\n"
    )
    done = subprocess.run([sys.executable, "-c", program + ends], capture_output=True, timeout=60)
    assert [line.split()[2:] for line in done.stderr.decode().splitlines() if " INFO " in line] == [
        ["line", str(number), "ümlaut", "\\ud800"] for number in range(500)
    ]


def test_who_reads_no_more_stops_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    handler = Aside(writing, most=3)
    for _ in range(20):
        handler.emit(a_record())
    handler.flush()
    os.close(writing)


# Failures that repeat


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_of_one_kind_of_failure_one_is_said_a_minute_and_then_how_many_there_were() -> None:
    clock = Clock()
    summary = Summary(clock)
    said = []
    for second in range(0, 130, 10):
        clock.now = 1000.0 + second
        record = a_record("%s failed", second, kind=("direct", "timeout"))
        if summary.filter(record):
            said.append(record.getMessage())
    assert said == [
        "0 failed",
        "60 failed (5 more of this kind in the 60 s before)",
        "120 failed (5 more of this kind in the 60 s before)",
    ]


def test_failures_of_other_kinds_are_said() -> None:
    summary = Summary(Clock())
    assert [summary.filter(a_record(kind=kind)) for kind in ("a", "b", "a")] == [True, True, False]


def test_a_bug_that_strikes_again_is_one_kind_whatever_it_strikes() -> None:
    summary = Summary(Clock())
    assert summary.filter(a_bug("in the visit to %s"))
    assert not summary.filter(a_bug("in the visit to %s", "other"))
    assert summary.filter(a_bug("in the hold of %s"))


def test_what_is_no_failure_is_said_however_often() -> None:
    summary = Summary(Clock())
    assert [summary.filter(a_record("direct is ready")) for _ in range(3)] == [True] * 3


def test_kinds_without_end_are_forgotten_and_not_collected() -> None:
    summary = Summary(Clock())
    assert all(summary.filter(a_record(kind=number)) for number in range(5000))
    assert summary.filter(a_record(kind=0))
