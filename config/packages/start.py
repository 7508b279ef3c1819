"""The first that runs of netcheck.pyz: unpacks the parts for this Python once, and starts netcheck there.

Compiled libraries cannot be loaded out of a zip file. So they go, with all the rest, into a folder that only
this user may write; a second start finds them there. Runs on Python 3.7 too, to say which ones are needed.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
import tempfile
import zipfile
import zlib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import NoReturn

_PARTS = "parts/"
_OTHER_PLACE = "Name another folder in the environment variable XDG_CACHE_HOME."
_CACHES = {"darwin": "Library/Caches", "win32": "AppData/Local"}
_USAGE = 2
_INTERRUPTED = 130


def main() -> None:
    try:
        folder = _unpacked(sys.argv[0])
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except (zipfile.BadZipFile, zlib.error):
        _fail(f"{sys.argv[0]}: this file is damaged. Get it again.")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}netcheck cannot be unpacked there: {error.strerror}. {_OTHER_PLACE}")
    sys.path[0] = folder
    os.environ["PYTHONPATH"] = folder  # for the processes that netcheck starts
    importlib.import_module("netcheck.__main__").entry()


def _unpacked(archive: str) -> str:
    """The folder with the parts for this Python. Raises OSError where there is no place for them."""
    with zipfile.ZipFile(archive) as pyz:
        names = pyz.namelist()
        if _PARTS + for_this_python() not in names:
            _fail_for_want_of_parts([name[len(_PARTS) :] for name in names if name.startswith(_PARTS)])
        listed = pyz.read(_PARTS + for_this_python())
        cache = _cache()
        folder = cache / hashlib.sha256(listed).hexdigest()[:16]
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        _must_be_ours(cache)
        if not folder.is_dir():
            _unpack(pyz, json.loads(listed.decode()), folder)
        _must_be_ours(folder)
    return str(folder)


def for_this_python() -> str:
    """What decides which compiled modules it can load; a Mac's Python may be for two kinds of machine."""
    machine = "-" + os.uname().machine if sys.platform == "darwin" else ""
    return EXTENSION_SUFFIXES[0].strip(".") + machine


def _cache() -> Path:
    """OSError where there is no home folder, and nothing else is named."""
    named = os.environ.get("XDG_CACHE_HOME")
    if named:
        return Path(named).absolute() / "netcheck"
    try:
        return Path.home() / _CACHES.get(sys.platform, ".cache") / "netcheck"
    except RuntimeError:
        raise FileNotFoundError(0, "this user has no home folder", "~") from None


def _must_be_ours(folder: Path) -> None:
    """Nobody else may have put there what we are about to run."""
    status = folder.lstat()
    if hasattr(os, "geteuid") and (status.st_uid != os.geteuid() or status.st_mode & 0o022):
        raise PermissionError(0, "others may write there", str(folder))


def _unpack(pyz: zipfile.ZipFile, digests: dict[str, str], folder: Path) -> None:
    """All of it or nothing, also where two do it at the same time, or one is stopped."""
    with tempfile.TemporaryDirectory(prefix=".new-", dir=str(folder.parent)) as begun:
        new = Path(begun) / "parts"
        new.mkdir(mode=0o700)
        for name, digest in digests.items():
            file = new / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(pyz.read("files/" + digest))
        try:
            new.rename(folder)
        except OSError:
            if not folder.is_dir():  # another process was first
                raise


def _fail_for_want_of_parts(have: list[str]) -> NoReturn:
    _fail(
        f"This file has nothing for the Python that runs it ({for_this_python()}), but for:"
        + "".join(f"\n  {name}" for name in have)
        + "\nTake one of these Pythons, or install netcheck with pip."
    )


def _fail(message: str) -> NoReturn:
    sys.stderr.write(message + "\n")
    sys.exit(_USAGE)


if __name__ == "__main__":
    main()
