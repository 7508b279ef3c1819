"""Services of the user's own beside Apple's: whose fault it is that they fail."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.paths import Expected
from netcheck.model.push_certificates import Acceptance, Proof, PushCertificate
from netcheck.model.results import Result, TlsInfo, Trust
from netcheck.model.services import Service
from netcheck.verdict.assessing import assess
from tests.records import DROPPED, once, result
from tests.verdict.scene import (
    API,
    API_WORKS,
    COURIER,
    DIRECT,
    MDM,
    NOW,
    PROXY,
    YEAR,
    certificate,
    couriers,
    judge,
)

RESET = Failure(Phase.TLS, Reason.RESET, "Connection reset by peer")
ALERT = Failure(Phase.TLS, Reason.TLS_ALERT, "handshake failure")
NO_TLS = Failure(Phase.TLS, Reason.TLS_NOT_TLS, "HTTP/1.1 302 Found")
ELSEWHERE = replace(MDM, ports=(8443,))


def judged(results: list[Result], own: Service = MDM) -> Judgement:
    return judge(results, services=(COURIER, own))


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (DROPPED, Cause.HOSTS_BLOCKED),
        (RESET, Cause.TLS_BLOCKED),
        (ALERT, Cause.TLS_BLOCKED),
        (NO_TLS, Cause.WRONG_PEER),
    ],
)
def test_what_befalls_all_of_apples_on_its_port_too_is_the_firewalls(failure: Failure, cause: Cause) -> None:
    found = judged([*couriers(None, (5223,)), *couriers(failure, (443,)), result(MDM, 443, failure)])
    assert (found.cause, found.hop) == (cause, Hop.FIREWALL)
    assert "mdm.test" in (found.next_step or "")


@pytest.mark.parametrize("failure", [DROPPED, RESET])
def test_what_befalls_all_of_apples_on_other_ports_is_the_firewalls(failure: Failure) -> None:
    found = judged([*couriers(failure), result(ELSEWHERE, 8443, failure)], ELSEWHERE)
    assert {finding.hop for finding in found.findings} == {Hop.FIREWALL}


@pytest.mark.parametrize("failure", [DROPPED, RESET, ALERT])
def test_what_befalls_it_alone_is_its_owners_affair(failure: Failure) -> None:
    found = judged([*couriers(), result(MDM, 443, failure)])
    assert (found.cause, found.hop) == (Cause.SERVICE_DOWN, Hop.OWN_SERVICE)


def test_who_decrypts_apples_decrypts_it_too() -> None:
    issuer = certificate(Trust.OTHER, issuer="Corp CA")
    forged = Failure(Phase.TLS, Reason.TLS_INTERCEPTED, "issued by Corp CA")
    untrusted = Failure(Phase.TLS, Reason.TLS_UNTRUSTED, "issued by Corp CA")
    apples = [replace(each, attempt=replace(each.attempt, tls=issuer)) for each in couriers(forged)]
    found = judged([*apples, result(MDM, 443, untrusted, tls=replace(issuer, subject="mdm.test"))])
    assert [(finding.cause, finding.hop) for finding in found.findings] == [
        (Cause.TLS_INTERCEPTED, Hop.FIREWALL)
    ]
    assert "exempt *.push.apple.com and mdm.test from TLS inspection" in (found.next_step or "")
    assert "Its certificates are issued by Corp CA." in (found.next_step or "")


def test_a_certificate_of_another_issuer_than_the_interceptors_is_its_owners_affair() -> None:
    forged = Failure(Phase.TLS, Reason.TLS_INTERCEPTED, "issued by Corp CA")
    untrusted = Failure(Phase.TLS, Reason.TLS_UNTRUSTED, "issued by its own")
    corp, own = certificate(Trust.OTHER, issuer="Corp CA"), certificate(Trust.OTHER, issuer="Own CA")
    apples = [replace(each, attempt=replace(each.attempt, tls=corp)) for each in couriers(forged)]
    found = judged([*apples, result(MDM, 443, untrusted, tls=own)])
    assert {(finding.cause, finding.hop) for finding in found.findings} == {
        (Cause.TLS_INTERCEPTED, Hop.FIREWALL),
        (Cause.SERVICE_CERTIFICATE, Hop.OWN_SERVICE),
    }


def judged_through_a_proxy(failure: Failure, tls: TlsInfo | None, seen_directly: TlsInfo | None) -> Judgement:
    """Beside a path on which nothing fails: `depth: auto` says nothing in TLS there, and sees none."""
    results = [
        result(MDM, 443, tls=seen_directly),
        result(MDM, 443, failure, path=PROXY.name, tls=tls, proxies=PROXY.proxies, proxy_spoke=True),
    ]
    return judge(results, paths=(DIRECT, PROXY), services=(COURIER, MDM))


@pytest.mark.parametrize(
    ("failure", "trust"),
    [
        (Failure(Phase.TLS, Reason.TLS_EXPIRED, "expired"), Trust.PUBLIC),
        (Failure(Phase.TLS, Reason.TLS_UNTRUSTED, "issued by its own"), Trust.OTHER),
    ],
)
def test_a_path_that_says_nothing_in_tls_does_not_make_its_certificate_the_proxys_affair(
    failure: Failure, trust: Trust
) -> None:
    found = judged_through_a_proxy(failure, certificate(trust, subject="mdm.test"), None)
    assert (found.cause, found.hop) == (Cause.SERVICE_CERTIFICATE, Hop.OWN_SERVICE)


def test_nor_does_it_what_else_fails_in_tls() -> None:
    found = judged_through_a_proxy(RESET, None, None)
    assert (found.cause, found.hop) == (Cause.SERVICE_DOWN, Hop.OWN_SERVICE)
    seen = certificate(Trust.PUBLIC, subject="mdm.test")
    assert judged_through_a_proxy(RESET, None, seen).hop is Hop.PROXY


def test_an_expired_certificate_of_its_own_authority_is_its_owners_wherever_a_newer_one_is() -> None:
    expired = Failure(Phase.TLS, Reason.TLS_EXPIRED, "expired")
    old = certificate(Trust.PUBLIC, subject="*.test")
    found = judged_through_a_proxy(expired, old, certificate(Trust.PUBLIC, subject="mdm.test"))
    assert (found.cause, found.hop) == (Cause.SERVICE_CERTIFICATE, Hop.OWN_SERVICE)
    assert "to renew the certificate on port 443" in (found.next_step or "")


def test_a_server_that_answers_is_not_told_to_listen() -> None:
    found = judged([*couriers(), result(MDM, 443, ALERT)])
    assert "why the server accepts connections on port 443" in (found.next_step or "")
    found = judged([*couriers(), result(MDM, 443, DROPPED)])
    assert "listens on port 443" in (found.next_step or "")


def test_a_service_of_ones_own_without_tls_is_not_asked_for_a_certificate() -> None:
    plain = Failure(Phase.TLS, Reason.TLS_NOT_TLS, "HTTP/1.1 400 Bad Request")
    (judged,) = assess([MDM], [DIRECT], once([result(MDM, 443, plain)])).judgements
    assert (judged.next_step or "").startswith("Ask those who run mdm.test why there is no TLS on port 443")


def test_of_a_service_of_ones_own_apple_is_not_asked() -> None:
    down = [result(MDM, 443, DROPPED, path=path.name) for path in (DIRECT, PROXY)]
    works = couriers() + couriers(None, (443,), path=PROXY)
    judged = assess([COURIER, MDM], [PROXY, DIRECT], once(works + down)).judgements
    assert {each.cause for each in judged if each.path == "direct"} == {Cause.SERVICE_DOWN}
    assert all("Apple" not in (each.next_step or "") for each in judged)


# Push certificates that Apple was shown


def shown(name: str, acceptance: Acceptance, path: str = DIRECT.name) -> Proof:
    return Proof(NOW, name, path, acceptance, f"what is said of {name}")


def judged_with(*proofs: Proof, results: Sequence[Result] = API_WORKS[:1]) -> Judgement:
    return judge(results, services=(API,), proofs=proofs)


REFUSALS = [each for each in Acceptance if each.is_refusal]


@pytest.mark.parametrize("acceptance", REFUSALS)
def test_a_server_whose_only_push_certificate_is_refused_cannot_push(acceptance: Acceptance) -> None:
    found = judged_with(shown("mdm", acceptance))
    assert (found.verdict, found.cause) == (Verdict.NOT_READY, Cause.PUSH_CERTIFICATE_REFUSED)
    assert found.findings[0].asked == "those who run the MDM server"
    assert found.findings[0].next_step.startswith(f"Ask {found.findings[0].asked} ")
    assert found.findings[0].evidence == f"1 of 1 push certificate cannot be used: mdm ({acceptance})"
    assert found.next_step is not None
    assert found.next_step.endswith("Seen: mdm: what is said of mdm.")


def test_while_one_of_several_is_accepted_the_others_are_a_limit() -> None:
    found = judged_with(shown("mdm", Acceptance.REVOKED), shown("school", Acceptance.ACCEPTED))
    assert (found.verdict, found.cause) == (Verdict.DEGRADED, Cause.PUSH_CERTIFICATE_REFUSED)
    assert "school" not in (found.next_step or "")


@pytest.mark.parametrize("acceptance", [Acceptance.ACCEPTED, Acceptance.UNPROVEN])
def test_what_is_accepted_or_not_proven_changes_no_verdict(acceptance: Acceptance) -> None:
    assert judged_with(shown("mdm", acceptance)).verdict is Verdict.READY


def judged_by_files(
    *files: PushCertificate, proofs: Sequence[Proof] = (), results: Sequence[Result] = ()
) -> Judgement:
    seen = results or [result(PROVIDERS, 443, time=NOW, address="17.188.128.9")]
    return judge(seen, services=(PROVIDERS,), push_certificates=files, proofs=proofs)


PROVIDERS = replace(API, name="provider")
GOOD = PushCertificate("school", "com.apple.mgmt.School", not_after=NOW + 1)
EXPIRED = PushCertificate("mdm", "com.apple.mgmt.Mdm", not_after=NOW - 1)
OF_ANOTHER_TOPIC = replace(GOOD, name="mdm", topic_matches=False)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (EXPIRED, "It has expired: renew it with the Apple Account that it was made with."),
        (OF_ANOTHER_TOPIC, "Devices listen to another topic: install one of the topic of their enrolment."),
    ],
)
def test_a_certificate_that_is_no_good_by_its_file_alone_cannot_push(
    file: PushCertificate, says: str
) -> None:
    found = judged_by_files(file)
    assert (found.verdict, found.cause) == (Verdict.NOT_READY, Cause.PUSH_CERTIFICATE_REFUSED)
    assert says in (found.next_step or "")
    assert judged_by_files(file, GOOD).verdict is Verdict.DEGRADED


def test_a_file_that_is_good_or_cannot_be_read_changes_no_verdict() -> None:
    assert judged_by_files(GOOD, PushCertificate("mdm", error="no such file")).verdict is Verdict.READY


def test_a_file_that_cannot_be_read_is_no_good_one() -> None:
    unreadable = PushCertificate("school", error="no such file")
    assert judged_by_files(EXPIRED, unreadable).verdict is Verdict.NOT_READY


def test_apns_does_not_know_to_which_topic_devices_listen() -> None:
    accepted = shown("mdm", Acceptance.ACCEPTED)
    assert judged_by_files(OF_ANOTHER_TOPIC, proofs=[accepted]).verdict is Verdict.NOT_READY


@pytest.mark.parametrize("expected", [Expected.BLOCKED, Expected.READY])
def test_by_its_file_a_certificate_is_no_good_only_where_it_is_shown(expected: Expected) -> None:
    path = replace(DIRECT, expected=expected)
    services = (PROVIDERS,) if expected is Expected.BLOCKED else (API,)
    found = judge(
        [result(services[0], 443, time=NOW, address="17.188.128.9")],
        paths=(path,),
        services=services,
        push_certificates=(EXPIRED,),
    )
    assert Cause.PUSH_CERTIFICATE_REFUSED not in {finding.cause for finding in found.findings}


def test_nothing_has_expired_where_nothing_is_reached() -> None:
    dropped = result(PROVIDERS, 443, DROPPED, time=NOW, address="17.188.128.9")
    found = judged_by_files(EXPIRED, results=[dropped])
    assert Cause.PUSH_CERTIFICATE_REFUSED not in {finding.cause for finding in found.findings}


def test_what_apns_says_counts_more_than_the_file() -> None:
    assert judged_by_files(EXPIRED, proofs=[shown("mdm", Acceptance.ACCEPTED)]).verdict is Verdict.READY
    refused = judged_by_files(GOOD, proofs=[shown("school", Acceptance.REVOKED)])
    assert [finding.evidence for finding in refused.asking] == [
        "1 of 1 push certificate cannot be used: school (revoked)"
    ]


def test_nothing_has_expired_by_a_clock_that_is_wrong() -> None:
    later = NOW + 5 * YEAR
    seems_expired = Failure(Phase.TLS, Reason.TLS_EXPIRED, "expired")
    shown_by_apple = certificate(subject=API.hosts[0])
    results = [result(PROVIDERS, 443, seems_expired, time=later, tls=shown_by_apple)]
    found = judged_by_files(EXPIRED, results=results)
    assert [finding.cause for finding in found.findings] == [Cause.CLOCK_WRONG]


def test_what_was_said_on_another_path_counts_there() -> None:
    assert judged_with(shown("mdm", Acceptance.EXPIRED, PROXY.name)).verdict is Verdict.READY


def test_devices_have_no_part_in_a_servers_certificate() -> None:
    proofs = (shown("mdm", Acceptance.EXPIRED),)
    assert judge(couriers(), proofs=proofs).verdict is Verdict.READY


def test_a_refusal_stands_beside_what_else_is_wrong_and_after_it() -> None:
    found = judged_with(shown("mdm", Acceptance.EXPIRED), results=[result(API, 443, DROPPED)])
    assert found.verdict is Verdict.NOT_READY
    assert len(found.findings) == 2
    assert found.findings[1].cause is Cause.PUSH_CERTIFICATE_REFUSED
