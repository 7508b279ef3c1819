"""The times between answers that are over: what is told late of them still counts.

An answer is known at once, a failure only when nobody waits any more: answers that were asked for later have
come by then. What failed in such a time is as much of a silence as if it had been known before.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from netcheck.model.results import Attempt
from netcheck.model.trends import Silence

SILENT = 2
"""So many hosts that failed, and none that answered, make a silence."""
_MOST = 8
"""So many are remembered."""
SHORTEST = 2.0
"""Seconds that each lasts at least. In less, hardly a connection fails for want of an answer: the kernel asks
again after one."""


@dataclass(slots=True)
class Gap:
    """No attempt that succeeded began between these two that did."""

    after: float
    until: float
    end: float
    """When the answer came that was asked for last."""
    failing: dict[str, Attempt] = field(default_factory=dict)
    """The hosts that began to fail in it, each with its first attempt that did."""
    begin: float = math.inf
    """When the first of these was asked."""
    is_silence: bool = False
    """Whether so many failed that it is no accident of theirs."""
    _attempts: set[int] = field(default_factory=set)
    """By identity: as `independent` counts them, and not anew with each of thousands."""

    def note(self, host: str, attempt: Attempt) -> None:
        """Take in a failure; there may be thousands, one after the other."""
        if host in self.failing:
            return
        self.failing[host] = attempt
        self.begin = min(self.begin, attempt.at)
        self._attempts.add(id(attempt))
        self.is_silence = self.is_silence or min(len(self.failing), len(self._attempts)) >= SILENT

    @property
    def silence(self) -> Silence:
        return self.begin, self.end


class Gaps:
    """The last ones of a part."""

    def __init__(self) -> None:
        self._known: list[Gap] = []

    def note_answer(self, attempt: Attempt, before: float) -> None:
        """Take in a success; the latest one known so far began at the time `before`."""
        at = attempt.at
        if at - before >= SHORTEST:
            self._known.append(Gap(before, at, at + attempt.seconds))
            del self._known[:-_MOST]
        elif at < before and (gap := self.around(at)) is not None:
            self._split(gap, attempt)

    def note_failures(self, failing: Mapping[str, Attempt]) -> None:
        """The hosts that began to fail then, where it is over by now."""
        for host, attempt in failing.items():
            if (gap := self.around(attempt.at)) is not None:
                gap.note(host, attempt)

    def around(self, at: float) -> Gap | None:
        """The one in which nothing is known to have answered then."""
        return next((gap for gap in reversed(self._known) if gap.after < at < gap.until), None)

    def _split(self, gap: Gap, attempt: Attempt) -> None:
        """There was an answer in it, as is told late."""
        at, place = attempt.at, self._known.index(gap)
        earlier, later = Gap(gap.after, at, at + attempt.seconds), Gap(at, gap.until, gap.end)
        for host, failed in gap.failing.items():
            if failed.at != at:
                (earlier if failed.at < at else later).note(host, failed)
        self._known[place : place + 1] = [earlier, later]
        del self._known[:-_MOST]
