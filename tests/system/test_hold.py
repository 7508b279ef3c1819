"""Connections held idle through what forgets them: a strict firewall, a balancer's and a proxy's timeout."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.system.apple import Apple
from tests.system.lab import Lab, Settings
from tests.system.namespace import every
from tests.system.runs import Daemon
from tests.system.scenes import off

pytestmark = pytest.mark.waits

# A firewall that forgets a connection after two idle seconds and takes up none that it does not know.
FORGETFUL = """
echo 2 >/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established
echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose
"""
STRICT = "meta nfproto ipv4 tcp dport 5223 ct state invalid drop"
COURIER = "0-courier.push.apple.com"


@pytest.fixture
def tls_lab(build_lab: Callable[..., Lab]) -> Lab:
    lab: Lab = build_lab(Apple(ports=(2195, 2196)))
    assert lab.tls_couriers
    return lab


def holding(lab: Lab) -> Settings:
    """Only one courier, held idle for the shortest time that the config allows."""
    courier = {"count": 0, "depth": "tls", "lab_ca_file": str(lab.certificates.ca), "hold": "10s"}
    return {"courier": courier, **off("courier2", "provider", "gateway", "feedback")}


def ended(daemon: Daemon, *wanted: tuple[str, str]) -> dict[tuple[str, str], dict[str, Any]]:
    """The holds by path and family, as soon as each of these has ended once."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for _ in every(0.1, 30.0):
        holds = json.loads(daemon.get("/api/v1/status").body)["holds"]
        found = {(hold["path"], hold["family"]): hold for hold in holds if hold["end"]}
        if found.keys() >= {*wanted}:
            return found
    raise AssertionError(f"only these have ended: {found}")


def test_a_firewall_that_silently_forgets_is_found_and_a_patient_one_holds(tls_lab: Lab) -> None:
    tls_lab.namespace.firewall(STRICT)
    tls_lab.namespace.run(["sh", "-ec", FORGETFUL])
    with tls_lab.daemon({"direct": {}}, holding(tls_lab)) as daemon:
        holds = ended(daemon, ("direct", "ipv4"), ("direct", "ipv6"))
        metrics = daemon.get("/metrics").body.decode()
        (judged,) = json.loads(daemon.get("/api/v1/status").body)["verdicts"]
    forgotten, remembered = holds["direct", "ipv4"], holds["direct", "ipv6"]
    assert (forgotten["longest"], forgotten["end"], forgotten["silence"]) == (
        0,
        "lost",
        pytest.approx(10, 0.1),
    )
    assert (remembered["longest"], remembered["end"]) == (10, "held")
    assert (judged["verdict"], judged["cause"], judged["hop"]) == ("ready", "idle_forgotten", "firewall")
    labels = 'path="direct",service="courier"'
    assert f'netcheck_hold_ended_total{{family="ipv4",how="lost",{labels}}} 1.0\n' in metrics
    assert f'netcheck_hold_longest_seconds{{family="ipv6",{labels}}} 10.0\n' in metrics


def test_idle_timeouts_of_a_balancer_and_a_proxy_are_found(tls_lab: Lab) -> None:
    impatient = tls_lab.haproxy["impatient"].removeprefix("http://")
    paths = {
        "balanced": {"load_balancer": {f"{COURIER}:5223": impatient}},
        "proxied": {"proxy": tls_lab.tinyproxy.url},  # which has the same timeout
    }
    with tls_lab.daemon(paths, holding(tls_lab)) as daemon:
        holds = ended(daemon, ("balanced", "ipv4"), ("proxied", "name"))
    for hold in holds.values():
        assert (hold["longest"], hold["end"]) == (0, "closed")
        assert 1 < hold["silence"] < 6
