"""Answers beside those of other resolvers, and addresses that do not belong among the others."""

import pytest

from netcheck.model.failing import Reason
from netcheck.model.findings import Cause, Verdict
from netcheck.model.paths import Family, RecordType
from netcheck.model.results import Lookup
from tests.records import DROPPED, lookup
from tests.verdict.scene import COURIER, MINE, OTHER, Scene, couriers

AAAA = RecordType.AAAA
HOST = COURIER.hosts[0]
GENUINE, UNPUBLISHED, MADE = "2620:149:a44::0", "2620:149:208:4308::a", "64:ff9b::1139:9001"


def of_ipv6(resolver: str, *addresses: str, reason: Reason | None = None) -> Lookup:
    return lookup(HOST, *addresses, rdtype=AAAA, reason=reason, resolver=resolver)


@pytest.mark.parametrize(
    ("mine", "other", "is_told"),
    [
        (of_ipv6("mine", reason=Reason.NO_ANSWER), of_ipv6("other", GENUINE), True),
        (of_ipv6("mine", reason=Reason.NO_ANSWER), of_ipv6("other", "2620:149:a44::99"), False),  # not tried
        (of_ipv6("mine", reason=Reason.NO_ANSWER), of_ipv6("other", MADE), False),
        (of_ipv6("mine", UNPUBLISHED), of_ipv6("other", MADE), False),
        (of_ipv6("mine", UNPUBLISHED), of_ipv6("other", GENUINE), True),  # mine was never reached
        (of_ipv6("mine", "2620:149:a44::1", UNPUBLISHED), of_ipv6("other", GENUINE), False),  # mine works
    ],
)
def test_an_answer_is_better_where_it_is_apples_own_and_works_and_mine_does_not(
    mine: Lookup, other: Lookup, is_told: bool
) -> None:
    results = couriers(path=MINE, hosts=(1,), family=Family.IPV6) + couriers(path=OTHER, family=Family.IPV6)
    judged = Scene(None, Verdict.READY, None, results, "", (OTHER, MINE), lookups=[mine, other]).judged()
    assert judged.cause is (Cause.DNS_DIFFERS if is_told else None)
