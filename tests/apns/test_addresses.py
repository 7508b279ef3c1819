"""Which addresses are Apple's, and which cannot be."""

from ipaddress import ip_network

import pytest

from netcheck.apns.addresses import (
    is_allocated,
    is_apple_name,
    is_public,
    is_published,
    is_sinkhole,
    published_range,
    unexpected,
)


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("17.57.144.1", "17.57.144.0/22"),
        ("17.57.148.1", None),
        ("17.188.20.9", "17.188.20.0/23"),
        ("17.188.191.255", "17.188.128.0/18"),
        ("2620:149:a44::1", "2620:149:a44::/48"),
        ("2620:149:208:4308::a", None),
        ("2620:149:208:4308::1139:9001", None),  # Apple's own, whatever its end looks like
        ("192.0.2.1", None),
    ],
)
def test_an_address_is_in_one_of_the_published_ranges_or_in_none(address: str, prefix: str | None) -> None:
    assert published_range(address) == prefix


@pytest.mark.parametrize(
    ("address", "published"),
    [
        ("17.110.1.1", True),  # 17.0.0.0/8 is what Apple asks for first
        ("17.57.144.1", True),
        ("2403:300:a51::9", True),
        ("2620:149:208:4308::a", False),  # seen for api.push.apple.com
        ("18.0.0.1", False),
    ],
)
def test_all_of_apples_block_counts_as_published(address: str, published: bool) -> None:
    assert is_published(address) is published


@pytest.mark.parametrize("address", ["64:ff9b::1139:9001", "fd00:64::1139:9001", "2a02:64::1139:9001"])
def test_what_dns64_made_of_an_address_of_apples_is_that_address(address: str) -> None:
    assert published_range(address) == "17.57.144.0/22"
    assert is_published(address)
    assert not is_sinkhole(address)


@pytest.mark.parametrize("address", ["::", "0.0.0.0", "127.0.0.1", "::1", "::ffff:127.0.0.53", "64:ff9b::"])
def test_addresses_that_lead_back_to_this_machine_are_sinkholes(address: str) -> None:
    assert is_sinkhole(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1", "100.64.0.1", "169.254.1.1", "203.0.113.1"])
def test_addresses_that_may_be_a_relays_are_none(address: str) -> None:
    assert not is_sinkhole(address)
    assert unexpected("1-courier.push.apple.com", [address])


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("23.45.67.89", True),
        ("2600:1408::1", True),
        ("64:ff9b::172d:4359", True),
        ("10.1.1.20", False),
        ("fd00::1", False),
        ("64:ff9b::a01:114", False),
        ("::ffff:10.1.1.20", False),
    ],
)
def test_what_a_network_has_of_its_own_is_not_public_be_it_made_by_dns64(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("address", "apples"),
    [("2620:149:208:4308::a", True), ("17.1.2.3", True), ("203.0.113.1", False), ("10.0.0.1", False)],
)
def test_what_registries_gave_to_apple_is_apples(address: str, apples: bool) -> None:
    assert is_allocated(address) is apples


def test_where_a_service_is_expected() -> None:
    networks = [ip_network("10.0.0.0/8")]
    assert not unexpected("mdm.example.com", ["203.0.113.1"])
    assert not unexpected("mdm.example.com", ["10.1.2.3"], networks)
    assert not unexpected("mdm.example.com", ["64:ff9b::a01:203"], networks)  # the same, made by DNS64
    assert unexpected("mdm.example.com", ["203.0.113.1"], networks)
    assert not unexpected("1-courier.push.apple.com", ["17.57.144.1"])
    assert unexpected("1-courier.push.apple.com", ["17.57.144.1"], networks)


@pytest.mark.parametrize(
    ("host", "apples"),
    [
        ("1-courier.push.apple.com", True),
        ("apple.com", True),
        ("apple.com.example", False),
        ("xapple.com", False),
    ],
)
def test_a_name_is_apples_by_its_end(host: str, apples: bool) -> None:
    assert is_apple_name(host) is apples
