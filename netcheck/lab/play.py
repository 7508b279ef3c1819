"""Plays the script: breaks one thing after another, waits until netcheck has named it, and repairs it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import trio

from netcheck.lab.lab import Lab
from netcheck.lab.scenarios import Expected, Scenario
from netcheck.lab.watcher import Watcher

PATIENCE = 30.0
"""Seconds in which netcheck has to name a breakage, or to see that it is over."""


@dataclass(frozen=True, slots=True)
class Played:
    """How a scenario went: the seconds until it was named, and until all was ready again; None is never."""

    named_after: float | None
    repaired_after: float | None

    @property
    def went_right(self) -> bool:
        return self.named_after is not None and self.repaired_after is not None


@dataclass(frozen=True, slots=True)
class Telling:
    """Is told what goes on, for whoever watches."""

    begins: Callable[[Scenario, int, int], None]
    """A scenario, its number, and how many there are."""
    named: Callable[[Scenario, float | None], None]
    ended: Callable[[Played], None]
    broken: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
    """Awaited while something is broken and was named, before it is repaired."""
    left: Callable[[int], None] = lambda _: None
    """Told every second how many are left, while netcheck is still to say something."""


async def play(lab: Lab, watcher: Watcher, scenarios: Sequence[Scenario], telling: Telling) -> list[Played]:
    """Each in turn; one that is not named in time is repaired all the same, and the next one follows."""
    played = []
    for number, scenario in enumerate(scenarios, start=1):
        telling.begins(scenario, number, len(scenarios))
        scenario.alter(lab, True)
        named = await _timed(partial(_until_named, watcher, scenario), telling)
        telling.named(scenario, named)
        await telling.broken()
        scenario.alter(lab, False)
        repaired = await _timed(partial(_until_over, watcher, scenario), telling)
        played.append(Played(named, repaired))
        telling.ended(played[-1])
    return played


async def _until_named(watcher: Watcher, scenario: Scenario) -> None:
    if isinstance(scenario.expected, Expected):
        await watcher.until_said(scenario.expected)
    else:
        watcher.reload()
        await watcher.until_certificate_runs_out(soon=True)


async def _until_over(watcher: Watcher, scenario: Scenario) -> None:
    watcher.reload()  # a file may be what was repaired
    if scenario.expected is None:
        await watcher.until_certificate_runs_out(soon=False)
    await watcher.until_all_ready()


async def _timed(doing: Callable[[], Awaitable[None]], telling: Telling) -> float | None:
    started = trio.current_time()
    took = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_count_down, telling)
        with trio.move_on_after(PATIENCE):
            await doing()
            took = trio.current_time() - started
        nursery.cancel_scope.cancel()
    return took


async def _count_down(telling: Telling) -> None:
    for left in range(int(PATIENCE), 0, -1):
        telling.left(left)
        await trio.sleep(1)
