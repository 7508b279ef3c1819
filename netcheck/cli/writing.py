"""Writing the files that people name: all of one or nothing. A full disk costs nothing that was there."""

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

_NOT_TO_REPLACE = (errno.EACCES, errno.EPERM, errno.EBUSY)
"""The folder is not this user's, or something is mounted there; the file itself may be written to."""


def write_whole(file: Path, data: bytes) -> None:
    """Replace what is there, a link too, once all is written. OSError where that cannot be done."""
    new = file.with_name(f".netcheck-{secrets.token_hex(8)}.new")  # two may write at once
    try:
        try:
            with new.open("xb") as made:
                made.write(data)
            _keep_access(file, new)
            new.replace(file)
        except BaseException:  # Ctrl-C too: half a file stays nowhere
            with contextlib.suppress(OSError):
                new.unlink()
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error


def write_new(file: Path, data: bytes) -> None:
    """FileExistsError where there is anything under this name already, else as `write_whole`."""
    file.open("x").close()
    try:
        write_whole(file, data)
    except BaseException:  # Ctrl-C too: else the name would be taken the next time
        file.unlink()
        raise


def write_page(file: Path, data: bytes) -> None:
    """Into what a link leads to, and into a pipe or device as it is, else as `write_whole`."""
    if file.is_fifo():
        _write_to_reader(file, data)
        return
    if file.exists() and not file.is_file():
        file.write_bytes(data)
        return
    try:
        write_whole(file.resolve(), data)
    except OSError as error:
        if error.errno not in _NOT_TO_REPLACE or not file.exists():
            raise
        file.write_bytes(data)


def see_that_it_can_be_written(file: Path) -> None:
    """OSError if not. What is there stays as it is, and where there is nothing, there is nothing after.

    Whether somebody reads a pipe is seen when it is written to: whoever does would take this for the end.
    """
    if file.is_fifo():
        return
    was_there = file.exists()
    with file.open("a"):
        pass
    if not was_there:
        file.resolve().unlink()


def _write_to_reader(pipe: Path, data: bytes) -> None:
    """OSError where there is none: a pipe that is opened in the usual way waits for one, for ever."""
    try:
        opened = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        raise OSError(errno.ENXIO, "nobody reads this pipe", str(pipe)) from error
    os.set_blocking(opened, True)
    with os.fdopen(opened, "wb") as stream:
        stream.write(data)


def _keep_access(before: Path, new: Path) -> None:
    """The same people may use the new file as the one before, as far as this user can say so."""
    try:
        was = before.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISREG(was.st_mode):
        with contextlib.suppress(OSError, AttributeError):  # Windows has no chown()
            os.chown(new, was.st_uid, was.st_gid)
        with contextlib.suppress(OSError):
            new.chmod(stat.S_IMODE(was.st_mode))
