"""A clock that is wrong, and what shows that it is right."""

from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.model.paths import Nameserver, ProbePath, Resolver, Transport
from netcheck.model.results import Trust
from netcheck.verdict.assessing import assess
from netcheck.verdict.counting import Criteria
from tests.records import once, result, standing_of
from tests.verdict.scene import (
    COURIER,
    DIRECT,
    EXPIRED,
    MDM,
    NOW,
    PROXY,
    YEAR,
    all_couriers,
    certificate,
    courier_at,
    couriers,
    judge,
)

LATER = NOW + 5 * YEAR


@pytest.mark.parametrize("years", [-5, -0.6, 0.6, 5])
def test_a_clock_that_is_far_off_is_this_machines(years: float) -> None:
    results = all_couriers(EXPIRED, certificate(), NOW + years * YEAR)
    results.append(result(MDM, 443, EXPIRED, tls=certificate(Trust.PUBLIC), time=NOW + years * YEAR))
    judged = judge(results, services=(COURIER, MDM))
    assert [(f.cause, f.hop) for f in judged.findings] == [(Cause.CLOCK_WRONG, Hop.LOCAL_NETWORK)]


@pytest.mark.parametrize(
    ("time", "at", "cause"),
    [
        (NOW, 1000.0, Cause.CLOCK_WRONG),
        (LATER - 100.0, 1000.0, Cause.APPLE_CERTIFICATE),
        (NOW + 200.0, 1200.0, Cause.APPLE_CERTIFICATE),
    ],
    ids=["before it jumped", "by the same clock", "since it was put right"],
)
def test_what_was_in_date_before_the_clock_jumped_does_not_vouch_for_it(
    time: float, at: float, cause: Cause
) -> None:
    seen = all_couriers(EXPIRED, certificate(), LATER)
    results = [replace(each, attempt=replace(each.attempt, at=1100.0)) for each in seen]
    results.append(result(MDM, 443, tls=certificate(Trust.PUBLIC), time=time, at=at))
    judged = judge(results, services=(COURIER, MDM))
    assert [each.cause for each in judged.findings] == [cause]


def test_what_was_under_way_when_the_clock_jumped_seems_no_less_far_off() -> None:
    """It began by the right time, and ended by the wrong one."""
    seen = all_couriers(EXPIRED, certificate(), LATER)
    under_way = replace(seen[0], attempt=replace(seen[0].attempt, time=NOW, at=1000.0))
    later = [replace(each, attempt=replace(each.attempt, at=1001.0)) for each in seen[1:]]
    judged = judge([under_way, *later])
    assert [each.cause for each in judged.findings] == [Cause.CLOCK_WRONG]


def test_a_certificate_out_of_date_that_is_not_yet_believed_vouches_for_no_clock() -> None:
    seen = all_couriers(EXPIRED, certificate(), LATER)
    standings = [*(standing_of(each, 2, True) for each in seen[:-1]), standing_of(seen[-1], 1, True)]
    (judged,) = assess([COURIER], [DIRECT], standings, criteria=Criteria(failures=2)).judgements
    assert judged.cause is Cause.CLOCK_WRONG


def test_certificates_that_all_expired_lately_are_apples_or_the_clocks() -> None:
    tls = certificate(not_after=NOW - 3 * 86400)
    judged = judge(all_couriers(EXPIRED, tls))
    assert (judged.cause, judged.hop) == (Cause.APPLE_CERTIFICATE, Hop.APPLE)
    assert (judged.next_step or "").startswith("Compare this machine's clock")


def test_where_another_certificate_is_in_date_the_clock_is_right() -> None:
    tls = certificate(not_after=NOW - YEAR)
    works = [result(COURIER, port, host=COURIER.hosts[3], tls=certificate()) for port in COURIER.ports]
    late = [each for each in all_couriers(EXPIRED, tls) if each.host != COURIER.hosts[3]]
    judged = judge(late + works)
    assert judged.cause is Cause.APPLE_CERTIFICATE


@pytest.mark.parametrize(
    ("path", "failure"),
    [
        (PROXY, Failure(Phase.PROXY_TLS, Reason.TLS_EXPIRED, "certificate has expired")),
        (
            ProbePath("dot", resolver=Resolver("dot", (Nameserver("10.0.0.53", 853),), Transport.TLS)),
            Failure(Phase.RESOLVE, Reason.RESOLVER_UNREACHABLE, "certificate has expired"),
        ),
    ],
)
@pytest.mark.parametrize("is_years_off", [True, False])
def test_a_clock_that_is_off_on_one_path_is_off_on_all(
    path: ProbePath, failure: Failure, is_years_off: bool
) -> None:
    time, seen = (LATER, EXPIRED) if is_years_off else (NOW, None)
    direct = courier_at("17.57.144.1", seen, certificate(), time=time)
    results = [*direct, *couriers(failure, path=path)]
    judged = judge(results, paths=(DIRECT, path))
    assert (judged.cause is Cause.CLOCK_WRONG) == is_years_off


def test_a_clock_that_any_certificate_agrees_with_is_right() -> None:
    seen = courier_at("17.57.144.1", EXPIRED, certificate(), time=LATER)
    other = ProbePath("other")
    fine = [result(MDM, 443, path="other", tls=certificate(Trust.OTHER))]
    judged = assess([COURIER, MDM], [DIRECT, other], once([*seen, *fine])).judgements
    assert Cause.CLOCK_WRONG not in {each.cause for each in judged}
