"""Which addresses are Apple's, and which cannot be."""

import pytest

from netcheck.apns.addresses import is_apple_name, is_published, is_sinkhole, published_range


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("17.57.144.1", "17.57.144.0/22"),
        ("17.57.148.1", None),
        ("17.188.20.9", "17.188.20.0/23"),
        ("17.188.191.255", "17.188.128.0/18"),
        ("2620:149:a44::1", "2620:149:a44::/48"),
        ("2620:149:208:4308::a", None),
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
def test_all_of_apple_s_block_counts_as_published(address: str, published: bool) -> None:
    assert is_published(address) is published


@pytest.mark.parametrize("address", ["64:ff9b::1139:9001", "fd00:64::1139:9001"])
def test_what_dns64_made_of_an_address_of_apple_s_is_that_address(address: str) -> None:
    assert published_range(address) == "17.57.144.0/22"
    assert is_published(address)
    assert not is_sinkhole(address)


@pytest.mark.parametrize("address", ["fd00:64::a00:1", "fc00::1", "::", "0.0.0.0", "10.0.0.1"])
def test_private_addresses_that_hold_none_of_apple_s_are_sinkholes(address: str) -> None:
    assert is_sinkhole(address)


@pytest.mark.parametrize(
    ("host", "apples"),
    [
        ("1-courier.push.apple.com", True),
        ("apple.com", True),
        ("apple.com.example", False),
        ("xapple.com", False),
    ],
)
def test_a_name_is_apple_s_by_its_end(host: str, apples: bool) -> None:
    assert is_apple_name(host) is apples
