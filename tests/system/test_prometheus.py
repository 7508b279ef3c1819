"""The daemon among real servers, as a real Prometheus sees it."""

from collections.abc import Callable, Sequence

import pytest

from tests.system.apple import COURIER_RANGES, HOSTS, Apple
from tests.system.lab import Lab
from tests.system.namespace import FROM_HERE, every
from tests.system.runs import Sample

pytestmark = pytest.mark.waits

BuildLab = Callable[..., Lab]
Firewall = Callable[..., None]

PER_HOST = {"per_host": True}
ALL_EACH_ROUND = {
    name: {"count": 3, "hosts_per_round": "all", "addresses": "all", "depth": "tcp"}
    for name in ("courier", "courier2")
}


def is_1(samples: Sequence[Sample]) -> bool:
    return bool(samples) and all(sample.value == 1 for sample in samples)


def is_0(samples: Sequence[Sample]) -> bool:
    return bool(samples) and all(sample.value == 0 for sample in samples)


def test_a_healthy_network_is_ready_on_every_path(lab: Lab) -> None:
    paths = {
        "direct": {},
        "dante": {"proxy": lab.dante.url},
        "microsocks": {"proxy": lab.microsocks.url},
        "squid": {"proxy": lab.squid["plain"]},
        "tinyproxy": {"proxy": lab.tinyproxy.url},
    }
    assert lab.prometheus
    with lab.daemon(paths, ALL_EACH_ROUND, metrics={"per_host": True}) as daemon:
        lab.wait_for("netcheck_ready", lambda found: len(found) == 10 and is_1(found))
        # the first sample makes the verdicts; ready is who has visited everything once
        assert any(daemon.get("/-/ready").status == 200 for _ in every(0.2, 30.0))
        lab.wait_for('netcheck_probe_success{path!="squid"}', lambda found: len(found) >= 80 and is_1(found))
        assert is_1(lab.query("netcheck_proxy_up"))
        assert len(lab.query("netcheck_proxy_up")) == 4
        assert len(lab.query('netcheck_probe_success{path="direct",service="courier"}')) == 4 * 2 * 2
        assert is_1(lab.query("sum by (path, role) (netcheck_verdict)"))
        addresses = lab.query('netcheck_probe_addresses{path="direct",service="courier",state="reachable"}')
        assert {sample.value for sample in addresses} == {4}
        assert lab.query('netcheck_dns_lookups_total{outcome="success"} > 0')
        assert lab.query('netcheck_dns_min_ttl_seconds{service="courier"} == 8')
        assert lab.query('netcheck_dns_unexpected_addresses{service="provider"} == 1')  # as seen in the field
        assert is_0(lab.query('netcheck_dns_unexpected_addresses{service="courier"}'))
        phases = lab.query(
            'count by (path, phase) (netcheck_probe_phase_duration_seconds{service="courier"})'
        )
        assert {(sample.labels["path"], sample.labels["phase"]) for sample in phases} >= {
            ("direct", "resolve"),
            ("direct", "connect"),
            ("squid", "proxy_connect"),
            ("squid", "proxy_handshake"),
        }
        assert lab.query('netcheck_tcp_rtt_seconds_count{path="direct"} > 0')
        assert lab.query("netcheck_schedule_lag_seconds_count > 0")
        assert lab.query("netcheck_loop_lag_seconds_count > 0")
        assert is_1(lab.query("netcheck_config_last_reload_successful"))
        assert is_1(lab.query("netcheck_build_info"))
        assert lab.query("process_cpu_seconds_total")
        denied = 'netcheck_probe_failures_total{path="squid",reason="proxy_denied"} > 0'
        assert lab.query(denied)
        assert is_0(lab.query("sum(netcheck_probe_failures_total{reason='internal_error'})"))


def test_5223_dropped_makes_the_fallback_active_and_recovery_ends_it(build_lab: BuildLab) -> None:
    lab = build_lab()
    assert lab.prometheus
    with lab.daemon({"direct": {}}, ALL_EACH_ROUND, metrics=PER_HOST):
        lab.wait_for('netcheck_ready{role="device"}', is_1)
        assert is_0(lab.query("netcheck_courier_fallback_active"))
        lab.namespace.firewall(f"{FROM_HERE} tcp dport 5223 drop")
        lab.wait_for("netcheck_courier_fallback_active", is_1)
        lab.wait_for('netcheck_verdict{role="device",verdict="fallback_only"}', is_1)
        assert is_0(lab.query('netcheck_ready{role="device"}'))
        lab.wait_for('netcheck_probe_failures_total{phase="connect",reason="timeout"} > 0')
        assert lab.query("netcheck_tcp_syn_retransmits_total > 0")
        lab.namespace.firewall()
        lab.wait_for('netcheck_verdict{role="device",verdict="ready"}', is_1)
        assert is_0(lab.query("netcheck_courier_fallback_active"))


def test_with_the_default_sampling_a_block_shows_within_two_rounds(build_lab: BuildLab) -> None:
    lab = build_lab()
    assert lab.prometheus
    sampled = {name: {"count": 50, "depth": "tcp"} for name in ("courier", "courier2")}
    with lab.daemon({"direct": {}}, sampled, metrics=PER_HOST):
        lab.wait_for('netcheck_ready{role="device"}', is_1)
        lab.namespace.firewall(f"{FROM_HERE} tcp dport 5223 reject with tcp reset")
        lab.wait_for("netcheck_courier_fallback_active", is_1, deadline=12.0)  # of 22 s for all 51 hosts


def test_a_stopped_proxy_is_down_and_direct_stays_ready(build_lab: BuildLab) -> None:
    lab = build_lab()
    assert lab.prometheus
    with lab.daemon(
        {"direct": {}, "squid": {"proxy": lab.squid["plain"]}}, ALL_EACH_ROUND, metrics={"per_host": True}
    ):
        lab.wait_for('netcheck_proxy_up{path="squid"}', is_1)
        lab.squid.stop()
        lab.wait_for('netcheck_proxy_up{path="squid"}', is_0)
        refused = 'netcheck_probe_failures_total{path="squid",phase="proxy_connect",reason="refused"} > 0'
        lab.wait_for(refused)
        lab.wait_for('netcheck_ready{path="squid"}', is_0)
        assert is_1(lab.query('netcheck_ready{path="direct"}'))


def test_a_dns_outage_is_a_failure_and_no_gap(build_lab: BuildLab) -> None:
    lab = build_lab()
    assert lab.prometheus
    with lab.daemon({"direct": {}}, ALL_EACH_ROUND, metrics=PER_HOST):
        courier = 'netcheck_probe_success{service="courier"}'
        lab.wait_for(courier, lambda found: len(found) == 16 and is_1(found))
        lab.dns.stop()
        lab.wait_for(courier, lambda found: len(found) == 16 and is_0(found))
        failures = 'netcheck_probe_failures_total{reason="resolver_unreachable"} > 0'
        lab.wait_for(failures)
        assert lab.query('netcheck_probe_last_success_timestamp_seconds{service="courier"}')
        assert lab.query('netcheck_dns_lookups_total{outcome="resolver_unreachable"} > 0')


def test_a_missing_gateway_shows_and_does_not_count(build_lab: BuildLab) -> None:
    lab = build_lab(Apple({**HOSTS, "gateway.push.apple.com": ()}))
    assert lab.prometheus
    with lab.daemon({"direct": {}}, ALL_EACH_ROUND, metrics=PER_HOST):
        lab.wait_for('netcheck_probe_success{service="gateway"}', is_0)
        lab.wait_for('netcheck_probe_failures_total{reason="nxdomain"} > 0')
        lab.wait_for("netcheck_ready", is_1)


def test_a_firewall_that_lets_only_some_of_apples_ranges_through_shows(build_lab: BuildLab) -> None:
    lab = build_lab()
    assert lab.prometheus
    lab.namespace.firewall(f"{FROM_HERE} ip daddr 17.188.128.0/18 tcp dport 5223 drop")
    with lab.daemon({"direct": {}}, ALL_EACH_ROUND, metrics=PER_HOST):
        ratio = 'netcheck_prefix_reachable_ratio{path="direct",port="5223"}'
        lab.wait_for(f'{ratio[:-1]},prefix="17.188.128.0/18"}}', is_0)
        others = lab.query(f'{ratio[:-1]},prefix!="17.188.128.0/18"}}')
        assert {sample.labels["prefix"] for sample in others} == set(COURIER_RANGES) - {"17.188.128.0/18"}
        assert is_1(others)
