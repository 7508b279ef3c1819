"""Builds what is to be installed, from what is locked and already here: nothing is fetched."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
UV = ROOT / ".tools" / "bin" / "uv"


def done(*command: str | Path) -> str:
    """What a command says that ends well."""
    ended = subprocess.run(
        [*map(str, command)],
        cwd=ROOT,
        env={**os.environ, "UV_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
