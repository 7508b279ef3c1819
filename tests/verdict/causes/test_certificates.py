"""Whose certificate, for which name, and when."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.model.paths import Family
from netcheck.model.results import Result, TlsInfo, Trust
from netcheck.model.trends import Part
from netcheck.verdict.assessing import assess
from netcheck.verdict.counting import Criteria
from tests.records import result, standing_of
from tests.verdict.scene import (
    COURIER,
    DIRECT,
    ENROLMENT,
    EXPIRED,
    MDM,
    NOW,
    PROXY,
    all_couriers,
    certificate,
    couriers,
    enrolment,
    judge,
)

INTERCEPTED = Failure(Phase.TLS, Reason.TLS_INTERCEPTED, "issued by somebody")
PORTAL = certificate(Trust.OTHER, issuer="Portal CA", subject="login.hotel.example", is_for_host=False)


def test_a_captive_portal_under_its_own_name_is_somebody_else_and_no_decryption() -> None:
    """Its subject may be but its maker's name: the names in it say more."""
    portal = replace(PORTAL, subject="trustme v1.2.1")
    judged = judge(all_couriers(INTERCEPTED, portal))
    assert (judged.cause, judged.hop) == (Cause.WRONG_PEER, Hop.FIREWALL)
    assert judged.evidence[0].endswith("; the certificate is for login.hotel.example")


def test_a_forged_certificate_for_the_right_name_is_decryption_and_names_its_issuer() -> None:
    forged = certificate(Trust.OTHER, issuer="Corp CA")
    judged = judge(all_couriers(INTERCEPTED, forged))
    assert (judged.cause, judged.hop) == (Cause.TLS_INTERCEPTED, Hop.FIREWALL)
    assert "Corp CA" in judged.evidence[0]


@pytest.mark.parametrize(
    ("decrypted", "where"),
    [
        (lambda each: each.attempt.family is Family.IPV6, " over IPv6 from TLS inspection"),
        (lambda each: each.port == 5223, " on port 5223 from TLS inspection"),
        (lambda _: True, "*.push.apple.com from TLS inspection"),
    ],
)
def test_what_is_not_decrypted_is_not_asked_for(decrypted: Callable[[Result], bool], where: str) -> None:
    forged = certificate(Trust.OTHER, issuer="Corp CA")
    results = [
        result(
            COURIER,
            each.port,
            INTERCEPTED if decrypted(each) else None,
            host=each.host,
            family=each.attempt.family,
            address=each.attempt.address or "",
            tls=forged if decrypted(each) else certificate(),
        )
        for each in [*couriers(), *couriers(family=Family.IPV6)]
    ]
    judged = judge(results)
    assert [each.cause for each in judged.findings] == [Cause.TLS_INTERCEPTED]
    assert where in judged.findings[0].next_step


@pytest.mark.parametrize(
    ("tls", "cause", "does"),
    [
        (certificate(Trust.OTHER, issuer="Corp CA"), Cause.TLS_INTERCEPTED, "decrypts"),
        (PORTAL, Cause.WRONG_PEER, "leads elsewhere"),
    ],
)
def test_who_decrypts_or_answers_at_times_is_one_of_several(tls: TlsInfo, cause: Cause, does: str) -> None:
    seen = [each for each in all_couriers(INTERCEPTED, tls) if each.port == 5223]
    standings = [standing_of(each, 0, True, (False, True), each) for each in seen]
    random = {Part("direct", 5223, Family.IPV4): 0.5}
    (judged,) = assess([COURIER], [DIRECT], standings, criteria=Criteria(random=random)).judgements
    assert (judged.cause, judged.hop) == (cause, Hop.FIREWALL)
    at_times = f"This happens at one time and not at another: one of several members or links {does}."
    assert at_times in judged.findings[0].next_step
    assert "SNI" not in judged.findings[0].next_step


def test_an_expired_certificate_of_ones_own_beside_apples_good_ones_is_its_owners() -> None:
    good = [result(COURIER, port, tls=certificate()) for port in COURIER.ports]
    expired = result(MDM, 443, EXPIRED, tls=certificate(Trust.PUBLIC, not_after=NOW - 86400))
    judged = judge([*good, expired], services=(COURIER, MDM))
    assert (judged.cause, judged.hop) == (Cause.SERVICE_CERTIFICATE, Hop.OWN_SERVICE)


def test_a_certificate_that_only_the_proxy_shows_is_the_proxys_decryption() -> None:
    untrusted = Failure(Phase.TLS, Reason.TLS_UNTRUSTED, "issued by Corp CA")
    forged = certificate(Trust.OTHER, issuer="Corp CA", subject="mdm.test")
    results = [
        result(MDM, 443, tls=certificate(Trust.PUBLIC)),
        result(MDM, 443, untrusted, path="proxy", tls=forged),
    ]
    judged = judge(results, paths=(DIRECT, PROXY), services=(MDM,))
    assert (judged.cause, judged.hop) == (Cause.TLS_INTERCEPTED, Hop.PROXY)


def test_where_others_of_apples_hosts_are_decrypted_these_are_to_be_exempted() -> None:
    untrusted = Failure(Phase.TLS, Reason.TLS_UNTRUSTED, "issued by Corp CA")
    forged = certificate(Trust.OTHER, issuer="Corp CA", subject=ENROLMENT.hosts[0])
    results = enrolment(untrusted, tls=forged)
    judged = judge(results, services=(ENROLMENT,))
    assert (judged.cause, judged.hop) == (Cause.TLS_INTERCEPTED, Hop.FIREWALL)
    assert (
        "exempt deviceenrollment.apple.com, gdmf.apple.com and iprofiles.apple.com from TLS inspection. "
        "Its certificates are issued by Corp CA. Devices refuse certificates that are not Apple's own."
    ) in (judged.next_step or "")


def test_two_faults_are_two_findings_and_the_next_step_asks_for_both() -> None:
    dropped = Failure(Phase.CONNECT, Reason.TIMEOUT, "no answer in 5 s")
    forged = certificate(Trust.OTHER, issuer="Corp CA")
    results = couriers(dropped, (5223,)) + [
        each for each in all_couriers(INTERCEPTED, forged) if each.port == 443
    ]
    judged = judge(results)
    assert {(f.cause, f.hop) for f in judged.findings} == {
        (Cause.TLS_INTERCEPTED, Hop.FIREWALL),
        (Cause.PORT_BLOCKED, Hop.FIREWALL),
    }
    assert "allow TCP port 5223" in (judged.next_step or "")
    assert "TLS inspection" in (judged.next_step or "")
    about = [result for finding in judged.findings for result in finding.about]
    assert len(about) == len(results)
    assert {id(result) for result in about} == {id(result) for result in results}


def test_apples_certificate_for_another_of_its_hosts_is_the_resolvers_affair() -> None:
    mismatch = Failure(Phase.TLS, Reason.TLS_NAME_MISMATCH, "not for courier.push.apple.com")
    other = certificate(Trust.PUBLIC, subject="api.push.apple.com", is_for_host=False)
    judged = judge(all_couriers(mismatch, other))
    assert (judged.cause, judged.hop) == (Cause.DNS_FAILURE, Hop.RESOLVER)
    assert "leads to another of Apple's hosts" in (judged.next_step or "")
