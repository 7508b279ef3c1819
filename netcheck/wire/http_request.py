"""How a request of HTTP/1.1 without a body is written. Does no I/O."""

import re

from netcheck import __version__
from netcheck.model.hosts import bracketed
from netcheck.wire.target import Target

ACCEPT_ENCODING = b"Accept-Encoding: gzip, deflate"
"""What every GET says of the answer it wants."""

_PATH = re.compile(r"/[!-~]*")  # RFC 9112 section 3.2.1, as far as it guards the request line
_DEFAULT_PORTS = frozenset({80, 443})


def request(line: bytes, host: bytes, *headers: bytes) -> bytes:
    """The whole of it; `line` lacks only the version."""
    agent = f"User-Agent: netcheck/{__version__}".encode()
    return b"\r\n".join((line + b" HTTP/1.1", b"Host: " + host, agent, *headers, b"", b""))


def checked_path(path: str) -> bytes:
    """The path of a URL as it goes into a request. ValueError for what would end the line, or is no path."""
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is not a path of a URL")
    return path.encode()


def authority(target: Target) -> bytes:
    """`host:port`, an IPv6 address in brackets (RFC 3986 section 3.2.2). ValueError for no host name."""
    return _host(target) + f":{target.port}".encode()


def host_header(target: Target) -> bytes:
    """RFC 9110 section 7.2; the ports that HTTP and HTTPS imply are left out, as browsers do."""
    return _host(target) if target.port in _DEFAULT_PORTS else authority(target)


def _host(target: Target) -> bytes:
    address = target.address
    return target.name if address is None else bracketed(str(address)).encode()
