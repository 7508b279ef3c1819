"""The Debian package on a Debian that boots: installed, started, reloaded, upgraded, removed and purged."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from netcheck import __version__
from tests.packages.building import made_once
from tests.system.machine import drill
from tests.system.packages import build_deb
from tests.system.servers import require

STEP = re.compile(r"^== (\w+)\n", re.MULTILINE)
SCRIPT = r"""
exec 2>&1
step() { echo "== $1"; }
state() { systemctl show --property ActiveState,User,UnitFileState netcheck.service; }

step installed
dpkg --install /drill/old.deb
state
step process
ps -o user= -p "$(systemctl show --value --property MainPID netcheck.service)"
step served
curl --silent --show-error --fail http://127.0.0.1:9223/metrics
step command
netcheck --version
netcheck config check /etc/netcheck/netcheck.yaml
step libraries
find /usr/lib/netcheck -name '*.so' -exec ldd {} +
step manuals
man --where netcheck netcheck-check netcheck-config-show
step completed
bash -c '. /usr/share/bash-completion/completions/netcheck
COMP_WORDS=(netcheck ch); COMP_CWORD=1; _netcheck_completion netcheck ch netcheck; echo "${COMPREPLY[@]}"'
step reloaded
rm -f /bin/kill /usr/bin/kill # a small Debian has none
echo 'history: {file: /var/lib/netcheck/netcheck.db}' >>/etc/netcheck/netcheck.yaml
systemctl reload netcheck.service
tries=0
until journalctl --unit netcheck.service --output cat --grep 'configuration reloaded'; do
    tries=$((tries + 1))
    [ $tries -lt 200 ]
    sleep 0.1
done
step upgraded
dpkg-deb --raw-extract /drill/old.deb /tmp/new
sed --in-place 's/^Version: .*/Version: 99/' /tmp/new/DEBIAN/control
dpkg-deb --root-owner-group -Znone --build /tmp/new /tmp/new.deb
dpkg --install /tmp/new.deb
dpkg-query --show --showformat '${Version}\n' netcheck
state
tail -n 1 /etc/netcheck/netcheck.yaml
ls /var/lib/netcheck/netcheck.db
step kept
systemctl disable --now netcheck.service
dpkg --install /tmp/new.deb
state
step removed
dpkg --remove netcheck
state
ls /etc/netcheck/netcheck.yaml /var/lib/netcheck/netcheck.db
ls /usr/lib/netcheck /usr/bin/netcheck || true
step purged
dpkg --purge netcheck
find /etc /usr /var -xdev -iname '*netcheck*' -not -path '/var/log/*'
step end
"""


@pytest.fixture
def said(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """By step of the script, what was said."""
    require("systemd-nspawn", "dpkg-deb", "curl", "man")
    built = made_once(tmp_path_factory, "deb", build_deb)

    def play(scratch: Path) -> None:
        shutil.copy(next(built.glob("*.deb")), scratch / "old.deb")
        drill(scratch, SCRIPT)

    parts = STEP.split((made_once(tmp_path_factory, "drill", play) / "said").read_text())
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_installing_it_starts_the_service(said: Mapping[str, str]) -> None:
    assert "ActiveState=active\n" in said["installed"]
    assert "UnitFileState=enabled\n" in said["installed"]
    assert "netcheck_build_info{" in said["served"]


def test_the_service_has_a_user_of_its_own(said: Mapping[str, str]) -> None:
    assert said["process"].strip() == "netcheck"


def test_the_command_runs_and_its_config_is_good(said: Mapping[str, str]) -> None:
    version, checked = said["command"].splitlines()
    assert version == f"netcheck, version {__version__}"
    assert "no errors" in checked


def test_it_needs_no_library_of_the_system_that_it_does_not_ask_for(said: Mapping[str, str]) -> None:
    needed = set(re.findall(r"^\t(\S+?)\.so\S* =>", said["libraries"], re.M))
    assert needed - {"libc", "libdl", "libm", "libpthread", "librt", "libutil", "libgcc_s"} == set()
    assert "not found" not in said["libraries"]


def test_manuals_and_completions_are_where_they_are_looked_for(said: Mapping[str, str]) -> None:
    assert said["manuals"].split() == [
        f"/usr/share/man/man1/{name}.1.gz" for name in ("netcheck", "netcheck-check", "netcheck-config-show")
    ]
    assert said["completed"].split() == ["check"]


def test_it_reloads_and_may_write_where_it_should(said: Mapping[str, str]) -> None:
    assert "configuration reloaded" in said["reloaded"]
    assert "/var/lib/netcheck/netcheck.db\n" in said["upgraded"]


def test_an_upgrade_keeps_the_config_and_goes_on(said: Mapping[str, str]) -> None:
    assert "\n99\n" in said["upgraded"]
    assert "ActiveState=active\n" in said["upgraded"]
    assert "\nhistory: {file: /var/lib/netcheck/netcheck.db}\n" in said["upgraded"]


def test_an_upgrade_does_not_start_what_was_switched_off(said: Mapping[str, str]) -> None:
    assert "ActiveState=inactive\n" in said["kept"]
    assert "UnitFileState=disabled\n" in said["kept"]


def test_removed_it_leaves_config_and_data_and_purged_nothing(said: Mapping[str, str]) -> None:
    assert "/etc/netcheck/netcheck.yaml\n/var/lib/netcheck/netcheck.db\n" in said["removed"]
    assert said["removed"].count("No such file or directory") == 2
    assert "warning" not in said["removed"]
    assert [line for line in said["purged"].splitlines() if line.startswith("/")] == []
