"""What is said while something may be changing: of how much it is said."""

import pytest

from netcheck.model.findings import Judgement, Needed, Verdict
from netcheck.model.paths import Family, Role
from netcheck.model.trends import Moment, Part, Trend
from netcheck.verdict.changing import doubts_in_words

JUDGED = Judgement("direct", Role.DEVICE, Verdict.READY, needs=frozenset({Needed("courier", 5223)}))
SOME, MORE = (Trend(doubt=Moment(5.0, 3600.0), hosts=hosts) for hosts in (2, 3))


def part(family: Family = Family.IPV4, what: str = "", port: int = 5223) -> Part:
    return Part("direct", port, family, what)


@pytest.mark.parametrize(
    ("doubts", "where"),
    [
        ({part(): SOME, part(Family.IPV6): SOME}, "port 5223"),
        ({part(): SOME}, "port 5223 over IPv4"),
        ({part(Family.NAME): SOME}, "port 5223"),
        ({part(what="courier"): SOME, part(): SOME}, "port 5223 over IPv4"),
        ({part(what="courier"): SOME}, "port 5223 of courier over IPv4"),
        (
            {part(what="17.57.144.0/22"): MORE, part(what="courier"): SOME},
            "port 5223 in 17.57.144.0/22 over IPv4",
        ),
    ],
)
def test_of_no_more_is_said_that_it_does_not_answer_than_is_in_doubt(
    doubts: dict[Part, Trend], where: str
) -> None:
    assert doubts_in_words(doubts, JUDGED) == (
        f"Nothing has answered on {where} since 01:00:00 UTC: it is not yet clear how far this goes.",
    )


def test_a_port_that_the_role_does_not_need_is_no_news() -> None:
    assert doubts_in_words({part(port=443): SOME}, JUDGED) == ()
