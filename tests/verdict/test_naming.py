"""How often something fails: of the probes that it is about."""

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Verdict
from netcheck.model.paths import Family
from netcheck.model.results import Result
from netcheck.telling.answers import in_short
from tests.records import DROPPED, result
from tests.verdict.scene import COURIER, MDM, Scene, couriers

DECRYPTED = Failure(Phase.TLS, Reason.TLS_INTERCEPTED, "")
EXPIRED = Failure(Phase.TLS, Reason.TLS_EXPIRED, "the certificate expired")
NO_ANSWER = "connections get no answer in all 4 failed probes"
BAD_CERTIFICATE = "the certificate is out of date in the one failed probe of mdm"


def evidence(*results: Result) -> list[str]:
    judged = Scene(None, Verdict.NOT_READY, None, results, services=(COURIER, MDM)).judged()
    return [finding.evidence.partition(";")[0] for finding in judged.findings]


@pytest.mark.parametrize(
    ("results", "told"),
    [
        (
            [*couriers(DROPPED, (5223,)), *couriers(None, (443,)), result(MDM, 443)],
            [f"on port 5223, {NO_ANSWER}"],
        ),
        (
            [*couriers(DROPPED, (5223,)), *couriers(None, (443,)), result(MDM, 443, EXPIRED)],
            [BAD_CERTIFICATE, f"on port 5223, {NO_ANSWER} of courier"],
        ),
        (
            [*couriers(DROPPED, (5223,)), *couriers(DECRYPTED, (443,))],
            [
                "the certificate is not Apple's own in all 4 failed probes on port 443",
                f"on port 5223, {NO_ANSWER}",
            ],
        ),
        (
            [*couriers(DROPPED, family=Family.IPV6), *couriers(), result(MDM, 443, EXPIRED)],
            [BAD_CERTIFICATE, "over IPv6, connections get no answer in all 4 failed probes of courier"],
        ),
    ],
)
def test_what_fails_elsewhere_for_another_reason_weakens_no_case(
    results: list[Result], told: list[str]
) -> None:
    assert evidence(*results) == told


def test_what_fails_otherwise_in_the_same_place_is_counted() -> None:
    silent, closed = (Failure(Phase.TLS, reason) for reason in (Reason.TLS_TIMEOUT, Reason.CLOSED))
    results = [*couriers(silent, hosts=(0, 1, 2)), *couriers(closed, hosts=(3,)), result(MDM, 443)]
    assert "in 6 of 8 failed probes" in evidence(*results)[0]


@pytest.mark.parametrize(
    ("families", "told"),
    [
        ((Family.IPV4,), "port 5223 is blocked over IPv4"),
        ((Family.IPV4, Family.IPV6), "port 5223 is blocked"),
    ],
)
def test_a_port_is_not_called_blocked_that_is_open_over_the_other_family(
    families: tuple[Family, ...], told: str
) -> None:
    results = [
        each
        for family in (Family.IPV4, Family.IPV6)
        for failure in [DROPPED if family in families else None]
        for each in [*couriers(failure, (5223,), family=family), *couriers(None, (443,), family=family)]
    ]
    judged = Scene(None, Verdict.NOT_READY, None, results).judged()
    assert [in_short(finding) for finding in judged.findings] == [told]
