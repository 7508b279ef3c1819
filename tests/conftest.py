"""For every test: it leaves the process's signals as it found them, and a busy machine fails none."""

import os
import signal
import socket
from collections.abc import Iterator, Sequence
from itertools import groupby

import pytest
from hypothesis import settings

from tests.ports import free_port
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal the tests that wait among the others' files: else they all come at the end, and no core works."""
    waiting = [[item] for item in items if item.get_closest_marker("waits")]
    working = (item for item in items if not item.get_closest_marker("waits"))
    files = [list(tests) for _, tests in groupby(working, key=lambda item: item.path)]
    dealt = sorted([*_placed(waiting), *_placed(files)], key=lambda placed: placed[0])
    items[:] = [item for _, tests in dealt for item in tests]


def _placed(groups: Sequence[list[pytest.Item]]) -> Iterator[tuple[float, list[pytest.Item]]]:
    """Each group with its place, from 0 to 1, if they lie at equal distances."""
    return ((number / len(groups), group) for number, group in enumerate(groups))


@pytest.fixture
def port() -> Iterator[int]:
    """Of 127.0.0.1: somebody listens, and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def closed_port() -> int:
    return free_port()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Of 127.0.0.1: the backlog is full, so the kernel drops what comes."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        with socket.create_connection(server.getsockname()):
            yield int(server.getsockname()[1])


_FINAL = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """A daemon that ran in this process ignores them at its end, and so would every child after it."""
    before = {number: signal.getsignal(number) for number in _FINAL}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)
