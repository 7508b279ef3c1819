"""The container: built offline from its Containerfile on a small Debian, and started as its config says."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from netcheck import __version__
from tests.packages.building import ROOT, made_once
from tests.system.packages import build_deb
from tests.system.servers import require

STEP = re.compile(r"^== (\w+)\n", re.MULTILINE)
SCRIPT = r"""
set -eu
exec 2>&1
mount -t tmpfs none /run
ip link set lo up
step() { echo "== $1"; }
builder() { buildah --root "$SCRATCH/root" --runroot "$SCRATCH/run" --storage-driver overlay "$@"; }

step base
base=$(builder from scratch)
"$PYTHON" -m tests.system.small_debian "$(builder mount "$base")" apt ca-certificates python3
builder commit --quiet --disable-compression "$base" base
step built
cd "$SCRATCH/context"
builder bud --quiet --pull-never --isolation chroot --disable-compression --build-arg BASE=localhost/base \
    --tag netcheck --file config/container/Containerfile .
step config
builder inspect --type image netcheck
made=$(builder from --pull-never netcheck)
in_it() { builder run --isolation chroot "$made" -- "$@"; }
# By way of a file: buildah now and then ends before it has passed on what a short command prints.
said_in_it() { in_it sh -c '"$@" >/tmp/said' - "$@"; cat "$(builder mount "$made")/tmp/said"; }
step version
said_in_it /usr/bin/netcheck --version
step user
said_in_it id -u
step daemon
in_it /usr/bin/netcheck run --config /etc/netcheck/netcheck.yaml &
tries=0
until curl --silent --fail http://127.0.0.1:9223/-/healthy; do
    tries=$((tries + 1))
    [ $tries -lt 200 ]
    sleep 0.1
done
step end
"""


@pytest.fixture
def said(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """By step of the script, what was said."""
    require("buildah", "curl", "tar")
    built = made_once(tmp_path_factory, "deb", build_deb)

    def play(scratch: Path) -> None:
        shutil.copytree(ROOT / "config" / "container", scratch / "context" / "config" / "container")
        shutil.copytree(built, scratch / "context" / "dist")
        environment = {**os.environ, "SCRATCH": str(scratch), "PYTHON": sys.executable}
        apart = ["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        done = subprocess.run(
            [*apart, "--mount-proc", "sh", "-c", SCRIPT],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout
        (scratch / "said").write_text(done.stdout)

    parts = STEP.split((made_once(tmp_path_factory, "container", play) / "said").read_text())
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_what_it_runs_is_the_daemon_and_its_user_is_not_root(said: Mapping[str, str]) -> None:
    config = json.loads(said["config"])["OCIv1"]["config"]
    assert [*config["Entrypoint"], *config["Cmd"]] == [
        *("/usr/bin/netcheck", "run", "--config", "/etc/netcheck/netcheck.yaml")
    ]
    assert config["User"] == "65532:65532"
    assert list(config["ExposedPorts"]) == ["9223/tcp"]
    assert said["user"].strip() == "65532"


def test_the_command_runs_in_it(said: Mapping[str, str]) -> None:
    assert said["version"] == f"netcheck, version {__version__}\n"


def test_the_daemon_starts_in_it_with_the_config_that_it_brings(said: Mapping[str, str]) -> None:
    assert "netcheck is running." in said["daemon"]
    assert "listens on 0.0.0.0:9223" in said["daemon"]
