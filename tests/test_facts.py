"""What is made of a state at one moment."""

from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.facts import Belief, Facts, facts_of
from netcheck.model.bags import Bag
from netcheck.model.findings import Cause, Finding, Hop, Judgement, Verdict
from netcheck.model.holds import Hold, HoldKey
from netcheck.model.paths import Family, ProbePath, Role
from netcheck.model.push_certificates import PushCertificate, PushCertificateFile
from netcheck.model.results import Endpoint
from netcheck.model.services import Service
from netcheck.state.state import State
from tests.records import COURIER, REFUSED, lookup, result, visit

DIRECT = ProbePath("direct")
HELD = replace(COURIER, hold=60.0)
MDM = PushCertificateFile("mdm", Path("mdm.pem"))
HOST = COURIER.hosts[0]


def configured() -> State:
    state = State()
    state.configure([HELD], [DIRECT], [MDM])
    return state


HOLD = Hold(0.0, HoldKey("courier", "direct", Family.IPV4), HOST, 5223, 10.0)


def test_facts_that_are_kept_do_not_change_with_the_state() -> None:
    state = configured()
    state.record(visit(result(COURIER, 5223), lookups=(lookup(HOST, "192.0.2.1"),)))
    kept = facts_of(state, Belief())
    shown = (list(kept.results), list(kept.lookups), dict(kept.holds), kept.push_certificates)
    state.record(visit(result(COURIER, 5223, REFUSED), lookups=(lookup(HOST, "192.0.2.9"),)))
    state.record_hold(HOLD)
    state.record_push_certificate(PushCertificate("mdm", error="gone"))
    assert (list(kept.results), list(kept.lookups), dict(kept.holds), kept.push_certificates) == shown


def test_facts_hold_what_a_bag_said_and_where_it_disagrees() -> None:
    bag = Bag("courier.push.apple.com", 30, True, None, 900.0)
    fetching = Service("bag", ("init.test",), (443,), required=False, bag="/bag")
    state = State()
    state.configure([fetching], [DIRECT])
    fetched = result(fetching, 443)
    state.record(visit(replace(fetched, attempt=replace(fetched.attempt, bag=bag))))
    (seen,) = facts_of(state, Belief()).bags
    assert (seen.path, seen.host, seen.bag) == ("direct", "init.test", bag)


def with_judgements(*judgements: Judgement) -> Facts:
    return replace(facts_of(configured(), Belief()), judgements=judgements)


PORT = Finding(Cause.PORT_BLOCKED, Hop.FIREWALL, "1 of 2", "Open 5223.")
PLAIN = Judgement("direct", Role.DEVICE, Verdict.NOT_READY)


def test_one_thing_that_is_wrong_for_two_roles_is_one_finding() -> None:
    other = replace(PORT, evidence="0 of 1")
    device, provider = replace(PLAIN, findings=(PORT,)), replace(PLAIN, role=Role.PROVIDER, findings=(other,))
    (found,) = with_judgements(device, provider).findings
    assert found == (PORT, (device, provider), ("1 of 2", "0 of 1"))


def test_two_things_that_are_wrong_for_one_role_are_two_findings() -> None:
    inspected = Finding(Cause.TLS_INTERCEPTED, Hop.FIREWALL, "CN=Inspector", "Exempt.")
    both = replace(PLAIN, findings=(PORT, inspected))
    assert [found.finding for found in with_judgements(both).findings] == [PORT, inspected]


def test_the_same_on_two_paths_is_two_findings() -> None:
    here = replace(PLAIN, findings=(PORT,))
    assert len(with_judgements(here, replace(here, path="wifi")).findings) == 2


@pytest.mark.parametrize(
    ("verdicts", "ready"),
    [((), False), ((Verdict.READY, Verdict.READY), True), ((Verdict.READY, Verdict.DEGRADED), False)],
)
def test_all_is_ready_when_everything_that_is_judged_is(verdicts: tuple[Verdict, ...], ready: bool) -> None:
    assert with_judgements(*(replace(PLAIN, verdict=verdict) for verdict in verdicts)).ready is ready


def test_hosts_stand_together_by_port_path_and_family() -> None:
    state = configured()
    for host in COURIER.hosts:
        state.record(visit(result(COURIER, 5223, host=host)))
    known = facts_of(state, Belief())
    key = ("courier", 5223, "direct", Family.IPV4)
    assert list(known.hosts) == [key]
    assert list(known.hosts[key]) == [
        known.endpoints[Endpoint("courier", host, 5223, "direct", Family.IPV4)] for host in COURIER.hosts
    ]
