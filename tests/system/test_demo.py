"""The demo as a newcomer runs it: in a network without a way out."""

import os
import re
import subprocess
import sys
from pathlib import Path

from netcheck.lab.scenarios import SCENARIOS
from tests.system.servers import require_programs

ROOT = Path(__file__).parents[2]


AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
# The interpreter of the tests may be in root's home: a newcomer's is not, so to read it is no privilege here.
READING = (
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=-all,+dac_read_search",
    "--bounding-set=-all,+dac_read_search",
)


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    """As an ordinary user, in a namespace of its own in which there is only loopback."""
    script = 'ip link set lo up && exec "$@"'
    command = [sys.executable, "-m", "netcheck", "demo", *options]
    own = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.run(
        ["unshare", "-n", "sh", "-c", script, "sh", *AS_NOBODY, *READING, *command],
        cwd=ROOT,
        env={**own, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_script_runs_to_its_end_and_every_breakage_is_named_right() -> None:
    """What `make demo` does where it has no terminal."""
    ended = demo()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    assert "Port 8443 stands for 443, which this user may not use." in ended.stdout
    assert re.search(r"^  netcheck       http://127\.0\.0\.1:\d+/$", ended.stdout, re.M)
    for number, scenario in enumerate(SCENARIOS, start=1):
        assert f"[{number}/{len(SCENARIOS)}] {scenario.title}" in ended.stdout
    assert len(re.findall(r"^    named after [0-9.]+ s: ", ended.stdout, re.M)) == len(SCENARIOS)
    assert ended.stdout.rstrip().endswith(
        f"{len(SCENARIOS)} of {len(SCENARIOS)} breakages were named right and seen to be over."
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


def test_a_scenario_that_does_not_exist_is_an_error_in_one_line() -> None:
    ended = demo("--scenario", "nothing-like-it")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("no scenario 'nothing-like-it'; there is: port-5223-blocked, ")
