"""How lists, numbers, ports and times stand in a sentence. Knows nothing of what the sentence is about."""

from collections.abc import Iterable
from datetime import UTC, datetime


def listed(items: Iterable[object], conjunction: str = "and") -> str:
    """`a, b and c`."""
    texts = list(map(str, items))
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {conjunction} {texts[-1]}"


def as_sentence(text: str) -> str:
    """As it begins one: large, but for a host's name, which is written small."""
    return text if "." in text.partition(" ")[0] else text[:1].upper() + text[1:]


def how_many(count: int, what: str) -> str:
    """`1 host`, `2 hosts`."""
    return f"{count} {what}{'s' * (count != 1)}"


def ports_text(ports: Iterable[int]) -> str:
    """`port 443`, `ports 443 and 5223`: in order."""
    numbers = sorted(ports)
    return f"port{'s' * (len(numbers) != 1)} {listed(numbers)}"


def duration_text(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 20 min`, `5 days`: as exact as anyone wants to know."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 48 * 3600:
        hours, minutes = divmod(whole // 60, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{whole // 86400} days"


def time_text(time: float) -> str:
    """A Unix time to the second: `2026-11-28 09:30:00 UTC`."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def date_text(time: float) -> str:
    """The day of a Unix time, in UTC: `2026-11-28`."""
    return datetime.fromtimestamp(time, UTC).date().isoformat()


_HOUR, _FEW_MINUTES = 3600.0, 600.0


def percent_text(ratio: float | None, measured: float) -> str:
    """`100 %`, `99.98 %`; of a short time, measured in seconds, without the digits that mean nothing.

    Never rounded up to 100, as that would hide an outage. `-` for None.
    """
    if ratio is None:
        return "-"
    digits = 0 if measured < _FEW_MINUTES else 1 if measured < _HOUR else 2
    return "100 %" if ratio == 1 else f"{min(100 - 10.0**-digits, ratio * 100):.{digits}f} %"
