"""Channels to a nameserver: whole DNS messages over UDP, TCP or TLS; errors come as PhaseError.

Knows nothing of what is in them.
"""

import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import lru_cache

import trio

from netcheck.model.failing import PhaseError, Reason
from netcheck.model.paths import Binding, Nameserver, Resolver, Transport, family_of
from netcheck.probe import system
from netcheck.probe.authorities import client_context
from netcheck.probe.errors import error_from_afar, error_from_os
from netcheck.probe.sockets import TcpStream, begin_to_connect, connect, error_that_came, open_socket
from netcheck.probe.tls import TlsStream

_MAX_MESSAGE = 0xFFFF  # the length field over TCP has 16 bits (RFC 1035 section 4.2.2)
_BUFFER = 1024 * 1024
"""Bytes: a burst of forged replies must not leave the right one without room."""
_AT_ONCE = 32
"""Datagrams that may be read before other tasks have their turn."""
_MOST_OVER_TLS = 256 * 1024  # with the handshake: its records can go on for ever


class Datagrams:
    """Over a connected UDP socket, one message each: ICMP errors reach it, and strangers' packets do not."""

    def __init__(
        self, nameserver: Nameserver, binding: Binding, notice_late: Callable[[float], None]
    ) -> None:
        """A fresh socket for each question, so one with a port that nobody can guess; raises PhaseError.

        `notice_late` is told for how many seconds this process was busy while it could have gone on.
        """
        self._socket = open_socket(socket.SOCK_DGRAM, nameserver.address, _binding_to(nameserver, binding))
        self._asked = nameserver.address.partition("%")[0]
        self._notice_late = notice_late
        self._received = 0
        try:
            begin_to_connect(self._socket, nameserver.address, nameserver.port)
        except BaseException:  # closed on every way out, a bug of ours too
            self.close()
            raise
        system.HERE.stamp_arrivals(self._socket)
        system.HERE.hear_icmp(self._socket, family_of(nameserver.address), on=True)  # as glibc does
        with suppress(OSError):  # the system may not allow so much
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()

    async def send(self, wire: bytes) -> None:
        try:
            self._socket.send(wire)
        except BlockingIOError as error:  # it is fresh, so this is the machine's want of memory
            raise PhaseError(Reason.FD_EXHAUSTED, "no buffer for a datagram") from error
        except OSError as error:
            raise error_from_os(error, "send") from error

    async def receive(self) -> bytes:
        began = trio.current_time()  # the clock by which the exchange is timed
        if not self._received:
            await trio.lowlevel.wait_readable(self._socket)
        elif self._received % _AT_ONCE == 0:  # a flood of datagrams must not keep the loop to itself
            await trio.lowlevel.checkpoint()
        self._received += 1
        while True:
            try:
                message, late = system.HERE.receive(self._socket, _MAX_MESSAGE)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self._socket)
            except OSError as error:
                raise self._why(error) from error
            else:
                self._notice_late(min(late, trio.current_time() - began))
                return message

    def _why(self, error: OSError) -> PhaseError:
        """By ICMP; from whom is told only where it is not the nameserver itself."""
        told = error_that_came(self._socket, error.errno or 0, "receive")
        return error_from_afar(error.errno or 0, "receive") if told.told_by == self._asked else told


@asynccontextmanager
async def frames(
    nameserver: Nameserver,
    transport: Transport,
    resolver: Resolver,
    binding: Binding,
    notice_late: Callable[[float], None],
) -> AsyncIterator["Frames"]:
    """A fresh connection for a question, over TCP or TLS. `notice_late` is as for Datagrams."""
    with (
        open_socket(socket.SOCK_STREAM, nameserver.address, _binding_to(nameserver, binding)) as sock,
        await connect(sock, nameserver.address, nameserver.port) as stream,
    ):
        stream.notice_late = notice_late
        is_tls = transport is Transport.TLS
        yield Frames(await _secured(stream, nameserver, resolver) if is_tls else stream)


class Frames:
    """Over a byte stream: each message behind its length (RFC 1035 section 4.2.2, RFC 7858 section 3.3)."""

    def __init__(self, stream: TcpStream | TlsStream) -> None:
        self._stream = stream
        self.not_after = stream.not_after if isinstance(stream, TlsStream) else None
        """When the certificate of who is asked expires."""

    async def send(self, wire: bytes) -> None:
        await self._stream.send_all(len(wire).to_bytes(2) + wire)  # in one segment (RFC 7766 section 8)

    async def receive(self) -> bytes:
        length = int.from_bytes(await self._exactly(2))
        return await self._exactly(length)

    async def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = await self._stream.receive_some(size - len(data))
            if not chunk:
                raise PhaseError(Reason.DNS_MALFORMED, f"closed after {len(data)} of {size} bytes")
            data += chunk
        return bytes(data)


async def _secured(stream: TcpStream, nameserver: Nameserver, resolver: Resolver) -> TlsStream:
    """DNS over TLS in its strict form: what cannot be verified is not asked (RFC 8310 section 5)."""
    stream.grant(_MOST_OVER_TLS, Reason.DNS_MALFORMED)
    name = resolver.server_name or nameserver.address.partition("%")[0]  # no certificate holds a scope
    tls = TlsStream(stream, await client_context(resolver.ca_file), name)
    await tls.handshake()
    return tls


def _binding_to(nameserver: Nameserver, binding: Binding) -> Binding:
    """A nameserver on loopback, such as systemd-resolved's 127.0.0.53, is asked without the path's binding.

    Packets to it leave by lo alone, so from another interface they never arrive, and it takes no questions
    from the source addresses of other networks.
    """
    return Binding() if _is_loopback(nameserver.address) else binding


@lru_cache(maxsize=64)
def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback
