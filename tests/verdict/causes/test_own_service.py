"""Services of the user's own beside Apple's: whose fault it is that they fail."""

from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.results import Result, Trust
from netcheck.model.services import Service
from tests.records import DROPPED, result
from tests.verdict.scene import COURIER, MDM, Scene, certificate, couriers

RESET = Failure(Phase.TLS, Reason.RESET, "Connection reset by peer")
ALERT = Failure(Phase.TLS, Reason.TLS_ALERT, "handshake failure")
NO_TLS = Failure(Phase.TLS, Reason.TLS_NOT_TLS, "HTTP/1.1 302 Found")
ELSEWHERE = replace(MDM, ports=(8443,))


def judged(results: list[Result], own: Service = MDM) -> Judgement:
    return Scene(None, Verdict.NOT_READY, None, results, services=(COURIER, own)).judged()


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


def test_a_server_that_answers_is_not_told_to_listen() -> None:
    found = judged([*couriers(), result(MDM, 443, ALERT)])
    assert "why it accepts connections on port 443" in (found.next_step or "")
    found = judged([*couriers(), result(MDM, 443, DROPPED)])
    assert "listens on port 443" in (found.next_step or "")
