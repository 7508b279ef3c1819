"""The files of push certificates: reads them, and again when they change. Knows not what is in them.

A file may hang (NFS) or be swapped at any moment: it is read in a thread, under a deadline and a limit.
"""

import functools
import logging
from collections.abc import Callable, Iterable

import trio

from netcheck.apns.push_certificate import LARGEST, LONGEST, read_in_time
from netcheck.files import Stamp, in_time, read_if_changed
from netcheck.model.findings import PushCertificate, PushCertificateFile

_log = logging.getLogger("netcheck")
_LONGEST_READ = 10.0 + LONGEST
_MOST_THREADS = 8

Sink = Callable[[PushCertificate], None]


def threads() -> trio.CapacityLimiter:
    """Caps how many files are read at once; those that hang count until they no longer do."""
    return trio.CapacityLimiter(_MOST_THREADS)


async def read_all(files: Iterable[PushCertificateFile], sink: Sink) -> None:
    """Read every file once."""
    limiter = threads()

    async def one(file: PushCertificateFile) -> None:
        _, found = await _look(file, None, limiter)
        if found is not None:
            sink(found)

    async with trio.open_nursery() as nursery:
        for file in files:
            nursery.start_soon(one, file)


async def watch(
    files: Iterable[PushCertificateFile], sink: Sink, limiter: trio.CapacityLimiter, every: float
) -> None:
    """Read every file, and again within `every` seconds of a change, until cancelled."""

    async def one(file: PushCertificateFile) -> None:
        stamp: Stamp | None = None
        while True:
            stamp, found = await _look(file, stamp, limiter)
            if found is not None:
                sink(found)
            await trio.sleep(every)

    async with trio.open_nursery() as nursery:
        for file in files:
            nursery.start_soon(one, file)


async def _look(
    file: PushCertificateFile, before: Stamp | None, limiter: trio.CapacityLimiter
) -> tuple[Stamp | None, PushCertificate | None]:
    """What is in the file, or no record where it is as before; no stamp where the next look has to read."""
    try:
        return await in_time(functools.partial(_read_if_changed, file, before), _LONGEST_READ, limiter)
    except OSError as error:
        return None, _unreadable(file, f"{file.file} cannot be read: {error.strerror}")
    except Exception:  # a bug of ours costs one certificate, and never the daemon
        _log.exception("internal error in reading the push certificate %s", file.name)
        return None, _unreadable(file, "internal error: see the log")


def _unreadable(file: PushCertificateFile, why: str) -> PushCertificate:
    return PushCertificate(file.name, error=why)


def _read_if_changed(
    file: PushCertificateFile, before: Stamp | None
) -> tuple[Stamp | None, PushCertificate | None]:
    stamp, data = read_if_changed(file.file, LARGEST, before)
    return stamp, None if data is None else read_in_time(file, data)
