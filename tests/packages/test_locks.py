"""The lock files agree: what runs in production, and what packages bring, is what the tests run on."""

import re
from pathlib import Path

import pytest

LOCKS = Path(__file__).parents[2] / "requirements"


def locked(name: str) -> set[tuple[str, str]]:
    """Names and versions."""
    return set(re.findall(r"^([\w.-]+)==([^ ;]+)", (LOCKS / f"{name}.txt").read_text(), re.MULTILINE))


@pytest.mark.parametrize(("smaller", "larger"), [("run", "packages"), ("packages", "dev")])
def test_what_is_locked_in_one_is_locked_the_same_in_the_other(smaller: str, larger: str) -> None:
    assert locked(smaller) - locked(larger) == set()
