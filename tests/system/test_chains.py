"""Paths through several proxies in a row, all real: they lead to Apple, and the one that breaks is named."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from netcheck.model.findings import Cause
from netcheck.model.paths import Role
from tests.system import proxies
from tests.system.lab import Lab
from tests.system.runs import Check
from tests.system.scenes import TLS_APPLE, off, start_stand_ins, tls_services
from tests.system.servers import require

Row = Callable[[Lab], list[object]]


@pytest.fixture
def lab() -> Iterator[Lab]:
    require("nsd", "haproxy", "nginx")
    with Lab(TLS_APPLE) as lab:
        start_stand_ins(lab)
        yield lab


def check(lab: Lab, row: list[object], **keys: object) -> Check:
    services = {**tls_services(lab), **off("gateway", "feedback", "courier2")}
    return lab.check({"row": {"proxies": row, **keys}}, services)


def over_tls(lab: Lab) -> list[object]:
    """stunnel in front of privoxy, then squid."""
    first = proxies.stunnel(lab.namespace, lab.certificates, lab.privoxy.port)["good"]
    return [{"proxy": url, "ca_file": str(lab.certificates.ca)} for url in (first, lab.squid["tls"])]


ROWS: dict[str, Row] = {
    "SOCKS, then HTTP": lambda lab: [lab.dante.url, lab.tinyproxy.url],
    "HTTP, then SOCKS": lambda lab: [lab.privoxy.url, lab.microsocks.url],
    "HTTPS, then HTTPS": over_tls,
    "three, one with a login": lambda lab: [
        lab.dante.url,
        {"proxy": lab.microsocks_auth.url, **lab.credentials},
        lab.tinyproxy.url,
    ],
}


@pytest.mark.parametrize("row", [pytest.param(row, id=name) for name, row in ROWS.items()])
def test_a_row_of_proxies_leads_to_apple_and_each_has_its_phases(row: Row, lab: Lab) -> None:
    found = row(lab)
    checked = check(lab, found)
    assert {judged["verdict"] for judged in checked.report["verdicts"]} == {"ready"}
    for result in checked.results(service="provider", port=443):
        legs = result["legs"]
        assert len(legs) == len(found)
        assert all(leg["phases"]["proxy_handshake"] > 0 for leg in legs)
        assert [("proxy_connect" in leg["phases"]) for leg in legs] == [True, *(False for _ in legs[1:])]
        together = sum(leg["phases"]["proxy_handshake"] for leg in legs)
        assert together == pytest.approx(result["phases"]["proxy_handshake"])


@dataclass(frozen=True)
class Break:
    """What is wrong with a row, what it is, and how the next step begins."""

    row: Row
    cause: Cause
    begins: str


def stopped(lab: Lab) -> list[object]:
    row: list[object] = [lab.dante.url, lab.tinyproxy.url]
    lab.tinyproxy.stop()
    return row


BREAKS = {
    "the first is not there": Break(
        lambda lab: ["http://127.0.0.1:3999", lab.tinyproxy.url],
        Cause.PROXY_DOWN,
        "Ask the owners of the proxy 127.0.0.1:3999 to make sure that the proxy runs and can be reached from "
        "netcheck's machine.",
    ),
    "the second is not there": Break(
        stopped,
        Cause.PROXY_DOWN,
        "Ask the owners of the proxy 127.0.0.1:8888 to make sure that the proxy runs and can be reached from "
        "the proxy 127.0.0.1:1080.",
    ),
    "the first denies the second": Break(
        lambda lab: [lab.dante_strict.url, lab.tinyproxy.url],
        Cause.PROXY_DENIES_PORT,
        "Ask the owners of the proxy 127.0.0.1:1082 to change its rules: allow the next proxy "
        "127.0.0.1:8888.",
    ),
    "the second denies Apple": Break(
        lambda lab: [lab.dante.url, lab.tinyproxy_strict.url],
        Cause.PROXY_DENIES_PORT,
        "Ask the owners of the proxy 127.0.0.1:8890 to change its rules: allow TCP port",
    ),
    "the second decrypts": Break(
        lambda lab: [lab.dante.url, lab.squid_that_decrypts.url],
        Cause.TLS_INTERCEPTED,
        "Ask the owners of the proxy 127.0.0.1:3131 to exempt",
    ),
    "the second is a web server": Break(
        lambda lab: [lab.dante.url, lab.nginx.url.replace("https", "http")],
        Cause.PROXY_DOWN,
        "Check the host, port and scheme of the proxy 127.0.0.1:8080",
    ),
}


@pytest.mark.parametrize("broken", [pytest.param(each, id=name) for name, each in BREAKS.items()])
def test_the_proxy_of_a_row_that_breaks_it_is_named(broken: Break, lab: Lab) -> None:
    verdicts = check(lab, broken.row(lab)).report["verdicts"]
    assert len(verdicts) == len(Role)
    for judged in verdicts:
        assert (judged["verdict"], judged["cause"], judged["hop"]) == ("not_ready", broken.cause, "proxy")
        assert judged["next_step"].startswith(broken.begins)


def test_a_login_is_asked_for_at_the_proxy_that_wants_it(lab: Lab) -> None:
    row: list[object] = [lab.dante.url, {"proxy": lab.tinyproxy_auth.url, **lab.wrong_credentials}]
    judged = check(lab, row).verdict("row", "provider")
    assert judged["cause"] == Cause.PROXY_AUTH
    assert judged["next_step"].startswith(
        "Correct `username` and `password_file` of the proxy 127.0.0.1:8889 in the path row in the config"
    )
