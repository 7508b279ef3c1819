"""What is said while something may be changing, before it is clear how far that goes."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from netcheck.model.findings import Judgement
from netcheck.model.trends import Part, Trend, Trends
from netcheck.verdict.naming import FAMILIES

_FEWEST_HOSTS = 2
"""One that fails may be the only one."""


def doubts_in_words(doubts: Trends, judged: Judgement) -> tuple[str, ...]:
    """Sentences for people, one for each port that the role needs and that is in doubt."""
    ports: dict[int, dict[Part, Trend]] = {port: {} for port in sorted({need.port for need in judged.needs})}
    for part, trend in doubts.items():
        if part.path == judged.path and part.port in ports and trend.hosts >= _FEWEST_HOSTS:
            ports[part.port][part] = trend
    return tuple(_in_words(port, trends) for port, trends in ports.items() if trends)


def _in_words(port: int, trends: Mapping[Part, Trend]) -> str:
    """Of several parts, by the one with the most hosts; that one answers again is the news."""
    part = max(trends, key=lambda part: (trends[part].down is not None, trends[part].hosts, part.is_whole))
    trend = trends[part]
    since = trend.doubt.time if trend.doubt else 0.0
    clock = datetime.fromtimestamp(since, UTC).strftime("%H:%M:%S UTC")
    where = f"{port}{_of_what(part)}{_over(trends)}"
    if trend.down is not None:
        return f"Port {where} answers again since {clock}: it is not yet clear on how many hosts."
    return f"Nothing has answered on port {where} since {clock}: it is not yet clear how far this goes."


def _of_what(part: Part) -> str:
    """Which of all that goes over the port, where it is not everything."""
    if part.is_whole:
        return ""
    return f" in {part.what}" if part.is_range else f" of {part.what}"


def _over(trends: Iterable[Part]) -> str:
    """The family, where it is only one that is in doubt: the other may well answer."""
    families = {part.family for part in trends}
    return (
        f" over {FAMILIES[family]}" if len(families) == 1 and (family := families.pop()) in FAMILIES else ""
    )
