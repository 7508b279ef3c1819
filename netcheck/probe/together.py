"""Several things to do at once, for who needs what all of them give."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import trio

T = TypeVar("T")


async def together(doing: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """What they give, in their order."""
    if len(doing) == 1:  # needs no task of its own
        return [await doing[0]()]
    given: dict[int, T] = {}

    async def run(number: int, do: Callable[[], Awaitable[T]]) -> None:
        given[number] = await do()

    async with trio.open_nursery() as nursery:
        for number, do in enumerate(doing):
            nursery.start_soon(run, number, do)
    return [given[number] for number in range(len(doing))]
