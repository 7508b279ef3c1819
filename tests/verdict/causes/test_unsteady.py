"""What fails at one time and not at another, or at one address and not at another."""

from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Reason
from netcheck.model.findings import Cause, Hop, Judgement
from netcheck.model.paths import Family
from netcheck.model.trends import Part
from netcheck.state.endpoints import standings_of
from netcheck.state.state import State
from netcheck.verdict.assessing import assess
from netcheck.verdict.counting import Criteria
from tests.records import DROPPED, REFUSED, once, standing_of, visit
from tests.verdict.scene import COURIER, DIRECT, HANDSHAKE, PROVIDER_API, PROXY, couriers, through

UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\n"


def judged_by_turns(failure: Failure, *, spoke: bool) -> Judgement:
    """What is said where each other visit fails so."""
    state = State()
    state.configure([PROVIDER_API], [PROXY])
    for number, failed in enumerate([None, failure] * 5):
        at, says = 60.0 * number + 1.0, spoke or failed is None
        seen = [through(PROVIDER_API, port, failed, spoke=says, at=at) for port in PROVIDER_API.ports]
        by_name = [replace(each, attempt=replace(each.attempt, address=None)) for each in seen]
        state.record(visit(*by_name))
    standings = list(standings_of(state.endpoints.latest))
    (judged,) = assess(
        [PROVIDER_API], [PROXY], standings, criteria=Criteria(window=180, failures=2)
    ).judgements
    return judged


@pytest.mark.parametrize("reason", [Reason.PROXY_TIMEOUT, Reason.PROXY_CLOSED, Reason.RESET])
def test_a_proxy_that_says_nothing_at_one_time_and_answers_at_another_is_one(reason: Reason) -> None:
    judged = judged_by_turns(Failure(HANDSHAKE, reason, "no answer"), spoke=False)
    assert (judged.cause, judged.hop) == (Cause.INTERMITTENT, Hop.PROXY)
    assert "it may lack capacity or limit connections" in (judged.next_step or "")


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (Reason.PROXY_TARGET_UNREACHABLE, "It says 503 at one time and not at another: it may lack capacity"),
        (Reason.PROXY_TARGET_TIMEOUT, "one of several links or members seems to be broken"),  # Squid's errno
    ],
)
def test_a_503_at_times_is_called_load_only_where_the_proxy_calls_it_so(reason: Reason, why: str) -> None:
    judged = judged_by_turns(Failure(HANDSHAKE, reason, "HTTP 503", UNAVAILABLE), spoke=True)
    assert (judged.cause, judged.hop) == (Cause.INTERMITTENT, Hop.PROXY)
    assert why in (judged.next_step or "")


@pytest.mark.parametrize("reason", [Reason.PROXY_DENIED, Reason.PROXY_AUTH_REQUIRED])
def test_what_a_proxy_denies_at_one_time_and_not_at_another_is_no_rule_of_its(reason: Reason) -> None:
    """It limits connections at once, or stands for several."""
    judged = judged_by_turns(Failure(HANDSHAKE, reason, "HTTP 4xx"), spoke=True)
    assert (judged.cause, judged.hop) == (Cause.INTERMITTENT, Hop.PROXY)
    may_limit = "it may limit connections at once" in (judged.next_step or "")
    assert may_limit == (reason is Reason.PROXY_DENIED)
    assert "one of several members has other rules" in (judged.next_step or "")


@pytest.mark.parametrize("reason", [Reason.PROXY_DENIED, Reason.PROXY_AUTH_REQUIRED])
@pytest.mark.parametrize("fails_at", [(), ("17.57.144.1",)])
def test_what_a_proxy_denies_for_one_host_is_never_apples(reason: Reason, fails_at: tuple[str, ...]) -> None:
    """Be it at times, or each time at one of its addresses."""
    denied = Failure(HANDSHAKE, reason, "HTTP 4xx")
    standings = once(couriers(None, (443,), path=PROXY, hosts=(1, 2, 3), spoke=True))
    (failing,) = couriers(denied, (443,), path=PROXY, hosts=(0,), spoke=True)
    (fine,) = couriers(None, (443,), path=PROXY, hosts=(0,), spoke=True)
    recent = (True, False) * 5 if not fails_at else (True,) * 10
    address = failing.attempt.address or ""
    standings += [
        standing_of(fine, 0, True, recent, failing, failing={address: 3} if fails_at else {}),
        *([standing_of(failing, 0, True, recent, failing, failing={address: 3})] if fails_at else []),
    ]
    (judged,) = assess([COURIER], [PROXY], standings, criteria=Criteria(failures=2)).judgements
    assert judged.hop is Hop.PROXY


@pytest.mark.parametrize(("failure", "count"), [(REFUSED, 1), (DROPPED, 2)])
def test_what_fails_each_time_as_others_do_by_chance_is_no_fault_of_its(failure: Failure, count: int) -> None:
    by_chance = couriers(REFUSED, (5223,), hosts=(0, 1))
    each_time = couriers(failure, (5223,), hosts=(2, 3))
    standings = [standing_of(each, 1, True, (True, False), each) for each in by_chance]
    standings += [standing_of(each, 8, True, (False,) * 8, each) for each in each_time]
    random = {Part("direct", 5223, Family.IPV4): 0.5}
    (judged,) = assess([COURIER], [DIRECT], standings, criteria=Criteria(random=random)).judgements
    assert (judged.cause, judged.hop) == (Cause.INTERMITTENT, Hop.FIREWALL)
    assert judged.evidence[0] == "Reached at one time and not at another: 2 hosts"
    assert len(judged.findings) == count


@pytest.mark.parametrize(("failures", "share", "expected"), [(8, 0.9, True), (8, 0.5, False), (2, 0.5, True)])
def test_a_host_fails_as_often_in_a_row_as_chance_explains(
    failures: int, share: float, expected: bool
) -> None:
    failed = couriers(DROPPED, (5223,))
    standings = [standing_of(each, failures, True, (True, *(False,) * failures), each) for each in failed]
    random = {Part("direct", 5223, Family.IPV4): share}
    (judged,) = assess([COURIER], [DIRECT], standings, criteria=Criteria(random=random)).judgements
    assert (judged.cause is Cause.INTERMITTENT) is expected
