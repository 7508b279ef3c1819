"""The metrics contract, and what each family samples from the state."""

import subprocess
from dataclasses import replace
from ipaddress import ip_network
from itertools import cycle

import pytest
from prometheus_client.parser import text_string_to_metric_families

from netcheck.export.exposition import Exposition
from netcheck.export.families import FAMILIES, WITHOUT_HOSTS
from netcheck.export.negotiate import Exporter
from netcheck.export.writing import TextFormat
from netcheck.facts import Belief, Facts, facts_of
from netcheck.model.credentials import Credentials, Secret
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Finding, Hop, Judgement, Verdict
from netcheck.model.paths import (
    Binding,
    Environment,
    Expected,
    Nameserver,
    Pac,
    ProbePath,
    Proxy,
    ProxyScheme,
    RecordType,
    Resolver,
    Role,
    Transport,
)
from netcheck.model.push_certificates import Acceptance
from netcheck.model.results import VISITS_REMEMBERED, Result, Try, Visit
from netcheck.model.services import Service
from netcheck.state.state import State
from tests.export.states import (
    ACCEPTED,
    BROKEN,
    CERTIFICATE,
    COURIER,
    DENIED,
    DIRECT,
    FETCHED_BAG,
    HELD,
    HOST,
    LOOKUP,
    NO_BAG,
    REFUSED,
    RESULT,
    SOCKS,
    TLS,
    a_lookup,
    a_result,
    a_visit,
    configured,
    populated,
    scraped,
    shown,
)
from tests.programs import program

CONTRACT = """
netcheck_probe_success                                gauge      service host port path family
netcheck_probe_addresses                              gauge      service host port path family state
netcheck_probe_phase_duration_seconds                 gauge      service host port path family phase
netcheck_probe_last_run_timestamp_seconds             gauge      service host port path family
netcheck_probe_last_success_timestamp_seconds         gauge      service host port path family
netcheck_hosts                                        gauge      service port path family state
netcheck_hosts_last_run_timestamp_seconds             gauge     path
netcheck_hosts_last_success_timestamp_seconds         gauge     service port path
netcheck_probes_total                                 counter   service port path outcome
netcheck_probe_failures_total                         counter   path phase reason
netcheck_probe_duration_seconds                       histogram path phase
netcheck_tcp_rtt_seconds                              histogram path
netcheck_tcp_syn_retransmits_total                    counter   path
netcheck_dns_lookups_total                            counter   resolver type outcome
netcheck_dns_lookup_duration_seconds                  histogram  resolver
netcheck_dns_unexpected_addresses                     gauge      service resolver
netcheck_dns_min_ttl_seconds                          gauge      service resolver
netcheck_proxy_up                                     gauge      path
netcheck_tls_intercepted                              gauge     service path
netcheck_tls_certificate_not_after_timestamp_seconds  gauge     service path
netcheck_prefix_reachable_ratio                       gauge      path prefix port
netcheck_ready                                        gauge      path role
netcheck_verdict                                      gauge      path role verdict
netcheck_verdict_cause                                gauge      path role cause hop
netcheck_verdict_info                                 gauge     path role cause hop next_step
netcheck_path_info                                    gauge     path proxy resolver interface
netcheck_courier_fallback_active                      gauge      path
netcheck_bag_courier_hostcount                        gauge      path host
netcheck_bag_courier_status                           gauge      path host
netcheck_bag_expiry_seconds                           gauge      path host
netcheck_bag_info                                     gauge      path host courier_hostname
netcheck_bag_disagrees                                gauge      path host
netcheck_push_certificate_readable                    gauge      name
netcheck_push_certificate_not_after_timestamp_seconds gauge      name
netcheck_push_certificate_topic_matches               gauge      name
netcheck_push_certificate_accepted                    gauge      name path
netcheck_push_certificate_proof_timestamp_seconds     gauge      name path
netcheck_hold_longest_seconds                         gauge      service path family
netcheck_hold_ended_total                             counter    service path family how
netcheck_config_last_reload_successful                gauge
netcheck_config_last_reload_success_timestamp_seconds gauge
netcheck_probing_interval_seconds                     gauge
netcheck_schedule_lag_seconds                         histogram
netcheck_loop_lag_seconds                             histogram
netcheck_probes_skipped_total                         counter    cause
netcheck_build_info                                   gauge      version python_version
"""

TIMEOUT = Failure(Phase.CONNECT, Reason.TIMEOUT)


def values(facts: Facts, name: str, /, **labels: str) -> list[float]:
    """The samples of this name that carry these labels, read back from the text."""
    text = b"".join(Exposition().pieces(facts, TextFormat.PROMETHEUS)).decode()
    return [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]


def test_names_types_and_labels_are_those_of_the_contract() -> None:
    rows = [(name, kind, tuple(labels)) for name, kind, *labels in map(str.split, CONTRACT.split("\n")[1:-1])]
    assert [(family.name, family.kind, family.labels) for family in FAMILIES] == rows


def test_promtool_finds_nothing_to_say() -> None:
    promtool = program("promtool")
    body, _ = scraped(Exporter(), populated())
    said = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, timeout=30)
    assert (said.returncode, said.stdout + said.stderr) == (0, b"")


def test_counters_stand_at_zero_before_any_visit() -> None:
    facts = shown(configured())
    flow = {"service": "courier", "port": "5223", "path": "direct"}
    assert values(facts, "netcheck_probes_total", **flow) == [0] * 2
    assert values(
        facts, "netcheck_probe_failures_total", path="direct", phase="connect", reason="refused"
    ) == [0]
    assert values(facts, "netcheck_tcp_syn_retransmits_total", path="direct") == [0]
    assert values(facts, "netcheck_probe_duration_seconds_count", path="direct", phase="connect") == [0]
    assert values(facts, "netcheck_dns_lookups_total", resolver="system", outcome="nxdomain") == [0, 0]


def test_an_endpoint_has_no_series_before_its_first_visit() -> None:
    assert values(shown(configured()), "netcheck_probe_success") == []


def test_success_is_one_when_at_least_one_address_answered() -> None:
    facts = shown(configured(a_visit(a_result(failure=TIMEOUT), RESULT)))
    assert values(facts, "netcheck_probe_success") == [1]
    assert values(facts, "netcheck_probe_addresses", state="reachable") == [1]
    assert values(facts, "netcheck_probe_addresses", state="unreachable") == [1]


def test_success_is_zero_when_no_address_answered() -> None:
    assert values(shown(configured(a_visit(a_result(failure=TIMEOUT)))), "netcheck_probe_success") == [0]


def test_only_phases_that_ran_have_a_duration() -> None:
    facts = shown(configured(a_visit(replace(RESULT, resolve_duration=None))))
    assert values(facts, "netcheck_probe_phase_duration_seconds") == [0.02]
    assert values(facts, "netcheck_probe_phase_duration_seconds", phase="connect") == [0.02]


def test_the_last_success_has_no_sample_before_the_first() -> None:
    facts = shown(configured(a_visit(a_result(failure=TIMEOUT))))
    assert values(facts, "netcheck_probe_last_run_timestamp_seconds") == [RESULT.attempt.time]
    assert values(facts, "netcheck_probe_last_success_timestamp_seconds") == []


def test_the_last_success_stays_through_a_failure() -> None:
    later = a_result(time=RESULT.attempt.time + 60, failure=TIMEOUT)
    facts = shown(configured(a_visit(RESULT), a_visit(later)))
    assert values(facts, "netcheck_probe_last_run_timestamp_seconds") == [RESULT.attempt.time + 60]
    assert values(facts, "netcheck_probe_last_success_timestamp_seconds") == [RESULT.attempt.time]


OTHER_HOST = "18-courier.push.apple.com"


def two_hosts(*visits: Visit) -> Facts:
    return shown(configured(*visits, services=[replace(COURIER, hosts=(HOST, OTHER_HOST))]))


def of_other_host(result: Result) -> Visit:
    return a_visit(replace(result, host=OTHER_HOST))


def test_hosts_are_counted_by_whether_any_address_answered_at_their_last_visit() -> None:
    facts = two_hosts(a_visit(a_result(failure=TIMEOUT), RESULT), of_other_host(a_result(failure=TIMEOUT)))
    labels = {"service": "courier", "port": "5223", "path": "direct", "family": "ipv4"}
    assert values(facts, "netcheck_hosts", **labels, state="reachable") == [1]
    assert values(facts, "netcheck_hosts", **labels, state="unreachable") == [1]
    assert len(values(facts, "netcheck_hosts")) == 2


def test_hosts_say_nothing_before_the_first_visit() -> None:
    assert values(two_hosts(), "netcheck_hosts") == []
    assert values(two_hosts(), "netcheck_hosts_last_run_timestamp_seconds") == []


def test_of_all_hosts_the_newest_visit_and_the_newest_success_show() -> None:
    then = RESULT.attempt.time
    facts = two_hosts(a_visit(RESULT), of_other_host(a_result(time=then + 60, failure=TIMEOUT)))
    assert values(facts, "netcheck_hosts_last_run_timestamp_seconds") == [then + 60]
    assert values(facts, "netcheck_hosts_last_success_timestamp_seconds") == [then]


def test_a_clock_that_was_ahead_and_is_set_right_leaves_no_last_run_in_the_future() -> None:
    then = RESULT.attempt.time
    ahead = a_visit(a_result(time=then + 1000, at=1.0))
    facts = two_hosts(ahead, of_other_host(a_result(time=then, at=2.0)))
    assert values(facts, "netcheck_hosts_last_run_timestamp_seconds") == [then]


def test_hosts_that_never_answered_have_no_last_success() -> None:
    facts = two_hosts(a_visit(a_result(failure=TIMEOUT)))
    assert values(facts, "netcheck_hosts_last_success_timestamp_seconds") == []


def test_without_hosts_exactly_the_probes_families_that_name_a_host_are_left_out() -> None:
    left_out = [family.name for family in FAMILIES if family not in WITHOUT_HOSTS]
    assert left_out == [
        "netcheck_probe_success",
        "netcheck_probe_addresses",
        "netcheck_probe_phase_duration_seconds",
        "netcheck_probe_last_run_timestamp_seconds",
        "netcheck_probe_last_success_timestamp_seconds",
    ]


def test_what_the_kernel_said_of_a_connection_is_counted() -> None:
    facts = shown(configured(a_visit(a_result(rtt=0.02, syn_retransmits=3))))
    assert values(facts, "netcheck_tcp_rtt_seconds_sum", path="direct") == [0.02]
    assert values(facts, "netcheck_tcp_syn_retransmits_total", path="direct") == [3]


def test_lookups_are_counted_by_type_and_outcome() -> None:
    failed = a_lookup(rdtype=RecordType.AAAA, reason=Reason.SERVFAIL, addresses=(), min_ttl=None)
    facts = shown(configured(a_visit(RESULT, lookups=[LOOKUP, failed])))
    assert values(facts, "netcheck_dns_lookups_total", type="A", outcome="success") == [1]
    assert values(facts, "netcheck_dns_lookups_total", type="AAAA", outcome="servfail") == [1]
    assert values(facts, "netcheck_dns_lookup_duration_seconds_count", resolver="system") == [2]


def test_addresses_that_apple_does_not_publish_are_summed_over_the_latest_lookups() -> None:
    stale = a_lookup(addresses=("192.0.2.1", "192.0.2.2"))
    ipv4 = a_lookup(addresses=("17.57.144.1", "192.0.2.1"))
    ipv6 = a_lookup(rdtype=RecordType.AAAA, addresses=("2001:db8::1", "2620:149:a44::1"))
    facts = shown(configured(a_visit(RESULT, lookups=[stale, ipv4, ipv6])))
    assert values(facts, "netcheck_dns_unexpected_addresses", service="courier") == [2]


def test_addresses_in_the_networks_of_a_service_are_expected_of_its_names_of_apple_s_too() -> None:
    ocsp = Service("ocsp", ("ocsp2.apple.com",), (443,), networks=(ip_network("192.0.2.0/24"),))
    visit = a_visit(
        replace(RESULT, service="ocsp", host="ocsp2.apple.com", port=443),
        lookups=[a_lookup(host="ocsp2.apple.com", addresses=("192.0.2.1", "192.0.2.2"))],
    )
    facts = shown(configured(visit, services=[ocsp]))
    assert values(facts, "netcheck_dns_unexpected_addresses", service="ocsp") == [0]


def test_addresses_outside_the_networks_of_ones_own_service_are_unexpected() -> None:
    mdm = Service("our-mdm", ("mdm.example.com",), (443,), networks=(ip_network("203.0.113.0/24"),))
    visit = a_visit(
        replace(RESULT, service="our-mdm", host="mdm.example.com", port=443),
        lookups=[a_lookup(host="mdm.example.com", addresses=("192.0.2.1", "203.0.113.7"))],
    )
    facts = shown(configured(visit, services=[mdm]))
    assert values(facts, "netcheck_dns_unexpected_addresses", service="our-mdm") == [1]


@pytest.mark.parametrize("host", ["mdm.example.com", "iprofiles.apple.com", "init-p01st.push.apple.com"])
def test_no_address_of_a_name_that_may_be_anywhere_is_unexpected(host: str) -> None:
    service = Service("our-mdm", (host,), (443,))
    visit = a_visit(
        replace(RESULT, service="our-mdm", host=host, port=443),
        lookups=[a_lookup(host=host, addresses=("192.0.2.1",))],
    )
    facts = shown(configured(visit, services=[service]))
    assert values(facts, "netcheck_dns_unexpected_addresses") == []
    assert values(facts, "netcheck_dns_min_ttl_seconds") == [60]


def test_the_shortest_ttl_is_of_the_lookups_that_had_an_answer() -> None:
    none = a_lookup(host="b.example", reason=Reason.NXDOMAIN, addresses=(), min_ttl=None)
    lookups = [a_lookup(min_ttl=300), a_lookup(rdtype=RecordType.AAAA, min_ttl=20), none]
    service = replace(COURIER, hosts=(HOST, "b.example"))
    facts = shown(configured(a_visit(RESULT, lookups=lookups), services=[service]))
    assert values(facts, "netcheck_dns_min_ttl_seconds") == [20]


@pytest.mark.parametrize(("spoke", "up"), [(True, [1]), (False, [0]), (None, [])])
def test_a_proxy_has_a_sample_once_it_is_known_whether_it_is_up(spoke: bool | None, up: list[float]) -> None:
    attempt = replace(DENIED, proxy_spoke=spoke)
    facts = shown(configured(a_visit(replace(RESULT, path=SOCKS.name, attempt=attempt))))
    assert values(facts, "netcheck_proxy_up", path="dmz-socks") == up


@pytest.mark.parametrize("verdict", Verdict)
def test_exactly_the_verdict_that_holds_is_one(verdict: Verdict) -> None:
    facts = shown(configured(), Judgement("direct", Role.DEVICE, verdict))
    of_role = {"path": "direct", "role": "device"}
    assert values(facts, "netcheck_verdict", **of_role, verdict=verdict) == [1]
    assert sorted(values(facts, "netcheck_verdict", **of_role)) == [0] * (len(Verdict) - 1) + [1]
    assert values(facts, "netcheck_ready", **of_role) == [verdict is Verdict.READY]


def test_of_several_findings_each_is_one() -> None:
    found = [
        Finding(Cause.PORT_BLOCKED, Hop.FIREWALL, "", ""),
        Finding(Cause.SERVICE_CERTIFICATE, Hop.OWN_SERVICE, "", ""),
    ]
    judged = Judgement("direct", Role.DEVICE, Verdict.NOT_READY, tuple(found))
    facts = shown(configured(), judged)
    assert values(facts, "netcheck_verdict_cause", cause="port_blocked", hop="firewall") == [1]
    assert values(facts, "netcheck_verdict_cause", cause="service_certificate", hop="own_service") == [1]
    assert values(facts, "netcheck_verdict_cause", path="direct", role="device") == [1, 1]


def test_without_findings_there_is_no_cause_and_an_empty_one_in_the_info() -> None:
    ready = shown(configured(), Judgement("direct", Role.DEVICE, Verdict.READY))
    assert values(ready, "netcheck_verdict_cause") == []
    assert values(ready, "netcheck_verdict_info", cause="", hop="", next_step="") == [1]


def test_a_remark_is_no_reason_for_what_is_expected() -> None:
    """An alert would take it for one: such a path is not ready, and has a cause."""
    remark = Finding(Cause.NAMESERVER_SILENT, Hop.RESOLVER, "", "Ask them to repair it.", is_remark=True)
    blocked = Judgement("direct", Role.DEVICE, Verdict.NOT_READY, (remark,), expected=Expected.BLOCKED)
    facts = shown(configured(), blocked)
    assert values(facts, "netcheck_verdict_info", cause="", hop="", next_step="") == [1]
    assert values(facts, "netcheck_verdict_cause", cause="nameserver_silent") == [1]
    ready = shown(configured(), replace(blocked, verdict=Verdict.READY))
    assert values(ready, "netcheck_verdict_info", cause="nameserver_silent", hop="resolver") == [1]


def test_the_info_of_a_verdict_names_the_first_cause_and_asks_everyone_concerned() -> None:
    found = (
        Finding(Cause.PORT_BLOCKED, Hop.FIREWALL, "3 of 5", "Ask A to open 5223.", reply="timeout"),
        Finding(Cause.SERVICE_CERTIFICATE, Hop.OWN_SERVICE, "", "Ask B to renew."),
    )
    facts = shown(configured(), Judgement("direct", Role.DEVICE, Verdict.NOT_READY, found))
    said = {"cause": "port_blocked", "hop": "firewall", "next_step": "Ask A to open 5223. Ask B to renew."}
    assert values(facts, "netcheck_verdict_info", path="direct", role="device", **said) == [1]
    assert values(facts, "netcheck_verdict_info") == [1]


def test_bytes_count_in_a_label_that_may_not_be_too_long_and_no_character_is_cut() -> None:
    found = (Finding(Cause.TLS_INTERCEPTED, Hop.PROXY, "", "a" + "é" * 1000),)
    facts = shown(configured(), Judgement("direct", Role.DEVICE, Verdict.NOT_READY, found))
    assert values(facts, "netcheck_verdict_info", next_step="a" + "é" * 499) == [1]


def test_a_pac_file_s_address_is_never_too_long_for_a_label() -> None:
    state = State()
    pac = ProbePath("pac", chosen_by=Pac(f"https://web.test/{'long/' * 1000}"))
    state.configure([COURIER], [pac])
    cut = f"pac+https://web.test/{'long/' * 1000}"[:1000]
    assert values(shown(state), "netcheck_path_info", path="pac", proxy=cut) == [1]


def test_a_path_says_what_it_leads_through_and_no_credential() -> None:
    login = Credentials("svc", Secret("hunter2"))
    proxy = Proxy(ProxyScheme.HTTP, "fd00::1", 3128, login)
    bound = ProbePath("web", (proxy,), resolver=Resolver("corp"), binding=Binding("wlan0"))
    state = State()
    state.configure([COURIER], [DIRECT, bound])
    through = {"proxy": "http://[fd00::1]:3128", "resolver": "corp", "interface": "wlan0"}
    assert values(shown(state), "netcheck_path_info", path="web", **through) == [1]
    nothing = {"proxy": "", "resolver": "system", "interface": ""}
    assert values(shown(state), "netcheck_path_info", path="direct", **nothing) == [1]
    assert b"svc" not in scraped(Exporter(), shown(state))[0]


def test_a_path_says_who_chooses_its_proxies_and_no_key() -> None:
    state = State()
    pac = ProbePath("pac", chosen_by=Pac("https://web.test/p.pac?key=hunter2"))
    state.configure([COURIER], [pac, ProbePath("env", chosen_by=Environment())])
    assert values(shown(state), "netcheck_path_info", path="pac", proxy="pac+https://web.test/p.pac") == [1]
    assert values(shown(state), "netcheck_path_info", path="env", proxy="from-environment") == [1]


def test_what_nobody_needs_is_no_range_that_is_blocked() -> None:
    retired = Service("gateway", ("gateway.push.apple.com",), (2195,), required=False)
    dropped = replace(a_result(address="17.188.138.1", failure=TIMEOUT), service="gateway")
    dropped = replace(dropped, host="gateway.push.apple.com", port=2195)
    assert values(shown(configured(a_visit(dropped), services=[COURIER, retired])), RATIO) == []


def test_the_session_is_our_own_wait_and_no_duration() -> None:
    waited = a_result(phases={Phase.CONNECT: 0.02, Phase.SESSION: 3.0})
    facts = shown(configured(a_visit(waited)))
    assert values(facts, "netcheck_probe_phase_duration_seconds", phase="session") == []
    assert values(facts, "netcheck_probe_duration_seconds_sum", phase="session") == []
    assert values(facts, "netcheck_probe_duration_seconds_sum", phase="connect") == [0.02]


def test_the_couriers_fallback_is_shown_by_path() -> None:
    facts = shown(configured(), fallback={"direct": True, "dmz-socks": False})
    assert values(facts, "netcheck_courier_fallback_active", path="direct") == [1]
    assert values(facts, "netcheck_courier_fallback_active", path="dmz-socks") == [0]


def test_a_failed_reload_keeps_the_time_of_the_last_good_one() -> None:
    state = configured()
    state.own.reload_successful, state.own.reload_success_time = False, 1_760_000_000.0
    assert values(shown(state), "netcheck_config_last_reload_successful") == [0]
    assert values(shown(state), "netcheck_config_last_reload_success_timestamp_seconds") == [1_760_000_000.0]


def test_skipped_probes_are_counted_by_cause() -> None:
    state = configured()
    state.own.skipped.update(late=2, busy=1)
    assert values(shown(state), "netcheck_probes_skipped_total", cause="late") == [2]


def test_an_interceptor_shows_and_its_certificate_s_end_too() -> None:
    intercepted = Failure(Phase.TLS, Reason.TLS_INTERCEPTED)
    facts = shown(configured(a_visit(a_result(tls=TLS, failure=intercepted))))
    assert values(facts, "netcheck_tls_intercepted", service="courier", path="direct") == [1]
    assert values(facts, "netcheck_tls_certificate_not_after_timestamp_seconds") == [TLS.not_after]


def test_without_a_certificate_nothing_is_said_of_interception() -> None:
    assert values(shown(configured(a_visit(a_result()))), "netcheck_tls_intercepted") == []


PUSH = "netcheck_push_certificate_"


@pytest.mark.parametrize(("matches", "shows"), [(True, [1]), (False, [0]), (None, [])])
def test_a_push_certificate_shows_its_expiry_and_a_topic_where_one_is_expected(
    matches: bool | None, shows: list[float]
) -> None:
    facts = shown(configured(certificates=[replace(CERTIFICATE, topic_matches=matches)]))
    assert values(facts, f"{PUSH}readable", name="mdm") == [1]
    assert values(facts, f"{PUSH}not_after_timestamp_seconds", name="mdm") == [CERTIFICATE.not_after]
    assert values(facts, f"{PUSH}topic_matches", name="mdm") == shows


def test_a_push_certificate_that_cannot_be_read_shows_that_and_nothing_else() -> None:
    facts = shown(configured(certificates=[BROKEN]))
    assert values(facts, f"{PUSH}readable", name="school") == [0]
    assert values(facts, f"{PUSH}not_after_timestamp_seconds") == []
    assert values(facts, f"{PUSH}topic_matches") == []


def test_what_apns_said_of_a_push_certificate_is_told_for_each_path() -> None:
    state = configured(certificates=[CERTIFICATE])
    state.record_proof(ACCEPTED)
    state.record_proof(REFUSED)
    facts = shown(state)
    assert values(facts, f"{PUSH}accepted", name="mdm", path="direct") == [1]
    assert values(facts, f"{PUSH}accepted", name="mdm", path=SOCKS.name) == [0]
    assert values(facts, f"{PUSH}proof_timestamp_seconds", path="direct") == [ACCEPTED.time]


def test_a_push_certificate_of_which_apns_said_nothing_has_no_answer() -> None:
    state = configured(certificates=[CERTIFICATE])
    state.record_proof(replace(ACCEPTED, acceptance=Acceptance.UNPROVEN))
    assert values(shown(state), f"{PUSH}accepted") == []
    assert values(shown(state), f"{PUSH}proof_timestamp_seconds") == []


RATIO = "netcheck_prefix_reachable_ratio"


def test_a_range_that_a_firewall_drops_shows_beside_one_that_it_lets_through() -> None:
    facts = shown(
        configured(
            a_visit(
                a_result(address="17.57.144.1"),
                a_result(address="17.188.138.1", failure=TIMEOUT),
                a_result(address="17.188.138.2"),
                a_result(address="17.252.1.1", failure=TIMEOUT),
                a_result(address="203.0.113.1", failure=TIMEOUT),
            )
        )
    )
    assert values(facts, RATIO, prefix="17.57.144.0/22", port="5223", path="direct") == [1]
    assert values(facts, RATIO, prefix="17.188.128.0/18") == [0.5]
    assert values(facts, RATIO, prefix="17.252.0.0/16") == [0]
    assert len(values(facts, RATIO)) == 3


def test_a_certificate_that_fails_is_no_range_that_is_blocked() -> None:
    intercepted = Failure(Phase.TLS, Reason.TLS_INTERCEPTED)
    facts = shown(configured(a_visit(a_result(address="17.57.144.1", failure=intercepted))))
    assert values(facts, RATIO) == [1]


def test_of_hosts_that_share_an_address_the_newest_try_counts() -> None:
    old = replace(a_result(address="17.57.144.1", at=20.0), host=OTHER_HOST)
    new = a_result(address="17.57.144.1", at=30.0, failure=TIMEOUT)
    assert values(two_hosts(a_visit(new), a_visit(old)), RATIO) == [0]


def in_turn(*failures: Failure | None) -> Facts:
    """A host with three addresses, each in a range of its own: at each visit another one is tried."""
    addresses = cycle(("17.57.144.1", "17.188.138.1", "17.252.1.1"))
    tries = enumerate(zip(failures, addresses, strict=False))
    results = (a_result(address=address, at=20.0 + n, failure=failure) for n, (failure, address) in tries)
    return shown(configured(*map(a_visit, results)))


def test_a_range_keeps_what_was_found_of_it_until_its_address_has_its_turn_again() -> None:
    assert values(in_turn(None, TIMEOUT, None), RATIO, prefix="17.188.128.0/18") == [0]
    assert sorted(values(in_turn(None, TIMEOUT, None, None), RATIO)) == [0, 1, 1]
    assert values(in_turn(None, TIMEOUT, None, TIMEOUT, None), RATIO, prefix="17.188.128.0/18") == [1]
    no_dns = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT)
    state = configured(*(a_visit(a_result(address=it)) for it in ("17.57.144.1", "17.188.138.1")))
    state.record(a_visit(a_result(address=None, failure=no_dns)))
    assert values(shown(state), RATIO) == [1, 1]


def test_what_was_found_of_an_address_that_is_in_no_answer_any_more_is_not_kept_for_ever() -> None:
    gone = a_visit(a_result(address="17.252.1.1", failure=TIMEOUT))
    others = [a_visit(a_result(address=f"17.57.144.{number}")) for number in range(VISITS_REMEMBERED + 1)]
    assert sorted(values(shown(configured(gone, *others[:-1])), RATIO)) == [0, 1]
    assert values(shown(configured(gone, *others)), RATIO) == [1]


def test_a_hold_shows_what_it_outlived_and_how_it_ended() -> None:
    state = configured()
    state.record_hold(HELD)
    labels = HELD.key._asdict()
    assert values(shown(state), "netcheck_hold_longest_seconds", **labels) == [300]
    assert values(shown(state), "netcheck_hold_ended_total", how="closed", **labels) == [1]
    assert values(shown(state), "netcheck_hold_ended_total", how="lost", **labels) == [0]


def test_before_anything_was_held_idle_only_the_counters_stand_at_zero() -> None:
    facts = shown(configured())
    assert values(facts, "netcheck_hold_longest_seconds") == []
    assert set(values(facts, "netcheck_hold_ended_total")) == {0}


def test_a_bag_shows_what_it_says_and_whether_it_disagrees() -> None:
    facts = shown(configured(), bags=[FETCHED_BAG])
    where = {"path": "direct", "host": "init.push.apple.com"}
    assert values(facts, "netcheck_bag_courier_hostcount", **where) == [30]
    assert values(facts, "netcheck_bag_courier_status", **where) == [1]
    assert values(facts, "netcheck_bag_expiry_seconds", **where) == [900]
    assert values(facts, "netcheck_bag_info", **where, courier_hostname="courier.push.apple.com") == [1]
    assert values(facts, "netcheck_bag_disagrees", **where) == [1]


def test_a_bag_that_was_not_to_be_had_shows_nothing() -> None:
    facts = shown(configured(), bags=[NO_BAG])
    assert values(facts, "netcheck_bag_info") == values(facts, "netcheck_bag_disagrees") == []


NO_DNS = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT)
COMES_AND_GOES = ("netcheck_verdict_cause", "netcheck_verdict_info")
"""By what they are: one for each finding."""


def series(state: State) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    text = b"".join(Exposition().pieces(facts_of(state, Belief()), TextFormat.PROMETHEUS)).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.name not in COMES_AND_GOES
    }


@pytest.mark.parametrize("failure", [NO_DNS, TIMEOUT])
@pytest.mark.parametrize("visits", [1, 3])
def test_an_outage_is_a_failure_and_no_gap(failure: Failure, visits: int) -> None:
    state = configured(
        a_visit(a_result(rtt=0.019, address="17.57.144.1", tls=TLS, at=1.0), lookups=[LOOKUP]),
    )
    before = series(state)
    names = {name for name, _ in before}
    assert {RATIO, "netcheck_tls_intercepted", "netcheck_dns_min_ttl_seconds"} <= names
    address = None if failure is NO_DNS else "17.57.144.1"
    lookups = [a_lookup(reason=Reason.DNS_TIMEOUT, addresses=(), min_ttl=None)] if failure is NO_DNS else []
    for turn in range(visits):
        failed = a_result(failure=failure, address=address, phases={}, at=2.0 + turn)
        state.record(a_visit(failed, lookups=lookups, turn=turn + 1))
    assert before <= series(state)


def test_the_certificate_of_a_host_that_is_gone_counts_only_while_no_other_shows_any() -> None:
    later = replace(TLS, not_after=(TLS.not_after or 0.0) + 86400)
    intercepted = Failure(Phase.TLS, Reason.TLS_INTERCEPTED)
    service = replace(COURIER, hosts=(HOST, OTHER_HOST))
    other = replace(a_result(tls=TLS, failure=intercepted, at=1.0), host=OTHER_HOST)
    state = configured(a_visit(a_result(tls=TLS, at=1.0)), a_visit(other), services=[service])
    assert values(shown(state), "netcheck_tls_intercepted") == [1]
    state.record(a_visit(replace(a_result(failure=TIMEOUT, at=2.0), host=OTHER_HOST)))
    state.record(a_visit(a_result(tls=later, at=2.0)))
    facts = shown(state)
    assert values(facts, "netcheck_tls_intercepted") == [0]
    assert values(facts, "netcheck_tls_certificate_not_after_timestamp_seconds") == [later.not_after]


def test_what_was_known_before_an_outage_gives_way_to_what_comes_after_it() -> None:
    later = replace(TLS, not_after=(TLS.not_after or 0.0) + 86400)
    state = configured(a_visit(a_result(tls=TLS, at=1.0), lookups=[a_lookup(min_ttl=60)]))
    no_answer = a_lookup(reason=Reason.DNS_TIMEOUT, addresses=(), min_ttl=None)
    state.record(a_visit(a_result(failure=NO_DNS, address=None, at=2.0), lookups=[no_answer]))
    assert values(shown(state), "netcheck_dns_min_ttl_seconds") == [60]
    state.record(a_visit(a_result(tls=later, at=3.0), lookups=[a_lookup(min_ttl=20)]))
    facts = shown(state)
    assert values(facts, "netcheck_tls_certificate_not_after_timestamp_seconds") == [later.not_after]
    assert values(facts, "netcheck_dns_min_ttl_seconds") == [20]
    assert facts.ttls_before == {}


NOT_AFTER = "netcheck_tls_certificate_not_after_timestamp_seconds"


def test_of_each_https_proxy_the_latest_certificate_counts_and_the_first_to_expire_is_told() -> None:
    one, other = (Proxy(ProxyScheme.HTTPS, host, 3128) for host in ("one.example", "other.example"))
    path = ProbePath("web-proxy", (one,))

    def visit(proxy: Proxy, not_after: float | None, at: float, port: int = 443) -> Visit:
        result = a_result(proxies=(proxy,), proxy_not_after=not_after, at=at)
        return a_visit(replace(result, path=path.name, port=port))

    state = State()
    state.configure((COURIER,), (path,))
    state.record(visit(one, 1_760_000_000.0, at=1.0))
    state.record(visit(one, 1_790_000_000.0, at=2.0, port=5223))
    told = values(shown(state), NOT_AFTER, service="the proxy", path=path.name)
    assert told == [1_790_000_000.0]
    state.record(visit(other, 1_780_000_000.0, at=3.0))
    told = values(shown(state), NOT_AFTER, service="the proxy", path=path.name)
    assert told == [1_780_000_000.0]


def test_when_the_certificate_of_a_resolver_over_tls_expires_is_told_of_each_path_that_asks_it() -> None:
    resolver = Resolver("corp", (Nameserver("192.0.2.53", 853),), Transport.TLS)
    paths = [ProbePath("direct", resolver=resolver), ProbePath("wifi", resolver=resolver), ProbePath("other")]
    state = State()
    state.configure((COURIER,), paths)
    for at, not_after in ((1.0, 1_760_000_000.0), (2.0, 1_790_000_000.0)):
        tried = Try("192.0.2.53:853", Transport.TLS, None, 0.004, not_after=not_after)
        lookup = a_lookup(resolver="corp", tries=(tried,), at=at, rdtype=list(RecordType)[at == 1.0])
        state.record(a_visit(a_result(at=at), lookups=[lookup]))
    facts = shown(state)
    assert values(facts, NOT_AFTER, service="the resolver", path="direct") == [1_790_000_000.0]
    assert values(facts, NOT_AFTER, service="the resolver", path="wifi") == [1_790_000_000.0]
    assert values(facts, NOT_AFTER, service="the resolver", path="other") == []
