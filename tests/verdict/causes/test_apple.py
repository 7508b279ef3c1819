"""What is an accident of Apple's, and what is too much for one."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.paths import Binding, Family, ProbePath, Resolver, Role
from netcheck.model.results import Result
from netcheck.verdict.assessing import assess
from tests.records import DROPPED, once, result
from tests.verdict.scene import (
    API,
    API_WORKS,
    COURIER,
    DENIED,
    DIRECT,
    GONE,
    HANDSHAKE,
    PROVIDER_API,
    PROXY,
    couriers,
    judge,
    numbered,
    proxied,
    through,
)

SIX = numbered(6)


def with_failing(failure: Failure, *numbers: int) -> Judgement:
    """All six in one range: no range is blocked."""
    results = [
        result(
            SIX, port, failure if number in numbers else None, host=host, address=f"17.57.144.{number + 1}"
        )
        for port in SIX.ports
        for number, host in enumerate(SIX.hosts)
    ]
    return assess([SIX], [DIRECT], once(results)).judgements[0]


@pytest.mark.parametrize(
    "failure",
    [
        DROPPED,
        Failure(Phase.TLS, Reason.CLOSED, ""),
        Failure(Phase.TLS, Reason.TLS_ALERT, ""),
        Failure(Phase.TLS, Reason.RESET, ""),
        Failure(Phase.TLS, Reason.TLS_TIMEOUT, ""),
        Failure(Phase.SESSION, Reason.CLOSED, ""),
    ],
)
def test_one_courier_of_six_is_apples_however_it_fails(failure: Failure) -> None:
    judged = with_failing(failure, 5)
    assert (judged.verdict, judged.cause, judged.hop) == (
        Verdict.DEGRADED,
        Cause.HOSTS_UNREACHABLE,
        Hop.APPLE,
    )


@pytest.mark.parametrize("numbers", [(0, 1, 2), (0, 1, 2, 3, 4)])
def test_half_of_all_couriers_is_no_accident_of_apples(numbers: tuple[int, ...]) -> None:
    judged = with_failing(DROPPED, *numbers)
    assert (judged.verdict, judged.cause, judged.hop) == (
        Verdict.DEGRADED,
        Cause.HOSTS_BLOCKED,
        Hop.FIREWALL,
    )


OTHER_RESOLVER = replace(DIRECT, name="other", resolver=Resolver("other"))
OTHER_WAY = replace(DIRECT, name="other", binding=Binding("wlan0"))
THIRD_WAY = replace(DIRECT, name="third", binding=Binding("wlan1"))


def on_way(way: ProbePath, api: Failure | None = DROPPED, courier: Failure | None = None) -> list[Result]:
    return [
        result(API, 443, api, path=way.name, address="17.188.143.34"),
        result(SIX, 443, courier, path=way.name, address="17.57.144.1"),
    ]


def of_the_api(ways: Sequence[ProbePath], *results: Result) -> dict[str, Cause | None]:
    """What is told of each way to the provider API."""
    judged = assess([SIX, API], ways, once(results)).judgements
    return {each.path: each.cause for each in judged if each.role is Role.PROVIDER}


@pytest.mark.parametrize(
    ("other", "cause"),
    [(OTHER_WAY, Cause.APPLE_UNREACHABLE), (OTHER_RESOLVER, Cause.HOSTS_BLOCKED)],
)
def test_an_outage_of_apples_shows_on_two_ways_out_and_not_on_one_with_two_resolvers(
    other: ProbePath, cause: Cause
) -> None:
    causes = of_the_api((DIRECT, other), *on_way(DIRECT), *on_way(other))
    assert causes == {"direct": cause, "other": cause}


def test_a_way_that_leads_nowhere_says_nothing_of_an_outage_of_apples() -> None:
    nowhere = on_way(THIRD_WAY, courier=DROPPED)
    causes = of_the_api((DIRECT, OTHER_WAY, THIRD_WAY), *on_way(DIRECT), *on_way(OTHER_WAY), *nowhere)
    assert causes["direct"] is causes["other"] is Cause.APPLE_UNREACHABLE
    assert causes["third"] is Cause.PORT_BLOCKED


def test_a_way_that_reaches_them_refutes_it_whatever_else_it_leads_to() -> None:
    (reached, _) = on_way(THIRD_WAY, api=None)
    results = once([*on_way(DIRECT), *on_way(OTHER_WAY), reached])
    judged = assess([SIX, API], [DIRECT, OTHER_WAY, THIRD_WAY], results).judgements
    assert Cause.APPLE_UNREACHABLE not in {each.cause for each in judged}


def test_one_way_that_leads_somewhere_is_too_little_for_an_outage_of_apples() -> None:
    causes = of_the_api((DIRECT, OTHER_WAY), *on_way(DIRECT), *on_way(OTHER_WAY, courier=DROPPED))
    assert Cause.APPLE_UNREACHABLE not in causes.values()


def test_routine_denials_are_no_evidence_against_an_outage_of_apples() -> None:
    results = [
        *couriers(),
        *couriers(None, (443,), path=PROXY, family=Family.NAME, spoke=True),
        *couriers(DENIED, (5223,), path=PROXY, family=Family.NAME, spoke=True),
        *[result(PROVIDER_API, port, DROPPED, address="17.188.128.9") for port in PROVIDER_API.ports],
        through(PROVIDER_API, 443, GONE),
        through(PROVIDER_API, 2197, DENIED),
    ]
    judged = assess([COURIER, PROVIDER_API], [DIRECT, PROXY], once(results)).judgements
    causes = {(each.path, each.role): each.cause for each in judged}
    assert causes["direct", Role.PROVIDER] is causes["proxy", Role.PROVIDER] is Cause.APPLE_UNREACHABLE
    assert causes["proxy", Role.DEVICE] is None


def test_a_proxy_that_says_no_is_not_apples_outage() -> None:
    denied = proxied(HANDSHAKE, Reason.PROXY_DENIED, "HTTP 403")
    paths, services = (PROXY, DIRECT), (COURIER, API)
    judged = judge(couriers(DROPPED) + denied + API_WORKS, paths=paths, services=services)
    assert judged.hop is Hop.FIREWALL


def test_one_host_down_behind_a_proxy_is_not_the_proxys_fault() -> None:
    gone = Failure(HANDSHAKE, Reason.PROXY_TARGET_TIMEOUT, "HTTP 504")
    results = couriers(path=PROXY, family=Family.NAME, hosts=(0, 1, 2), spoke=True)
    results += couriers(gone, path=PROXY, family=Family.NAME, hosts=(3,), spoke=True)
    judged = judge(results, paths=(PROXY,))
    assert judged.cause is Cause.HOSTS_UNREACHABLE


def test_where_many_hosts_fail_at_once_apple_is_not_asked() -> None:
    """A firewall may let only so many connections through: not the same ones each time."""
    many = numbered(50)
    refused = Failure(Phase.CONNECT, Reason.REFUSED, "refused")
    for count, hop in ((3, Hop.APPLE), (5, Hop.APPLE), (6, Hop.FIREWALL), (20, Hop.FIREWALL)):
        results = [
            result(many, 5223, refused if number < count else None, host=host, address=f"17.57.144.{number}")
            for number, host in enumerate(many.hosts)
        ]
        judged = judge(results, services=(many,))
        assert judged.hop is hop, count


@pytest.mark.parametrize("paths", [(PROXY,), (DIRECT, PROXY)])
@pytest.mark.parametrize("reason", [Reason.PROXY_TIMEOUT, Reason.PROXY_CLOSED, Reason.RESET])
@pytest.mark.parametrize("hosts", [(3,), (1, 2, 3)])
def test_where_a_proxy_says_nothing_of_some_hosts_its_owners_are_asked(
    hosts: tuple[int, ...], reason: Reason, paths: tuple[ProbePath, ...]
) -> None:
    """Neither is Apple, nor for a rule, whatever another path reaches."""
    silent = Failure(HANDSHAKE, reason, "no answer")
    others = tuple(number for number in range(4) if number not in hosts)
    results = couriers(path=PROXY, family=Family.NAME, hosts=others, spoke=True)
    results += couriers(silent, path=PROXY, family=Family.NAME, hosts=hosts)
    results += couriers() if DIRECT in paths else []
    judged = judge(results, paths=paths)
    assert (judged.cause, judged.hop) == (Cause.HOSTS_UNREACHABLE, Hop.PROXY)
    assert "It may lack capacity" in (judged.next_step or "")


def test_a_single_host_makes_no_range() -> None:
    judged = judge(couriers(hosts=(0, 1, 2)) + couriers(DROPPED, hosts=(3,)))
    assert judged.cause is Cause.HOSTS_UNREACHABLE
