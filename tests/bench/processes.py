"""Processes that a bench starts, asks and measures from outside.

Must not know what is measured, nor how netcheck is configured.
"""

import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_DEADLINE = 60
"""Seconds, netcheck's first full round included."""


def in_a_namespace(module: str, tools: Sequence[str] = ()) -> None:
    """Run the module in a network namespace of its own; one line instead where that is impossible."""
    missing = [tool for tool in ("ip", *tools) if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        print(f"skipped: {', '.join(missing)} not installed" if missing else "skipped: needs root")
        return
    with _network_namespace() as name:
        inside = ["ip", "netns", "exec", name, sys.executable, "-m", module]
        if subprocess.run(inside, cwd=ROOT, check=False).returncode != 0:
            raise SystemExit(f"{module} failed")


@contextmanager
def _network_namespace() -> Iterator[str]:
    name = f"netcheck-bench-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


@contextmanager
def process(command: list[str], ready: Callable[[], bool], deadline: float = START_DEADLINE) -> Iterator[int]:
    """Run a process, from when it is ready, to the end of the block; gives its id.

    What it started ends with it: dante leaves processes behind.
    """
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as child:
        try:
            _wait_until(ready, child, deadline)
            yield child.pid
        finally:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=10)
            with suppress(ProcessLookupError):  # nothing is left
                os.killpg(child.pid, signal.SIGKILL)


def _wait_until(ready: Callable[[], bool], child: "subprocess.Popen[bytes]", seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if child.poll() is not None:
            raise SystemExit(f"ended with {child.returncode} before it was ready: {child.args!r}")
        if time.monotonic() > deadline:
            raise SystemExit(f"not ready after {seconds:.0f} s: {child.args!r}")
        time.sleep(0.02)


def answers(port: int, route: str = "") -> bool:
    """Whether the port accepts connections and, given a route, answers it with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.connect()
        if not route:
            return True
        connection.request("GET", route)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def get(port: int, route: str, **headers: str) -> bytes:
    """The body as it is sent; underscores in the headers' names are hyphens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request("GET", route, headers=named)
        return connection.getresponse().read()
    finally:
        connection.close()


_CPU_CLOCK = 2
"""CPUCLOCK_SCHED of linux/posix-timers_types.h."""


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process so far, by the clock that clock_getcpuclockid(3) gives."""
    return time.clock_gettime(~pid << 3 | _CPU_CLOCK)


def memory(pid: int) -> int:
    """Resident memory of a process in bytes, from the 2nd field of its statm (proc(5))."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
