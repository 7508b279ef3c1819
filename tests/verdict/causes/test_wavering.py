"""Names that a resolver denies and knows by turns."""

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.model.paths import RecordType
from netcheck.model.results import Lookup
from netcheck.verdict.assessing import assess
from tests.records import lookup, once, standing_of
from tests.verdict.scene import COURIER, DIRECT, ENROLMENT, PROXY, couriers, enrolment, judge

A, AAAA = RecordType
KNOWN = {A: "17.57.144.1", AAAA: "2620:149:a44::1"}
NOWHERE = {A: "0.0.0.0", AAAA: "::"}
NO_NAME = Failure(Phase.RESOLVE, Reason.NXDOMAIN, "does not exist")
SINKHOLED = Failure(Phase.RESOLVE, Reason.SINKHOLED, "leads nowhere")


def said(host: int, *denied: RecordType, by_sinkhole: bool = False) -> list[Lookup]:
    """Of a courier's name, with a denial for these."""
    return [
        lookup(COURIER.hosts[host], rdtype=rdtype, reason=Reason.NXDOMAIN)
        if rdtype in denied and not by_sinkhole
        else lookup(COURIER.hosts[host], (NOWHERE if rdtype in denied else KNOWN)[rdtype], rdtype=rdtype)
        for rdtype in RecordType
    ]


@pytest.mark.parametrize("by_sinkhole", [False, True])
@pytest.mark.parametrize(
    ("denied", "is_told"),
    [
        (((A,), (AAAA,), (A,)), True),
        (((A,), (AAAA,)), False),  # too few
        (((AAAA,), (AAAA,), (AAAA,), (AAAA,)), False),  # it filters a family
        (((A, AAAA), (A, AAAA), (), ()), False),  # it has a list
    ],
)
def test_who_denies_one_family_here_and_the_other_there_does_so_by_turns(
    denied: tuple[tuple[RecordType, ...], ...], is_told: bool, by_sinkhole: bool
) -> None:
    lookups = [each for host, its in enumerate(denied) for each in said(host, *its, by_sinkhole=by_sinkhole)]
    judged = judge(couriers(), lookups=lookups)
    assert judged.cause is (Cause.DNS_DIFFERS if is_told else None)
    assert ("which of its servers denies *.push.apple.com." in (judged.next_step or "")) == is_told
    proxied = judge(couriers(path=PROXY), paths=(PROXY,), lookups=lookups)
    assert proxied.findings == ()


def test_others_of_apples_hosts_are_named_themselves() -> None:
    lookups = [
        lookup(host, KNOWN[rdtype], rdtype=rdtype)
        if (number + (rdtype is A)) % 2
        else lookup(host, rdtype=rdtype, reason=Reason.NXDOMAIN)
        for number, host in enumerate(ENROLMENT.hosts)
        for rdtype in RecordType
    ]
    results = enrolment()
    judged = judge(results, services=(ENROLMENT,), lookups=lookups)
    assert "which of its servers denies deviceenrollment.apple.com, " in (judged.next_step or "")


@pytest.mark.parametrize(
    ("failure", "cause"), [(NO_NAME, Cause.DNS_FAILURE), (SINKHOLED, Cause.DNS_SINKHOLE)]
)
@pytest.mark.parametrize("half", [True, False])
def test_what_fails_then_is_not_asked_to_be_resolved_for_ever(
    failure: Failure, cause: Cause, half: bool
) -> None:
    lookups = [*said(0, A, AAAA), *said(1, A), *said(2, AAAA), *said(3, *([A] if half else []))]
    results = couriers(failure, hosts=(0,)) + couriers(hosts=(1, 2, 3))
    judged = judge(results, lookups=lookups)
    assert (judged.cause, judged.hop) == (cause, Hop.RESOLVER)
    asked = "which of its servers denies *.push.apple.com. It denies and knows the same names by turns"
    assert (asked in (judged.next_step or "")) == half


def test_a_name_that_comes_and_goes_is_one_too() -> None:
    recent = (True, False) * 4
    standings = [
        standing_of(each, 1, True, recent, last_failed=each) for each in couriers(NO_NAME, hosts=(0,))
    ]
    standings += once(couriers(hosts=(1, 2, 3)))
    (judged,) = assess([COURIER], [DIRECT], standings).judgements
    assert judged.cause is Cause.DNS_FAILURE
    assert "which of its servers denies *.push.apple.com." in (judged.next_step or "")
