"""What is said while something may be changing, before it is clear how far that goes."""

from collections.abc import Iterable
from datetime import UTC, datetime

from netcheck.model.trends import Trend, Trends


def doubts_in_words(doubts: Trends, path: str) -> tuple[str, ...]:
    """Sentences for people, one for each port of the path."""
    ports: dict[int, list[Trend]] = {}
    for part, trend in doubts.items():
        if part.path == path:
            ports.setdefault(part.port, []).append(trend)
    return tuple(_in_words(port, trends) for port, trends in sorted(ports.items()))


def _in_words(port: int, trends: Iterable[Trend]) -> str:
    """The widest part says it; where one answers again, that is the news."""
    trend = max(trends, key=lambda trend: (trend.down is not None, trend.hosts))
    assert trend.doubt is not None  # noqa: S101 - only those in doubt come here
    since = datetime.fromtimestamp(trend.doubt.time, UTC).strftime("%H:%M:%S UTC")
    hosts = f"{trend.hosts} host{'s' * (trend.hosts > 1)}"
    what = (
        f"Nothing has answered on port {port} since {since} ({hosts} tried)"
        if trend.down is None
        else f"Port {port} answers again since {since} ({hosts} so far)"
    )
    return f"{what}: it is not yet clear how far this goes."
