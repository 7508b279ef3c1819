"""When the facts of a state are made anew, and when a change is told."""

from dataclasses import replace
from typing import Any

import pytest

from netcheck import facts as facts_module
from netcheck.facts import Belief, facts_of
from netcheck.model.failing import Failure
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.paths import Binding, Family, ProbePath, Proxy, ProxyScheme
from netcheck.model.push_certificates import PushCertificate
from netcheck.model.services import Service
from netcheck.settling import LatestFacts
from netcheck.state.state import State
from netcheck.verdict.assessing import Assessment, assess
from tests.calls import Counted
from tests.records import COURIER, DROPPED, GATEWAY, PROVIDER, REFUSED, result, visit
from tests.test_facts import DIRECT, HELD, HOLD, configured


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch, facts_module, "assess")


def test_without_a_change_the_facts_stay_the_same_and_nothing_is_judged_again(engine: Counted) -> None:
    state = configured()
    latest = LatestFacts(state, Belief())
    first = latest.now()
    assert [latest.now() is first for _ in range(10)] == [True] * 10
    assert engine.runs == 1


def test_many_changes_between_two_looks_are_judged_once(engine: Counted) -> None:
    state = configured()
    latest = LatestFacts(state, Belief())
    latest.now()
    for _ in range(10):
        state.record(visit(result(COURIER, 5223)))
    assert engine.runs == 1
    latest.now()
    assert engine.runs == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.configure([HELD], [DIRECT]),
        lambda state: state.record(visit(result(COURIER, 5223))),
        lambda state: state.record_hold(HOLD),
        lambda state: state.record_push_certificate(PushCertificate("mdm", error="gone")),
    ],
    ids=["configure", "visit", "hold", "certificate"],
)
def test_every_way_to_change_the_state_makes_new_facts(change: object) -> None:
    state = configured()
    latest = LatestFacts(state, Belief())
    before = latest.now()
    assert callable(change)
    change(state)
    assert latest.now() is not before


def test_how_netcheck_itself_is_doing_is_seen_at_once_and_makes_no_new_facts() -> None:
    state = configured()
    latest = LatestFacts(state, Belief())
    before = latest.now()
    state.own.skipped["late"] = 3
    assert latest.now() is before
    assert latest.now().totals.own.skipped["late"] == 3


def test_another_belief_makes_new_facts_and_the_same_one_does_not() -> None:
    state = configured()
    for each in (result(COURIER, 5223), result(COURIER, 5223, REFUSED)):
        state.record(visit(each))
    latest = LatestFacts(state, Belief(failures=2))
    before = latest.now()
    latest.believe(Belief(failures=2))
    assert latest.now() is before
    latest.believe(Belief(failures=1))
    (doubting,), (believing,) = before.judgements, latest.now().judgements
    assert doubting.verdict is not Verdict.NOT_READY
    assert believing.verdict is not doubting.verdict


def test_what_was_judged_first_and_ends_last_does_not_put_the_facts_back() -> None:
    state = configured()
    latest = LatestFacts(state, Belief())
    state.record(visit(result(COURIER, 5223)))
    old = latest.news()
    state.record(visit(result(COURIER, 443)))
    new = latest.news()
    assert old is not None
    assert new is not None
    latest.take(new, new.facts())
    latest.take(old, old.facts())
    assert {endpoint.port for endpoint in latest.latest.endpoints} == {443}
    assert latest.news() is None


CHANGING = Belief(120.0, 1, patience=30.0)
MANY = replace(COURIER, hosts=tuple(f"{n}-courier.test" for n in range(12)))


class Changing:
    """A state of many couriers on one port, and what is shown of it."""

    def __init__(self) -> None:
        self.state = State()
        self.state.configure([MANY], [DIRECT])
        self.latest = LatestFacts(self.state, CHANGING)
        self.now = 1000.0

    def see(self, *hosts: int, fails: bool = False) -> Judgement:
        for host in hosts:
            self.now += 1
            failed = REFUSED if fails else None
            seen = [
                result(MANY, port, failed, host=MANY.hosts[host], at=self.now, address=f"192.0.2.{host}")
                for port in MANY.ports
            ]
            self.state.record(visit(*seen))
        (judged,) = self.latest.now().judgements
        return judged


def test_until_it_is_clear_what_is_changing_the_verdict_stays_and_says_since_when() -> None:
    changing = Changing()
    assert changing.see(0, 1).verdict is Verdict.READY
    judged = changing.see(2, 3, 4, fails=True)
    assert judged.verdict is Verdict.READY
    assert [doubt.split(" since ")[0] for doubt in judged.doubts] == [
        "Nothing has answered on port 443 over IPv4",
        "Nothing has answered on port 5223 over IPv4",
    ]
    assert judged.evidence[:2] == judged.doubts
    judged = changing.see(5, 6, 7, fails=True)
    assert (judged.verdict, judged.doubts) == (Verdict.NOT_READY, ())


def test_until_then_it_is_unknown_how_a_path_is_that_nobody_knew() -> None:
    judged = Changing().see(0, 1, fails=True)
    assert (judged.verdict, judged.findings) == (Verdict.UNKNOWN, ())


def test_what_nobody_needs_does_not_keep_the_first_verdict_from_waiting() -> None:
    changing = Changing()
    changing.state.configure([MANY, GATEWAY], [DIRECT])
    changing.state.begin_inquiry(["direct"])
    changing.state.record(visit(result(GATEWAY, 2195, at=changing.now)))
    assert changing.see().verdict is Verdict.UNKNOWN
    assert changing.see(0, 1, fails=True).verdict is Verdict.UNKNOWN
    assert changing.see(0, 1, fails=True).verdict is Verdict.UNKNOWN


def test_the_first_verdict_of_a_new_path_waits_however_long_ago_others_were_visited() -> None:
    changing = Changing()
    changing.see(0, 1)
    changing.state.configure([MANY], [DIRECT, ProbePath("new")])
    changing.state.begin_inquiry(["new"])
    changing.latest.now()
    changing.now += 10 * CHANGING.patience
    changing.state.record(visit(result(MANY, 5223, REFUSED, path="new", at=changing.now)))
    changing.state.record(visit(result(MANY, 5223, REFUSED, path="new", at=changing.now + 1)))
    assert changing.latest.now().judgements[1].verdict is Verdict.UNKNOWN


def test_that_all_is_well_is_said_as_soon_as_it_is_so() -> None:
    changing = Changing()
    changing.see(*range(8), fails=True)
    judged = changing.see(8)
    assert (judged.verdict, judged.doubts) == (Verdict.NOT_READY, ())  # one host may be the only one
    assert changing.see(9).doubts[0].startswith("Port 443 over IPv4 answers again since ")
    assert changing.see(10).verdict is Verdict.READY


def test_a_verdict_waits_for_an_inquiry_to_end() -> None:
    changing = Changing()
    changing.see(0, 1)
    changing.state.begin_inquiry(["direct"])
    assert changing.see(*range(2, 9), fails=True).verdict is Verdict.READY
    changing.state.end_inquiry(["direct"])
    assert changing.see().verdict is Verdict.NOT_READY


def test_what_rests_on_failures_from_before_waits_until_somebody_looks_again_or_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stale(*known: Any, **how: Any) -> Assessment:
        found = assess(*known, **how)
        return replace(found, judgements=[replace(each, is_stale=True) for each in found.judgements])

    changing = Changing()
    changing.see(0, 1)
    monkeypatch.setattr(facts_module, "assess", stale)
    assert changing.see(*range(2, 9), fails=True).verdict is Verdict.READY
    changing.now += 4 * CHANGING.patience
    assert changing.see(9, fails=True).verdict is Verdict.NOT_READY


def test_a_verdict_does_not_wait_for_ever() -> None:
    changing = Changing()
    changing.see(0, 1)
    changing.state.begin_inquiry(["direct"])
    changing.see(*range(2, 9), fails=True)
    changing.now += 3 * CHANGING.patience
    assert changing.see(9, fails=True).verdict is Verdict.NOT_READY


def test_a_silence_keeps_nobody_from_asking_apple_about_what_is_all_down() -> None:
    """Where its other services answer in between, this is how an outage of Apple's couriers begins."""
    others = ProbePath("dmz", binding=Binding(interface="eth1"))
    hosts = tuple(f"{n}-courier.push.apple.com" for n in range(12))
    couriers = replace(MANY, ports=(443,), hosts=hosts)
    provider = replace(PROVIDER, ports=(443,), hosts=("api.push.apple.com",))
    state = State()
    state.configure([couriers, provider], [DIRECT, others])
    latest, now = LatestFacts(state, CHANGING), 1000.0

    def see(*results: tuple[Service, int]) -> Judgement:
        nonlocal now
        for service, host in results:
            now += 1
            failed = DROPPED if service is couriers else None
            for path in (DIRECT, others):
                host_of, address = service.hosts[host], f"17.57.144.{host}"
                seen = result(service, 443, failed, host=host_of, path=path.name, at=now, address=address)
                state.record(visit(seen))
        return latest.now().judgements[0]

    see((provider, 0), (couriers, 0), (couriers, 1))
    assert see((provider, 0)).verdict is Verdict.UNKNOWN
    assert state.courses.silent_since(0.0).keys() == {"direct", "dmz"}
    for host in range(2, 8):
        judged = see((couriers, host), (provider, 0))
    assert (judged.verdict, judged.cause) == (Verdict.NOT_READY, Cause.APPLE_UNREACHABLE)


def test_what_was_not_visited_since_all_fell_silent_is_not_apple_s_fault() -> None:
    """A single host on a port of its own: nothing beside it tells that it answers again."""
    others = ProbePath("dmz", binding=Binding(interface="eth1"))
    couriers = replace(MANY, ports=(443,), hosts=tuple(f"{n}-courier.push.apple.com" for n in range(12)))
    provider = replace(PROVIDER, ports=(2197,), hosts=("api.push.apple.com",))
    state = State()
    state.configure([couriers, provider], [DIRECT, others])
    latest = LatestFacts(state, CHANGING)

    def see(at: float, service: Service, failure: Failure | None, *hosts: int) -> list[Hop]:
        (port,) = service.ports
        for host in hosts:
            name, address = service.hosts[host], f"17.57.144.{host}"
            for path in ("direct", "dmz"):
                found = result(service, port, failure, host=name, path=path, at=at + host, address=address)
                state.record(visit(found))
        return [each.finding.hop for each in latest.now().findings]

    see(1000.0, couriers, None, *range(8))
    see(1010.0, provider, None, 0)
    see(1020.0, couriers, DROPPED, *range(8))
    for at in (1028.0, 1029.0, 1030.0):
        see(at, provider, DROPPED, 0)
    assert Hop.APPLE not in see(1031.0, couriers, None, *range(8))
    assert Hop.APPLE in see(1050.0, provider, DROPPED, 0)


def test_a_remark_does_not_outlive_its_reason_for_ever_where_a_path_keeps_changing() -> None:
    proxied = ProbePath("squid", (Proxy(ProxyScheme.HTTP, "squid.test", 3128),))
    state = State()
    state.configure([PROVIDER], [DIRECT, proxied])
    latest = LatestFacts(state, CHANGING)

    def causes(at: float, seconds: float) -> set[Cause | None]:
        for path, family, took in ((DIRECT, Family.IPV4, 0.02), (proxied, Family.NAME, seconds)):
            found = result(PROVIDER, 443, path=path.name, family=family, at=at, seconds=took)
            state.record(visit(found))
        return {judged.cause for judged in latest.now().judgements}

    assert causes(1000.0, 2.0) == {None, Cause.PROXY_SLOW}
    state.begin_inquiry(["squid"])
    assert causes(1000.0 + CHANGING.patience, 0.02) == {None, Cause.PROXY_SLOW}
    assert causes(1001.0 + 3 * CHANGING.patience, 0.02) == {None}


def test_one_moment_s_results_do_not_outdate_each_other() -> None:
    """As a check sees them."""
    changing = Changing()
    changing.see(0, 1)
    changing.see(*range(2, 9), fails=True)
    (judged,) = facts_of(changing.state, Belief()).judgements
    assert judged.verdict is Verdict.DEGRADED
