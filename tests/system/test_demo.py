"""The demo as a newcomer runs it: in a network without a way out."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from shutil import rmtree

import pytest

from netcheck.lab.scenarios import SCENARIOS
from tests.programs import require_programs

pytestmark = pytest.mark.waits

ROOT = Path(__file__).parents[2]


AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
# The interpreter of the tests may be in root's home: a newcomer's is not, so to read it is no privilege here.
READING = (
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=-all,+dac_read_search",
    "--bounding-set=-all,+dac_read_search",
)


MAKE = ("make", "--silent", "demo", f"RUN={sys.prefix}", "DEV=none", f"--old-file={sys.prefix}/ready")
"""With the environment of the tests, as it is set up already."""


def command(*options: str) -> list[str]:
    return alone(sys.executable, "-m", "netcheck", "demo", *options)


def alone(*started: str) -> list[str]:
    """To run it as an ordinary user, in a namespace of its own in which there is only loopback."""
    script = 'ip link set lo up && exec "$@"'
    return ["unshare", "-n", "sh", "-c", script, "sh", *AS_NOBODY, *READING, *started]


def environment() -> dict[str, str]:
    # without what make tells the make that it starts: it would have words about it
    others = ("COVERAGE_", "MAKE", "MFLAGS")
    own = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return {**own, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    return run(command(*options))


def run(started: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        started,
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@contextmanager
def held() -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    """A demo under way, the process of its daemon, and its folder."""
    with subprocess.Popen(
        ["env", "--default-signal=INT,TERM,HUP", *command("--hold")],  # whatever the tests run under
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as started:
        folder = None
        try:
            assert started.stdout is not None
            said = list(takewhile(lambda line: "every path is ready" not in line, started.stdout))
            folder = Path(next(line for line in said if "configuration" in line).split()[-1]).parent
            threads = Path(f"/proc/{started.pid}/task").glob("*/children")
            (daemon,) = (child for thread in threads for child in thread.read_text().split())
            yield started, int(daemon), folder
        finally:
            started.kill()
            if folder is not None:
                rmtree(folder, ignore_errors=True)


def wait_for_the_end_of(process: int) -> None:
    deadline = time.monotonic() + 20
    while _runs(process):
        assert time.monotonic() < deadline, f"process {process} still runs"
        time.sleep(0.05)


def _runs(process: int) -> bool:
    """A process that nobody has waited for has ended all the same."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_ends_it_leaves_no_daemon_and_no_folder(number: signal.Signals) -> None:
    with held() as (started, daemon, folder):
        assert folder.is_dir()
        started.send_signal(number)
        said, _ = started.communicate(timeout=60)
        assert "Traceback" not in said
        assert started.returncode == 128 + number  # as shells say it
        assert not _runs(daemon)
        assert not folder.exists()


def test_told_to_end_while_its_daemon_is_being_started_it_ends_at_once() -> None:
    """A child that has inherited an ignored SIGTERM would only be killed after some seconds."""
    with subprocess.Popen(
        ["env", "--default-signal=TERM", *command("--hold")],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline().startswith("A laboratory")
        began = time.monotonic()
        started.terminate()
        started.communicate(timeout=60)
        assert time.monotonic() - began < 3


def test_where_it_is_killed_the_daemon_ends_too() -> None:
    with held() as (started, daemon, _):
        started.kill()
        wait_for_the_end_of(daemon)


def test_the_script_runs_to_its_end_and_every_breakage_is_named_right() -> None:
    ended = run(alone(*MAKE))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    assert "Port 8443 stands for 443, which this user may not use." in ended.stdout
    assert re.search(r"^  netcheck       http://127\.0\.0\.1:\d+/$", ended.stdout, re.M)
    for number, scenario in enumerate(SCENARIOS, start=1):
        assert f"[{number}/{len(SCENARIOS)}] {scenario.title}" in ended.stdout
    assert len(re.findall(r"^    named after [0-9.]+ s: ", ended.stdout, re.M)) == len(SCENARIOS)
    assert ended.stdout.rstrip().endswith(
        f"found all {len(SCENARIOS)} faults, named each cause, and saw each repaired."
    )


def test_with_prometheus_it_says_which_alert_fires_and_who_is_told() -> None:
    require_programs("prometheus", "prometheus-alertmanager")
    ended = demo("--prometheus", "--scenario", "proxy-dies")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    named = ended.stdout.index("named after")
    alert = re.search(r"^    alert: Netcheck\w+ on dmz-socks, told to [\w-]+$", ended.stdout, re.M)
    assert alert, ended.stdout
    assert named < alert.start() < ended.stdout.index("repaired, and ready again")


def test_the_list_names_every_scenario() -> None:
    listed = demo("--list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [scenario.name for scenario in SCENARIOS]
    assert max(map(len, listed)) <= 80


def test_a_scenario_that_does_not_exist_is_an_error_that_names_the_others() -> None:
    ended = demo("--scenario", "nothing-like-it")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "'nothing-like-it' is not one of 'port-5223-blocked', " in ended.stderr
