"""Load balancers that stand in for Apple's hosts."""

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import LoadBalancer, ProbePath
from netcheck.model.results import Standing
from netcheck.verdict.assessing import assess
from tests.records import DROPPED, REFUSED, once, result
from tests.verdict.scene import API, BALANCED, certificate

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
    results = [result(API, 443, failure, path="lb", address="10.1.1.20")]
    (judged,) = assess([API], [BALANCED], once(results)).judgements
    assert (judged.verdict, judged.cause, judged.hop) == (Verdict.NOT_READY, cause, Hop.LOAD_BALANCER)
    assert judged.findings[0].owner == "the load balancer 10.1.1.20:8443"


def test_an_address_of_ipv6_stands_in_brackets_before_its_port() -> None:
    path = ProbePath("lb", load_balancer=(("api.push.apple.com", LoadBalancer("fd00::1:443", None)),))
    results = [result(API, 443, REFUSED, path="lb", address="fd00::1:443")]
    (judged,) = assess([API], [path], once(results)).judgements
    assert judged.findings[0].owner == "the load balancer [fd00::1:443]:443"


@pytest.mark.parametrize("failure", [CLOSED, REFUSED])
@pytest.mark.parametrize("is_up", [True, False])
def test_half_of_its_connections_that_fail_are_a_limit_whatever_the_last_one_did(
    failure: Failure, is_up: bool
) -> None:
    failed = result(API, 443, failure, path="lb", address="10.1.1.20")
    latest = result(API, 443, path="lb", address="10.1.1.20") if is_up else failed
    recent = (False, True) * 4 if is_up else (True, False) * 4
    standing = Standing(latest, int(not is_up), True, recent, failed)
    (judged,) = assess([API], [BALANCED], [standing], failures=2).judgements
    assert (judged.verdict, judged.cause) == (Verdict.DEGRADED, Cause.BALANCER_MEMBERS_DOWN)
    assert judged.hop is Hop.LOAD_BALANCER


def test_a_member_that_is_another_host_of_apples_is_no_balancer_that_ends_tls() -> None:
    mismatch = Failure(Phase.TLS, Reason.TLS_NAME_MISMATCH, "not for api.push.apple.com")
    tls = certificate(subject="courier.push.apple.com", is_for_host=False)
    results = [result(API, 443, mismatch, path="lb", address="10.1.1.20", tls=tls)]
    (judged,) = assess([API], [BALANCED], once(results)).judgements
    assert (judged.cause, judged.hop) == (Cause.WRONG_PEER, Hop.LOAD_BALANCER)
