"""Which connections that had to ask twice show that packets get lost."""

from dataclasses import replace

import pytest

from netcheck.model.findings import Cause
from netcheck.verdict.counting import Counted
from netcheck.verdict.loss import lost
from tests.records import COURIER, result
from tests.verdict.scene import couriers, judge

OTHERS = [200.0 + 5 * number for number in range(8)]
"""When those were asked that answered at once, well after what is looked at."""


def counted(host: str, at: float, *, twice: bool = False, seconds: float = 0.02) -> Counted:
    seen = result(COURIER, 5223, host=host, at=at, seconds=seconds, syn_retransmits=int(twice))
    return Counted(seen, failure=None)


@pytest.mark.parametrize(
    ("twice", "at_once", "loss"),
    [
        ([100.0, 100.4, 101.0, 101.4], OTHERS, None),  # all waited for the end of an outage, at 101.5
        ([100.0, 100.4, 101.0, 101.4], [100.7, *OTHERS], (4, 13)),  # not where one answered meanwhile
        ([100.0, 110.0, 120.0, 130.0], OTHERS, (4, 12)),  # nor where they waited one after the other
        ([100.0, 100.1, 110.0, 110.1], OTHERS, (4, 12)),  # two may be chance
        ([100.0, 100.4, 101.0, 101.4, 150.0, 160.0, 170.0], OTHERS, (3, 11)),
        ([100.0 + number / 10 for number in range(9)], [], (9, 9)),  # and so it is where none does at once
    ],
)
def test_what_waits_for_the_end_of_a_short_outage_shows_no_loss_of_packets(
    twice: list[float], at_once: list[float], loss: tuple[int, int] | None
) -> None:
    waiting = [
        counted(f"{number}-courier.test", at, twice=True, seconds=1.5) for number, at in enumerate(twice)
    ]
    answered = [counted(f"{number}-other.test", at) for number, at in enumerate(at_once)]
    assert lost([*waiting, *answered]) == loss


def test_one_host_that_asks_twice_time_and_again_waits_for_no_outage_to_end() -> None:
    waiting = [counted("0-courier.test", 100.0 + number / 10, twice=True, seconds=1.5) for number in range(4)]
    answered = [counted(f"{number}-other.test", at) for number, at in enumerate(OTHERS)]
    assert lost([*waiting, *answered]) == (4, 12)


@pytest.mark.parametrize(
    ("in_time", "asked_twice", "is_loss"),
    [
        ([], [1.4] * 8, False),  # far: all answers come too late
        ([0.1, 0.4, 0.7, 0.9], [1.1, 1.2, 1.3, 1.5], False),  # some do, as the others nearly do
        ([0.6, 0.6, 0.6, 0.6], [1.6, 1.6, 0.6, 0.6], True),  # by a satellite: these do not
        ([0.02] * 4, [1.02, 1.02, 0.02, 0.02], True),  # near: replies and requests were lost
    ],
)
def test_answers_that_come_late_are_not_lost(
    in_time: list[float], asked_twice: list[float], is_loss: bool
) -> None:
    trips = [*((rtt, 0) for rtt in in_time), *((rtt, 1) for rtt in asked_twice)]
    results = [
        replace(each, attempt=replace(each.attempt, rtt=rtt, syn_retransmits=again))
        for each, (rtt, again) in zip(couriers(None, (443, 5223)), trips, strict=True)
    ]
    judged = judge(results)
    assert judged.cause is (Cause.PACKET_LOSS if is_loss else None)
