"""Which of the latest results are true no more: all around them has changed since.

Hosts take turns, so most results are some rounds old when their port is blocked, or is open again.
"""

import math
from collections.abc import Sequence

from netcheck.apns.addresses import range_of
from netcheck.grouping import in_turn
from netcheck.model.results import Result, Standing
from netcheck.model.trends import Part, Trend, Trends

_FEWEST_HOSTS = 3
"""That so many fail at once, and none answers, is no chance."""


class Outdated:
    """What these trends have outdated."""

    def __init__(self, trends: Trends) -> None:
        self._needed = trends.keys()
        self._eventful = {part: trend for part, trend in trends.items() if trend.down or trend.silences}
        self._eventful_paths = {part.path for part in self._eventful}
        self._fell_silent: dict[str, float] = {}
        """By path: when the last of its parts that are down went down."""
        self._around = in_turn((part.whole, trend) for part, trend in self._eventful.items())
        """By what each is a part of."""
        for part, trend in self._eventful.items():
            if trend.down is not None:
                latest = self._fell_silent.get(part.path, -math.inf)
                self._fell_silent[part.path] = max(latest, trend.fell_silent)

    def __contains__(self, standing: Standing) -> bool:
        """Whether it succeeded before all fell silent, or failed only while that lasted.

        A failure from a time that is over tells nothing of the next one either, whose cause may be another.
        """
        at = standing.result.attempt.at
        if not standing.seen.failures:
            return self._is_old_success(standing)
        return (
            not any(trend.is_silent_since(at) for trend in self._of(standing.result))
            and self._was_silent(standing.result, at)
            and self._began_in_silence(standing)
        )

    def is_down(self, result: Result) -> bool:
        """Whether it is of something of which nothing answers."""
        return any(trend.down is not None for trend in self._of(result))

    def is_believed(self, standing: Standing, failures: int) -> bool:
        """Whether it failed so often in a row by itself: what all around it did as well does not count."""
        return standing.seen.failures - self._began_in_silence(standing) >= failures

    def is_of_all(self, standing: Standing) -> bool:
        """Whether it failed the last time as all around it did, be that over, or so of several hosts now."""
        failed = standing.seen.last_failed
        if failed is not None and self._was_silent(failed, failed.attempt.at):
            return True
        return standing.seen.failures > 0 and any(
            trend.down is not None and trend.needed >= _FEWEST_HOSTS for trend in self._of(standing.result)
        )

    def recovers(self, standing: Standing, at: float) -> bool:
        """Whether what began then may have waited for the end of an outage: its own, or all around it."""
        result, seen = standing
        return at <= seen.failed_until or any(
            trend.was_silent(at) or trend.is_silent_since(at) for trend in self._of(result)
        )

    def forgets(self, standing: Standing) -> bool:
        """Whether an earlier success tells nothing: its path has something down, and nobody needs it."""
        result = standing.result
        return result.path in self._fell_silent and not self._is_needed(result)

    def _is_needed(self, result: Result) -> bool:
        return Part.of(result.endpoint) in self._needed

    def _is_old_success(self, standing: Standing) -> bool:
        """Not of a host that went on answering while all around it did not."""
        result, before = standing.result, standing.seen.before
        at = result.attempt.at
        if result.path not in self._fell_silent:
            return False
        if not self._is_needed(result):  # and nobody looked again
            return at < self._fell_silent[result.path]
        return any(
            at < trend.down.at or (at < trend.fell_silent and (before is None or before.at < trend.down.at))
            for trend in self._of(result)
            if trend.down is not None
        )

    def _began_in_silence(self, standing: Standing) -> bool:
        """Whether anything around it fell silent before it had failed: its addresses take turns.

        What was asked for a moment before may have had no answer either, where others were quicker.
        """
        since, until = standing.seen.fails_since, standing.seen.failed_by
        around = self._around.get(Part.of(standing.result.endpoint).whole, ())
        return since is not None and any(trend.was_silent(since, until) for trend in around)

    def _was_silent(self, result: Result, at: float) -> bool:
        return any(trend.was_silent(at) for trend in self._of(result))

    def _of(self, result: Result) -> Sequence[Trend]:
        """The trends of all that it is a part of, where anything happened."""
        if result.path not in self._eventful_paths:
            return ()
        part = Part.of(result.endpoint)
        around = (part.whole, part, range_of(result))
        return [self._eventful[each] for each in around if each is not None and each in self._eventful]
