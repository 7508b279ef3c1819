"""The Debian package as the tests here take it: for this machine and its Python."""

import platform
from pathlib import Path

from config.packages import deb
from tests.packages.building import PYTHON

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def build_deb(folder: Path) -> None:
    deb.build(folder, _ARCHITECTURES[platform.machine()], [PYTHON], compression="none")
