"""When a finding carries lines to add, and which; that they work is shown among real servers."""

from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Fix
from netcheck.model.paths import Family, ProbePath, ProxyScheme
from netcheck.model.results import Choice, Result
from netcheck.verdict.assessing import assess
from tests.records import DROPPED, once, result
from tests.verdict.scene import (
    API,
    BALANCED,
    COURIER,
    DIRECT,
    ENROLMENT,
    HANDSHAKE,
    MDM,
    PAC,
    PROXY,
    couriers,
    enrolment,
)

SOCKS = replace(PROXY, proxies=(replace(PROXY.proxies[0], scheme=ProxyScheme.SOCKS5H),))


def denied(software: str, reason: Reason = Reason.PROXY_DENIED) -> Failure:
    said = "HTTP/1.0 403 Access violation" if software.startswith("tinyproxy") else "HTTP/1.1 403 Forbidden"
    return Failure(HANDSHAKE, reason, said, said.encode(), software=software)


def fix_of(path: ProbePath, results: list[Result]) -> Fix | None:
    """The fix of the first finding."""
    services = [each for each in (COURIER, MDM) if any(seen.service == each.name for seen in results)]
    (judged,) = assess(services, [path], once(results)).judgements
    return judged.findings[0].fix


def through(failure: Failure, path: ProbePath = PROXY) -> list[Result]:
    return couriers(failure, path=path, family=Family.NAME, spoke=True)


@pytest.mark.parametrize(
    ("software", "line"),
    [
        ("squid/5.7", "http_access allow CONNECT push_hosts push_ports"),
        ("squid", "acl push_hosts dstdomain .push.apple.com"),
        ("tinyproxy/1.11.1", "ConnectPort 443"),
        ("Apache/2.4.62 (Debian)", "AllowCONNECT 443 563"),
        ("Privoxy", "{-block +limit-connect{443}}"),
        ("HAProxy", "http-request allow if METH_CONNECT { url -m end .push.apple.com:443 }"),
    ],
)
def test_a_proxy_is_known_by_what_it_calls_itself(software: str, line: str) -> None:
    fix = fix_of(PROXY, through(denied(software)))
    assert fix is not None
    assert fix.is_known
    assert fix.intro.startswith(f"By its answers it is {software}: ")
    assert line in fix.lines


@pytest.mark.parametrize("software", ["", "BigProxy 9", "not-squidlike", "Apachean"])
def test_nobody_guesses_at_another_proxy(software: str) -> None:
    assert fix_of(PROXY, through(denied(software))) is None


@pytest.mark.parametrize("phrase", ["Filtered", "Access denied"])
def test_tinyproxy_gets_no_ports_where_its_rules_are_about_hosts_or_clients(phrase: str) -> None:
    failure = replace(denied("tinyproxy/1.11.1"), evidence=f"HTTP/1.0 403 {phrase}".encode())
    assert fix_of(PROXY, through(failure)) is None


def test_one_for_socks_is_likely_dante_and_the_words_say_so() -> None:
    fix = fix_of(SOCKS, through(denied(""), SOCKS))
    assert fix is not None
    assert fix.intro == "If it is Dante: add to sockd.conf, above its other `socks` rules:"
    assert fix.lines == ("socks pass { from: 0/0 to: .push.apple.com port = 443 command: connect }",)


def test_the_proxy_that_a_pac_file_names_is_known_as_well() -> None:
    proxies = PROXY.proxies
    chosen = [
        replace(
            each,
            path=PAC.name,
            attempt=replace(each.attempt, proxies=proxies),
            choice=Choice("PROXY proxy.test:3128", (replace(each.attempt, proxies=proxies),)),
        )
        for each in through(denied("squid/5.7"))
    ]
    fix = fix_of(PAC, chosen)
    assert fix is not None
    assert fix.software == "squid/5.7"


def test_what_a_proxy_before_another_denies_is_no_host_of_apples() -> None:
    row = replace(PROXY, proxies=(*PROXY.proxies, *SOCKS.proxies))
    assert fix_of(row, through(denied("squid/5.7"), row)) is None


@pytest.mark.parametrize("program", ["HAProxy", "nginx/1.22.1", ""])
def test_a_load_balancer_that_answers_in_http_is_told_in_its_own_words(program: str) -> None:
    not_tls = Failure(Phase.TLS, Reason.TLS_NOT_TLS, "the peer does not speak TLS", software=program)
    answers = [result(API, 443, not_tls, path="lb", address="10.1.1.20", balancer="10.1.1.20:8443")]
    (judged,) = assess([API], [BALANCED], once(answers)).judgements
    fix = judged.findings[0].fix
    assert (fix.lines if fix else None) == (("mode tcp",) if program == "HAProxy" else None)
    assert ("in nginx: `stream`" in judged.findings[0].next_step) is program.startswith("nginx")


def test_what_the_proxy_calls_itself_when_it_denies_what_nobody_needs_counts() -> None:
    decrypted = Failure(Phase.TLS, Reason.TLS_INTERCEPTED, "issuer Corp")
    results = [
        *couriers(denied("squid/5.7"), (5223,), path=PROXY, family=Family.NAME, spoke=True),
        *couriers(decrypted, (443,), path=PROXY, family=Family.NAME, spoke=True),
    ]
    fix = fix_of(PROXY, results)
    assert fix is not None
    assert fix.is_known
    assert fix.lines[-1] == "ssl_bump splice push_tls"


def test_a_firewall_gets_the_networks_of_the_families_that_fail() -> None:
    fix = fix_of(DIRECT, [*couriers(DROPPED, (5223,)), *couriers(None, (443,))])
    assert fix is not None
    assert fix.intro.startswith("If it is nftables: ")
    assert fix.lines[0] == (
        "nft insert rule inet filter forward ip daddr 17.249.0.0/16 tcp dport 5223 accept"
    )
    assert all(" ip daddr 17." in line for line in fix.lines)


def test_an_address_of_apples_that_it_does_not_publish_is_named() -> None:
    outside = "2620:149:208:4308::a"
    blocked = [result(API, 443, DROPPED, host=API.hosts[0], family=Family.IPV6, address=outside)]
    (judged,) = assess([API], [DIRECT], once(blocked)).judgements
    lines = judged.findings[0].fix.lines if judged.findings[0].fix else ()
    assert f"nft insert rule inet filter forward ip6 daddr {outside} tcp dport 443 accept" in lines
    assert not [line for line in lines if " ip daddr " in line]


@pytest.mark.parametrize(
    ("path", "family", "failure", "line"),
    [
        (PROXY, Family.NAME, denied("squid/5.7"), f"acl push_hosts dstdomain {' '.join(ENROLMENT.hosts)}"),
        (
            DIRECT,
            Family.IPV4,
            DROPPED,
            "nft insert rule inet filter forward ip daddr 17.32.214.25 tcp dport 443 accept",
        ),
    ],
)
def test_hosts_of_apples_that_are_none_of_push_are_named_themselves(
    path: ProbePath, family: Family, failure: Failure, line: str
) -> None:
    (judged,) = assess([ENROLMENT], [path], once(enrolment(failure, path, family))).judgements
    assert judged.findings[0].fix
    assert judged.findings[0].fix.lines[0] == line


def test_a_server_of_ones_own_gets_its_own_address() -> None:
    blocked = [
        result(MDM, 443, DROPPED, host="mdm.test", address="203.0.113.7"),
        result(COURIER, 443, DROPPED, host=COURIER.hosts[0], address="17.57.144.1"),
    ]
    fix = fix_of(DIRECT, blocked)
    assert fix is not None
    assert "203.0.113.7" in fix.lines[0]
