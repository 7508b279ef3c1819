"""What a proxy is asked for, and the two ways to put it: an address or a name. Knows no protocol."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from netcheck.model.hosts import endpoint_text, is_literal
from netcheck.model.record import record

Address = IPv4Address | IPv6Address

_NAME = re.compile(rb"[A-Za-z0-9._-]{1,255}")  # nothing that could end a field: no NUL, no CR, no space


@record
class Target:
    """A name, or an address literal without brackets, and a port. ValueError for no port of TCP's."""

    host: str
    port: int

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise ValueError(f"{self.port} is not a port")

    @property
    def place(self) -> str:
        """`HOST:PORT`."""
        return endpoint_text(self.host, self.port)

    @property
    def address(self) -> Address | None:
        """The host as an address, or None for a name. ValueError for one with a zone, which is ours alone."""
        if not is_literal(self.host):
            return None
        address = ip_address(self.host)
        if isinstance(address, IPv6Address) and address.scope_id:
            raise ValueError(f"a proxy has no use for the zone of {self.host}")
        return address

    @property
    def name(self) -> bytes:
        """The host as a name in ASCII, at most 255 bytes (RFC 1928 section 5). ValueError if it is none."""
        name = self.host.encode("idna")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{self.host!r} is not a host name")
        return name
