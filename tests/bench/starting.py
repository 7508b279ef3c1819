"""How long netcheck takes to start, beside the interpreter alone: commands, and the daemon until it answers.

The best of several runs: what else the machine does only ever adds to one.
"""

import compileall
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netcheck.config.services import BUILT_IN_NAMES
from tests.bench.processes import ROOT
from tests.ports import free_port

RUNS = 5
DEADLINE = 60.0
TIMED = Path(__file__).with_name("timed.py")
OFF = {"enabled": False}
EXAMPLE = str(ROOT / "config" / "netcheck.yaml")


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and the most that it may take: milliseconds, and megabytes at its peak."""

    arguments: tuple[str, ...]
    goal: float
    most_memory: float | None = None


COMMANDS = (
    Command(("--version",), 150, 25),
    Command(("--help",), 150, 25),
    Command(("config", "check", EXAMPLE), 400),
)
GOAL_OF_THE_DAEMON = 500
"""Milliseconds until /-/healthy answers."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds, on the clock and of CPU, and megabytes at the peak."""

    wall: float
    cpu: float
    memory: float


def main() -> None:
    """Measure each, print the table, and say so where something takes longer or more than it may."""
    # As each way to install it does. Where Python may not keep what it compiles, it does so at each start.
    compileall.compile_dir(ROOT / "netcheck", quiet=1)
    alone = best(command_cost, "-c", "pass")
    print(f"{'':32}{'ms':>8}{'ms CPU':>8}{'MB':>6}{'ratio':>8}{'goal':>8}")
    show("the interpreter alone", alone, alone, None)
    for command in COMMANDS:
        found = best(command_cost, "-m", "netcheck", *command.arguments)
        show(" ".join(Path(word).name for word in command.arguments), found, alone, command.goal)
        if command.most_memory is not None and found.memory > command.most_memory:
            print(f"ABOVE THE GOAL: {found.memory:.0f} MB where {command.most_memory:.0f} are allowed")
    with tempfile.TemporaryDirectory() as folder:
        show("the daemon until it answers", best(daemon_cost, folder), alone, GOAL_OF_THE_DAEMON)


def best(measure: Callable[..., Cost], *arguments: str) -> Cost:
    return min((measure(*arguments) for _ in range(RUNS)), key=lambda cost: cost.wall)


def show(name: str, cost: Cost, alone: Cost, goal: float | None) -> None:
    allowed = "" if goal is None else f"{goal:.0f}"
    ratio = cost.wall / alone.wall
    print(f"{name:32}{cost.wall:>8.0f}{cost.cpu:>8.0f}{cost.memory:>6.0f}{ratio:>8.1f}{allowed:>8}")
    if goal is not None and cost.wall > goal:
        print(f"ABOVE THE GOAL: {name}: {cost.wall / goal:.2f} times what it may take")


def command_cost(*arguments: str) -> Cost:
    """Of the interpreter with these arguments, to its end."""
    command = [sys.executable, "-I", "-S", str(TIMED), sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Cost(**json.loads(done.stdout))


def daemon_cost(folder: str) -> Cost:
    """Of a daemon with one service, to its first answer."""
    place = f"127.0.0.1:{free_port()}"
    services = {**dict.fromkeys(BUILT_IN_NAMES, OFF), "nobody": {"hosts": ["127.0.0.1"], "ports": [9]}}
    config = Path(folder, "netcheck.yaml")
    config.write_text(json.dumps({"listen": place, "services": services}))
    began = time.perf_counter()
    command = [sys.executable, "-m", "netcheck", "run", "--config", str(config), "--log-level", "error"]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            while not answers(f"http://{place}/-/healthy"):
                if time.perf_counter() - began > DEADLINE or process.poll() is not None:
                    raise SystemExit("the daemon does not answer")
                time.sleep(0.002)
            return of_process(process.pid, time.perf_counter() - began)
        finally:
            process.terminate()


def of_process(pid: int, wall: float) -> Cost:
    """What a running process took until now (proc(5))."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    cpu = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return Cost(wall * 1e3, cpu * 1e3, int(status["VmHWM"].split()[0]) / 1024)


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=DEADLINE) as answer:
        return bool(answer.status == 200)
    return False


if __name__ == "__main__":
    main()
