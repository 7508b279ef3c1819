"""For every test: it leaves the process's signals as it found them, and a busy machine fails none."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.programs import require_programs

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers are traced for coverage; the hundreds of processes that they start would take twice as long.
    for variable in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        os.environ.pop(variable, None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        require_programs(*mark.args)


_FINAL = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """A daemon that ran in this process ignores them at its end, and so would every child after it."""
    before = {number: signal.getsignal(number) for number in _FINAL}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)
