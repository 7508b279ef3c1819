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
from tests.records import result, standing_of
from tests.verdict.scene import (
    COURIER,
    DIRECT,
    ENROLMENT,
    MDM,
    NOW,
    PROXY,
    YEAR,
    certificate,
    courier_at,
    couriers,
    enrolment,
    judge,
)

EXPIRED = Failure(Phase.TLS, Reason.TLS_EXPIRED, "expired")
INTERCEPTED = Failure(Phase.TLS, Reason.TLS_INTERCEPTED, "issued by somebody")
PORTAL = certificate(Trust.OTHER, issuer="Portal CA", subject="login.hotel.example", is_for_host=False)


def all_couriers(failure: Failure, tls: TlsInfo, time: float = NOW) -> list[Result]:
    return [
        each for host in range(4) for each in courier_at(f"17.57.144.{host + 1}", failure, tls, host, time)
    ]


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
    random = frozenset({Part("direct", 5223, Family.IPV4)})
    (judged,) = assess([COURIER], [DIRECT], standings, random=random).judgements
    assert (judged.cause, judged.hop) == (cause, Hop.FIREWALL)
    at_times = f"This happens at one time and not at another: one of several members or links {does}."
    assert at_times in judged.findings[0].next_step
    assert "SNI" not in judged.findings[0].next_step


@pytest.mark.parametrize("years", [-5, -0.6, 0.6, 5])
def test_a_clock_that_is_far_off_is_this_machines(years: float) -> None:
    results = all_couriers(EXPIRED, certificate(), NOW + years * YEAR)
    results.append(result(MDM, 443, EXPIRED, tls=certificate(Trust.PUBLIC), time=NOW + years * YEAR))
    judged = judge(results, services=(COURIER, MDM))
    assert [(f.cause, f.hop) for f in judged.findings] == [(Cause.CLOCK_WRONG, Hop.LOCAL_NETWORK)]


@pytest.mark.parametrize(
    ("time", "at", "cause"),
    [
        (NOW, 1000.0, Cause.CLOCK_WRONG),
        (NOW + 5 * YEAR - 100.0, 1000.0, Cause.APPLE_CERTIFICATE),
        (NOW + 200.0, 1200.0, Cause.APPLE_CERTIFICATE),
    ],
    ids=["before it jumped", "by the same clock", "since it was put right"],
)
def test_what_was_in_date_before_the_clock_jumped_does_not_vouch_for_it(
    time: float, at: float, cause: Cause
) -> None:
    seen = all_couriers(EXPIRED, certificate(), NOW + 5 * YEAR)
    results = [replace(each, attempt=replace(each.attempt, at=1100.0)) for each in seen]
    results.append(result(MDM, 443, tls=certificate(Trust.PUBLIC), time=time, at=at))
    judged = judge(results, services=(COURIER, MDM))
    assert [each.cause for each in judged.findings] == [cause]


def test_what_was_under_way_when_the_clock_jumped_seems_no_less_far_off() -> None:
    """It began by the right time, and ended by the wrong one."""
    seen = all_couriers(EXPIRED, certificate(), NOW + 5 * YEAR)
    under_way = replace(seen[0], attempt=replace(seen[0].attempt, time=NOW, at=1000.0))
    later = [replace(each, attempt=replace(each.attempt, at=1001.0)) for each in seen[1:]]
    judged = judge([under_way, *later])
    assert [each.cause for each in judged.findings] == [Cause.CLOCK_WRONG]


def test_a_certificate_out_of_date_that_is_not_yet_believed_vouches_for_no_clock() -> None:
    seen = all_couriers(EXPIRED, certificate(), NOW + 5 * YEAR)
    standings = [*(standing_of(each, 2, True) for each in seen[:-1]), standing_of(seen[-1], 1, True)]
    (judged,) = assess([COURIER], [DIRECT], standings, failures=2).judgements
    assert judged.cause is Cause.CLOCK_WRONG


def test_certificates_that_all_expired_lately_are_apples_or_the_clocks() -> None:
    tls = certificate(not_after=NOW - 3 * 86400)
    judged = judge(all_couriers(EXPIRED, tls))
    assert (judged.cause, judged.hop) == (Cause.APPLE_CERTIFICATE, Hop.APPLE)
    assert (judged.next_step or "").startswith("Compare this machine's clock")


def test_where_another_certificate_is_in_date_the_clock_is_right() -> None:
    tls = certificate(not_after=NOW - YEAR)
    works = [result(COURIER, port, host=COURIER.hosts[3], tls=certificate()) for port in COURIER.ports]
    late = [each for each in all_couriers(EXPIRED, tls) if each.host != COURIER.hosts[3]]
    judged = judge(late + works)
    assert judged.cause is Cause.APPLE_CERTIFICATE


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
