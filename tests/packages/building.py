"""Builds what is to be installed, from what is locked and already here: nothing is fetched."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
UV = ROOT / ".tools" / "bin" / "uv"


def build_wheel(into: Path) -> Path:
    done(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", into)
    (wheel,) = into.glob("*.whl")
    return wheel


def done(*command: str | Path) -> str:
    """What a command says that ends well."""
    ended = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def install(wheel: Path, environment: Path) -> Path:
    """The command of a new environment that has the wheel and what run.txt locks, and nothing else."""
    done(UV, "venv", "-q", "--python", sys.executable, environment)
    locked = ROOT / "requirements" / "run.txt"
    done(UV, "pip", "sync", "-q", "--offline", "--require-hashes", "--python", environment, locked)
    done(UV, "pip", "install", "-q", "--offline", "--no-deps", "--python", environment, wheel)
    return environment / "bin" / "netcheck"
