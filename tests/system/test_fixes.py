"""The lines that a finding carries: added to the real server, they make the path ready."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from netcheck.model.findings import Cause
from tests.system import between, proxies
from tests.system.breakages import drop
from tests.system.lab import Lab
from tests.system.namespace import FROM_HERE
from tests.system.scenes import TLS_APPLE, off, start_stand_ins, tls_services
from tests.system.servers import Server, require, served_again


@dataclass(frozen=True)
class Denial:
    """A server that stands in the way, the cause that it is, and where its lines go."""

    server: Callable[[Lab], Server]
    cause: Cause
    known_as: str
    """How the program's name begins, in the words of the finding."""
    file: str
    """Its config, in the laboratory's scratch folder."""
    above: str = ""
    """The beginning of the line above which they go; without, they go to the end."""
    instead: str = ""
    """The beginning of the line that they replace."""
    path: Callable[[Server], dict[str, Any]] = lambda server: {"proxy": server.url}
    says_so: bool = True
    """Whether the server says what it is: one for SOCKS does not, nor one that says yes to all."""


DENIALS = {
    "squid denies a port": Denial(
        lambda lab: proxies.squid_with_rules(
            lab.namespace, 3134, "acl SSL_ports port 563", "http_access deny CONNECT !SSL_ports"
        ),
        Cause.PROXY_DENIES_PORT,
        "squid/",
        "squid-3134.conf",
        above="http_access",
    ),
    "squid denies a host": Denial(
        lambda lab: proxies.squid_that_denies_a_name(lab.namespace),
        Cause.PROXY_DENIES_HOST,
        "squid/",
        "squid-denies.conf",
        above="http_access",
    ),
    "squid wants a password": Denial(
        lambda lab: lab.squid,
        Cause.PROXY_AUTH,
        "squid/",
        "squid.conf",
        above="http_access",
        path=lambda server: {"proxy": server["auth"]},
    ),
    "squid decrypts": Denial(
        lambda lab: lab.squid_that_decrypts,
        Cause.TLS_INTERCEPTED,
        "Squid",
        "squid-decrypts.conf",
        above="ssl_bump",
        says_so=False,
    ),
    "tinyproxy denies a port": Denial(
        lambda lab: lab.tinyproxy_strict,
        Cause.PROXY_DENIES_PORT,
        "tinyproxy/",
        "tinyproxy_strict.conf",
    ),
    "Apache denies a port": Denial(
        lambda lab: proxies.apache(lab.namespace, ports=(563,)),
        Cause.PROXY_DENIES_PORT,
        "Apache",
        "apache.conf",
        instead="AllowCONNECT",
    ),
    "Privoxy denies a port": Denial(
        lambda lab: proxies.privoxy_strict(lab.namespace),
        Cause.PROXY_DENIES_PORT,
        "Privoxy",
        "user.action",
    ),
    "Privoxy denies a host": Denial(
        lambda lab: proxies.privoxy_strict(lab.namespace, "{+block{no}}\n.apple.com\n"),
        Cause.PROXY_DENIES_PORT,
        "Privoxy",
        "user.action",
    ),
    "HAProxy denies CONNECT": Denial(
        lambda lab: proxies.haproxy_in_http(lab.namespace, lab.tinyproxy.port, "http-request deny"),
        Cause.PROXY_DENIES_PORT,
        "HAProxy",
        "haproxy_in_http.conf",
        above="http-request",
    ),
    "HAProxy speaks HTTP where it has to pass on TLS": Denial(
        lambda lab: between.balancer(lab.namespace, "17.188.143.34:443", mode="http"),
        Cause.BALANCER_ENDS_TLS,
        "HAProxy",
        "balancer.conf",
        instead="mode http",
        path=lambda server: {
            "load_balancer": {"api.push.apple.com:443": server.url.removeprefix("tcp://")},
            "roles": ["provider"],
        },
    ),
    "Dante denies a port, by name and by address": Denial(
        lambda lab: proxies.dante_strict(lab.namespace, 563),
        Cause.PROXY_DENIES_PORT,
        "Dante",
        "dante_strict.conf",
        above="socks pass",
        path=lambda server: {"proxy": server.url, "resolve": "both"},
        says_so=False,
    ),
}


@pytest.fixture
def tls_lab() -> Iterator[Lab]:
    require("nsd", "haproxy", "nginx")
    with Lab(TLS_APPLE) as lab:
        start_stand_ins(lab)
        yield lab


def check(lab: Lab, path: dict[str, Any]) -> list[dict[str, Any]]:
    """The verdicts over this path, of what TLS is spoken to."""
    services = {**tls_services(lab), **off("gateway", "feedback", "courier2")}
    verdicts: list[dict[str, Any]] = lab.check({"path": path}, services).report["verdicts"]
    return verdicts


def the_fix(verdicts: list[dict[str, Any]], cause: Cause) -> dict[str, Any]:
    """The one fix for all that has this cause."""
    found = [each for judged in verdicts for each in judged["findings"] if each["cause"] == cause]
    assert found, verdicts
    fixes = [each["fix"] for each in found]
    assert all(fix and fix["how"] == fixes[0]["how"] for fix in fixes)
    return {**fixes[0], "lines": list(dict.fromkeys(line for fix in fixes for line in fix["lines"]))}


def add(file: Path, lines: list[str], denial: Denial) -> None:
    text, added = file.read_text(), "\n".join(lines) + "\n"
    if denial.above:
        text = re.sub(rf"(?m)^\s*{denial.above}", lambda found: f"{added}{found[0]}", text, count=1)
    elif denial.instead:
        text = re.sub(rf"(?m)^\s*{denial.instead}.*\n", added, text)
    else:
        text = f"{text.rstrip()}\n{added}"
    assert added in text
    file.write_text(text)


@pytest.mark.parametrize("denial", [pytest.param(each, id=name) for name, each in DENIALS.items()])
def test_the_lines_for_a_proxy_make_its_path_ready(denial: Denial, tls_lab: Lab) -> None:
    server = denial.server(tls_lab)
    path = denial.path(server)
    fix = the_fix(check(tls_lab, path), denial.cause)
    assert fix["software"].startswith(denial.known_as)
    assert fix["known"] == denial.says_so
    add(tls_lab.namespace.scratch / denial.file, fix["lines"], denial)
    served_again(tls_lab.namespace, server)
    assert {judged["verdict"] for judged in check(tls_lab, path)} == {"ready"}


BLOCKS = {
    Cause.PORT_BLOCKED: (f"{FROM_HERE} tcp dport 5223 drop",),
    Cause.RANGE_BLOCKED: drop(("17.57.144.0/22", "2620:149:a44::/48"), f"{FROM_HERE} tcp dport 5223"),
    Cause.FALLBACK_BLOCKED: drop(("17.0.0.0/8", "2000::/3"), f"{FROM_HERE} tcp dport 443"),
}


@pytest.mark.parametrize("cause", BLOCKS)
def test_the_lines_for_a_firewall_make_its_path_ready(cause: Cause, tls_lab: Lab) -> None:
    tls_lab.namespace.firewall(*BLOCKS[cause])
    fix = the_fix(check(tls_lab, {}), cause)
    assert (fix["software"], fix["known"]) == ("nftables", False)
    for line in fix["lines"]:
        here = line.replace("inet filter forward", "inet lab incoming")
        tls_lab.namespace.run(["sh", "-ec", here.replace("{", "'{").replace("}", "}'")])
    verdicts = check(tls_lab, {})
    assert {judged["verdict"] for judged in verdicts} == {"ready"}
    assert not [each for judged in verdicts for each in judged["findings"] if each["cause"] == cause]
