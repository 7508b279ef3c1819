"""Proxies that want a login: who has to do what about it."""

from dataclasses import replace
from pathlib import Path

import pytest

from netcheck.model.credentials import AuthScheme, Credentials, Secret
from netcheck.model.failing import Failure, LoginFault, Reason, RefusedLogin
from netcheck.model.findings import Cause, Hop
from netcheck.model.services import Service
from netcheck.verdict.assessing import assess
from tests.records import once
from tests.verdict.scene import COURIER, HANDSHAKE, MDM, PROVIDER_API, PROXY, through

EXEMPT = "Ask the owners of the proxy proxy.test:3128 to exempt "
LOGIN = Credentials("svc", Secret("labpass"))


@pytest.mark.parametrize(
    ("reason", "login", "service", "asked"),
    [
        (Reason.PROXY_AUTH_REQUIRED, None, COURIER, EXEMPT),
        (
            Reason.PROXY_AUTH_REQUIRED,
            None,
            PROVIDER_API,
            "Set `username` and `password_file` of the path proxy",
        ),
        (
            Reason.PROXY_AUTH_FAILED,
            LOGIN,
            PROVIDER_API,
            "Correct `username` and `password_file` of the path proxy",
        ),
        (Reason.PROXY_AUTH_UNSUPPORTED, LOGIN, PROVIDER_API, EXEMPT),
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
    (judged,) = assess(
        [PROVIDER_API], [path], once([through(PROVIDER_API, port, failure) for port in PROVIDER_API.ports])
    ).judgements
    assert (judged.cause, judged.hop) == (Cause.PROXY_AUTH, Hop.PROXY)
    assert says in (judged.next_step or "")
    assert "{" not in (judged.next_step or "")


@pytest.mark.parametrize("lets_others_in", [True, False])
def test_a_certificate_is_wanted_by_a_proxy_only_if_nobody_comes_in_without(lets_others_in: bool) -> None:
    wanted = RefusedLogin(LoginFault.CERTIFICATE)
    failure = Failure(HANDSHAKE, Reason.PROXY_CLOSED, "before it said a word", login=wanted)
    results = [through(PROVIDER_API, 443, failure, spoke=False)]
    results += [through(MDM, 443, None if lets_others_in else failure, spoke=lets_others_in)]
    (judged, *_) = assess([PROVIDER_API, MDM], [PROXY], once(results)).judgements
    assert (judged.cause is Cause.PROXY_AUTH) is not lets_others_in


def test_a_proxy_that_falls_silent_in_the_login_is_asked_why() -> None:
    path = replace(PROXY, proxies=(replace(PROXY.proxies[0], credentials=LOGIN),))
    silent = RefusedLogin(LoginFault.SILENT)
    failure = Failure(HANDSHAKE, Reason.PROXY_TIMEOUT, "no answer to the password", login=silent)
    (judged,) = assess(
        [PROVIDER_API], [path], once([through(PROVIDER_API, port, failure) for port in PROVIDER_API.ports])
    ).judgements
    (finding,) = judged.findings
    assert (finding.cause, finding.hop) == (Cause.PROXY_AUTH, Hop.PROXY)
    assert "such as LDAP or RADIUS, may not answer" in finding.next_step
    assert finding.evidence == "the proxy falls silent in the middle of the login in all 2 failed probes"


@pytest.mark.parametrize("status", [b"302 Found", b"511 Network Authentication Required"])
def test_a_page_to_log_in_is_no_wrong_password(status: bytes) -> None:
    path = replace(PROXY, proxies=(replace(PROXY.proxies[0], credentials=LOGIN),))
    failure = Failure(HANDSHAKE, Reason.PROXY_AUTH_REQUIRED, "HTTP", b"HTTP/1.1 " + status)
    (judged,) = assess(
        [PROVIDER_API], [path], once([through(PROVIDER_API, port, failure) for port in PROVIDER_API.ports])
    ).judgements
    assert "sends to a page, in which no server can log in" in (judged.next_step or "")
