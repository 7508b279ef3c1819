"""What is made of the bags that probes have fetched."""

from dataclasses import replace

import pytest

from netcheck.apns.services import BUILT_IN
from netcheck.bags import fetched_bags, with_counts
from netcheck.model.bags import Bag
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.results import Result
from netcheck.model.services import Service
from tests.records import result

SERVICES = [each.service for each in BUILT_IN]
HOST = "init.push.apple.com"
BAG = Bag("courier.push.apple.com", 30, True, None, 900.0)
MISSING = Failure(Phase.SESSION, Reason.BAD_ANSWER, "the answer is no bag but HTTP status 404")


DOMAIN = "courier.push.apple.com"
AUTO = [replace(s, count_from_bag=DOMAIN) if s.name == "courier" else s for s in SERVICES]


def last_host(services: tuple[Service, ...], name: str) -> str:
    return next(service for service in services if service.name == name).hosts[-1]


def fetched(bag: Bag | None, failure: Failure | None = None) -> tuple[Result, Bag | None]:
    """With the bag that the endpoint has now, or had before the failure."""
    return result("bag", 443, failure, host=HOST), bag


def test_a_bag_that_differs_from_the_config_says_where() -> None:
    (seen,) = fetched_bags(SERVICES, [fetched(BAG)])
    assert (seen.path, seen.host, seen.bag, seen.error) == ("direct", HOST, BAG, None)
    assert seen.disagreements == (
        "the bag's hosts of courier.push.apple.com go up to 30, those of the service courier to 50",
    )


def test_a_bag_counts_before_a_failure_of_another_family() -> None:
    (seen,) = fetched_bags(SERVICES, [fetched(None, MISSING), fetched(BAG)])
    assert (seen.bag, seen.error) == (BAG, None)


def test_where_there_is_no_bag_it_is_told_why() -> None:
    (seen,) = fetched_bags(SERVICES, [fetched(None, MISSING)])
    assert seen.error == "session bad_answer: the answer is no bag but HTTP status 404"


def test_a_bag_stays_known_while_it_cannot_be_had_and_it_is_told_why() -> None:
    for results in (
        [fetched(BAG, MISSING), fetched(None, MISSING)],
        [fetched(None, MISSING), fetched(BAG, MISSING)],
    ):
        (seen,) = fetched_bags(SERVICES, results)
        assert (seen.bag, seen.error is None) == (BAG, False)


def test_other_services_have_no_bags() -> None:
    assert fetched_bags(SERVICES, [(result("courier", 443), None)]) == []


def test_a_service_that_takes_its_number_from_the_bag_never_disagrees() -> None:
    (seen,) = fetched_bags(AUTO, [fetched(BAG)])
    assert seen.disagreements == ()


@pytest.mark.parametrize(
    ("counts", "last"),
    [
        ({}, 50),
        ({("direct", DOMAIN): None}, 50),
        ({("direct", "courier2.push.apple.com"): 30}, 50),
        ({("direct", DOMAIN): 30}, 30),
        ({("direct", DOMAIN): 0}, 0),
        ({("a", DOMAIN): 30, ("b", DOMAIN): 60, ("c", DOMAIN): 40, ("d", DOMAIN): None}, 60),
        ({("direct", DOMAIN): 251}, 250),
    ],
)
def test_the_highest_number_of_all_paths_holds_up_to_a_limit(
    counts: dict[tuple[str, str], int | None], last: int
) -> None:
    assert last_host(with_counts(AUTO, counts), "courier") == f"{last}-{DOMAIN}"


def test_only_services_that_take_their_number_from_the_bag_follow_it() -> None:
    assert with_counts(SERVICES, {("direct", DOMAIN): 30}) == tuple(SERVICES)
