"""What the daemon shows people beside metrics: the page, incidents, news as they come, and a probe on request."""

import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

import trio

from netcheck import __version__
from netcheck.daemon.probing import Probing
from netcheck.export.report import incidents, status_in_short
from netcheck.facts import Facts
from netcheck.history.history import History
from netcheck.model.findings import Judgement
from netcheck.model.incidents import Onset
from netcheck.pages import page, transcript

_DAY = 86400.0
_DAYS_ON_THE_PAGE = 7
_LOOK = 1.0
_NEWS_EVERY = 10.0
"""Seconds between two looks at the facts, and at most between two events of a stream; verdicts come at once."""
_MOST_STREAMS = 16
_PROBES_AT_ONCE = 2
_PROBES_PER_MINUTE = 20
_LONGEST_PROBE = 25.0


class TooManyError(Exception):
    """So much is asked for already; the message says when to come again."""


class UnknownError(Exception):
    """What is asked for is not in the configuration; the message says what is."""


class Showing:
    """Shows facts and history. The page is made once for each change of either, however many look at it."""

    def __init__(self, facts: Callable[[], Facts], history: History) -> None:
        self._facts = facts
        self._history = history
        self._page: tuple[object, bytes] | None = None
        self._rendering = trio.Lock()
        self._streams = 0
        self._probes = trio.Semaphore(_PROBES_AT_ONCE)
        self._probed: list[float] = []

    async def page(self) -> bytes:
        """The status page as HTML in UTF-8. Made in a thread: it may take a tenth of a second."""
        async with self._rendering:
            facts = self._facts()
            state = (facts, self._history.version, round(time.time() / _LOOK))
            if self._page is None or self._page[0] != state:
                render = partial(page.render, facts, self._past(), __version__, time.time())
                self._page = state, (await trio.to_thread.run_sync(render)).encode()
            return self._page[1]

    def incidents(self, since: float) -> dict[str, object]:
        """As JSON, of so many seconds until now."""
        now = time.time()
        history = self._history
        return incidents(history.incidents(now - since), history.availability(now - since), __version__, now)

    def note(self) -> None:
        """Take the verdicts as they are into the history."""
        facts = self._facts()
        self._history.note(facts.judgements, time.time(), partial(_onset, facts))

    async def events(self) -> AsyncGenerator[bytes, None]:
        """News as server-sent events: `status` when something has changed, else `alive`. Raises TooManyError."""
        if self._streams >= _MOST_STREAMS:
            raise TooManyError(f"{_MOST_STREAMS} streams are open already: come again later, or ask /api/v1/status")
        self._streams += 1
        try:
            async with aclosing(_news(self._facts)) as news:
                async for piece in news:
                    yield piece
        finally:
            self._streams -= 1

    def _past(self) -> page.Past:
        since = time.time() - _DAYS_ON_THE_PAGE * _DAY
        return page.Past(self._history.incidents(since), self._history.availability(since), _DAYS_ON_THE_PAGE)
