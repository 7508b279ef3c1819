"""Nameservers on loopback that answer as a test says, over UDP, TCP and TLS, and how they are asked."""

import errno
import functools
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rrset
import pytest
import trio

from netcheck.model.failing import Reason
from netcheck.model.paths import Binding, Nameserver, RecordType, Resolver, Transport
from netcheck.model.results import Lookup
from netcheck.probe.resolve import resolvconf
from netcheck.probe.resolve.dns import lookup
from netcheck.probe.resolve.dns_waiting import Silences
from netcheck.probe.resolve.resolvconf import StubResolver

HOST = "7-courier.push.example"
A = (HOST, 60, "A", "192.0.2.7")
LONG = 5.0  # for lookups that end before it
SHORT = 0.4  # for lookups that nobody answers

Query = dns.message.QueryMessage
Record = tuple[str, int, str, str]
Replies = Callable[[Query], Iterable[bytes]]

UDP, TCP, TLS = Transport


def message(query: Query, *records: Record, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> Query:
    reply = dns.message.make_response(query, recursion_available=True)
    assert isinstance(reply, Query)
    reply.set_rcode(rcode)
    for name, ttl, rdtype, text in records:
        reply.answer.append(dns.rrset.from_text(f"{name}.", ttl, dns.rdataclass.IN, rdtype, text))
    return reply


def frame(wire: bytes) -> bytes:
    return struct.pack("!H", len(wire)) + wire


def says(*records: Record, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> Replies:
    return lambda query: [message(query, *records, rcode=rcode).to_wire(max_size=65535)]


def frames(replies: Replies) -> Replies:
    return lambda query: map(frame, replies(query))


def truncated(query: Query) -> Iterable[bytes]:
    reply = message(query)
    reply.flags |= dns.flags.TC
    yield reply.to_wire()


def silent(query: Query) -> Iterable[bytes]:
    return ()


def once(first: Replies, then: Replies) -> Replies:
    """One reply to the first question, the other to all later ones."""
    order = iter([first])
    return lambda query: next(order, then)(query)


good = says(A)
servfail = says(rcode=dns.rcode.SERVFAIL)
refused = says(rcode=dns.rcode.REFUSED)


@dataclass
class Peer:
    nameserver: Nameserver
    asked: list[Query] = field(default_factory=list)
    arrived: trio.Event = field(default_factory=trio.Event)

    def note(self, wire: bytes) -> Query:
        query = dns.message.from_wire(wire)
        assert isinstance(query, Query)
        self.asked.append(query)
        self.arrived.set()
        return query


def same_port() -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on one free port of loopback."""
    while True:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            tcp.bind(udp.getsockname())
        except OSError as error:
            udp.close()
            tcp.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return udp, tcp


@asynccontextmanager
async def peer(
    udp: Replies | None = None, tcp: Replies | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Peer]:
    """A nameserver that sends what the script says: datagrams, or pieces of a byte stream and then its end.

    No replies at all to a question is silence; without a script the port is closed, and held so.
    """
    udp_socket, tcp_socket = map(trio.socket.from_stdlib_socket, same_port())
    with udp_socket, tcp_socket:
        here = Peer(Nameserver(*udp_socket.getsockname()))
        async with trio.open_nursery() as nursery:
            if udp is None:
                await udp_socket.connect(("127.0.0.1", 9))  # takes packets from there alone
            else:
                nursery.start_soon(serve_datagrams, udp_socket, here, udp)
            if tcp is not None:
                tcp_socket.listen()
                handler = functools.partial(serve_stream, here, tcp, tls)
                listeners = [trio.SocketListener(tcp_socket)]
                nursery.start_soon(functools.partial(trio.serve_listeners, handler, listeners))
            yield here
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def late_peer(replies: Replies, seconds: float) -> AsyncIterator[Peer]:
    """A nameserver over UDP that replies to each question, so much later."""
    udp, tcp = same_port()
    with trio.socket.from_stdlib_socket(udp) as sock, tcp:
        here = Peer(Nameserver(*sock.getsockname()))
        async with trio.open_nursery() as nursery:

            async def reply(wire: bytes, client: tuple[str, int]) -> None:
                await trio.sleep(seconds)
                for each in replies(here.note(wire)):
                    await sock.sendto(each, client)

            async def serve() -> None:
                while True:
                    nursery.start_soon(reply, *await sock.recvfrom(65535))

            nursery.start_soon(serve)
            yield here
            nursery.cancel_scope.cancel()


async def serve_datagrams(sock: trio.socket.SocketType, here: Peer, replies: Replies) -> None:
    while True:
        wire, client = await sock.recvfrom(65535)
        for reply in replies(here.note(wire)):
            await sock.sendto(reply, client)


async def serve_stream(
    here: Peer, replies: Replies, tls: ssl.SSLContext | None, tcp: trio.SocketStream
) -> None:
    stream = tcp if tls is None else trio.SSLStream(tcp, tls, server_side=True)
    with suppress(trio.BrokenResourceError):
        size = int.from_bytes(await exactly(stream, 2))
        pieces = list(replies(here.note(await exactly(stream, size))))
        if not pieces:
            await trio.sleep_forever()
        for piece in pieces:
            await stream.send_all(piece)
    await trio.aclose_forcefully(stream)


async def exactly(stream: trio.abc.ReceiveStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = await stream.receive_some(size - len(data))
        if not chunk:
            raise trio.BrokenResourceError
        data += chunk
    return data


async def ask(
    *peers: Peer,
    host: str = HOST,
    rdtype: RecordType = RecordType.A,
    transport: Transport = UDP,
    binding: Binding | None = None,
    timeout: float = LONG,
    server_name: str | None = None,
    ca_file: Path | None = None,
    silences: Silences | None = None,
) -> Lookup:
    nameservers = tuple(peer.nameserver for peer in peers)
    resolver = Resolver("corp", nameservers, transport, server_name, ca_file)
    return await lookup(host, rdtype, resolver, binding or Binding(), timeout, silences)


async def ask_one(replies: Replies, *, timeout: float = LONG) -> Lookup:
    async with peer(replies) as here:
        return await ask(here, timeout=timeout)


def reasons(found: Lookup) -> list[Reason | None]:
    return [attempt.reason for attempt in found.tries]


def transports(found: Lookup) -> list[Transport]:
    return [attempt.transport for attempt in found.tries]


def wrong_id(query: Query) -> Iterable[bytes]:
    reply = message(query, (HOST, 60, "A", "192.0.2.66"))
    reply.id ^= 1
    yield reply.to_wire()


def wrong_name(query: Query) -> Iterable[bytes]:
    other = dns.message.make_query("elsewhere.example.", "A", id=query.id)
    yield message(other, ("elsewhere.example", 60, "A", "192.0.2.66")).to_wire()


def wrong_type(query: Query) -> Iterable[bytes]:
    yield message(dns.message.make_query(f"{HOST}.", "TXT", id=query.id), A).to_wire()


def echo(query: Query) -> Iterable[bytes]:
    yield query.to_wire()


def notify(query: Query) -> Iterable[bytes]:
    reply = message(query)
    reply.set_opcode(dns.opcode.NOTIFY)
    yield reply.to_wire()


def question_twice(query: Query) -> Iterable[bytes]:
    """No library writes that: the count of questions, and the question behind its own end."""
    whole = message(query).to_wire()
    yield whole[:4] + b"\0\2" + whole[6:12] + 2 * whole[12:]


strays = pytest.mark.parametrize("stray", [wrong_id, wrong_name, wrong_type, echo, notify, question_twice])


@contextmanager
def resolved_by(stub: StubResolver) -> Iterator[None]:
    """As if this machine's resolv.conf said so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolvconf, "stub_resolver", lambda: stub)
        yield
