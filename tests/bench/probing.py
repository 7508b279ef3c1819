"""What one direct TCP probe costs: the whole netcheck daemon beside Debian's blackbox_exporter.

Both probe the same 800 endpoints (50 addresses, 16 ports), one after the other in one run, in a network
namespace made for it. The CPU time of each (/proc/PID/stat, all threads) is divided by its probes.
The sink that accepts the connections and wrk, which asks blackbox_exporter, do not count.
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

GOAL = 0.25
"""The most CPU that a probe of netcheck's may cost, as a part of blackbox_exporter's."""

ROOT = Path(__file__).parents[2]
TOOLS = ("ip", "wrk", "prometheus-blackbox-exporter")
ADDRESSES = [f"127.0.0.{number}" for number in range(1, 51)]
FIRST_PORT, LAST_PORT = 22443, 22458
BLACKBOX_PORT = 22215
NETCHECK_PORT = 9223

WARM_UP = 2  # seconds: the first, cold run of blackbox_exporter is a quarter slower
WINDOW = 8  # seconds: with ticks of 10 ms, a bit over 1 % of error at 100 us a probe
START_DEADLINE = 60  # seconds, netcheck's first full round included

BLACKBOX_CONFIG = "modules: {tcp_connect: {prober: tcp, timeout: 5s}}\n"
WRK_SCRIPT = f"""
local i = 0
request = function()
  i = i + 1
  local address = i % {len(ADDRESSES)} + 1
  local port = {FIRST_PORT} + math.floor(i / {len(ADDRESSES)}) % {LAST_PORT + 1 - FIRST_PORT}
  return wrk.format("GET", "/probe?module=tcp_connect&target=127.0.0." .. address .. ":" .. port)
end
"""
NETCHECK_CONFIG = {
    "listen": f"127.0.0.1:{NETCHECK_PORT}",
    "paths": {"direct": {}, "second": {}, "third": {}},  # each with its own pace, all of them direct
    "services": {
        **{name: {"enabled": False} for name in ("courier", "courier2", "provider", "gateway", "feedback")},
        "bench": {
            "hosts": ADDRESSES,
            "ports": list(range(FIRST_PORT, LAST_PORT + 1)),
            "hosts_per_round": "all",
            "addresses": "all",
        },
    },
    "probing": {"interval": "1s", "rate": 1000, "concurrency": 64},
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a prober used up for so many probes: CPU in seconds, memory in bytes at the end."""

    probes: int
    cpu: float
    memory: int

    @property
    def microseconds(self) -> float:
        return self.cpu / self.probes * 1e6


def main() -> None:
    """Measure in a fresh network namespace and print the table; one line instead where that is impossible."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        print(f"skipped: {', '.join(missing)} not installed")
    elif os.geteuid() != 0:
        print("skipped: only root can make a network namespace")
    else:
        with network_namespace() as name:
            inside = ["ip", "netns", "exec", name, sys.executable, "-m", "tests.bench.probing"]
            if subprocess.run(inside, cwd=ROOT, check=False).returncode != 0:
                raise SystemExit("the bench of the probes failed")


@contextmanager
def network_namespace() -> Iterator[str]:
    name = f"netcheck-bench-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def compare() -> None:
    """Measure both, here and now, and print what came of it."""
    sink = [sys.executable, "-m", "tests.bench.acceptor", str(FIRST_PORT), str(LAST_PORT)]
    with tempfile.TemporaryDirectory() as name, process(sink, lambda: answers(FIRST_PORT)):
        directory = Path(name)
        blackbox = blackbox_cost(directory)
        netcheck = netcheck_cost(directory)
    print(f"{'':20}{'probes':>10}{'CPU us/probe':>15}{'RSS MB':>10}")
    for name, cost in (("blackbox_exporter", blackbox), ("netcheck", netcheck)):
        print(f"{name:20}{cost.probes:>10}{cost.microseconds:>15.1f}{cost.memory / 1e6:>10.1f}")
    ratio = netcheck.microseconds / blackbox.microseconds
    print(f"netcheck / blackbox_exporter: {ratio:.2f}, goal: at most {GOAL:.2f}")
    if ratio > GOAL:
        print(f"ABOVE THE GOAL: a probe of netcheck's costs {ratio / GOAL:.1f} times what it may")


def blackbox_cost(directory: Path) -> Cost:
    """blackbox_exporter, asked by 8 clients as fast as it answers."""
    config, script = directory / "blackbox.yml", directory / "probe.lua"
    config.write_text(BLACKBOX_CONFIG)
    script.write_text(WRK_SCRIPT)
    listen = f"--web.listen-address=127.0.0.1:{BLACKBOX_PORT}"
    command = ["prometheus-blackbox-exporter", f"--config.file={config}", listen, "--log.level=error"]
    with process(command, lambda: answers(BLACKBOX_PORT)) as pid:
        probe = f"/probe?module=tcp_connect&target={ADDRESSES[-1]}:{LAST_PORT}"
        if "\nprobe_success 1\n" not in get(BLACKBOX_PORT, probe):
            raise SystemExit("blackbox_exporter cannot reach the sink")
        wrk(script, WARM_UP)
        start = cpu_seconds(pid)
        probes = wrk(script, WINDOW)
        return Cost(probes, cpu_seconds(pid) - start, memory(pid))


def wrk(script: Path, seconds: int) -> int:
    """Ask blackbox_exporter for probes; says how many it made."""
    url = f"http://127.0.0.1:{BLACKBOX_PORT}"
    command = ["wrk", "-t1", "-c8", f"-d{seconds}s", "-s", str(script), url]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 30)
    match = re.search(r"(\d+) requests in", done.stdout)
    if match is None or "Non-2xx" in done.stdout:
        raise SystemExit(f"wrk did not get its answers:\n{done.stdout}")
    return int(match[1])


def netcheck_cost(directory: Path) -> Cost:
    """The netcheck daemon, on its own schedule: every endpoint once a second."""
    config = directory / "netcheck.yaml"
    config.write_text(json.dumps(NETCHECK_CONFIG))  # JSON is YAML
    command = [sys.executable, "-m", "netcheck", "run", "--config", str(config)]
    with process(command, lambda: answers(NETCHECK_PORT, "/-/ready")) as pid:
        time.sleep(WARM_UP)
        succeeded, failed = netcheck_probes()
        start = cpu_seconds(pid)
        time.sleep(WINDOW)
        cpu = cpu_seconds(pid) - start
        succeeded_then, failed_then = netcheck_probes()
        if failed_then != failed:
            print(f"{failed_then - failed} probes of netcheck's failed: the comparison is not fair")
        return Cost(succeeded_then - succeeded + failed_then - failed, cpu, memory(pid))


def netcheck_probes() -> tuple[int, int]:
    """How many probes of netcheck's succeeded and failed; asking for one family costs it next to nothing."""
    text = get(NETCHECK_PORT, "/metrics?name[]=netcheck_probes_total")
    samples = re.findall(r'^netcheck_probes_total\{.*outcome="(\w+)".*\} (\S+)', text, re.MULTILINE)
    counts = {"success": 0, "failure": 0}
    for outcome, value in samples:
        counts[outcome] += int(float(value))
    return counts["success"], counts["failure"]


@contextmanager
def process(command: list[str], ready: Callable[[], bool]) -> Iterator[int]:
    """Run a process, from when it is ready, to the end of the block; gives its id."""
    with subprocess.Popen(command, cwd=ROOT) as child:
        try:
            wait_until(ready, child)
            yield child.pid
        finally:
            child.terminate()
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()


def wait_until(ready: Callable[[], bool], child: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_DEADLINE
    while not ready():
        if child.poll() is not None:
            raise SystemExit(f"ended with {child.returncode} before it was ready: {child.args!r}")
        if time.monotonic() > deadline:
            raise SystemExit(f"not ready after {START_DEADLINE} s: {child.args!r}")
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


def get(port: int, route: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", route)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, from the 14th and 15th field of its stat (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    """Resident memory of a process in bytes, from the 2nd field of its statm (proc(5))."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    compare()
