"""What is visited out of turn, when, and how much of it."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial

import pytest
import trio

from netcheck.daemon.inquiring import Inquiries
from netcheck.model.paths import Family, ProbePath
from netcheck.model.results import Endpoint
from netcheck.model.services import Service
from netcheck.plan import Call
from netcheck.state.courses import Courses
from netcheck.state.state import State
from tests.calls import calls_in
from tests.records import DROPPED, result, visit
from tests.virtual import told

DIRECT, OTHER = ProbePath("direct", families=(Family.IPV4,)), ProbePath("other", families=(Family.IPV4,))
COURIER = Service("courier", tuple(f"{n}-courier.test" for n in range(12)), (5223,))
PROVIDER = Service("provider", ("api.test",), (443,))
GATEWAY = Service("gateway", ("gateway.test",), (2195,), required=False)
ROUND, PATIENCE = 60.0, 30.0


class Asked:
    """Inquiries into a state, which find what they are told to."""

    def __init__(self, *paths: ProbePath) -> None:
        self.state = State()
        self.state.configure([COURIER, PROVIDER, GATEWAY], paths or [DIRECT])
        self.inquiries = Inquiries(self.state, self._visit)
        self.calls: list[Call] = []
        self.broken = set[str]()
        """Hosts that fail; `*` are all."""
        self.takes = 0.1

    async def run(self) -> None:
        await self.inquiries.run(lambda: (ROUND, PATIENCE), partial(trio.sleep, ROUND))

    async def _visit(self, call: Call) -> None:
        self.calls.append(call)
        at = trio.current_time()
        await trio.sleep(self.takes)
        self.see(call, at)

    def see(self, call: Call, at: float) -> None:
        failed = DROPPED if self.broken & {call.host, "*"} else None
        port = call.service.ports[0]
        seen = result(call.service, port, failed, host=call.host, path=call.path.name, at=at + 1)
        self.state.record(visit(seen))
        self.inquiries.look(call)

    def tell(self, number: int, path: ProbePath = DIRECT, turn: int = 0) -> None:
        """A visit of the usual round has ended."""
        self.see(Call(COURIER, COURIER.hosts[number], path, turn), trio.current_time())

    def since(self, count: int) -> list[tuple[str, str]]:
        """Where the calls went after so many."""
        return [(call.path.name, call.host) for call in self.calls[count:]]


def ask(story: Callable[[Asked], Awaitable[None]], *paths: ProbePath) -> Asked:
    async def after_a_second(asked: Asked) -> None:
        await trio.sleep(1)
        await story(asked)

    return told(partial(Asked, *paths), after_a_second)


async def nothing(_: Asked) -> None:
    await trio.sleep(3 * ROUND)


FIRST = [*((COURIER.hosts[n]) for n in (0, 4, 8)), "api.test", "api.test"]


def test_first_a_few_hosts_of_all_that_is_required_are_visited_and_then_none() -> None:
    assert sorted(call.host for call in ask(nothing).calls) == FIRST


def test_a_path_that_is_new_has_a_first_sample_too() -> None:
    async def a_path_comes(asked: Asked) -> None:
        asked.state.configure([COURIER, PROVIDER], [DIRECT, OTHER])
        asked.inquiries.plan()
        await trio.sleep(1)

    later = ask(a_path_comes).since(len(FIRST))
    assert {path for path, _ in later} == {"other"}
    assert len(later) == len(FIRST)


def test_a_visit_that_nobody_asks_for_any_more_is_broken_off() -> None:
    async def a_path_goes(asked: Asked) -> None:
        asked.takes = 1000.0
        asked.state.configure([COURIER], [DIRECT, OTHER])
        asked.inquiries.plan()
        await trio.sleep(1)
        assert asked.state.inquiries == {"other": 1}
        asked.state.configure([COURIER], [DIRECT])
        asked.inquiries.plan()
        await trio.sleep(1)
        assert not asked.state.inquiries

    ask(a_path_goes)


def test_to_plan_anew_beside_visits_to_twice_as_many_paths_is_twice_as_much_work() -> None:
    def work(count: int) -> int:
        took: list[int] = []

        async def planned_anew(asked: Asked) -> None:
            asked.takes = 1000.0
            paths = [replace(DIRECT, name=f"path{number}") for number in range(count)]
            asked.state.configure([COURIER, PROVIDER], paths)
            asked.inquiries.plan()
            await trio.sleep(1)
            took.append(calls_in(asked.inquiries.plan))

        ask(planned_anew)
        return took[0]

    assert work(100) < 2.5 * work(50)


def test_where_hosts_begin_to_fail_others_of_the_port_are_visited_at_once_on_other_paths_as_well() -> None:
    async def a_host_fails(asked: Asked) -> None:
        asked.broken = {"*"}
        asked.tell(1, turn=7)
        asked.broken = {COURIER.hosts[1]}
        await trio.sleep(1)

    asked = ask(a_host_fails, DIRECT, OTHER)
    later = asked.calls[2 * len(FIRST) :]
    assert Call(COURIER, COURIER.hosts[1], DIRECT, 7) in later  # where it failed, to the same address
    assert {call.path for call in later} == {DIRECT, OTHER}
    assert {call.service for call in later} == {COURIER}


def test_a_host_that_failed_while_others_answer_is_visited_again_and_nothing_else_is() -> None:
    async def a_host_fails(asked: Asked) -> None:
        asked.broken = {COURIER.hosts[1]}
        began = trio.current_time()
        await trio.sleep(1)
        asked.tell(2)
        asked.see(Call(COURIER, COURIER.hosts[1], DIRECT, 0), began)
        await trio.sleep(1)

    assert ask(a_host_fails).since(len(FIRST)) == [("direct", COURIER.hosts[1])]


def test_what_fails_is_visited_again_each_round() -> None:
    async def a_host_is_down(asked: Asked) -> None:
        asked.broken = {COURIER.hosts[1]}
        for _ in range(2):
            asked.tell(1)
            asked.tell(2)
            await trio.sleep(1)
        before = len(asked.calls)
        await trio.sleep(3 * ROUND)
        assert asked.since(before) == [("direct", COURIER.hosts[1])] * 3

    ask(a_host_is_down)


NEVER = 1e9
"""Seconds that a visit waits for its turn at a gate that is full."""


def test_what_fails_is_not_asked_for_again_while_it_still_waits_for_its_turn() -> None:
    async def a_host_is_down_and_the_gate_is_full(asked: Asked) -> None:
        asked.broken = {COURIER.hosts[1]}
        for _ in range(2):
            asked.tell(1)
            asked.tell(2)
            await trio.sleep(1)
        before, asked.takes = len(asked.calls), NEVER
        await trio.sleep(100 * ROUND)
        assert asked.since(before) == [("direct", COURIER.hosts[1])]

    ask(a_host_is_down_and_the_gate_is_full)


def test_not_too_much_waits_for_its_turn_whatever_fails() -> None:
    many = Service("courier", tuple(f"{n}-courier.test" for n in range(400)), (5223,))

    async def half_of_the_hosts_are_down_and_the_gate_is_full(asked: Asked) -> None:
        asked.state.configure([many], [DIRECT])
        asked.takes = NEVER
        asked.broken = set(many.hosts[::2])
        before = len(asked.calls)
        for number in range(100):
            for host in (*many.hosts[number * 4 :], *many.hosts[: number * 4]):
                asked.see(Call(many, host, DIRECT, number), trio.current_time())
            await trio.sleep(ROUND)
        assert 0 < len(asked.since(before)) <= 100

    ask(half_of_the_hosts_are_down_and_the_gate_is_full)


def test_inquiries_of_many_paths_that_look_beside_do_not_pile_up_on_one() -> None:
    paths = [ProbePath(f"path{number}", families=(Family.IPV4,)) for number in range(60)]

    async def all_paths_fail_and_the_gates_are_full(asked: Asked) -> None:
        before, asked.takes, asked.broken = len(asked.calls), NEVER, {"*"}
        for path in paths[8:]:
            asked.tell(1, path)
        await trio.sleep(1)
        on_one = [host for path, host in asked.since(before) if path == "path0"]
        assert len(on_one) == 100

    ask(all_paths_fail_and_the_gates_are_full, *paths)


def test_there_are_six_inquiries_in_five_rounds_at_most() -> None:
    async def hosts_fail_again_and_again(asked: Asked) -> None:
        for number in range(300):
            asked.broken = {COURIER.hosts[number % 12]} if number % 2 else set()
            asked.tell(number % 12)
            asked.broken = set()
            await trio.sleep(1)

    asked = ask(hosts_fail_again_and_again)
    assert len(asked.calls) < 12 * len(FIRST)


def test_where_no_inquiry_may_begin_nobody_looks_for_whom_it_would_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That takes a look at all endpoints, and many visits may end in a second."""
    looked_for: list[object] = []

    def witnesses(_: Courses, parts: Iterable[object], __: object) -> dict[object, list[Endpoint]]:
        looked_for.extend(parts)
        return {}

    monkeypatch.setattr(Courses, "witnesses", witnesses)

    async def hosts_begin_to_fail_while_an_inquiry_is_under_way(asked: Asked) -> None:
        asked.broken, asked.takes = {"*"}, ROUND
        asked.tell(1)
        await trio.sleep(1)
        assert looked_for
        looked_for.clear()
        asked.tell(2)
        await trio.sleep(1)
        assert looked_for == []

    ask(hosts_begin_to_fail_while_an_inquiry_is_under_way)


def test_a_verdict_has_to_wait_while_a_sample_is_taken() -> None:
    async def a_host_fails(asked: Asked) -> None:
        asked.broken = {"*"}
        asked.tell(1)
        await trio.sleep(0.05)
        assert asked.state.inquiries == {"direct": 1, "other": 1}
        await trio.sleep(1)
        assert not asked.state.inquiries

    ask(a_host_fails, DIRECT, OTHER)


def test_an_inquiry_looks_at_eight_other_paths_at_most() -> None:
    paths = [ProbePath(f"path{number}", families=(Family.IPV4,)) for number in range(30)]

    async def a_host_fails(asked: Asked) -> None:
        before = len(asked.calls)
        asked.broken = {COURIER.hosts[1]}
        asked.tell(1, paths[20])
        await trio.sleep(1)
        assert len({path for path, _ in asked.since(before)}) == 9

    ask(a_host_fails, *paths)


def test_all_that_fails_has_its_turn_be_there_more_than_a_round_looks_at() -> None:
    other = Service("other", tuple(f"{n}-other.test" for n in range(4)), (443,))

    async def some_of_both_services_fail(asked: Asked) -> None:
        asked.state.configure([COURIER, other], [DIRECT])
        asked.inquiries.plan()
        asked.broken = {"1-other.test", *(COURIER.hosts[number] for number in range(0, 12, 2))}
        for number in range(12):  # every other one answers, so that nothing around them is down
            await trio.sleep(1)
            asked.tell(number)
            host = other.hosts[number % 4]
            asked.see(Call(other, host, DIRECT, 0), trio.current_time())
        before = len(asked.calls)
        await trio.sleep(2 * ROUND)
        assert {host for _, host in asked.since(before)} == asked.broken

    ask(some_of_both_services_fail)
