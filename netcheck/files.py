"""Reading the files that people name: regular files only, never more of one than it may have, nor for long.
And one file of our own, for what takes nothing else.

Opening waits for nobody: not for the other end of a pipe, nor for a device. A file system that hangs can
still block the reader within one call, so who must go on reads `in_time`. Knows nothing of what is in them.
"""

import errno
import io
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trio

T = TypeVar("T")

LARGEST_PEM = 4 * 1024 * 1024
"""Of a file of certificates, in bytes; a system's whole store has a quarter of a MiB."""


_DESCRIPTORS = Path("/proc/self/fd")
_LONGEST_READ = 10.0
"""In seconds, for a file that comes in small pieces."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Differs where a file was written or replaced; times in nanoseconds."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int


async def in_time(read: Callable[[], T], seconds: float, limiter: trio.CapacityLimiter | None = None) -> T:
    """What a reader finds; OSError where that takes longer.

    It reads in a thread, which then is abandoned; the limiter caps how many there are of these.
    """
    try:
        with trio.fail_after(seconds):
            return await trio.to_thread.run_sync(read, limiter=limiter, abandon_on_cancel=True)
    except trio.TooSlowError:
        raise OSError(errno.ETIMEDOUT, f"not read within {seconds:.0f} s") from None


def read_file(file: Path, largest: int) -> bytes:
    """The whole file; OSError where it cannot be read, is no regular file, or is larger than `largest`."""
    _, data = read_if_changed(file, largest, None)
    return data or b""


def read_if_changed(file: Path, largest: int, before: Stamp | None) -> tuple[Stamp, bytes | None]:
    """The file as it is now, and its bytes, or None where its stamp is still `before`; OSError as above."""
    with open_file(file) as stream:
        stamp = _stamp(stream.fileno())
        return stamp, None if stamp == before else _all_of(stream, largest)


def stamp_of(file: Path) -> Stamp:
    """What tells whether it has changed; OSError where it cannot be read."""
    with open_file(file) as stream:
        return _stamp(stream.fileno())


def open_file(file: Path) -> io.FileIO:
    """The file to be read, without waiting for anybody; OSError where it cannot be, or is no regular file."""
    try:
        stream = io.FileIO(file, opener=_without_waiting)
    except ValueError as error:
        raise FileNotFoundError(errno.ENOENT, "no file has a NUL in its name") from error
    except OSError as error:
        if error.errno == errno.EISDIR or file.is_dir():  # as Windows says it: permission denied
            raise OSError(errno.EINVAL, "not a regular file") from error
        raise
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, "not a regular file")
    return stream


def _without_waiting(name: str, flags: int) -> int:
    """Opens what turns out to be a pipe without waiting for its other end."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))


def _stamp(descriptor: int) -> Stamp:
    status = os.fstat(descriptor)
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _all_of(stream: io.FileIO, largest: int) -> bytes:
    parts: list[bytes] = []
    left, deadline = largest + 1, time.monotonic() + _LONGEST_READ
    while part := _part_of(stream, min(left, 1024 * 1024)):
        parts.append(part)
        left -= len(part)
        if left <= 0:
            raise OSError(errno.EFBIG, f"larger than {largest} bytes")
        if time.monotonic() > deadline:
            raise OSError(errno.ETIMEDOUT, f"not read within {_LONGEST_READ:.0f} s")
    return b"".join(parts)


def _part_of(stream: io.FileIO, size: int) -> bytes:
    part = stream.read(size)
    if part is None:  # such as /proc/kmsg: it has more to say later
        raise OSError(errno.EINVAL, "not a regular file: it waits for what comes")
    return part


@contextmanager
def as_file(data: bytes) -> Iterator[str]:
    """The name of a file with these bytes, for OpenSSL, which takes keys from nothing else.

    In memory, where the system has such: a key that was decrypted is then on no disk. Elsewhere, and where
    there is no /proc to name it by, it is this user's alone, and gone at the end.
    """
    if hasattr(os, "memfd_create") and _DESCRIPTORS.exists():
        with os.fdopen(os.memfd_create("pem"), "wb") as file:
            file.write(data)
            file.flush()
            yield str(_DESCRIPTORS / str(file.fileno()))
    else:
        with tempfile.TemporaryDirectory() as folder:  # a file that is open, nobody else can open on Windows
            ours = Path(folder) / "pem"
            ours.write_bytes(data)
            yield str(ours)
