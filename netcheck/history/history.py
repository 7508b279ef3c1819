"""The history as a whole: a timeline in memory, and its file kept up to date beside the event loop."""

import logging
import math
import time
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import trio

from netcheck.history.timeline import Describe, Timeline
from netcheck.history.unusable import HistoryError
from netcheck.model.findings import Judgement

if TYPE_CHECKING:
    from netcheck.history.kept import Kept

_log = logging.getLogger("netcheck")
_WRITE_EVERY = 60.0
_LONGEST = 10.0
"""Seconds that reading or writing may take; a file on a dead network drive takes for ever."""
_LAST_WRITE = 3.0
"""The same, when the daemon stops."""
_BELIEVED_AFTER = 3600.0
"""Seconds for which a clock has to say so before anything is forgotten by it: one that is ahead for a moment,
as until NTP has set it, would cost everything."""
_IN_MEMORY = "incidents are kept in memory until it can"


class History:
    """Incidents and availability. Whatever becomes of the file, it costs the file only."""

    def __init__(self, file: Path | None, keep: float) -> None:
        """`keep`: how long an incident is kept after its end, in seconds. Without a file, in memory only."""
        self._timeline = Timeline()
        self._keep = keep
        self._looked, self._said = -math.inf, 0.0
        """When the clock was last looked at, to forget by it, and what it said."""
        self._believed = 0.0
        """What time it is at least, in Unix seconds."""
        self._kept: Kept | None = None
        self._left: list[Kept] = []
        """Those that are in use no longer, and may still be claimed."""
        self._problem: str | None = None
        self._wake = trio.Event()
        self.take(file, keep)

    @property
    def version(self) -> int:
        """Rises when a span begins or ends."""
        return self._timeline.version

    def take(self, file: Path | None, keep: float) -> None:
        """Keep it so from now on. What another file has is read in, and it gets what is known here."""
        self._keep = keep
        if file != (self._kept.database.file if self._kept else None):
            if self._kept:
                self._left.append(self._kept)
            self._kept = _kept(file) if file else None
        self._wake.set()

    def note(
        self, judgements: Iterable[Judgement], now: float, describe: Describe, *, of_all: bool = True
    ) -> None:
        """Take in how things stand at `now`, Unix seconds; a change is written to the file soon.

        `of_all`: whether everything was visited once.
        """
        before = self.version
        self._timeline.note(judgements, now, describe, of_all=of_all)
        self._believe(now)
        self._timeline.drop(self._believed - self._keep)
        if self.version != before:
            self._wake.set()

    def _believe(self, now: float) -> None:
        if (at := time.monotonic()) - self._looked >= _BELIEVED_AFTER:
            self._believed = min(self._said, now)
            self._looked, self._said = at, now

    def timeline(self) -> Timeline:
        """What is known now. To look through it takes long: for a thread."""
        return self._timeline.copy()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the file up to date until cancelled, and once more then. Started when the file was read."""
        try:
            await self._keep_file(_LONGEST)
            task_status.started()
            while True:
                with trio.move_on_after(_WRITE_EVERY):
                    await self._wake.wait()
                self._wake = trio.Event()
                await self._keep_file(_LONGEST)
        finally:
            with trio.CancelScope(shield=True):
                await self._keep_file(_LAST_WRITE)

    async def _keep_file(self, longest: float) -> None:
        await self._let_go(longest)
        if (kept := self._kept) is None:
            return
        database = kept.database
        try:
            with trio.fail_after(longest):
                await self._read(kept)
                spans, before = dict(self._timeline.spans), self._believed - self._keep
                await kept.in_thread(lambda: kept.write(spans, before))
        except trio.TooSlowError:
            self._say(f"{database.file} does not answer within {longest:.0f} s; {_IN_MEMORY}")
        except HistoryError as error:
            self._say(f"{error}; {_IN_MEMORY}")
        except Exception:  # a bug of ours costs the file, and never the daemon
            _log.exception("internal error in writing incidents")
        else:
            self._say(None)

    async def _read(self, kept: "Kept") -> None:
        """Once; and once more when the file is ours, after another daemon wrote to it."""
        is_ours = await kept.in_thread(kept.take)
        if kept.is_unread or (is_ours and not kept.is_ours):
            self._timeline.add(known := await kept.in_thread(kept.database.read if is_ours else kept.look))
            self._said = max((span.seen for span in known), default=self._said)
        kept.is_unread, kept.is_ours = False, is_ours

    async def _let_go(self, longest: float) -> None:
        """Where the thread of one hangs, as soon as it goes on: until then it may yet take it."""
        for left in [each for each in self._left if not each.is_busy]:
            with trio.move_on_after(longest), suppress(RuntimeError):  # no thread to be had: next time
                await left.in_thread(left.claim.let_go)
                self._left.remove(left)

    def _say(self, problem: str | None) -> None:
        """Once, not with every try."""
        if problem and problem != self._problem:
            _log.warning("history: %s", problem)
        elif self._problem and not problem:
            _log.info("history: the file is written again")
        self._problem = problem


def _kept(file: Path) -> "Kept":
    kept: Kept = load().Kept(file)
    return kept


def load() -> ModuleType:
    """What keeps a file, SQLite with it. With the first file: without one, the daemon has no use for it."""
    return import_module("netcheck.history.kept")
