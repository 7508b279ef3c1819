"""What stands in the matrix, in the words of the console and of the page."""

from dataclasses import replace

import pytest

from netcheck.facts import Facts
from netcheck.model.failing import REASONS_OF_PHASE, Failure, Phase, Reason
from netcheck.model.findings import Cause, Finding, Hop, Judgement, Needed, Verdict
from netcheck.model.paths import Expected, LoadBalancer, ProbePath, Role
from netcheck.model.services import Service
from netcheck.telling.fields import Fields, balanced, failure_text, seconds_text
from tests.records import COURIER, DROPPED, GATEWAY, facts, result

RETIRED = replace(GATEWAY, is_retired=True)


def said(known: Facts, service: Service, port: int) -> tuple[str, str]:
    field = Fields(known).field(service, port, known.paths[0])
    return field.state, field.says()


def test_no_two_failures_are_named_alike() -> None:
    every = [Failure(phase, reason) for phase, reasons in REASONS_OF_PHASE.items() for reason in reasons]
    assert len({*map(failure_text, every)}) == len(every)


def test_a_field_says_whether_its_failures_matter() -> None:
    needs = frozenset({Needed("courier", 443)})
    judged = Judgement("direct", Role.DEVICE, Verdict.NOT_READY, needs=needs)
    results = [result(COURIER, 443, DROPPED), result(COURIER, 5223, DROPPED), result(RETIRED, 2195, DROPPED)]
    known = facts([COURIER, RETIRED], [ProbePath("direct")], [judged], results)
    assert said(known, COURIER, 443) == ("bad", "connect timeout")
    assert said(known, COURIER, 5223) == ("idle", "not needed: connect timeout")
    assert said(known, RETIRED, 2195) == ("idle", "retired: connect timeout")
    blocked = replace(known, paths=(ProbePath("direct", expected=Expected.BLOCKED),))
    assert said(blocked, COURIER, 5223) == ("idle", "as expected: connect timeout")


@pytest.mark.parametrize(
    ("verdict", "latest", "told"),
    [
        (Verdict.READY, 20.0, ("past", "so far; before: connect timeout")),
        (Verdict.READY, 5.0, ("partly", "connect timeout")),
        (Verdict.DEGRADED, 20.0, ("partly", "connect timeout")),
    ],
)
def test_what_failed_before_it_was_repaired_is_told_as_past(
    verdict: Verdict, latest: float, told: tuple[str, str]
) -> None:
    """Hosts take turns, and those that failed last may be long in coming."""
    needs = frozenset({Needed("courier", 443)})
    judged = Judgement("direct", Role.DEVICE, verdict, needs=needs)
    failed = result(COURIER, 443, DROPPED, at=10.0)
    reached = result(COURIER, 443, host=COURIER.hosts[1], at=latest)
    known = facts([COURIER], [ProbePath("direct")], [judged], [failed, reached])
    assert said(known, COURIER, 443) == told
    finding = Finding(Cause.HOSTS_UNREACHABLE, Hop.APPLE, "", "", about=(failed,), is_remark=True)
    blamed = replace(known, judgements=(replace(judged, findings=(finding,)),))
    assert said(blamed, COURIER, 443) == ("partly", "connect timeout")


def test_a_family_that_this_machine_lacks_is_not_why_the_other_one_fails() -> None:
    no_route = Failure(Phase.CONNECT, Reason.NETWORK_UNREACHABLE, "no route")
    hosts = [(failure, host) for host in COURIER.hosts for failure in (no_route, no_route, DROPPED)]
    results = [result(COURIER, 443, failure, host=host) for failure, host in hosts]
    judged = Judgement("direct", Role.DEVICE, Verdict.NOT_READY, needs=frozenset({Needed("courier", 443)}))
    assert said(facts([COURIER], [ProbePath("direct")], [judged], results), COURIER, 443) == (
        "bad",
        "connect timeout",
    )


def test_a_field_says_how_long_a_probe_takes_and_where_there_was_none() -> None:
    known = facts([COURIER], [ProbePath("direct")], [], [result(COURIER, 443)])
    assert said(known, COURIER, 443) == ("ok", "20 ms")
    assert said(known, COURIER, 5223) == ("waiting", "not probed")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00003, "<0.1 ms"),
        (0.00006, "0.1 ms"),
        (0.00042, "0.4 ms"),
        (0.0040391, "4.0 ms"),
        (0.02, "20 ms"),
        (0.99949, "999 ms"),
        (0.9996, "1.0 s"),
        (4.0391, "4.0 s"),
        (9.96, "10 s"),
        (12.4, "12 s"),
    ],
)
def test_times_have_two_digits_that_count(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("phase", "reason", "text"),
    [
        (Phase.CONNECT, Reason.TIMEOUT, "connect timeout"),
        (Phase.PROXY_CONNECT, Reason.REFUSED, "proxy connect refused"),
        (Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, "proxy denied"),
        (Phase.TLS, Reason.TLS_INTERCEPTED, "tls intercepted"),
        (Phase.TLS, Reason.RESET, "tls reset"),
        (Phase.RESOLVE, Reason.NXDOMAIN, "dns nxdomain"),
        (Phase.RESOLVE, Reason.REFUSED_BY_SERVER, "dns refused by server"),
        (Phase.RESOLVE, Reason.RESOLVER_UNREACHABLE, "resolver unreachable"),
        (Phase.PROXY_RESOLVE, Reason.NXDOMAIN, "proxy resolve nxdomain"),
        (Phase.PROXY_RESOLVE, Reason.DNS_TIMEOUT, "proxy resolve dns timeout"),
        (Phase.PROXY_TLS, Reason.TLS_EXPIRED, "proxy tls expired"),
        (Phase.PROXY_TLS, Reason.TLS_NOT_TLS, "proxy tls not tls"),
        (Phase.PROXY_TLS, Reason.RESET, "proxy tls reset"),
        (Phase.SESSION, Reason.CLOSED, "session closed"),
        (Phase.SESSION, Reason.TLS_ALERT, "session tls alert"),
    ],
)
def test_a_failure_is_named_once(phase: Phase, reason: Reason, text: str) -> None:
    assert failure_text(Failure(phase, reason)) == text


def test_a_host_that_one_of_its_load_balancers_does_not_reach_is_not_whole() -> None:
    path = ProbePath(
        "dmz", load_balancer=tuple((GATEWAY.hosts[0], LoadBalancer(f"10.1.1.{n}", None)) for n in (20, 21))
    )
    results = [
        result(GATEWAY, 2195, path="dmz", balancer="10.1.1.20:2195"),
        result(GATEWAY, 2195, DROPPED, path="dmz", balancer="10.1.1.21:2195"),
    ]
    needs = frozenset({Needed("gateway", 2195)})
    judged = Judgement("dmz", Role.PROVIDER, Verdict.DEGRADED, needs=needs)
    known = facts([GATEWAY], [path], [judged], results)
    assert said(known, GATEWAY, 2195) == ("partly", "connect timeout")
    assert [(each.balancer, each.says) for each in balanced(results)] == [
        ("10.1.1.20:2195", "works"),
        ("10.1.1.21:2195", "connect timeout"),
    ]
