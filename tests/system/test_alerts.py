"""From trouble in the network to the right page: netcheck, Prometheus and Alertmanager, and a webhook.

The files in config/prometheus run as they are, but sixty times as fast, and the webhook is every receiver.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.system import proxies, servers
from tests.system.apple import Apple
from tests.system.lab import Lab, Settings
from tests.system.namespace import FROM_HERE, every
from tests.system.servers import EVALUATION_ROUND, NETCHECK_PORT, Server

BuildLab = Callable[..., Lab]

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config" / "prometheus"
RUNBOOKS = "https://github.com/netcheck/netcheck/blob/main/"

SPEED = 60
"""How many times as fast the files run here: a minute is a second, and netcheck's round two seconds."""
_DURATION = re.compile(
    r"(\bfor: |\boffset |\[|\bgroup_wait: |\bgroup_interval: |\brepeat_interval: )(\d+)([smhdw])\b"
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def sped_up(text: str) -> str:
    """The text of a file with every `for`, range, offset and interval of it divided by SPEED, in ms."""
    return _DURATION.sub(lambda m: f"{m[1]}{int(m[2]) * _SECONDS[m[3]] * 1000 // SPEED}ms", text)


class Told(NamedTuple):
    """One alert, as the webhook was told of it."""

    time: float
    receiver: str
    firing: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.labels["alertname"]


@dataclass(frozen=True)
class Alerting:
    """A laboratory whose Prometheus evaluates our rules, and whose webhook hears what Alertmanager says."""

    lab: Lab
    webhook: Server
    rules: Mapping[str, Any]

    def told(self) -> list[Told]:
        lines = self.webhook.process.log.read_text().splitlines(keepends=True)
        return [told for line in lines if line.endswith("\n") for told in _alerts(json.loads(line))]

    def wait_until_told(self, name: str, *, firing: bool) -> list[Told]:
        """What was told of an alert that fires, or no longer does."""
        for _ in every(0.05, 60.0):
            if found := [told for told in self.told() if (told.name, told.firing) == (name, firing)]:
                return found
        raise AssertionError(f"not told that {name} is {firing}; told {self.told()}")

    def latest_arrival(self, name: str) -> float:
        """When an alert must be here: two rounds after its `for`, and after Alertmanager's own wait."""
        (pending,) = self.lab.query(f'ALERTS_FOR_STATE{{alertname="{name}"}}')
        wait = yaml.safe_load(sped_up((CONFIG / "alertmanager.yml").read_text()))["route"]["group_wait"]
        grace = 2 * EVALUATION_ROUND + seconds(wait)
        return pending.value + seconds(self.rules[name]["for"]) + grace

    def wait_until_inhibited(self, name: str) -> None:
        """Until an alert has fired for long enough that Alertmanager would have told of it."""
        firing = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
        self.lab.wait_for(f"count_over_time({firing}[30s]) >= 4", deadline=40.0)


def seconds(duration: str) -> float:
    """Those of a duration in ms."""
    return int(duration.removesuffix("ms")) / 1000


def _alerts(line: Mapping[str, Any]) -> Iterator[Told]:
    for alert in line["body"]["alerts"]:
        firing = alert["status"] == "firing"
        yield Told(line["time"], line["body"]["receiver"], firing, alert["labels"], alert["annotations"])


def alerting(lab: Lab) -> Alerting:
    """Start Prometheus, Alertmanager and the webhook in the laboratory."""
    webhook = servers.webhook(lab.namespace)
    routes = sped_up((CONFIG / "alertmanager.yml").read_text())
    assert "https://hooks.example.com/" in routes
    servers.alertmanager(lab.namespace, routes.replace("https://hooks.example.com", webhook.url))
    files = [lab.namespace.scratch / name for name in ("recording.yml", "alerts.yml")]
    for file in files:
        file.write_text(sped_up((CONFIG / file.name).read_text()))
    lab.prometheus = servers.prometheus(lab.namespace, files)
    groups = yaml.safe_load(files[-1].read_text())["groups"]
    return Alerting(lab, webhook, {rule["alert"]: rule for group in groups for rule in group["rules"]})


def check_alert(told: Told, name: str, *, severity: str, hop: str, path: str) -> None:
    """That an alert has these labels and no others, and a runbook that exists."""
    assert told.labels == {
        "alertname": name,
        "severity": severity,
        "hop": hop,
        "path": path,
        "instance": f"127.0.0.1:{NETCHECK_PORT}",
        "site": "laboratory",
    }
    runbook = told.annotations["runbook_url"]
    assert (ROOT / runbook.removeprefix(RUNBOOKS)).is_file()
    assert path in told.annotations["summary"]


ALL_EACH_ROUND: Settings = {
    name: {"count": 3, "hosts_per_round": "all", "addresses": "all", "depth": "tcp"}
    for name in ("courier", "courier2")
}


def test_a_stopped_proxy_is_the_only_alert_and_resolves_when_it_starts(build_lab: BuildLab) -> None:
    lab = build_lab()
    with lab.daemon({"direct": {}, "squid": {"proxy": lab.squid["plain"]}}, ALL_EACH_ROUND):
        alerts = alerting(lab)
        lab.wait_for('netcheck_ready{path="squid"} == 1')
        lab.squid.stop()
        told = alerts.wait_until_told("NetcheckProxyDown", firing=True)
        assert told[0].time <= alerts.latest_arrival("NetcheckProxyDown")
        check_alert(told[0], "NetcheckProxyDown", severity="critical", hop="proxy", path="squid")
        assert (
            "courier port 443: 0 of 4 hosts answered when last visited." in told[0].annotations["description"]
        )
        assert "proxy_connect refused" in told[0].annotations["description"]
        alerts.wait_until_inhibited("NetcheckNotReady")
        proxies.squid(lab.namespace, lab.certificates)
        alerts.wait_until_told("NetcheckProxyDown", firing=False)
        lab.wait_for("absent(ALERTS)", deadline=30.0)
        assert {told.name for told in alerts.told()} == {"NetcheckProxyDown"}
        assert {told.receiver for told in alerts.told()} == {"on-call", "proxy-owners"}


def test_a_firewall_that_drops_5223_is_an_alert_for_the_networks_owners(build_lab: BuildLab) -> None:
    lab = build_lab()
    paths = {"direct": {}, "dante": {"proxy": lab.dante.url}}
    with lab.daemon(paths, ALL_EACH_ROUND, metrics={"per_host": False}):  # as large fleets have it
        alerts = alerting(lab)
        lab.wait_for('netcheck_ready{role="device",path="direct"} == 1')
        lab.namespace.firewall(f"{FROM_HERE} tcp dport 5223 drop")
        told = alerts.wait_until_told("NetcheckFallbackOnly", firing=True)
        assert told[0].time <= alerts.latest_arrival("NetcheckFallbackOnly")
        check_alert(told[0], "NetcheckFallbackOnly", severity="warning", hop="firewall", path="direct")
        assert (
            "courier port 5223: 0 of 4 hosts answered when last visited."
            in told[0].annotations["description"]
        )
        lab.namespace.firewall()
        alerts.wait_until_told("NetcheckFallbackOnly", firing=False)
        assert {(told.name, told.receiver) for told in alerts.told()} == {("NetcheckFallbackOnly", "network")}


@pytest.fixture
def tls_lab(build_lab: BuildLab) -> Lab:
    lab: Lab = build_lab(Apple(ports=(2195, 2196)))
    assert lab.tls_couriers
    assert lab.tls_provider
    return lab


def test_a_proxy_that_begins_to_decrypt_is_the_only_alert_until_it_excepts_apple(tls_lab: Lab) -> None:
    lab = tls_lab
    trusted = {"lab_ca_file": str(lab.certificates.ca), "depth": "tls"}
    courier = {"count": 3, "hosts_per_round": "all", **trusted}
    services = {"courier": courier, "courier2": {**courier}, "provider": trusted}
    harmless = proxies.squid_that_decrypts(lab.namespace, lab.certificates, excepts_apple=True)
    with lab.daemon({"direct": {}, "squid": {"proxy": harmless.url}}, services):
        alerts = alerting(lab)
        lab.wait_for('netcheck_ready{path="squid"} == 1')
        harmless.stop()
        decrypts = proxies.squid_that_decrypts(lab.namespace, lab.certificates)
        told = alerts.wait_until_told("NetcheckIntercepted", firing=True)
        assert told[0].time <= alerts.latest_arrival("NetcheckIntercepted")
        check_alert(told[0], "NetcheckIntercepted", severity="critical", hop="proxy", path="squid")
        assert "tls tls_intercepted" in told[0].annotations["description"]
        alerts.wait_until_inhibited("NetcheckNotReady")
        decrypts.stop()
        proxies.squid_that_decrypts(lab.namespace, lab.certificates, excepts_apple=True)
        alerts.wait_until_told("NetcheckIntercepted", firing=False)
        lab.wait_for("absent(ALERTS)", deadline=30.0)
        assert {told.name for told in alerts.told()} == {"NetcheckIntercepted"}
        assert {told.receiver for told in alerts.told()} == {"on-call", "proxy-owners"}


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
