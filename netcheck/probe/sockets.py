"""Sockets as a probe needs them: bound where the path says, errno kept, the kernel's own figures read.

trio's own `open_tcp_stream` resolves, races addresses and loses the errno, so this is one raw non-blocking
socket per address. Nothing here has a deadline of its own: the phase that calls sets it.
"""

import errno
import socket
from collections.abc import Callable
from ipaddress import ip_address
from time import perf_counter
from typing import Protocol, Self

import trio

from netcheck.model.failing import PhaseError, Reason
from netcheck.model.hosts import endpoint_text, is_literal
from netcheck.model.paths import Binding, Family, family_of
from netcheck.probe import system
from netcheck.probe.errors import error_from_afar, error_from_errno, error_from_os, error_from_routes

_MOST_NAMED = 8
_NO_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - as the kernel says it; nothing is bound to it


def open_socket(kind: socket.SocketKind, address: str, binding: Binding) -> socket.socket:
    """A non-blocking socket that can reach `address` from where the path leaves this machine.

    Raises PhaseError: no_local_address, permission_denied or fd_exhausted.
    """
    family = family_of(address)
    try:
        kernel_family = socket.AF_INET6 if family is Family.IPV6 else socket.AF_INET
        sock = system.HERE.open_socket(kernel_family, kind)
    except OSError as error:
        told = error_from_os(error, "open a socket")
        told.is_of_binding = told.reason is Reason.NO_LOCAL_ADDRESS and binding.source(family) is not None
        raise told from error
    try:
        _bind(sock, family, binding)
    except PhaseError as error:
        sock.close()
        error.is_of_binding = error.reason is Reason.NO_LOCAL_ADDRESS
        raise
    except BaseException:  # closed on every way out, cancellation too
        sock.close()
        raise
    return sock


def _bind(sock: socket.socket, family: Family, binding: Binding) -> None:
    if binding.interface is not None:
        try:
            system.HERE.bind_to_interface(sock, family, binding.interface)
        except OSError as error:
            told = error_from_os(error, f"bind to interface {binding.interface}")
            if error.errno == errno.ENODEV:
                told = PhaseError.of(told, detail=f"{told.detail}; the interfaces here: {_interfaces()}")
            raise told from error
    source = binding.source(family)
    if source is not None:
        try:
            system.HERE.choose_port_late(sock)
            sock.bind(_place(source, 0))
        except OSError as error:
            raise error_from_os(error, f"bind to source address {source}") from error


def _interfaces() -> str:
    names = [name for _, name in socket.if_nameindex()]
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return ", ".join([*names[:_MOST_NAMED], *more])


async def connect(sock: socket.socket, address: str, port: int) -> "TcpStream":
    """Connect, or raise PhaseError with the reason that the errno gives."""
    stays = True
    if begin_to_connect(sock, address, port):
        await trio.lowlevel.wait_writable(sock)
        stays = end_connecting(sock, address, port)
        system.HERE.hear_icmp(sock, family_of(address), on=False)
    return TcpStream(sock, was_reset=not stays)


def begin_to_connect(sock: socket.socket, address: str, port: int) -> bool:
    """Whether the connection is under way now; where it is not, it is there at once.

    What this machine itself forbids fails here, before a packet leaves: that is permission_denied.
    Raises PhaseError; ValueError for a name, which the system would resolve, and all else would wait.
    """
    host, _, scope = address.partition("%")
    if not is_literal(host):
        raise ValueError("a name where an address belongs")
    try:
        code = sock.connect_ex(_place(address, port) if scope else (host, port))
    except OSError as error:  # only a scope can be wrong in an address literal: fe80::1%gone
        raise PhaseError(Reason.NO_LOCAL_ADDRESS, f"connect to {address}: no such interface") from error
    if code in system.HERE.under_way:
        system.HERE.hear_icmp(sock, family_of(address), on=True)
        return True
    if code:
        lacks_scope = ip_address(address).is_link_local
        told = error_from_errno if lacks_scope else error_from_routes
        raise told(code, f"connect to {endpoint_text(address, port)}")
    return False


def end_connecting(sock: socket.socket, address: str, port: int) -> bool:
    """What became of what was under way, once the socket can be written to. Raises PhaseError.

    False where the connection was there, and has been reset since: what is refused has another error (Linux's
    tcp_reset in net/ipv4/tcp_input.c, and BSD's).
    """
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code and code != errno.ECONNRESET:
        raise error_that_came(sock, code, f"connect to {endpoint_text(address, port)}")
    return not code


def reset_at_once(address: str, port: int) -> PhaseError:
    """Why a probe that ends with the connection fails, where that was there and is gone."""
    return error_from_errno(errno.ECONNRESET, f"connected to {endpoint_text(address, port)}, and then")


def error_that_came(sock: socket.socket, code: int, doing: str) -> PhaseError:
    """By ICMP from somebody; from this machine itself where nobody is at the first hop's address (ARP)."""
    told_by = system.HERE.icmp_from(sock)
    if code == errno.EHOSTUNREACH and told_by == source_of(sock):
        return error_from_errno(code, doing)
    return error_from_afar(code, doing, told_by)


def _place(address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """What `socket` takes: a scope (fe80::1%eth0) as a number, as it loses one in the text.

    Raises OSError where there is no such interface.
    """
    host, _, scope = address.partition("%")
    if not scope:
        return host, port
    return host, port, 0, int(scope) if scope.isdecimal() else socket.if_nametoindex(scope)


def source_of(sock: socket.socket) -> str | None:
    """The address that the socket leaves from; None where the kernel has not chosen one."""
    try:
        address: str = sock.getsockname()[0]
    except OSError:
        return None
    return None if address in _NO_ADDRESS else address


def keep_asking(sock: socket.socket, *, on: bool, patience: float = 0.0) -> None:
    """Begin or end to have the kernel ask the other end whether the connection is still there, each second.

    Without an answer, the connection fails before `patience` seconds are over. Raises PhaseError.
    """
    try:
        if on:
            system.HERE.keep_asking(sock, patience)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
    except OSError as error:
        raise error_from_os(error, "keep alive") from error


READ_LIMIT = 16 * 1024
"""Bytes to read at once, where nobody knows how many come."""


class Stream(Protocol):
    """Bytes both ways; errors come as PhaseError, the end of the stream as b"".

    Reading lets other tasks run, also where there is nothing to wait for, if not each time: a peer that
    always has bytes ready must not keep the event loop to itself.
    """

    async def send_all(self, data: bytes) -> None: ...
    async def receive_some(self, limit: int) -> bytes: ...


class TcpStream:
    """A connected TCP socket to read and write; errors come as PhaseError, the end of the stream as b""."""

    def __init__(self, sock: socket.socket, *, was_reset: bool = False) -> None:
        self.socket = sock
        self.was_reset = was_reset
        """Whether it has been reset since it was there: the kernel tells that once."""
        system.HERE.stamp_arrivals(sock)
        self.notice_late: Callable[[float], None] = _tell_nobody
        """Is told for how many seconds this process was busy elsewhere while it could have gone on."""
        self._had_bytes_ready = False
        self._granted: int | None = None
        self._left = 0
        self._too_many = Reason.BAD_ANSWER

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self.notice_late = _tell_nobody  # who is told has the stream: a cycle for the collector
        self.socket.close()

    def grant(self, limit: int, too_many: Reason) -> None:
        """Take `limit` bytes from now on, and fail for `too_many` at more. Without a grant, no limit."""
        self._granted = self._left = limit
        self._too_many = too_many

    async def send_all(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        view = memoryview(data)
        while view := self._put(view):
            await trio.lowlevel.wait_writable(self.socket)

    def _put(self, view: memoryview) -> memoryview:
        """Send as much as there is room for; what is left."""
        self._fail_if_reset("send")
        try:
            while view:
                view = view[self.socket.send(view) :]
        except BlockingIOError:
            pass
        except OSError as error:
            raise error_from_os(error, "send") from error
        return view

    async def receive_some(self, limit: int) -> bytes:
        """At most `limit` bytes; b"" when the peer has closed."""
        began = perf_counter()
        # Before anything is taken: what is cancelled loses no bytes.
        if self._had_bytes_ready:
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        self._had_bytes_ready = True
        while True:
            data = self._take(limit, began)
            if data is not None:
                return data
            self._had_bytes_ready = False
            await trio.lowlevel.wait_readable(self.socket)

    def _take(self, limit: int, began: float) -> bytes | None:
        """What there is to read, for who has waited for it since `began`; None where there is nothing yet."""
        self._fail_if_reset("receive")
        try:
            data, late = system.HERE.receive(self.socket, limit)
        except BlockingIOError:
            return None
        except OSError as error:
            raise error_from_os(error, "receive") from error
        self.notice_late(min(late, perf_counter() - began))
        self._left -= len(data)
        if self._granted is not None and self._left < 0:
            raise PhaseError(self._too_many, f"more than {self._granted} bytes came, and no end of them")
        return data

    def _fail_if_reset(self, doing: str) -> None:
        """The kernel would say that the pipe is broken, or the end of the stream."""
        if self.was_reset:
            raise error_from_errno(errno.ECONNRESET, doing)


def _tell_nobody(_: float) -> None:
    pass
