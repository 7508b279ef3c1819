"""Stories in virtual time: what runs beside them does so in a moment, and at exact times.

Tasks that may run at the same time do so in any order: where hypothesis is loaded, trio shuffles them. A
story that fails says by which seed, and is told in the same order again with `STORY_SEED` set to it.
"""

import os
from collections.abc import Awaitable, Callable
from random import SystemRandom
from typing import Protocol, TypeVar

import trio
from trio._core import _run
from trio.testing import MockClock


class Runs(Protocol):
    async def run(self) -> None:
        """Until cancelled."""


T = TypeVar("T")
R = TypeVar("R", bound=Runs)


def virtually(main: Callable[[], Awaitable[T]]) -> T:
    """What it comes to; what waits for ever fails."""

    seed = int(os.environ.get("STORY_SEED", SystemRandom().randrange(1_000_000)))
    print(f"STORY_SEED={seed}")
    _run._r.seed(seed)

    async def bounded() -> T:
        with trio.fail_after(1e6):
            return await main()

    return trio.run(bounded, clock=MockClock(autojump_threshold=0))


def told(make: Callable[[], R], story: Callable[[R], Awaitable[None]]) -> R:
    """Run what is made here for as long as the story takes, which is told of it."""

    async def main() -> R:
        made = make()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.run)
            await story(made)
            nursery.cancel_scope.cancel()
        return made

    return virtually(main)
