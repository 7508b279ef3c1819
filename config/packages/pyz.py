"""`make pyz`: netcheck in one file, which runs wherever there is a Python; start.py is what begins in it.

In it, each file of each system's parts is stored once, under its digest; `parts/…` says by Python and system
which of them make up the parts, and under what names.
"""

import hashlib
import itertools
import json
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from config.packages.parts import DIST, PYTHONS, build_wheel, files_of, put_parts
from netcheck import __version__

SYSTEMS = {
    "x86_64-manylinux_2_28": "cpython-{}-x86_64-linux-gnu.so",
    "aarch64-manylinux_2_28": "cpython-{}-aarch64-linux-gnu.so",
    "aarch64-apple-darwin": "cpython-{}-darwin.so-arm64",
    "x86_64-pc-windows-msvc": "cp{}-win_amd64.pyd",
}
"""As uv names a system: as start.py names a Python there, when the Python's version is filled in."""

_START = Path(__file__).with_name("start.py")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same file comes out whenever it is made


def build(into: Path, systems: Mapping[str, str] = SYSTEMS, pythons: Sequence[str] = PYTHONS) -> Path:
    """The file for these systems and Pythons, in a folder that is there."""
    made = into / f"netcheck-{__version__}.pyz"
    with tempfile.TemporaryDirectory() as scratch, made.open("wb") as stream:
        wheel = build_wheel(Path(scratch))
        stream.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as pyz:
            _add(pyz, "__main__.py", _START.read_bytes())
            for (system, name), python in itertools.product(systems.items(), pythons):
                folder = Path(scratch) / f"{system}-{python}"
                put_parts(wheel, folder, python, system)
                _add_parts(pyz, name.format(python.replace(".", "")), files_of(folder))
    made.chmod(0o755)
    return made


def _add_parts(pyz: zipfile.ZipFile, name: str, files: Mapping[str, Path]) -> None:
    contents = {each: file.read_bytes() for each, file in files.items()}
    digests = {each: hashlib.sha256(content).hexdigest() for each, content in contents.items()}
    have = set(pyz.namelist())
    for digest, content in {digests[each]: content for each, content in contents.items()}.items():
        if f"files/{digest}" not in have:
            _add(pyz, f"files/{digest}", content)
    _add(pyz, f"parts/{name}", json.dumps(digests).encode())


def _add(pyz: zipfile.ZipFile, name: str, content: bytes) -> None:
    pyz.writestr(zipfile.ZipInfo(name, _LONG_AGO), content, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    DIST.mkdir(exist_ok=True)
    print(build(DIST))
