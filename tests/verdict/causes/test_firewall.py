"""Ranges and paths that are blocked, on purpose or not."""

from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Family, Role
from netcheck.model.results import LargeHello, Standing, TlsInfo, Trust
from netcheck.model.services import Service, TlsSettings
from netcheck.model.trends import Part, Trend
from netcheck.verdict.assessing import assess
from netcheck.verdict.counting import Criteria
from netcheck.verdict.world import Beside
from tests.records import DROPPED, PROVIDER, REFUSED, lookup, once, result, standing_of
from tests.verdict.scene import (
    API,
    BLOCKED,
    BOTH,
    COURIER,
    DIRECT,
    FALLBACK,
    HANDSHAKE,
    LOCAL,
    MDM,
    NAMED,
    OPEN,
    PROVIDER_API,
    PROXY,
    RANGES,
    certificate,
    couriers,
    judge,
    numbered,
)

SIXTEEN = numbered(16)


@pytest.mark.parametrize("reason", [Reason.TLS_TIMEOUT, Reason.RESET, Reason.TLS_NOT_TLS])
def test_a_filter_is_told_by_which_name_it_goes(reason: Reason) -> None:
    results = couriers(Failure(Phase.TLS, reason, "said"))
    judged = judge(results, services=(NAMED,))
    assert "In TLS their name is courier.push.apple.com (SNI)." in (judged.next_step or "")
    judged = judge(results)
    assert "SNI" not in (judged.next_step or "")


def test_a_name_in_tls_without_an_address_is_told_where_names_with_one_work() -> None:
    """As where a proxy that nobody configured connects to what this name leads to."""
    closed = couriers(Failure(Phase.TLS, Reason.CLOSED, "said"))
    results = [*closed, *(result(API, port, tls=certificate()) for port in API.ports)]
    judged = judge(results, services=(NAMED, API))
    assert "(SNI). These have no address: whatever connects on" in (judged.next_step or "")


def test_tls_that_stalls_is_no_matter_of_packet_sizes_where_others_work_on_the_same_port() -> None:
    stalls = couriers(Failure(Phase.TLS, Reason.TLS_TIMEOUT, "said"))
    works = {
        family: [result(API, port, tls=certificate(), family=family) for port in (443, 5223)]
        for family in Family
    }
    services = (NAMED, replace(API, ports=(443, 5223)))
    here = judge(stalls + works[Family.IPV4], services=services)
    assert here.cause is Cause.TLS_STALLS
    assert "MTU" not in (here.next_step or "")
    why = f"A filter seems to drop TLS by its name or address: {API.hosts[0]} can be reached."
    assert why in (here.next_step or "")
    other = judge(stalls + works[Family.IPV6], services=services)
    assert "smaller MTU" in (other.next_step or "")


def test_tls_that_stalls_is_dropped_by_its_port_where_the_same_hosts_work_on_another() -> None:
    """As where something on the way accepts all connections to a port, and leads none of them on."""
    stalls = couriers(Failure(Phase.TLS, Reason.TLS_TIMEOUT, "said"), ports=(5223,))
    works = [result(NAMED, 443, host=host, tls=certificate()) for host in NAMED.hosts]
    judged = judge(stalls + works, services=(NAMED,))
    assert judged.cause is Cause.TLS_STALLS
    assert "A filter seems to drop TLS by its port: on port 443 " in (judged.next_step or "")
    assert "smaller MTU" in (judge(stalls, services=(NAMED,)).next_step or "")


def test_tls_that_stalls_on_a_port_on_which_others_work_is_not_dropped_by_its_port() -> None:
    """As where a filter reads the names in TLS on one port alone."""
    stalls = couriers(Failure(Phase.TLS, Reason.TLS_TIMEOUT, "said"), ports=(5223,))
    same = [result(NAMED, 443, host=host, tls=certificate()) for host in NAMED.hosts]
    other = replace(API, ports=(5223,))
    judged = judge([*stalls, *same, result(other, 5223, tls=certificate())], services=(NAMED, other))
    assert judged.cause is Cause.TLS_STALLS
    assert f"by its name or address: {API.hosts[0]} can be reached" in (judged.next_step or "")


@pytest.mark.parametrize("reason", [Reason.CLOSED, Reason.RESET])
def test_what_ends_in_the_middle_of_tls_is_told_from_what_says_nothing(reason: Reason) -> None:
    begun = Failure(Phase.TLS, reason, "said", b"\x16\x03\x03\x00\x7a")
    for path in (DIRECT, PROXY):
        family = Family.NAME if path is PROXY else Family.IPV4
        results = couriers(begun, path=path, family=family, spoke=True)
        judged = judge(results, paths=(path,))
        assert judged.cause is Cause.TLS_BLOCKED
        assert "and end in the middle of TLS" in (judged.next_step or "")


def test_a_proxy_may_want_tls_to_name_what_it_is_asked_for() -> None:
    closed = Failure(Phase.TLS, Reason.CLOSED, "said")
    about = couriers(closed, (443,), path=PROXY, family=Family.NAME, spoke=True)
    works = result(API, 443, path="proxy", family=Family.NAME, proxies=PROXY.proxies, tls=certificate())
    services = (NAMED, API)
    judged = judge([*about, works], paths=(PROXY,), services=services)
    assert judged.cause is Cause.PROXY_FALSE_SUCCESS
    assert f"It may insist that both match: where they do, {API.hosts[0]} can be reached." in (
        judged.next_step or ""
    )
    judged = judge(about, paths=(PROXY,), services=services)
    assert "insist" not in (judged.next_step or "")


def test_a_firewall_that_is_given_names_is_asked_for_apples_networks() -> None:
    """It allows the addresses that it has resolved itself: every host has some of these, and some others."""
    addresses = [f"{prefix}{number}" for prefix in RANGES for number in (1, 2)]
    results, lookups = [], []
    for number, host in enumerate(SIXTEEN.hosts):
        first, second = addresses[number % 8], addresses[(number + 1) % 8]
        dead = first.endswith(".1") and number < 12
        results.append(result(SIXTEEN, 5223, DROPPED if dead else None, host=host, address=first))
        lookups.append(lookup(host, first, second))
    judged = judge(results, services=(SIXTEEN,), lookups=lookups)
    assert (judged.cause, judged.hop) == (Cause.HOSTS_BLOCKED, Hop.FIREWALL)
    assert "to Apple's networks, not to names or single addresses" in (judged.next_step or "")
    assert judged.evidence[0].endswith("; 6 of these hosts answer at other addresses")


DEAD, SOUND = "17.57.144.2", "17.57.144.6"
"""Two addresses that names have."""


def at_one_dead_address(failing: int) -> list[Standing]:
    """Of hosts that have both, so many failed there twice; the next one comes and goes."""
    standings = []
    for number, host in enumerate(SIXTEEN.hosts):
        dead = result(SIXTEEN, 5223, DROPPED, host=host, address=DEAD)
        fine = result(SIXTEEN, 5223, host=host, address=SOUND)
        often = (True, False) * 5
        if number == failing:
            standings.append(standing_of(fine, 0, True, often, dead, failing={DEAD: 3}))
        else:
            standings.append(standing_of(dead, 2, True) if number < failing else standing_of(fine, 0, True))
    return standings


@pytest.mark.parametrize("failing", [0, 1, 3, 4, 6])
@pytest.mark.parametrize("is_reached", [False, True])
def test_a_single_address_that_fails_is_no_block_however_many_hosts_have_it(
    failing: int, is_reached: bool
) -> None:
    """A proxy that is given the name may connect to another of its addresses."""
    named = [result(SIXTEEN, 443, path="proxy", family=Family.NAME, host=host) for host in SIXTEEN.hosts]
    named += [replace(each, port=5223) for each in named]
    lookups = [lookup(host, DEAD, SOUND) for host in SIXTEEN.hosts]
    standings = [*at_one_dead_address(failing), *(once(named) if is_reached else ())]
    found = assess([SIXTEEN], [DIRECT, PROXY], standings, lookups, criteria=Criteria(failures=2)).judgements
    (judged,) = (each for each in found if each.path == "direct")
    assert [(each.cause, each.hop) for each in judged.findings] == [(Cause.HOSTS_UNREACHABLE, Hop.APPLE)]
    assert f"about {DEAD} on port 5223. Only these" in judged.findings[0].next_step


def test_a_single_address_that_another_path_reaches_is_blocked() -> None:
    other = replace(DIRECT, name="other")
    reached = once([result(SIXTEEN, 5223, host=SIXTEEN.hosts[0], address=DEAD, path="other")])
    lookups = [lookup(host, DEAD, SOUND) for host in SIXTEEN.hosts]
    standings = [*at_one_dead_address(4), *reached]
    judged = assess([SIXTEEN], [DIRECT, other], standings, lookups, criteria=Criteria(failures=2)).judgements[
        0
    ]
    assert (judged.cause, judged.hop) == (Cause.HOSTS_BLOCKED, Hop.FIREWALL)


@pytest.mark.parametrize(("fail_beside", "is_proven"), [(0, True), (1, True), (5, False)])
def test_a_range_is_dead_where_more_fails_than_chance_explains(fail_beside: int, is_proven: bool) -> None:
    """Where five of six fail beside it, all ten of its own may fail by chance."""
    many = numbered(16)
    results = [
        result(
            many,
            5223,
            DROPPED if number < 10 + fail_beside else None,
            host=many.hosts[number],
            address=f"{RANGES[number >= 10]}{number + 1}",
        )
        for number in range(16)
    ]
    judged = judge(results, services=(many,))
    causes = {finding.cause for finding in judged.findings}
    assert (Cause.RANGE_BLOCKED in causes) is is_proven


def test_a_dead_range_is_a_limit_where_every_host_has_another_address_too() -> None:
    alive = [
        result(COURIER, 5223, host=host, address=f"17.57.144.{n}") for n, host in enumerate(COURIER.hosts)
    ]
    dead = [
        result(COURIER, 5223, DROPPED, host=host, address=f"17.188.128.{n}")
        for n, host in enumerate(COURIER.hosts)
    ]
    standings = [standing_of(each, 0, True) for each in (*alive, *dead)]
    (judged,) = assess([COURIER], [DIRECT], standings, criteria=Criteria(failures=2)).judgements
    assert (judged.verdict, judged.cause, judged.hop) == (
        Verdict.DEGRADED,
        Cause.RANGE_BLOCKED,
        Hop.FIREWALL,
    )
    assert "17.188.128.0/18" in (judged.next_step or "")


def test_one_dead_address_of_a_range_that_answers_is_no_limit() -> None:
    results = [
        result(COURIER, 5223, DROPPED if last == 1 else None, host=host, address=f"17.57.144.{n}{last}")
        for n, host in enumerate(COURIER.hosts, 1)
        for last in (1, 2)
    ]
    standings = [standing_of(each, 0, True) for each in results]
    (judged,) = assess([COURIER], [DIRECT], standings, criteria=Criteria(failures=2)).judgements
    assert (judged.verdict, judged.findings) == (Verdict.READY, ())


def test_of_a_path_that_is_blocked_on_purpose_nothing_is_asked() -> None:
    judged = judge(couriers(DROPPED), paths=(BLOCKED,))
    assert (judged.verdict, judged.findings, judged.needs) == (Verdict.NOT_READY, (), frozenset())
    assert judged.is_expected


def test_of_a_path_that_is_blocked_on_purpose_what_works_is_the_finding() -> None:
    results = [*couriers(DROPPED), result(API, 443, address="17.188.128.9")]
    judged = judge(results, paths=(BLOCKED,), services=(COURIER, API))
    assert (judged.verdict, judged.cause, judged.hop) == (
        Verdict.NOT_READY,
        Cause.PATH_OPEN,
        Hop.FIREWALL,
    )
    assert not judged.is_expected


def test_a_path_that_is_blocked_on_purpose_is_no_evidence_about_another() -> None:
    other = replace(BLOCKED, name="other")
    works = [result(API, 443, path=name, address="17.188.128.9") for name in ("direct", "other")]
    silent = couriers(DROPPED) + [replace(each, path="other") for each in couriers(DROPPED)]
    judged = assess([COURIER, API], [DIRECT, other], once(works + silent)).judgements[0]
    assert judged.hop is Hop.FIREWALL  # and not Apple, whose couriers nothing reaches


def test_where_the_fallback_is_accepted_it_is_shown_and_nothing_is_asked() -> None:
    results = couriers(DROPPED, (5223,)) + couriers(None, (443,))
    judged = judge(results, paths=(FALLBACK,))
    assert (judged.verdict, judged.findings) == (Verdict.FALLBACK_ONLY, ())
    assert judged.is_expected


def test_where_the_fallback_is_accepted_it_has_to_work() -> None:
    judged = judge(couriers(DROPPED), paths=(FALLBACK,))
    assert (judged.verdict, judged.cause) == (Verdict.NOT_READY, Cause.PORT_BLOCKED)
    assert "5223" not in (judged.next_step or "")
    assert not judged.is_expected


def test_what_is_worse_comes_first() -> None:
    results = couriers(DROPPED, (5223,)) + couriers(None, (443,)) + [result(MDM, 443, DROPPED)]
    judged = judge(results, services=(COURIER, MDM))
    assert [finding.cause for finding in judged.findings] == [Cause.SERVICE_DOWN, Cause.PORT_BLOCKED]


def test_of_ports_and_paths_that_were_not_tried_nothing_is_said() -> None:
    (judged,) = assess([API], [DIRECT], once([result(API, 443, DROPPED, address="17.188.128.9")])).judgements
    assert (
        judged.findings[0].evidence == "on port 443, connections get no answer in the one probe that failed"
    )
    results = [*couriers(), result(API, 443, DROPPED, address="17.188.128.9")]
    blocked = assess([COURIER, API], [DIRECT], once(results)).judgements[1]
    assert blocked.cause is Cause.HOSTS_BLOCKED
    assert blocked.findings[0].evidence == "connections get no answer in the one probe that failed"


def test_what_falls_silent_after_its_certificate_has_no_link_with_a_smaller_mtu() -> None:
    silent = Failure(Phase.TLS, Reason.TLS_TIMEOUT, "no answer")
    results = [result(API, port, silent, address="17.188.128.9", tls=certificate()) for port in API.ports]
    (judged,) = assess([API], [DIRECT], once(results)).judgements
    assert (judged.cause, judged.hop) == (Cause.TLS_STALLS, Hop.FIREWALL)
    assert judged.findings[0].evidence.startswith("TLS falls silent after the certificate in ")
    assert "A filter seems to drop what follows." in judged.findings[0].next_step
    assert "MTU" not in judged.findings[0].next_step


def test_ports_that_fail_in_different_ways_are_told_one_by_one() -> None:
    results = [*couriers(DROPPED, (5223,)), *couriers(REFUSED, (443,))]
    judged = judge(results)
    assert [each.cause for each in judged.findings] == [Cause.PORT_BLOCKED]
    assert judged.findings[0].evidence == (
        "on port 443, connections are refused; on port 5223, connections get no answer (all 8 failed probes)"
    )


def test_only_servers_are_told_what_the_provider_api_needs() -> None:
    broken = Failure(Phase.SESSION, Reason.RESET, "reset")
    results = [*couriers(broken), result(API, 443, broken, address="17.188.128.9")]
    device, provider = assess([COURIER, API], [DIRECT], once(results)).judgements
    assert [each.cause for each in (device, provider)] == [Cause.SESSION_BROKEN] * 2
    assert ["HTTP/2" in (each.next_step or "") for each in (device, provider)] == [False, True]


REFUSED_WITHIN = Failure(Phase.SESSION, Reason.REFUSED, "the request was not answered by APNs: HTTP 405")
ASKED = replace(API, tls=TlsSettings(is_apples=True))


@pytest.mark.parametrize(
    ("service", "tls", "failure", "hop"),
    [
        (ASKED, certificate(), REFUSED_WITHIN, Hop.APPLE),
        (ASKED, certificate(Trust.PUBLIC), REFUSED_WITHIN, Hop.APPLE),
        (ASKED, certificate(), replace(REFUSED_WITHIN, reason=Reason.BAD_ANSWER), Hop.APPLE),
        (ASKED, certificate(), replace(REFUSED_WITHIN, reason=Reason.CLOSED), Hop.PROXY),
        (ASKED, certificate(), replace(REFUSED_WITHIN, reason=Reason.RESET), Hop.PROXY),
        (ASKED, certificate(), replace(REFUSED_WITHIN, reason=Reason.TIMEOUT), Hop.PROXY),
        (ASKED, None, REFUSED_WITHIN, Hop.PROXY),
        # the system's store, in which an interceptor's authority may be
        (API, certificate(Trust.PUBLIC), REFUSED_WITHIN, Hop.PROXY),
        (API, certificate(), REFUSED_WITHIN, Hop.APPLE),
    ],
)
@pytest.mark.parametrize("at_times", [False, True])
def test_what_apple_says_within_tls_is_nobodys_on_the_way(
    service: Service, tls: TlsInfo | None, failure: Failure, hop: Hop, at_times: bool
) -> None:
    failed = result(service, 443, failure, tls=tls, path=PROXY.name, address="17.188.128.9")
    standings = [standing_of(failed, 1, True, (True, False), failed)] if at_times else once([failed])
    random = {Part(PROXY.name, 443, failed.attempt.family): 0.5} if at_times else {}
    (judged,) = assess([service], [PROXY], standings, criteria=Criteria(random=random)).judgements
    assert judged.hop is hop
    if hop is Hop.APPLE:
        assert judged.cause is (Cause.INTERMITTENT if at_times else Cause.SESSION_BROKEN)
        assert "ask Apple" in (judged.next_step or "").replace("Ask", "ask")


def test_where_all_of_a_service_fails_its_addresses_show_no_blocked_ranges() -> None:
    courier2 = numbered(2, "courier2")
    dead = [
        result(courier2, port, DROPPED, host=host, address=f"17.{second}.0.1")
        for host, second in zip(courier2.hosts, (249, 252), strict=True)
        for port in (5223, 443)
    ]
    seen = [*couriers(hosts=(0, 1)), *dead]
    judged = judge(seen, services=(COURIER, courier2))
    assert [finding.cause for finding in judged.findings] == [Cause.HOSTS_BLOCKED]


def test_couriers_lost_over_both_families_are_no_broken_family_whatever_else_answers_over_one() -> None:
    lost = [*couriers(DROPPED), *couriers(DROPPED, family=Family.IPV6)]
    inside = result(replace(MDM, required=True), 443)
    judged = judge([*lost, inside], services=(COURIER, MDM))
    assert (judged.cause, judged.hop) == (Cause.PORT_BLOCKED, Hop.FIREWALL)


@pytest.mark.parametrize(
    ("told_by", "cause"),
    [
        ("10.9.0.1", Cause.HOSTS_BLOCKED),
        ("17.1.2.3", Cause.HOSTS_UNREACHABLE),
        (None, Cause.HOSTS_UNREACHABLE),
    ],
)
def test_what_a_router_on_the_way_rejects_is_not_apples_fault(told_by: str | None, cause: Cause) -> None:
    rejected = Failure(Phase.CONNECT, Reason.HOST_UNREACHABLE, "EHOSTUNREACH", told_by=told_by)
    results = [*couriers(hosts=(1, 2, 3)), *couriers(rejected, hosts=(0,))]
    if told_by is None:
        results = [*couriers(hosts=(1, 2, 3)), *couriers(REFUSED, hosts=(0,))]
    assert judge(results).cause is cause


def test_where_most_hosts_fail_apple_is_not_asked_about_those_that_the_other_path_did_not_visit() -> None:
    many = numbered(13)
    results = [
        result(many, port, DROPPED if number else None, host=host, address=f"17.57.144.{number + 1}")
        for number, host in enumerate(many.hosts)
        for port in many.ports
    ]
    results += [result(many, 5223, host=host, path="proxy", family=Family.NAME) for host in many.hosts[:7]]
    found = assess([many], [DIRECT, PROXY], once(results)).judgements
    (judged,) = (each for each in found if each.path == "direct")
    assert [(finding.cause, finding.hop) for finding in judged.asking] == [
        (Cause.HOSTS_BLOCKED, Hop.FIREWALL)
    ]
    assert "Another path reaches them" not in judged.findings[0].next_step


def test_a_port_that_is_blocked_says_more_than_ipv6_that_is_broken_too() -> None:
    """With IPv6 switched off, the port is blocked as before."""
    ipv6 = couriers(DROPPED, family=Family.IPV6)
    judged = judge([*couriers(DROPPED, (5223,)), *couriers(None, (443,)), *ipv6])
    assert judged.verdict is Verdict.FALLBACK_ONLY
    assert [finding.cause for finding in judged.findings] == [Cause.PORT_BLOCKED, Cause.IPV6_BROKEN]


@pytest.mark.parametrize(
    ("silences", "times"),
    [
        (((900.0, 910.0), (930.0, 940.0), (960.0, 970.0)), "3 times in 1 min"),
        (((930.0, 940.0), (960.0, 970.0)), ""),  # it may have been mended in vain
        (((-2000.0, -1990.0), (930.0, 940.0), (960.0, 970.0)), ""),  # long ago
    ],
)
def test_what_is_lost_time_and_again_is_said_to_come_and_go(
    silences: tuple[tuple[float, float], ...], times: str
) -> None:
    results = [*couriers(DROPPED, (5223,)), *couriers(None, (443,))]
    trends = {Part("direct", 5223, Family.IPV4): Trend(silences=silences)}
    standings = [standing_of(each, 2 * (each.port == 5223), False) for each in results]
    (judged,) = assess(
        [COURIER], [DIRECT], standings, criteria=Criteria(failures=2, trends=trends)
    ).judgements
    (finding,) = judged.findings
    assert finding.cause is Cause.PORT_BLOCKED
    assert ("It comes and goes" in finding.next_step) is bool(times)
    assert (". Before that, it was lost and came back " in finding.evidence) is bool(times)
    assert finding.evidence.endswith(times)


def test_hosts_that_always_fail_among_others_that_never_do_do_not_come_and_go() -> None:
    results = [*couriers(DROPPED, (5223,), hosts=(0, 1)), *couriers(None, (5223,), hosts=(2, 3))]
    results += couriers(None, (443,))
    trends = {
        Part("direct", 5223, Family.IPV4): Trend(silences=((900.0, 901.0), (930.0, 931.0), (960.0, 961.0)))
    }
    standings = [standing_of(each, 2 * (each.attempt.failure is not None), False) for each in results]
    (judged,) = assess(
        [COURIER], [DIRECT], standings, criteria=Criteria(failures=2, trends=trends)
    ).judgements
    (finding,) = judged.findings
    assert "came back" not in finding.evidence
    assert "comes and goes" not in finding.next_step


@pytest.mark.parametrize("by_chance", [True, False])
def test_a_large_hello_is_lost_by_chance_as_others_are(by_chance: bool) -> None:
    cut = Failure(Phase.TLS, Reason.CLOSED, "said")
    standings = [standing_of(each, 1, True, (True, False), each) for each in couriers(cut, (5223,))]
    (tried,) = couriers(None, (5223,), hosts=(0,))
    large = replace(tried, large_hello=LargeHello(1750, cut))
    (judged,) = assess(
        [COURIER],
        [DIRECT],
        standings if by_chance else once([tried]),
        criteria=Criteria(random={Part("direct", 5223, Family.IPV4): 0.5}),
        beside=Beside(large_hellos=(large,)),
    ).judgements
    causes = {finding.cause for finding in judged.findings}
    assert (Cause.LARGE_HELLO_BLOCKED in causes) is not by_chance


def test_one_family_blocked_on_one_port_is_a_blocked_port() -> None:
    results = couriers() + couriers(None, (443,), family=Family.IPV6)
    results += couriers(DROPPED, (5223,), family=Family.IPV6)
    judged = judge(results)
    assert judged.cause is Cause.PORT_BLOCKED
    assert judged.evidence[0] == (
        "on port 5223 over IPv6, connections get no answer in all 4 failed probes; "
        "connections to 443 are established"
    )


def test_a_proxy_without_ipv6_is_told_so() -> None:
    no_route = Failure(HANDSHAKE, Reason.PROXY_TARGET_UNREACHABLE, "HTTP 503")
    for path in (BOTH, LOCAL):
        results = couriers(path=PROXY, spoke=True)
        results += couriers(no_route, path=PROXY, family=Family.IPV6, spoke=True)
        judged = judge(results, paths=(path,))
        assert (judged.cause, judged.hop) == (Cause.IPV6_BROKEN, Hop.PROXY)


def test_a_host_whose_one_port_is_dead_for_all_has_its_other_dead_port_told_too() -> None:
    results = (
        couriers(REFUSED)
        + [result(PROVIDER_API, port, REFUSED, address="17.188.128.9") for port in PROVIDER_API.ports]
        + [result(OPEN, 2195)]
    )
    judged = assess([COURIER, PROVIDER_API, OPEN], [DIRECT], once(results)).judgements[1]
    assert judged.evidence[0] == (
        "on ports 443 and 2197, connections are refused in all 2 failed probes; "
        "connections to 2195 are established"
    )


def test_a_host_that_has_a_port_for_itself_is_no_blocked_port() -> None:
    results = couriers() + [
        result(PROVIDER_API, port, DROPPED, address="17.188.128.9") for port in PROVIDER_API.ports
    ]
    judged = assess([COURIER, PROVIDER_API], [DIRECT], once(results)).judgements[1]
    assert (judged.role, judged.cause) == (Role.PROVIDER, Cause.HOSTS_BLOCKED)


@pytest.mark.parametrize("reason", [Reason.PROXY_TARGET_REFUSED, Reason.PROXY_TARGET_TIMEOUT])
def test_names_for_which_a_proxy_takes_the_broken_ipv6_are_no_fault_of_its_dns(reason: Reason) -> None:
    gone = Failure(HANDSHAKE, reason, "reply 5")
    results = couriers(path=BOTH, spoke=True)
    results += couriers(gone, path=BOTH, family=Family.IPV6, spoke=True)
    results += couriers(gone, path=BOTH, family=Family.NAME, spoke=True)
    judged = judge(results, paths=(BOTH,))
    assert [finding.cause for finding in judged.findings] == [Cause.IPV6_BROKEN]
    assert judged.evidence[0].startswith("over IPv6 and by name, ")


def test_ipv6_that_works_for_another_service_is_not_broken() -> None:
    works = [result(PROVIDER, 443, family=Family.IPV6)]
    results = couriers() + couriers(DROPPED, family=Family.IPV6, hosts=(0,)) + works
    judged = judge(results, services=(COURIER, PROVIDER))
    assert judged.cause is Cause.HOSTS_UNREACHABLE
