"""Reading the files that people name: regular files only, never more of one than it may have.

Opening waits for nobody: not for the other end of a pipe, nor for a device. A file system that hangs can
still block the reader, so what runs in an event loop reads in a thread that it can abandon, under a
deadline. Knows nothing of what is in the files.
"""

import errno
import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path

LARGEST_CA_FILE = 4 * 1024 * 1024
"""In bytes; a system's whole store has a quarter of a MiB."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Differs where a file was written or replaced; times in nanoseconds."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int


def read_file(file: Path, largest: int) -> bytes:
    """The whole file; OSError where it cannot be read, is no regular file, or is larger than `largest`."""
    _, data = read_if_changed(file, largest, None)
    return data or b""


def read_if_changed(file: Path, largest: int, before: Stamp | None) -> tuple[Stamp, bytes | None]:
    """The file as it is now, and its bytes, or None where its stamp is still `before`; OSError as above."""
    try:
        stream = io.FileIO(file, opener=_without_waiting)
    except ValueError as error:
        raise FileNotFoundError(errno.ENOENT, "no file has a NUL in its name") from error
    except OSError as error:
        if error.errno == errno.EISDIR or file.is_dir():  # as Windows says it: permission denied
            raise OSError(errno.EINVAL, "not a regular file") from error
        raise
    with stream:
        stamp = _stamp(stream.fileno())
        return stamp, None if stamp == before else _all_of(stream, largest)


def _without_waiting(name: str, flags: int) -> int:
    """Opens what turns out to be a pipe without waiting for its other end."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))


def _stamp(descriptor: int) -> Stamp:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _all_of(stream: io.FileIO, largest: int) -> bytes:
    parts: list[bytes] = []
    left = largest + 1
    while left > 0 and (part := stream.read(min(left, 1024 * 1024))):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise OSError(errno.EFBIG, f"larger than {largest} bytes")
    return b"".join(parts)
