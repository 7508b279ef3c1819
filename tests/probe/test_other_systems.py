"""The tests of probes, DNS and the console once more, on what this system is without Linux's names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = {
    "lookups": ("tests/probe/test_dns.py", "tests/probe/test_resolve.py", "tests/console"),
    "probes": tuple(
        f"tests/probe/test_{name}.py" for name in ("connect", "hold", "proxy", "runner", "secure")
    ),
}
"""About as long each: side by side they wait half as long."""
_SHOW = "from netcheck.probe.system import HERE; print(type(HERE).__name__)"


@pytest.mark.skipif(sys.platform != "linux", reason="takes away what Linux has")
@pytest.mark.waits
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("system", ["darwin", "plan9"])
def test_nothing_but_one_module_needs_what_linux_has(system: str, part: str) -> None:
    options = ("-q", "-p", "tests.elsewhere", "-p", "no:cacheprovider", "-m", "not linux")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *PARTS[part]],
        cwd=ROOT,
        env={**os.environ, "NETCHECK_TESTS_AS": system},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.skipif(sys.platform != "linux", reason="takes away what Linux has")
@pytest.mark.parametrize(
    ("system", "chosen"), [("darwin", "MacOS"), ("win32", "Windows"), ("plan9", "System")]
)
def test_what_is_tested_there_is_that_system(system: str, chosen: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import tests.elsewhere; {_SHOW}"],
        cwd=ROOT,
        env={**os.environ, "NETCHECK_TESTS_AS": system},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == chosen
