"""Load balancers that stand in for Apple's hosts."""

from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Family, LoadBalancer, ProbePath, ProxyProtocol
from netcheck.model.results import Result
from netcheck.model.services import Service
from netcheck.verdict.assessing import assess
from netcheck.verdict.counting import Criteria
from tests.records import DROPPED, REFUSED, once, result, standing_of
from tests.verdict.scene import API, BALANCED, MDM, certificate

CLOSED = Failure(Phase.TLS, Reason.CLOSED, "closed after 0 bytes")


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (REFUSED, Cause.BALANCER_DOWN),
        (DROPPED, Cause.BALANCER_DOWN),
        (CLOSED, Cause.BALANCER_MEMBERS_DOWN),
        (Failure(Phase.TLS, Reason.RESET, ""), Cause.BALANCER_MEMBERS_DOWN),
        (Failure(Phase.TLS, Reason.TLS_TIMEOUT, ""), Cause.BALANCER_MEMBERS_DOWN),
        (Failure(Phase.TLS, Reason.TLS_INTERCEPTED, ""), Cause.BALANCER_ENDS_TLS),
        (Failure(Phase.TLS, Reason.TLS_NAME_MISMATCH, ""), Cause.BALANCER_ENDS_TLS),
        (Failure(Phase.TLS, Reason.TLS_NOT_TLS, ""), Cause.BALANCER_ENDS_TLS),
    ],
)
def test_those_who_run_the_balancer_are_asked(failure: Failure, cause: Cause) -> None:
    results = [result(API, 443, failure, path="lb", balancer="10.1.1.20:8443")]
    (judged,) = assess([API], [BALANCED], once(results)).judgements
    assert (judged.verdict, judged.cause, judged.hop) == (Verdict.NOT_READY, cause, Hop.LOAD_BALANCER)
    assert judged.findings[0].owner == "the load balancer 10.1.1.20:8443"


def test_an_address_of_ipv6_stands_in_brackets_before_its_port() -> None:
    path = ProbePath("lb", load_balancer=(("api.push.apple.com", LoadBalancer("fd00::1:443", None)),))
    results = [result(API, 443, REFUSED, path="lb", balancer="[fd00::1:443]:443")]
    (judged,) = assess([API], [path], once(results)).judgements
    assert judged.findings[0].owner == "the load balancer [fd00::1:443]:443"


@pytest.mark.parametrize("failure", [CLOSED, REFUSED])
@pytest.mark.parametrize("is_up", [True, False])
def test_half_of_its_connections_that_fail_are_a_limit_whatever_the_last_one_did(
    failure: Failure, is_up: bool
) -> None:
    failed = result(API, 443, failure, path="lb", balancer="10.1.1.20:8443")
    latest = result(API, 443, path="lb", balancer="10.1.1.20:8443") if is_up else failed
    recent = (False, True) * 4 if is_up else (True, False) * 4
    standing = standing_of(latest, int(not is_up), True, recent, failed)
    (judged,) = assess([API], [BALANCED], [standing], criteria=Criteria(failures=2)).judgements
    assert (judged.verdict, judged.cause) == (Verdict.DEGRADED, Cause.BALANCER_MEMBERS_DOWN)
    assert judged.hop is Hop.LOAD_BALANCER


def test_a_member_that_is_another_host_of_apples_is_no_balancer_that_ends_tls() -> None:
    mismatch = Failure(Phase.TLS, Reason.TLS_NAME_MISMATCH, "not for api.push.apple.com")
    tls = certificate(subject="courier.push.apple.com", is_for_host=False)
    results = [result(API, 443, mismatch, path="lb", balancer="10.1.1.20:8443", tls=tls)]
    (judged,) = assess([API], [BALANCED], once(results)).judgements
    assert (judged.cause, judged.hop) == (Cause.WRONG_PEER, Hop.LOAD_BALANCER)


TWO = ProbePath(
    "lb",
    load_balancer=tuple(
        ("api.push.apple.com", LoadBalancer(address, None)) for address in ("10.1.1.20", "10.1.1.21")
    ),
)
ONE_AT, OTHER_AT = "10.1.1.20:443", "10.1.1.21:443"


@pytest.mark.parametrize("failure", [REFUSED, CLOSED])
def test_of_two_the_one_that_does_not_answer_is_named_and_the_path_is_limited(failure: Failure) -> None:
    results = [
        result(API, 443, failure, path="lb", balancer=ONE_AT),
        result(API, 443, path="lb", balancer=OTHER_AT),
    ]
    (judged,) = assess([API], [TWO], once(results)).judgements
    assert (judged.verdict, judged.hop) == (Verdict.DEGRADED, Hop.LOAD_BALANCER)
    assert judged.findings[0].owner == f"the load balancer {ONE_AT}"
    assert judged.findings[0].evidence.endswith(f"; {OTHER_AT} works")
    assert OTHER_AT not in (judged.next_step or "")


def test_where_both_do_not_answer_both_are_named() -> None:
    results = [result(API, 443, REFUSED, path="lb", balancer=balancer) for balancer in (ONE_AT, OTHER_AT)]
    (judged,) = assess([API], [TWO], once(results)).judgements
    assert (judged.verdict, judged.cause) == (Verdict.NOT_READY, Cause.BALANCER_DOWN)
    assert judged.findings[0].owner == f"the load balancers {ONE_AT} and {OTHER_AT}"
    assert "to make sure that the load balancers run and can be reached" in judged.findings[0].next_step


def test_one_of_two_that_fails_at_times_is_a_limit_though_the_host_always_answers() -> None:
    failed = result(API, 443, CLOSED, path="lb", balancer=ONE_AT)
    standings = [
        standing_of(result(API, 443, path="lb", balancer=ONE_AT), 0, True, (True, False) * 4, failed),
        standing_of(result(API, 443, path="lb", balancer=OTHER_AT), 0, True, (True,) * 8),
    ]
    (judged,) = assess([API], [TWO], standings, criteria=Criteria(failures=2)).judgements
    assert (judged.verdict, judged.cause) == (Verdict.DEGRADED, Cause.BALANCER_MEMBERS_DOWN)
    assert judged.findings[0].owner == f"the load balancer {ONE_AT}"


def test_one_of_two_that_fails_once_is_an_accident() -> None:
    standings = [
        standing_of(result(API, 443, REFUSED, path="lb", balancer=ONE_AT), 1, True),
        standing_of(result(API, 443, path="lb", balancer=OTHER_AT), 0, True),
    ]
    (judged,) = assess([API], [TWO], standings, criteria=Criteria(failures=2)).judgements
    assert judged.verdict is Verdict.READY


@pytest.mark.parametrize("reason", [Reason.NETWORK_UNREACHABLE, Reason.NO_LOCAL_ADDRESS])
def test_one_of_a_family_that_this_machine_lacks_is_no_matter_of_its_owners(reason: Reason) -> None:
    no_way = Failure(Phase.CONNECT, reason, "connect")
    results = [
        result(API, 443, no_way, path="lb", balancer="[fd00::20]:443", family=Family.IPV6),
        result(API, 443, path="lb", balancer=OTHER_AT),
    ]
    (judged,) = assess([API], [TWO], once(results)).judgements
    assert (judged.verdict, judged.cause) == (Verdict.DEGRADED, Cause.LOCAL_MACHINE)
    assert "set up IPv6 with a route to the load balancer [fd00::20]:443" in (judged.next_step or "")


SHARED = ProbePath(
    "lb",
    load_balancer=tuple((host, LoadBalancer("10.1.1.20", None)) for host in (*API.hosts, "mdm.test")),
)
WRONG_NAME = Failure(Phase.TLS, Reason.TLS_NAME_MISMATCH, "not for this name")


def at_shared(service: Service, failure: Failure | None = None, subject: str = "") -> Result:
    tls = certificate(subject=subject or service.hosts[0], is_for_host=not subject)
    return result(service, 443, failure, path="lb", balancer=ONE_AT, tls=tls)


@pytest.mark.parametrize(("led_astray", "right"), [(API, MDM), (MDM, API)])
@pytest.mark.parametrize("subject", ["", "www.corp.test"])
def test_a_name_that_is_led_to_another_host_is_told_with_what_answered(
    led_astray: Service, right: Service, subject: str
) -> None:
    astray = at_shared(led_astray, WRONG_NAME, subject or right.hosts[0])
    judged = [
        each
        for each in assess([API, MDM], [SHARED], once([astray, at_shared(right)])).judgements
        if each.role in led_astray.roles
    ]
    (finding,) = judged[0].findings
    assert (finding.cause, finding.hop) == (Cause.WRONG_PEER, Hop.LOAD_BALANCER)
    assert f"where it leads {led_astray.hosts[0]} on port 443: " in finding.next_step
    assert f"{subject or right.hosts[0]} answers" in finding.next_step


def test_a_name_that_alone_gets_no_answer_may_have_no_rule() -> None:
    judged = assess([API, MDM], [SHARED], once([at_shared(API, CLOSED), at_shared(MDM)])).judgements
    (finding,) = next(each for each in judged if each.role in API.roles).findings
    assert finding.cause is Cause.BALANCER_MEMBERS_DOWN
    assert "Other names are passed on: there may be no rule for this one (SNI)." in finding.next_step


def test_a_header_that_nobody_expects_may_be_left_out() -> None:
    path = replace(BALANCED, proxy_protocol=ProxyProtocol.V2)
    failure = Failure(Phase.TLS, Reason.TLS_NOT_TLS, "HTTP", is_of_header=True)
    (judged,) = assess(
        [API], [path], once([result(API, 443, failure, path="lb", balancer="10.1.1.20:8443")])
    ).judgements
    assert judged.cause is Cause.BALANCER_HEADER
    assert "take `proxy_protocol` from the path lb in the config" in (judged.next_step or "")


@pytest.mark.parametrize(
    ("version", "what"),
    [
        (
            ProxyProtocol.V2,
            "without `proxy_protocol`, in the config. Other load balancers of lb want it.",
        ),
        (None, "move it to another path, with `proxy_protocol: v2`, in the config. If not, ask "),
    ],
)
def test_where_others_of_the_path_work_as_it_is_its_header_is_not_to_be_changed(
    version: ProxyProtocol | None, what: str
) -> None:
    path = replace(SHARED, proxy_protocol=version)
    failure = Failure(Phase.TLS, Reason.CLOSED, "closed", is_of_header=True)
    found = assess([API, MDM], [path], once([at_shared(API, failure), at_shared(MDM)])).judgements
    (finding,) = next(each for each in found if each.role in API.roles).findings
    assert finding.cause is Cause.BALANCER_HEADER
    assert what in finding.next_step
