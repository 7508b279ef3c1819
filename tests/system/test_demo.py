"""The demo as a newcomer runs it: in a network without a way out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netcheck.lab.scenarios import SCENARIOS, Scenario

ROOT = Path(__file__).parents[2]


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    """In a namespace of its own, in which there is only loopback."""
    command = 'ip link set lo up && exec "$@"'
    return subprocess.run(
        ["unshare", "-n", "sh", "-c", command, "sh", sys.executable, "-m", "netcheck", "demo", *options],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_breakage_is_named_right_and_seen_to_be_over(scenario: Scenario) -> None:
    ended = demo("--scenario", scenario.name)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"named after [0-9.]+ s: ", ended.stdout)
    assert ended.stdout.rstrip().endswith("1 of 1 breakages were named right and seen to be over.")


def test_the_list_names_every_scenario() -> None:
    listed = demo("--list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [scenario.name for scenario in SCENARIOS]


def test_a_scenario_that_does_not_exist_is_an_error_in_one_line() -> None:
    ended = demo("--scenario", "nothing-like-it")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("no scenario 'nothing-like-it'; there is: port-5223-blocked, ")
