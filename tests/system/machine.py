"""A whole Debian with systemd as its first process, made of the machine that the tests run on.

Its files are this machine's; what it writes goes into memory and is gone at its end. It has no network but a
loopback of its own, and of what is installed here it starts only what belongs to every system.
"""

import subprocess
from pathlib import Path

_LONGEST = 300
"""Seconds, from switching on to off."""
_APART = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
_BOOT = """\
set -eu
scratch=$1
mount -t tmpfs none /run  # systemd-nspawn leaves something there
mount -t tmpfs none "$scratch/memory"
cd "$scratch/memory"
mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work none root
cp "$scratch/drill.service" root/etc/systemd/system/
# As on a new machine; but services may start, and nothing is done for all of its manual pages.
rm -f root/etc/machine-id root/usr/sbin/policy-rc.d root/var/lib/man-db/auto-update
touch root/etc/machine-id
cd /
exec systemd-nspawn --quiet --directory="$scratch/memory/root" --private-network --register=no --keep-unit \\
    --tmpfs=/tmp --bind="$scratch:/drill" --console=pipe /lib/systemd/systemd --unit=drill.service
"""
_DRILL = f"""\
[Unit]
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/bin/sh -eu /drill/script
StandardOutput=file:/drill/said
StandardError=inherit
TimeoutStartSec={_LONGEST - 10}
"""


def drill(scratch: Path, script: str) -> None:
    """Have root run a shell script on that machine; what it says is put into the file `said`.

    `scratch` is a folder, which the script finds as /drill. AssertionError where it does not end well.
    """
    (scratch / "memory").mkdir()
    (scratch / "boot").write_text(_BOOT)
    (scratch / "drill.service").write_text(_DRILL)
    (scratch / "script").write_text(script)
    booted = subprocess.run(
        [*_APART, "sh", str(scratch / "boot"), str(scratch)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LONGEST,
    )
    said = (scratch / "said").read_text() if (scratch / "said").exists() else ""
    assert booted.returncode == 0, said + booted.stdout + booted.stderr
