"""How the script is played: what is told of it, and when."""

from typing import Any, cast

import trio
from trio.testing import MockClock

from netcheck.lab.lab import Lab
from netcheck.lab.play import PATIENCE, Played, Telling, play
from netcheck.lab.scenarios import Expected, Scenario
from netcheck.lab.watcher import Watcher
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role

EXPECTED = Expected("direct", Role.DEVICE, Verdict.NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER)


class Late:
    """A daemon that names everything after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def reload(self) -> None:
        """A file may be what was repaired."""

    async def until_said(self, expected: Expected) -> None:
        assert expected is EXPECTED
        await trio.sleep(self._seconds)

    async def until_all_ready(self) -> None:
        await trio.sleep(0.5)


def told(seconds: float) -> list[object]:
    """What is told of a breakage that is named after so many seconds."""
    said: list[object] = []
    scenario = Scenario(
        "a", "A.", lambda _, is_broken: said.append("breaks" if is_broken else "repairs"), EXPECTED
    )
    telling = Telling(
        lambda *_: said.append("begins"), lambda _, after: said.append(after), said.append, left=said.append
    )

    async def main() -> None:
        lab, watcher = cast("Lab", None), cast("Watcher", cast("Any", Late(seconds)))
        await play(lab, watcher, [scenario], telling)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return said


def test_the_seconds_that_are_left_are_counted_down() -> None:
    *before, played = told(2.5)
    assert before == ["begins", "breaks", 30, 29, 28, 2.5, "repairs", 30]
    assert isinstance(played, Played)
    assert played.went_right


def test_what_is_never_named_is_repaired_all_the_same() -> None:
    *before, played = told(PATIENCE + 1)
    assert before == ["begins", "breaks", *range(30, 0, -1), None, "repairs", 30]
    assert isinstance(played, Played)
    assert not played.went_right
