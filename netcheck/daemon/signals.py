"""The signals of the daemon: SIGHUP has it reload, SIGTERM and SIGINT have it stop."""

import _signal  # type: ignore[import-not-found]  # the part in C of `signal`; typeshed has no stub
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import trio

_log = logging.getLogger("netcheck")
_SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)


async def handle(reload: Callable[[], None], stop: Callable[[], Awaitable[None]]) -> None:
    """Do so, until cancelled: `reload` only begins one."""
    with _deaf_at_the_end(), trio.open_signal_receiver(*_SIGNALS) as received:
        hear = _heard_once({each: signal.getsignal(each) for each in _SIGNALS})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])  # blocked since `netcheck.__main__`
        async for number in received:
            if number == signal.SIGHUP:
                signal.signal(signal.SIGHUP, hear)  # one that comes from now on means another config
                reload()
            else:
                _log.info("%s: stopping", signal.Signals(number).name)
                await stop()


def _heard_once(handlers: Mapping[int, Any]) -> Callable[[int, FrameType | None], None]:
    """Ignore a signal from when it comes, and hand it on: who handles it listens to the next one again.

    One that comes time and again would interrupt its own handler, until Python's stack is full.
    """
    ignored = int(signal.SIG_IGN)

    def hear(number: int, frame: FrameType | None) -> None:
        _signal.signal(number, ignored)  # in C: within a function of Python's the next one could come first
        handlers[number](number, frame)

    for number in handlers:
        signal.signal(number, hear)
    return hear


@contextmanager
def _deaf_at_the_end() -> Iterator[None]:
    """What comes when nobody listens any more changes nothing: it is stopping already.

    Ignored are signals only then: that would take away a SIGHUP that is waiting until somebody listens.
    """
    for each in _SIGNALS:
        signal.signal(each, lambda *_: None)
    try:
        yield
    finally:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
