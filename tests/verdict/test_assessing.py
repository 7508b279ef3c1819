"""Verdicts for the plain cases."""

from collections.abc import Iterable

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Judgement, Verdict
from netcheck.model.paths import Family, ProbePath, Proxy, ProxyScheme, ResolveMode, Resolver, Role
from netcheck.model.results import Result
from netcheck.model.services import Service
from netcheck.verdict.assessing import assess
from netcheck.verdict.counting import Criteria
from tests.calls import calls_in
from tests.records import COURIER, DROPPED, GATEWAY, PROVIDER, REFUSED, lookup, once, result

DIRECT = ProbePath("direct")
BOTH_WAYS = ProbePath("direct", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128, resolve=ResolveMode.BOTH),))
WEB_PROXY = ProbePath("direct", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128),))
FIRST, SECOND = COURIER.hosts
UNRESOLVED = Failure(Phase.RESOLVE, Reason.SERVFAIL)


def judge(services: list[Service], paths: list[ProbePath], results: list[Result]) -> list[Judgement]:
    return assess(services, paths, once(results)).judgements


def fallback_active(
    services: list[Service], paths: list[ProbePath], results: list[Result]
) -> dict[str, bool]:
    return assess(services, paths, once(results)).fallback_active


def courier(port: int, *works: bool) -> list[Result]:
    """A result for each courier host in turn."""
    return [
        result(COURIER, port, None if ok else DROPPED, host=host)
        for host, ok in zip(COURIER.hosts, works, strict=True)
    ]


def device(results: list[Result], path: ProbePath = DIRECT) -> Verdict:
    (judged,) = judge([COURIER], [path], results)
    assert judged.role is Role.DEVICE
    return judged.verdict


def provider(results: list[Result], *services: Service) -> Verdict:
    (judged,) = judge([PROVIDER, *services], [DIRECT], results)
    assert judged.role is Role.PROVIDER
    return judged.verdict


@pytest.mark.parametrize(
    ("on_5223", "on_443", "verdict"),
    [
        ((True, True), (True, True), Verdict.READY),
        ((True, True), (False, False), Verdict.READY),
        ((True, False), (True, True), Verdict.DEGRADED),
        ((False, False), (True, True), Verdict.FALLBACK_ONLY),
        ((False, False), (True, False), Verdict.FALLBACK_ONLY),
        ((False, False), (False, False), Verdict.NOT_READY),
    ],
)
def test_devices_need_5223_and_fall_back_to_443(
    on_5223: tuple[bool, ...], on_443: tuple[bool, ...], verdict: Verdict
) -> None:
    assert device(courier(5223, *on_5223) + courier(443, *on_443)) is verdict


@pytest.mark.parametrize(
    ("on_443", "verdict"),
    [((True, True), Verdict.READY), ((True, False), Verdict.DEGRADED), ((False, False), Verdict.NOT_READY)],
)
def test_through_a_proxy_devices_need_443_and_5223_says_nothing(
    on_443: tuple[bool, ...], verdict: Verdict
) -> None:
    for on_5223 in [(True, True), (False, False)]:
        assert device(courier(5223, *on_5223) + courier(443, *on_443), WEB_PROXY) is verdict


def test_one_family_that_never_answers_is_a_limit() -> None:
    results = courier(5223, True, True)
    results.append(result(COURIER, 5223, DROPPED, host=FIRST, family=Family.IPV6))
    (judged,) = judge([COURIER], [DIRECT], results + courier(443, True, True))
    assert judged.verdict is Verdict.DEGRADED
    assert judged.evidence[1].startswith("courier port 5223: 2 of 2 hosts reachable, none over ipv6; ")


def test_one_address_of_several_is_enough_for_a_family() -> None:
    results = courier(5223, True, True)
    results.append(result(COURIER, 5223, DROPPED, host=FIRST, address="192.0.2.9"))
    assert device(results) is Verdict.READY


def test_where_the_proxy_resolves_too_local_dns_takes_nothing_away() -> None:
    missing = Failure(Phase.RESOLVE, Reason.NXDOMAIN)
    results = [
        result(COURIER, 443, family=Family.NAME, proxy_spoke=True),
        result(COURIER, 443, missing),
    ]
    assert device(results, BOTH_WAYS) is Verdict.READY
    assert device(results, WEB_PROXY) is Verdict.DEGRADED


def test_what_was_seen_long_before_the_newest_counts_no_more() -> None:
    before = [result(COURIER, port, host=FIRST, time=1000) for port in (5223, 443)]
    now = [
        result(COURIER, 5223, DROPPED, host=SECOND, time=1300),
        result(COURIER, 443, host=SECOND, time=1300),
    ]
    of_two_minutes, of_ten = (
        assess([COURIER], [DIRECT], once(before + now), criteria=Criteria(window=window))
        for window in (120, 600)
    )
    assert of_two_minutes.judgements[0].verdict is Verdict.FALLBACK_ONLY
    assert of_two_minutes.fallback_active == {"direct": True}
    assert of_ten.judgements[0].verdict is Verdict.DEGRADED


@pytest.mark.parametrize(
    ("on_443", "on_2197", "verdict"),
    [
        (True, True, Verdict.READY),
        (True, False, Verdict.READY),
        (False, True, Verdict.READY),
        (False, False, Verdict.NOT_READY),
    ],
)
def test_providers_need_443_or_2197(on_443: bool, on_2197: bool, verdict: Verdict) -> None:
    results = [
        result(PROVIDER, 443, None if on_443 else REFUSED),
        result(PROVIDER, 2197, None if on_2197 else REFUSED),
    ]
    assert provider(results) is verdict


def test_the_retired_gateway_counts_only_where_it_is_required() -> None:
    results = [result(PROVIDER, 443), result(GATEWAY, 2195, REFUSED)]
    assert provider(results, GATEWAY) is Verdict.READY
    required = Service("gateway", GATEWAY.hosts, GATEWAY.ports, GATEWAY.roles, required=True)
    assert provider(results, required) is Verdict.NOT_READY


def test_a_service_of_the_users_needs_all_its_ports() -> None:
    mdm = Service("mdm", ("mdm.test",), (443, 8443), frozenset({Role.PROVIDER}))
    results = [result(PROVIDER, 443), result(mdm, 443), result(mdm, 8443, REFUSED)]
    assert provider(results, mdm) is Verdict.NOT_READY


def test_what_is_not_measured_yet_keeps_the_rest_from_being_ready() -> None:
    other = Service("courier2", ("0-courier2.test",), COURIER.ports, COURIER.roles, True, COURIER.port_rule)
    (judged,) = judge([COURIER, other], [DIRECT], courier(5223, True, True))
    assert judged.verdict is Verdict.UNKNOWN
    (judged,) = judge([COURIER, other], [DIRECT], courier(5223, False, False) + courier(443, False, False))
    assert judged.verdict is Verdict.NOT_READY


def test_the_worst_of_the_needed_services_decides() -> None:
    other = Service("courier2", ("0-courier2.test",), COURIER.ports, COURIER.roles, True, COURIER.port_rule)
    blocked = [result(other, 5223, DROPPED), result(other, 443, DROPPED)]
    (judged,) = judge([COURIER, other], [DIRECT], courier(5223, True, True) + blocked)
    assert judged.verdict is Verdict.NOT_READY


def test_a_path_is_judged_for_its_own_roles_only() -> None:
    path = ProbePath("wifi", roles=frozenset({Role.DEVICE}))
    assert [judged.role for judged in judge([COURIER, PROVIDER], [path], [])] == [Role.DEVICE]


def test_each_path_is_judged_by_its_own_results() -> None:
    paths = [ProbePath("a"), ProbePath("b")]
    results = [result(PROVIDER, 443, path="a"), result(PROVIDER, 443, REFUSED, path="b")]
    results += [result(PROVIDER, 2197, REFUSED, path="b")]
    assert [(j.path, j.verdict) for j in judge([PROVIDER], paths, results)] == [
        ("a", Verdict.READY),
        ("b", Verdict.NOT_READY),
    ]


def test_the_order_of_results_does_not_matter() -> None:
    results = courier(5223, True, False) + courier(443, True, True)
    assert judge([COURIER], [DIRECT], results) == judge([COURIER], [DIRECT], results[::-1])


def test_the_evidence_counts_hosts_and_names_the_commonest_failure() -> None:
    (judged,) = judge([COURIER], [DIRECT], courier(5223, False, False) + courier(443, True, True))
    assert judged.evidence[1:] == (
        "courier port 5223: 0 of 2 hosts reachable; connections get no answer (2 of 2 failed probes)",
        "courier port 443: 2 of 2 hosts reachable",
    )


def test_the_fallback_is_active_where_5223_fails_and_443_works() -> None:
    blocked = courier(5223, False, False) + courier(443, True, True)
    assert fallback_active([COURIER, PROVIDER], [DIRECT], blocked) == {"direct": True}
    fine = courier(5223, True, True) + courier(443, True, True)
    assert fallback_active([COURIER, PROVIDER], [DIRECT], fine) == {"direct": False}


def test_a_path_without_couriers_has_no_fallback() -> None:
    assert fallback_active([PROVIDER], [DIRECT], []) == {}
    path = ProbePath("dmz", roles=frozenset({Role.PROVIDER}))
    assert fallback_active([COURIER], [path], []) == {}


def _calls_to_judge(count: int, failures: Iterable[Failure | None]) -> int:
    """What it takes to judge so many paths, each with a resolver of its own, that fail so in turn."""
    courier = Service("courier", ("1-courier.push.apple.com",), (5223,), frozenset({Role.DEVICE}))
    paths = [ProbePath(f"path{number}", resolver=Resolver(f"resolver{number}")) for number in range(count)]
    fails = [failure for _ in range(count) for failure in failures]
    results = [
        result(courier, 5223, failure, path=path.name, address="17.57.144.1")
        for path, failure in zip(paths, fails, strict=False)
    ]
    lookups = [
        lookup(courier.hosts[0], "17.57.144.1", resolver=path.resolver.name)
        if failure is None or failure.phase is not Phase.RESOLVE
        else lookup(courier.hosts[0], resolver=path.resolver.name, reason=failure.reason)
        for path, failure in zip(paths, fails, strict=False)
    ]
    standings = once(results)
    return calls_in(lambda: assess([courier], paths, standings, lookups))


@pytest.mark.parametrize(
    "failures", [[None], [DROPPED], [None, DROPPED], [UNRESOLVED, None]], ids=["none", "all", "half", "names"]
)
def test_twice_as_many_paths_take_twice_as_much_to_judge(failures: list[Failure | None]) -> None:
    _calls_to_judge(100, failures)  # some of it is kept from then on
    assert _calls_to_judge(200, failures) < 2.5 * _calls_to_judge(100, failures)
