"""What is visited out of turn: a first sample, and a few hosts more where something may be changing.

Owns when that is worth it, and how much of it there is at most. Must not know how a visit is made.
"""

import itertools
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import trio

from netcheck.model.paths import ProbePath
from netcheck.model.results import Endpoint
from netcheck.model.services import Service, targets
from netcheck.plan import Call, is_planned, sample
from netcheck.state.state import State

_MOST, _ROUNDS = 6, 5
"""How often in so many rounds a path is looked into: some in a row, and one a round in the long run."""
_MOST_PATHS = 8
"""How many others are looked at beside it: what fails there too is no fault of the path."""
_MOST_AGAIN = 12
"""How many hosts are visited as they were the last time."""
_MOST_AGAIN_IN_A_ROUND = 6
_WITNESSES = 3
"""How many of them are so for each range in doubt."""
_MOST_CALLS = 50
"""How many visits an inquiry makes over one path."""
_MOST_UNDER_WAY = 100
"""How many visits there are over one path at once, those that wait for their turn at its gate included."""


@dataclass(slots=True)
class _Suspicion:
    """What may be changing on a path."""

    ports: set[int] = field(default_factory=set)
    """Empty for all."""
    again: list[Endpoint] = field(default_factory=list)
    """What is to be visited as it was the last time, in order."""
    is_change: bool = False
    """Whether it may be more than single hosts."""


class Inquiries:
    """Visits of a sample of what is required, whenever it may help to tell what is going on."""

    def __init__(self, state: State, visit: Callable[[Call], Awaitable[None]]) -> None:
        self._state = state
        self._visit = visit
        self._news = trio.Event()
        self._numbers = itertools.count()
        self._turns: dict[tuple[str, str, str], int] = {}
        """The turn of the latest visit, by path, service and host."""
        self._asked = Counter[str]()
        self._begun: dict[str, deque[float]] = {}
        """When the latest ones into each path began."""
        self._known = set[ProbePath]()
        """The paths that had their first sample."""
        self._under_way: dict[trio.CancelScope, Call] = {}
        """Those that wait for their turn included."""

    def look(self, call: Call) -> None:
        """There are new results, of this visit."""
        self._turns[_target(call)] = call.turn
        if self._state.courses.are_suspicious:
            self._news.set()

    def plan(self) -> None:
        """The state is configured anew: what it has no more is not asked, and what is new is soon."""
        paths = {path.name: path for path in self._state.paths}
        for scope, call in self._under_way.items():
            path = paths.get(call.path.name)
            if path is None or not is_planned(call, self._state.services, [path]):
                scope.cancel()
        self._turns = {key: turn for key, turn in self._turns.items() if key[0] in paths}
        self._begun = {path: begun for path, begun in self._begun.items() if path in paths}
        self._news.set()

    async def run(
        self, pace: Callable[[], tuple[float, float]], a_round: Callable[[], Awaitable[None]]
    ) -> None:
        """Look at each path once, and then where it is needed, until cancelled.

        `pace` says how many seconds a round takes, and for how many a doubt is worth an inquiry; `a_round`
        waits for as long as a round takes.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look_again_at_what_fails, nursery, a_round)
            while True:
                if new := [path for path in self._state.paths if path not in self._known]:
                    self._begin(nursery, new, _Suspicion(is_change=True))
                self._known = set(self._state.paths)
                await self._news.wait()
                self._news = trio.Event()
                round_time, patience = pace()
                for path, suspicion in self._suspicions(round_time, patience).items():
                    if path in self._asked:  # beside one that has just begun
                        continue
                    if self._begin(nursery, self._beside(path, suspicion), suspicion):
                        self._begun[path].append(trio.current_time())

    async def _look_again_at_what_fails(
        self, nursery: trio.Nursery, a_round: Callable[[], Awaitable[None]]
    ) -> None:
        """Each round, at a few hosts: else one that is up again would be taken for down until its turn.

        A host for which such a visit still waits is left out; not one that is visited for another reason:
        that visit may have begun before it was up again.
        """
        begun: list[trio.CancelScope] = []
        while True:
            await a_round()
            begun = [scope for scope in begun if scope in self._under_way]
            waiting = {_target(self._under_way[scope]) for scope in begun}
            failing = self._state.courses.failing(self._state.endpoints)
            for path in self._state.paths:
                calls = self._again(path, failing.get(path.name, ()))[:_MOST_AGAIN_IN_A_ROUND]
                for scope in self._take_up(call for call in calls if _target(call) not in waiting):
                    begun.append(scope)
                    nursery.start_soon(self._ask_one, scope)

    def _suspicions(self, round_time: float, patience: float) -> dict[str, _Suspicion]:
        """By path, of those into which an inquiry may begin."""
        found: dict[str, _Suspicion] = {}
        courses = self._state.courses
        names = [path.name for path in self._state.paths]
        paths = dict.fromkeys(n for n in names if n not in self._asked and self._may_begin(n, round_time))
        doubts = [part for part in courses.doubts(patience) if part.path in paths]
        witnesses = courses.witnesses(doubts, self._state.endpoints)
        for part in doubts:
            suspicion = found.setdefault(part.path, _Suspicion())
            suspicion.ports.add(part.port)
            suspicion.again += witnesses.get(part, [])[:_WITNESSES]
            suspicion.is_change = True
        for path in paths:
            if suspects := courses.suspects(path):
                suspicion = found.setdefault(path, _Suspicion())
                suspicion.ports.update(each.port for each in suspects)
                suspicion.again += suspects
        return found

    def _may_begin(self, path: str, round_time: float) -> bool:
        begun = self._begun.setdefault(path, deque(maxlen=_MOST))
        return len(begun) < _MOST or trio.current_time() - begun[0] >= _ROUNDS * round_time

    def _beside(self, path: str, suspicion: _Suspicion) -> list[ProbePath]:
        """The path itself; and some others, where more than hosts of its own may be at fault."""
        others = [other for other in self._state.paths if other.name != path and suspicion.is_change]
        return [*(each for each in self._state.paths if each.name == path), *others[:_MOST_PATHS]]

    def _begin(self, nursery: trio.Nursery, paths: Sequence[ProbePath], suspicion: _Suspicion) -> bool:
        """Whether there is room for any visit."""
        scopes = self._take_up([*self._again(paths[0], suspicion.again), *self._sample(paths, suspicion)])
        if not scopes:
            return False
        asked = {self._under_way[scope].path.name for scope in scopes}
        self._asked.update(asked)
        if suspicion.is_change:
            self._state.begin_inquiry(asked)
        nursery.start_soon(self._ask, scopes, asked, suspicion.is_change)
        return True

    def _take_up(self, calls: Iterable[Call]) -> list[trio.CancelScope]:
        """Count these as under way, except where there is too much on a path."""
        there = Counter(call.path.name for scope, call in self._under_way.items() if not scope.cancel_called)
        scopes = []
        for call in calls:
            if there[call.path.name] < _MOST_UNDER_WAY:
                there[call.path.name] += 1
                scopes.append(scope := trio.CancelScope())
                self._under_way[scope] = call
        return scopes

    def _again(self, path: ProbePath, endpoints: Iterable[Endpoint]) -> list[Call]:
        """Visits over the path that go where the last ones went, in this order."""
        by_name: dict[str, list[Service]] = {}
        for service, _ in targets(self._state.services, [path]):
            by_name.setdefault(service.name, []).append(service)
        calls = (
            Call(service, host, path, self._turns.get((path.name, name, host), 0))
            for name, host in dict.fromkeys((each.service, each.host) for each in endpoints)
            for service in by_name.get(name, ())
            if host in service.hosts
        )
        return list(itertools.islice(calls, _MOST_AGAIN))

    def _sample(self, paths: Iterable[ProbePath], suspicion: _Suspicion) -> Iterator[Call]:
        """Some hosts of every required service on these paths; only of those on suspected ports, if any."""
        if not suspicion.is_change:
            return
        number, calls, ports = next(self._numbers), Counter[str](), suspicion.ports
        for service, path in targets(self._state.services, paths):
            is_asked = service.required and service.bag is None  # bags are fetched seldom, on purpose
            is_suspected = not ports or not ports.isdisjoint(service.ports)
            if is_asked and is_suspected and calls[path.name] < _MOST_CALLS:
                visits = sample(service, path, number)
                calls[path.name] += len(visits)
                yield from visits

    async def _ask(self, scopes: Iterable[trio.CancelScope], asked: Collection[str], is_change: bool) -> None:
        async with trio.open_nursery() as nursery:
            for scope in scopes:
                nursery.start_soon(self._ask_one, scope)
        self._asked.subtract(asked)
        self._asked = +self._asked
        if is_change:
            self._state.end_inquiry(asked)
        self._news.set()

    async def _ask_one(self, scope: trio.CancelScope) -> None:
        with scope:
            await self._visit(self._under_way[scope])
        del self._under_way[scope]


def _target(call: Call) -> tuple[str, str, str]:
    return call.path.name, call.service.name, call.host
