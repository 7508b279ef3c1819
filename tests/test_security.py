"""docs/security.md names a test for each of its lines; these tests are there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[a-z_/]+\.py)::(\w+)`", PAGE)))
LINES = [
    line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| may", "| ---"))
]


def functions_of(file: Path) -> set[str]:
    nodes = ast.parse(file.read_text(encoding="utf-8")).body
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_each_test_that_holds_a_line_is_there(file: str, name: str) -> None:
    assert name.startswith("test_")
    assert name in functions_of(ROOT / file)


def test_each_line_is_held_by_a_test() -> None:
    assert len(LINES) > 20
    assert [line for line in LINES if "::test_" not in line] == []
