"""The TCP connections of this machine, as the kernel lists them: proc_net(5) on /proc/net/tcp."""

import socket
from pathlib import Path
from typing import NamedTuple

ESTABLISHED, SYN_SENT, LISTEN = "01", "02", "0A"


class Connection(NamedTuple):
    """One over IPv4; both ends as `ADDRESS:PORT`."""

    local: str
    remote: str
    state: str
    file: str
    """What a descriptor of it links to."""


def connections() -> list[Connection]:
    """Those that have gone lately as well."""
    lines = map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
    return [Connection(_end(row[1]), _end(row[2]), row[3], f"socket:[{row[9]}]") for row in lines]


def _end(written: str) -> str:
    address, _, port = written.partition(":")
    return f"{socket.inet_ntoa(bytes.fromhex(address)[::-1])}:{int(port, 16)}"


def has_connection_to(port: int, state: str) -> bool:
    """To a port of 127.0.0.1."""
    return any((each.remote, each.state) == (f"127.0.0.1:{port}", state) for each in connections())
