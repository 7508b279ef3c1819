"""Bags good, old, huge, hostile and of wrong types, and where they disagree with the config."""

import plistlib
import socket
import struct
import tracemalloc
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcheck.apns.bag import DEFAULT_EXPIRY, MAX_SIZE, BagError, differences, parse
from netcheck.model.bags import Bag

NEW = {
    "APNSCourierHostname": "courier2.push.apple.com",
    "APNSCourierHostcount": 50,
    "APNSCourierStatus": True,
    "APNSVerifiedCourierHostname": "courier.push.apple.com",
    "APNSBagExpiry": 3600,
    "ClientConnectionRetryAttempts": 100,
    "APNSCriticalMessageTimeout": 10.0,
    "APNSCourierHostsDefaultIPv4": b"\x11\x39\x90\x0c",
    "Environment": "Production",
}
READ = Bag("courier2.push.apple.com", 50, True, "courier.push.apple.com", 3600.0)
COURIERS = {"courier": ("courier.push.apple.com", 50), "courier2": ("courier2.push.apple.com", 50)}
FORMATS = [plistlib.FMT_XML, plistlib.FMT_BINARY]
KEYS = [
    "APNSCourierHostname",
    "APNSCourierHostcount",
    "APNSCourierStatus",
    "APNSVerifiedCourierHostname",
    "APNSBagExpiry",
]


def with_(**changed: object) -> bytes:
    """The new bag with values changed, or left out where they are None."""
    values = {key: value for key, value in (NEW | changed).items() if value is not None}
    return plistlib.dumps(values)


def old(inner: object) -> dict[str, object]:
    return {"signature": b"s" * 256, "certs": [b"c" * 900, b"d" * 900], "bag": inner}


def refusal(data: bytes) -> str:
    with pytest.raises(BagError) as caught:
        parse(data)
    return str(caught.value)


@pytest.mark.parametrize("fmt", FORMATS)
def test_the_new_format_is_a_flat_dictionary(fmt: plistlib.PlistFormat) -> None:
    assert parse(plistlib.dumps(NEW, fmt=fmt)) == READ


@pytest.mark.parametrize("outer", FORMATS)
@pytest.mark.parametrize("inner", FORMATS)
def test_the_old_format_holds_a_property_list_as_data(
    outer: plistlib.PlistFormat, inner: plistlib.PlistFormat
) -> None:
    assert parse(plistlib.dumps(old(plistlib.dumps(NEW, fmt=inner)), fmt=outer)) == READ


def test_the_old_format_as_it_is_sent() -> None:
    answer = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>signature</key><data>c2lnbmF0dXJl</data>
<key>certs</key><array><data>Y2VydA==</data><data>Y2VydA==</data></array>
<key>bag</key><data>
PHBsaXN0PjxkaWN0PjxrZXk+QVBOU0NvdXJpZXJIb3N0bmFtZTwva2V5PjxzdHJpbmc+Y291cmll
ci5wdXNoLmFwcGxlLmNvbTwvc3RyaW5nPjxrZXk+QVBOU0NvdXJpZXJIb3N0Y291bnQ8L2tleT48
aW50ZWdlcj41MDwvaW50ZWdlcj48L2RpY3Q+PC9wbGlzdD4=
</data></dict></plist>
"""
    assert parse(answer) == Bag("courier.push.apple.com", 50, None, None, DEFAULT_EXPIRY)


def test_only_host_name_and_count_are_needed() -> None:
    data = with_(APNSCourierStatus=None, APNSVerifiedCourierHostname=None, APNSBagExpiry=None)

    assert parse(data) == Bag("courier2.push.apple.com", 50, None, None, 900.0)


@pytest.mark.parametrize("written", ["Courier3.Example.NET", "courier3.example.net."])
def test_a_host_name_is_compared_as_dns_does(written: str) -> None:
    assert parse(with_(APNSCourierHostname=written)).courier_hostname == "courier3.example.net"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a..b",
        "-a.example",
        "a b.example",
        "a.example\r\n",
        "a.example/x",
        "17.57.144.12",
        "::1",
        "bücher.example",
        "a" * 64 + ".example",
        "a." * 127 + "a",
        "a" * 60_000,
        b"courier.push.apple.com",
        50,
        ["courier.push.apple.com"],
    ],
)
@pytest.mark.parametrize("key", ["APNSCourierHostname", "APNSVerifiedCourierHostname"])
def test_what_is_no_dns_name_is_refused(key: str, name: object) -> None:
    assert refusal(with_(**{key: name})) == f"the bag's {key} is not a DNS name"


@pytest.mark.parametrize("count", [1, 50, 1000])
def test_a_count_may_be_1_to_1000(count: int) -> None:
    assert parse(with_(APNSCourierHostcount=count)).courier_count == count


@pytest.mark.parametrize("count", [None, 0, -1, 1001, 2**63, True, 50.0, "50", b"50", [50]])
def test_any_other_count_is_refused(count: object) -> None:
    detail = refusal(with_(APNSCourierHostcount=count))

    assert detail == "the bag's APNSCourierHostcount is not a whole number from 1 to 1000"


def test_a_host_name_is_needed() -> None:
    assert refusal(with_(APNSCourierHostname=None)) == "the bag has no APNSCourierHostname"


@pytest.mark.parametrize("status", [1, 0, "true", b""])
def test_a_status_is_true_or_false(status: object) -> None:
    assert refusal(with_(APNSCourierStatus=status)) == "the bag's APNSCourierStatus is neither true nor false"


def test_a_status_of_false_is_no_missing_one() -> None:
    assert parse(with_(APNSCourierStatus=False)).courier_status is False


@pytest.mark.parametrize(
    ("written", "expiry"),
    [(0, 900.0), (-5, 900.0), (float("-inf"), 900.0), (1, 1.0), (0.5, 0.5), (86400, 86400.0)],
)
def test_an_expiry_of_zero_or_less_is_the_default(written: float, expiry: float) -> None:
    assert parse(with_(APNSBagExpiry=written)).expiry == expiry


@pytest.mark.parametrize(
    "expiry", [float("nan"), float("inf"), 366 * 86400 + 1, True, "900", datetime(2026, 1, 1)]
)
def test_an_expiry_that_is_no_sensible_number_is_refused(expiry: object) -> None:
    assert (
        refusal(with_(APNSBagExpiry=expiry))
        == "the bag's APNSBagExpiry is not a number of seconds up to 31622400"
    )


@pytest.mark.parametrize("key", ["APNSCourierHostcount", "APNSBagExpiry"])
def test_an_integer_that_is_too_long_for_a_float_is_refused(key: str) -> None:
    number = b"<integer>0x1" + b"0" * 5000 + b"</integer>"

    detail = refusal(with_(**{key: 12345}).replace(b"<integer>12345</integer>", number))

    assert detail.startswith(f"the bag's {key} is not a")


def test_a_bag_may_be_as_long_as_the_limit() -> None:
    data = with_()

    assert parse(data + b" " * (MAX_SIZE - len(data))) == READ
    assert refusal(data + b" " * (MAX_SIZE - len(data) + 1)) == "the bag exceeds 65536 bytes"


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_bag_that_was_cut_is_refused(fmt: plistlib.PlistFormat) -> None:
    data = plistlib.dumps(NEW, fmt=fmt).rstrip()

    for size in range(0, len(data), 7):
        assert refusal(data[:size]).startswith("the bag is not a valid property list")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><title>Log in</title></html>",
        b"bplist00",
        b"<plist><dict><integer>1</integer></dict></plist>",
        b"<plist><date>yesterday</date></plist>",
        b"<plist><key>a</key></plist>",
        b"<plist><dict><key>a</key></dict></plist>",
        b'<?xml version="1.0" encoding="klingon"?><plist/>',
    ],
)
def test_what_is_no_property_list_is_refused(data: bytes) -> None:
    assert refusal(data).startswith("the bag is not a valid property list")


@pytest.mark.parametrize(
    "data", [plistlib.dumps([NEW]), plistlib.dumps("x"), b"<?xml version='1.0'?><html/>"]
)
def test_a_bag_must_be_a_dictionary(data: bytes) -> None:
    assert refusal(data) == "the bag is a property list, but not a dictionary"


@pytest.mark.parametrize("inner", ["text", 1, {"APNSCourierHostname": "a.example"}])
def test_the_inner_bag_of_the_old_format_must_be_data(inner: object) -> None:
    assert refusal(plistlib.dumps(old(inner))).startswith("the bag is in the old format, but")


def test_an_inner_bag_holds_no_further_one() -> None:
    within = plistlib.dumps(old(plistlib.dumps(NEW)))

    assert refusal(plistlib.dumps(old(within))) == "the bag has no APNSCourierHostname"


# Hostile property lists

LAUGHS = b"".join(b'<!ENTITY l%d "%b">' % (n + 1, b"&l%d;" % n * 10) for n in range(12))
ENTITIES = {
    "billion-laughs": b'<!ENTITY l0 "ha">' + LAUGHS,
    "quadratic": b'<!ENTITY l12 "' + b"a" * 30_000 + b'">',
    "file": b'<!ENTITY l12 SYSTEM "file:///etc/hostname">',
    "parameter": b'<!ENTITY % l SYSTEM "file:///etc/hostname"> %l;',
}


@pytest.mark.parametrize("declared", ENTITIES.values(), ids=ENTITIES)
@pytest.mark.parametrize("wrapped", [False, True], ids=["new", "old"])
def test_entities_are_refused_where_they_are_declared(declared: bytes, wrapped: bool) -> None:
    text = b'<?xml version="1.0"?><!DOCTYPE plist [' + declared + b"]><plist><dict><key>a</key><string>"
    bomb = text + b"&l12;" * 1000 + b"</string></dict></plist>"
    data = plistlib.dumps(old(bomb)) if wrapped else bomb

    tracemalloc.start()
    try:
        detail = refusal(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert detail == (
        "the bag is not a valid property list: XML entity declarations are not supported in plist files"
    )
    assert peak < 4 * MAX_SIZE


def test_an_external_dtd_is_never_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/plist.dtd".encode()
        data = with_().replace(b"http://www.apple.com/DTDs/PropertyList-1.0.dtd", address)
        assert address in data

        assert parse(data) == READ
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_an_external_entity_is_never_read(tmp_path: Path) -> None:
    named = tmp_path / "name"
    named.write_text("courier.push.apple.com")
    doctype = f'<!DOCTYPE plist [<!ENTITY host SYSTEM "{named.as_uri()}">]>'.encode()
    body = b"<plist><dict><key>APNSCourierHostname</key><string>&host;</string></dict></plist>"

    assert "entity declarations" in refusal(b'<?xml version="1.0"?>' + doctype + body)
    assert "undefined entity" in refusal(b'<?xml version="1.0"?>' + body)


def nested(depth: int) -> bytes:
    return b"<array>" * depth + b"</array>" * depth


@pytest.mark.parametrize("depth", [16, 500, 4000])
def test_xml_that_is_nested_too_deeply_is_refused(depth: int) -> None:
    data = with_(Extra="here").replace(b"<string>here</string>", nested(depth))

    assert refusal(data) == "the bag is nested too deeply"


def test_some_nesting_is_no_fault() -> None:
    assert parse(with_(Extra=[[{"a": [{"b": [1]}]}]])) == READ


def binary(objects: list[bytes], offsets: list[int] | None = None) -> bytes:
    """A binary property list of raw objects, references of 2 bytes, the first object on top."""
    body, starts = b"bplist00", []
    for item in objects:
        starts.append(len(body))
        body += item
    table = [starts[at] for at in offsets] if offsets else starts
    trailer = struct.pack(">6xBBQQQ", 2, 2, len(table), 0, len(body))
    return body + struct.pack(f">{len(table)}H", *table) + trailer


def array_of(*references: int) -> bytes:
    return b"\xaf\x11" + struct.pack(f">H{len(references)}H", len(references), *references)


@pytest.mark.parametrize("depth", [20, 400, 5000])
def test_binary_lists_that_are_nested_too_deeply_are_refused(depth: int) -> None:
    arrays = [array_of(number + 3) for number in range(depth)]
    data = binary([b"\xd1\x00\x01\x00\x02", b"\x51a", *arrays, b"\x09"])

    assert refusal(data) == "the bag is nested too deeply"


def test_a_binary_list_that_holds_itself_is_refused() -> None:
    data = binary([b"\xd1\x00\x01\x00\x02", b"\x51a", array_of(2, 2)])

    assert refusal(data) == "the bag is nested too deeply"


def test_a_binary_list_that_shares_its_parts_is_not_walked_more_than_once() -> None:
    """Ten references to ten references and so on: 10 to the power of 12 ways through 13 objects."""
    arrays = [array_of(*[number + 3] * 10) for number in range(12)]
    data = binary([b"\xd1\x00\x01\x00\x02", b"\x51a", *arrays, b"\x09"])

    assert refusal(data) == "the bag has no APNSCourierHostname"


def test_binary_objects_that_share_their_bytes_do_not_fill_the_memory() -> None:
    """8,000 objects that are all the same array of 12,000 references: 96 million in 64 KiB."""
    many = array_of(*[1] * 12_000)
    data = binary([array_of(*range(2, 8_002)), b"\x09", many], [0, 1, *[2] * 8_000])
    assert len(data) < MAX_SIZE

    tracemalloc.start()
    try:
        detail = refusal(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert detail == "the bag is not a valid property list: Invalid file"
    assert peak < 32 * MAX_SIZE


@given(data=st.binary(max_size=300))
@pytest.mark.parametrize("beginning", [b"", b"<?xml version='1.0'?>", b"<plist><dict>", b"bplist00"])
def test_no_bytes_raise_anything_but_a_bag_error(beginning: bytes, data: bytes) -> None:
    with pytest.raises(BagError):
        parse(beginning + data)


@given(at=st.integers(0), spoiled=st.binary(min_size=1, max_size=8), fmt=st.sampled_from(FORMATS))
def test_no_damage_to_a_bag_raises_anything_but_a_bag_error(
    at: int, spoiled: bytes, fmt: plistlib.PlistFormat
) -> None:
    data = plistlib.dumps(NEW, fmt=fmt)
    start = at % len(data)

    sound_or_refused(data[:start] + spoiled + data[start + len(spoiled) :])


SCALARS: st.SearchStrategy[Any] = (
    st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.binary(max_size=20)
    | st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=20)
    | st.datetimes()
)
NAMES = st.sampled_from([*KEYS, "bag", "certs", "Environment"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(value=VALUES | st.dictionaries(NAMES, VALUES), fmt=st.sampled_from(FORMATS), wrapped=st.booleans())
def test_no_property_list_raises_anything_but_a_bag_error(
    value: Any, fmt: plistlib.PlistFormat, wrapped: bool
) -> None:
    data = plistlib.dumps(value, fmt=fmt)

    sound_or_refused(plistlib.dumps(old(data), fmt=fmt) if wrapped else data)


def sound_or_refused(data: bytes) -> None:
    """Whatever is in it, a bag that passes keeps what its record promises."""
    with suppress(BagError):
        bag = parse(data)
        assert 1 <= bag.courier_count <= 1000
        assert 0 < bag.expiry <= 366 * 86400
        assert bag.courier_hostname.isascii()
        assert len(bag.courier_hostname) <= 253


@pytest.mark.parametrize("written", ["\x1b[31m" + "x" * 5000, "courier.push.apple.com\u202e"])
def test_nothing_that_the_peer_wrote_is_in_the_detail(written: str) -> None:
    xml = f"<plist><dict><key>{written}</key></dict></plist>".encode().replace(b"\x1b", b"?")

    assert refusal(xml) == "the bag is not a valid property list"
    assert refusal(plistlib.dumps({"APNSCourierHostname": written}, fmt=plistlib.FMT_BINARY)) == (
        "the bag's APNSCourierHostname is not a DNS name"
    )


# What the config says


def bag_of(hostname: str, count: int) -> Bag:
    return Bag(hostname, count, True, None, 900.0)


def test_a_bag_agrees_with_any_configured_family() -> None:
    assert differences(bag_of("courier.push.apple.com", 50), COURIERS) == ()
    assert differences(bag_of("courier2.push.apple.com", 50), COURIERS) == ()


def test_a_family_that_nobody_configured_is_a_difference() -> None:
    assert differences(bag_of("courier9.push.apple.com", 50), COURIERS) == (
        "the bag sends devices to courier9.push.apple.com, which no service covers "
        "(courier: courier.push.apple.com, courier2: courier2.push.apple.com)",
    )


@pytest.mark.parametrize("count", [49, 51])
def test_another_count_is_a_difference_of_the_family_meant(count: int) -> None:
    assert differences(bag_of("courier2.push.apple.com", count), COURIERS) == (
        f"the bag's hosts of courier2.push.apple.com go up to {count}, those of the service courier2 to 50",
    )


def test_each_service_of_a_family_has_a_difference_of_its_own() -> None:
    doubled = {"one": ("a.example", 1), "two": ("a.example", 2), "three": ("a.example", 3)}

    assert differences(bag_of("a.example", 2), doubled) == (
        "the bag's hosts of a.example go up to 2, those of the service one to 1",
        "the bag's hosts of a.example go up to 2, those of the service three to 3",
    )


def test_the_count_of_a_family_that_takes_it_from_the_bag_cannot_differ() -> None:
    assert differences(bag_of("a.example", 2), {"one": ("a.example", None)}) == ()
    assert differences(bag_of("b.example", 2), {"one": ("a.example", None)}) == (
        "the bag sends devices to b.example, which no service covers (one: a.example)",
    )


def test_without_couriers_in_the_config_there_is_nothing_to_disagree_with() -> None:
    assert differences(bag_of("courier.push.apple.com", 50), {}) == ()
