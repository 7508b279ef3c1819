"""What people are shown beside metrics: the page, the JSON, and news as they come. Knows no HTTP.

It shows the facts that it was handed last, and makes none: to judge takes long, and many may look at once.
"""

import json
import time
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import NamedTuple

import trio

from netcheck import __version__
from netcheck.export.report import incidents, news, report
from netcheck.facts import Facts
from netcheck.history.history import History
from netcheck.history.timeline import Timeline
from netcheck.pages import page
from netcheck.pages.standing import Past

_DAYS_ON_THE_PAGE = 7
_DAY = 86400.0
_NEWS_EVERY = 10.0
"""Seconds at most between two events of a stream, and at least, where only numbers have changed."""
_MOST_STREAMS = 16
_LONGEST = 20.0
"""Seconds that something may take to be made; less than the web port waits for an answer."""


class _Made(NamedTuple):
    """What was made, and from what."""

    facts: Facts
    key: object
    body: bytes


Make = Callable[[], bytes]
"""The part that takes long, for a thread."""


class Showing:
    """Shows facts and history. What takes long is made in a thread, one thing at a time.

    Page and status are made again where something has changed or a second has passed: they say the time.
    """

    asset = staticmethod(page.asset)

    def __init__(self, facts: Facts, history: History) -> None:
        self.facts = facts
        """What is shown."""
        self._changed = trio.Event()
        self._history = history
        self._made: dict[str, _Made] = {}
        self._making = trio.Lock()
        self._streams = 0

    def take(self, facts: Facts) -> None:
        """Show these from now on, and tell the streams."""
        if facts is not self.facts:
            self.facts = facts
            self._changed.set()
            self._changed = trio.Event()

    async def page(self) -> bytes:
        """The status page as HTML in UTF-8."""
        return await self._once("page", self._page)

    async def status(self) -> bytes:
        """What the page shows, as JSON."""
        return await self._once("status", self._status)

    def _page(self, now: float) -> Make:
        facts, timeline = self.facts, self._history.timeline()
        # Names of files may hold what UTF-8 has not: it is escaped.
        return lambda: page.render(facts, _past(timeline, now), __version__, now).encode(
            errors="backslashreplace"
        )

    def _status(self, now: float) -> Make:
        facts = self.facts
        return lambda: _json(report(facts, __version__, now))

    async def _once(self, what: str, at: Callable[[float], Make]) -> bytes:
        """Made in a thread: it may take a tenth of a second."""
        async with self._making:
            facts, now = self.facts, time.time()
            key = (self._history.version, int(now))
            made = self._made.get(what)
            if made is None or made.facts is not facts or made.key != key:
                made = _Made(facts, key, await _in_a_thread(at(now)))
                self._made[what] = made
            return made.body

    async def incidents(self, seconds: float) -> bytes:
        """As JSON, of so many seconds until now."""
        now = time.time()
        since = max(0.0, now - seconds)
        async with self._making:
            timeline = self._history.timeline()
            return await _in_a_thread(lambda: _json(_incidents(timeline, since, now)))

    def note(self, *, of_all: bool) -> None:
        """Take the verdicts as they are into the history; `of_all`: whether the first round has ended."""
        facts = self.facts
        self._history.note(facts.judgements, time.time(), partial(page.onset, facts), of_all=of_all)

    def events(self) -> Callable[[], AsyncGenerator[bytes, None]] | None:
        """Server-sent events: `status` where something is new, else `alive`. None where too many listen."""
        return self._news if self._streams < _MOST_STREAMS else None

    async def _news(self) -> AsyncGenerator[bytes, None]:
        if self._streams >= _MOST_STREAMS:  # many asked at the same moment: who is too late asks again
            return
        self._streams += 1
        try:
            told: Facts | None = None
            due = 0.0
            while True:
                facts, now, changed = self.facts, trio.current_time(), self._changed
                if told is None or _gist(facts) != _gist(told) or (facts is not told and now >= due):
                    told, due = facts, now + _NEWS_EVERY
                    yield _event("status", news(facts, time.time()))
                elif now >= due:
                    due = now + _NEWS_EVERY
                    yield _event("alive", {})
                with trio.move_on_at(due):
                    await changed.wait()
        finally:
            self._streams -= 1


def _past(timeline: Timeline, now: float) -> Past:
    since = now - _DAYS_ON_THE_PAGE * _DAY
    found, available = timeline.incidents(since, now), timeline.availability(since, now)
    return Past(found, available, _DAYS_ON_THE_PAGE, timeline.faults)


def _incidents(timeline: Timeline, since: float, now: float) -> dict[str, object]:
    found, availability = timeline.incidents(since, now), timeline.availability(since, now)
    return incidents(found, availability, __version__, since, now)


async def _in_a_thread(make: Make) -> bytes:
    """Raises trio.TooSlowError: where a thread got stuck, for want of memory, the next one goes on."""
    with trio.fail_after(_LONGEST):
        return await trio.to_thread.run_sync(make, abandon_on_cancel=True)


def _gist(facts: Facts) -> object:
    """What is told at once."""
    return [(judged.path, judged.role, judged.verdict, judged.cause) for judged in facts.judgements]


def _json(value: dict[str, object]) -> bytes:
    return json.dumps(value).encode()  # with an indent it is several times as slow


def _event(kind: str, data: dict[str, object]) -> bytes:
    """As EventSource reads it (HTML standard, section 9.2)."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
