"""What differs between operating systems in a probe; nothing else knows on which one it runs.

Linux and macOS tell what their kernels measured and let a socket choose its interface, each in its own way.
Elsewhere, on Windows too, neither is to be had: what is missing is said, or left out, and never an error of
its own. Options that Python's `socket` does not name on every system stand here by number.
"""

import errno
import os
import re
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Generic, NamedTuple, TypeVar

import dns.win32util
import trio

from netcheck.model.failing import PhaseError, Reason
from netcheck.model.paths import Family
from netcheck.probe.errors import error_from_os

_IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h
_RECVERR = {
    Family.IPV4: (socket.IPPROTO_IP, 11),  # IP_RECVERR of linux/in.h
    Family.IPV6: (socket.IPPROTO_IPV6, 25),  # IPV6_RECVERR of linux/in6.h
}
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h
_TIMESPEC = struct.Struct("@ll")  # seconds and nanoseconds of the wall clock
_ROOM_FOR_STAMP = 64
"""Bytes; socket.CMSG_SPACE is not there on Windows."""
_OFFENDER = 16
_MOST_SAID = 512
_TCP_INFO = 11  # linux/tcp.h, as its struct tcp_info
_SINCE_ACK_MILLISECONDS = 56  # tcpi_last_ack_recv, u32
_MEASURED = struct.Struct("=68xI28xI")  # tcpi_rtt (microseconds) and tcpi_total_retrans

_IP_BOUND_IF = 25  # netinet/in.h of macOS
_IPV6_BOUND_IF = 125  # netinet6/in6.h of macOS
_TCP_KEEPALIVE = 0x10  # netinet/tcp.h of macOS, as the next three
_TCP_KEEPINTVL = 0x101
_TCP_KEEPCNT = 0x102
_TCP_CONNECTION_INFO = 0x106
_CONNECTION_INFO = struct.Struct("=44xI56xQ")  # tcpi_srtt (ms) and tcpi_txretransmitpackets

_SCUTIL = ("/usr/sbin/scutil", "--dns")
_PATIENCE = 3.0
"""Seconds to wait for what the system says of its nameservers."""
_KNOWN_FOR = 5.0
"""Seconds for which that is taken to hold."""

T = TypeVar("T")


class TcpInfo(NamedTuple):
    """What the kernel measured: the round trip in seconds (None before an answer), segments sent again."""

    rtt: float | None
    retransmits: int


class System:
    """A system that has neither Linux's ways nor those of macOS."""

    under_way: tuple[int, ...] = (errno.EINPROGRESS, errno.EWOULDBLOCK)
    """What a socket that does not block says of a connection that has begun; Windows says the second."""
    times_connecting = False
    """Whether a fresh connection's round trip is the time from SYN to SYN-ACK, in microseconds."""
    has_epoll = False
    """Whether one object tells of the events of many sockets, and is itself one that can be waited for."""
    measured: tuple[int, struct.Struct, float] | None = None
    """The option that has what the kernel measured of a connection, its layout, and its units in a second."""

    def open_socket(self, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        """One that does not block. Raises OSError."""
        sock = socket.socket(family, kind)
        sock.setblocking(False)
        return sock

    def bind_to_interface(self, sock: socket.socket, family: Family, name: str) -> None:  # noqa: ARG002
        """Have the socket leave by this interface only. Raises OSError, or PhaseError where none can."""
        raise PhaseError(
            Reason.NO_LOCAL_ADDRESS,
            f"this system cannot bind to interface {name}: give the path a source address instead",
        )

    def choose_port_late(self, sock: socket.socket) -> None:
        """Have the port of a bound socket chosen at connect, when the kernel knows the peer, where it can."""

    def hear_icmp(self, sock: socket.socket, family: Family, *, on: bool) -> None:
        """Begin or end to keep who says by ICMP that a connection leads nowhere, where it can be had."""

    def icmp_from(self, sock: socket.socket) -> str:  # noqa: ARG002 - Linux asks it
        """The address that said so; empty where nobody did, or the system does not tell."""
        return ""

    def stamp_arrivals(self, sock: socket.socket) -> None:
        """Have the kernel keep when what is read has come, where it can."""

    def receive(self, sock: socket.socket, limit: int) -> tuple[bytes, float]:
        """At most so many bytes, and for how many seconds the last had been there; 0 where nobody says.

        Raises OSError. A clock that is set meanwhile makes the seconds wrong.
        """
        return sock.recv(limit), 0.0

    def tcp_info(self, sock: socket.socket) -> TcpInfo | None:
        """What the kernel measured of a connection; None where it does not say."""
        if self.measured is None:
            return None
        option, layout, second = self.measured
        try:
            raw = sock.getsockopt(socket.IPPROTO_TCP, option, layout.size)
        except OSError:
            return None
        if len(raw) < layout.size:
            return None
        rtt, retransmits = layout.unpack(raw)
        return TcpInfo(rtt / second if rtt else None, retransmits)

    def since_ack(self, sock: socket.socket) -> float | None:  # noqa: ARG002
        """Seconds since the other end last acknowledged anything; None where the kernel does not say.

        Raises PhaseError.
        """
        return None

    def keep_asking(self, sock: socket.socket, patience: float) -> None:
        """Have the kernel ask each second whether the connection is still there (RFC 9293 section 3.8.4).

        The first question leaves at once where the connection has been idle for a second; the connection
        fails before `patience` seconds without an answer are over. Questions carry no data, so no program
        sees them. OSError where the system cannot.
        """
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # In this order: setting the idle time of a socket that is being kept alive counts from its last
        # packet, while switching it on counts from now.
        for option, value in zip(self._keep_alive_options(), (1, 1, max(1, int(patience) - 2)), strict=True):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)

    async def nameservers(self, interface: str | None) -> tuple[str, ...]:  # noqa: ARG002 - macOS goes by it
        """The addresses to ask by way of an interface, or of any; none where resolv.conf says it all."""
        return ()

    def _keep_alive_options(self) -> tuple[int, int, int]:
        """The options for idle time, interval (both in seconds) and count."""
        names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
        found = tuple(getattr(socket, name) for name in names if hasattr(socket, name))
        if len(found) < len(names):
            # not ENOPROTOOPT: that is what a router may answer
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return found


class Linux(System):
    """`SO_BINDTODEVICE`, `SO_TIMESTAMPNS` (socket(7)) and `TCP_INFO` (tcp(7))."""

    under_way = (errno.EINPROGRESS,)  # the other one is an error here
    times_connecting = True
    has_epoll = True
    measured = (_TCP_INFO, _MEASURED, 1e6)

    def open_socket(self, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        return socket.socket(family, kind | socket.SOCK_NONBLOCK)  # by one call, in place of two

    def bind_to_interface(self, sock: socket.socket, family: Family, name: str) -> None:  # noqa: ARG002
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode())

    def choose_port_late(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)

    def hear_icmp(self, sock: socket.socket, family: Family, *, on: bool) -> None:
        """Ended once there is a connection: else ICMP would break what survives it (tcp(7))."""
        sock.setsockopt(*_RECVERR[family], on)

    def icmp_from(self, sock: socket.socket) -> str:
        try:
            _, said, _, _ = sock.recvmsg(0, _MOST_SAID, socket.MSG_ERRQUEUE)
        except OSError:  # nothing is in the queue
            return ""
        return next((_offender(data) for level, kind, data in said if (level, kind) in _RECVERR.values()), "")

    def stamp_arrivals(self, sock: socket.socket) -> None:
        with suppress(OSError):  # what runs Linux programs on another kernel may not know it
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def receive(self, sock: socket.socket, limit: int) -> tuple[bytes, float]:
        data, said, _, _ = sock.recvmsg(limit, _ROOM_FOR_STAMP)
        for level, kind, stamp in said:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(stamp) == _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack(stamp)
                return data, max(0.0, time.time() - seconds - nanoseconds / 1e9)
        return data, 0.0

    def since_ack(self, sock: socket.socket) -> float | None:
        """The kernel counts in steps of up to 10 ms."""
        try:
            raw = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _MEASURED.size)
        except OSError as error:
            raise error_from_os(error, "read TCP_INFO") from error
        (milliseconds,) = struct.unpack_from("=I", raw, _SINCE_ACK_MILLISECONDS)
        return float(milliseconds / 1000)


def _offender(error: bytes) -> str:
    """The address in a `sock_extended_err` of linux/errqueue.h, whose sockaddr comes behind 16 bytes."""
    (family,) = struct.unpack_from("=H", error, _OFFENDER)
    if family == socket.AF_INET:
        return socket.inet_ntop(family, error[_OFFENDER + 4 : _OFFENDER + 8])
    if family == socket.AF_INET6:
        return socket.inet_ntop(family, error[_OFFENDER + 8 : _OFFENDER + 24])
    return ""


class _Remembered(Generic[T]):
    """An answer of the system: asked for once where many want it, and anew after some seconds."""

    def __init__(self, ask: Callable[[], Awaitable[T]], otherwise: T) -> None:
        self._ask, self._otherwise = ask, otherwise
        self._one_at_a_time = trio.Lock()
        self._known: tuple[float, T] | None = None

    async def get(self) -> T:
        """The answer; `otherwise` where there is none in time."""
        async with self._one_at_a_time:
            if self._known is None or not 0 <= trio.current_time() - self._known[0] < _KNOWN_FOR:
                found = self._otherwise
                with trio.move_on_after(_PATIENCE):
                    found = await self._ask()
                self._known = trio.current_time(), found
            return self._known[1]


class MacOS(System):
    """`IP_BOUND_IF` (ip(4)), `TCP_CONNECTION_INFO` and `TCP_KEEPALIVE` (tcp(4)), scutil(8)."""

    under_way = (errno.EINPROGRESS,)
    measured = (_TCP_CONNECTION_INFO, _CONNECTION_INFO, 1e3)

    def __init__(self) -> None:
        self._scutil = _Remembered(_said_by_scutil, "")

    async def nameservers(self, interface: str | None) -> tuple[str, ...]:
        """resolv.conf there has those of the main interface only; the others have scoped ones."""
        return scoped_nameservers(await self._scutil.get(), interface) if interface else ()

    def bind_to_interface(self, sock: socket.socket, family: Family, name: str) -> None:
        try:
            index = socket.if_nametoindex(name)
        except OSError as error:  # it comes without an errno
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from error
        if family is Family.IPV6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_BOUND_IF, index)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_BOUND_IF, index)

    def _keep_alive_options(self) -> tuple[int, int, int]:
        return _TCP_KEEPALIVE, _TCP_KEEPINTVL, _TCP_KEEPCNT


async def _said_by_scutil() -> str:
    try:
        done = await trio.run_process(_SCUTIL, capture_stdout=True, capture_stderr=True, check=False)
    except OSError:
        return ""
    return bytes(done.stdout).decode(errors="replace")


def scoped_nameservers(said: str, interface: str) -> tuple[str, ...]:
    """Whom `scutil --dns` says to ask by way of an interface; in order, each once."""
    _, _, scoped = said.partition("(for scoped queries)")
    of_interface = (part for part in scoped.split("resolver #") if f"({interface})\n" in part)
    found = (re.findall(r"^ *nameserver\[[0-9]+\] *: *(\S+)$", part, re.MULTILINE) for part in of_interface)
    return tuple(dict.fromkeys(address for addresses in found for address in addresses))


class Windows(System):
    """The registry has the nameservers, of all interfaces together; there is no resolv.conf."""

    def __init__(self) -> None:
        read = partial(trio.to_thread.run_sync, _said_by_registry, abandon_on_cancel=True)
        self._registry: _Remembered[tuple[str, ...]] = _Remembered(read, ())

    async def nameservers(self, interface: str | None) -> tuple[str, ...]:  # noqa: ARG002 - as of all
        return await self._registry.get()


def _said_by_registry() -> tuple[str, ...]:
    try:
        found = dns.win32util.get_dns_info()  # type: ignore[attr-defined]  # it is there on Windows only
    except OSError:
        return ()
    return tuple(map(str, found.nameservers))


_SYSTEMS = {"linux": Linux, "darwin": MacOS, "win32": Windows}
HERE = _SYSTEMS.get(sys.platform, System)()
"""The system that this process runs on."""
