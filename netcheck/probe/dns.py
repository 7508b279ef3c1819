"""The exchange with nameservers: one name, one record type, every question counted.

Owns the sockets to nameservers, which reply counts as an answer, and whom to ask next. dnspython reads and
writes the messages, but its resolver is not used: it asks from unconnected sockets (so a closed port is a
timeout), hides retries and overruns its deadline. Must not know what the addresses are for, nor judge them.
"""

import ipaddress
import socket
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Protocol

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.OPT
import dns.rdtypes.ANY.SOA
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import trio

from netcheck.model.failing import Reason
from netcheck.model.paths import Binding, Nameserver, RecordType, Resolver, Transport
from netcheck.model.results import Lookup, Try
from netcheck.probe import resolvconf
from netcheck.probe.authorities import client_context
from netcheck.probe.errors import PhaseError
from netcheck.probe.sockets import TcpStream, connect, open_socket
from netcheck.probe.tls import TlsStream

_UDP_PAYLOAD = 1232  # never fragmented on any path (DNS flag day 2020; RFC 9715 section 3.2)
_MAX_MESSAGE = 0xFFFF  # the length field over TCP has 16 bits (RFC 1035 section 4.2.2)
_MOST_OVER_TLS = 256 * 1024  # with the handshake: its records can go on for ever
_MAX_REPLIES = 16  # replies to read for one question before giving up on those that answer another
_PASSES = 2  # how often a nameserver is asked that does not answer in time: UDP loses packets

_ANSWERED = (None, Reason.NXDOMAIN, Reason.NO_ANSWER)
"""What ends a lookup: any other nameserver would say the same."""

_QUIETER = (
    Reason.RESOLVER_UNREACHABLE,
    Reason.NETWORK_UNREACHABLE,
    Reason.NO_LOCAL_ADDRESS,
    Reason.DNS_TIMEOUT,
    Reason.FD_EXHAUSTED,
)
"""What says less than a nameserver that spoke, the least first."""

_OF_RESOLVE = (
    Reason.DNS_MALFORMED,
    Reason.NETWORK_UNREACHABLE,
    Reason.NO_LOCAL_ADDRESS,
    Reason.FD_EXHAUSTED,
)
"""The reasons of sockets and TLS that stay; for a resolver, the others all mean that it cannot be reached."""


class _Again(Enum):
    """A reply that asks for the same question in another form."""

    WITHOUT_EDNS = auto()
    OVER_TCP = auto()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of one question; the fields are those of Lookup."""

    reason: Reason | None
    detail: str = ""
    addresses: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    min_ttl: int | None = None
    again: _Again | None = None


async def lookup(
    host: str,
    rdtype: RecordType,
    resolver: Resolver,
    binding: Binding,
    timeout: float,
) -> Lookup:
    """Ask the resolver's nameservers for the addresses of a host, an absolute name: there is no search list.

    Takes at most `timeout` seconds, and never raises for what a network, a server or resolv.conf can do. When
    no nameserver answers, the reason is the most telling one: what the last one that spoke said (servfail,
    refused_by_server, dns_malformed), else fd_exhausted, else dns_timeout, else resolver_unreachable.
    """
    now, began = time.time(), trio.current_time()
    inquiry = _Inquiry(dns.name.from_text(host), rdtype, resolver, binding)
    answer = await inquiry.run(resolver.nameservers or resolvconf.nameservers(), began + timeout)
    return Lookup(
        time=now,
        host=host,
        rdtype=rdtype,
        resolver=resolver.name,
        reason=answer.reason,
        detail=answer.detail,
        addresses=answer.addresses,
        chain=answer.chain,
        min_ttl=answer.min_ttl,
        duration=trio.current_time() - began,
        tries=tuple(inquiry.tries),
    )


class _Inquiry:
    """One lookup under way, and every question it has asked."""

    def __init__(self, name: dns.name.Name, rdtype: RecordType, resolver: Resolver, binding: Binding) -> None:
        self._name = name
        self._rdtype = rdtype
        self._resolver = resolver
        self._binding = binding
        self.tries: list[Try] = []

    async def run(self, nameservers: tuple[Nameserver, ...], deadline: float) -> _Answer:
        """Ask in order until one answers; the silent ones get another pass.

        Each visit gets an even share of the time that is left: a dead nameserver never uses up that of the
        others, and one that fails at once leaves its share to them.
        """
        queue = deque((nameserver, _PASSES) for nameserver in nameservers)
        failures: list[_Answer] = []
        while queue:
            shares = sum(passes for _, passes in queue)
            nameserver, passes = queue.popleft()
            now = trio.current_time()
            answer = await self._visit(nameserver, now + (deadline - now) / shares)
            if answer.reason in _ANSWERED:
                return answer
            failures.append(answer)
            if answer.reason is Reason.DNS_TIMEOUT and passes > 1:
                queue.append((nameserver, passes - 1))
        return max(reversed(failures), key=_weight)

    async def _visit(self, nameserver: Nameserver, deadline: float) -> _Answer:
        """Ask one nameserver, in the form it can answer."""
        transport, edns = self._resolver.transport, True
        answer = await self._ask(nameserver, transport, deadline, edns=edns)
        if answer.again is _Again.WITHOUT_EDNS:
            edns = False
            answer = await self._ask(nameserver, transport, deadline, edns=edns)
        if answer.again is _Again.OVER_TCP:
            answer = await self._ask(nameserver, Transport.TCP, deadline, edns=edns)
        return answer

    async def _ask(
        self, nameserver: Nameserver, transport: Transport, deadline: float, *, edns: bool
    ) -> _Answer:
        """One question, recorded as a try; what goes wrong with it becomes its answer."""
        began = trio.current_time()
        answer = _Answer(Reason.DNS_TIMEOUT, f"no answer in {deadline - began:.2f} s")
        with trio.move_on_at(deadline):
            try:
                answer = await self._exchange(nameserver, transport, edns=edns)
            except PhaseError as error:
                reason = error.reason if error.reason in _OF_RESOLVE else Reason.RESOLVER_UNREACHABLE
                answer = _Answer(reason, error.detail)
        self.tries.append(Try(str(nameserver), transport, answer.reason, trio.current_time() - began))
        return replace(answer, detail=answer.detail and f"{nameserver} over {transport}: {answer.detail}")

    async def _exchange(self, nameserver: Nameserver, transport: Transport, *, edns: bool) -> _Answer:
        query = dns.message.make_query(
            self._name, self._rdtype, use_edns=0 if edns else False, payload=_UDP_PAYLOAD if edns else None
        )
        async with _channel(nameserver, transport, self._resolver, self._binding) as channel:
            await channel.send(query.to_wire())
            for _ in range(_MAX_REPLIES):
                reply = _parse(await channel.receive(), query)
                if reply is not None:  # else it is late, forged, or an echo: wait on
                    return _read(reply, transport)
        raise PhaseError(Reason.DNS_MALFORMED, f"{_MAX_REPLIES} replies, none of them to our question")


def _weight(answer: _Answer) -> int:
    return _QUIETER.index(answer.reason) if answer.reason in _QUIETER else len(_QUIETER)


def _parse(wire: bytes, query: dns.message.Message) -> dns.message.QueryMessage | None:
    """The reply to our question; None for a message that is no such thing."""
    try:
        message = dns.message.from_wire(wire, continue_on_error=True)
    except dns.message.ShortHeader as error:
        raise PhaseError(Reason.DNS_MALFORMED, f"{len(wire)} bytes, too few for a DNS message") from error
    ours = query.is_response(message)
    if message.errors and not (ours and message.flags & dns.flags.TC):  # that may break off within a record
        raise PhaseError(Reason.DNS_MALFORMED, f"no DNS message: {message.errors[0].exception}")
    return message if ours and isinstance(message, dns.message.QueryMessage) else None


def _read(reply: dns.message.QueryMessage, transport: Transport) -> _Answer:
    """What a reply to our question says."""
    if reply.flags & dns.flags.TC:
        if transport is not Transport.UDP:
            raise PhaseError(Reason.DNS_MALFORMED, "truncated, though not by UDP")
        # No fault of the nameserver, so no reason: it says where the answer can be had (RFC 7766 section 5).
        return _Answer(None, again=_Again.OVER_TCP)
    rcode = reply.rcode()
    if rcode in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return _follow(reply)
    return _Answer(
        Reason.REFUSED_BY_SERVER if rcode == dns.rcode.REFUSED else Reason.SERVFAIL,
        f"answered {dns.rcode.to_text(rcode)}",
        # What servers older than EDNS say to it (RFC 6891 section 7).
        again=_Again.WITHOUT_EDNS if rcode == dns.rcode.FORMERR else None,
    )


def _follow(reply: dns.message.QueryMessage) -> _Answer:
    """From the question along the CNAMEs to the addresses, as far as they lead."""
    try:
        end = reply.resolve_chaining()
    except (dns.message.ChainTooLong, dns.message.AnswerForNXDOMAIN) as error:
        raise PhaseError(Reason.DNS_MALFORMED, str(error)) from error
    names = [cname.name for cname in end.cnames] + [end.canonical_name]
    chain = tuple(name.to_text(omit_final_dot=True).lower() for name in names[1:])
    if end.answer is None:
        nxdomain = reply.rcode() == dns.rcode.NXDOMAIN
        return _Answer(
            Reason.NXDOMAIN if nxdomain else Reason.NO_ANSWER,
            f"{names[-1].to_text(omit_final_dot=True)} {'does not exist' if nxdomain else 'has no address'}",
            chain=chain,
        )
    return _Answer(
        None,
        addresses=tuple(record.to_text() for record in sorted(end.answer)),
        chain=chain,
        min_ttl=min(rrset.ttl for rrset in (*end.cnames, end.answer)),
    )


class _Channel(Protocol):
    """Whole DNS messages, to and from one nameserver."""

    async def send(self, wire: bytes) -> None: ...

    async def receive(self) -> bytes: ...


class _Datagrams:
    """Over a connected UDP socket, one message each: ICMP errors reach it, and strangers' packets do not."""

    def __init__(self, stream: TcpStream) -> None:
        self._stream = stream  # its send and recv serve any connected socket

    async def send(self, wire: bytes) -> None:
        await self._stream.send_all(wire)

    async def receive(self) -> bytes:
        return await self._stream.receive_some(_MAX_MESSAGE)


class _Frames:
    """Over a byte stream: each message behind its length (RFC 1035 section 4.2.2, RFC 7858 section 3.3)."""

    def __init__(self, stream: TcpStream | TlsStream) -> None:
        self._stream = stream

    async def send(self, wire: bytes) -> None:
        await self._stream.send_all(len(wire).to_bytes(2) + wire)  # in one segment (RFC 7766 section 8)

    async def receive(self) -> bytes:
        length = int.from_bytes(await self._exactly(2))
        return await self._exactly(length)

    async def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = await self._stream.receive_some(size - len(data))
            if not chunk:
                raise PhaseError(Reason.DNS_MALFORMED, f"closed after {len(data)} of {size} bytes")
            data += chunk
        return data


@asynccontextmanager
async def _channel(
    nameserver: Nameserver, transport: Transport, resolver: Resolver, binding: Binding
) -> AsyncIterator[_Channel]:
    kind = socket.SOCK_DGRAM if transport is Transport.UDP else socket.SOCK_STREAM
    with TcpStream(open_socket(kind, nameserver.address, _binding_to(nameserver, binding))) as stream:
        try:
            await connect(stream.socket, nameserver.address, nameserver.port)
        except socket.gaierror as error:  # the scope of an IPv6 address names no interface of this machine
            raise PhaseError(Reason.RESOLVER_UNREACHABLE, f"{nameserver}: {error.strerror}") from error
        if transport is Transport.UDP:
            yield _Datagrams(stream)
        elif transport is Transport.TCP:
            yield _Frames(stream)
        else:
            yield _Frames(await _secured(stream, nameserver, resolver))


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
    return Binding() if ipaddress.ip_address(nameserver.address).is_loopback else binding
