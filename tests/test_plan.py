"""Which host is visited in which round."""

from collections import Counter
from dataclasses import replace

import pytest
import trio

from netcheck.model.paths import LoadBalancer, ProbePath, Role
from netcheck.model.services import Service
from netcheck.plan import Call, everything, jobs, slots

DIRECT = ProbePath("direct")
COURIER = Service("courier", tuple(f"{n}-courier.test" for n in range(51)), (5223, 443), hosts_per_round=5)


def hosts_of(service: Service, number: int) -> list[str]:
    return [slot.call(number).host for slot in slots([service], [DIRECT])]


def test_a_round_visits_as_many_hosts_as_it_should() -> None:
    assert hosts_of(COURIER, 0) == [f"{n}-courier.test" for n in range(5)]
    assert hosts_of(COURIER, 1) == [f"{n}-courier.test" for n in range(5, 10)]


def test_all_hosts_are_visited_in_turn_and_equally_often() -> None:
    visited = Counter(host for number in range(51) for host in hosts_of(COURIER, number))
    assert set(visited) == set(COURIER.hosts)
    assert set(visited.values()) == {5}


def test_the_turn_of_a_host_counts_its_visits() -> None:
    turns: dict[str, list[int]] = {}
    for number in range(33):
        for slot in slots([COURIER], [DIRECT]):
            call = slot.call(number)
            turns.setdefault(call.host, []).append(call.turn)
    assert all(seen == list(range(len(seen))) for seen in turns.values())


@pytest.mark.parametrize("per_round", [None, 3, 99])
def test_a_service_with_fewer_hosts_is_visited_whole_each_round(per_round: int | None) -> None:
    service = Service("mdm", ("a.test", "b.test", "c.test"), (443,), hosts_per_round=per_round)
    assert hosts_of(service, 0) == hosts_of(service, 7) == ["a.test", "b.test", "c.test"]


def test_a_path_visits_only_services_of_its_roles() -> None:
    devices_only = ProbePath("wifi", roles=frozenset({Role.DEVICE}))
    provider = Service("provider", ("api.test",), (443,), frozenset({Role.PROVIDER}))
    assert slots([provider], [devices_only]) == []
    assert len(slots([provider], [DIRECT])) == 1


def test_a_load_balancer_path_visits_only_the_hosts_that_it_names() -> None:
    path = ProbePath("dmz-lb", load_balancer=(("7-courier.test", LoadBalancer("127.0.0.1", None)),))
    assert [slot.call(3).host for slot in slots([COURIER], [path])] == ["7-courier.test"]
    assert [call.host for call in everything([COURIER], [path])] == ["7-courier.test"]


def test_everything_is_every_host_once_over_every_path() -> None:
    calls = everything([COURIER], [DIRECT, ProbePath("other")])
    assert len(calls) == 2 * 51
    assert {call.host for call in calls} == set(COURIER.hosts)


def test_a_job_visits_the_host_of_its_slot() -> None:
    visited: list[tuple[str, int]] = []

    async def visit(call: Call, number: int) -> None:
        visited.append((call.host, number))

    async def main() -> None:
        for job in jobs(slots([COURIER], [DIRECT]), visit):
            await job.run(2)

    trio.run(main)
    assert visited == [(f"{n}-courier.test", 2) for n in range(10, 15)]


def test_a_service_that_is_visited_every_third_round_is_visited_in_the_first_one_too() -> None:
    visited: list[tuple[int, int]] = []

    async def visit(call: Call, number: int) -> None:
        visited.append((number, call.turn))

    async def main() -> None:
        (job,) = jobs(slots([Service("bag", ("a.test",), (443,), every=3)], [DIRECT]), visit)
        for number in range(4, 11):
            await job.run(number)

    trio.run(main)
    assert visited == [(4, 1), (7, 2), (10, 3)]


@pytest.mark.parametrize(
    ("now", "per_round", "visited"),
    [(2, None, [0, 1]), (6, None, [0, 1, 2, 3]), (2, 3, [0, 1]), (51, 3, [6, 7, 8])],
)
def test_jobs_visit_the_hosts_that_a_service_has_by_now(
    now: int, per_round: int | None, visited: list[int]
) -> None:
    planned = replace(COURIER, hosts=COURIER.hosts[:4], hosts_per_round=per_round)
    current = replace(planned, hosts=COURIER.hosts[:now])
    seen: list[str] = []

    async def visit(call: Call, number: int) -> None:
        seen.append(call.host)

    async def main() -> None:
        for job in jobs(slots([planned], [DIRECT]), visit, lambda _: current):
            await job.run(2)

    trio.run(main)
    assert seen == [f"{n}-courier.test" for n in visited]


def test_a_load_balancer_path_whose_hosts_are_gone_visits_none() -> None:
    path = ProbePath("dmz-lb", load_balancer=(("7-courier.test", LoadBalancer("127.0.0.1", None)),))
    (slot,) = slots([COURIER], [path])
    assert slot.now(replace(COURIER, hosts=COURIER.hosts[:7])) is None


def test_the_keys_of_jobs_are_unique() -> None:
    keys = [
        slot.key for slot in slots([COURIER, Service("other", ("x.test",), (1,))], [DIRECT, ProbePath("b")])
    ]
    assert len(set(keys)) == len(keys)
