"""That what devices fall back to does not work is a remark."""

from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Family, ProbePath
from netcheck.model.results import Result
from netcheck.verdict.assessing import assess
from tests.records import DROPPED, once, result
from tests.verdict.scene import (
    API,
    BLOCKED,
    COURIER,
    DIRECT,
    FALLBACK,
    NAMED,
    PROXY,
    couriers,
    judge,
    numbered,
)


def test_what_fails_in_tls_on_the_port_to_fall_back_to_is_told_as_such() -> None:
    results = [*couriers(None, (5223,)), *couriers(Failure(Phase.TLS, Reason.CLOSED, "said"), (443,))]
    judged = judge(results, services=(NAMED,))
    assert judged.cause is Cause.FALLBACK_BLOCKED
    assert "to allow TLS on port 443 to " in (judged.next_step or "")
    assert "In TLS their name is courier.push.apple.com (SNI)." in (judged.next_step or "")


@pytest.mark.parametrize("of_5223", [None, DROPPED])
@pytest.mark.parametrize("misled", [1, 3])
def test_a_block_page_of_this_network_is_the_resolvers_where_the_config_counts_on_443_too(
    of_5223: Failure | None, misled: int
) -> None:
    at_page = [
        replace(each, attempt=replace(each.attempt, address="10.9.9.9"))
        for each in couriers(Failure(Phase.TLS, Reason.TLS_NOT_TLS, "HTTP"), hosts=range(misled))
    ]
    beside = range(misled, 4)
    results = [*at_page, *couriers(of_5223, (5223,), hosts=beside), *couriers(None, (443,), hosts=beside)]
    judged = judge(results, paths=(FALLBACK,))
    assert [(each.cause, each.hop) for each in judged.findings] == [(Cause.DNS_SINKHOLE, Hop.RESOLVER)]
    assert "10.9.9.9" in (judged.next_step or "")


UNRESOLVED = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT, "no answer from 10.0.0.53:53")
ONLY_5223 = [*couriers(None, (5223,)), *couriers(DROPPED, (443,))]


def test_that_nothing_works_to_fall_back_to_is_a_remark_and_no_fault() -> None:
    judged = judge(ONLY_5223)
    assert (judged.verdict, judged.cause, judged.hop) == (Verdict.READY, Cause.FALLBACK_BLOCKED, Hop.FIREWALL)
    assert judged.is_expected
    assert judged.findings[0].is_remark
    assert judged.findings[0].evidence == (
        "0 of 4 hosts can be reached on port 443: connections get no answer in 4 of 4 probes"
    )


def test_that_no_host_answers_on_443_is_worth_a_remark_where_the_config_counts_on_443() -> None:
    judged = judge(ONLY_5223, paths=(FALLBACK,))
    assert (judged.verdict, judged.cause) == (Verdict.READY, Cause.FALLBACK_BLOCKED)


@pytest.mark.parametrize(
    ("path", "results"),
    [
        (DIRECT, couriers()),
        (DIRECT, couriers(None, (5223,))),  # 443 was not probed
        (
            DIRECT,
            [
                *couriers(None, (5223,)),
                *couriers(None, (443,), hosts=(0, 1, 2)),
                *couriers(DROPPED, (443,), hosts=(3,)),
            ],
        ),
        (PROXY, [*couriers(None, (443,), path=PROXY), *couriers(DROPPED, (5223,), path=PROXY)]),
    ],
)
def test_a_fallback_that_works_or_is_not_known_is_no_remark(path: ProbePath, results: list[Result]) -> None:
    judged = judge(results, paths=(path,))
    assert (judged.verdict, judged.findings) == (Verdict.READY, ())


@pytest.mark.parametrize(
    ("fallback", "what", "count"),
    [
        (
            [*couriers(None, (443,), hosts=(0,)), *couriers(DROPPED, (443,), hosts=(1, 2, 3))],
            "to 17.188.128.0/18, 17.249.0.0/16 and 17.252.0.0/16, ",
            "3 of 4 hosts fail partly on port 443: ",
        ),
        (
            [*couriers(DROPPED, (443,)), *couriers(None, (443,), family=Family.IPV6)],
            "port 443 over IPv4 to 17.188.128.0/18, ",
            "4 of 4 hosts fail partly on port 443 over IPv4: ",
        ),
    ],
)
def test_a_fallback_that_works_in_part_is_a_remark_that_says_which(
    fallback: list[Result], what: str, count: str
) -> None:
    judged = judge([*couriers(None, (5223,)), *fallback])
    assert (judged.verdict, judged.cause) == (Verdict.READY, Cause.FALLBACK_BLOCKED)
    assert what in (judged.next_step or "")
    assert judged.findings[0].evidence.startswith(count)


def test_where_the_config_counts_on_443_a_part_of_it_that_fails_is_what_devices_depend_on() -> None:
    results = [*couriers(DROPPED), *couriers(DROPPED, (5223,), family=Family.IPV6)]
    results += couriers(None, (443,), family=Family.IPV6)
    judged = judge(results, paths=(FALLBACK,))
    assert (judged.verdict, judged.cause) == (Verdict.FALLBACK_ONLY, Cause.FALLBACK_BLOCKED)
    assert "Devices here depend on it" in (judged.next_step or "")


def test_where_nothing_should_work_a_dead_fallback_is_no_remark() -> None:
    judged = judge(ONLY_5223, paths=(BLOCKED,))
    assert [finding.cause for finding in judged.findings] == [Cause.PATH_OPEN]


def test_couriers_that_nobody_requires_need_no_fallback() -> None:
    services = (replace(COURIER, required=False), API)
    judged = assess(
        services, [DIRECT], once([*ONLY_5223, result(API, 443, address="17.188.128.9")])
    ).judgements
    assert [each.findings for each in judged] == [()]


def test_devices_depend_on_a_fallback_only_where_it_is_of_the_service_whose_first_port_is_blocked() -> None:
    courier2 = numbered(4, "courier2")
    second = [
        replace(each, service="courier2", host=each.host.replace("courier", "courier2"))
        for each in [*couriers(DROPPED, (5223,)), *couriers(None, (443,))]
    ]
    results = [*couriers(None, (5223,)), *couriers(DROPPED, (443,)), *second]
    judged = judge(results, services=(COURIER, courier2))
    assert [each.cause for each in judged.findings] == [Cause.HOSTS_BLOCKED, Cause.FALLBACK_BLOCKED]
    assert "Devices on Wi-Fi or Ethernet fall back to it." in judged.findings[1].next_step


@pytest.mark.parametrize(("of_5223", "verdict"), [(None, Verdict.DEGRADED), (DROPPED, Verdict.FALLBACK_ONLY)])
def test_names_that_do_not_resolve_are_the_resolvers_where_the_config_counts_on_443_too(
    of_5223: Failure | None, verdict: Verdict
) -> None:
    results = [
        *couriers(UNRESOLVED, path=FALLBACK, hosts=(0, 1, 2)),
        *couriers(of_5223, (5223,), path=FALLBACK, hosts=(3,)),
        *couriers(None, (443,), path=FALLBACK, hosts=(3,)),
    ]
    judged = judge(results, paths=(FALLBACK,))
    assert [(each.cause, each.hop) for each in judged.findings] == [(Cause.DNS_FAILURE, Hop.RESOLVER)]
    assert (judged.verdict, judged.is_expected) == (verdict, False)
