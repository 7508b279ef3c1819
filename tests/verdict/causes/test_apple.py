"""What is an accident of Apple's, and what is too much for one."""

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.paths import Role
from netcheck.model.services import PortRule, Service
from netcheck.verdict.assessing import assess
from tests.records import DROPPED, once, result
from tests.verdict.scene import DIRECT

SIX = Service(
    "courier",
    tuple(f"{number}-courier.push.apple.com" for number in range(6)),
    (5223, 443),
    frozenset({Role.DEVICE}),
    True,
    PortRule.FALLBACK,
)


def with_failing(failure: Failure, *numbers: int) -> Judgement:
    """All six in one range: no range is blocked."""
    results = [
        result(
            SIX, port, failure if number in numbers else None, host=host, address=f"17.57.144.{number + 1}"
        )
        for port in SIX.ports
        for number, host in enumerate(SIX.hosts)
    ]
    return assess([SIX], [DIRECT], once(results)).judgements[0]


@pytest.mark.parametrize(
    "failure",
    [
        DROPPED,
        Failure(Phase.TLS, Reason.CLOSED, ""),
        Failure(Phase.TLS, Reason.TLS_ALERT, ""),
        Failure(Phase.TLS, Reason.RESET, ""),
        Failure(Phase.TLS, Reason.TLS_TIMEOUT, ""),
        Failure(Phase.SESSION, Reason.CLOSED, ""),
    ],
)
def test_one_courier_of_six_is_apples_however_it_fails(failure: Failure) -> None:
    judged = with_failing(failure, 5)
    assert (judged.verdict, judged.cause, judged.hop) == (
        Verdict.DEGRADED,
        Cause.HOSTS_UNREACHABLE,
        Hop.APPLE,
    )


@pytest.mark.parametrize("numbers", [(0, 1, 2), (0, 1, 2, 3, 4)])
def test_half_of_all_couriers_is_no_accident_of_apples(numbers: tuple[int, ...]) -> None:
    judged = with_failing(DROPPED, *numbers)
    assert (judged.verdict, judged.cause, judged.hop) == (
        Verdict.DEGRADED,
        Cause.HOSTS_BLOCKED,
        Hop.FIREWALL,
    )
