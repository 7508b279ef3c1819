"""Incidents, from trouble in the network to the right page: which alerts, to whom, and nothing else.

A real netcheck, or where that would take hours a simulated one; real Prometheus and Alertmanager, with the
files of config/prometheus as they are, but faster. docs/alerts.md has the table that a run of these makes.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import TOPIC, issued
from tests.system import between, proxies, servers
from tests.system.alerting import SPEED, Alerting, Told, alerting, alerting_of
from tests.system.apple import COURIER_RANGES
from tests.system.lab import Lab, Settings
from tests.system.namespace import FROM_HERE, Namespace, every
from tests.system.resolvers import OTHER_RESOLVER, forwarder
from tests.system.rules import CONFIG
from tests.system.scenes import TLS_APPLE, tls_services
from tests.system.servers import Server, require, serve

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
    assert sorted(row.cells()[:2] for row in found) == sorted(promised)


# Incidents of a real netcheck.


SMALL: Settings = {
    name: {"count": 3, "hosts_per_round": "all", "addresses": "all", "depth": "tcp"}
    for name in ("courier", "courier2")
}
SAMPLED: Settings = {name: {"count": 50, "depth": "tcp"} for name in ("courier", "courier2")}


def _small(_: Lab) -> Settings:
    return SMALL


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


def front(lab: Lab, *, slow: bool) -> Server:
    """What stands before squid, in place of the one before: it may let every connection wait for 1.2 s."""
    if running := vars(lab).pop("front_now", None):
        running.stop()
    vars(lab)["front_now"] = between.front(lab.namespace, lab.squid.port, slow=slow)
    server: Server = vars(lab)["front_now"]
    return server


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
        "the same where it is expected",
        only({"expected": "fallback_only"}),
        firewall(DROPS_5223),
        firewall(),
        {},
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
        lambda lab: with_password(lab, proxies.PASSWORD),
        {"NetcheckProxyAuth": {ON_CALL, "proxy-owners"}},
    ),
    Incident(
        "Apple's couriers are down, beside a squid as it comes",
        beside(squid=stock_squid),
        firewall(*COURIERS_DOWN),
        firewall(),
        {"NetcheckAppleUnreachable": {ON_CALL, "push-owners"}},
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
        beside(squid=lambda lab: {"proxy": f"http://127.0.0.1:{front(lab, slow=False).port}"}),
        lambda lab: front(lab, slow=True),
        lambda lab: front(lab, slow=False),
        {"NetcheckProxySlow": {"proxy-owners"}},
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
        stays_quiet(alerts, incident.told)
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
        for _ in range(4):
            vars(lab).pop("squid").stop()
            lasts(5 * MINUTE)
            assert lab.squid
            lasts(5 * MINUTE)
        ended = time.time()
        alerts.wait_until_told("NetcheckFlapping", firing=False, deadline=60 * MINUTE)
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
        alerts.wait_until_told("NetcheckRestarts", firing=False, deadline=60 * MINUTE)
    check(alerts.told(), {"NetcheckRestarts": {"netcheck-owners"}})
    check_page("netcheck is restarted again and again", rows(alerts.told(), began, ended))


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (61, {}),
        (45, {"NetcheckPushCertificateExpires": {"push-owners"}}),
        (8, {"NetcheckPushCertificateExpires": {"push-owners"}}),
        (7, {"NetcheckPushCertificateExpires": {"push-owners"}}),
        (1, {"NetcheckPushCertificateExpires": {"push-owners"}}),
        (0, {"NetcheckPushCertificateExpired": {ON_CALL, "push-owners"}}),
    ],
)
def test_a_push_certificate_wakes_somebody_only_once_it_has_expired(
    build_lab: BuildLab, days: int, told: Mapping[str, set[str]]
) -> None:
    lab = build_lab()
    file = lab.namespace.scratch / "mdm.pem"
    file.touch(mode=0o600)
    certificate = issued(not_after=datetime.now(UTC) + timedelta(days=days, minutes=-1))
    file.write_bytes(certificate.pem + certificate.key_pem())
    push = {"mdm": {"file": str(file), "topic": TOPIC}}
    with lab.daemon({"direct": {}}, SMALL, push_certificates=push):
        began = time.time()
        alerts = alerting_of(lab)
        lab.wait_for("netcheck_push_certificate_readable == 1")
        for name in told:
            alerts.wait_until_told(name, firing=True)
        stays_quiet(alerts, told)
    check(alerts.told(), told)
    assert len({each.labels["severity"] for each in alerts.told()}) == len(told)
    check_page(f"a push certificate has {days} days left", rows(alerts.told(), began, time.time()))


# Incidents of simulated netchecks: hours, and a fleet.

HOURS_SPEED = 240
"""As many times as fast: an hour is a quarter of a minute."""
Script = list[tuple[float, str]]


def metrics(verdict: str, cause: str = "", hop: str = "", role: str = "device", more: str = "") -> str:
    """What a netcheck with one path, through a proxy, says of it."""
    held = {each: int(each == verdict) for each in ("ready", "degraded", "not_ready")}
    labels = f'path="squid",role="{role}"'
    lines = [f'netcheck_verdict{{{labels},verdict="{each}"}} {value}' for each, value in held.items()]
    return "\n".join(
        [
            *lines,
            f"netcheck_ready{{{labels}}} {held['ready']}",
            f'netcheck_verdict_info{{{labels},cause="{cause}",hop="{hop}",next_step="Ask them."}} 1',
            'netcheck_path_info{path="squid",proxy="http://proxy:3128",resolver="system",interface=""} 1',
            more,
            "",
        ]
    )


READY = metrics("ready")
DOWN = metrics("not_ready", "proxy_down", "proxy")
APPLE = metrics("not_ready", "apple_unreachable", "apple")
NO_IPV6 = metrics(
    "degraded",
    "ipv6_broken",
    "local_network",
    more='netcheck_verdict_cause{path="squid",role="device",cause="ipv6_broken",hop="local_network"} 1',
)
STUCK = metrics(
    "ready",
    more='netcheck_probes_total{service="courier",port="443",path="squid",outcome="success"} 7\n'
    'netcheck_hosts_last_run_timestamp_seconds{service="courier",port="443",path="squid"} 1000\n'
    "process_start_time_seconds 1000",
)
BAG_DOWN = metrics("ready", more='netcheck_bag_courier_status{path="squid",host="init.push.apple.com"} 0')
SIMULATED_MINUTE = 60 / HOURS_SPEED


@contextmanager
def simulated(build_lab: BuildLab, scripts: Mapping[str, Script]) -> Iterator[Alerting]:
    """Sites that each follow their script, in simulated minutes, and what is told of them."""
    namespace: Namespace = build_lab().namespace
    require("prometheus")
    in_seconds = {
        site: [(minutes * SIMULATED_MINUTE, text) for minutes, text in script]
        for site, script in scripts.items()
    }
    file = namespace.scratch / "scripts.json"
    file.write_text(json.dumps(in_seconds))
    program = str(Path(__file__).with_name("simulated.py"))
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
    yield alerts


def of_site(alerts: Alerting, site: str) -> list[Told]:
    return [told for told in alerts.told() if told.labels.get("site") == site]


def test_what_takes_hours_is_told_as_well(build_lab: BuildLab) -> None:
    scripts: dict[str, Script] = {
        "eight": [(52, READY), (8, DOWN)],
        "once": [(50, READY), (40, DOWN), (1e6, READY)],
        "ipv6": [(1e6, NO_IPV6)],
        "stuck": [(1e6, STUCK)],
        "bag": [(1e6, BAG_DOWN)],
        "silent": [(30, READY), (1e6, "")],
        "quiet": [(1e6, READY)],
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
        "quiet": ("nothing", {}),
    }
    with simulated(build_lab, scripts) as alerts:
        began = time.time()
        alerts.wait_until_told("NetcheckErrorBudgetBurn", firing=True, deadline=300 * SIMULATED_MINUTE)
        ended = time.time()
        for site, (_, told) in expected.items():
            for name in told:
                alerts.wait_until_told(name, firing=True, site=site)
        for site, (incident, told) in expected.items():
            check(of_site(alerts, site), told)
            check_page(incident, rows(of_site(alerts, site), began, ended, HOURS_SPEED))


def test_an_outage_at_many_sites_is_told_once(build_lab: BuildLab) -> None:
    scripts: dict[str, Script] = {f"s{number:02}": [(30, READY), (1e6, APPLE)] for number in range(30)}
    scripts |= {f"t{number:02}": [(1e6, READY)] for number in range(10)}
    scripts["t00"] = [(30, READY), (1e6, DOWN)]
    with simulated(build_lab, scripts) as alerts:
        began = time.time()
        alerts.wait_until_told("NetcheckFleetNotReady", firing=True)
        alerts.wait_until_told("NetcheckProxyDown", firing=True)
        lasts(20 * SIMULATED_MINUTE)
    told = {
        "NetcheckFleetNotReady": {ON_CALL, "push-owners"},
        "NetcheckProxyDown": {ON_CALL, "proxy-owners"},
    }
    check(alerts.told(), told)
    assert {each.labels["site"] for each in alerts.told() if each.name == "NetcheckProxyDown"} == {"t00"}
    page = rows(alerts.told(), began + 30 * SIMULATED_MINUTE, time.time(), HOURS_SPEED)
    check_page("30 of 40 sites lose Apple, and one of the others its proxy", page)


# What Alertmanager silences.

ONE_NETCHECK = {"site": "berlin", "instance": "nc:9223"}
ON_SQUID = {**ONE_NETCHECK, "path": "squid"}
OF_THE_PROXY = {**ON_SQUID, "hop": "proxy"}


@pytest.mark.parametrize(
    ("source", "silenced", "heard"),
    [
        pytest.param(
            {"alertname": "NetcheckProxyDown", **OF_THE_PROXY},
            [
                {"alertname": "NetcheckNotReady", **OF_THE_PROXY, "role": "device"},
                {"alertname": "NetcheckProxySlow", **OF_THE_PROXY},
                {"alertname": "NetcheckFlapping", **ON_SQUID, "hop": "resolver", "role": "device"},
            ],
            [
                {"alertname": "NetcheckNotReady", **OF_THE_PROXY, "path": "dante", "role": "device"},
                {"alertname": "NetcheckNotReady", **OF_THE_PROXY, "site": "paris", "role": "device"},
                {"alertname": "NetcheckProxyDown", **OF_THE_PROXY, "path": "tinyproxy"},
                {"alertname": "NetcheckLate", **ONE_NETCHECK, "hop": "netcheck"},
            ],
            id="a dead proxy silences its path",
        ),
        pytest.param(
            {"alertname": "NetcheckAppleUnreachable", **ONE_NETCHECK, "hop": "apple", "role": "provider"},
            [
                {"alertname": "NetcheckProxyDown", **OF_THE_PROXY},
                {"alertname": "NetcheckNotReady", **ON_SQUID, "hop": "apple", "role": "provider"},
            ],
            [
                {"alertname": "NetcheckProxyDown", **OF_THE_PROXY, "site": "paris"},
                {"alertname": "NetcheckIntercepted", **OF_THE_PROXY, "path": "dante"},
                {"alertname": "NetcheckPushCertificateExpires", "site": "berlin", "name": "our-mdm"},
            ],
            id="Apple silences the proxies",
        ),
        pytest.param(
            {"alertname": "NetcheckDown", **ONE_NETCHECK, "hop": "netcheck"},
            [
                {"alertname": "NetcheckFlapping", **OF_THE_PROXY, "role": "device"},
                {"alertname": "NetcheckLate", **ONE_NETCHECK, "hop": "netcheck"},
                {"alertname": "NetcheckAppleUnreachable", **ONE_NETCHECK, "hop": "apple", "role": "device"},
            ],
            [
                {"alertname": "NetcheckProxyDown", **OF_THE_PROXY, "site": "paris"},
                {"alertname": "NetcheckDown", **ONE_NETCHECK, "instance": "spare:9223", "hop": "netcheck"},
                {"alertname": "SomethingElse", **ONE_NETCHECK},
            ],
            id="a netcheck that is down silences its site",
        ),
        pytest.param(
            {"alertname": "NetcheckIntercepted", **OF_THE_PROXY},
            [{"alertname": "NetcheckNotReady", **OF_THE_PROXY, "role": "device"}],
            [
                {"alertname": "NetcheckNotReady", **ON_SQUID, "hop": "resolver", "role": "provider"},
                {"alertname": "NetcheckProxySlow", **OF_THE_PROXY},
            ],
            id="a cause silences the symptom of the same hop",
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
