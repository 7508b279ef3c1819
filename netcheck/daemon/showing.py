"""What people are shown beside metrics: the page, incidents, and news as they come. Knows no HTTP."""

import json
import time
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import NamedTuple

import trio

from netcheck import __version__
from netcheck.export.report import incidents, news
from netcheck.facts import Facts
from netcheck.history.history import History
from netcheck.pages import page
from netcheck.pages.standing import Past

_DAYS_ON_THE_PAGE = 7
_DAY = 86400.0
_LOOK = 1.0
"""Seconds between two looks for news."""
_NEWS_EVERY = 10.0
"""Seconds at most between two events of a stream, and at least, where only numbers have changed."""
_MOST_STREAMS = 16


class _Made(NamedTuple):
    """A page, and what it was made from."""

    facts: Facts
    key: object
    body: bytes


class Showing:
    """Shows facts and history. The page is made once for each change of either, however many look at it."""

    def __init__(self, facts: Callable[[], Facts], history: History) -> None:
        self._facts = facts
        self._history = history
        self._made: _Made | None = None
        self._rendering = trio.Lock()
        self._streams = 0

    async def page(self) -> bytes:
        """The status page as HTML in UTF-8. Made in a thread: it may take a tenth of a second."""
        async with self._rendering:
            facts, now = self._facts(), time.time()
            key = (self._history.version, int(now))
            if self._made is None or self._made.facts is not facts or self._made.key != key:
                make = partial(page.render, facts, self._past(now), __version__, now)
                html = await trio.to_thread.run_sync(make)
                self._made = _Made(facts, key, html.encode())
            return self._made.body

    def asset(self, name: str) -> tuple[bytes, str] | None:
        """A file that the page needs, and its content type."""
        return page.asset(name)

    def incidents(self, seconds: float) -> dict[str, object]:
        """As JSON, of so many seconds until now."""
        now = time.time()
        since = max(0.0, now - seconds)
        found = self._history.incidents(since, now)
        availability = self._history.availability(since, now)
        return incidents(found, availability, __version__, since, now)

    def note(self, *, of_all: bool) -> None:
        """Take the verdicts as they are into the history; `of_all`: whether everything was visited once."""
        facts = self._facts()
        self._history.note(facts.judgements, time.time(), partial(page.onset, facts), of_all=of_all)

    def events(self) -> Callable[[], AsyncGenerator[bytes, None]] | None:
        """Server-sent events: `status` where something is new, else `alive`. None where too many listen."""
        return self._news if self._streams < _MOST_STREAMS else None

    async def _news(self) -> AsyncGenerator[bytes, None]:
        self._streams += 1
        try:
            told: Facts | None = None
            due = 0.0
            while True:
                facts, now = self._facts(), trio.current_time()
                if told is None or _gist(facts) != _gist(told) or (facts is not told and now >= due):
                    told, due = facts, now + _NEWS_EVERY
                    yield _event("status", news(facts, time.time()))
                elif now >= due:
                    due = now + _NEWS_EVERY
                    yield _event("alive", {})
                await trio.sleep(_LOOK)
        finally:
            self._streams -= 1

    def _past(self, now: float) -> Past:
        since = now - _DAYS_ON_THE_PAGE * _DAY
        found = self._history.incidents(since, now)
        return Past(found, self._history.availability(since, now), _DAYS_ON_THE_PAGE)


def _gist(facts: Facts) -> object:
    """What is told at once."""
    return [(judged.path, judged.role, judged.verdict, judged.cause) for judged in facts.judgements]


def _event(kind: str, data: dict[str, object]) -> bytes:
    """As EventSource reads it (HTML standard, section 9.2)."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
