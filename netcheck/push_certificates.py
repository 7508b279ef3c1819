"""The files of push certificates: reads them, and again when they change. Knows not what is in them.

A file may hang (NFS) or be swapped at any moment: it is read in a thread, under a deadline and a limit.
"""

import logging
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import trio

from netcheck.apns.push_certificate import LARGEST, read
from netcheck.model.findings import PushCertificate, PushCertificateFile

_log = logging.getLogger("netcheck")
_LONGEST_READ = 10.0
_MOST_THREADS = 8

Sink = Callable[[PushCertificate], None]


@dataclass(frozen=True, slots=True)
class _Stamp:
    """Differs where a file was written or replaced; times in nanoseconds."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int


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
        stamp: _Stamp | None = None
        while True:
            stamp, found = await _look(file, stamp, limiter)
            if found is not None:
                sink(found)
            await trio.sleep(every)

    async with trio.open_nursery() as nursery:
        for file in files:
            nursery.start_soon(one, file)


async def _look(
    file: PushCertificateFile, before: _Stamp | None, limiter: trio.CapacityLimiter
) -> tuple[_Stamp | None, PushCertificate | None]:
    """What is in the file, or no record where it is as before; no stamp where the next look has to read."""
    try:
        with trio.fail_after(_LONGEST_READ):
            return await trio.to_thread.run_sync(
                _read_if_changed, file, before, limiter=limiter, abandon_on_cancel=True
            )
    except trio.TooSlowError:
        return None, _unreadable(file, f"{file.file} was not read within {_LONGEST_READ:.0f} s")
    except OSError as error:
        return None, _unreadable(file, f"{file.file} cannot be read: {error.strerror}")
    except Exception:  # a bug of ours costs one certificate, and never the daemon
        _log.exception("internal error in reading the push certificate %s", file.name)
        return None, _unreadable(file, "internal error: see the log")


def _unreadable(file: PushCertificateFile, why: str) -> PushCertificate:
    return PushCertificate(file.name, error=why)


def _read_if_changed(
    file: PushCertificateFile, before: _Stamp | None
) -> tuple[_Stamp | None, PushCertificate | None]:
    with open(file.file, "rb", opener=_without_waiting) as stream:  # Path has no opener
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            return None, _unreadable(file, f"{file.file} is not a regular file")
        stamp = _Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if stamp == before:
            return stamp, None
        data = stream.read(LARGEST + 1)
    return stamp, read(file, data)


def _without_waiting(name: str, flags: int) -> int:
    """Opens what turns out to be a pipe without waiting for its other end."""
    return os.open(name, flags | os.O_NONBLOCK)
