"""Which host is visited in which round."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from netcheck.model.paths import Environment, Family, LoadBalancer, ProbePath, Proxy, ProxyScheme, Role
from netcheck.model.results import Endpoint
from netcheck.model.services import AddressChoice, Depth, Service, TlsSettings
from netcheck.plan import doubtful, held_slots, slots, spread

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


def test_holds_go_from_host_to_host_and_then_again_with_the_next_address() -> None:
    service = replace(COURIER, hosts=COURIER.hosts[:2], hold=10.0)
    slot = held_slots([service], [DIRECT])[0]
    calls = [call for turn in range(3) if (call := slot.call(turn))]
    assert [(call.host, call.turn) for call in calls] == [
        ("0-courier.test", 0),
        ("1-courier.test", 0),
        ("0-courier.test", 1),
    ]


def test_each_family_of_a_path_is_held_by_itself() -> None:
    slots = held_slots([replace(COURIER, hold=10.0)], [DIRECT])
    assert [slot.family for slot in slots] == [Family.IPV4, Family.IPV6]


@pytest.mark.parametrize(
    "change",
    [
        {"hosts": COURIER.hosts[:7]},
        {"hosts_per_round": 7},
        {"required": False},
        {"every": 2},
        {"roles": frozenset({Role.DEVICE})},
    ],
)
def test_a_visit_stays_the_same_whatever_else_becomes_of_its_service(change: dict[str, Any]) -> None:
    (before, *_), (after, *_) = slots([COURIER], [DIRECT]), slots([replace(COURIER, **change)], [DIRECT])
    assert (before.key, before.about) == (after.key, after.about)


@pytest.mark.parametrize(
    "change",
    [
        {"ports": (443,)},
        {"depth": Depth.TLS},
        {"tls": TlsSettings(is_apples=True)},
        {"addresses": AddressChoice.ALL},
        {"bag": "/bag"},
    ],
)
def test_a_visit_that_goes_another_way_is_another_one(change: dict[str, Any]) -> None:
    (before, *_), (after, *_) = slots([COURIER], [DIRECT]), slots([replace(COURIER, **change)], [DIRECT])
    assert before.about != after.about


def test_a_visit_over_a_path_of_the_same_name_to_somewhere_else_is_another_one() -> None:
    (before, *_), (after, *_) = (
        slots([COURIER], [path]) for path in (DIRECT, ProbePath("direct", families=(Family.IPV4,)))
    )
    assert before.key == after.key
    assert before.about != after.about


PROXY = ProbePath("proxy", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128),))


@pytest.mark.parametrize(
    ("service", "path", "is_direct"),
    [
        (COURIER, DIRECT, True),
        (replace(COURIER, depth=Depth.TLS), DIRECT, True),
        (replace(COURIER, bag="/bag"), DIRECT, True),
        (COURIER, PROXY, False),
        (
            COURIER,
            ProbePath("balanced", load_balancer=(("0-courier.test", LoadBalancer("192.0.2.1", None)),)),
            False,
        ),
    ],
)
def test_what_this_machine_itself_connects_to_is_direct(
    service: Service, path: ProbePath, is_direct: bool
) -> None:
    assert {slot.is_direct for slot in slots([service], [path])} == {is_direct}


def test_the_keys_of_jobs_are_unique() -> None:
    keys = [
        slot.key for slot in slots([COURIER, Service("other", ("x.test",), (1,))], [DIRECT, ProbePath("b")])
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(("count", "most"), [(1, 8), (8, 8), (9, 8), (51, 8), (251, 8), (3, 2)])
def test_hosts_are_spread_over_all_from_the_first(count: int, most: int) -> None:
    hosts = [str(number) for number in range(count)]
    some = spread(hosts, most)
    assert some[0] == "0"
    assert len(set(some)) == len(some) == min(count, most)
    gaps = {int(after) - int(before) for before, after in pairwise([*some, str(count)])}
    assert max(gaps) - min(gaps) <= 1


ROLES = frozenset({Role.DEVICE})
MANY = Service("courier", tuple(f"{n}-courier.test" for n in range(4)), (5223, 443), ROLES)
SINGLE = Service("mdm", ("mdm.test",), (443,), ROLES)


def asked_again(reached: dict[Endpoint, bool], *services: Service) -> list[str]:
    return [call.host for call in doubtful(services, DIRECT, reached)]


def everywhere(
    service: Service, *, fails: tuple[int | str, ...] = (), v6: bool = False
) -> dict[Endpoint, bool]:
    """Every host and port of a service: those fail that have a port or a host of `fails`."""
    families = (Family.IPV4, Family.IPV6) if v6 else (Family.IPV4,)
    return {
        Endpoint(service.name, host, port, "direct", family): not {host, port, str(family)} & set(fails)
        for host in service.hosts
        for port in service.ports
        for family in families
    }


@pytest.mark.parametrize(("hosts", "addresses"), [(2, AddressChoice.ALL), (9, AddressChoice.ONE)])
def test_a_host_that_fails_beside_others_is_visited_again(hosts: int, addresses: AddressChoice) -> None:
    """At all its addresses; of many hosts at the one that failed, as other hosts have the others."""
    service = replace(MANY, hosts=tuple(f"{number}-courier.test" for number in range(hosts)))
    (call,) = doubtful([service], DIRECT, everywhere(service, fails=("1-courier.test",)))
    assert (call.host, call.turn, call.service.addresses) == ("1-courier.test", 0, addresses)


def test_where_the_way_is_chosen_the_next_address_is_tried_alone() -> None:
    """So what is known of its range stays: it is not asked again for that."""
    path = replace(DIRECT, chosen_by=Environment(None))
    (call,) = doubtful([MANY], path, everywhere(MANY, fails=("1-courier.test",)))
    assert (call.turn, call.service.addresses) == (1, AddressChoice.ONE)


@pytest.mark.parametrize("port", [443, 5223])
def test_a_port_on_which_all_hosts_fail_is_not_visited_again(port: int) -> None:
    assert asked_again(everywhere(MANY, fails=(port,)), MANY) == []


def test_a_single_host_is_visited_again_where_anything_else_answers() -> None:
    fails = everywhere(SINGLE, fails=(443,))
    assert asked_again(everywhere(MANY) | fails, MANY, SINGLE) == ["mdm.test"]
    assert asked_again(everywhere(MANY, fails=(443, 5223)) | fails, MANY, SINGLE) == []


def test_what_is_all_there_is_is_visited_again() -> None:
    assert asked_again(everywhere(SINGLE, fails=(443,)), SINGLE) == ["mdm.test"]


def test_a_family_that_is_dead_for_all_is_not_visited_again() -> None:
    dead = ("ipv6",)
    reached = everywhere(MANY, fails=dead, v6=True) | everywhere(SINGLE, fails=dead, v6=True)
    assert asked_again(reached, MANY, SINGLE) == []


def test_what_nobody_needs_is_not_visited_again_and_tells_nothing_of_others() -> None:
    needless = replace(MANY, required=False)
    fails = everywhere(needless, fails=("2-courier.test", 5223))
    assert asked_again(fails, needless) == []
    assert asked_again(fails | everywhere(SINGLE, fails=(443,)), needless, SINGLE) == ["mdm.test"]
