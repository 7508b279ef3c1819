"""The demo's folder: removed when the demo ends, and where that was killed, when the next one starts."""

import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netcheck.lab.lab import CONFIG, LabError

_PREFIX = "netcheck-demo-"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_BEING_MADE = 60.0
"""Seconds after which a folder is no longer being made."""


@contextmanager
def demo_folder() -> Iterator[Path]:
    """A folder of this demo's alone. It is locked for as long as its demo lives.

    Raises LabError where there is no room for it, or for what is written to it.
    """
    try:
        _remove_leftovers(Path(tempfile.gettempdir()))
        with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, _locked(Path(name)):
            yield Path(name)
    except* OSError as group:
        if group.subgroup(_is_for_want_of_room) is None:
            raise
        raise LabError("there is no folder with room for temporary files: name one in TMPDIR") from group


def _is_for_want_of_room(error: BaseException) -> bool:
    """As Python says it, too, which tries several folders."""
    is_nowhere = isinstance(error, FileNotFoundError) and error.filename is None
    return is_nowhere or (isinstance(error, OSError) and error.errno in _NO_ROOM)


def _remove_leftovers(parent: Path) -> None:
    """Folders of demos of this user that live no more. A new one without a config may be just being made; an
    old one is what a daemon wrote that ended last."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            known = folder.lstat()
            is_made = (folder / CONFIG).exists() or time.time() - known.st_mtime > _BEING_MADE
            if known.st_uid == os.getuid() and is_made:
                with _locked(folder):
                    shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # in use, or no folder
            continue


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Raises OSError where somebody else has it locked. The kernel unlocks it however its holder ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
