"""The units for systemd: what they promise, and that the daemon gets on with what they forbid."""

import ctypes
import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from tests.certificates import PASSWORD, issued
from tests.configs import daemon_config
from tests.daemon.running import running, with_default_signals
from tests.daemon.test_web_port import context_of, hashed, presented, reload
from tests.programs import program
from tests.web.pems import pems

UNITS = Path(__file__).parents[2] / "config" / "systemd"
SERVICE, SOCKET = UNITS / "netcheck.service", UNITS / "netcheck.socket"

_PR_SET_MDWE, _PR_MDWE_REFUSE_EXEC_GAIN = 65, 1  # linux/prctl.h


def settings(unit: Path) -> dict[str, list[str]]:
    """Every value of each key, in the order of the file."""
    found = defaultdict(list)
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key].append(value)
    return dict(found)


def analyzed(*arguments: str) -> str:
    done = subprocess.run(
        [program("systemd-analyze"), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_the_service_says_when_it_is_ready_reloads_and_lives() -> None:
    found = settings(SERVICE)
    assert found["Type"] == ["notify", "notify-reload"]  # before systemd 253 only the first counts
    assert "-HUP" in found["ExecReload"][0]
    assert int(found["WatchdogSec"][0]) >= 30


def test_the_service_may_do_nothing_that_it_does_not_need() -> None:
    found = settings(SERVICE)
    assert found["DynamicUser"] == ["yes"]
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == [""]
    assert found["StateDirectory"] == ["netcheck"]


def test_systemd_finds_the_service_hardly_exposed_at_all() -> None:
    said = analyzed("security", "--offline=true", str(SERVICE))
    found = re.search(r"Overall exposure level for netcheck.service: ([0-9.]+) OK", said)
    assert found, said
    assert float(found[1]) < 2.0


def test_systemd_understands_every_line() -> None:
    """But the type of a newer one; and the program is not installed where the tests run."""
    known = ("notify-reload", "Command /usr/bin/netcheck is not executable")
    said = analyzed("verify", str(SERVICE), str(SOCKET)).splitlines()
    about_ours = [line for line in said if "netcheck" in line and not any(each in line for each in known)]
    assert about_ours == []


def calls_of(name: str) -> set[str]:
    """The calls of a set of systemd's, those of the sets in it included; or the one of this name."""
    if not name.startswith("@"):
        return {name}
    found = set()
    for line in map(str.strip, analyzed("syscall-filter", name).splitlines()[1:]):
        if line.startswith("@"):
            found |= calls_of(line)
        elif line and not line.startswith("#"):
            found.add(line)
    return found


def allowed_calls() -> set[str]:
    allowed = calls_of("@default")
    for value in settings(SERVICE)["SystemCallFilter"]:
        for name in value.removeprefix("~").split():
            allowed = allowed - calls_of(name) if value.startswith("~") else allowed | calls_of(name)
    return allowed


@pytest.mark.needs("systemd-analyze", "strace")
def test_the_daemon_calls_nothing_that_the_service_may_not(tmp_path: Path) -> None:
    made, trace = pems(tmp_path), tmp_path / "trace"
    cert, key = made.server()
    (tmp_path / "push.p12").write_bytes(issued().pkcs12(PASSWORD))
    (tmp_path / "push.password").write_text(PASSWORD)
    file = daemon_config(
        tmp_path,
        f"web: {{tls: {{cert_file: {cert}, key_file: {key}}}}}\n"
        "push_certificates: {mdm: {file: push.p12, password_file: push.password}}",
    )
    with running(file, under=("strace", "-D", "-f", "-qq", "-o", str(trace))) as daemon:
        assert presented(daemon, context_of(made))
        reload(daemon)
        daemon.wait("a verdict", lambda: "not_ready" in daemon.logged())
        daemon.wait("a certificate that is opened apart", lambda: "push certificate mdm" in daemon.logged())
    used = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.MULTILINE))
    assert {"accept4", "memfd_create"} <= used
    assert used - allowed_calls() == set()


def without_new_code() -> None:
    """As MemoryDenyWriteExecute=yes has it, with the kernel's own means (Linux 6.3)."""
    with_default_signals()
    if ctypes.CDLL(None).prctl(_PR_SET_MDWE, _PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
        raise OSError("this kernel does not know it")


def test_the_daemon_needs_no_new_code_in_memory_and_takes_credentials(tmp_path: Path) -> None:
    made = pems(tmp_path)
    cert, key = made.server()
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    key.rename(credentials / "netcheck.key")
    (tmp_path / "users").write_text(f"alice:{hashed('one')}\n")
    file = daemon_config(
        tmp_path,
        f'web: {{tls: {{cert_file: {cert}, key_file: "${{CREDENTIALS_DIRECTORY}}/netcheck.key"}}, '
        "basic_auth_users_file: users}",
    )
    try:
        with running(
            file, environment={"CREDENTIALS_DIRECTORY": str(credentials)}, before=without_new_code
        ) as daemon:
            assert presented(daemon, context_of(made))
    except subprocess.SubprocessError:
        pytest.skip("this kernel cannot forbid new code in memory")
