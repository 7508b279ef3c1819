"""Answers beside those of other resolvers, and addresses that do not belong among the others."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.model.paths import Family, RecordType, Transport
from netcheck.model.results import Lookup, TlsInfo, Trust, Try
from tests.records import DROPPED, lookup
from tests.verdict.scene import (
    COURIER,
    ENROLMENT,
    MINE,
    NO_ROUTE,
    OTHER,
    PROXY,
    certificate,
    courier_at,
    couriers,
    enrolment,
    judge,
)

AAAA = RecordType.AAAA
HOST = COURIER.hosts[0]
GENUINE, UNPUBLISHED, MADE = "2620:149:a44::0", "2620:149:208:4308::a", "64:ff9b::1139:9001"


def of_ipv6(resolver: str, *addresses: str, reason: Reason | None = None) -> Lookup:
    return lookup(HOST, *addresses, rdtype=AAAA, reason=reason, resolver=resolver)


@pytest.mark.parametrize(
    ("mine", "other", "is_told"),
    [
        (of_ipv6("mine", reason=Reason.NO_ANSWER), of_ipv6("other", GENUINE), True),
        (of_ipv6("mine", reason=Reason.NO_ANSWER), of_ipv6("other", "2620:149:a44::99"), False),  # not tried
        (of_ipv6("mine", reason=Reason.NO_ANSWER), of_ipv6("other", MADE), False),
        (of_ipv6("mine", reason=Reason.DNS_TIMEOUT), of_ipv6("other", GENUINE), False),  # nothing was said
        (of_ipv6("mine", reason=Reason.RESOLVER_UNREACHABLE), of_ipv6("other", GENUINE), False),
        (of_ipv6("mine", UNPUBLISHED), of_ipv6("other", MADE), False),
        (of_ipv6("mine", UNPUBLISHED), of_ipv6("other", GENUINE), True),  # mine was never reached
        (of_ipv6("mine", "2620:149:a44::1", UNPUBLISHED), of_ipv6("other", GENUINE), False),  # mine works
    ],
)
def test_an_answer_is_better_where_it_is_apples_own_and_works_and_mine_does_not(
    mine: Lookup, other: Lookup, is_told: bool
) -> None:
    results = couriers(path=MINE, hosts=(1,), family=Family.IPV6) + couriers(path=OTHER, family=Family.IPV6)
    judged = judge(results, paths=(OTHER, MINE), lookups=[mine, other])
    assert judged.cause is (Cause.DNS_DIFFERS if is_told else None)


def test_others_of_apples_hosts_that_are_blocked_are_named_themselves() -> None:
    nowhere = Failure(Phase.RESOLVE, Reason.SINKHOLED, "leads nowhere")
    results = enrolment(nowhere)
    judged = judge(results, services=(ENROLMENT,))
    assert judged.cause is Cause.DNS_SINKHOLE
    assert "correct its answer for deviceenrollment.apple.com, gdmf" in (judged.next_step or "")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("0.0.0.0",), "The answer 0.0.0.0 leads to nothing of Apple's."),
        (("0.0.0.0", "::"), "The answers 0.0.0.0 and :: lead to nothing of Apple's."),
    ],
)
def test_answers_that_lead_nowhere_are_counted_in_the_sentence(given: tuple[str, ...], told: str) -> None:
    nowhere = Failure(Phase.RESOLVE, Reason.SINKHOLED, "leads nowhere")
    lookups = [lookup(host, *given) for host in COURIER.hosts]
    results = [replace(each, attempt=replace(each.attempt, address=None)) for each in couriers(nowhere)]
    judged = judge(results, lookups=lookups)
    assert told in judged.findings[0].next_step


def test_of_several_nameservers_those_that_block_are_named() -> None:
    nowhere = Failure(Phase.RESOLVE, Reason.SINKHOLED, "leads nowhere")
    tries = (
        Try("10.0.0.53:53", Transport.UDP, Reason.DNS_TIMEOUT, 0.5),
        Try("10.0.0.54:53", Transport.UDP, None, 0.02),
    )
    lookups = [replace(lookup(host, "0.0.0.0"), tries=tries) for host in COURIER.hosts]
    judged = judge(couriers(nowhere), lookups=lookups)
    assert judged.cause is Cause.DNS_SINKHOLE
    assert "Ask the owners of this machine's resolver (10.0.0.54:53) to" in judged.findings[0].next_step


def test_a_proxy_whose_name_is_blocked_is_the_resolvers_and_named() -> None:
    nowhere = Failure(Phase.PROXY_RESOLVE, Reason.SINKHOLED, "answered 0.0.0.0 for proxy.test")
    results = couriers(nowhere, path=PROXY, family=Family.NAME, spoke=False)
    judged = judge(results, paths=(PROXY,))
    assert [(each.cause, each.hop) for each in judged.findings] == [(Cause.DNS_SINKHOLE, Hop.RESOLVER)]
    assert "correct its answer for proxy.test, the proxy's name." in (judged.next_step or "")


STRAY = "146.112.61.104"
OWN_PAGE = certificate(Trust.OTHER, issuer="Guest Portal", subject="portal.example", is_for_host=False)
OTHER_NAME = Failure(Phase.TLS, Reason.TLS_NAME_MISMATCH, "not for courier.push.apple.com")
MIXED = [lookup(host, "17.57.144.9", STRAY) for host in COURIER.hosts]


@pytest.mark.parametrize("failure", [DROPPED, NO_ROUTE, replace(NO_ROUTE, told_by="10.0.0.1")])
def test_where_one_address_of_several_is_not_apples_the_record_is_to_go(failure: Failure) -> None:
    results = couriers(hosts=(1, 2, 3)) + courier_at(STRAY, failure, None)
    judged = judge(results, lookups=MIXED)
    assert [(each.cause, each.hop) for each in judged.findings] == [(Cause.DNS_SINKHOLE, Hop.RESOLVER)]
    assert f"take {STRAY} out of its answers for 0-courier.push.apple.com." in (judged.next_step or "")


def test_nobody_else_is_asked_while_only_the_fallback_fails_there() -> None:
    results = couriers() + [courier_at(STRAY, DROPPED, None, host)[1] for host in range(3)]
    judged = judge(results, lookups=MIXED)
    assert [(each.cause, each.hop) for each in judged.findings] == [(Cause.DNS_DIFFERS, Hop.RESOLVER)]
    assert f"whether {STRAY} is in its answers for 0-courier.push.apple.com" in (judged.next_step or "")


def test_a_port_that_fails_at_apples_addresses_too_is_not_the_records() -> None:
    results = couriers(DROPPED, (5223,), hosts=(1, 2, 3)) + courier_at(STRAY, DROPPED, None)[:1]
    judged = judge(results + couriers(None, (443,)), lookups=MIXED)
    assert judged.findings[0].hop is Hop.FIREWALL


@pytest.mark.parametrize(
    ("addresses", "networks"),
    [(("17.57.144.9", "2620:149:208:4308::a"), ()), ((STRAY,), ()), (("17.57.144.9", STRAY), (STRAY,))],
)
def test_what_is_apples_or_expected_or_all_there_is_is_no_stray(
    addresses: tuple[str, ...], networks: tuple[str, ...]
) -> None:
    service = replace(COURIER, networks=tuple(map(ip_network, networks)))
    results, lookups = couriers(), [lookup(COURIER.hosts[0], *addresses)]
    assert judge(results, services=[service], lookups=lookups).cause in (
        None,
        Cause.DNS_DIFFERS if networks else None,  # Apple's own addresses are not what the config expects
    )


@pytest.mark.parametrize(("tls", "is_told"), [(OWN_PAGE, True), (None, False)])
def test_where_somebodys_own_page_answers_it_may_be_the_login_page(
    tls: TlsInfo | None, is_told: bool
) -> None:
    failure = OTHER_NAME if tls else DROPPED
    results = [each for host in range(4) for each in courier_at("10.1.1.20", failure, tls, host)]
    judged = judge(results)
    assert judged.cause is Cause.DNS_SINKHOLE
    assert ("If it is the login page of this network, log in." in (judged.next_step or "")) == is_told
