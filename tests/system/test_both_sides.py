"""docs/both-sides.md: a netcheck at each side of an MDM set-up, and which side breaks it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from netcheck.config.examples import example
from tests.system import between, forked
from tests.system.alerting import SPEED, Alerting, alerting
from tests.system.apple import COURIER_RANGES, HOSTS
from tests.system.between import BALANCER
from tests.system.lab import FAST_ROUNDS, Lab, Settings
from tests.system.namespace import FROM_HERE, every
from tests.system.pages import demand
from tests.system.panels import filled_in, queries
from tests.system.servers import Server

pytestmark = pytest.mark.waits

BuildLab = Callable[..., Lab]

PAGE = Path(__file__).parents[2] / "docs" / "both-sides.md"
PORTS = {"dmz": 9223, "branch": 9224}
ROLES = {"dmz": "provider", "branch": "device"}
FIRST = [prefix.format(0) for prefix in COURIER_RANGES.values()]
COURIERS = tuple(
    f"ip6 daddr {first}/112 tcp dport {{443, 5223}}"
    if ":" in first
    else f"ip daddr {first}/28 tcp dport {{443, 5223}}"
    for first in FIRST
)
PROVIDER = tuple(
    f"{'ip6' if ':' in address else 'ip'} daddr {address} tcp dport {{443, 2197}}"
    for address in HOSTS["api.push.apple.com"]
)


def settings_of(lab: Lab) -> dict[str, Any]:
    """The example, with the laboratory's servers in place of those that it names."""
    text = example("both-sides")
    replaced = {
        "socks5h://socks.example:1080": lab.dante.url,
        "10.1.1.21": f"127.0.0.1:{BALANCER}",
        "http://proxy.example:3128": lab.tinyproxy.url,
        "interface: wlan0": "interface: lo",
        "mdm.example.com": "our-mdm.corp.example",
        "depth: tls": "depth: tcp",
    }
    for written, by in replaced.items():
        assert written in text
        text = text.replace(written, by)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def paths_at(settings: Settings, site: str) -> Settings:
    return {name: path for name, path in settings["paths"].items() if path["roles"] == [ROLES[site]]}


def targets() -> list[Settings]:
    """What the page tells Prometheus to scrape, at the laboratory's addresses."""
    (block,) = re.findall(r"```yaml\n(scrape_configs:.+?)```", PAGE.read_text(), re.DOTALL)
    (job,) = yaml.safe_load(block)["scrape_configs"]
    return [
        {**target, "targets": [f"127.0.0.1:{PORTS[target['labels']['site']]}"]}
        for target in job["static_configs"]
    ]


def start(lab: Lab, settings: Settings, site: str) -> None:
    """The netcheck of one side; it ends with the laboratory."""
    address = f"127.0.0.1:{PORTS[site]}"
    written = lab.write_config(paths_at(settings, site), settings["services"], FAST_ROUNDS, listen=address)
    config = written.rename(written.with_name(f"{site}.yaml"))
    log = lab.namespace.scratch / f"{site}.log"
    process = lab.namespace.keep(
        forked.Forked(lab.namespace, ("run", "--config", str(config)), log, log), log
    )
    lab.namespace.wait_until_listening(process, "127.0.0.1", PORTS[site])


def both_sides(lab: Lab) -> Alerting:
    """A netcheck at each side, and one Prometheus for both; all is well.

    Prometheus sees neither before: what a busy machine loses while all starts would count as flapping.
    """
    settings = settings_of(lab)
    for site in PORTS:
        start(lab, settings, site)
    for site in PORTS:
        wait_until_ready(lab, site)
    lab.prometheus, alerts = alerting(lab.namespace, targets(), SPEED)
    lab.wait_for("sum(netcheck_ready) == 4")
    return alerts


def wait_until_ready(lab: Lab, site: str) -> None:
    for _ in every(0.1, deadline=30.0):
        page = lab.namespace.inside(demand, PORTS[site], "/metrics?name[]=netcheck_ready")
        if re.findall(r"^netcheck_ready{.*} (\S+)$", page.text, re.MULTILINE) == ["1.0", "1.0"]:
            return
    raise AssertionError(f"{site} is not ready: {page.text}")


@pytest.fixture
def balancer(build_lab: BuildLab) -> tuple[Lab, Server]:
    lab = build_lab()
    return lab, between.balancer(lab.namespace, "17.188.143.34:443")


def test_one_netcheck_shows_both_sides_on_one_page(balancer: tuple[Lab, Server]) -> None:
    lab, _ = balancer
    settings = settings_of(lab)
    found = lab.check(settings["paths"], settings["services"])
    assert {(each["path"], each["role"]): each["verdict"] for each in found.report["verdicts"]} == {
        ("console", "provider"): "ready",
        ("device-services", "provider"): "ready",
        ("web-proxy", "device"): "ready",
        ("wifi", "device"): "ready",
    }
    assert {each["path"] for each in found.results(service="our-mdm")} == {"web-proxy", "wifi"}
    assert found.exit_code == 0


def test_the_side_that_breaks_the_chain_is_named(balancer: tuple[Lab, Server]) -> None:
    lab, balanced = balancer
    alerts = both_sides(lab)

    lab.dante.stop()
    balanced.stop()
    check_told(lab, alerts, side="mdm_server", site="dmz", role="provider")

    lab.namespace.firewall(*(f"{FROM_HERE} {couriers} drop" for couriers in COURIERS))
    lab.tinyproxy.stop()
    check_told(lab, alerts, side="device", site="branch", role="device")


def test_what_both_sides_lose_together_is_apples(balancer: tuple[Lab, Server]) -> None:
    lab, _ = balancer
    alerts = both_sides(lab)
    lab.namespace.firewall(*(f"{each} drop" for each in (*COURIERS, *PROVIDER)))
    told = alerts.wait_until_told("NetcheckChainBroken", firing=True, side="apple")
    assert told.labels["hop"] == "apple"
    # At this speed one side may know it so much sooner that it is blamed first: so what holds in the end.
    lab.wait_for(
        'ALERTS{alertstate="firing",severity="critical"}',
        lambda fires: (
            [each.labels["side"] for each in fires if "side" in each.labels] == ["apple"]
            and {each.labels["alertname"] for each in fires} == {"NetcheckChainBroken"}
        ),
        deadline=40.0,
    )


def check_told(lab: Lab, alerts: Alerting, side: str, site: str, role: str) -> None:
    """That the side is told, with the page's sentence, and shown; and that no other alert of it fires."""
    told = alerts.wait_until_told("NetcheckChainBroken", firing=True, side=side, site=site, role=role)
    assert told.labels["chain"] == "our-mdm"
    where = f'site="{site}",hop="{told.labels["hop"]}"'
    sentences = {each.labels["next_step"] for each in lab.wait_for(f"netcheck_verdict_info{{{where}}}")}
    assert any(told.annotations["description"].startswith(sentence) for sentence in sentences)
    (panel,) = [each.expr for each in queries() if "Chains that are broken" in each.place]
    shown = lab.query(filled_in(panel, ".*", ".*"))
    assert (side, site) in {(each.labels["side"], each.labels["site"]) for each in shown}
    assert {each.labels["next_step"] for each in shown if each.labels["side"] == side} & sentences
    lab.wait_for(
        f'group by (alertname) (ALERTS{{alertstate="firing",role="{role}"}})',
        lambda fires: {each.labels["alertname"] for each in fires} == {"NetcheckChainBroken"},
    )
