"""How log lines look."""

import json
import logging
import sys

from netcheck.logs import JsonFormatter


def formatted(message: str, *args: object, broken: bool = False) -> dict[str, str]:
    trace = None
    try:
        int("broken")
    except ValueError:
        trace = sys.exc_info() if broken else None
    record = logging.LogRecord("netcheck", logging.WARNING, "", 0, message, args, trace)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    fields: dict[str, str] = json.loads(line)
    return fields


def test_a_json_line_has_time_level_logger_and_message() -> None:
    fields = formatted("%s is %s", "direct", "ready")
    assert list(fields) == ["time", "level", "logger", "message"]
    assert fields["message"] == "direct is ready"
    assert fields["level"] == "warning"
    assert fields["time"].endswith("+00:00")


def test_a_traceback_stays_in_one_line() -> None:
    assert "ValueError: invalid literal" in formatted("bad", broken=True)["traceback"]
