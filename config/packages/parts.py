"""What a package brings: netcheck, and the libraries that requirements/packages.txt locks.

They are put together for any Python and system on any machine: nothing is compiled, and uv fetches nothing
that the lock does not name with its hash.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_UV = ROOT / ".tools" / "bin" / "uv"
_OF_INSTALLING = ("RECORD", "direct_url.json", "uv_cache.json")
_LOCK = ROOT / "requirements" / "packages.txt"


def build_wheel(into: Path) -> Path:
    """netcheck itself, built by what the development's lock names."""
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into))
    (wheel,) = into.glob("netcheck-*.whl")
    return wheel


def put_parts(wheel: Path, into: Path, python: str, system: str) -> None:
    """All modules that it runs on, and itself, in a folder.

    A system is named as for `uv pip install --python-platform`. Raises CalledProcessError where a library
    has no wheel for it; uv has said which one.
    """
    target = ["--target", str(into), "--python-version", python, "--python-platform", system]
    install = [str(_UV), "pip", "install", "--quiet", "--no-deps", "--link-mode", "copy", *target]
    _run(*install, "--only-binary", ":all:", "--require-hashes", "-r", str(_LOCK))
    _run(*install, str(wheel))


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - a command of ours


def files_of(folder: Path) -> dict[str, Path]:
    """By their names below the folder, in order; without what only says how and where they were installed."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.name not in _OF_INSTALLING]
    found = {file.relative_to(folder).as_posix(): file for file in files}
    return {name: file for name, file in found.items() if not name.startswith((".", "bin/"))}
