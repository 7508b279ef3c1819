"""What one round has done already: the same lookup or attempt is made once, and shared by all who need it."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

import trio

T = TypeVar("T")


class _Slot:
    """A value being made, or made."""

    __slots__ = ("done", "value", "waiting")

    def __init__(self) -> None:
        self.done = False
        self.value: Any = None
        self.waiting: trio.Event | None = None


class Round:
    """The work of one round. Bounded by what one round can ask for; dropped with the round."""

    def __init__(self) -> None:
        self._slots: dict[Hashable, _Slot] = {}
        self._claimed: set[Hashable] = set()

    async def once(
        self, key: Hashable, make: Callable[[], Awaitable[T]], keep: Callable[[T], bool] = lambda _: True
    ) -> T:
        """The value of `make`, made by whoever comes first; who comes meanwhile waits for it.

        Where the first is cancelled or fails, the next one makes it. A value not to `keep` is for those who
        waited for it, and no longer.
        """
        while not self.begin(key):
            slot = self._slots[key]
            if not slot.done:
                if slot.waiting is None:
                    slot.waiting = trio.Event()
                await slot.waiting.wait()
            if slot.done:
                value: T = slot.value
                return value
        try:
            made = await make()
        except BaseException:  # cancellation too: who waits makes it then
            self.give_up(key)
            raise
        self.end(key, made)
        if not keep(made):
            del self._slots[key]
        return made

    def begin(self, key: Hashable) -> bool:
        """True for the first who asks, who has to make the value then: and to end it, or to give it up."""
        if key in self._slots:
            return False
        self._slots[key] = _Slot()
        return True

    def everything_made(self) -> list[tuple[Hashable, Any]]:
        """What there is by now, with its keys."""
        return [(key, slot.value) for key, slot in self._slots.items() if slot.done]

    def made(self, key: Hashable) -> Any:
        """The value; None where it is not made yet."""
        slot = self._slots.get(key)
        return slot.value if slot else None

    def end(self, key: Hashable, made: object) -> None:
        """This is the value."""
        slot = self._slots[key]
        slot.value, slot.done = made, True
        if slot.waiting is not None:
            slot.waiting.set()

    def give_up(self, key: Hashable) -> None:
        """There is none: whoever waits for it makes it."""
        slot = self._slots.pop(key)
        if slot.waiting is not None:
            slot.waiting.set()

    def claim(self, key: Hashable) -> bool:
        """True for the first who claims the key in this round: what is shared is counted once."""
        if key in self._claimed:
            return False
        self._claimed.add(key)
        return True


class Rounds:
    """The work of the current round and the one before, which slow visits may still be in."""

    def __init__(self) -> None:
        self._rounds: dict[int, Round] = {}

    def __getitem__(self, number: int) -> Round:
        if number not in self._rounds:
            for old in [known for known in self._rounds if known < number - 1]:
                del self._rounds[old]
            self._rounds[number] = Round()
        return self._rounds[number]
