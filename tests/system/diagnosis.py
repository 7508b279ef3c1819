"""Writes what every scene gives, as it is measured, into the table of docs/diagnosis.md; and reads it.

    python -m tests.system.diagnosis

Owns the form of the table. Must not know what is right: tests compare.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.system.runs import Record
from tests.system.scenarios import SCENES
from tests.system.scenes import Scene, play

PAGE = Path(__file__).parents[2] / "docs" / "diagnosis.md"
COLUMNS = ("breakage", "path", "role", "verdict", "cause", "hop", "evidence", "next step")
_WIDTH = 120
"""Characters of evidence, and of a next step, that fit the page; the JSON has all."""
_AT_ONCE = 4
_HEADER = f"| {' | '.join(COLUMNS)} |\n"


def write(scenes: Mapping[str, Scene], page: Path) -> None:
    """Play the scenes and put what they give in the place of the page's table."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        lines = "".join(pool.map(lambda each: "".join(_rows(*each)), scenes.items()))
    words = page.read_text().partition(_HEADER)[0]
    page.write_text(f"{words}{_HEADER}|{' --- |' * len(COLUMNS)}\n{lines}")


def _rows(name: str, scene: Scene) -> Iterator[str]:
    check = play(scene)
    for path, role in scene.expected:
        cells = (name, path, role, *_told(check.verdict(path, role)))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _told(judged: Record) -> tuple[str, ...]:
    words = tuple(judged[key] or "" for key in ("verdict", "cause", "hop"))
    return (*words, _short(judged["evidence"][0]), _short(judged["next_step"] or ""))


def _short(text: str) -> str:
    """The first sentence or part of one, without the numbers of hosts, as far as there is room."""
    first = re.split(r"(?<=[.;]) ", text, maxsplit=1)[0].rstrip(".;")
    return textwrap.shorten(re.sub(r" with N from \d+ to \d+", "", first), _WIDTH, placeholder=" …")


def read(page: Path) -> list[list[str]]:
    """The table's rows as cells, without evidence and next step."""
    rows = page.read_text().partition(_HEADER)[2].splitlines()[1:]
    return [[cell.strip() for cell in row.split("|")[1:7]] for row in rows]


if __name__ == "__main__":
    write(SCENES, PAGE)
