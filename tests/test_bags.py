"""What is made of the bags that probes have fetched."""

from dataclasses import replace

from netcheck.apns.services import BUILT_IN
from netcheck.bags import bags_seen
from netcheck.model import Bag, Failure, Phase, Reason, Result
from tests.records import result

SERVICES = [each.service for each in BUILT_IN]
HOST = "init.push.apple.com"
BAG = Bag("courier.push.apple.com", 30, True, None, 900.0)
MISSING = Failure(Phase.SESSION, Reason.BAD_ANSWER, "the answer is no bag but HTTP status 404")


def fetched(bag: Bag | None, failure: Failure | None = None) -> Result:
    found = result("bag", 443, failure, host=HOST)
    return replace(found, attempt=replace(found.attempt, bag=bag))


def test_a_bag_that_differs_from_the_config_says_where() -> None:
    (seen,) = bags_seen(SERVICES, [fetched(BAG)])
    assert (seen.path, seen.host, seen.bag, seen.error) == ("direct", HOST, BAG, None)
    assert seen.disagreements == (
        "the bag's hosts of courier.push.apple.com go up to 30, those of the service courier to 50",
    )


def test_a_bag_counts_before_a_failure_of_another_family() -> None:
    (seen,) = bags_seen(SERVICES, [fetched(None, MISSING), fetched(BAG)])
    assert (seen.bag, seen.error) == (BAG, None)


def test_where_there_is_no_bag_it_is_told_why() -> None:
    (seen,) = bags_seen(SERVICES, [fetched(None, MISSING)])
    assert seen.error == "session bad_answer: the answer is no bag but HTTP status 404"


def test_other_services_have_no_bags() -> None:
    assert bags_seen(SERVICES, [result("courier", 443)]) == []
