"""The demo's folder: removed when the demo ends, and where that was killed, when the next one starts."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netcheck.lab.lab import CONFIG

_PREFIX = "netcheck-demo-"


@contextmanager
def demo_folder() -> Iterator[Path]:
    """A folder of this demo's alone. It is locked for as long as its demo lives."""
    _remove_leftovers(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, _locked(Path(name)):
        yield Path(name)


def _remove_leftovers(parent: Path) -> None:
    """Folders of demos of this user that live no more. One without a config may be just being made."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            if folder.lstat().st_uid == os.getuid() and (folder / CONFIG).exists():
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
