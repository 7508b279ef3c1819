"""Connections that are held idle: which, and when the next. Beside the rounds, one of each kind at a time."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio

from netcheck.model.paths import Family
from netcheck.model.services import hosts_on
from netcheck.plan import Call, HeldSlot, held_slots
from netcheck.schedule import offset_of
from netcheck.state.state import State


class Holding:
    """Holds what the state is configured for, to another host each time."""

    def __init__(
        self,
        state: State,
        hold: Callable[[Call, Family], Awaitable[None]],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        """`hold` holds one connection until it ends; `sleep` takes a number of rounds."""
        self._state, self._hold, self._sleep = state, hold, sleep
        self._held: dict[str, _Held] = {}
        self._nursery: trio.Nursery | None = None

    def plan(self) -> None:
        """The state is configured anew: what it still has goes on, and what it has no more ends."""
        wanted = {slot.key: slot for slot in held_slots(self._state.services, self._state.paths)}
        for key, held in list(self._held.items()):
            if held.goes_on_as(wanted.get(key)):
                held.slot = wanted[key]
            else:
                held.task.cancel()
                del self._held[key]
        for key in wanted.keys() - self._held.keys():
            self._held[key] = _Held(wanted[key])
            if self._nursery is not None:
                self._nursery.start_soon(self._hold_on, self._held[key])

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as self._nursery:
            for held in self._held.values():
                self._nursery.start_soon(self._hold_on, held)
            await trio.sleep_forever()

    async def _hold_on(self, held: "_Held") -> None:
        """One connection after the other, with a round's time in between."""
        with held.task:
            await self._sleep(offset_of(held.slot.key))
            for turn in itertools.count():
                if (call := held.slot.call(turn)) is not None:
                    held.host = call.host
                    await self._hold(call, held.slot.family)
                    held.host = None
                await self._sleep(1.0)


@dataclass
class _Held:
    """A connection that is held idle, and then the next one."""

    slot: HeldSlot
    host: str | None = None
    """To which one is held right now, if any."""
    task: trio.CancelScope = field(default_factory=trio.CancelScope)

    def goes_on_as(self, slot: HeldSlot | None) -> bool:
        """Whether another plan has the same, with the host that is being held."""
        if slot is None or slot.about != self.slot.about:
            return False
        return self.host is None or self.host in hosts_on(slot.service, slot.path)
