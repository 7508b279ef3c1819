"""What is said while something may be changing, before it is clear how far that goes."""

from collections.abc import Sequence
from datetime import UTC, datetime

from netcheck.model.findings import Judgement
from netcheck.model.trends import Trend, Trends

_FEWEST_HOSTS = 2
"""One that fails may be the only one."""


def doubts_in_words(doubts: Trends, judged: Judgement) -> tuple[str, ...]:
    """Sentences for people, one for each port that the role needs and that is in doubt."""
    ports: dict[int, list[Trend]] = {port: [] for port in sorted({need.port for need in judged.needs})}
    for part, trend in doubts.items():
        if part.path == judged.path and part.port in ports and trend.hosts >= _FEWEST_HOSTS:
            ports[part.port].append(trend)
    return tuple(_in_words(port, trends) for port, trends in ports.items() if trends)


def _in_words(port: int, trends: Sequence[Trend]) -> str:
    """Of several parts, by the one with the most hosts; that one answers again is the news."""
    trend = max(trends, key=lambda trend: (trend.down is not None, trend.hosts))
    since = trend.doubt.time if trend.doubt else 0.0
    clock = datetime.fromtimestamp(since, UTC).strftime("%H:%M:%S UTC")
    if trend.down is not None:
        return f"Port {port} answers again since {clock}: it is not yet clear on how many hosts."
    return f"Nothing has answered on port {port} since {clock}: it is not yet clear how far this goes."
