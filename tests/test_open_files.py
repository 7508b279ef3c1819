"""What the process asks of the system for itself."""

import resource
import subprocess
import sys

import pytest

from netcheck import open_files


@pytest.mark.linux
@pytest.mark.parametrize("soft", [256, 900])
def test_every_command_may_have_as_many_files_open_as_the_system_allows(soft: int) -> None:
    at_its_end = "atexit.register(lambda: print(getrlimit(RLIMIT_NOFILE)[0]))"
    begins = "sys.argv[1:] = ['--version']; from netcheck.cli.main import entry; entry()"
    run = f"import atexit, sys; from resource import *; {at_its_end}; {begins}"
    command = ["prlimit", f"--nofile={soft}:900", sys.executable, "-c", run]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.split()[-1] == "900"


@pytest.mark.parametrize(
    ("limit", "most", "asked"),
    [
        ((1024, 524288), 10**9, [65536]),
        ((256, resource.RLIM_INFINITY), 61440, [65536, 10240]),
        ((1024, 1024), 10**9, []),
        ((100_000, 524288), 10**9, []),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 10**9, []),
        ((256, resource.RLIM_INFINITY), 1024, [65536, 10240]),
    ],
)
def test_no_more_is_asked_for_than_can_be_had(
    limit: tuple[int, int], most: int, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS says no to what is more than its kern.maxfilesperproc, where there is no hard limit."""
    tried = []

    def set_limit(_: int, limits: tuple[int, int]) -> None:
        tried.append(limits[0])
        if limits[0] > most:
            raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr("netcheck.open_files.resource.getrlimit", lambda _: limit)
    monkeypatch.setattr("netcheck.open_files.resource.setrlimit", set_limit)
    open_files.raise_limit()
    assert tried == asked


def test_a_system_without_such_a_limit_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "resource", None)
    open_files.raise_limit()
    assert open_files.affordable(8, 4) == 8
