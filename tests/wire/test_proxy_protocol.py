"""The header of the PROXY protocol, byte by byte as in haproxy's proxy-protocol.txt, sections 2.1 and 2.2."""

import pytest

from netcheck.model.paths import ProxyProtocol
from netcheck.wire.proxy_protocol import header
from netcheck.wire.target import Target

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")


def test_over_ipv4_the_second_version_has_twelve_bytes_of_addresses() -> None:
    said = header(ProxyProtocol.V2, Target("192.0.2.1", 40000), Target("10.1.1.20", 443))
    assert said == SIGNATURE + b"\x21\x11\x00\x0c" + bytes.fromhex("c0000201 0a010114 9c40 01bb")


def test_over_ipv6_it_has_thirty_six() -> None:
    said = header(ProxyProtocol.V2, Target("fd00::1", 40000), Target("fd00::20", 443))
    assert said[:16] == SIGNATURE + b"\x21\x21\x00\x24"
    assert said[16:] == bytes.fromhex(f"fd{'00' * 14}01 fd{'00' * 14}20 9c40 01bb")


@pytest.mark.parametrize(
    ("source", "destination", "line"),
    [
        ("192.0.2.1", "10.1.1.20", b"PROXY TCP4 192.0.2.1 10.1.1.20 40000 443\r\n"),
        ("fd00::1", "fd00::20", b"PROXY TCP6 fd00::1 fd00::20 40000 443\r\n"),
    ],
)
def test_the_first_version_is_a_line(source: str, destination: str, line: bytes) -> None:
    assert header(ProxyProtocol.V1, Target(source, 40000), Target(destination, 443)) == line


def test_two_families_in_one_header_are_refused() -> None:
    with pytest.raises(ValueError, match="two families"):
        header(ProxyProtocol.V2, Target("192.0.2.1", 1), Target("fd00::20", 443))
