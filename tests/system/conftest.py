"""Laboratories for the system tests: a shared one, which a test may firewall, and fresh ones to break."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.system.apple import Apple
from tests.system.lab import Lab
from tests.system.namespace import sweep
from tests.system.servers import require


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.system)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The shared one: name its servers, but stop none."""
    require("nsd")
    sweep()
    with Lab() as shared:
        yield shared


@pytest.fixture
def firewall(lab: Lab) -> Iterator[Callable[..., None]]:
    """Call it with nft rules to put them before the shared laboratory, until the test ends."""
    yield lab.namespace.firewall
    lab.namespace.firewall()


@pytest.fixture
def build_lab() -> Iterator[Callable[..., Lab]]:
    """Call it, with an Apple if the usual one will not do, for a laboratory that is this test's only."""

    def build(apple: Apple | None = None) -> Lab:
        require("nsd")
        return stack.enter_context(Lab(apple))

    with ExitStack() as stack:
        yield build
