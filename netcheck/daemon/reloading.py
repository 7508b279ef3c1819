"""Reloads of the config file: off the event loop, under a deadline, and never two at a time."""

import functools
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from netcheck.config.file import EMPTY, Config, to_run
from netcheck.config.reading.problems import ConfigError, Problem
from netcheck.files import Stamp, in_time, stamp_of
from netcheck.scarcity import NO_MORE_THREADS, lacks_threads

_log = logging.getLogger(__name__)

_LONGEST = 10.0
"""Seconds that reading and parsing may take; a file on a dead network drive takes for ever."""
_MOST_THREADS = 4
"""Reads that hang are abandoned; so many of them at most."""


def threads() -> trio.CapacityLimiter:
    """Caps how many reads there are, those that hang included."""
    return trio.CapacityLimiter(_MOST_THREADS)


async def read_config(file: Path, limiter: trio.CapacityLimiter, before: Config) -> Config:
    """As `to_run` in a thread; ConfigError also where it takes too long.

    And for a file without a byte, as a full disk leaves it, in place of a config that said something.
    """
    try:
        return await in_time(functools.partial(_read, file, before), _LONGEST, limiter)
    except TimeoutError as error:
        message = f"the config, or a file that it names, was {error.strerror}"
    except OSError as error:
        message = f"the config, or a file that it names, cannot be read: {error.strerror}"
    except RuntimeError as error:
        if not lacks_threads(error):
            raise
        message = NO_MORE_THREADS
    raise _refused(file, message)


def _read(file: Path, before: Config) -> Config:
    config = to_run(file)
    if config != before and file.stat().st_size == 0:
        raise _refused(file, EMPTY)
    return config


def _refused(file: Path, why: str) -> ConfigError:
    return ConfigError([Problem(str(file), 1, 1, why)])


async def follow(
    file: Path,
    taken: Stamp,
    limiter: trio.CapacityLimiter,
    reload: Callable[[], Awaitable[object]],
    every: float,
) -> None:
    """Reload whenever the file is another than what was `taken`, until cancelled.

    It is looked at every so many seconds, and has to be the same at two looks: an editor may be at it. One
    that is gone, or cannot be read, has not changed.
    """
    seen: Stamp | None = taken
    while True:
        await trio.sleep(every)
        before, seen = seen, await _stamp(file, limiter)
        if seen is not None and before == seen != taken:
            taken = seen
            _log.info("%s has changed", file)
            await reload()


async def _stamp(file: Path, limiter: trio.CapacityLimiter) -> Stamp | None:
    try:
        return await in_time(functools.partial(stamp_of, file), _LONGEST, limiter)
    except OSError:
        return None
    except RuntimeError as error:
        if not lacks_threads(error):
            raise
        return None


class _Wanted:
    """A reload that was asked for, and later its answer."""

    def __init__(self) -> None:
        self.asked = trio.Event()
        self.done = trio.Event()
        self.answer: str | None = None


class Reloads:
    """Runs `reload` for whoever asks; who asks while one is under way shares the one after it."""

    def __init__(self, reload: Callable[[], Awaitable[str | None]]) -> None:
        """`reload` answers with what is wrong with the file, or None."""
        self._reload = reload
        self._next = _Wanted()

    async def ask(self) -> str | None:
        """The answer of a reload that began after this was called."""
        wanted = self._next
        wanted.asked.set()
        await wanted.done.wait()
        return wanted.answer

    async def run(self) -> None:
        """Reload when asked, until cancelled."""
        while True:
            await self._next.asked.wait()
            wanted, self._next = self._next, _Wanted()
            wanted.answer = await self._reload()
            wanted.done.set()
