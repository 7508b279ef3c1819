"""Where to serve HTTP: an address and port, or a socket in the file system."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from netcheck.config.reading.addresses import literal, split_port
from netcheck.model.hosts import endpoint_text


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to serve HTTP: an address literal without brackets, and a port; 0 lets the system choose one."""

    host: str = "127.0.0.1"
    port: int = 9223

    @property
    def on_every_address(self) -> "Listen":
        """The same port on every address of the family."""
        every = ipaddress.IPv6Address(0) if ":" in self.host else ipaddress.IPv4Address(0)
        return Listen(str(every), self.port)

    def __str__(self) -> str:
        return endpoint_text(self.host, self.port)


@dataclass(frozen=True, slots=True)
class UnixListen:
    """Where to serve HTTP on this machine only: the whole path of a socket."""

    file: Path

    def __str__(self) -> str:
        return f"unix:{self.file}"


ListenPlace = Listen | UnixListen


_LONGEST_SOCKET_NAME = 107  # sun_path of unix(7), less its NUL


def listen_place(written: str) -> ListenPlace:
    """`ADDRESS:PORT`, where port 0 lets the system choose one, or `unix:/PATH/OF/SOCKET`."""
    if written.startswith("unix:"):
        return _socket_file(written.removeprefix("unix:"))
    before, port = split_port(written, lowest_port=0)
    if before in ("", "*") and port is not None:
        raise ValueError(
            f"this names no address: write 127.0.0.1:{port} for this machine only, "
            f'0.0.0.0:{port} for every IPv4 address or "[::]:{port}" for every IPv6 address'
        )
    found = literal(before)
    if written.startswith("/"):
        raise ValueError("for a socket in the file system write unix: before its path")
    if found is None or port is None:
        raise ValueError(
            "this is not an address with a port: "
            'write it like 127.0.0.1:9223 or "[::1]:9223", with an address and not a name'
        )
    parsed = ipaddress.ip_address(found)
    if isinstance(parsed, ipaddress.IPv6Address) and (mapped := parsed.ipv4_mapped):
        raise ValueError(f"this is an IPv4 address in IPv6: write {mapped}:{port}")
    return Listen(found, port)


def _socket_file(written: str) -> UnixListen:
    if not re.fullmatch(r"/[^\0@]*", written, re.DOTALL) or len(written.encode()) > _LONGEST_SOCKET_NAME:
        raise ValueError(
            f"needs the whole path of the socket, at most {_LONGEST_SOCKET_NAME} bytes: "
            "write it like unix:/run/netcheck/http.sock"
        )
    return UnixListen(Path(written))
