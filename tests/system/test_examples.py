"""The examples to start from (`netcheck config example`), with real servers in place of those they name."""

from collections.abc import Mapping

import yaml

from netcheck.config.examples import example
from tests.system import between
from tests.system.between import BALANCER
from tests.system.lab import Lab
from tests.system.resolvers import SINKHOLE
from tests.system.runs import Check

READY = "ready"


def run(lab: Lab, situation: str, replaced: Mapping[str, str]) -> Check:
    """A look by the example, in which these texts, each of which it has, are replaced."""
    text = example(situation)
    for written, by in replaced.items():
        assert written in text
        text = text.replace(written, by)
    settings = yaml.safe_load(text)
    paths, services = settings.pop("paths"), settings.pop("services", None)
    return lab.check(paths, services, **settings)


def verdicts(found: Check) -> dict[tuple[str, str], str]:
    return {(each["path"], each["role"]): each["verdict"] for each in found.report["verdicts"]}


def causes(found: Check) -> dict[str, str | None]:
    return {each["path"]: each["cause"] for each in found.report["verdicts"]}


def test_straight_out(lab: Lab) -> None:
    found = run(lab, "direct", {})
    assert verdicts(found) == {("direct", "device"): READY, ("direct", "provider"): READY}
    assert found.exit_code == 0


def test_a_socks_proxy_in_the_dmz_for_the_mdm_server(lab: Lab) -> None:
    found = run(lab, "dmz-socks", {"socks5h://socks.example:1080": lab.dante.url})
    assert verdicts(found) == {("direct", "device"): READY, ("dmz-socks", "provider"): READY}
    assert {each["family"] for each in found.results(path="dmz-socks")} == {"name"}
    assert found.exit_code == 0


def test_a_web_proxy_with_a_password_where_nothing_else_leads_out(lab: Lab) -> None:
    login = lab.credentials
    replaced = {
        "http://proxy.example:3128": lab.tinyproxy_auth.url,
        "# username: svc-netcheck": f"username: {login['username']}",
        "# password_file: secrets/web-proxy": f"password_file: {login['password_file']}",
    }
    found = run(lab, "web-proxy", replaced)
    assert verdicts(found)["web-proxy", "device"] == verdicts(found)["web-proxy", "provider"] == READY
    assert causes(found)["direct"] == "path_open"  # in this laboratory it is


def test_two_interfaces_are_told_apart(lab: Lab) -> None:
    lab.namespace.ip("link add wlan7 type veth peer name nalw7", "link set wlan7 up")
    try:
        found = run(lab, "wifi", {"interface: eth0": "interface: lo", "interface: wlan0": "interface: wlan7"})
    finally:
        lab.namespace.ip("link delete wlan7")
    assert verdicts(found)["wired", "device"] == READY
    assert verdicts(found)["wifi", "device"] != READY
    assert ("wifi", "provider") not in verdicts(found)


def test_a_load_balancer_in_apples_place(lab: Lab) -> None:
    other = f"127.0.0.1:{BALANCER + 1}"
    balancer = between.balancer(lab.namespace, "17.188.143.34:443", options=f"\n bind {other}")
    try:
        found = run(lab, "load-balancer", {"10.1.1.21": f"127.0.0.1:{BALANCER}", "10.1.1.22": other})
    finally:
        balancer.stop()
    assert verdicts(found) == {("direct", "device"): READY, ("dmz-load-balancer", "provider"): READY}
    asked = {each["balancer"] for each in found.results(path="dmz-load-balancer", port=443)}
    assert asked == {f"127.0.0.1:{BALANCER}", other}


def test_of_several_resolvers_the_one_that_answers_differently_is_told(lab: Lab) -> None:
    assert lab.sinkhole
    replaced = {"[10.0.0.53, 10.0.1.53]": "[127.0.0.1]", "[10.8.0.53]": f"[{SINKHOLE}]"}
    found = run(lab, "resolvers", replaced)
    assert causes(found) == {"direct": None, "by-head-office": None, "by-branch": "dns_sinkhole"}
