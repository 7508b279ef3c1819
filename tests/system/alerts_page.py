"""docs/alerts.md: `python -m tests.system.alerts_page` plays all incidents and writes its table anew."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "alerts.md"
_HEAD = (
    "| incident | alert | told | minutes after the beginning | resolved, minutes after the end |\n"
    "| --- | --- | --- | --- | --- |\n"
)


def table(lines: list[str]) -> str:
    """The table, by incident; one in which nothing is told has a row that says so."""
    made = []
    for incident, rows in sorted(map(json.loads, lines)):
        made += [[incident, *cells] for cells in rows] or [[incident, "none", "nobody", "–", "–"]]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in made)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rows")
        file.touch()
        environment = {**os.environ, "NETCHECK_ALERTS_TABLE": str(file)}
        tests = ["tests/system/test_alerts.py", "-q", "-n", "3"]
        done = subprocess.run([sys.executable, "-m", "pytest", *tests], env=environment, check=False)
        if done.returncode == 0:
            before, head, rest = PAGE.read_text(encoding="utf-8").partition(_HEAD)
            _, _, after = rest.partition("\n\n")
            lines = file.read_text(encoding="utf-8").splitlines()
            PAGE.write_text(f"{before}{head}{table(lines)}\n{after}", encoding="utf-8")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
