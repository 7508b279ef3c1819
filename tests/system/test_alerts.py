"""Incidents, from trouble in the network to the right page: which alerts, to whom, and nothing else.

A real netcheck, or where that would take hours a simulated one; real Prometheus and Alertmanager, with the
files of config/prometheus as they are, but faster. docs/alerts.md has the table that a run of these makes.
"""

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGHUP
from typing import Any

import pytest

from tests.certificates import TOPIC, issued
from tests.system import between, proxies, servers
from tests.system.alerting import SPEED, Alerting, Told, alerting, alerting_of
from tests.system.apple import COURIER_RANGES
from tests.system.lab import FAST_ROUNDS, Lab, Settings
from tests.system.namespace import FROM_HERE, Namespace, every
from tests.system.pages import fetch
from tests.system.resolvers import OTHER_RESOLVER, forwarder
from tests.system.rules import CONFIG
from tests.system.scenes import TLS_APPLE, tls_services
from tests.system.servers import Server, require, serve
from tests.system.test_push_certificates import GOOD, REVOKED, asks_for_certificates, written
from tests.system.test_push_certificates import services as provider_only

pytestmark = pytest.mark.waits

BuildLab = Callable[..., Lab]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "alerts.md"
RUNBOOKS = "https://github.com/netcheck/netcheck/blob/main/"
MINUTE = 60 / SPEED
QUIET = 3 * MINUTE
"""For how long nothing else is to be told."""


# What was told, and the page's table of it.


@dataclass(frozen=True)
class Row:
    """One alert of an incident, in the table's words; times in minutes as the files have them."""

    alert: str
    told: str
    after: float
    over: float | None

    def cells(self) -> list[str]:
        over = "–" if self.over is None else f"{self.over:.0f}"
        return [f"`{self.alert}`", self.told, f"{self.after:.0f}", over]


def rows(told: Iterable[Told], began: float, ended: float, speed: int = SPEED) -> list[Row]:
    """By alert, the first that was told first; when it was over counts from the end of the trouble."""
    found: dict[str, list[Told]] = {}
    for each in sorted(told, key=lambda told: told.time):
        found.setdefault(each.name, []).append(each)
    return [_row(name, each, began, ended, speed / 60) for name, each in found.items()]


def _row(name: str, told: list[Told], began: float, ended: float, minutes: float) -> Row:
    receivers = ", ".join(sorted({each.receiver for each in told}))
    ends = [each.time for each in told if not each.firing and each.time > ended]
    over = max(0.0, (max(ends) - ended) * minutes) if ends else None
    return Row(name, receivers, (told[0].time - began) * minutes, over)


def check_page(incident: str, found: list[Row]) -> None:
    """That the page has these alerts for the incident, and no others; or write them down for a new page."""
    if file := os.environ.get("NETCHECK_ALERTS_TABLE"):
        with Path(file).open("a") as lines:
            lines.write(json.dumps([incident, [row.cells() for row in found]]) + "\n")
        return
    lines_of_cells = (line.strip("|").split(" | ") for line in PAGE.read_text().splitlines())
    table = [[cell.strip() for cell in cells] for cells in lines_of_cells]
    promised = [cells[1:3] for cells in table if cells[0] == incident]
    told = [row.cells()[:2] for row in found] or [["none", "nobody"]]
    assert sorted(told) == sorted(promised)


# Incidents of a real netcheck.


SMALL: Settings = {
    name: {"count": 3, "hosts_per_round": "all", "addresses": "all", "depth": "tcp"}
    for name in ("courier", "courier2")
}
SAMPLED: Settings = {name: {"count": 50, "depth": "tcp"} for name in ("courier", "courier2")}


def _small(_: Lab) -> Settings:
    return SMALL


def few(_: Lab) -> Settings:
    """As many attempts as run into their timeouts within a round."""
    return {name: {"count": 3, "depth": "tcp"} for name in ("courier", "courier2")}


def sampled(_: Lab) -> Settings:
    """All couriers, five hosts of each kind a round, as by default."""
    return SAMPLED


@dataclass(frozen=True)
class Incident:
    """What breaks, which alerts are told to whom, and what makes it good again."""

    name: str
    paths: Callable[[Lab], Settings]
    breaks: Callable[[Lab], object]
    mends: Callable[[Lab], object]
    told: Mapping[str, set[str]]
    services: Callable[[Lab], Settings] = _small
    apple: Any = None
    settings: Settings = field(default_factory=dict)
    ready: str = "min(netcheck_ready) == 1"
    within: float = 5.0
    """In how many minutes the first is to be told; twice as many are waited for: the machine may be busy."""


ON_CALL = "on-call"
COURIERS = tuple(
    f"ip6 daddr {address.format(0)}/112" if ":" in address else f"ip daddr {address.format(0)}/28"
    for address in COURIER_RANGES.values()
)
COURIERS_DOWN = tuple(f"{couriers} tcp dport {{443, 5223}} drop" for couriers in COURIERS)
DROPS_5223 = f"{FROM_HERE} tcp dport 5223 drop"
UPLINK_DOWN = (
    f"{FROM_HERE} tcp dport {{53, 80, 443, 1080, 2195, 2196, 2197, 3128, 5223}} drop",
    f"{FROM_HERE} udp dport 53 drop",
)
TWO_RANGES = tuple(
    f"{FROM_HERE} ip daddr {prefix} tcp dport {{443, 5223}} drop" for prefix in list(COURIER_RANGES)[1:3]
)


def firewall(*rules: str) -> Callable[[Lab], object]:
    return lambda lab: lab.namespace.firewall(*rules)


def beside(**paths: Callable[[Lab], Settings]) -> Callable[[Lab], Settings]:
    return lambda lab: {"direct": {}, **{name: path(lab) for name, path in paths.items()}}


def only(direct: Settings) -> Callable[[Lab], Settings]:
    return lambda _: {"direct": direct}


def behind_closed_doors(lab: Lab) -> Settings:
    """A path over which nothing gets through, as it should be."""
    firewall(*UPLINK_DOWN)(lab)
    return {"guests": {"expected": "blocked", "roles": ["device"]}}


def stock_squid(lab: Lab) -> Settings:
    return {"proxy": lab.squid["plain"]}


def trusted(lab: Lab) -> Settings:
    """At the depth of TLS, every host each round."""
    assert lab.tls_couriers
    assert lab.tls_provider
    services = tls_services(lab)
    all_of_them = {"hosts_per_round": "all"}
    return {name: {**its, **(all_of_them if "count" in its else {})} for name, its in services.items()}


def decrypting(lab: Lab, *, excepts_apple: bool) -> Server:
    """Squid, in place of the one that ran before."""
    if running := vars(lab).pop("squid_now", None):
        running.stop()
    vars(lab)["squid_now"] = proxies.squid_that_decrypts(
        lab.namespace, lab.certificates, excepts_apple=excepts_apple
    )
    server: Server = vars(lab)["squid_now"]
    return server


def with_password(lab: Lab, password: str) -> Server:
    """Tinyproxy, which knows one account, in place of the one that ran before."""
    if running := vars(lab).pop("tinyproxy_now", None):
        running.stop()
    server = proxies.tinyproxy_knowing(lab.namespace, password)
    vars(lab)["tinyproxy_now"] = server
    return server


def learns_the_password(lab: Lab, password: str) -> None:
    """Netcheck's login is corrected, and its config read anew, as somebody does who was told."""
    (lab.namespace.scratch / f"{proxies.PASSWORD}.secret").write_text(f"{password}\n")
    lab.namespace.inside(fetch, servers.NETCHECK_PORT, "/-/reload", {}, "POST")


def behind_a_front(lab: Lab) -> Settings:
    front = between.front(lab.namespace, lab.squid.port)
    return {"proxy": f"http://127.0.0.1:{front.port}"}


def slow(lab: Lab) -> None:
    between.make_front(lab.namespace, slow=True)


def fast(lab: Lab) -> None:
    between.make_front(lab.namespace, slow=False)


def corporate(lab: Lab) -> Server:
    """The resolver of the company, started anew."""
    vars(lab)["corporate"] = forwarder(lab.namespace, filters_ipv6=False)
    server: Server = vars(lab)["corporate"]
    return server


def by_corporate_resolver(lab: Lab) -> Settings:
    corporate(lab)
    by_it = {"resolver": "corporate"}
    return {"direct": by_it, "guests": {**by_it, "roles": ["device"]}, "dante": {"proxy": lab.dante.url}}


INCIDENTS = (
    Incident(
        "a proxy is stopped",
        beside(squid=stock_squid),
        lambda lab: lab.squid.stop(),
        lambda lab: proxies.squid(lab.namespace, lab.certificates),
        {"NetcheckProxyDown": {ON_CALL, "proxy-owners"}},
    ),
    Incident(
        "a firewall drops 5223",
        beside(dante=lambda lab: {"proxy": lab.dante.url}),
        firewall(DROPS_5223),
        firewall(),
        {"NetcheckFallbackOnly": {"network"}},
        within=10.0,
    ),
    Incident(
        "a firewall drops 5223, where that is expected",
        only({"expected": "fallback_only"}),
        firewall(DROPS_5223),
        firewall(),
        {},
    ),
    Incident(
        "a firewall lets through what it should block",
        behind_closed_doors,
        firewall(),
        firewall(*UPLINK_DOWN),
        {"NetcheckPathOpen": {"network"}},
        services=few,
        ready='min(netcheck_verdict{verdict="not_ready"}) == 1 unless on () netcheck_verdict_cause',
        within=20.0,
    ),
    Incident(
        "a proxy begins to decrypt",
        beside(squid=lambda lab: {"proxy": decrypting(lab, excepts_apple=True).url}),
        lambda lab: decrypting(lab, excepts_apple=False),
        lambda lab: decrypting(lab, excepts_apple=True),
        {"NetcheckIntercepted": {ON_CALL, "proxy-owners"}},
        services=trusted,
        apple=TLS_APPLE,
    ),
    Incident(
        "a proxy's password is changed",
        beside(tinyproxy=lambda lab: {"proxy": with_password(lab, proxies.PASSWORD).url, **lab.credentials}),
        lambda lab: with_password(lab, "changed"),
        lambda lab: learns_the_password(lab, "changed"),
        {"NetcheckProxyAuth": {ON_CALL, "proxy-owners"}},
    ),
    Incident(
        "Apple's couriers are down, beside a squid as it comes",
        beside(squid=stock_squid),
        firewall(*COURIERS_DOWN),
        firewall(),
        {"NetcheckAppleUnreachable": {ON_CALL, "push-owners"}},
        services=few,
    ),
    Incident(
        "a resolver dies",
        by_corporate_resolver,
        lambda lab: vars(lab)["corporate"].stop(),
        corporate,
        {"NetcheckResolverDown": {ON_CALL, "network"}},
        settings={"resolvers": {"corporate": {"nameservers": [OTHER_RESOLVER]}}},
    ),
    Incident(
        "the uplink is dead",
        beside(dante=lambda lab: {"proxy": lab.dante.url}),
        firewall(*UPLINK_DOWN),
        firewall(),
        {"NetcheckUplinkDown": {ON_CALL, "network"}},
    ),
    Incident(
        "two of Apple's ranges are blocked, with the default sampling",
        only({"roles": ["device"], "families": ["ipv4"]}),
        firewall(*TWO_RANGES),
        firewall(),
        {"NetcheckRangeBlocked": {"network"}},
        services=sampled,
        within=25.0,
    ),
    Incident(
        "a proxy that allows 443 only becomes slow",
        beside(squid=behind_a_front),
        slow,
        fast,
        {"NetcheckProxySlow": {"proxy-owners"}},
        settings={
            "probing": {"timeouts": {**FAST_ROUNDS["timeouts"], "proxy": "2s"}}
        },  # slow, and no failure
        within=20.0,
    ),
)


def started(build_lab: BuildLab, incident: Incident) -> tuple[Lab, Settings, Settings]:
    lab = build_lab(incident.apple) if incident.apple else build_lab()
    services, paths = incident.services(lab), incident.paths(lab)
    return lab, paths, services


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)
def test_an_incident_is_told_to_those_who_can_help_and_nothing_else_is(
    build_lab: BuildLab, incident: Incident
) -> None:
    lab, paths, services = started(build_lab, incident)
    with lab.daemon(paths, services, **incident.settings):
        alerts = alerting_of(lab)
        lab.wait_for(incident.ready, deadline=60.0)
        began = time.time()
        incident.breaks(lab)
        for name in incident.told:
            alerts.wait_until_told(name, firing=True, deadline=2 * incident.within * MINUTE)
        stays_quiet(alerts, incident.told)
        ended = time.time()
        incident.mends(lab)
        for name in incident.told:
            alerts.wait_until_told(name, firing=False, deadline=30 * MINUTE)
        lab.wait_for("absent(ALERTS)", deadline=40 * MINUTE)
    check(alerts.told(), incident.told)
    check_page(incident.name, rows(alerts.told(), began, ended))


def stays_quiet(alerts: Alerting, expected: Mapping[str, set[str]]) -> None:
    """For a while, nothing else is told."""
    for _ in every(0.1, QUIET):
        assert {told.name for told in alerts.told()} <= expected.keys()


def check(told: Iterable[Told], expected: Mapping[str, set[str]]) -> None:
    found: dict[str, set[str]] = {}
    for each in told:
        found.setdefault(each.name, set()).add(each.receiver)
        runbook = each.annotations["runbook_url"]
        assert (ROOT / runbook.removeprefix(RUNBOOKS)).is_file()
    assert found == expected


def test_five_minutes_down_and_five_up_are_two_pages(build_lab: BuildLab) -> None:
    """The second time it is said that it comes and goes, and from then on nothing more."""
    lab = build_lab()
    told = {"NetcheckProxyDown": {ON_CALL, "proxy-owners"}, "NetcheckFlapping": {ON_CALL, "proxy-owners"}}
    with lab.daemon(beside(squid=stock_squid)(lab), SMALL):
        alerts = alerting_of(lab)
        lab.wait_for("min(netcheck_ready) == 1", deadline=60.0)
        began = time.time()
        for _ in range(3):
            vars(lab).pop("squid").stop()
            lasts(5 * MINUTE)
            assert lab.squid
            lasts(5 * MINUTE)
        ended = time.time()
    check(alerts.told(), told)
    pages = [each for each in alerts.told() if each.firing and each.receiver == ON_CALL]
    assert len({(each.name, each.labels["role"]) for each in pages}) == 2 * len(told)
    check_page("a proxy is down and up, five minutes each", rows(alerts.told(), began, ended))


def test_twenty_seconds_down_and_twenty_up_wake_nobody_twice(build_lab: BuildLab) -> None:
    lab = build_lab()
    with lab.daemon({"direct": {}}, SMALL):
        alerts = alerting_of(lab)
        lab.wait_for("min(netcheck_ready) == 1", deadline=60.0)
        began = time.time()
        for _ in range(15):
            lab.namespace.firewall(f"{FROM_HERE} tcp dport {{443, 2197, 5223}} drop")
            lasts(MINUTE / 3)
            lab.namespace.firewall()
            lasts(MINUTE / 3)
        ended = time.time()
        lab.wait_for('absent(ALERTS{severity="critical"})', deadline=60 * MINUTE)
    check_page(
        "a firewall drops everything, twenty seconds of every forty", rows(alerts.told(), began, ended)
    )


def lasts(seconds: float) -> None:
    """An incident's own time: nothing is waited for."""
    time.sleep(seconds)


def test_a_netcheck_that_restarts_in_a_loop_is_told_to_its_owners(build_lab: BuildLab) -> None:
    lab = build_lab()
    alerts = alerting_of(lab)
    began = time.time()
    for _ in range(4):
        with lab.daemon({"direct": {}}, SMALL):
            lab.wait_for("min(netcheck_ready) == 1")
    ended = time.time()
    with lab.daemon({"direct": {}}, SMALL):
        alerts.wait_until_told("NetcheckRestarts", firing=True)
    check(alerts.told(), {"NetcheckRestarts": {"netcheck-owners"}})
    check_page("netcheck is restarted again and again", rows(alerts.told(), began, ended))


def test_a_push_certificate_wakes_somebody_only_once_it_has_expired(build_lab: BuildLab) -> None:
    lab = build_lab()
    expires, expired = "NetcheckPushCertificateExpires", "NetcheckPushCertificateExpired"
    to_owners: dict[str, set[str]] = {expires: {"push-owners"}}
    told = {
        61: {},
        45: to_owners,
        8: to_owners,
        7: to_owners,
        1: to_owners,
        0: {expired: {ON_CALL, "push-owners"}},
    }
    files = {f"days{days}": certificate_file(lab, days) for days in told}
    push = {name: {"file": str(file), "topic": TOPIC} for name, file in files.items()}
    with lab.daemon({"direct": {}}, SMALL, push_certificates=push):
        began = time.time()
        alerts = alerting_of(lab)
        for days, alerts_of_it in told.items():
            for name in alerts_of_it:
                alerts.wait_until_told(name, firing=True, name=f"days{days}")
        stays_quiet(alerts, {expires: set(), expired: set()})
    for days, alerts_of_it in told.items():
        heard = [each for each in alerts.told() if each.labels["name"] == f"days{days}"]
        check(heard, alerts_of_it)
        assert len({each.labels["severity"] for each in heard}) == len(alerts_of_it)
        check_page(f"a push certificate has {days} days left", rows(heard, began, time.time()))


def test_a_push_certificate_that_apple_refuses_is_told_once(build_lab: BuildLab) -> None:
    """Not again as what the path and the role cannot do without it."""
    lab = asks_for_certificates(build_lab)
    file = written(lab, "mdm.pem", GOOD.pem)
    told = {"NetcheckPushCertificateRefused": {ON_CALL, "push-owners"}}
    push = {"mdm": {"file": str(file), "verify": True}}
    paths = {"direct": {}, "socks": {"proxy": lab.dante.url}}
    with lab.daemon(paths, provider_only(lab), push_certificates=push) as daemon:
        alerts = alerting_of(lab)
        lab.wait_for("min(netcheck_push_certificate_accepted) == 1", deadline=60.0)
        began = time.time()
        file.write_bytes(REVOKED.pem)
        daemon.signal(SIGHUP)
        alerts.wait_until_told("NetcheckPushCertificateRefused", firing=True)
        stays_quiet(alerts, told)
        ended = time.time()
        file.write_bytes(GOOD.pem)
        daemon.signal(SIGHUP)
        alerts.wait_until_told("NetcheckPushCertificateRefused", firing=False)
        lab.wait_for("absent(ALERTS)", deadline=40 * MINUTE)
    check(alerts.told(), told)
    check_page("Apple refuses the push certificate", rows(alerts.told(), began, ended))


def certificate_file(lab: Lab, days: int) -> Path:
    """A push certificate that expires a minute before these days have passed."""
    file = lab.namespace.scratch / f"mdm-{days}.pem"
    file.touch(mode=0o600)
    certificate = issued(not_after=datetime.now(UTC) + timedelta(days=days, minutes=-1))
    file.write_bytes(certificate.pem + certificate.key_pem())
    return file


# Incidents of simulated netchecks: hours, and a fleet.

HOURS_SPEED = 240
"""As many times as fast: an hour is a quarter of a minute."""
Script = list[tuple[float, str]]


def metrics(verdict: str, cause: str = "", hop: str = "", path: str = "squid", more: str = "") -> str:
    """What a netcheck says of a path, through a proxy, and of devices."""
    held = {each: int(each == verdict) for each in ("ready", "degraded", "not_ready")}
    labels = f'path="{path}",role="device"'
    lines = [f'netcheck_verdict{{{labels},verdict="{each}"}} {value}' for each, value in held.items()]
    return "\n".join(
        [
            *lines,
            f"netcheck_ready{{{labels}}} {held['ready']}",
            f'netcheck_verdict_info{{{labels},cause="{cause}",hop="{hop}",next_step="Ask them."}} 1',
            f'netcheck_path_info{{path="{path}",proxy="http://proxy:3128",resolver="system",interface=""}} 1',
            more,
            "",
        ]
    )


PROBES = 'netcheck_probes_total{service="courier",port="443",path="squid",outcome="success"}'
LAST_RUN = 'netcheck_hosts_last_run_timestamp_seconds{path="squid"}'
SIMULATED_MINUTE = 60 / HOURS_SPEED
ROUNDS = f"process_start_time_seconds 1000\nnetcheck_probing_interval_seconds {SIMULATED_MINUTE}"
READY = metrics("ready", more=f"{PROBES} SECONDS\n{LAST_RUN} NOW\n{ROUNDS}")
DOWN = metrics("not_ready", "proxy_down", "proxy")
APPLE = metrics("not_ready", "apple_unreachable", "apple")
NO_IPV6 = metrics(
    "degraded",
    "ipv6_broken",
    "local_network",
    more='netcheck_verdict_cause{path="squid",role="device",cause="ipv6_broken",hop="local_network"} 1',
)
STUCK = metrics("ready", more=f"{PROBES} 1e9\n{LAST_RUN} 2000\n{ROUNDS}")
BLOCKED_EVERYWHERE = "".join(
    metrics("not_ready", "port_blocked", "firewall", path) for path in ("direct", "wifi")
)
BLOCKED_HERE = metrics("not_ready", "port_blocked", "firewall", "wifi") + metrics("ready")
DENIES = metrics("not_ready", "proxy_denies_port", "proxy")
SINKHOLE = metrics("not_ready", "dns_sinkhole", "resolver")
IN_PART = metrics("degraded", "hosts_unreachable", "apple")
OLD_CONFIG = metrics("ready", more="netcheck_config_last_reload_successful 0")
EXPIRES = metrics(
    "ready",
    more='netcheck_tls_certificate_not_after_timestamp_seconds{service="our-mdm",path="squid"} '
    f"{time.time() + 7 * 86400}",
)
BAG_DOWN = metrics("ready", more='netcheck_bag_courier_status{path="squid",host="init.push.apple.com"} 0')


def simulated(build_lab: BuildLab, scripts: Mapping[str, Script]) -> tuple[float, Alerting]:
    """Sites that follow their scripts, in simulated minutes: when they began, and what is told of them."""
    namespace: Namespace = build_lab().namespace
    require("prometheus")
    in_seconds = {
        site: [(minutes * SIMULATED_MINUTE, text) for minutes, text in script]
        for site, script in scripts.items()
    }
    file = namespace.scratch / "scripts.json"
    file.write_text(json.dumps(in_seconds))
    program = str(Path(__file__).with_name("simulated.py"))
    began = time.time()
    serve(
        namespace,
        "simulated",
        [sys.executable, "-I", "-S", program, "9300", str(file)],
        {"http": "http://127.0.0.1:9300"},
    )
    targets = [
        {
            "targets": ["127.0.0.1:9300"],
            "labels": {"site": site, "instance": f"{site}:9223", "__metrics_path__": f"/{site}/metrics"},
        }
        for site in scripts
    ]
    _, alerts = alerting(namespace, targets, HOURS_SPEED)
    return began, alerts


def of_site(alerts: Alerting, site: str) -> list[Told]:
    return [told for told in alerts.told() if told.labels.get("site") == site]


def wait_for_receivers(alerts: Alerting, site: str, told: Mapping[str, set[str]]) -> None:
    wanted = {(name, receiver) for name, receivers in told.items() for receiver in receivers}
    for _ in every(0.1, 60.0):
        if wanted <= {(each.name, each.receiver) for each in of_site(alerts, site)}:
            return
    raise AssertionError(f"{site}: not all of {wanted} were told")


def test_what_takes_hours_is_told_as_well(build_lab: BuildLab) -> None:
    scripts: dict[str, Script] = {
        "eight": [(52, READY), (8, DOWN)],
        "once": [(50, READY), (40, DOWN), (1e6, READY)],
        "ipv6": [(40, READY), (1e6, NO_IPV6)],
        "stuck": [(40, READY), (1e6, STUCK)],
        "bag": [(40, READY), (1e6, BAG_DOWN)],
        "silent": [(40, READY), (1e6, "")],
        "everywhere": [(40, READY), (1e6, BLOCKED_EVERYWHERE)],
        "here": [(40, READY), (1e6, BLOCKED_HERE)],
        "denies": [(40, READY), (1e6, DENIES)],
        "sinkhole": [(40, READY), (1e6, SINKHOLE)],
        "in-part": [(40, READY), (1e6, IN_PART)],
        "old": [(40, READY), (1e6, OLD_CONFIG)],
        "expires": [(40, READY), (1e6, EXPIRES)],
        "quiet": [(40, READY), (1e6, READY)],
    }
    expected: Mapping[str, tuple[str, Mapping[str, set[str]]]] = {
        "eight": (
            "a proxy is down for eight minutes of every hour",
            {
                "NetcheckProxyDown": {ON_CALL, "proxy-owners"},
                "NetcheckErrorBudgetBurn": {ON_CALL, "proxy-owners"},
            },
        ),
        "once": ("a proxy is down for 40 minutes", {"NetcheckProxyDown": {ON_CALL, "proxy-owners"}}),
        "ipv6": ("IPv6 does not work", {"NetcheckIPv6Broken": {"network"}}),
        "stuck": ("netcheck answers and has stopped probing", {"NetcheckStuck": {"netcheck-owners"}}),
        "bag": ("the bag says that couriers are down", {"NetcheckBagUnhealthy": {"push-owners"}}),
        "silent": ("netcheck does not answer", {"NetcheckDown": {"netcheck-owners"}}),
        "everywhere": ("a port is blocked on every path", {"NetcheckSiteNotReady": {ON_CALL, "network"}}),
        "here": ("a port is blocked on one path", {"NetcheckNotReady": {ON_CALL, "network"}}),
        "denies": ("a proxy denies 443", {"NetcheckProxyDeniesPorts": {ON_CALL, "proxy-owners"}}),
        "sinkhole": ("a DNS filter blocks Apple's names", {"NetcheckSinkholed": {ON_CALL, "network"}}),
        "in-part": ("some hosts cannot be reached", {"NetcheckDegraded": {"push-owners"}}),
        "old": ("a changed config has a fault", {"NetcheckReloadFailed": {"netcheck-owners"}}),
        "expires": (
            "the certificate of the MDM server has 7 days left",
            {"NetcheckCertificateExpires": {"push-owners"}},
        ),
        "quiet": ("nothing happens for hours", {}),
    }
    began, alerts = simulated(build_lab, scripts)
    alerts.wait_until_told("NetcheckErrorBudgetBurn", firing=True, deadline=300 * SIMULATED_MINUTE)
    for site, (_, told) in expected.items():
        for name in told:
            alerts.wait_until_told(name, firing=True, site=site)
    for site, (_, told) in expected.items():  # each receiver is told in a message of its own
        wait_for_receivers(alerts, site, told)
    for site, (incident, told) in expected.items():
        check(of_site(alerts, site), told)
        breaks = began + scripts[site][0][0] * SIMULATED_MINUTE
        lasts_on = scripts[site][-1][1] != READY
        mends = math.inf if lasts_on else breaks + scripts[site][1][0] * SIMULATED_MINUTE
        check_page(incident, rows(of_site(alerts, site), breaks, mends, HOURS_SPEED))


def test_an_outage_at_many_sites_is_told_once(build_lab: BuildLab) -> None:
    scripts: dict[str, Script] = {f"s{number:02}": [(40, READY), (1e6, APPLE)] for number in range(30)}
    scripts |= {f"t{number:02}": [(1e6, READY)] for number in range(10)}
    scripts["t00"] = [(40, READY), (1e6, DOWN)]
    began, alerts = simulated(build_lab, scripts)
    alerts.wait_until_told("NetcheckFleetNotReady", firing=True)
    alerts.wait_until_told("NetcheckProxyDown", firing=True)
    lasts(20 * SIMULATED_MINUTE)
    told = {
        "NetcheckFleetNotReady": {ON_CALL, "push-owners"},
        "NetcheckProxyDown": {ON_CALL, "proxy-owners"},
    }
    check(alerts.told(), told)
    assert {each.labels["site"] for each in alerts.told() if each.name == "NetcheckProxyDown"} == {"t00"}
    page = rows(alerts.told(), began + 40 * SIMULATED_MINUTE, time.time(), HOURS_SPEED)
    check_page("30 of 40 sites lose Apple, and one of the others its proxy", page)


# What Alertmanager silences.

ONE_NETCHECK = {"site": "berlin", "instance": "nc:9223"}
DEVICE = {**ONE_NETCHECK, "role": "device"}
ON_SQUID = {**DEVICE, "path": "squid"}
PROXY_DOWN = {**ON_SQUID, "cause": "proxy_down", "hop": "proxy"}
BLOCKED = {"cause": "port_blocked", "hop": "firewall"}
OUTAGE = {"cause": "apple_unreachable", "hop": "apple"}


@pytest.mark.parametrize(
    ("source", "silenced", "heard"),
    [
        pytest.param(
            {"alertname": "NetcheckProxyDown", **PROXY_DOWN},
            [
                {"alertname": "NetcheckErrorBudgetBurn", **PROXY_DOWN, "window": "6h"},
            ],
            [
                {"alertname": "NetcheckProxySlow", **PROXY_DOWN, "cause": "proxy_slow"},
                {"alertname": "NetcheckProxyDown", **PROXY_DOWN, "role": "provider"},
                {"alertname": "NetcheckNotReady", **DEVICE, **BLOCKED, "path": "direct"},
                {"alertname": "NetcheckErrorBudgetBurn", **PROXY_DOWN, "site": "paris", "window": "6h"},
                {"alertname": "NetcheckLate", **ONE_NETCHECK, "hop": "netcheck"},
            ],
            id="a dead proxy silences what else is said of its path",
        ),
        pytest.param(
            {"alertname": "NetcheckAppleUnreachable", **DEVICE, **OUTAGE},
            [{"alertname": "NetcheckProxyDown", **PROXY_DOWN}],
            [
                {"alertname": "NetcheckDegraded", **ON_SQUID, **OUTAGE},
                {"alertname": "NetcheckProxyDown", **PROXY_DOWN, "site": "paris"},
                {"alertname": "NetcheckProxyDown", **PROXY_DOWN, "role": "provider"},
                {"alertname": "NetcheckPushCertificateExpires", "site": "berlin", "name": "our-mdm"},
            ],
            id="Apple silences the paths, of the same role",
        ),
        pytest.param(
            {"alertname": "NetcheckFleetNotReady", "role": "device", **OUTAGE},
            [
                {"alertname": "NetcheckAppleUnreachable", **DEVICE, **OUTAGE},
                {"alertname": "NetcheckErrorBudgetBurn", **ON_SQUID, **OUTAGE, "window": "1h"},
            ],
            [
                {"alertname": "NetcheckAppleUnreachable", **DEVICE, **OUTAGE, "role": "provider"},
                {"alertname": "NetcheckNotReady", **ON_SQUID, **BLOCKED, "site": "paris"},
            ],
            id="the fleet silences the sites that have its fault",
        ),
        pytest.param(
            {"alertname": "NetcheckSiteNotReady", **DEVICE, **BLOCKED},
            [
                {"alertname": "NetcheckNotReady", **DEVICE, **BLOCKED, "path": "direct"},
                {"alertname": "NetcheckErrorBudgetBurn", **DEVICE, **BLOCKED, "path": "wifi", "window": "1h"},
            ],
            [{"alertname": "NetcheckProxyDown", **PROXY_DOWN}],
            id="the site silences the paths that have its fault",
        ),
        pytest.param(
            {"alertname": "NetcheckFlapping", **PROXY_DOWN, "severity": "critical"},
            [
                {"alertname": "NetcheckProxyDown", **PROXY_DOWN},
                {"alertname": "NetcheckNotReady", **ON_SQUID, **BLOCKED},
            ],
            [
                {"alertname": "NetcheckProxySlow", **ON_SQUID, "cause": "proxy_slow", "hop": "proxy"},
                {"alertname": "NetcheckProxyDown", **PROXY_DOWN, "path": "tinyproxy"},
                {"alertname": "NetcheckSiteNotReady", **DEVICE, **BLOCKED, "role": "provider"},
            ],
            id="what comes and goes is told once",
        ),
        pytest.param(
            {"alertname": "NetcheckFlapping", **DEVICE, **BLOCKED, "path": "direct", "severity": "warning"},
            [{"alertname": "NetcheckFallbackOnly", **DEVICE, **BLOCKED, "path": "direct"}],
            [{"alertname": "NetcheckNotReady", **DEVICE, **BLOCKED, "path": "direct"}],
            id="a fallback that comes and goes silences no page",
        ),
        pytest.param(
            {"alertname": "NetcheckDown", **ONE_NETCHECK, "hop": "netcheck"},
            [
                {"alertname": "NetcheckFlapping", **PROXY_DOWN},
                {"alertname": "NetcheckLate", **ONE_NETCHECK, "hop": "netcheck"},
                {"alertname": "NetcheckAppleUnreachable", **DEVICE, **OUTAGE},
            ],
            [
                {"alertname": "NetcheckProxyDown", **PROXY_DOWN, "site": "paris"},
                {"alertname": "NetcheckDown", **ONE_NETCHECK, "instance": "spare:9223", "hop": "netcheck"},
                {"alertname": "SomethingElse", **ONE_NETCHECK},
            ],
            id="a netcheck that is down silences its site",
        ),
        pytest.param(
            {"alertname": "NetcheckPushCertificateExpired", "name": "mdm", "severity": "critical"},
            [
                {"alertname": "NetcheckPushCertificateExpires", "name": "mdm", "severity": "warning"},
                {"alertname": "NetcheckPushCertificateExpires", "name": "mdm", "severity": "info"},
                {"alertname": "NetcheckPushCertificateRefused", "name": "mdm", "severity": "critical"},
                {"alertname": "NetcheckNotReady", "role": "provider", "cause": "push_certificate_refused"},
            ],
            [
                {"alertname": "NetcheckPushCertificateExpires", "name": "other", "severity": "info"},
                {"alertname": "NetcheckNotReady", "role": "provider", **BLOCKED},
            ],
            id="of one certificate the worst speaks",
        ),
    ],
)
def test_what_follows_from_another_alert_is_silenced(
    lab: Lab, source: Mapping[str, str], silenced: list[Mapping[str, str]], heard: list[Mapping[str, str]]
) -> None:
    config = (CONFIG / "alertmanager.yml").read_text()
    server = servers.alertmanager(
        lab.namespace, config.replace("https://hooks.example.com", "http://127.0.0.1:9")
    )
    amtool = ("amtool", f"--alertmanager.url={server.url}", "alert")
    try:
        for labels in (source, *silenced, *heard):
            lab.namespace.run([*amtool, "add", *(f"{name}={value}" for name, value in labels.items())])
        found = json.loads(lab.namespace.run([*amtool, "query", "--inhibited", "--output=json"]).stdout)
    finally:
        server.stop()
    assert {frozenset(alert["labels"].items()) for alert in found} == {
        frozenset(labels.items()) for labels in silenced
    }
