"""Whether hosts fail at random: told from what they do when they are asked again."""

from dataclasses import replace
from itertools import count

import pytest

from netcheck.model.paths import Family, ProbePath
from netcheck.model.trends import Part
from netcheck.state.state import State
from tests.records import COURIER, DROPPED, result, visit

DIRECT = ProbePath("direct")
MANY = replace(COURIER, hosts=tuple(f"{number}-courier.test" for number in range(16)), ports=(5223,))
PART = Part("direct", 5223, Family.IPV4, MANY.name)


def after(*visits: str, dead: str = "192.0.2.1") -> State:
    """After these visits in a row, each the number of a host, and `o` for an answer or `x` for none."""
    state, clock = State(), count(1000)
    state.configure([MANY], [DIRECT])
    for each in visits:
        host, answers = MANY.hosts[int(each[:-1])], each[-1] == "o"
        failure, address = (None, "192.0.2.1") if answers else (DROPPED, dead)
        state.record(visit(result(MANY, 5223, failure, host=host, at=float(next(clock)), address=address)))
    return state


def is_random(state: State, *, in_one_look: bool = False) -> bool:
    found = state.chances.random(in_one_look=in_one_look)
    assert (PART in found) is (PART.whole in found)
    return PART in found


CHANCE = ("0o", "1x", "2o", "1o", "3x", "4o", "3o", "5x", "5o", "6x")


def test_hosts_that_answer_when_they_are_asked_again_and_then_others_fail_is_chance() -> None:
    assert is_random(after(*CHANCE))


@pytest.mark.parametrize(
    "visits",
    [
        [f"{host}o" for host in range(16)],
        [*(f"{host}x" for host in range(8)), *(f"{host}o" for host in range(8))],  # an outage that is over
        [f"{host}{letter}" for _ in range(4) for letter in "xxoo" for host in range(3)],  # four of them
        [f"{host}{'x' if host % 4 == 0 else 'o'}" for _ in range(4) for host in range(16)],  # some are dead
        ["1x", "1o", "2o", "1x", "1o", "3o", "1x", "1o", "4o", "1x"],  # a single one comes and goes
        ["0o", "1x", "1o", "2o", "3x", "3o", "4o"],  # two accidents
        [*CHANCE, "6o", *(f"{host}o" for host in range(12))],  # mended
        [*CHANCE, *(f"{host}x" for host in range(12))],  # dead by now
    ],
    ids=["well", "outage", "outages", "dead hosts", "one host", "accidents", "mended", "dead"],
)
def test_other_faults_are_none_of_chance(visits: list[str]) -> None:
    assert not is_random(after(*visits))


def test_hosts_that_answer_at_another_address_only_do_not_recover() -> None:
    """Where a range is blocked, they do so each time that another address has its turn."""
    assert not is_random(after(*CHANCE, dead="198.51.100.1"))


@pytest.mark.parametrize(
    ("again", "expected"),
    [("ooo", True), ("oooxxxxx", True), ("oox", False), ("xxxx", False), ("ooo" + "x" * 13, False)],
)
def test_in_one_look_a_part_of_what_is_asked_again_answers(again: str, expected: bool) -> None:
    first = [f"{host}x" for host in range(len(again))]
    state = after(*first, *(f"{host}{answer}" for host, answer in enumerate(again)))
    assert is_random(state, in_one_look=True) is expected


@pytest.mark.parametrize(
    ("answering", "again", "expected"),
    [
        (8, "o" * 8, False),  # half failed in the crowd, and all answer when a few are asked
        (8, "o" * 7 + "x", True),
        (2, "o" * 4, True),  # too few to tell
        (30, "o" * 8, True),  # one of five: chance spares eight of them often enough
    ],
)
def test_in_one_look_what_limits_connections_at_once_is_no_chance(
    answering: int, again: str, expected: bool
) -> None:
    first = [f"{host}x" for host in range(len(again))]
    well = [f"{15 - number % 4}o" for number in range(answering)]
    state = after(*first, *well, *(f"{host}{answer}" for host, answer in enumerate(again)))
    assert is_random(state, in_one_look=True) is expected


def looked(*seen: str) -> set[tuple[int, Family]]:
    """The random parts, after these in one look: a host's number, `a` or `b` for a port, `o` or `x`."""
    service = replace(MANY, ports=(5223, 443))
    state, clock = State(), count(1000)
    state.configure([service], [DIRECT])
    for each in seen:
        failure = None if each[-1] == "o" else DROPPED
        port, host = service.ports["ab".index(each[-2])], service.hosts[int(each[:-2])]
        state.record(visit(result(service, port, failure, host=host, at=float(next(clock)))))
    return {(part.port, part.family) for part in state.chances.random(in_one_look=True)}


def test_in_one_look_few_hosts_show_by_all_ports_together_that_it_is_chance() -> None:
    """Some answer when they are asked again on one port, and some on another."""
    seen = ("0ax", "1ax", "2bx", "3bx", "0ao", "1ax", "2bo", "3bo")
    assert looked(*seen) == {(5223, Family.IPV4), (443, Family.IPV4)}


def test_in_one_look_a_port_on_which_nothing_answers_is_no_matter_of_chance() -> None:
    chance = ("0bx", "1bx", "2bx", "0bo", "1bo", "2bo")
    dead = [f"{host}ax" for _ in range(2) for host in range(4)]
    assert looked(*chance, *dead) == {(443, Family.IPV4)}


def test_in_one_look_a_port_that_was_asked_too_seldom_may_be_silent_by_chance() -> None:
    """Where half of the probes fail, a quarter of the hosts with one address do so twice."""
    seen = ("0ax", "0bx", "1bx", "2bx", "0ax", "0bo", "1bo", "2bo")
    assert looked(*seen) == {(443, Family.IPV4), (5223, Family.IPV4)}
    seldom = [f"{host}bo" for host in range(3, 16)]  # a fifth
    assert looked(*seen, *seldom, "0ax") == {(443, Family.IPV4)}


def test_beside_a_port_that_fails_by_chance_few_failures_in_a_row_on_another_are_chance_too() -> None:
    other = replace(MANY, name="other", hosts=("api.test",), ports=(2197,))

    def parts(failures: int, visits: tuple[str, ...] = CHANCE) -> set[str]:
        state = after(*visits)
        state.configure([MANY, other], [DIRECT])
        for at in range(failures):
            state.record(visit(result(other, 2197, DROPPED, at=2000.0 + at, address="192.0.2.9")))
        return {part.what for part in state.chances.random() if part.port == 2197}

    assert parts(2) == {other.name, ""}
    assert parts(8) == set()
    assert parts(2, CHANCE[:4]) == set()


def test_beside_a_port_that_fails_by_chance_one_dead_host_of_several_on_another_is_none() -> None:
    """Else the word on it would change with each probe: whenever it was the last that was asked."""
    other, state = replace(MANY, name="other", ports=(443,)), after(*CHANCE)
    state.configure([MANY, other], [DIRECT])
    told = []
    for at in range(12):
        host, failure = other.hosts[at % 5], DROPPED if at % 5 == 0 else None
        state.record(
            visit(result(other, 443, failure, host=host, at=2000.0 + at, address=f"192.0.2.{at % 5}"))
        )
        told.append(any(part.port == 443 for part in state.chances.random()))
    assert told == [True, *[False] * 11]


def test_in_one_look_few_answer_again_where_few_answered_at_first() -> None:
    """By chance as many do, a tenth for example; of dead hosts none does."""
    first = [f"{host}{port}{'o' if host < 2 else 'x'}" for port in "ab" for host in range(15, -1, -1)]
    well = {"3a", "9b", "12b"}
    again = [f"{e}{'o' if e in well else 'x'}" for host in range(2, 16) for e in (f"{host}a", f"{host}b")]
    assert looked(*first, *again) == {(443, Family.IPV4), (5223, Family.IPV4)}
    others = [f"{host}{port}o" for port in "ab" for host in range(2)] * 8
    assert not looked(*first, *others, *again)


def test_how_much_chance_fails_is_told_by_what_is_not_dead() -> None:
    first = [f"{host}{'x' if host < 8 else 'o'}" for host in range(16)]
    again = [f"{host}{'o' if host < 3 else 'x'}" for host in range(8)]
    state = after(*first, *again)
    assert state.chances.random(in_one_look=True)[PART] == 3 / 8


def test_chance_explains_as_many_failures_in_a_row_as_its_share_makes_likely() -> None:
    assert is_random(after(*CHANCE, *(f"{host}x" for host in range(3))))
    often = [f"{host}{letter}" for host in range(6) for letter in "xxxo"]
    assert is_random(after(*often, *(f"{host}x" for host in range(12))))
    assert not is_random(after(*often, *(f"{host % 16}x" for host in range(20))))


def test_what_is_well_again_is_forgotten() -> None:
    state = after(*CHANCE, *[f"{host}o" for _ in range(5) for host in range(16)])
    assert not state.chances._series
    state = after(*CHANCE)
    state.configure([], [DIRECT])
    assert not state.chances.random()
