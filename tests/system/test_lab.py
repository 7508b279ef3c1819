"""The laboratory is what it claims to be, shown by programs that are not netcheck."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest

from tests.system.apple import BROKEN_ZONE, HOSTS, Apple
from tests.system.lab import Lab
from tests.system.namespace import FROM_HERE, Namespace, NotReadyError, Process, every, sweep
from tests.system.proxies import PASSWORD, USERNAME
from tests.system.servers import require

BuildLab = Callable[..., Lab]
Firewall = Callable[..., None]

COURIER = "0-courier.push.apple.com"
COURIER_IPV4, COURIER_IPV6 = "17.57.144.1", "2620:149:a44:1::1"


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    require()
    with Namespace() as one:
        yield one


def ask(lab: Lab, name: str, rdtype: str = "A", nameserver: str = "127.0.0.1") -> dns.message.Message:
    query = dns.message.make_query(name, rdtype)
    return lab.namespace.inside(dns.query.udp, query, nameserver, timeout=5)


def connect(lab: Lab, address: str, port: int, timeout: float = 5.0) -> None:
    lab.namespace.inside(lambda: socket.create_connection((address, port), timeout).close())


def curl(lab: Lab, proxy: str, target: str, user: str | None) -> Process:
    """A curl that talks to the target through the proxy; its log tells how far it came."""
    require("curl")
    options = [
        "-sSv",
        "-m",
        "10",
        "--proxy-cacert",
        str(lab.certificates.ca),
        *(("-U", user) if user else ()),
    ]
    return lab.namespace.start(["curl", *options, "-x", proxy, "-p", f"telnet://{target}"], "curl")


def assert_reaches(lab: Lab, proxy: str, target: str, user: str | None = None) -> None:
    process = curl(lab, proxy, target, user)
    for _ in every(0.01, 10.0):
        said = process.tail()
        if "CONNECT tunnel established, response 200" in said or "SOCKS5 request granted" in said:
            break
        assert process.exit_code is None, said
    process.stop()


@pytest.mark.parametrize("rdtype", ["A", "AAAA"])
def test_a_courier_name_leads_over_two_aliases_to_four_addresses(lab: Lab, rdtype: str) -> None:
    answer = ask(lab, "50-courier2.push.apple.com", rdtype).answer
    assert [len(rrset) for rrset in answer] == [1, 1, 4]
    assert answer[1].name.to_text() == "50.courier2-push-apple.com.akadns.net."


@pytest.mark.parametrize(
    ("name", "rcode"),
    [
        ("51-courier.push.apple.com", dns.rcode.NXDOMAIN),
        (f"push.{BROKEN_ZONE}", dns.rcode.SERVFAIL),
        ("www.example.org", dns.rcode.REFUSED),
    ],
)
def test_names_that_apple_does_not_have_fail_each_in_its_way(lab: Lab, name: str, rcode: int) -> None:
    assert ask(lab, name).rcode() == rcode


def test_the_inner_resolver_knows_the_proxy_and_nothing_of_apple(lab: Lab) -> None:
    nameserver = lab.inner_resolver.url.removeprefix("dns://").removesuffix(":53")
    assert ask(lab, "proxy.corp.example", nameserver=nameserver).rcode() == dns.rcode.NOERROR
    assert ask(lab, COURIER, nameserver=nameserver).rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("address", [COURIER_IPV4, COURIER_IPV6])
@pytest.mark.parametrize("port", [443, 2195, 2196, 2197, 5223])
def test_apple_accepts_on_its_ports(lab: Lab, address: str, port: int) -> None:
    connect(lab, address, port)


@pytest.mark.parametrize("address", ["203.0.113.1", "2001:db8:dead::1"])
def test_nothing_leads_out(lab: Lab, address: str) -> None:
    with pytest.raises(OSError, match="unreachable"):
        connect(lab, address, 443)


def test_the_firewall_drops_and_rejects_what_it_is_told_to(lab: Lab, firewall: Firewall) -> None:
    firewall("ip daddr 17.57.144.0/22 tcp dport 5223 drop", "tcp dport 2195 reject with tcp reset")
    with pytest.raises(TimeoutError):
        connect(lab, COURIER_IPV4, 5223, timeout=0.2)
    with pytest.raises(ConnectionRefusedError):
        connect(lab, COURIER_IPV4, 2195)
    connect(lab, COURIER_IPV4, 443)
    firewall()
    connect(lab, COURIER_IPV4, 5223)


@pytest.mark.parametrize("name", ["dante", "microsocks", "tinyproxy", "squid"])
def test_a_rule_for_what_is_sent_from_here_spares_the_proxies(
    lab: Lab, firewall: Firewall, name: str
) -> None:
    proxy = getattr(lab, name)
    firewall(f"{FROM_HERE} tcp dport 443 reject with tcp reset")
    with pytest.raises(ConnectionRefusedError):
        connect(lab, COURIER_IPV4, 443)
    assert_reaches(lab, proxy.url, f"{COURIER}:443")


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("dante", "socks"),
        ("microsocks", "socks"),
        ("squid", "plain"),
        ("squid", "tls"),
        ("tinyproxy", "http"),
    ],
)
@pytest.mark.parametrize("target", [COURIER, f"[{COURIER_IPV6}]"])
def test_a_proxy_leads_to_a_courier(lab: Lab, name: str, use: str, target: str) -> None:
    assert_reaches(lab, getattr(lab, name)[use], f"{target}:443")


@pytest.mark.parametrize(
    ("name", "use", "user", "exit_code", "message"),
    [
        ("dante_strict", "socks", None, 97, "SOCKS5 connection to 0-courier.push.apple.com. (2)"),
        ("dante_auth", "socks", None, 97, "No authentication method was acceptable"),
        ("dante_auth", "socks", f"{USERNAME}:wrong", 97, "rejected by the SOCKS5 server (1 1)"),
        ("microsocks_auth", "socks", None, 97, "No authentication method was acceptable"),
        ("microsocks_auth", "socks", f"{USERNAME}:wrong", 97, "rejected by the SOCKS5 server (1 2)"),
        ("squid", "plain", None, 56, "response 403"),
        ("squid", "auth", None, 56, "response 403"),
        ("tinyproxy_auth", "http", None, 56, "response 407"),
        ("tinyproxy_auth", "http", f"{USERNAME}:wrong", 56, "response 401"),
        ("haproxy", "bearer", None, 56, "response 407"),
        ("haproxy", "unavailable", None, 56, "response 503"),
        ("haproxy", "closed", None, 56, "Proxy CONNECT aborted"),
        ("stunnel", "expired", None, 60, "certificate has expired"),
        ("stunnel", "other_name", None, 60, "no alternative certificate subject name"),
        ("stunnel", "untrusted", None, 60, "unable to get local issuer certificate"),
        ("stunnel", "wants_certificate", None, 35, "alert handshake failure"),
        ("nginx", "web", None, 56, "response 400"),
    ],
)
def test_a_proxy_refuses_in_its_own_words(
    lab: Lab, name: str, use: str, user: str | None, exit_code: int, message: str
) -> None:
    process = curl(lab, getattr(lab, name)[use], f"{COURIER}:5223", user)
    assert process.wait() == exit_code
    assert message in process.tail()


@pytest.mark.parametrize(
    ("name", "use"),
    [("dante_auth", "socks"), ("microsocks_auth", "socks"), ("squid", "auth"), ("tinyproxy_auth", "http")],
)
def test_a_proxy_with_passwords_knows_the_account(lab: Lab, name: str, use: str) -> None:
    assert_reaches(lab, getattr(lab, name)[use], f"{COURIER}:443", f"{USERNAME}:{PASSWORD}")


def test_prometheus_answers_queries(lab: Lab) -> None:
    (sample,) = lab.wait_for("vector(9223)")
    assert sample.value == 9223


def test_a_laboratory_of_ones_own_has_the_apple_that_it_was_given(build_lab: BuildLab) -> None:
    lab = build_lab(Apple(hosts={**HOSTS, "gateway.push.apple.com": ()}, ports=(443,)))
    assert ask(lab, "gateway.push.apple.com").rcode() == dns.rcode.NXDOMAIN
    with pytest.raises(ConnectionRefusedError):
        connect(lab, COURIER_IPV4, 5223)


def test_two_laboratories_live_side_by_side(build_lab: BuildLab) -> None:
    first, second = build_lab(), build_lab()
    first.dns.stop()
    assert ask(second, COURIER).rcode() == dns.rcode.NOERROR


def test_a_namespace_ends_with_all_that_was_in_it(namespace: Namespace) -> None:
    with Namespace() as ending:
        # as a daemon would, it leaves its parent and the parent's session
        pid = ending.run(["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 & echo $!"]).stdout.strip()
        assert Path("/proc", pid, "ns/net").readlink()
    with pytest.raises(OSError, match=pid):
        Path("/proc", pid, "ns/net").readlink()
    assert not ending.scratch.exists()
    assert not Path("/etc/netns", ending.name).exists()
    assert namespace.run(["true"]).returncode == 0  # the other one lives


def test_a_namespace_ends_when_a_test_fails_in_it(namespace: Namespace) -> None:
    with pytest.raises(ZeroDivisionError), Namespace() as failing:
        _ = 1 / 0
    assert not Path("/run/netns", failing.name).exists()


def test_a_server_that_does_not_start_says_why(namespace: Namespace) -> None:
    process = namespace.start(["sh", "-c", "echo no such option >&2; exit 3"], "server")
    with pytest.raises(NotReadyError, match=r"server: ended with 3\nno such option"):
        namespace.wait_until_listening(process, "127.0.0.1", 1)


def test_sweeping_removes_what_a_killed_run_left_and_nothing_else(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.system.namespace._PREFIX", f"swept{os.getpid()}")  # other runs sweep too
    gone = namespace.run(["sh", "-c", "echo $$"]).stdout.strip()
    with monkeypatch.context() as patched:
        patched.setattr(os, "getpid", lambda: int(gone))
        left = Namespace()
    with left, Namespace() as living:
        sweep()
        assert not Path("/run/netns", left.name).exists()
        assert Path("/run/netns", living.name).exists()


def test_a_missing_program_skips_the_test_with_a_reason(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs no-such-program"):
        require("no-such-program")


def test_a_missing_program_fails_the_test_where_ci_is_set(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="needs no-such-program"):
        require("no-such-program")
