"""Every reason that a real server or firewall can produce here, produced by one, in its own phase."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from netcheck.model.failing import Reason
from tests.system.lab import Lab, Settings
from tests.system.proxies import USERNAME
from tests.system.scenes import off

Firewall = Callable[..., None]
MakePath = Callable[[Lab], Settings]

BUILT_INS_OFF = off("courier", "courier2", "provider", "gateway", "feedback")
LISTENING, SILENT, CLOSED_PORT = "17.57.147.1", "17.57.147.9", 2199
DROP_SILENT = f"ip daddr {SILENT} drop"


@dataclass(frozen=True)
class Case:
    """One breakage: what is asked for over which path, and the one failure that must come of it."""

    phase: str
    reason: str
    path: MakePath = lambda _: {}
    host: str = LISTENING
    port: int = 443
    firewall: tuple[str, ...] = ()
    resolvers: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""
    or_phase: str | None = None
    """Where it happens instead when the peer is faster than this machine."""
    is_of_all: bool = False
    """A PAC file is fetched for all probes together: that takes none of them any time."""


def resolver(nameserver: str, transport: str = "udp") -> dict[str, Any]:
    return {"tested": {"nameservers": [nameserver], "transport": transport}}


def dns(
    reason: str, host: str, nameserver: str = "127.0.0.1", transport: str = "udp", detail: str = ""
) -> Case:
    """A failed lookup by a nameserver of the laboratory."""

    def path(lab: Lab) -> Settings:
        assert lab.inner_resolver
        return {"resolver": "tested", "families": ["ipv4"]}

    return Case("resolve", reason, path, host, resolvers=resolver(nameserver, transport), detail=detail)


def proxied(
    reason: str, url: Callable[[Lab], str], host: str = LISTENING, phase: str = "proxy_handshake", **rest: Any
) -> Case:
    return Case(phase, reason, lambda lab: {"proxy": url(lab), "resolve": "proxy"}, host, **rest)


def with_login(url: Callable[[Lab], str], *, right: bool) -> MakePath:
    return lambda lab: {
        "proxy": url(lab),
        "resolve": "proxy",
        **(lab.credentials if right else lab.wrong_credentials),
    }


def over_tls(use: str) -> MakePath:
    return lambda lab: {"proxy": lab.stunnel[use], "ca_file": str(lab.certificates.ca)}


def tls_to(url: Callable[[Lab], str]) -> MakePath:
    """An https proxy is configured where something else listens."""
    return lambda lab: {"proxy": url(lab).replace("http://", "https://"), "ca_file": str(lab.certificates.ca)}


def socks_to(url: Callable[[Lab], str]) -> Callable[[Lab], str]:
    return lambda lab: url(lab).replace("http://", "socks5h://")


def reject(how: str) -> tuple[str, ...]:
    return (f"ip daddr {SILENT} reject with {how}", f"ip6 daddr 2620:149:a44:9::9 reject with {how}")


CASES = {
    # resolve
    "a name that does not exist": dns("nxdomain", "none.push.apple.com"),
    "a name without IPv6": Case("resolve", "no_answer", lambda _: {"families": ["ipv6"]}, "mdm.corp.example"),
    "a zone that fails to load": dns("servfail", "host.broken.example"),
    "a server without authority": dns("refused_by_server", "host.elsewhere.example"),
    "a resolver that refuses the name": dns("refused_by_server", "a.refused.corp.example", "127.0.0.2"),
    "a resolver that never answers": dns("dns_timeout", "a.silent.corp.example", "127.0.0.2"),
    "a web server for a nameserver": Case(
        "resolve",
        "dns_malformed",
        lambda lab: {"resolver": "tested"} if lab.nginx else {},
        "mdm.corp.example",
        resolvers=resolver("127.0.0.1:8080", "tcp"),
    ),
    "no server at the nameserver's address": dns("resolver_unreachable", "mdm.corp.example", "127.0.0.9"),
    "a nameserver whose certificate is not trusted": dns(
        "resolver_unreachable", "mdm.corp.example", "127.0.0.1", "tls", "certificate"
    ),
    "a resolver that sinkholes": dns("sinkholed", "gateway.push.apple.com", "127.0.0.2", detail="0.0.0.0"),
    "a name with more addresses than anybody needs": dns("too_many_answers", "crowd.corp.example"),
    # connect
    "a firewall that drops": Case("connect", "timeout", host=SILENT, firewall=(DROP_SILENT,)),
    "a port where nothing listens": Case("connect", "refused", port=CLOSED_PORT),
    "a firewall that resets": Case("connect", "refused", host=SILENT, firewall=reject("tcp reset")),
    "no route": Case("connect", "network_unreachable", host="203.0.113.1"),
    "no route in IPv6": Case("connect", "network_unreachable", host="2001:db8:dead::1"),
    "a firewall that says host unreachable": Case(
        "connect",
        "host_unreachable",
        host=SILENT,
        firewall=(f"ip daddr {SILENT} reject with icmp type host-unreachable",),
    ),
    "a firewall that prohibits in IPv6": Case(
        "connect",
        "host_unreachable",
        host="2620:149:a44:9::9",
        firewall=("ip6 daddr 2620:149:a44:9::9 reject with icmpv6 type admin-prohibited",),
    ),
    "an interface that is gone": Case("connect", "no_local_address", lambda _: {"interface": "wlan9"}),
    "a source address that is gone": Case(
        "connect", "no_local_address", lambda _: {"source_address": "198.51.100.1"}
    ),
    # proxy_resolve
    "a proxy whose name does not exist": proxied(
        "nxdomain", lambda _: "http://none.corp.example:3128", phase="proxy_resolve"
    ),
    "a proxy whose name fails to resolve": proxied(
        "servfail", lambda _: "http://proxy.broken.example:3128", phase="proxy_resolve"
    ),
    "no web server where the PAC file should be": Case(
        "proxy_resolve",
        "pac_unavailable",
        lambda _: {"proxy": "pac+http://127.0.0.1:3999/proxy.pac"},
        is_of_all=True,
    ),
    "a PAC file that is no script": Case(
        "proxy_resolve", "pac_faulty", lambda lab: {"proxy": f"pac+{lab.nginx.url}/proxy.pac"}, is_of_all=True
    ),
    # proxy_connect
    "no proxy at the port": proxied("refused", lambda _: "http://127.0.0.1:3999", phase="proxy_connect"),
    "a firewall that drops what goes to the proxy": proxied(
        "timeout", lambda _: f"http://{SILENT}:3128", phase="proxy_connect", firewall=(DROP_SILENT,)
    ),
    "no route to the proxy": proxied(
        "network_unreachable", lambda _: "socks5h://203.0.113.1:1080", phase="proxy_connect"
    ),
    # proxy_tls
    "a web server without TLS": Case("proxy_tls", "tls_not_tls", tls_to(lambda lab: lab.nginx.url)),
    "SSH instead of TLS": Case("proxy_tls", "tls_not_tls", tls_to(lambda lab: lab.sshd.url)),
    "an expired certificate": Case("proxy_tls", "tls_expired", over_tls("expired")),
    "a certificate for another name": Case("proxy_tls", "tls_name_mismatch", over_tls("other_name")),
    "a certificate of an unknown authority": Case("proxy_tls", "tls_untrusted", over_tls("untrusted")),
    "a proxy that wants a client certificate": Case(
        "proxy_tls", "tls_alert", over_tls("wants_certificate"), detail="asks in TLS for a certificate"
    ),
    "a proxy that wants a client certificate, over TLS 1.3": Case(
        "proxy_handshake",
        "proxy_closed",
        over_tls("wants_certificate_late"),
        detail="asks in TLS for a certificate",
    ),
    "silence instead of TLS": Case("proxy_tls", "tls_timeout", tls_to(lambda lab: lab.haproxy["silent"])),
    "a reset instead of TLS": Case(
        "proxy_tls", "reset", tls_to(lambda lab: lab.haproxy["reset"]), or_phase="proxy_connect"
    ),
    "an end instead of TLS": Case("proxy_tls", "closed", tls_to(lambda lab: lab.haproxy["closed"])),
    # proxy_handshake, the one who is asked
    "a proxy that hangs": proxied("proxy_timeout", lambda lab: lab.haproxy["silent"]),
    "a proxy that closes": proxied("proxy_closed", lambda lab: lab.haproxy["closed"]),
    "a proxy that resets": proxied("reset", lambda lab: lab.haproxy["reset"], or_phase="proxy_connect"),
    "CONNECT to a SOCKS proxy": proxied(
        "proxy_not_a_proxy", lambda lab: lab.microsocks.url.replace("socks5h", "http")
    ),
    "CONNECT to a web server": proxied("proxy_not_a_proxy", lambda lab: lab.nginx.url, detail="400"),
    "SOCKS to a web server": proxied("proxy_not_a_proxy", socks_to(lambda lab: lab.nginx.url)),
    "SOCKS to SSH": proxied("proxy_not_a_proxy", socks_to(lambda lab: lab.sshd.url), detail="SSH"),
    # proxy_handshake, the one who asks
    "squid wants a password": proxied("proxy_auth_required", lambda lab: lab.squid["auth"]),
    "tinyproxy wants a password": proxied("proxy_auth_required", lambda lab: lab.tinyproxy_auth.url),
    "dante wants a password": proxied("proxy_auth_required", lambda lab: lab.dante_auth.url),
    "microsocks wants a password": proxied("proxy_auth_required", lambda lab: lab.microsocks_auth.url),
    "squid knows another password": Case(
        "proxy_handshake", "proxy_auth_failed", with_login(lambda lab: lab.squid["auth"], right=False)
    ),
    "tinyproxy knows another password": Case(
        "proxy_handshake", "proxy_auth_failed", with_login(lambda lab: lab.tinyproxy_auth.url, right=False)
    ),
    "dante knows another password": Case(
        "proxy_handshake", "proxy_auth_failed", with_login(lambda lab: lab.dante_auth.url, right=False)
    ),
    "microsocks knows another password": Case(
        "proxy_handshake", "proxy_auth_failed", with_login(lambda lab: lab.microsocks_auth.url, right=False)
    ),
    "a proxy that knows only tokens": Case(
        "proxy_handshake",
        "proxy_auth_unsupported",
        with_login(lambda lab: lab.haproxy["bearer"], right=True),
        detail="Bearer",
    ),
    # proxy_handshake, what is asked for
    "squid's own port rules": proxied(
        "proxy_denied", lambda lab: lab.squid["plain"], port=5223, detail="403"
    ),
    "tinyproxy's port rules": proxied("proxy_denied", lambda lab: lab.tinyproxy.url, port=CLOSED_PORT),
    "dante's rules": proxied("proxy_denied", lambda lab: lab.dante_strict.url, port=5223, detail="2"),
    "a proxy that forbids": proxied("proxy_denied", lambda lab: lab.haproxy["forbidden"]),
    # proxy_handshake, what the proxy ran into
    "a bad gateway": proxied(
        "proxy_target_unreachable", lambda lab: lab.haproxy["bad_gateway"], detail="502"
    ),
    "dante finds the port closed": proxied(
        "proxy_target_refused", lambda lab: lab.dante.url, port=CLOSED_PORT
    ),
    "microsocks finds the port closed": proxied(
        "proxy_target_refused", lambda lab: lab.microsocks.url, port=CLOSED_PORT
    ),
    "squid is reset": proxied(
        "proxy_target_refused",
        lambda lab: lab.squid["plain"],
        SILENT,
        firewall=reject("tcp reset"),
        detail="503",
    ),
    "dante has no route": proxied("proxy_target_unreachable", lambda lab: lab.dante.url, "203.0.113.1"),
    "squid has no route": proxied("proxy_target_unreachable", lambda lab: lab.squid["plain"], "203.0.113.1"),
    "dante cannot resolve": proxied(
        "proxy_target_unreachable", lambda lab: lab.dante.url, "none.corp.example", detail="name"
    ),
    "dante's connect times out": proxied(
        "proxy_target_timeout", lambda lab: lab.dante.url, SILENT, firewall=(DROP_SILENT,)
    ),
    "squid's connect times out": proxied(
        "proxy_target_timeout", lambda lab: lab.squid["plain"], SILENT, firewall=(DROP_SILENT,)
    ),
    "a gateway timeout": proxied("proxy_target_timeout", lambda lab: lab.haproxy["gateway_timeout"]),
    "a proxy without capacity": proxied("proxy_overloaded", lambda lab: lab.haproxy["exhausted"]),
    "a proxy that throttles": proxied("proxy_overloaded", lambda lab: lab.haproxy["throttled"]),
    "squid cannot resolve": proxied(
        "proxy_error", lambda lab: lab.squid["plain"], "none.corp.example", detail="500"
    ),
    "a portal's redirect": proxied(
        "proxy_auth_required",
        lambda lab: lab.haproxy["redirect"],
        detail="(Location http://portal.corp.example/)",
    ),
    "a proxy that does not reach it": proxied(
        "proxy_target_unreachable", lambda lab: lab.haproxy["unreached"], detail="503"
    ),
    "dante cannot say why over SOCKS 4": proxied(
        "proxy_error",
        lambda lab: lab.dante.url.replace("socks5h", "socks4a"),
        port=CLOSED_PORT,
        detail="0x5b",
    ),
}

ELSEWHERE = {
    Reason.TLS_INTERCEPTED: "test_tls",
    Reason.BAD_ANSWER: "test_bag",
    Reason.PERMISSION_DENIED: "scenarios/machine: this machine's own rules forbid 5223",
    Reason.FD_EXHAUSTED: "below",
    Reason.PROXY_BAD_REPLY: "no server here says it: scripted peers do in tests/wire",
    Reason.PROXY_DNS_FAILURE: "no server here tells it from other failures: scripted peers do in tests/wire",
    Reason.INTERNAL_ERROR: "a bug of ours: tests/probe",
}
"""What comes about in another way, and where."""


def test_no_reason_is_left_out() -> None:
    assert {case.reason for case in CASES.values()} | {*ELSEWHERE} == {*Reason}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_breakage_has_its_phase_and_reason(lab: Lab, firewall: Firewall, case: Case) -> None:
    path = case.path(lab)
    if case.firewall:
        firewall(*case.firewall)
    services = {**BUILT_INS_OFF, "ours": {"hosts": [case.host], "ports": [case.port]}}
    found = lab.check({"tested": path}, services, resolvers=dict(case.resolvers))
    assert found.results()
    for result in found.results():
        assert result["reason"] == case.reason
        assert result["phase"] in (case.phase, case.or_phase)
        assert list(result["phases"])[-1:] == ([] if case.is_of_all else [result["phase"]])
        assert case.detail in result["detail"]
        assert USERNAME not in result["detail"]
    assert found.exit_code == 1


def test_running_out_of_descriptors_is_no_broken_network(lab: Lab) -> None:
    hosts = [f"17.57.147.{number}" for number in range(1, 60)]
    services = {**BUILT_INS_OFF, "ours": {"hosts": hosts, "ports": [443]}}
    drop = f"ip daddr {SILENT} drop"
    lab.namespace.firewall(drop.replace(SILENT, "17.57.147.0/24"))
    try:
        found = lab.check({"direct": {}}, services, under=("prlimit", "--nofile=24"))
    finally:
        lab.namespace.firewall()
    assert {result["reason"] for result in found.results()} == {"fd_exhausted", "timeout"}


def test_no_secret_is_in_any_output(lab: Lab) -> None:
    path = {"proxy": lab.squid["auth"], **lab.wrong_credentials}
    config = lab.write_config({"tested": path})
    for arguments in (["check"], ["check", "--format", "json"]):
        done = lab.netcheck(*arguments, "--config", str(config))
        assert "not-the-password" not in done.stdout + done.stderr
