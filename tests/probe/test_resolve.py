"""From lookups to destinations."""

from ipaddress import ip_network

import pytest

from netcheck.model.failing import Phase, Reason
from netcheck.model.hosts import literal_addresses
from netcheck.model.paths import Family, RecordType
from netcheck.model.results import Lookup
from netcheck.model.services import AddressChoice
from netcheck.probe.resolve.destinations import chosen, destinations, why_no_address

A, AAAA = RecordType.A, RecordType.AAAA

COURIER = "1-courier.push.apple.com"


def answer(rdtype: RecordType, *addresses: str, reason: Reason | None = None) -> Lookup:
    return Lookup(0.0, "h", rdtype, "system", reason, f"{rdtype} detail", addresses, (), 60, 0.01, ())


def outcomes(host: str, *lookups: Lookup) -> list[tuple[Family, str | None, Reason | None]]:
    found = destinations(host, lookups, AddressChoice.ALL, 0)
    return [(d.family, d.address, d.failure.reason if d.failure else None) for d in found]


def test_each_address_of_each_family_is_a_destination() -> None:
    found = outcomes("mdm.example", answer(A, "192.0.2.1", "192.0.2.2"), answer(AAAA, "2001:db8::1"))
    assert sorted(found) == [
        (Family.IPV4, "192.0.2.1", None),
        (Family.IPV4, "192.0.2.2", None),
        (Family.IPV6, "2001:db8::1", None),
    ]


def test_a_family_without_records_is_left_out_while_another_has_some() -> None:
    assert outcomes("mdm.example", answer(A, "192.0.2.1"), answer(AAAA, reason=Reason.NO_ANSWER)) == [
        (Family.IPV4, "192.0.2.1", None)
    ]


@pytest.mark.parametrize(
    ("reason", "is_failure"),
    [
        (Reason.NO_ANSWER, False),
        (Reason.NXDOMAIN, False),
        (Reason.SERVFAIL, False),
        (Reason.REFUSED_BY_SERVER, False),
        (Reason.DNS_MALFORMED, False),
        (Reason.TOO_MANY_ANSWERS, False),
        (Reason.DNS_TIMEOUT, True),
        (Reason.RESOLVER_UNREACHABLE, True),
    ],
)
def test_of_a_family_that_had_records_silence_is_a_failure_and_a_reply_is_none(
    reason: Reason, is_failure: bool
) -> None:
    lookups = [answer(A, "192.0.2.1"), answer(AAAA, reason=reason)]
    found = destinations("mdm.example", lookups, AddressChoice.ALL, 0, known={Family.IPV4, Family.IPV6})
    assert [(d.family, d.failure and d.failure.reason) for d in found] == [
        (Family.IPV4, None),
        *([(Family.IPV6, reason)] if is_failure else []),
    ]


def test_a_lost_lookup_of_a_family_never_seen_is_no_failure_while_the_other_answers() -> None:
    lookups = answer(A, "192.0.2.1"), answer(AAAA, reason=Reason.DNS_TIMEOUT)
    assert outcomes("mdm.example", *lookups) == [(Family.IPV4, "192.0.2.1", None)]


def test_a_family_without_records_is_left_out_when_the_other_fails_harder() -> None:
    lookups = answer(A, reason=Reason.DNS_TIMEOUT), answer(AAAA, reason=Reason.NO_ANSWER)
    assert outcomes("mdm.example", *lookups) == [(Family.IPV4, None, Reason.DNS_TIMEOUT)]


def test_a_name_without_any_address_fails_in_every_family() -> None:
    lookups = answer(A, reason=Reason.NO_ANSWER), answer(AAAA, reason=Reason.NO_ANSWER)
    assert outcomes("mdm.example", *lookups) == [
        (Family.IPV4, None, Reason.NO_ANSWER),
        (Family.IPV6, None, Reason.NO_ANSWER),
    ]


def test_a_missing_name_fails_in_every_family_with_the_time_it_took() -> None:
    lookups = [answer(A, reason=Reason.NXDOMAIN), answer(AAAA, reason=Reason.NXDOMAIN)]
    found = destinations("mdm.example", lookups, AddressChoice.ONE, 0)
    assert [(d.family, d.failure and d.failure.phase) for d in found] == [
        (Family.IPV4, Phase.RESOLVE),
        (Family.IPV6, Phase.RESOLVE),
    ]
    assert [d.resolve_duration for d in found] == [0.01, 0.01]


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "127.9.9.9"])
def test_an_answer_that_leads_to_this_machine_is_a_sinkhole(address: str) -> None:
    assert outcomes(COURIER, answer(A, address)) == [(Family.IPV4, address, Reason.SINKHOLED)]


@pytest.mark.parametrize("address", ["::", "::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0"])
def test_ipv6_sinkholes_are_known_too(address: str) -> None:
    assert outcomes("api.push.apple.com", answer(AAAA, address)) == [(Family.IPV6, address, Reason.SINKHOLED)]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        *((COURIER, relay) for relay in ("10.1.2.3", "169.254.1.1", "100.64.0.1", "203.0.113.7")),
        ("mdm.corp.example", "10.1.2.3"),
        ("notapple.com", "10.1.2.3"),
    ],
)
def test_an_address_where_somebody_may_be_is_tried(host: str, address: str) -> None:
    assert outcomes(host, answer(A, address)) == [(Family.IPV4, address, None)]


@pytest.mark.parametrize(
    ("networks", "reason"), [(["127.0.0.0/8"], None), (["10.0.0.0/8"], Reason.SINKHOLED), ([], None)]
)
def test_networks_say_whether_a_service_may_be_on_this_machine(
    networks: list[str], reason: Reason | None
) -> None:
    found = destinations(
        "mdm.example",
        [answer(A, "127.0.0.1")],
        AddressChoice.ALL,
        0,
        networks=[ip_network(network) for network in networks],
    )
    assert [d.failure and d.failure.reason for d in found] == [reason]


def test_one_address_at_a_time_visits_all_in_turn() -> None:
    addresses = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
    visited = [chosen("h", addresses, AddressChoice.ONE, turn)[0] for turn in range(3)]
    assert sorted(visited) == list(addresses)


def test_hosts_that_share_addresses_begin_at_different_ones() -> None:
    addresses = tuple(f"192.0.2.{n}" for n in range(8))
    first = {chosen(f"{n}-courier.push.apple.com", addresses, AddressChoice.ONE, 0)[0] for n in range(51)}
    assert len(first) > 4


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("192.0.2.1", ("192.0.2.1",)),
        ("2001:db8::1", ("2001:db8::1",)),
        ("localhost", ("127.0.0.1", "::1")),
        ("proxy.localhost", ("127.0.0.1", "::1")),
        ("proxy.example", ()),
    ],
)
def test_dns_is_not_asked_about_literals_and_localhost(host: str, addresses: tuple[str, ...]) -> None:
    assert literal_addresses(host) == addresses


def test_one_family_with_addresses_is_enough_for_a_proxy() -> None:
    lookups = [answer(A, reason=Reason.SERVFAIL), answer(AAAA, "2001:db8::1")]
    assert why_no_address(Phase.PROXY_RESOLVE, lookups) is None


def test_why_a_proxy_has_no_address_is_the_more_telling_reason() -> None:
    lookups = [answer(A, reason=Reason.NO_ANSWER), answer(AAAA, reason=Reason.SERVFAIL)]
    failure = why_no_address(Phase.PROXY_RESOLVE, lookups)
    assert failure is not None
    assert (failure.phase, failure.reason) == (Phase.PROXY_RESOLVE, Reason.SERVFAIL)
