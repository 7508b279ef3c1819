"""Proxies: their rules, what lies behind them, and what their users do not need."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.paths import Environment, Family, Pac, ProbePath, Proxy, ProxyScheme, Role
from netcheck.model.results import Choice, Earlier, Result, TlsInfo
from netcheck.model.services import Service
from netcheck.model.trends import Part, Trend
from netcheck.verdict.assessing import assess
from netcheck.verdict.counting import Criteria
from tests.records import PROVIDER, once, result, standing_of
from tests.verdict.scene import (
    COURIER,
    DENIED,
    DIRECT,
    GONE,
    HANDSHAKE,
    MDM,
    OPEN,
    PROVIDER_API,
    PROXY,
    certificate,
    couriers,
    judge,
    numbered,
    proxied,
    through,
)


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (DENIED, Cause.PROXY_DENIES_HOST),
        (GONE, Cause.PROXY_CANNOT_CONNECT),
        (Failure(HANDSHAKE, Reason.PROXY_CLOSED, "closed"), Cause.PROXY_CANNOT_CONNECT),
        (Failure(Phase.TLS, Reason.CLOSED, "closed"), Cause.PROXY_FALSE_SUCCESS),
    ],
)
def test_one_of_three_services_that_is_broken_behind_a_proxy_names_the_proxys_rule(
    failure: Failure, cause: Cause
) -> None:
    api = Service("provider", PROVIDER_API.hosts, (443,), frozenset({Role.DEVICE}))
    results = couriers(None, (443,), path=PROXY, family=Family.NAME, spoke=True)
    results += [through(api, 443, failure), through(MDM, 443)]
    judged = judge(results, paths=(PROXY,), services=(COURIER, api, MDM))
    assert [(f.cause, f.hop) for f in judged.findings] == [(cause, Hop.PROXY)]
    assert "rules" in (judged.next_step or "")
    assert "api.push.apple.com" in (judged.next_step or "")


def test_a_tls_alert_through_a_proxy_is_tls() -> None:
    alert = Failure(Phase.TLS, Reason.TLS_ALERT, "HANDSHAKE_FAILURE")
    results = couriers(alert, path=PROXY, family=Family.NAME, spoke=True)
    judged = judge(results, paths=(PROXY,))
    assert (judged.cause, judged.hop) == (Cause.TLS_BLOCKED, Hop.PROXY)


@pytest.mark.parametrize(
    "failure",
    [
        Failure(Phase.TLS, Reason.TLS_ALERT, ""),
        Failure(Phase.TLS, Reason.TLS_INTERCEPTED, ""),
        Failure(Phase.TLS, Reason.TLS_NOT_TLS, ""),
        Failure(Phase.SESSION, Reason.CLOSED, ""),
        GONE,
        DENIED,
    ],
)
def test_behind_a_proxy_its_owners_are_asked_and_no_firewall_of_this_network(failure: Failure) -> None:
    results = couriers(failure, path=PROXY, family=Family.NAME, spoke=True)
    judged = judge(results, paths=(PROXY,))
    assert judged.hop is Hop.PROXY
    assert (judged.next_step or "").startswith("Ask the owners of the proxy proxy.test:3128 to ")


def test_hosts_that_only_the_proxy_does_not_reach_are_asked_of_its_owners() -> None:
    results = couriers() + couriers(None, path=PROXY, family=Family.NAME, hosts=(0, 1, 2), spoke=True)
    results += couriers(GONE, path=PROXY, family=Family.NAME, hosts=(3,), spoke=True)
    judged = judge(results, paths=(DIRECT, PROXY))
    assert (judged.cause, judged.hop) == (Cause.HOSTS_BLOCKED, Hop.PROXY)


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        (Reason.TLS_EXPIRED, "to renew the proxy's certificate, if the clock of netcheck's machine is right"),
        (Reason.TLS_UNTRUSTED, "set `ca_file` of the path proxy"),
        (Reason.TLS_TIMEOUT, "Check the host, port and scheme"),
        (Reason.TLS_NOT_TLS, "Write http:// in place of https:// for the path proxy"),
    ],
)
def test_tls_that_a_proxy_does_not_speak_is_looked_up_in_the_config_and_its_certificate_is_its_owners(
    reason: Reason, says: str
) -> None:
    judged = judge(proxied(Phase.PROXY_TLS, reason, spoke=False), paths=(PROXY,))
    assert (judged.cause, judged.hop) == (Cause.PROXY_DOWN, Hop.PROXY)
    assert says in (judged.next_step or "")


@pytest.mark.parametrize(
    ("software", "reason", "answer", "cause", "says"),
    [
        (
            "nginx/1.22.1",
            Reason.PROXY_NOT_A_PROXY,
            b"HTTP/1.1 400 Bad Request",
            Cause.PROXY_DOWN,
            "in the config. nginx/1.22.1 answers there, and not as such a proxy. Then",
        ),
        (
            "squid/5.7",
            Reason.PROXY_ERROR,
            b"HTTP/1.1 400 Bad Request",
            Cause.PROXY_DOWN,
            "A load balancer there must not send the PROXY protocol",
        ),
        (
            "HAProxy",
            Reason.PROXY_TARGET_UNREACHABLE,
            b"HTTP/1.1 503 Service Unavailable",
            Cause.PROXY_CANNOT_CONNECT,
            "to check the servers in its `backend`",
        ),
        (
            "squid/5.7",
            Reason.PROXY_TARGET_UNREACHABLE,
            b"HTTP/1.1 503 Service Unavailable",
            Cause.PROXY_CANNOT_CONNECT,
            "to check its rules, its way to the Internet",
        ),
    ],
)
def test_what_a_program_is_says_where_to_look(
    software: str, reason: Reason, answer: bytes, cause: Cause, says: str
) -> None:
    failure = Failure(HANDSHAKE, reason, "as it says", answer, software=software)
    results = couriers(failure, path=PROXY, family=Family.NAME, spoke=reason is not Reason.PROXY_NOT_A_PROXY)
    judged = judge(results, paths=(PROXY,))
    assert (judged.cause, judged.hop) == (cause, Hop.PROXY)
    assert says in (judged.next_step or "")


SILENT = Failure(HANDSHAKE, Reason.PROXY_TIMEOUT, "proxy.test:3128: no answer in 10 s")


@pytest.mark.parametrize("reason", [Reason.PROXY_TIMEOUT, Reason.PROXY_CLOSED, Reason.RESET])
def test_a_proxy_that_denies_what_nobody_needs_answers_and_has_no_way_out(reason: Reason) -> None:
    silent = Failure(HANDSHAKE, reason, "no answer in 10 s")
    results = couriers(silent, (443,), path=PROXY, family=Family.NAME, spoke=False)
    results += couriers(DENIED, (5223,), path=PROXY, family=Family.NAME, spoke=True)
    results += [through(PROVIDER_API, 2197, DENIED), through(PROVIDER_API, 443, silent, spoke=False)]
    for judged in assess([COURIER, PROVIDER_API], [PROXY], once(results)).judgements:
        assert (judged.verdict, judged.cause) == (Verdict.NOT_READY, Cause.PROXY_CANNOT_CONNECT)
        assert "check its rules" in (judged.next_step or "")
        assert "It answers, but cannot connect to " in (judged.next_step or "")
        assert " on port 443." in (judged.next_step or "")


def test_a_proxy_that_denied_before_it_fell_silent_is_down() -> None:
    results = [through(COURIER, 5223, DENIED), through(COURIER, 443, SILENT, spoke=False, at=1030.0)]
    judged = judge(results, paths=(PROXY,))
    assert (judged.cause, judged.hop) == (Cause.PROXY_DOWN, Hop.PROXY)


def test_a_proxy_that_denied_since_its_silence_began_answers() -> None:
    results = [through(COURIER, 5223, DENIED), through(COURIER, 443, SILENT, spoke=False, at=1030.0)]
    standings = [standing_of(each, 1, False, fails_since=970.0) for each in results]
    (judged,) = assess([COURIER], [PROXY], standings).judgements
    assert judged.cause is Cause.PROXY_CANNOT_CONNECT


@pytest.mark.parametrize(
    ("chooser", "says"),
    [
        (Environment(), "Write http:// in place of https:// in the environment of netcheck: "),
        (
            Pac("http://web.test/proxy.pac"),
            "Write PROXY in place of HTTPS in the PAC file http://web.test/proxy.pac: ",
        ),
    ],
)
def test_tls_that_a_chosen_proxy_does_not_speak_is_corrected_where_it_is_chosen(
    chooser: Environment | Pac, says: str
) -> None:
    path = ProbePath("chosen", chosen_by=chooser)
    https = Proxy(ProxyScheme.HTTPS, "proxy.test", 3128)
    failure = Failure(Phase.PROXY_TLS, Reason.TLS_NOT_TLS, "the peer does not speak TLS")
    seen = result(MDM, 443, failure, path="chosen", family=Family.NAME)
    attempt = replace(seen.attempt, proxies=(https,))
    seen = replace(seen, attempt=attempt, choice=Choice("HTTPS proxy.test:3128", (attempt,)))
    (judged,) = assess([MDM], [path], once([seen])).judgements
    assert judged.cause is Cause.PROXY_DOWN
    assert (judged.next_step or "").startswith(f"{says}the proxy proxy.test:3128 speaks no TLS there.")


@pytest.mark.parametrize("chooser", [Environment(), Pac("http://web.test/proxy.pac")])
def test_a_chosen_proxy_that_cannot_be_asked_for_ipv6_is_not_taken_for_dead(
    chooser: Environment | Pac,
) -> None:
    path = ProbePath("chosen", chosen_by=chooser)
    socks = Proxy(ProxyScheme.SOCKS4A, "socks.test", 1080)
    failure = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_ERROR, "SOCKS4A cannot ask for fd00::1")
    service = replace(MDM, hosts=("fd00::1",))
    seen = result(service, 443, failure, path="chosen", family=Family.IPV6, address="fd00::1")
    attempt = replace(seen.attempt, proxies=(socks,), phases={})
    seen = replace(seen, attempt=attempt, choice=Choice("SOCKS4 socks.test:1080", (attempt,)))
    (judged,) = assess([service], [path], once([seen])).judgements
    assert (judged.verdict, judged.cause) == (Verdict.NOT_READY, Cause.PROXY_CANNOT_CONNECT)
    assert "SOCKS4, which the proxy socks.test:1080 speaks, carries no IPv6" in (judged.next_step or "")


def test_a_proxy_that_answers_nothing_is_asked_why() -> None:
    silent = couriers(SILENT, (443,), path=PROXY, family=Family.NAME, spoke=False)
    judged = judge(silent, paths=(PROXY,))
    assert judged.cause is Cause.PROXY_DOWN
    assert "why the proxy accepts connections and answers none of the requests in them" in (
        judged.next_step or ""
    )
    assert "If this is no proxy, correct its address for the path proxy in the config." in (
        judged.next_step or ""
    )


def test_a_proxy_s_only_address_is_no_dead_member_while_a_failure_is_not_yet_believed() -> None:
    refused = couriers(Failure(Phase.PROXY_CONNECT, Reason.REFUSED, ""), path=PROXY, family=Family.NAME)
    standings = [
        standing_of(
            replace(each, attempt=replace(each.attempt, passed_over=("10.0.0.1:3128",))), 1, answered=True
        )
        for each in refused
    ]
    (judged,) = assess([COURIER], [PROXY], standings, criteria=Criteria(failures=2)).judgements
    assert (judged.verdict, judged.findings) == (Verdict.READY, ())


@pytest.mark.parametrize(("host", "is_asked"), [("outer.test", True), ("192.0.2.9", False)])
def test_of_a_next_proxy_that_is_not_reached_by_name_the_one_before_is_asked_too(
    host: str, is_asked: bool
) -> None:
    way = (Proxy(ProxyScheme.SOCKS5H, "inner.test", 1080), Proxy(ProxyScheme.HTTP, host, 3128))
    failure = Failure(HANDSHAKE, Reason.PROXY_TARGET_UNREACHABLE, "SOCKS5 reply 0x04")
    path = ProbePath("proxy", way)
    (finding,) = judge(couriers(failure, path=path, family=Family.NAME, spoke=True), paths=(path,)).findings
    assert (finding.cause, finding.asked) == (Cause.PROXY_DOWN, f"the owners of the proxy {host}:3128")
    question = " Then ask the owners of the proxy inner.test:1080 whether it knows the name outer.test."
    assert finding.next_step.count(question) == is_asked


def test_of_two_proxies_in_a_row_that_are_down_neither_is_said_to_be_the_place_to_look_from() -> None:
    way = (Proxy(ProxyScheme.SOCKS5H, "inner.test", 1080), Proxy(ProxyScheme.HTTP, "192.0.2.9", 3128))
    path = ProbePath("proxy", way)
    inner = Failure(Phase.PROXY_CONNECT, Reason.REFUSED, "connection refused")
    outer = Failure(HANDSHAKE, Reason.PROXY_TARGET_REFUSED, "SOCKS5 reply 0x05")
    results = [
        *couriers(inner, path=path, family=Family.NAME, hosts=(0, 1), spoke=False),
        *couriers(outer, path=path, family=Family.NAME, hosts=(2, 3), spoke=True),
    ]
    (finding,) = judge(results, paths=(path,)).findings
    assert finding.next_step == (
        "Ask the owners of the proxies 192.0.2.9:3128 and inner.test:1080 to make sure that they run and can "
        "be reached."
    )


@pytest.mark.parametrize(("tls", "works"), [(None, False), (certificate(), True)])
def test_what_a_lying_proxy_only_says_to_be_connected_is_not_said_to_work(
    tls: TlsInfo | None, works: bool
) -> None:
    cut = Failure(Phase.TLS, Reason.CLOSED, "closed")
    seen = through(OPEN, 2195)
    beside = replace(seen, attempt=replace(seen.attempt, tls=tls))
    results = [*couriers(cut, (443,), path=PROXY, family=Family.NAME, spoke=True), beside]
    results = [replace(e, attempt=replace(e.attempt, proxies=PROXY.proxies)) for e in results]
    found = assess([COURIER, OPEN], [PROXY], once(results)).judgements
    (judged,) = (each for each in found if each.role is Role.DEVICE)
    assert judged.cause is Cause.PROXY_FALSE_SUCCESS
    assert ("Connections to gateway.push.apple.com work." in (judged.next_step or "")) is works


def test_all_hosts_that_go_by_one_address_of_a_proxys_name_are_not_few() -> None:
    service = numbered(8)
    cut, results = Failure(Phase.TLS, Reason.CLOSED, "closed"), []
    for number, host in enumerate(service.hosts):
        member, failure = ("10.0.0.1", None) if number % 4 else ("10.0.0.2", cut)
        plain = result(
            service,
            443,
            failure,
            host=host,
            path="proxy",
            family=Family.NAME,
            proxy_spoke=True,
            proxies=PROXY.proxies,
        )
        results.append(replace(plain, attempt=replace(plain.attempt, member=member)))
    judged = judge(results, paths=(PROXY,), services=(service,))
    assert judged.cause is Cause.PROXY_FALSE_SUCCESS


COURIER2 = numbered(1, "courier2")


def by_members(failure: Failure, *bad: str, hosts: int = 4, beside: Sequence[Result] = ()) -> Judgement:
    """What is said where couriers go by two addresses of the proxy in turn, and these of them fail so."""
    spoke = failure.reason is not Reason.PROXY_TIMEOUT
    plain = couriers(None, (443,), path=PROXY, family=Family.NAME, hosts=range(hosts), spoke=True)
    results = []
    for number, each in enumerate(plain):
        member = ("10.0.0.1", "10.0.0.2")[number % 2]
        fails = member in bad
        attempt = replace(
            each.attempt,
            member=member,
            failure=failure if fails else None,
            proxy_spoke=spoke or not fails,
        )
        results.append(replace(each, attempt=attempt))
    services = (COURIER, COURIER2) if beside else (COURIER,)
    return judge([*results, *beside], paths=(PROXY,), services=services)


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (DENIED, Cause.PROXY_DENIES_PORT),
        (GONE, Cause.PROXY_CANNOT_CONNECT),
        (SILENT, Cause.PROXY_DOWN),
        (Failure(Phase.TLS, Reason.CLOSED, "closed"), Cause.PROXY_FALSE_SUCCESS),
    ],
)
def test_one_address_of_a_proxys_name_that_fails_is_named(failure: Failure, cause: Cause) -> None:
    judged = by_members(failure, "10.0.0.2")
    assert (judged.verdict, judged.cause, judged.hop) == (Verdict.DEGRADED, cause, Hop.PROXY)
    assert "This is so at its address 10.0.0.2 only: its others lead there." in (judged.next_step or "")


@pytest.mark.parametrize(("bad", "hosts"), [(("10.0.0.1", "10.0.0.2"), 4), (("10.0.0.2",), 3)])
def test_no_address_of_a_proxys_name_is_named_where_all_fail_or_one_host_does(
    bad: tuple[str, ...], hosts: int
) -> None:
    judged = by_members(DENIED, *bad, hosts=hosts)
    assert judged.hop is Hop.PROXY
    assert "at its address" not in (judged.next_step or "")


def test_no_address_of_a_proxys_name_is_named_that_leads_to_another_of_apples_services() -> None:
    plain = result(COURIER2, 443, path="proxy", family=Family.NAME, proxies=PROXY.proxies, proxy_spoke=True)
    for member, is_named in (("10.0.0.1", True), ("10.0.0.2", False)):
        works = replace(plain, attempt=replace(plain.attempt, member=member))
        next_step = by_members(GONE, "10.0.0.2", beside=[works]).next_step or ""
        assert ("at its address" in next_step) is is_named


def test_a_proxy_that_denies_one_port_and_fails_on_the_other_is_at_fault_for_the_other() -> None:
    denied = Failure(HANDSHAKE, Reason.PROXY_DENIED, "HTTP 403")
    results = [
        result(PROVIDER, 2197, denied, path=PROXY.name, proxy_spoke=True),
        result(
            PROVIDER,
            443,
            Failure(HANDSHAKE, Reason.PROXY_TARGET_TIMEOUT, "HTTP 503"),
            path=PROXY.name,
            proxy_spoke=True,
        ),
    ]
    (judged,) = assess([PROVIDER], [PROXY], once(results)).judgements
    assert judged.cause is Cause.PROXY_CANNOT_CONNECT


def test_a_proxy_is_not_slow_where_a_request_to_it_got_lost() -> None:
    """The kernel asks again after a second."""
    provider = {
        path: result(
            PROVIDER, 443, path=path.name, seconds=seconds, proxies=path.proxies, syn_retransmits=lost
        )
        for path, seconds, lost in ((DIRECT, 0.02, 0), (PROXY, 1.04, 1))
    }
    judged = assess([PROVIDER], list(provider), once(provider.values())).judgements[-1]
    assert (judged.path, judged.verdict, judged.findings) == (PROXY.name, Verdict.READY, ())


def test_a_proxy_is_not_slow_where_what_it_was_asked_for_waited_for_the_end_of_an_outage() -> None:
    slow = couriers(path=PROXY, family=Family.NAME, spoke=True, seconds=2.0)
    outage = {
        Part(PROXY.name, port, Family.NAME): Trend(silences=((990.0, 1010.0),)) for port in COURIER.ports
    }
    for trends, findings in (({}, 1), (outage, 0)):
        judged = assess(
            [COURIER], [DIRECT, PROXY], once(couriers() + slow), criteria=Criteria(trends=trends)
        ).judgements[-1]
        assert len(judged.findings) == findings


def findings_of_a_slow_proxy(before: Earlier | None = None, failed_until: float = -math.inf) -> int:
    """Where a connection that began at 1000 took two seconds."""
    slow = result(PROVIDER, 443, path=PROXY.name, seconds=2.0, proxies=PROXY.proxies)
    standing = standing_of(slow, 0, True, before=before, failed_until=failed_until)
    standings = [*once([result(PROVIDER, 443)]), standing]
    return len(
        assess([PROVIDER], [DIRECT, PROXY], standings, criteria=Criteria(window=120.0))
        .judgements[-1]
        .findings
    )


def test_a_proxy_is_not_slow_where_the_outage_before_may_have_lasted_until_then() -> None:
    assert findings_of_a_slow_proxy() == 1
    assert findings_of_a_slow_proxy(failed_until=999.0) == 1
    assert findings_of_a_slow_proxy(failed_until=1000.5) == 0


def test_a_proxy_is_not_slow_by_one_connection_of_two() -> None:
    assert findings_of_a_slow_proxy(Earlier(940.0, 0.02)) == 0
    assert findings_of_a_slow_proxy(Earlier(940.0, 2.0)) == 1
    assert findings_of_a_slow_proxy(Earlier(700.0, 0.02)) == 1, "too long ago"
    assert findings_of_a_slow_proxy(Earlier(940.0, 0.02), failed_until=960.0) == 1, "it says nothing either"


def test_device_and_provider_need_the_same_step_where_the_proxy_is_down() -> None:
    refused = Failure(Phase.PROXY_CONNECT, Reason.REFUSED, "connect to 192.0.2.1:3128: Connection refused")
    results = couriers(refused, path=PROXY)
    results += [result(PROVIDER, port, refused, path=PROXY.name) for port in PROVIDER.ports]
    steps = {each.next_step for each in assess([COURIER, PROVIDER], [PROXY], once(results)).judgements}
    assert len(steps) == 1
