"""Who may write to a file of incidents: one daemon at a time. All of it blocks, and so runs in a thread.

A lock on a file beside it says so; the kernel lets go of it when the process ends, however that comes. It is
not on the file itself: there SQLite has its own locks, and over NFS all locks are of one kind.
"""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

_HELD = (errno.EAGAIN, errno.EACCES)
"""What another process's lock comes to, see fcntl(2) on F_SETLK."""


class Claim:
    """One process's claim to a file. Its lock is the process's own: none that it starts inherits it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None

    def take(self) -> bool:
        """False where another process has it. To be taken before each write: a lock may get lost meanwhile.

        The kernel drops it when this process closes the file beside it anywhere. A lock that cannot be had at
        all, as on some network drives, is no reason to keep no incidents.
        """
        try:
            lock = Path(os.path.realpath(self._file))  # a link to the file is the file
            lock = lock.with_name(f"{lock.name}.lock")
            if self._descriptor is not None and not _is_at(lock, self._descriptor):
                self.let_go()  # somebody removed it: what others lock is the one that is there now
            if self._descriptor is None:
                # For nobody else: who can read it can hold up the daemon with a lock. No link or pipe that
                # somebody put there: one leads elsewhere, and to open the other takes for ever.
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
                self._descriptor = os.open(lock, flags, 0o600)
        except OSError:
            return True
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in _HELD
        return True

    def let_go(self) -> None:
        """Others may write from now on."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def _is_at(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
