"""Who suffers from a fault, and how much of it is that fault's."""

from dataclasses import replace

import pytest

from netcheck.console.suffering import who_suffers
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Finding, Hop, Judgement, Verdict
from netcheck.model.paths import ProbePath, Role
from netcheck.model.results import Result
from netcheck.model.services import Service, TlsSettings
from tests import records
from tests.records import DROPPED, facts, result

COURIER = replace(records.COURIER, tls=TlsSettings(is_apples=True))
COURIER2 = replace(COURIER, name="courier2", hosts=("0-courier2.test", "1-courier2.test"))
MDM = Service("mdm", ("mdm.test",), (443,), frozenset(Role))
DIRECT, WIFI = ProbePath("direct"), ProbePath("wifi")
EXPIRED = Failure(Phase.TLS, Reason.TLS_EXPIRED)
READY = Judgement("wifi", Role.DEVICE, Verdict.READY)


def suffering(
    verdict: Verdict, *about: Result, role: Role = Role.DEVICE, beside: Judgement = READY, works: int = 443
) -> str:
    """Who suffers on the path `direct`, where the couriers answer on the port that works."""
    finding = Finding(Cause.PORT_BLOCKED, Hop.FIREWALL, "", "", about=about)
    judged = Judgement("direct", role, verdict, (finding,))
    reached = [result(service, works) for service in (COURIER, COURIER2)]
    known = facts([COURIER, COURIER2, MDM], [DIRECT, WIFI], [judged, beside], [*about, *reached])
    return " ".join(who_suffers(known, known.findings))


@pytest.mark.parametrize("verdict", [Verdict.FALLBACK_ONLY, Verdict.NOT_READY])
def test_who_blocks_the_usual_port_alone_is_not_told_that_nothing_arrives(verdict: Verdict) -> None:
    """The path may be not ready for another reason, which is none of theirs."""
    told = suffering(verdict, result(COURIER, 5223, DROPPED), result(COURIER2, 5223, DROPPED))
    assert told.startswith("Phones, tablets and Macs that connect directly get their push notifications")
    assert "late, and on Wi-Fi or Ethernet only" in told


@pytest.mark.parametrize(("port", "works"), [(5223, 5223), (443, 5223)])
def test_where_there_is_nothing_to_fall_back_to_nothing_arrives(port: int, works: int) -> None:
    assert "do not get their push" in suffering(
        Verdict.NOT_READY, result(COURIER, port, DROPPED), works=works
    )


@pytest.mark.parametrize(
    ("verdict", "role", "told"),
    [
        (
            Verdict.NOT_READY,
            Role.DEVICE,
            "Phones, tablets and Macs that connect directly cannot use mdm.test.",
        ),
        (
            Verdict.DEGRADED,
            Role.PROVIDER,
            "The server for device management (MDM) here cannot always use mdm.test.",
        ),
    ],
)
def test_whose_own_server_fails_is_not_told_of_push(verdict: Verdict, role: Role, told: str) -> None:
    assert suffering(verdict, result(MDM, 443, EXPIRED), role=role) == told


def test_who_misses_a_host_of_apples_misses_push_though_an_own_service_names_it_too() -> None:
    both = [result(service, 443, DROPPED, host=COURIER.hosts[0]) for service in (COURIER, MDM)]
    assert "do not get their push" in suffering(Verdict.NOT_READY, *both)


@pytest.mark.parametrize(
    ("service", "who"), [(COURIER, "Phones, tablets and Macs"), (COURIER2, "iPhones and iPads")]
)
def test_where_only_the_names_of_iphones_fail_macs_are_not_said_to_suffer(service: Service, who: str) -> None:
    broken = replace(READY, verdict=Verdict.NOT_READY)  # whoever connects there suffers for another reason
    where = " that connect directly" if service is COURIER2 else " here"
    told = suffering(Verdict.NOT_READY, result(service, 443, DROPPED), beside=broken)
    assert told.startswith(f"{who}{where} do not get")


def test_of_one_path_the_worst_is_told_once() -> None:
    blocked = Finding(Cause.PORT_BLOCKED, Hop.FIREWALL, "", "a", about=(result(COURIER, 5223, DROPPED),))
    hosts = Finding(Cause.HOSTS_BLOCKED, Hop.FIREWALL, "", "b", about=(result(COURIER2, 443, DROPPED),))
    hosts = replace(hosts, about=(*hosts.about, result(COURIER, 443, DROPPED, host="1-courier.test")))
    judged = Judgement("direct", Role.DEVICE, Verdict.NOT_READY, (blocked, hosts))
    known = facts([COURIER, COURIER2], [DIRECT], [judged], [result(COURIER, 443)])
    (text,) = who_suffers(known, known.findings)
    assert "here do not get" in text
