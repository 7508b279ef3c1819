"""netcheck in processes that have imported it already: each starts a second sooner than `python -m netcheck`.

A server for each worker of the tests imports netcheck and forks (multiprocessing's forkserver). A fork joins
a namespace as `ip netns exec` does, and runs the command from its entry on. That netcheck starts at all is
for tests that execute it.
"""

import ctypes
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from netcheck.__main__ import entry
from tests.system.namespace import Namespace, etc_of, join

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["netcheck.cli.check", "netcheck.cli.run", __name__])

# sched.h and sys/mount.h of Linux
_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_SLAVE = 0x1000, 0x4000, 0x80000


class Forked:
    """A netcheck that runs in a namespace; it has what is used of `subprocess.Popen`."""

    def __init__(
        self, namespace: Namespace, arguments: Sequence[str], output: Path, errors: Path, **environ: str
    ) -> None:
        """Start it; what it prints is added to the files."""
        told = (namespace.name, list(arguments), output, errors, {**os.environ, **environ})
        self._process = _SERVER.Process(target=_run, args=told)
        self._process.start()
        assert self._process.pid
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code once it has ended; raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("netcheck", timeout or 0.0)
        return self._process.exitcode


def run(namespace: Namespace, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a netcheck command in a namespace to its end, within a minute."""
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        forked = Forked(namespace, arguments, output, errors, **environ)
        try:
            code = forked.wait(60.0)
        except subprocess.TimeoutExpired:
            os.kill(forked.pid, 9)
            raise
        return subprocess.CompletedProcess(arguments, code, output.read_text(), errors.read_text())


def _run(
    namespace: str, arguments: Sequence[str], output: Path, errors: Path, environ: Mapping[str, str]
) -> None:
    os.setsid()
    join(namespace)
    _lay_over_etc(namespace)
    for number, file in enumerate((Path(os.devnull), output, errors)):
        opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["netcheck", *arguments]
    entry()


def _lay_over_etc(namespace: str) -> None:
    """Give this process mounts of its own, with the namespace's files in /etc (unshare(2), mount(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    calls = [libc.unshare(_CLONE_NEWNS), libc.mount(None, b"/", None, _MS_REC | _MS_SLAVE, None)]
    for file in etc_of(namespace).iterdir():
        calls.append(libc.mount(bytes(file), bytes(Path("/etc", file.name)), None, _MS_BIND, None))
    if any(calls):
        raise OSError(ctypes.get_errno(), f"mounts for {namespace}")
