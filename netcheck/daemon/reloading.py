"""Reloads of the config file: off the event loop, under a deadline, and never two at a time."""

import functools
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import trio

from netcheck import push_certificates
from netcheck.config.file import EMPTY, Config, to_run
from netcheck.config.reading.problems import ConfigError, Problem
from netcheck.files import Stamp, in_time, stamp_of
from netcheck.history import history
from netcheck.scarcity import NO_MORE_THREADS, REPLACED, lacking, lacks_threads

_log = logging.getLogger(__name__)

_LONGEST = 10.0
"""Seconds that reading and parsing may take; a file on a dead network drive takes for ever."""
_MOST_THREADS = 4
"""Reads that hang are abandoned; so many of them at most."""

Files = Mapping[Path, Stamp]
"""What a config was read from, as it was then."""


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
    except ImportError as error:
        message = lacking(error) or REPLACED
    except RuntimeError as error:
        if not lacks_threads(error):
            raise
        message = NO_MORE_THREADS
    raise _refused(file, message)


def _read(file: Path, before: Config) -> Config:
    config = to_run(file)
    if config != before and file.stat().st_size == 0:
        raise _refused(file, EMPTY)
    _load_for(config)
    return config


def _load_for(config: Config) -> None:
    """What is loaded with the first of its kind: off the event loop, and before any of it is taken."""
    if config.history.file:
        history.load()
    if config.push_certificates:
        push_certificates.load()


def _refused(file: Path, why: str) -> ConfigError:
    return ConfigError([Problem(str(file), 1, 1, why)])


async def follow(
    taken: Callable[[], Files],
    limiter: trio.CapacityLimiter,
    reload: Callable[[], Awaitable[object]],
    every: float,
) -> None:
    """Reload whenever a file is another than what was `taken`, or tried in vain since, until cancelled.

    They are looked at every so many seconds, and have to be the same at two looks: an editor may be at it.
    One that is gone, or cannot be read, has not changed.
    """
    known = tried = seen = taken()
    while True:
        await trio.sleep(every)
        before, seen = seen, await _as_they_are(tried, limiter)
        if known is not taken():  # somebody else had it reloaded
            known = tried = seen = taken()
        elif before == seen != tried:
            for file in (file for file in seen if seen[file] != tried[file]):
                _log.info("%s has changed", file)
            tried = seen
            await reload()


async def _as_they_are(files: Files, limiter: trio.CapacityLimiter) -> Files:
    try:
        return await in_time(functools.partial(_look, files), _LONGEST, limiter)
    except OSError:
        return files
    except Exception as error:  # a bug of ours costs one look, and never the daemon
        if not lacks_threads(error):
            _log.exception("internal error in looking at the config's files")
        return files


def _look(files: Files) -> Files:
    now = dict(files)
    for file in files:
        with suppress(OSError):
            now[file] = stamp_of(file)
    return now


async def try_again(
    is_refused: Callable[[], bool], reload: Callable[[], Awaitable[object]], every: float
) -> None:
    """Reload every so many seconds while the last one was refused: what it lacked may have come since."""
    while True:
        await trio.sleep(every)
        if is_refused():
            await reload()


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
