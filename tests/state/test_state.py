"""What the state keeps, and for how long."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.model.bags import Bag
from netcheck.model.failing import Failure, Outcome, Phase, Reason
from netcheck.model.holds import Hold, HoldEnd, HoldKey
from netcheck.model.paths import (
    Binding,
    Family,
    LoadBalancer,
    Nameserver,
    ProbePath,
    Proxy,
    ProxyScheme,
    RecordType,
    Resolver,
    Role,
)
from netcheck.model.push_certificates import Acceptance, Proof, PushCertificate, PushCertificateFile
from netcheck.model.results import HOSTS_FILE, Earlier, Endpoint, Result, TlsInfo, Trust, Visit
from netcheck.model.services import Service, TlsSettings
from netcheck.state.endpoints import standings_of
from netcheck.state.flows import Flow
from netcheck.state.histogram import BUCKETS, Histogram
from netcheck.state.lookups import LookupFlow
from netcheck.state.state import State
from tests.records import COURIER, PROVIDER, REFUSED, lookup, result, visit

DIRECT = ProbePath("direct")
SQUID = ProbePath("squid", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128),))
FLOW = Flow("courier", 5223, "direct")
HOST = COURIER.hosts[0]
IPV4 = Endpoint("courier", HOST, 5223, "direct", Family.IPV4)
IPV6 = IPV4._replace(family=Family.IPV6)
MISSING = Failure(Phase.RESOLVE, Reason.NXDOMAIN)


def fresh(*paths: ProbePath) -> State:
    state = State()
    state.configure([COURIER, PROVIDER], paths or [DIRECT])
    return state


def test_counters_stand_at_zero_before_anything_is_measured() -> None:
    flows = fresh().flows
    counters = flows.paths["direct"]
    assert flows.outcomes[FLOW] == {Outcome.SUCCESS: 0, Outcome.FAILURE: 0}
    assert counters.failures[Phase.CONNECT, Reason.REFUSED] == 0
    assert counters.failures[Phase.RESOLVE, Reason.NXDOMAIN] == 0


def test_only_what_can_happen_on_a_path_has_a_counter() -> None:
    state = fresh(DIRECT, SQUID)
    assert {phase for phase, _ in state.flows.paths["direct"].failures} == {Phase.RESOLVE, Phase.CONNECT}
    proxied = state.flows.paths["squid"]
    assert {phase for phase, _ in proxied.failures} == {
        Phase.PROXY_RESOLVE,
        Phase.PROXY_CONNECT,
        Phase.PROXY_HANDSHAKE,
        Phase.SESSION,  # what a proxy calls connected must last
    }
    assert Phase.SESSION not in proxied.durations, "it waits for what a peer may say"


def test_a_visit_is_counted_and_kept() -> None:
    state = fresh()
    state.record(visit(result(COURIER, 5223), result(COURIER, 5223, REFUSED, address="192.0.2.2")))
    counters = state.flows.paths["direct"]
    assert state.flows.outcomes[FLOW] == {Outcome.SUCCESS: 1, Outcome.FAILURE: 1}
    assert counters.failures[Phase.CONNECT, Reason.REFUSED] == 1
    assert sum(counters.durations[Phase.RESOLVE].counts) == 2
    assert sum(counters.durations[Phase.CONNECT].counts) == 1, "a refusal is quick and no measure"
    assert sum(counters.rtt.counts) == 1
    endpoint = state.endpoints.latest[IPV4]
    assert (endpoint.reachable, endpoint.unreachable) == (1, 1)


def test_a_shared_attempt_is_kept_for_each_host_and_counted_once() -> None:
    state = fresh()
    second = COURIER.hosts[1]
    state.record(visit(result(COURIER, 5223)))
    state.record(visit(result(COURIER, 5223, host=second, counted=False)))
    assert state.flows.outcomes[FLOW][Outcome.SUCCESS] == 1
    assert state.endpoints.latest[IPV4._replace(host=second)].reachable == 1


def test_the_last_success_stays_when_a_later_visit_fails() -> None:
    state = fresh()
    state.record(visit(result(COURIER, 5223, time=1000)))
    state.record(visit(result(COURIER, 5223, REFUSED, time=1060)))
    endpoint = state.endpoints.latest[IPV4]
    assert (endpoint.last_run, endpoint.last_success) == (1060, 1000)
    assert endpoint.phases == {Phase.RESOLVE: 0.003, Phase.CONNECT: 0.02}
    assert endpoint.reachable == 0


@pytest.mark.parametrize("by", [-3600.0, 1e9])
def test_where_the_clock_is_set_the_times_that_are_shown_move_with_it(by: float) -> None:
    state = fresh()
    state.own.reload_success_time = 990.0
    state.note_clocks(1010.0, 10.0)
    under_way = visit(result(COURIER, 5223, host=COURIER.hosts[1], time=1015, at=15.0))
    state.record(visit(result(COURIER, 5223, time=1000, at=0.1)))
    state.record(visit(result(COURIER, 5223, REFUSED, time=1010, at=10.0)))
    version = state.version
    state.note_clocks(1020.0 + by, 20.0)
    state.record(under_way)
    of_hosts = [state.endpoints.latest[IPV4._replace(host=host)] for host in COURIER.hosts[:2]]
    assert [(each.last_run, each.last_success) for each in of_hosts] == [
        (1010 + by, 1000 + by),
        (1015 + by, 1015 + by),
    ]
    assert state.own.reload_success_time == 990 + by
    assert state.version > version + 1


def test_a_clock_that_is_made_to_go_faster_moves_nothing() -> None:
    state = fresh()
    state.note_clocks(1000.0, 0.0)
    state.record(visit(result(COURIER, 5223, time=1000, at=0.1)))
    for seconds in range(1, 100):
        state.note_clocks(1000 + 1.0005 * seconds, seconds)
    assert state.endpoints.latest[IPV4].last_run == 1000
    state.record(visit(result(COURIER, 5223, time=1100, at=99.0)))
    assert state.endpoints.latest[IPV4].last_run == 1100


def test_what_was_seen_before_the_machine_slept_keeps_its_time() -> None:
    """Only the monotonic clock has stood still; the wall clock was as right as after it."""
    state, night = fresh(), 8 * 3600.0
    state.note_clocks(1000.0, 0.0, slept=50.0)
    state.record(visit(result(COURIER, 5223, time=1005, at=5.0)))
    state.note_clocks(1010.0 + night, 10.0, slept=50.0 + night)
    state.record(visit(result(COURIER, 5223, REFUSED, time=1012 + night, at=12.0)))
    seen = state.endpoints.latest[IPV4]
    assert (seen.last_success, seen.last_run) == (1005, 1012 + night)


def test_a_clock_that_is_set_after_a_sleep_moves_what_was_seen_before_by_that_alone() -> None:
    state, night = fresh(), 8 * 3600.0
    state.note_clocks(1000.0, 0.0)
    state.record(visit(result(COURIER, 5223, time=1005, at=5.0)))
    state.note_clocks(1010.0 + night, 10.0, slept=night)
    state.record(visit(result(COURIER, 5223, host=COURIER.hosts[1], time=711.5 + night, at=11.5)))
    state.note_clocks(712.0 + night, 12.0, slept=night)
    of_hosts = [state.endpoints.latest[IPV4._replace(host=host)] for host in COURIER.hosts[:2]]
    assert [each.last_run for each in of_hosts] == [705, 711.5 + night]


def test_a_dns_outage_is_a_failure_and_no_gap() -> None:
    state = fresh()
    state.record(visit(result(COURIER, 5223), result(COURIER, 5223, family=Family.IPV6)))
    failed = [result(COURIER, 5223, MISSING, family=family) for family in (Family.IPV4, Family.IPV6)]
    state.record(visit(*failed))
    assert state.endpoints.latest[IPV4].reachable == state.endpoints.latest[IPV6].reachable == 0
    assert state.endpoints.latest[IPV6].last_success == 1000


def test_a_family_that_has_no_records_any_more_goes() -> None:
    state = fresh()
    state.record(visit(result(COURIER, 5223), result(COURIER, 5223, family=Family.IPV6)))
    state.record(visit(result(COURIER, 5223)))
    assert IPV4 in state.endpoints.latest
    assert IPV6 not in state.endpoints.latest


def test_a_visit_to_one_host_leaves_the_others_alone() -> None:
    state = fresh()
    state.record(visit(result(COURIER, 5223)))
    state.record(visit(result(COURIER, 5223, REFUSED, host=COURIER.hosts[1])))
    assert state.endpoints.latest[IPV4].reachable == 1


def test_a_visit_that_another_one_has_overtaken_is_counted_and_changes_nothing() -> None:
    state = fresh()
    good, bad = lookup(HOST, "192.0.2.1"), lookup(HOST, reason=Reason.SERVFAIL)
    flow = LookupFlow("courier", "system", RecordType.A)
    state.record(visit(result(COURIER, 5223, at=1003.0), lookups=(good,)))
    state.record(visit(result(COURIER, 5223, REFUSED, at=1000.0), lookups=(bad,)))
    assert state.flows.outcomes[FLOW] == {Outcome.SUCCESS: 1, Outcome.FAILURE: 1}
    assert state.lookups.counts[flow.question][Reason.SERVFAIL] == 1
    assert state.endpoints.latest[IPV4].recent == (True,)
    assert state.lookups.latest[flow, HOST] is good
    state.record(visit(result(COURIER, 5223, REFUSED, at=1003.0)))
    assert state.endpoints.latest[IPV4].recent == (True, False)


def test_an_outage_of_a_host_lasts_until_the_answer_that_ends_it() -> None:
    state = fresh()

    def failed_until(at: float, failure: Failure | None, seconds: float = 0.02) -> float:
        state.record(visit(result(COURIER, 5223, failure, at=at, seconds=seconds)))
        (standing,) = standings_of(state.endpoints.latest)
        return standing.seen.failed_until

    assert failed_until(1000.0, None) == -math.inf
    assert failed_until(1010.0, REFUSED) == -math.inf
    assert failed_until(1011.0, None, seconds=2.0) == 1013.0
    assert failed_until(1012.0, None, seconds=1.5) == 1013.0
    assert failed_until(1020.0, REFUSED) == 1013.0


def test_of_failures_in_a_row_it_is_kept_when_the_first_began_and_ended() -> None:
    state = State()
    state.configure([PROVIDER], [DIRECT])
    for at in (1000.0, 1060.0):
        state.record(visit(result(PROVIDER, 443, REFUSED, at=at, seconds=5.0)))
        (standing,) = standings_of(state.endpoints.latest)
        assert (standing.seen.fails_since, standing.seen.failed_by) == (1000.0, 1005.0)


def test_of_the_visit_before_it_is_known_how_long_it_took() -> None:
    state = fresh()

    def before(at: float, failure: Failure | None = None, lost: int = 0) -> Earlier | None:
        state.record(visit(result(COURIER, 5223, failure, at=at, seconds=0.5, syn_retransmits=lost)))
        (standing,) = standings_of(state.endpoints.latest)
        return standing.seen.before

    assert before(1000.0) is None
    assert before(1001.0, lost=1) == Earlier(1000.0, 0.5)
    assert before(1002.0) is None, "it had to ask twice"
    assert before(1003.0, REFUSED) is None
    assert before(1004.0) is None, "it failed"
    assert before(1005.0) == Earlier(1004.0, 0.5)


def test_lookups_are_counted_and_the_latest_is_kept() -> None:
    state = fresh()
    good, bad = lookup(HOST, "192.0.2.1"), lookup(HOST, reason=Reason.SERVFAIL)
    state.record(visit(result(COURIER, 5223), lookups=(good,)))
    state.record(visit(result(COURIER, 5223), lookups=(bad,)))
    flow = LookupFlow("courier", "system", RecordType.A)
    assert state.lookups.counts[flow.question][Outcome.SUCCESS] == 1
    assert state.lookups.counts[flow.question][Reason.SERVFAIL] == 1
    assert state.lookups.latest[flow, HOST] is bad
    assert sum(state.lookups.durations["system"].counts) == 2


# --- Reload


def test_a_reload_keeps_the_counts_of_what_stays() -> None:
    state = fresh()
    state.record(visit(result(COURIER, 5223), lookups=(lookup(HOST, "192.0.2.1"),)))
    state.configure([COURIER], [DIRECT, SQUID])
    assert state.flows.outcomes[FLOW][Outcome.SUCCESS] == 1
    assert state.endpoints.latest[IPV4].reachable == 1
    assert sum(state.lookups.durations["system"].counts) == 1


def test_a_reload_forgets_what_goes() -> None:
    state = fresh(DIRECT, SQUID)
    state.record(visit(result(COURIER, 5223), lookups=(lookup(HOST, "192.0.2.1"),)))
    state.configure([PROVIDER], [DIRECT])
    assert state.endpoints.latest == {}
    assert state.lookups.latest == {}
    assert {flow.service for flow in state.flows.outcomes} == {"provider"}
    assert state.proxies.health == {}


def test_a_reload_forgets_hosts_and_ports_that_go() -> None:
    state = fresh()
    for host in COURIER.hosts:
        state.record(visit(result(COURIER, 5223, host=host), result(COURIER, 443, host=host)))
    smaller = Service("courier", COURIER.hosts[:1], (443,), COURIER.roles, True, COURIER.port_rule)
    state.configure([smaller], [DIRECT])
    assert list(state.endpoints.latest) == [IPV4._replace(port=443)]


def test_a_path_that_becomes_a_proxy_path_counts_its_new_phases() -> None:
    state = fresh()
    state.record(visit(result(COURIER, 5223)))
    state.configure([COURIER], [ProbePath("direct", SQUID.proxies)])
    refused = Failure(Phase.PROXY_CONNECT, Reason.REFUSED)
    state.record(visit(result(COURIER, 5223, refused, family=Family.NAME, proxy_spoke=False)))
    counters = state.flows.paths["direct"]
    assert counters.failures[Phase.PROXY_CONNECT, Reason.REFUSED] == 1
    assert (Phase.CONNECT, Reason.REFUSED) not in counters.failures


def test_a_load_balancer_path_forgets_what_it_no_longer_names() -> None:
    one, other = COURIER.hosts
    both = ProbePath(
        "lb", load_balancer=((one, LoadBalancer("::1", None)), (other, LoadBalancer("::1", None)))
    )
    state = fresh(both)
    for host in COURIER.hosts:
        state.record(visit(result(COURIER, 5223, host=host, path="lb", family=Family.IPV6)))
    state.configure([COURIER], [ProbePath("lb", load_balancer=both.load_balancer[:1])])
    assert [endpoint.host for endpoint in state.endpoints.latest] == [one]


def test_each_load_balancer_of_a_host_has_a_course_of_its_own() -> None:
    places = tuple((HOST, LoadBalancer(address, None)) for address in ("10.1.1.20", "10.1.1.21"))
    state = fresh(ProbePath("lb", load_balancer=places))
    for failure in (None, REFUSED, REFUSED):
        state.record(
            visit(
                result(COURIER, 5223, path="lb", balancer="10.1.1.20:5223"),
                result(COURIER, 5223, failure, path="lb", balancer="10.1.1.21:5223"),
            )
        )
    up, down = (standing.seen for standing in standings_of(state.endpoints.latest))
    assert (up.failures, up.recent) == (0, (True, True, True))
    assert (down.failures, down.last_success, down.recent) == (2, 1000.0, (True, False, False))
    (endpoint,) = state.endpoints.latest.values()
    assert (endpoint.failures, endpoint.reachable, endpoint.unreachable) == (0, 1, 1)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
@pytest.mark.parametrize("path", [DIRECT, SQUID, ProbePath("direct", families=(Family.IPV4,))])
def test_hosts_that_need_no_dns_are_counted_under_their_family(host: str, path: ProbePath) -> None:
    ours = Service("ours", (host,), (443,))
    state = State()
    state.configure([ours], [path])
    state.record(visit(result(ours, 443, path=path.name, host=host)))
    assert state.flows.outcomes[Flow("ours", 443, path.name)][Outcome.SUCCESS] == 1
    assert Endpoint("ours", host, 443, path.name, Family.IPV4) in state.endpoints.latest


def test_a_failure_that_nobody_foresaw_is_counted_and_survives_a_reload() -> None:
    state = fresh()
    state.record(visit(result(COURIER, 5223, Failure(Phase.CONNECT, Reason.CLOSED))))
    state.configure([COURIER], [DIRECT])
    assert state.flows.paths["direct"].failures[Phase.CONNECT, Reason.CLOSED] == 1


def test_a_visit_to_what_is_no_longer_configured_is_dropped() -> None:
    state = fresh()
    state.configure([PROVIDER], [DIRECT])
    state.record(visit(result(COURIER, 5223)))
    assert state.endpoints.latest == {}


# --- Proxies


def proxied(failure: Failure | None, *, spoke: bool) -> Result:
    return result(COURIER, 443, failure, path="squid", family=Family.NAME, proxy_spoke=spoke)


SILENCE = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_TIMEOUT)
DENIAL = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED)
STOPPED = Failure(Phase.PROXY_CONNECT, Reason.REFUSED)


def proxy_up(*rounds: tuple[Failure | None, bool]) -> bool | None:
    state = fresh(SQUID)
    for number, (failure, spoke) in enumerate(rounds):
        state.record(visit(proxied(failure, spoke=spoke), number=number))
    return state.proxies.health["squid"].up


def test_nothing_is_known_of_a_proxy_before_the_first_visit() -> None:
    assert proxy_up() is None


def test_a_proxy_that_refuses_the_destination_is_up() -> None:
    assert proxy_up((DENIAL, True)) is True


def test_a_stopped_proxy_is_down_at_once_and_up_when_it_answers_again() -> None:
    assert proxy_up((None, True), (STOPPED, False)) is False
    assert proxy_up((None, True), (STOPPED, False), (None, True)) is True


def test_silence_about_one_destination_is_forgiven_a_proxy_that_lately_spoke() -> None:
    assert proxy_up((None, True), (SILENCE, False)) is True


def test_lasting_silence_is_not_forgiven() -> None:
    assert proxy_up((None, True), (SILENCE, False), (SILENCE, False)) is False
    assert proxy_up((SILENCE, False)) is False


def test_a_proxy_that_has_spoken_since_is_up() -> None:
    state = fresh(SQUID)
    for at, failure in ((1003.0, None), (1000.0, STOPPED)):
        for host in COURIER.hosts[: 1 if failure is None else 2]:
            found = result(COURIER, 443, failure, host=host, path="squid", at=at, proxy_spoke=failure is None)
            state.record(visit(found))
    assert state.proxies.health["squid"].up is True


# --- Histograms


def test_an_observation_falls_into_the_bucket_that_ends_with_it() -> None:
    histogram = Histogram()
    for seconds in (BUCKETS[0], BUCKETS[0] * 1.01, 99.0):
        histogram.observe(seconds)
    assert histogram.counts[:2] == [1, 1]
    assert histogram.counts[-1] == 1
    assert sum(histogram.counts) == 3
    assert histogram.sum == BUCKETS[0] * 2.01 + 99


MDM, SCHOOL = (PushCertificateFile(name, Path(name)) for name in ("mdm", "school"))
READ = PushCertificate("mdm", "com.apple.mgmt.External.1")


def test_a_push_certificate_survives_a_reload_and_goes_with_its_entry() -> None:
    state = fresh()
    state.configure([COURIER], [DIRECT], [MDM])
    state.record_push_certificate(READ)
    state.configure([COURIER], [DIRECT], [MDM, SCHOOL])
    assert state.push_certificates.read() == [READ]
    state.configure([COURIER], [DIRECT], [SCHOOL])
    assert state.push_certificates.read() == []


def test_a_push_certificate_that_is_no_longer_configured_is_dropped() -> None:
    state = fresh()
    state.configure([COURIER], [DIRECT], [SCHOOL])
    state.record_push_certificate(READ)
    assert state.push_certificates.read() == []


PROVEN = replace(MDM, verify=True)
ACCEPTED = Proof(1000.0, "mdm", DIRECT.name, Acceptance.ACCEPTED, "HTTP 400", "AB")
SILENT = replace(ACCEPTED, time=2000.0, acceptance=Acceptance.UNPROVEN, detail="connect timeout")


def proofs_after(*proofs: Proof) -> list[Proof]:
    state = fresh()
    state.configure([COURIER], [DIRECT], [PROVEN])
    for proof in proofs:
        state.record_proof(proof)
    return state.push_certificates.proofs()


def test_what_apns_said_stays_while_it_says_nothing_new_of_the_same_certificate() -> None:
    assert proofs_after(SILENT) == [SILENT]
    assert proofs_after(ACCEPTED, SILENT) == [ACCEPTED]
    renewed = replace(SILENT, sha256="CD")
    assert proofs_after(ACCEPTED, renewed) == [renewed]
    refused = replace(ACCEPTED, time=2000.0, acceptance=Acceptance.REVOKED)
    assert proofs_after(ACCEPTED, refused) == [refused]


def test_what_apns_said_of_another_certificate_than_the_file_holds_is_not_shown() -> None:
    state = fresh()
    state.configure([COURIER], [DIRECT], [PROVEN])
    state.record_proof(ACCEPTED)
    state.record_push_certificate(replace(READ, name="mdm", sha256="CD"))
    assert state.push_certificates.proofs() == []
    state.record_push_certificate(replace(READ, name="mdm", sha256="AB"))
    assert state.push_certificates.proofs() == [ACCEPTED]


def test_when_a_certificate_was_proven_moves_with_a_clock_that_is_set() -> None:
    state = fresh()
    state.configure([COURIER], [DIRECT], [PROVEN])
    state.note_clocks(1000.0, 0.0)
    state.record_proof(ACCEPTED)
    state.note_clocks(400.0, 10.0)
    assert state.push_certificates.proofs() == [replace(ACCEPTED, time=ACCEPTED.time - 610)]


@pytest.mark.parametrize(
    ("paths", "files", "stays"),
    [
        ([DIRECT], [PROVEN, SCHOOL], True),
        ([DIRECT], [MDM], False),
        ([DIRECT], [SCHOOL], False),
        ([replace(DIRECT, binding=Binding("eth1"))], [PROVEN], False),
    ],
    ids=["reload", "no longer to be proven", "no certificate", "another way"],
)
def test_a_proof_goes_with_what_it_is_about(
    paths: list[ProbePath], files: list[PushCertificateFile], stays: bool
) -> None:
    state = fresh()
    state.configure([COURIER], [DIRECT], [PROVEN])
    state.record_proof(ACCEPTED)
    state.configure([COURIER], paths, files)
    assert state.push_certificates.proofs() == ([ACCEPTED] if stays else [])
    if not stays:
        state.configure([COURIER], [], files)
        state.record_proof(ACCEPTED)
        assert state.push_certificates.proofs() == []


# --- Idle holds

HOLDING = replace(COURIER, hold=900.0)
UNDER_WAY = Hold(1000.0, HoldKey("courier", "direct", Family.IPV4), HOST, 5223, 60.0)
ENDED = replace(UNDER_WAY, longest=120.0, end=HoldEnd.LOST, silence=300.0)
LOCAL = replace(UNDER_WAY, end=HoldEnd.LOCAL, silence=1.0)


def holding(*recorded: Hold) -> State:
    state = State()
    state.configure([HOLDING], [DIRECT])
    for hold in recorded:
        state.record_hold(hold)
    return state


def test_where_the_clock_is_set_the_times_of_holds_move_with_it() -> None:
    state = holding(UNDER_WAY)
    state.note_clocks(1000.0, 0.0)
    state.note_clocks(5010.0, 10.0)
    assert state.holds.latest[UNDER_WAY.key].time == UNDER_WAY.time + 4000


def test_holds_are_counted_from_zero_for_each_way_to_end() -> None:
    assert set(holding().holds.ends) == {UNDER_WAY.key, UNDER_WAY.key._replace(family=Family.IPV6)}
    assert holding().holds.ends[UNDER_WAY.key] == dict.fromkeys(HoldEnd, 0)
    assert holding(ENDED, ENDED).holds.ends[UNDER_WAY.key][HoldEnd.LOST] == 2


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        ([UNDER_WAY], UNDER_WAY),
        ([ENDED, UNDER_WAY], ENDED),
        ([ENDED, replace(UNDER_WAY, longest=300.0)], replace(UNDER_WAY, longest=300.0)),
        ([ENDED, replace(ENDED, longest=0.0)], replace(ENDED, longest=0.0)),
        ([ENDED, LOCAL], ENDED),
        ([LOCAL], None),
    ],
)
def test_a_hold_is_shown_when_it_tells_more_than_the_one_before(
    recorded: list[Hold], shown: Hold | None
) -> None:
    assert holding(*recorded).holds.latest.get(UNDER_WAY.key) == shown


def test_a_hold_survives_a_reload_and_goes_with_its_key() -> None:
    state = holding(ENDED)
    state.configure([replace(HOLDING, hold=60.0)], [DIRECT])
    assert state.holds.latest == {ENDED.key: ENDED}
    assert state.holds.ends[ENDED.key][HoldEnd.LOST] == 1
    state.configure([COURIER], [DIRECT])
    assert (state.holds.latest, state.holds.ends) == ({}, {})


def test_a_hold_over_a_path_that_has_become_another_one_is_forgotten_and_stays_counted() -> None:
    state = holding(ENDED)
    state.configure([HOLDING], [replace(DIRECT, roles=frozenset({Role.DEVICE}))])
    assert state.holds.latest == {ENDED.key: ENDED}
    state.configure([HOLDING], [replace(DIRECT, binding=Binding("wlan0"))])
    assert state.holds.latest == {}
    assert state.holds.ends[ENDED.key][HoldEnd.LOST] == 1


def test_a_hold_that_is_no_longer_configured_is_dropped() -> None:
    state = fresh()
    state.record_hold(ENDED)
    assert (state.holds.latest, state.holds.ends) == ({}, {})


# Numbers of couriers that bags say

DOMAIN = "courier.test"
AUTO = replace(COURIER, count_from_bag=DOMAIN)
BAGS = Service("bag", ("init.test",), (443,), COURIER.roles, required=False, bag="/bag")
TLS = TlsInfo("Apple", 2e9, Trust.APPLE, None)


def bag_visit(*counts: int | None, path: str = "direct", domain: str = DOMAIN, tls: bool = True) -> Visit:
    """A fetch of the bag with one result for each count; None is one that failed."""
    found = [
        replace(known, attempt=replace(known.attempt, bag=bag, tls=TLS if tls else None))
        for count in counts
        for known in [result(BAGS, 443, None if count is not None else REFUSED, path=path)]
        for bag in [Bag(domain, count, True, None, 900.0) if count is not None else None]
    ]
    return visit(*found)


def numbered(*visits: Visit) -> State:
    state = State()
    state.configure([AUTO, BAGS], [DIRECT, SQUID])
    for each in visits:
        state.record(each)
    return state


@pytest.mark.parametrize(
    ("visits", "count"),
    [
        ([], None),
        ([bag_visit(30)], 30),
        ([bag_visit(30, 40, 20)], 40),
        ([bag_visit(30), bag_visit(20)], 20),
        ([bag_visit(30), bag_visit(None)], 30),
        ([bag_visit(30), bag_visit(20, domain="other.test")], 30),
        ([bag_visit(30, tls=False)], None),
        ([bag_visit(30), bag_visit(60, tls=False)], 30),
    ],
)
def test_the_number_of_couriers_is_the_last_that_a_bag_over_tls_said(
    visits: list[Visit], count: int | None
) -> None:
    assert numbered(*visits).courier_counts.highest == {("direct", DOMAIN): count, ("squid", DOMAIN): None}


def test_each_path_has_a_number_of_couriers_of_its_own() -> None:
    state = numbered(bag_visit(30), bag_visit(40, path="squid"))
    assert state.courier_counts.highest == {("direct", DOMAIN): 30, ("squid", DOMAIN): 40}


def test_the_number_of_couriers_survives_a_reload_and_goes_with_its_path() -> None:
    state = numbered(bag_visit(30), bag_visit(40, path="squid"))
    state.configure([AUTO, BAGS], [DIRECT])
    assert state.courier_counts.highest == {("direct", DOMAIN): 30}
    state.configure([COURIER, BAGS], [DIRECT])
    assert state.courier_counts.highest == {}


def test_a_bag_stays_known_while_later_fetches_fail() -> None:
    good, bad = bag_visit(30), bag_visit(None)
    (endpoint,) = numbered(good, bad, bad).endpoints.latest.values()
    assert (endpoint.results, endpoint.bag) == (bad.results, good.results[0].attempt.bag)


def test_what_stands_in_hosts_is_kept_and_not_counted_until_dns_is_asked_again() -> None:
    state = fresh()
    listed = lookup(HOST, "192.0.2.1", resolver=HOSTS_FILE)
    state.record(visit(result(COURIER, 5223), lookups=(listed,)))
    assert list(state.lookups.latest.values()) == [listed]
    assert {question.resolver for question in state.lookups.counts} == {"system"}
    asked = lookup(HOST, "192.0.2.2")
    state.record(visit(result(COURIER, 5223), lookups=(asked,)))
    assert list(state.lookups.latest.values()) == [asked]


@pytest.mark.parametrize(
    ("service", "path", "stays"),
    [
        (COURIER, SQUID, True),
        (COURIER, replace(SQUID, roles=frozenset({Role.DEVICE})), True),
        (replace(COURIER, required=False, hosts=(HOST,)), SQUID, True),
        (COURIER, replace(SQUID, proxies=(Proxy(ProxyScheme.HTTP, "other.test", 3128),)), False),
        (COURIER, replace(SQUID, binding=Binding("wlan0")), False),
        (replace(COURIER, tls=TlsSettings("courier.test")), SQUID, False),
    ],
)
def test_what_was_seen_is_forgotten_where_something_else_is_measured_now(
    service: Service, path: ProbePath, stays: bool
) -> None:
    state = fresh(SQUID)
    for number in range(3):
        state.record(visit(result(COURIER, 443, REFUSED, path="squid", at=number, proxy_spoke=True)))
    state.configure([service, PROVIDER], [path])
    assert [endpoint.host for endpoint in state.endpoints.latest] == ([HOST] if stays else [])
    is_same_way = replace(path, roles=SQUID.roles) == SQUID
    assert state.proxies.health["squid"].up is (True if is_same_way else None)
    assert len(state.flows.recent[Flow("courier", 443, "squid")]) == (3 if stays else 0)
    assert state.flows.outcomes[Flow("courier", 443, "squid")][Outcome.FAILURE] == 3, "counts are kept"


def test_a_host_that_one_of_its_load_balancers_has_left_is_forgotten() -> None:
    first, second = LoadBalancer("10.1.1.20", None), LoadBalancer("10.1.1.21", None)
    state = fresh(ProbePath("lb", load_balancer=((HOST, first),)))
    state.record(visit(result(COURIER, 5223, path="lb", balancer="10.1.1.20:5223")))
    state.configure([COURIER], [ProbePath("lb", load_balancer=((HOST, first), (HOST, second)))])
    assert len(state.endpoints.latest) == 1
    state.configure([COURIER], [ProbePath("lb", load_balancer=((HOST, second),))])
    assert not state.endpoints.latest


def test_what_stands_in_hosts_outlives_a_reload_that_changes_nothing_of_it() -> None:
    state = fresh()
    listed = lookup(HOST, "192.0.2.1", resolver=HOSTS_FILE)
    state.record(visit(result(COURIER, 5223), lookups=(listed,)))
    state.configure([COURIER], [DIRECT])
    assert list(state.lookups.latest.values()) == [listed]


def test_what_a_resolver_said_with_other_nameservers_is_forgotten() -> None:
    corp = Resolver("corp", (Nameserver("10.0.0.53", 53),))
    state = fresh(replace(DIRECT, resolver=corp))
    state.record(visit(result(COURIER, 5223), lookups=(lookup(HOST, "192.0.2.1", resolver="corp"),)))
    state.configure([COURIER], [replace(DIRECT, resolver=corp)])
    assert len(state.lookups.latest) == 1
    other = Resolver("corp", (Nameserver("10.0.0.54", 53),))
    state.configure([COURIER], [replace(DIRECT, resolver=other)])
    assert not state.lookups.latest


def test_a_path_that_now_leads_through_a_load_balancer_forgets_what_it_saw_directly() -> None:
    state = fresh()
    state.record(visit(result(COURIER, 5223)))
    state.configure(
        [COURIER], [ProbePath("direct", load_balancer=((HOST, LoadBalancer("10.1.1.20", None)),))]
    )
    assert not state.endpoints.latest
