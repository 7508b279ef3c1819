"""A file of incidents in use: what it is kept up to date by, its claim, and how far it is known."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import trio

from netcheck.history.claim import Claim
from netcheck.history.database import Database, read, refuse_another_history
from netcheck.history.unusable import HistoryError
from netcheck.model.incidents import Key, Span

_ANOTHER = (
    "{} is written by another netcheck that runs, and two would list everything twice: stop one of them, or "
    "name another file in `history`"
)

T = TypeVar("T")


class Kept:
    """The file in use, and how far it is known."""

    def __init__(self, file: Path) -> None:
        self.database = Database(file)
        self.claim = Claim(file)
        self.is_unread, self.is_ours = True, False
        self._threads = trio.CapacityLimiter(1)  # one that hangs holds up the others of this file

    @property
    def is_busy(self) -> bool:
        """Whether its thread is still at something that nobody waits for any more."""
        return self._threads.available_tokens == 0

    async def in_thread(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._threads, abandon_on_cancel=True)

    def take(self) -> bool:
        """Whether it is for us to write. HistoryError where it is left alone, with nothing beside it."""
        with suppress(OSError):  # told by who reads it
            refuse_another_history(self.database.file)
        return self.claim.take()

    def write(self, spans: Mapping[Key, Span], before: float) -> None:
        if not self.is_ours:
            raise HistoryError(_ANOTHER.format(self.database.file))
        self.database.write(spans, before)

    def look(self) -> list[Span]:
        """What another daemon has written so far; what is wrong with the file is for that one to say."""
        try:
            return read(self.database.file)
        except HistoryError:
            return []
