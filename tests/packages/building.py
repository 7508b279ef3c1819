"""Builds what is to be installed, from what is locked and already here: nothing is fetched."""

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = ROOT / ".tools" / "bin" / "uv"
PYTHON = ".".join(map(str, sys.version_info[:2]))


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that `make` fills, offline, once for all workers of this run."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with folder.with_suffix(".lock").open("w") as lock, pytest.MonkeyPatch.context() as patch:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            assert not folder.exists(), "it could not be made for another test"
            folder.mkdir()
            patch.setenv("UV_OFFLINE", "1")
            make(folder)
            (folder / "made").touch()
    return folder


def locked(name: str) -> set[tuple[str, str]]:
    """Names and versions of a lock file."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return set(re.findall(r"^([\w.-]+)==([^ ;]+)", text, re.MULTILINE))


def done(*command: str | Path) -> str:
    """What a command says that ends well."""
    ended = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
