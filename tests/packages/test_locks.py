"""The lock files agree: what runs in production, and what packages bring, is what the tests run on."""

import pytest

from tests.packages.building import locked


@pytest.mark.parametrize(("smaller", "larger"), [("run", "packages"), ("packages", "dev")])
def test_what_is_locked_in_one_is_locked_the_same_in_the_other(smaller: str, larger: str) -> None:
    assert locked(smaller) - locked(larger) == set()
