"""How often something fails: of the probes that it is about."""

from dataclasses import replace

import pytest

from netcheck.answers import in_short
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import Family, Nameserver, ProbePath, Resolver, Role, Transport
from netcheck.model.results import Lookup, Result, Try
from netcheck.model.services import Service
from netcheck.verdict.assessing import assess
from tests.records import DROPPED, lookup, once, result
from tests.verdict.scene import COURIER, DIRECT, MDM, couriers, judge

DECRYPTED = Failure(Phase.TLS, Reason.TLS_INTERCEPTED, "")
EXPIRED = Failure(Phase.TLS, Reason.TLS_EXPIRED, "the certificate expired")
NO_ANSWER = "connections get no answer in all 4 failed probes"
BAD_CERTIFICATE = "the certificate is out of date in the one failed probe of mdm"


def evidence(*results: Result) -> list[str]:
    judged = judge(results, services=(COURIER, MDM))
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
    judged = judge(results)
    assert [in_short(finding) for finding in judged.findings] == [told]


def test_hosts_of_ones_own_are_named_as_they_are() -> None:
    for hosts in (
        ("eu-mdm.example.com", "us-mdm.example.com", "cn-mdm.example.com", "jp-mdm.example.com"),
        ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"),
    ):
        farm = Service("farm", hosts, (443,), frozenset({Role.DEVICE}))
        (judged,) = assess(
            [farm], [DIRECT], once([result(farm, 443, DROPPED, host=host) for host in hosts])
        ).judgements
        assert f"{', '.join(sorted(hosts)[:3])} and 1 more" in (judged.next_step or "")


def test_a_family_is_named_only_where_the_same_service_has_another() -> None:
    ipv6 = couriers(family=Family.IPV6)
    expired = result(MDM, 443, EXPIRED)
    judged = judge([*couriers(), *ipv6, expired], services=(COURIER, MDM))
    assert "on port 443." in judged.findings[0].next_step


def test_a_resolver_is_named_with_the_addresses_that_were_asked() -> None:
    path = ProbePath("direct", resolver=Resolver("corp", (Nameserver("10.0.0.53", 53),)))
    no_name = Failure(Phase.RESOLVE, Reason.NXDOMAIN, "NXDOMAIN")
    judged = judge(couriers(no_name), paths=(path,))
    assert judged.findings[0].owner == "the resolver corp (10.0.0.53:53)"


def test_the_systems_resolver_is_named_by_the_addresses_that_were_asked() -> None:
    asked = replace(
        lookup(COURIER.hosts[0], reason=Reason.NXDOMAIN),
        tries=(Try("127.0.0.53:53", Transport.UDP, Reason.NXDOMAIN, 0.01),),
    )
    no_name = Failure(Phase.RESOLVE, Reason.NXDOMAIN, "NXDOMAIN")
    lookups: list[Lookup] = [asked]
    judged = judge(couriers(no_name), lookups=lookups)
    assert judged.findings[0].owner == "this machine's resolver (127.0.0.53:53)"


def test_of_two_nameservers_only_the_one_that_answered_is_named() -> None:
    both = Resolver("corp", (Nameserver("10.0.0.53", 53), Nameserver("10.0.0.54", 53)))
    tries = (Try("10.0.0.53:53", Transport.UDP, Reason.NXDOMAIN, 0.01),)
    asked = replace(lookup(COURIER.hosts[0], reason=Reason.NXDOMAIN, resolver="corp"), tries=tries)
    no_name = Failure(Phase.RESOLVE, Reason.NXDOMAIN, "NXDOMAIN")
    path = ProbePath("direct", resolver=both)
    judged = judge(couriers(no_name), paths=(path,), lookups=[asked])
    assert judged.findings[0].owner == "the resolver corp (10.0.0.53:53)"
