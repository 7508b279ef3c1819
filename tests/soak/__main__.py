"""What `make soak` runs: half an hour of faults, and what came of it. Exits with 1 where that is no good."""

import argparse
import sys
import time

from tests.soak.faults import FAULTS
from tests.soak.soak import soak
from tests.system.namespace import sweep


def main() -> int:
    names = {fault.__name__: fault for fault in FAULTS}
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("faults", nargs="*", help=f"all, or some of {', '.join(names)}")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same order of faults")
    asked = parser.parse_args()
    sweep()
    began = time.monotonic()
    report = soak([names[each] for each in asked.faults or names], asked.seed, asked.minutes)
    took = time.monotonic() - began
    print(
        f"seed {asked.seed}, {took / 60:.1f} minutes\n\n| fault | survived | seconds each |\n|---|---:|---:|"
    )
    for name, times in sorted(report.faults.items()):
        print(f"| {name} | {times} | {report.seconds[name] / times:.0f} |")
    print(
        f"\n{report.scrapes} scrapes, {report.lost_while_starving} lost while there was nothing to answer by"
    )
    print(f"started again after memory ran out: {report.restarts} times")
    print(f"before: {report.before}\nafter: {report.after}")
    print("problems:", *(report.problems or ["none"]), sep="\n  ")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
