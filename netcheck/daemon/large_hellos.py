"""Large TLS hellos: which is due when. Beside the rounds, so that no visit waits for them."""

from collections.abc import Awaitable, Callable, Hashable

import trio

from netcheck.model.paths import ProbePath
from netcheck.model.results import Result
from netcheck.model.services import Service, hosts_on, measured
from netcheck.plan import greeted
from netcheck.schedule import offset_of
from netcheck.state.state import State

_EVERY = 900.0
"""Seconds from one to the next, of a service over a path."""
_AGAIN = 30.0
"""The same while one is not answered: to see soon that somebody has repaired it."""
_LOOK_EVERY = 5.0
_SPREAD = 30.0
"""Seconds in which the first begin."""

Send = Callable[[Service, str, ProbePath, int], Awaitable[list[Result] | None]]
"""None where it was in vain, through no fault of anybody: what is known stays."""


class LargeHellos:
    """Tries what the state is configured for, to another host each time."""

    def __init__(self, state: State, send: Send) -> None:
        self._state = state
        self._send = send
        self._due: dict[Hashable, float] = {}
        """By what is measured: when the next is due, on the loop's clock."""
        self._turns: dict[Hashable, int] = {}
        self._under_way: dict[trio.CancelScope, Hashable] = {}

    def plan(self) -> None:
        """The state is configured anew: what it has no more is not tried."""
        wanted = self._wanted()
        for scope, key in self._under_way.items():
            if key not in wanted:
                scope.cancel()

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                for service, path in self._now_due():
                    self._under_way[scope := trio.CancelScope()] = measured(service, path)
                    nursery.start_soon(self._try, scope, service, path)
                await trio.sleep(_LOOK_EVERY)

    def _now_due(self) -> list[tuple[Service, ProbePath]]:
        """What is due; until it has ended it is not due again."""
        now, wanted = trio.current_time(), self._wanted()
        self._due = {key: due for key, due in self._due.items() if key in wanted}
        self._turns = {key: turn for key, turn in self._turns.items() if key in wanted}
        for key in wanted.keys() - self._due.keys():
            service, path = wanted[key]
            self._due[key] = now + offset_of(f"{service.name} {path.name}") * _SPREAD
        begun = [key for key, due in self._due.items() if due <= now]
        self._due.update(dict.fromkeys(begun, now + _EVERY))
        return [wanted[key] for key in begun]

    def _wanted(self) -> dict[Hashable, tuple[Service, ProbePath]]:
        return {measured(*pair): pair for pair in greeted(self._state.services, self._state.paths)}

    async def _try(self, scope: trio.CancelScope, service: Service, path: ProbePath) -> None:
        key, hosts, results = measured(service, path), hosts_on(service, path), None
        turn = self._turns.get(key, 0)
        with scope:
            results = await self._send(service, hosts[turn % len(hosts)], path, turn // len(hosts))
        del self._under_way[scope]
        if scope.cancelled_caught or key not in self._wanted():  # a reload came meanwhile
            return
        if results is not None:
            self._state.record_large_hellos(service, path, results)
        if results is None or any(result.large_hello and result.large_hello.failure for result in results):
            self._due[key] = trio.current_time() + _AGAIN
        else:
            self._turns[key] = turn + 1  # to the same host until it is answered
