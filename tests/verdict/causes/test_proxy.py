"""Proxies: their rules, what lies behind them, and what their users do not need."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.model.credentials import AuthScheme, Credentials, Secret
from netcheck.model.failing import Failure, LoginFault, Phase, Reason, RefusedLogin
from netcheck.model.findings import Cause, Hop, Judgement, Needed, Verdict
from netcheck.model.paths import Environment, Family, Pac, ProbePath, Proxy, ProxyScheme, RecordType, Role
from netcheck.model.results import Choice, Lookup, Result, TlsInfo
from netcheck.model.services import PortRule, Service
from netcheck.state.endpoints import standings_of
from netcheck.state.state import State
from netcheck.verdict.assessing import assess
from tests.records import DROPPED, lookup, once, result, standing_of, visit
from tests.verdict.scene import (
    BOTH,
    COURIER,
    DIRECT,
    ENROLMENT,
    HANDSHAKE,
    MDM,
    OPEN,
    PROXY,
    certificate,
    couriers,
    judge,
    proxied,
)

API = Service(
    "provider", ("api.push.apple.com",), (443, 2197), frozenset({Role.PROVIDER}), True, PortRule.ANY
)
DENIED = Failure(HANDSHAKE, Reason.PROXY_DENIED, "HTTP 403")
GONE = Failure(HANDSHAKE, Reason.PROXY_TARGET_TIMEOUT, "HTTP 504")


def through(
    service: Service,
    port: int,
    failure: Failure | None = None,
    host: str = "",
    *,
    spoke: bool = True,
    at: float = 1000.0,
) -> Result:
    return result(
        service,
        port,
        failure,
        host=host,
        path="proxy",
        family=Family.NAME,
        proxy_spoke=spoke,
        address="",
        at=at,
    )


def test_routine_denials_are_no_evidence_against_an_outage_of_apples() -> None:
    results = [
        *couriers(),
        *couriers(None, (443,), path=PROXY, family=Family.NAME, spoke=True),
        *couriers(DENIED, (5223,), path=PROXY, family=Family.NAME, spoke=True),
        *[result(API, port, DROPPED, address="17.188.128.9") for port in API.ports],
        through(API, 443, GONE),
        through(API, 2197, DENIED),
    ]
    judged = assess([COURIER, API], [DIRECT, PROXY], once(results)).judgements
    causes = {(each.path, each.role): each.cause for each in judged}
    assert causes["direct", Role.PROVIDER] is causes["proxy", Role.PROVIDER] is Cause.APPLE_UNREACHABLE
    assert causes["proxy", Role.DEVICE] is None


def test_a_port_that_is_denied_while_another_will_do_is_not_needed() -> None:
    results = [through(API, 443), through(API, 2197, DENIED)]
    (judged,) = assess([API], [PROXY], once(results)).judgements
    assert (judged.verdict, judged.findings) == (Verdict.READY, ())
    assert judged.needs == {Needed("provider", 443)}
    assert [line for line in judged.counts if "2197" in line] == []


def test_where_all_ports_are_denied_all_are_asked_for() -> None:
    results = [through(API, port, DENIED) for port in API.ports]
    (judged,) = assess([API], [PROXY], once(results)).judgements
    assert judged.cause is Cause.PROXY_DENIES_PORT
    assert "ports 443 and 2197" in (judged.next_step or "")


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
    api = Service("provider", API.hosts, (443,), frozenset({Role.DEVICE}))
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


EXEMPT = "Ask the owners of the proxy proxy.test:3128 to exempt "
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\n"
LOGIN = Credentials("svc", Secret("labpass"))


@pytest.mark.parametrize(
    ("reason", "login", "service", "asked"),
    [
        (
            Reason.PROXY_AUTH_REQUIRED,
            None,
            COURIER,
            EXEMPT,
        ),
        (Reason.PROXY_AUTH_REQUIRED, None, API, "Set `username` and `password_file` of the path proxy"),
        (Reason.PROXY_AUTH_FAILED, LOGIN, API, "Correct `username` and `password_file` of the path proxy"),
        (
            Reason.PROXY_AUTH_UNSUPPORTED,
            LOGIN,
            API,
            EXEMPT,
        ),
    ],
)
def test_a_login_is_set_in_the_config_for_servers_and_exempted_for_devices(
    reason: Reason, login: Credentials | None, service: Service, asked: str
) -> None:
    path = replace(PROXY, proxies=tuple(replace(proxy, credentials=login) for proxy in PROXY.proxies))
    failure = Failure(HANDSHAKE, reason, "HTTP 407")
    results = [through(service, port, failure, host) for host in service.hosts for port in service.ports]
    (judged,) = assess([service], [path], once(results)).judgements
    assert (judged.cause, judged.hop) == (Cause.PROXY_AUTH, Hop.PROXY)
    assert (judged.next_step or "").startswith(asked)
    assert ("evices" in (judged.next_step or "")) is (service is COURIER)


KEYTAB = Credentials("svc", keytab=Path("/svc.keytab"))
TICKETS = Credentials("", ticket_cache=Path("/tickets"))
ONLY_DIGEST = Credentials("svc", Secret("labpass"), auth=AuthScheme.DIGEST)


@pytest.mark.parametrize(
    ("refused", "login", "says"),
    [
        (RefusedLogin(LoginFault.REJECTED), KEYTAB, "Correct `username` and `keytab_file` of the path proxy"),
        (RefusedLogin(LoginFault.NOT_OFFERED, ("Hawk",)), LOGIN, "It offers only Hawk."),
        (RefusedLogin(LoginFault.NOT_OFFERED, ("Bearer",)), None, "It offers only Bearer."),
        (
            RefusedLogin(LoginFault.NOT_OFFERED, ("NTLM", "Basic")),
            ONLY_DIGEST,
            "Remove `auth: digest` of the",
        ),
        (RefusedLogin(LoginFault.NOT_OFFERED, ("NTLM",)), TICKETS, "The proxy offers only NTLM."),
        (RefusedLogin(LoginFault.NOT_INSTALLED, ("NTLM",)), LOGIN, "gssapi for Negotiate"),
        (RefusedLogin(LoginFault.ACCOUNT_LOCKED), LOGIN, "to unlock the account in `username`"),
        (
            RefusedLogin(LoginFault.UNKNOWN_ACCOUNT),
            KEYTAB,
            "Correct `username` and `keytab_file` of the path",
        ),
        (
            RefusedLogin(LoginFault.UNKNOWN_SERVICE),
            LOGIN,
            "Write the proxy proxy.test:3128 of the path proxy",
        ),
        (RefusedLogin(LoginFault.CERTIFICATE), LOGIN, "to let clients in without a certificate"),
        (RefusedLogin(LoginFault.NO_TICKET), TICKETS, "Renew the tickets of `credential_cache_file` of the"),
        (RefusedLogin(LoginFault.CLOCK_SKEW), LOGIN, "Set the clock of the machine that runs netcheck"),
        (RefusedLogin(LoginFault.NO_KDC), LOGIN, "do not answer on port 88"),
        (RefusedLogin(LoginFault.KERBEROS), LOGIN, "about the error that is shown here"),
    ],
)
def test_each_fault_of_a_login_says_who_does_what(
    refused: RefusedLogin, login: Credentials | None, says: str
) -> None:
    path = replace(PROXY, proxies=(replace(PROXY.proxies[0], credentials=login),))
    failure = Failure(HANDSHAKE, Reason.PROXY_AUTH_FAILED, "HTTP 407", login=refused)
    (judged,) = assess([API], [path], once([through(API, port, failure) for port in API.ports])).judgements
    assert (judged.cause, judged.hop) == (Cause.PROXY_AUTH, Hop.PROXY)
    assert says in (judged.next_step or "")
    assert "{" not in (judged.next_step or "")


@pytest.mark.parametrize("lets_others_in", [True, False])
def test_a_certificate_is_wanted_by_a_proxy_only_if_nobody_comes_in_without(lets_others_in: bool) -> None:
    wanted = RefusedLogin(LoginFault.CERTIFICATE)
    failure = Failure(HANDSHAKE, Reason.PROXY_CLOSED, "before it said a word", login=wanted)
    results = [through(API, 443, failure, spoke=False)]
    results += [through(MDM, 443, None if lets_others_in else failure, spoke=lets_others_in)]
    (judged, *_) = assess([API, MDM], [PROXY], once(results)).judgements
    assert (judged.cause is Cause.PROXY_AUTH) is not lets_others_in


SILENT = Failure(HANDSHAKE, Reason.PROXY_TIMEOUT, "proxy.test:3128: no answer in 10 s")


@pytest.mark.parametrize("reason", [Reason.PROXY_TIMEOUT, Reason.PROXY_CLOSED, Reason.RESET])
def test_a_proxy_that_denies_what_nobody_needs_answers_and_has_no_way_out(reason: Reason) -> None:
    silent = Failure(HANDSHAKE, reason, "no answer in 10 s")
    results = couriers(silent, (443,), path=PROXY, family=Family.NAME, spoke=False)
    results += couriers(DENIED, (5223,), path=PROXY, family=Family.NAME, spoke=True)
    results += [through(API, 2197, DENIED), through(API, 443, silent, spoke=False)]
    for judged in assess([COURIER, API], [PROXY], once(results)).judgements:
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


def test_of_a_denying_proxy_nothing_is_said_that_was_not_tried() -> None:
    gateway = replace(API, name="gateway", hosts=("gateway.push.apple.com",), ports=(2195,))
    (judged,) = assess([gateway], [PROXY], once([through(gateway, 2195, DENIED)])).judgements
    assert judged.cause is Cause.PROXY_DENIES_PORT
    assert judged.findings[0].evidence == "the proxy denies it in the one probe that failed: port 2195"


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


def test_a_proxy_that_falls_silent_in_the_login_is_asked_why() -> None:
    path = replace(PROXY, proxies=(replace(PROXY.proxies[0], credentials=LOGIN),))
    silent = RefusedLogin(LoginFault.SILENT)
    failure = Failure(HANDSHAKE, Reason.PROXY_TIMEOUT, "no answer to the password", login=silent)
    (judged,) = assess([API], [path], once([through(API, port, failure) for port in API.ports])).judgements
    (finding,) = judged.findings
    assert (finding.cause, finding.hop) == (Cause.PROXY_AUTH, Hop.PROXY)
    assert "such as LDAP or RADIUS, may not answer" in finding.next_step
    assert finding.evidence == "the proxy falls silent in the middle of the login in all 2 failed probes"


@pytest.mark.parametrize("status", [b"302 Found", b"511 Network Authentication Required"])
def test_a_page_to_log_in_is_no_wrong_password(status: bytes) -> None:
    path = replace(PROXY, proxies=(replace(PROXY.proxies[0], credentials=LOGIN),))
    failure = Failure(HANDSHAKE, Reason.PROXY_AUTH_REQUIRED, "HTTP", b"HTTP/1.1 " + status)
    (judged,) = assess([API], [path], once([through(API, port, failure) for port in API.ports])).judgements
    assert "sends to a page, in which no server can log in" in (judged.next_step or "")


def test_a_proxy_s_only_address_is_no_dead_member_while_a_failure_is_not_yet_believed() -> None:
    refused = couriers(Failure(Phase.PROXY_CONNECT, Reason.REFUSED, ""), path=PROXY, family=Family.NAME)
    standings = [
        standing_of(
            replace(each, attempt=replace(each.attempt, passed_over=("10.0.0.1:3128",))), 1, answered=True
        )
        for each in refused
    ]
    (judged,) = assess([COURIER], [PROXY], standings, failures=2).judgements
    assert (judged.verdict, judged.findings) == (Verdict.READY, ())


def judged_by_turns(failure: Failure, *, spoke: bool) -> Judgement:
    """What is said where each other visit fails so."""
    state = State()
    state.configure([API], [PROXY])
    for number, failed in enumerate([None, failure] * 5):
        at, says = 60.0 * number + 1.0, spoke or failed is None
        seen = [through(API, port, failed, spoke=says, at=at) for port in API.ports]
        by_name = [replace(each, attempt=replace(each.attempt, address=None)) for each in seen]
        state.record(visit(*by_name))
    standings = list(standings_of(state.endpoints.latest))
    (judged,) = assess([API], [PROXY], standings, window=180, failures=2).judgements
    return judged


@pytest.mark.parametrize("reason", [Reason.PROXY_TIMEOUT, Reason.PROXY_CLOSED, Reason.RESET])
def test_a_proxy_that_says_nothing_at_one_time_and_answers_at_another_is_one(reason: Reason) -> None:
    judged = judged_by_turns(Failure(HANDSHAKE, reason, "no answer"), spoke=False)
    assert (judged.cause, judged.hop) == (Cause.INTERMITTENT, Hop.PROXY)
    assert "it may lack capacity or limit connections" in (judged.next_step or "")


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (Reason.PROXY_TARGET_UNREACHABLE, "It says 503 at one time and not at another: it may lack capacity"),
        (Reason.PROXY_TARGET_TIMEOUT, "one of several links or members seems to be broken"),  # Squid's errno
    ],
)
def test_a_503_at_times_is_called_load_only_where_the_proxy_calls_it_so(reason: Reason, why: str) -> None:
    judged = judged_by_turns(Failure(HANDSHAKE, reason, "HTTP 503", UNAVAILABLE), spoke=True)
    assert (judged.cause, judged.hop) == (Cause.INTERMITTENT, Hop.PROXY)
    assert why in (judged.next_step or "")


@pytest.mark.parametrize("reason", [Reason.PROXY_DENIED, Reason.PROXY_AUTH_REQUIRED])
def test_what_a_proxy_denies_at_one_time_and_not_at_another_is_no_rule_of_its(reason: Reason) -> None:
    """It limits connections at once, or stands for several."""
    judged = judged_by_turns(Failure(HANDSHAKE, reason, "HTTP 4xx"), spoke=True)
    assert (judged.cause, judged.hop) == (Cause.INTERMITTENT, Hop.PROXY)
    may_limit = "it may limit connections at once" in (judged.next_step or "")
    assert may_limit == (reason is Reason.PROXY_DENIED)
    assert "one of several members has other rules" in (judged.next_step or "")


@pytest.mark.parametrize(
    ("denied", "given"),
    [
        ((Family.NAME,), "given by name"),
        ((Family.IPV6,), "given by IPv6 address"),
        ((Family.IPV4, Family.IPV6), "given by address"),
        ((Family.NAME, Family.IPV4, Family.IPV6), None),
    ],
)
def test_a_proxy_that_denies_one_way_of_asking_is_told_which(
    denied: tuple[Family, ...], given: str | None
) -> None:
    results = [
        each
        for family in (Family.NAME, Family.IPV4, Family.IPV6)
        for each in couriers(
            DENIED if family in denied else None, (443,), path=PROXY, family=family, spoke=True
        )
    ]
    judged = judge(results, paths=(PROXY,))
    assert judged.cause is Cause.PROXY_DENIES_PORT
    assert (f", {given}. It must not" if given else "(N: 0 to 3). It must not") in (judged.next_step or "")


def asked_in_each_way(failure: Failure, bad: tuple[Family, ...]) -> list[Result]:
    return [
        each
        for family in (Family.NAME, Family.IPV4, Family.IPV6)
        for each in couriers(
            failure if family in bad else None, (443,), path=BOTH, family=family, spoke=family not in bad
        )
    ]


@pytest.mark.parametrize(
    ("bad", "given", "keys"),
    [
        ((Family.IPV6,), "given by IPv6 address", "`resolve: proxy` or `families: ipv4`"),
        ((Family.IPV4, Family.IPV6), "given by address", "`resolve: proxy`"),
        ((Family.NAME,), "given by name", "`resolve: local`"),
    ],
)
@pytest.mark.parametrize("software", ["", "tinyproxy/1.11"])
def test_a_proxy_that_takes_one_way_of_asking_for_a_bad_request_is_one(
    bad: tuple[Family, ...], given: str, keys: str, software: str
) -> None:
    reply = b"HTTP/1.1 400 Bad Request"
    failure = Failure(HANDSHAKE, Reason.PROXY_NOT_A_PROXY, "HTTP 400", reply, software=software)
    results = asked_in_each_way(failure, bad)
    (finding,) = judge(results, paths=(BOTH,)).findings
    assert finding.cause is Cause.PROXY_DENIES_PORT
    assert f", {given}. It must not" in finding.next_step
    assert f"set {keys} of the path proxy in the config" in finding.next_step
    assert finding.evidence.startswith("the proxy denies it in all ")


def test_what_calls_every_request_a_bad_one_is_no_proxy() -> None:
    failure = Failure(HANDSHAKE, Reason.PROXY_NOT_A_PROXY, "HTTP 400", b"HTTP/1.1 400 Bad Request")
    results = asked_in_each_way(failure, tuple(Family))
    judged = judge(results, paths=(BOTH,))
    assert judged.cause is Cause.PROXY_DOWN


@pytest.mark.parametrize("reason", [Reason.PROXY_DENIED, Reason.PROXY_AUTH_REQUIRED])
@pytest.mark.parametrize("fails_at", [(), ("17.57.144.1",)])
def test_what_a_proxy_denies_for_one_host_is_never_apples(reason: Reason, fails_at: tuple[str, ...]) -> None:
    """Be it at times, or each time at one of its addresses."""
    denied = Failure(HANDSHAKE, reason, "HTTP 4xx")
    standings = once(couriers(None, (443,), path=PROXY, hosts=(1, 2, 3), spoke=True))
    (failing,) = couriers(denied, (443,), path=PROXY, hosts=(0,), spoke=True)
    (fine,) = couriers(None, (443,), path=PROXY, hosts=(0,), spoke=True)
    recent = (True, False) * 5 if not fails_at else (True,) * 10
    address = failing.attempt.address or ""
    standings += [
        standing_of(fine, 0, True, recent, failing, failing={address: 3} if fails_at else {}),
        *([standing_of(failing, 0, True, recent, failing, failing={address: 3})] if fails_at else []),
    ]
    (judged,) = assess([COURIER], [PROXY], standings, failures=2).judgements
    assert judged.hop is Hop.PROXY


def test_a_socks_proxy_that_takes_no_names_can_be_given_addresses() -> None:
    socks = replace(PROXY, proxies=(replace(PROXY.proxies[0], scheme=ProxyScheme.SOCKS5H),))
    unsupported = Failure(HANDSHAKE, Reason.PROXY_DNS_FAILURE, "SOCKS5 reply 0x08")
    results = couriers(unsupported, path=socks, family=Family.NAME, spoke=True)
    judged = judge(results, paths=(socks,))
    assert judged.cause is Cause.PROXY_CANNOT_RESOLVE
    assert "to take names, or to fix its name resolution" in (judged.next_step or "")
    assert "set `resolve: local` of the path proxy in the config" in (judged.next_step or "")


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


NO_WAY = Failure(HANDSHAKE, Reason.PROXY_TARGET_UNREACHABLE, "SOCKS5 reply 0x04", b"\x05\x00\x05\x04")


def judged_by_name(failure: Failure, *hosts: int, lookups: Sequence[Lookup] = ()) -> Judgement:
    """Some couriers fail in a proxy that is given their names, and the direct path reaches all."""
    fine = tuple(number for number in range(4) if number not in hosts)
    results = couriers(path=PROXY, family=Family.NAME, hosts=fine, spoke=True)
    results += couriers(failure, path=PROXY, family=Family.NAME, hosts=hosts, spoke=True)
    paths = (DIRECT, PROXY)
    return judge([*couriers(), *results], paths=paths, lookups=lookups)


@pytest.mark.parametrize("hosts", [(1,), (1, 2, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize(
    ("failure", "is_asked"),
    [
        (NO_WAY, True),
        (replace(NO_WAY, evidence=b"\x05\x00\x05\x03"), False),  # it has no route to the address
        (replace(NO_WAY, evidence=b"HTTP/1.1 502 Bad Gateway"), True),
        (replace(NO_WAY, evidence=b"HTTP/1.1 503 Bad Gateway", software="squid/5.7"), False),
        (replace(NO_WAY, reason=Reason.PROXY_TARGET_TIMEOUT), False),
    ],
)
def test_a_proxy_whose_answer_does_not_tell_is_asked_about_its_dns_too(
    failure: Failure, is_asked: bool, hosts: tuple[int, ...]
) -> None:
    judged = judged_by_name(failure, *hosts)
    assert judged.hop is Hop.PROXY
    assert ("the proxy may also not know these names" in (judged.next_step or "")) is is_asked


@pytest.mark.parametrize("hosts", [(1,), (1, 2, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("answered", [0, 4])
def test_a_proxy_that_finds_no_way_to_names_while_dns_is_silent_here_may_ask_the_same_resolver(
    hosts: tuple[int, ...], answered: int
) -> None:
    """Be it that the resolver answers again by now, and the proxy was asked before."""
    silent = [lookup(f"{n}-courier2.push.apple.com", reason=Reason.DNS_TIMEOUT) for n in range(3)]
    lookups = [replace(each, at=990.0 + turn) for turn, each in enumerate(silent)]
    lookups += [replace(lookup(host, "17.57.144.1"), at=1010.0) for host in COURIER.hosts[:answered]]
    judged = judged_by_name(NO_WAY, *hosts, lookups=lookups)
    assert (judged.cause, judged.hop) == (Cause.PROXY_CANNOT_RESOLVE, Hop.PROXY)
    assert "to fix its name resolution" in (judged.next_step or "")
    assert "both may ask the same resolver" in (judged.next_step or "")


SILENT_HERE = tuple(
    replace(lookup(f"{n}-courier2.push.apple.com", reason=Reason.DNS_TIMEOUT), at=990.0 + n) for n in range(3)
)


@pytest.mark.parametrize("lookups", [(), SILENT_HERE])
def test_a_proxy_that_reaches_the_names_on_another_port_knows_them(lookups: tuple[Lookup, ...]) -> None:
    own = replace(ENROLMENT, ports=(443, 8443))
    by_proxy = [
        result(
            own, port, failure, path=PROXY.name, family=Family.NAME, proxy_spoke=True, proxies=PROXY.proxies
        )
        for port, failure in ((443, None), (8443, NO_WAY))
    ]
    direct = [result(own, port) for port in own.ports]
    results, paths = [*direct, *by_proxy], (DIRECT, PROXY)
    (finding,) = judge(results, paths=paths, services=(own,), lookups=lookups).findings
    assert finding.cause is Cause.PROXY_CANNOT_CONNECT
    assert "not know these names" not in (finding.next_step or "")


@pytest.mark.parametrize(("resolver", "rdtype"), [("corp", RecordType.A), ("system", RecordType.AAAA)])
def test_dns_is_silent_here_only_where_all_resolvers_are_in_all_that_they_are_asked(
    resolver: str, rdtype: RecordType
) -> None:
    answered = [lookup(each.host, "17.57.144.1", rdtype=rdtype, resolver=resolver) for each in SILENT_HERE]
    lookups = [*SILENT_HERE, *(replace(each, at=980.0) for each in answered)]
    judged = judged_by_name(NO_WAY, 1, 2, 3, lookups=lookups)
    assert judged.cause is not Cause.PROXY_CANNOT_RESOLVE


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
    service = replace(COURIER, hosts=tuple(f"{number}-courier.push.apple.com" for number in range(8)))
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


COURIER2 = replace(COURIER, name="courier2", hosts=("0-courier2.push.apple.com",))


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
