"""Where names lead: judged by the address and the certificate, and beside the answers of other resolvers."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_network

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.paths import Binding, Family, ProbePath, RecordType, Role, Transport
from netcheck.model.results import HOSTS_FILE, Lookup, Result, TlsInfo, Trust, Try
from netcheck.model.services import Service
from netcheck.verdict.assessing import assess
from tests.records import DROPPED, REFUSED, lookup, once, result
from tests.verdict.scene import (
    API,
    COURIER,
    DIRECT,
    ENROLMENT,
    LOCAL,
    MDM,
    MINE,
    NO_ROUTE,
    OPEN,
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


AKAMAI = "23.45.67.89"


def enrolment_at(
    address: str, failure: Failure | None = None, tls: TlsInfo | None = None, *beside: str
) -> Judgement:
    """Apple's hosts for enrolment at one address; DNS says this one, or those beside it."""
    results = [replace(e, attempt=replace(e.attempt, address=address)) for e in enrolment(failure, tls=tls)]
    lookups = [lookup(host, *(beside or (address,))) for host in ENROLMENT.hosts]
    return judge([*results, *couriers()], services=(COURIER, ENROLMENT), lookups=lookups)


def test_what_a_company_delivers_for_apple_is_where_it_belongs() -> None:
    """Some hosts for enrolment are at Akamai; those of push are not."""
    assert enrolment_at(AKAMAI).findings == ()
    assert enrolment_at("17.32.214.25", None, None, "17.32.214.25", AKAMAI).findings == ()
    for private in ("10.1.1.20", "64:ff9b::a01:114"):  # the second is what DNS64 makes of the first
        assert enrolment_at(private).cause is Cause.DNS_DIFFERS
    assert judge(courier_at(AKAMAI, None, None)).cause is Cause.DNS_DIFFERS


def test_a_bag_that_a_company_delivers_is_where_it_belongs() -> None:
    bag = Service("bag", ("init-p01st.push.apple.com",), (80,), frozenset({Role.DEVICE}))
    found = result(bag, 80, address=AKAMAI)
    assert judge([found, *couriers()], services=(COURIER, bag)).findings == ()


def test_what_blocks_the_way_to_such_a_company_is_not_the_resolver() -> None:
    assert enrolment_at(AKAMAI, DROPPED).findings[0].hop is Hop.FIREWALL
    assert enrolment_at(AKAMAI, OTHER_NAME, OWN_PAGE).cause is Cause.DNS_SINKHOLE  # a block page


@pytest.mark.parametrize(("failure", "hop"), [(None, None), (DROPPED, Hop.FIREWALL)])
def test_an_answer_of_such_a_company_is_no_worse_than_apples_own_by_another_resolver(
    failure: Failure | None, hop: Hop | None
) -> None:
    mine = [replace(e, attempt=replace(e.attempt, address=AKAMAI)) for e in enrolment(failure, MINE)]
    results = [*mine, *couriers(path=MINE), *enrolment(path=OTHER), *couriers(path=OTHER)]
    lookups = [
        lookup(host, address, resolver=resolver)
        for host in ENROLMENT.hosts
        for address, resolver in ((AKAMAI, "mine"), ("17.32.214.25", "other"))
    ]
    judged = judge(results, paths=(OTHER, MINE), services=(COURIER, ENROLMENT), lookups=lookups)
    assert judged.hop is hop


@pytest.mark.parametrize(("tls", "is_told"), [(OWN_PAGE, True), (None, False)])
def test_where_somebodys_own_page_answers_it_may_be_the_login_page(
    tls: TlsInfo | None, is_told: bool
) -> None:
    failure = OTHER_NAME if tls else DROPPED
    results = [each for host in range(4) for each in courier_at("10.1.1.20", failure, tls, host)]
    judged = judge(results)
    assert judged.cause is Cause.DNS_SINKHOLE
    assert ("If it is the login page of this network, log in." in (judged.next_step or "")) == is_told


PUBLIC_PAGE = "203.0.114.7"
FORGED = Failure(Phase.TLS, Reason.TLS_INTERCEPTED, "issued by Blocker CA")
PAGE = certificate(Trust.OTHER, issuer="Blocker CA", subject="block.example", is_for_host=False)
FORGERY = certificate(Trust.OTHER, issuer="Blocker CA")


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.1.1", "100.64.0.9", PUBLIC_PAGE])
@pytest.mark.parametrize("trust", [Trust.APPLE, Trust.PUBLIC])
def test_a_relay_that_passes_tls_through_is_ready_with_a_remark(address: str, trust: Trust) -> None:
    judged = judge(courier_at(address, None, certificate(trust)))
    assert (judged.verdict, judged.cause, judged.hop) == (Verdict.READY, Cause.DNS_DIFFERS, Hop.RESOLVER)
    assert judged.findings[0].is_remark
    assert judged.is_expected
    assert address in (judged.next_step or "")


def test_addresses_that_the_config_expects_are_no_remark() -> None:
    service = replace(COURIER, networks=(ip_network("10.1.0.0/16"),))
    results = courier_at("10.1.2.3", None, certificate())
    assert assess([service], [DIRECT], once(results)).judgements[0].findings == ()


def test_an_address_outside_the_networks_of_a_service_of_ones_own_is_a_remark() -> None:
    service = replace(MDM, networks=(ip_network("203.0.113.0/24"),))
    for expected in ("203.0.113.1", "64:ff9b::cb00:7101"):
        (judged,) = assess([service], [DIRECT], once([result(MDM, 443, address=expected)])).judgements
        assert judged.findings == ()
    (judged,) = assess([service], [DIRECT], once([result(MDM, 443, address="198.51.100.1")])).judgements
    assert (judged.verdict, judged.cause) == (Verdict.READY, Cause.DNS_DIFFERS)


def test_without_networks_a_service_of_ones_own_may_be_anywhere() -> None:
    (judged,) = assess([MDM], [DIRECT], once([result(MDM, 443, address="10.0.0.1")])).judgements
    assert judged.findings == ()


@pytest.mark.parametrize("tls", [PAGE, FORGERY])
def test_all_names_led_to_one_public_block_page_are_the_resolvers(tls: TlsInfo) -> None:
    judged = judge([each for host in range(4) for each in courier_at(PUBLIC_PAGE, FORGED, tls, host)])
    assert (judged.cause, judged.hop) == (Cause.DNS_SINKHOLE, Hop.RESOLVER)
    assert PUBLIC_PAGE in (judged.next_step or "")
    assert len(judged.findings) == 1


def test_one_name_led_to_a_block_page_under_its_own_name_is_the_resolvers() -> None:
    judged = judge(courier_at(PUBLIC_PAGE, OTHER_NAME, PAGE))
    assert (judged.cause, judged.hop) == (Cause.DNS_SINKHOLE, Hop.RESOLVER)


def test_a_single_public_address_outside_the_list_that_fails_is_no_sinkhole() -> None:
    v6 = [
        result(COURIER, port, DROPPED, family=Family.IPV6, address="2620:149:208:4308::a")
        for port in COURIER.ports
    ]
    judged = judge(couriers() + v6)
    assert judged.cause is Cause.IPV6_BROKEN


def test_decryption_at_apples_own_addresses_is_no_sinkhole() -> None:
    judged = judge(courier_at("17.57.144.1", FORGED, FORGERY))
    assert (judged.cause, judged.hop) == (Cause.TLS_INTERCEPTED, Hop.FIREWALL)


def test_addresses_that_this_machine_resolved_are_its_resolvers_through_a_proxy_too() -> None:
    results = [
        replace(each, path="proxy")
        for host in range(2)
        for each in courier_at(PUBLIC_PAGE, FORGED, FORGERY, host)
    ]
    judged = judge(results, paths=(LOCAL,))
    assert judged.hop is Hop.RESOLVER


def test_a_relay_that_stands_in_hosts_is_asked_of_whoever_wrote_it() -> None:
    relayed = result(API, 443, address="10.1.2.3")
    lookups = [lookup(API.hosts[0], "10.1.2.3", resolver=HOSTS_FILE)]
    (judged,) = assess([API], [DIRECT], once([relayed]), lookups).judgements
    assert (judged.cause, judged.hop) == (Cause.DNS_DIFFERS, Hop.LOCAL_NETWORK)
    assert "whoever wrote /etc/hosts on the machine that runs netcheck whether it leads to 10.1.2.3" in (
        judged.next_step or ""
    )


@pytest.mark.parametrize("failure", [REFUSED, DROPPED])
def test_a_block_page_that_serves_443_only_is_the_resolvers_on_every_port(failure: Failure) -> None:
    results = [
        result(
            COURIER, port, failure if port == 5223 else OTHER_NAME, host=host, address=PUBLIC_PAGE, tls=tls
        )
        for host in COURIER.hosts
        for port, tls in ((5223, None), (443, PAGE))
    ]
    assert hops(results) == [(Cause.DNS_SINKHOLE, Hop.RESOLVER)]


@pytest.mark.parametrize("failure", [REFUSED, DROPPED])
def test_many_names_at_one_public_address_where_nothing_answers_are_the_resolvers(failure: Failure) -> None:
    results = [each for host in range(4) for each in courier_at(PUBLIC_PAGE, failure, None, host)]
    assert hops(results) == [(Cause.DNS_SINKHOLE, Hop.RESOLVER)]


def test_a_port_that_is_dropped_at_the_expected_addresses_too_is_no_block_page() -> None:
    results = [each for host in range(2) for each in courier_at(PUBLIC_PAGE, DROPPED, None, host)] + couriers(
        DROPPED, hosts=(2, 3)
    )
    assert hops(results) == [(Cause.PORT_BLOCKED, Hop.FIREWALL)]


@pytest.mark.parametrize("address", ["10.1.2.3", PUBLIC_PAGE])
def test_a_relay_that_passes_one_port_on_leads_to_apple_and_the_other_port_is_blocked(address: str) -> None:
    results = [
        result(COURIER, port, failure, host=host, address=address, tls=tls)
        for host in COURIER.hosts
        for port, failure, tls in ((443, None, certificate()), (5223, DROPPED, None))
    ]
    assert hops(results) == [(Cause.PORT_BLOCKED, Hop.FIREWALL), (Cause.DNS_DIFFERS, Hop.RESOLVER)]


def test_a_relay_that_shows_the_provider_apis_own_certificate_is_no_sinkhole() -> None:
    genuine = certificate(Trust.PUBLIC, subject="api.push.apple.com")
    broken = Failure(Phase.SESSION, Reason.REFUSED, "no HTTP/2")
    found = assess((API,), (DIRECT,), once([result(API, 443, broken, address="10.1.2.3", tls=genuine)]))
    assert found.judgements[0].cause is Cause.SESSION_BROKEN


def hops(results: Sequence[Result]) -> list[tuple[Cause, Hop]]:
    judged = judge(results)
    return [(finding.cause, finding.hop) for finding in judged.findings]


def test_who_accepts_a_connection_at_a_block_page_is_not_apple_for_that() -> None:
    results = [each for host in range(4) for each in courier_at(PUBLIC_PAGE, OTHER_NAME, PAGE, host)]
    accepted = result(OPEN, 2195, address=PUBLIC_PAGE)
    (judged,) = assess((COURIER, OPEN), (DIRECT,), once([*results, accepted])).judgements
    assert [finding.cause for finding in judged.findings] == [Cause.DNS_SINKHOLE]


def led_to(address: str, failure: Failure | None, path: ProbePath) -> list[Result]:
    return [
        replace(each, path=path.name)
        for host in range(4)
        for each in courier_at(f"{address}{host + 1}", failure, None, host)
    ]


@pytest.mark.parametrize("failure", [REFUSED, DROPPED])
def test_an_answer_that_is_dead_while_another_resolvers_works_by_the_same_way_is_the_resolvers(
    failure: Failure,
) -> None:
    results = led_to("17.1.2.", failure, MINE) + led_to("17.57.144.", None, OTHER)
    judged = judge(results, paths=(OTHER, MINE))
    assert (judged.cause, judged.hop) == (Cause.DNS_SINKHOLE, Hop.RESOLVER)


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("17.249.0.", OTHER),  # in a range that Apple publishes: a firewall may block it
        ("17.1.2.", replace(OTHER, binding=Binding("wlan0"))),
        ("17.1.2.", replace(OTHER, resolver=MINE.resolver)),
    ],
)
def test_a_dead_address_is_the_firewalls_where_it_may_be_the_way(address: str, other: ProbePath) -> None:
    results = led_to(address, DROPPED, MINE) + led_to("17.57.144.", None, other)
    judged = judge(results, paths=(other, MINE))
    assert judged.hop is Hop.FIREWALL


def test_a_dead_address_that_other_resolvers_answer_too_is_not_one_resolvers() -> None:
    results = led_to("17.1.2.", DROPPED, MINE) + led_to("17.57.144.", None, OTHER)
    lookups = [
        lookup(host, f"17.1.2.{number}", f"17.57.144.{number}", resolver="other")
        for number, host in enumerate(COURIER.hosts, 1)
    ]
    judged = judge(results, paths=(OTHER, MINE), lookups=lookups)
    assert judged.hop is Hop.FIREWALL


def test_of_two_sound_resolvers_always_the_same_one_is_named() -> None:
    lookups = [
        lookup(COURIER.hosts[0], "192.0.2.7", resolver="mine"),
        lookup(COURIER.hosts[0], "17.57.144.1", resolver="other"),
        lookup(COURIER.hosts[0], "17.57.144.2", resolver="third"),
    ]
    results = once(couriers(path=MINE))
    steps = {
        assess([COURIER], [MINE], results, some).judgements[0].next_step for some in (lookups, lookups[::-1])
    }
    assert len(steps) == 1
    assert assess([COURIER], [PROXY], once(couriers(path=PROXY)), lookups).judgements[0].cause is None
