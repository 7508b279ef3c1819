"""What `make fuzz` runs: so many inputs for each target, led by coverage, and a table of what came of it.

Exits with 1 where anything came out that is not declared; what did it is left as a file, `fault-TARGET-…`.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS

_LONGEST_INPUT = 1024
_LIMITS = ("-timeout=10", "-rss_limit_mb=2048", f"-max_len={_LONGEST_INPUT}")
_INPUTS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_COVERED = re.compile(r"cov: (\d+)")
_MOST_KEPT = 4096
"""Bytes of a target's inputs together, in the tree."""


class Outcome(NamedTuple):
    """What one run of libFuzzer says of itself."""

    inputs: int
    covered: int
    """Edges of the code under test that some input reached."""
    seconds: float
    fault: str
    """Its last words where it stopped at one, else nothing."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help=f"all, or some of {', '.join(TARGETS)}")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="for each target")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same inputs")
    parser.add_argument("--keep", action="store_true", help="write the corpus anew from what was found")
    asked = parser.parse_args()
    print("| parser | inputs | seconds | edges reached | faults |\n|---|---:|---:|---:|---|", flush=True)
    faults = 0
    for target in asked.targets or TARGETS:
        came = _fuzz(target, asked.inputs, asked.seed, keep=asked.keep)
        faults += bool(came.fault)
        row = (target, f"{came.inputs:,}", f"{came.seconds:.0f}", f"{came.covered:,}", came.fault or "none")
        print(f"| {' | '.join(row)} |", flush=True)
    return 1 if faults else 0


def _fuzz(target: str, inputs: int, seed: int, *, keep: bool) -> Outcome:
    with tempfile.TemporaryDirectory() as scratch:
        found = Path(scratch, "found")
        found.mkdir()
        for number, data in enumerate(corpus.kept(target)):
            (found / f"{number:04}").write_bytes(data)
        began = time.monotonic()
        said = _guided(target, str(found), f"-runs={inputs}", f"-seed={seed}", "-print_final_stats=1")
        seconds = time.monotonic() - began
        if keep:
            _keep(target, found, Path(scratch))
    covered = _COVERED.findall(said.output)
    executed = _INPUTS.findall(said.output)
    return Outcome(
        inputs=int(executed[-1]) if executed else 0,
        covered=int(covered[-1]) if covered else 0,
        seconds=seconds,
        fault=said.fault,
    )


class _Said(NamedTuple):
    output: str
    fault: str


def _guided(target: str, *arguments: str) -> _Said:
    """Runs libFuzzer; what it says, and its first word of a fault, if there was one."""
    prefix = f"-artifact_prefix=fault-{target}-"
    command = [sys.executable, "-m", "tests.fuzz.guided", target, *arguments, *_LIMITS, prefix]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    output = done.stdout.decode(errors="replace")
    if done.returncode == 0:
        return _Said(output, "")
    print(output[-4000:], file=sys.stderr)
    lines = [line for line in output.splitlines() if "Error" in line or "ERROR" in line]
    return _Said(output, lines[0].strip() if lines else f"ended with {done.returncode}")


def _keep(target: str, found: Path, scratch: Path) -> None:
    """The smallest inputs that reach what all together reach, as far as there is room for them."""
    few = scratch / "few"
    few.mkdir()
    _guided(target, "-merge=1", str(few), str(found))
    corpus.keep(target, _that_fit(sorted((file.read_bytes() for file in few.iterdir()), key=len)))


def _that_fit(inputs: Sequence[bytes]) -> list[bytes]:
    chosen: list[bytes] = []
    for each in inputs:
        if sum(map(len, chosen)) + len(each) <= _MOST_KEPT:
            chosen.append(each)
    return chosen


if __name__ == "__main__":
    sys.exit(main())
