"""What real proxies and balancers answer when there is nothing behind them, or it cannot be reached."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.system.lab import Lab, Settings
from tests.system.test_reasons import BUILT_INS_OFF

Failure = tuple[str, str] | None
LISTENING = "17.57.147.1"


def asked(
    lab: Lab, path: Settings, host: str = LISTENING, port: int = 443, **service: Any
) -> Mapping[str, Any]:
    """The one result of asking for the host and port over the path."""
    tested = {"hosts": [host], "ports": [port], "addresses": "one", **service}
    found = lab.check({"tested": path}, {**BUILT_INS_OFF, "tested": tested})
    [result] = found.results(service="tested")
    return result


def where_and_why(result: Mapping[str, Any]) -> Failure:
    return (str(result["phase"]), str(result["reason"])) if result["outcome"] == "failure" else None


HTTP_PROXIES: dict[str, Callable[[Lab], str]] = {
    "apache": lambda lab: lab.apache.url,
    "privoxy": lambda lab: lab.privoxy.url,
    "squid": lambda lab: lab.squid.url,
    "tinyproxy": lambda lab: lab.tinyproxy.url,
}


@pytest.mark.parametrize("url", HTTP_PROXIES.values(), ids=HTTP_PROXIES.keys())
def test_what_listens_is_reached_through_it(lab: Lab, url: Callable[[Lab], str]) -> None:
    result = asked(lab, {"proxy": url(lab)})

    assert where_and_why(result) is None
    assert "session" not in result["phases"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("apache", "proxy_target_unreachable"),
        ("privoxy", "proxy_error"),
        ("squid", "proxy_target_refused"),
        ("tinyproxy", "proxy_error"),
    ],
)
def test_a_target_that_refuses_is_no_overload(
    lab: Lab, firewall: Callable[..., None], name: str, reason: str
) -> None:
    firewall(f"ip daddr {LISTENING} tcp dport 443 reject with tcp reset")

    assert where_and_why(asked(lab, {"proxy": HTTP_PROXIES[name](lab)})) == ("proxy_handshake", reason)


def test_apache_denies_a_port(lab: Lab) -> None:
    result = asked(lab, {"proxy": lab.apache.url}, port=5224)

    assert where_and_why(result) == ("proxy_handshake", "proxy_denied")


def test_ss_local_without_its_server_leads_nowhere(lab: Lab) -> None:
    result = asked(lab, {"proxy": lab.ss_local.url})

    assert where_and_why(result) in (("session", "closed"), ("session", "reset"))


def test_a_proxy_that_says_200_and_closes_leads_nowhere(lab: Lab) -> None:
    result = asked(lab, {"proxy": lab.haproxy["liar"]})

    assert where_and_why(result) in (("session", "closed"), ("session", "reset"))


@pytest.mark.parametrize("use", ["closed", "dead"])
@pytest.mark.parametrize("depth", ["tcp", "auto"])
def test_a_balancer_whose_servers_are_dead_leads_nowhere(lab: Lab, use: str, depth: str) -> None:
    to = lab.haproxy[use].removeprefix("http://")
    result = asked(lab, {"load_balancer": {"mdm.corp.example": to}}, "mdm.corp.example", depth=depth)

    phase = "session" if depth == "tcp" else "tls"
    assert where_and_why(result) in ((phase, "closed"), (phase, "reset"), (phase, "tls_timeout"))


def test_a_balancer_whose_server_lives_leads_there(lab: Lab) -> None:
    to = lab.haproxy["balanced"].removeprefix("http://")
    result = asked(lab, {"load_balancer": {"mdm.corp.example": to}}, "mdm.corp.example")

    assert where_and_why(result) is None
    assert list(result["phases"]) == ["connect"]
