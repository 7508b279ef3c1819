"""The PROXY protocol, by which a load balancer says whose connection it passes on: haproxy's
proxy-protocol.txt.

Knows how the header is written and does no I/O: nothing is answered to it.
"""

from ipaddress import ip_address

from netcheck.model.paths import ProxyProtocol
from netcheck.wire.target import Target

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_VERSION_2_PROXY = 0x21
"""PROXY, not LOCAL: what passes connections on says so of each, and some listeners take nothing else."""
_STREAM = {4: 0x11, 6: 0x21}
"""TCP over IPv4 and over IPv6."""


def header(version: ProxyProtocol, source: Target, destination: Target) -> bytes:
    """What comes first in the connection; `source` is its own end here, both are addresses of one family.

    Section 2.1 for v1, section 2.2 for v2. ValueError where these are no such addresses.
    """
    ends = [ip_address(source.host), ip_address(destination.host)]
    if ends[0].version != ends[1].version:
        raise ValueError(f"{ends[0]} and {ends[1]} are of two families")
    family = ends[0].version
    if version is ProxyProtocol.V1:
        return f"PROXY TCP{family} {ends[0]} {ends[1]} {source.port} {destination.port}\r\n".encode()
    addresses = b"".join(end.packed for end in ends)
    block = addresses + source.port.to_bytes(2) + destination.port.to_bytes(2)
    return _SIGNATURE + bytes((_VERSION_2_PROXY, _STREAM[family])) + len(block).to_bytes(2) + block
