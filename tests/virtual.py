"""Stories in virtual time: what runs beside them does so in a moment, and at exact times."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import trio
from trio.testing import MockClock


class Runs(Protocol):
    async def run(self) -> None:
        """Until cancelled."""


T = TypeVar("T")
R = TypeVar("R", bound=Runs)


def virtually(main: Callable[[], Awaitable[T]]) -> T:
    """What it comes to; what waits for ever fails."""

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
