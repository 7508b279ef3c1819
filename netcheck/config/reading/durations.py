"""Durations as Prometheus writes them, and as people do: `1m30s`, `1 min 30 sec`.

https://prometheus.io/docs/prometheus/latest/configuration/configuration/#configuration-file
"""

import re

from netcheck.config.reading.values import Kind, single, text_in

_UNITS = {
    "y|years?": 365 * 86400.0,
    "w|weeks?": 7 * 86400.0,
    "d|days?": 86400.0,
    "h|hr|hrs|hours?": 3600.0,
    "m|min|mins|minutes?": 60.0,
    "s|sec|secs|seconds?": 1.0,
    "ms|msecs?|milliseconds?": 0.001,
}
_DURATION_PATTERN = "".join(rf"(?:([0-9]{{1,9}}(?:\.[0-9]{{1,3}})?) *(?:{each}) *)?" for each in _UNITS)
_DURATION = re.compile(_DURATION_PATTERN)
_HOW_TO_WRITE_A_DURATION = "write it like 500ms, 1m30s or 7d"


def seconds(written: str) -> float:
    """`1m30s` to 90.0; `1 min 30 sec` is the same."""
    match = _DURATION.fullmatch(written)
    if not match or not written:
        raise ValueError(f"this is not a duration: {_HOW_TO_WRITE_A_DURATION}")
    return sum(
        float(number or 0) * unit for number, unit in zip(match.groups(), _UNITS.values(), strict=True)
    )


def _duration_text(value: float) -> str:
    """90.0 to `90s`: the largest unit that leaves no rest."""
    milliseconds = round(value * 1000)
    for unit, length in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % length == 0:
            return f"{milliseconds // length}{unit}"
    return f"{milliseconds}ms"


def duration(shortest: str, longest: str) -> Kind[float]:
    """A duration within bounds, in seconds."""

    def read(raw: object) -> float:
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            raise ValueError(f"has no unit: {_HOW_TO_WRITE_A_DURATION}")
        # true and false are no text that lacks quotes here
        written = text_in(str(raw) if isinstance(raw, bool) else raw).strip()
        value = seconds(written)
        if not seconds(shortest) <= value <= seconds(longest):
            raise ValueError(f"is out of bounds: write {shortest} to {longest}")
        return value

    pattern = rf"^\s*(?=[0-9]){_DURATION_PATTERN}\s*$"
    title = f"a duration from {shortest} to {longest}"
    return single(read, {"title": title, "type": "string", "pattern": pattern}, _duration_text)
