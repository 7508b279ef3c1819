"""Sockets as a probe needs them: bound where the path says, errno kept, the kernel's own figures read.

trio's own `open_tcp_stream` resolves, races addresses and loses the errno, so this is one raw non-blocking
socket per address. Nothing here has a deadline of its own: the phase that calls sets it.
"""

import errno
import socket
import struct
from dataclasses import dataclass
from typing import Protocol, Self

import trio

from netcheck.model.failing import Reason
from netcheck.model.paths import Binding, Family, endpoint_text, family_of
from netcheck.probe.errors import PhaseError, error_from_errno, error_from_os

_IP_BIND_ADDRESS_NO_PORT = (
    24  # linux/in.h; lets the kernel choose the port at connect, when it knows the peer
)
_TCP_INFO_SIZE = 160
_RETRANSMITS_BY_NOW = 100  # tcpi_total_retrans, u32
_RTT_MICROSECONDS = 68  # tcpi_rtt, u32
_SINCE_ACK_MILLISECONDS = 56  # tcpi_last_ack_recv, u32


def open_socket(kind: socket.SocketKind, address: str, binding: Binding) -> socket.socket:
    """A non-blocking socket that can reach `address` from where the path leaves this machine.

    Raises PhaseError: no_local_address, permission_denied or fd_exhausted.
    """
    family = family_of(address)
    try:
        kernel_family = socket.AF_INET6 if family is Family.IPV6 else socket.AF_INET
        sock = socket.socket(kernel_family, kind | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise error_from_os(error, "open a socket") from error
    try:
        _bind(sock, family, binding)
    except BaseException:  # closed on every way out, cancellation too
        sock.close()
        raise
    return sock


def _bind(sock: socket.socket, family: Family, binding: Binding) -> None:
    if binding.interface is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, binding.interface.encode())
        except OSError as error:
            raise error_from_os(error, f"bind to interface {binding.interface}") from error
    source = binding.source(family)
    if source is not None:
        try:
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source, 0))
        except OSError as error:
            raise error_from_os(error, f"bind to source address {source}") from error


async def connect(sock: socket.socket, address: str, port: int) -> None:
    """Connect, or raise PhaseError with the reason that the errno gives."""
    try:
        code = sock.connect_ex((address, port))
    except socket.gaierror as error:  # only a scope can be wrong in an address literal: fe80::1%gone
        raise PhaseError(Reason.NO_LOCAL_ADDRESS, f"connect to {address}: no such interface") from error
    if code == errno.EINPROGRESS:
        await trio.lowlevel.wait_writable(sock)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise error_from_errno(code, f"connect to {endpoint_text(address, port)}")


@dataclass(frozen=True, slots=True)
class TcpInfo:
    """What the kernel measured: the round trip in seconds (None before an answer), segments sent again."""

    rtt: float | None
    retransmits: int


def tcp_info(sock: socket.socket) -> TcpInfo | None:
    """Right after connect, the time from SYN to SYN-ACK as the kernel saw it; None where it does not say.

    A busy process cannot distort it. Layout: struct tcp_info of linux/tcp.h, native byte order.
    """
    try:
        raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    except OSError:
        return None
    if len(raw) < _RETRANSMITS_BY_NOW + 4:
        return None
    (rtt,) = struct.unpack_from("=I", raw, _RTT_MICROSECONDS)
    (retransmits,) = struct.unpack_from("=I", raw, _RETRANSMITS_BY_NOW)
    return TcpInfo(rtt / 1e6 if rtt else None, retransmits)


def since_ack(sock: socket.socket) -> float:
    """Seconds since the other end last acknowledged anything; the kernel counts in steps of up to 10 ms.

    Raises PhaseError.
    """
    try:
        raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    except OSError as error:
        raise error_from_os(error, "read TCP_INFO") from error
    (milliseconds,) = struct.unpack_from("=I", raw, _SINCE_ACK_MILLISECONDS)
    return float(milliseconds / 1000)


def keep_asking(sock: socket.socket, *, on: bool) -> None:
    """Have the kernel ask the other end each second whether the connection is still there (RFC 9293 3.8.4).

    The first question leaves at once where the connection has been idle for a second. They carry no data, so
    no program sees them. Raises PhaseError.
    """
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, on)
        if on:
            # In this order: setting the idle time of a socket that is being kept alive counts from its last
            # packet, while switching it on counts from now.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    except OSError as error:
        raise error_from_os(error, "keep alive") from error


class Stream(Protocol):
    """Bytes both ways; errors come as PhaseError, the end of the stream as b""."""

    async def send_all(self, data: bytes) -> None: ...
    async def receive_some(self, limit: int) -> bytes: ...


class TcpStream:
    """A connected TCP socket to read and write; errors come as PhaseError, the end of the stream as b""."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    async def send_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self.socket.send(view) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self.socket)
            except OSError as error:
                raise error_from_os(error, "send") from error

    async def receive_some(self, limit: int) -> bytes:
        """At most `limit` bytes; b"" when the peer has closed."""
        while True:
            try:
                return self.socket.recv(limit)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self.socket)
            except OSError as error:
                raise error_from_os(error, "receive") from error
