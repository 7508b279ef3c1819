"""The exchange with nameservers, against scripted ones on loopback: every fault byte for byte."""

import errno
import functools
import os
import resource
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rrset
import pytest
import trio
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.model.failing import REASONS_OF_PHASE, Phase, Reason
from netcheck.model.paths import SYSTEM_RESOLVER, Binding, Nameserver, RecordType, Resolver, Transport
from netcheck.model.results import Lookup
from netcheck.probe import resolvconf
from netcheck.probe.dns import lookup
from tests.probe.peers import in_trio

HOST = "7-courier.push.example"
A = (HOST, 60, "A", "192.0.2.7")
LONG = 5.0  # for lookups that end before it
SHORT = 0.4  # for lookups that nobody answers

# --- Scripted nameservers

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
) -> Lookup:
    nameservers = tuple(peer.nameserver for peer in peers)
    resolver = Resolver("corp", nameservers, transport, server_name, ca_file)
    return await lookup(host, rdtype, resolver, binding or Binding(), timeout)


async def ask_one(replies: Replies, *, timeout: float = LONG) -> Lookup:
    async with peer(replies) as here:
        return await ask(here, timeout=timeout)


def reasons(found: Lookup) -> list[Reason | None]:
    return [attempt.reason for attempt in found.tries]


def transports(found: Lookup) -> list[Transport]:
    return [attempt.transport for attempt in found.tries]


# --- Answers


@in_trio
async def test_an_answer_gives_every_address_sorted_by_address() -> None:
    found = await ask_one(says(*((HOST, 60, "A", f"192.0.2.{n}") for n in (10, 9, 100, 9))))
    assert (found.reason, found.detail) == (None, "")
    assert found.addresses == ("192.0.2.9", "192.0.2.10", "192.0.2.100")


@in_trio
async def test_an_answer_to_aaaa_gives_ipv6_addresses() -> None:
    async with peer(says((HOST, 60, "AAAA", "2001:db8::7"))) as here:
        found = await ask(here, rdtype=RecordType.AAAA)
    assert (found.rdtype, found.addresses) == (RecordType.AAAA, ("2001:db8::7",))


@in_trio
async def test_the_lookup_says_who_was_asked_for_what() -> None:
    async with peer(good) as here:
        found = await ask(here)
    assert (found.host, found.rdtype, found.resolver) == (HOST, RecordType.A, "corp")
    assert [(t.nameserver, t.transport, t.reason) for t in found.tries] == [(str(here.nameserver), UDP, None)]
    assert 0 < found.tries[0].duration <= found.duration


@in_trio
async def test_the_question_is_the_absolute_name_with_recursion_and_without_edns_as_glibc_asks() -> None:
    async with peer(good) as here:
        await ask(here)
    (query,) = here.asked
    assert [str(rrset) for rrset in query.question] == [f"{HOST}. IN A"]
    assert (query.edns, query.flags) == (-1, dns.flags.RD)


@pytest.mark.parametrize(("ttls", "shortest"), [((300, 8, 60), 8), ((300, 60, 8), 8), ((5, 60, 30), 5)])
@in_trio
async def test_the_shortest_ttl_counts_wherever_it_stands_in_the_chain(
    ttls: tuple[int, int, int], shortest: int
) -> None:
    found = await ask_one(
        says(
            (HOST, ttls[0], "CNAME", "7.Courier.Example."),
            ("7.courier.example", ttls[1], "CNAME", "pop.courier.example."),
            ("pop.courier.example", ttls[2], "A", "192.0.2.7"),
        )
    )
    assert found.chain == ("7.courier.example", "pop.courier.example")
    assert (found.addresses, found.min_ttl) == (("192.0.2.7",), shortest)


@in_trio
async def test_an_answer_without_cnames_has_no_chain() -> None:
    found = await ask_one(good)
    assert (found.chain, found.min_ttl) == ((), 60)


@in_trio
async def test_addresses_of_other_names_in_the_answer_do_not_count() -> None:
    found = await ask_one(says(A, ("elsewhere.example", 1, "A", "192.0.2.66")))
    assert (found.addresses, found.min_ttl) == (("192.0.2.7",), 60)


@in_trio
async def test_nxdomain_is_an_answer_so_no_other_nameserver_is_asked() -> None:
    async with peer(says(rcode=dns.rcode.NXDOMAIN)) as first, peer(good) as second:
        found = await ask(first, second)
    assert (found.reason, found.addresses, found.min_ttl) == (Reason.NXDOMAIN, (), None)
    assert reasons(found) == [Reason.NXDOMAIN]
    assert not second.asked


@in_trio
async def test_nxdomain_at_the_end_of_a_chain_names_the_missing_name() -> None:
    found = await ask_one(says((HOST, 60, "CNAME", "gone.example."), rcode=dns.rcode.NXDOMAIN))
    assert (found.reason, found.chain) == (Reason.NXDOMAIN, ("gone.example",))
    assert found.detail.endswith("over udp: gone.example does not exist")


@in_trio
async def test_an_answer_without_records_is_final_too() -> None:
    async with peer(says()) as first, peer(good) as second:
        found = await ask(first, second)
    assert (found.reason, found.min_ttl) == (Reason.NO_ANSWER, None)
    assert not second.asked


@in_trio
async def test_a_cname_that_leads_nowhere_is_no_answer_and_keeps_its_chain() -> None:
    found = await ask_one(says((HOST, 60, "CNAME", "dangling.example.")))
    assert (found.reason, found.chain) == (Reason.NO_ANSWER, ("dangling.example",))


@in_trio
async def test_a_cname_loop_is_malformed() -> None:
    found = await ask_one(
        says((HOST, 60, "CNAME", "loop.example."), ("loop.example", 60, "CNAME", f"{HOST}."))
    )
    assert found.reason is Reason.DNS_MALFORMED


@in_trio
async def test_an_endless_chain_is_malformed() -> None:
    links = [(f"{n}.example", 60, "CNAME", f"{n + 1}.example.") for n in range(40)]
    found = await ask_one(says((HOST, 60, "CNAME", "0.example."), *links))
    assert found.reason is Reason.DNS_MALFORMED


@in_trio
async def test_addresses_for_a_name_that_does_not_exist_are_not_looked_at() -> None:
    found = await ask_one(says(A, rcode=dns.rcode.NXDOMAIN))
    assert (found.reason, found.addresses) == (Reason.NXDOMAIN, ())


@pytest.mark.parametrize(("count", "reason"), [(128, None), (129, Reason.TOO_MANY_ANSWERS)])
@in_trio
async def test_more_addresses_than_any_honest_name_has_are_not_taken(
    count: int, reason: Reason | None
) -> None:
    many = says(*((HOST, 60, "A", f"10.0.{n // 256}.{n % 256}") for n in range(count)))
    async with peer(truncated, frames(many)) as here, peer(good) as other:
        found = await ask(here, other)
    assert (found.reason, len(found.addresses)) == (reason, 0 if reason else count)
    assert reason is None or found.detail.endswith("129 addresses for one name; more than 128 are not taken")
    assert not other.asked


def crowded(count: int) -> Replies:
    """So many CNAMEs of a name with as many labels as there can be: the most work for its size."""

    def replies(query: Query) -> Iterable[bytes]:
        question = query.to_wire()
        head = question[:2] + struct.pack("!5H", 0x8180, 1, count, 0, 0)
        name = b"\1a" * 127 + b"\0"
        first = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, len(name)) + name
        to_name = struct.pack("!H", 0xC000 | len(question) + 12)
        other = to_name + struct.pack("!HHIH", 5, 1, 60, len(to_name)) + to_name
        yield head + question[12:] + first + other * (count - 1)

    return replies


@in_trio
async def test_a_reply_that_takes_long_to_read_does_not_hold_up_the_loop() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.sleep(0.001)
            turns += 1

    async with peer(tcp=frames(crowded(256))) as here, trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        before = turns
        found = await ask(here, transport=TCP)
        assert turns - before > 5
        nursery.cancel_scope.cancel()
    assert found.reason is Reason.DNS_MALFORMED


@in_trio
async def test_a_reply_with_more_records_than_any_honest_one_is_not_read() -> None:
    async with peer(tcp=frames(crowded(257))) as here:
        found = await ask(here, transport=TCP)
    assert found.reason is Reason.TOO_MANY_ANSWERS
    assert found.detail.endswith("257 records in one reply; more than 256 are not read")


@in_trio
async def test_records_that_cannot_be_read_do_not_matter_beside_those_that_are_asked_for() -> None:
    def with_a_broken_record(query: Query) -> Iterable[bytes]:
        reply = message(query, A, (HOST, 60, "CNAME", "x.example."))
        wire = bytearray(message(query, A).to_wire())
        wire[6:8] = (2).to_bytes(2)
        assert reply.answer
        yield bytes(wire) + b"\xc0\x0c" + struct.pack("!HHIH", 15, 1, 60, 1) + b"\0"  # an MX of one byte

    found = await ask_one(with_a_broken_record)
    assert (found.reason, found.addresses) == (None, ("192.0.2.7",))


@in_trio
async def test_a_dname_is_followed_by_the_cname_that_comes_with_it() -> None:
    found = await ask_one(
        says(
            ("push.example", 60, "DNAME", "other.example."),
            (HOST, 0, "CNAME", "7-courier.other.example."),
            ("7-courier.other.example", 60, "A", "192.0.2.7"),
        )
    )
    assert (found.addresses, found.chain) == (("192.0.2.7",), ("7-courier.other.example",))


@in_trio
async def test_a_question_that_comes_back_in_capitals_is_ours() -> None:
    def loud(query: Query) -> Iterable[bytes]:
        other = dns.message.make_query(f"{HOST.upper()}.", "A", id=query.id)
        yield message(other, A).to_wire()

    assert (await ask_one(loud)).addresses == ("192.0.2.7",)


# --- Nameservers that do not resolve for others


def bare(query: Query) -> Iterable[bytes]:
    """Neither recursion nor an answer of its own."""
    yield dns.message.make_response(query).to_wire()


def referral(query: Query) -> Iterable[bytes]:
    reply = dns.message.make_response(query)
    reply.authority.append(dns.rrset.from_text(".", 60, "IN", "NS", "a.root-servers.example."))
    yield reply.to_wire()


@pytest.mark.parametrize(("lame", "alone"), [(bare, Reason.NO_ANSWER), (referral, Reason.REFUSED_BY_SERVER)])
@in_trio
async def test_a_lame_nameserver_is_passed_over(lame: Replies, alone: Reason) -> None:
    async with peer(lame) as first, peer(good) as second:
        assert (await ask(first)).reason is alone
        assert (await ask(first, second)).addresses == ("192.0.2.7",)


@in_trio
async def test_no_records_from_the_names_own_server_are_an_answer() -> None:
    def authoritative(query: Query) -> Iterable[bytes]:
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        yield reply.to_wire()

    async with peer(authoritative) as first, peer(good) as second:
        assert (await ask(first, second)).reason is Reason.NO_ANSWER


# --- Errors that nameservers report


@pytest.mark.parametrize(
    ("rcode", "reason"),
    [
        (dns.rcode.SERVFAIL, Reason.SERVFAIL),
        (dns.rcode.REFUSED, Reason.REFUSED_BY_SERVER),
        (dns.rcode.NOTIMP, Reason.SERVFAIL),
        (dns.rcode.NOTAUTH, Reason.SERVFAIL),
        (dns.rcode.BADVERS, Reason.SERVFAIL),
    ],
)
@in_trio
async def test_an_error_code_goes_to_the_next_nameserver_and_its_name_into_the_detail(
    rcode: dns.rcode.Rcode, reason: Reason
) -> None:
    async with peer(says(rcode=rcode)) as bad, peer(good) as other:
        alone, helped = await ask(bad), await ask(bad, other)
    assert (alone.reason, reasons(alone)) == (reason, [reason] * 2)
    assert alone.detail == f"{bad.nameserver} over udp: answered {rcode.name}"
    assert (helped.reason, reasons(helped)) == (None, [reason, None])


# --- Options of resolv.conf


async def ask_the_system(here: Peer, timeout: float = LONG, **options: object) -> Lookup:
    with pytest.MonkeyPatch.context() as patch:
        stub = replace(resolvconf.StubResolver((here.nameserver,)), **options)  # type: ignore[arg-type]
        patch.setattr(resolvconf, "stub_resolver", lambda: stub)
        return await lookup(HOST, RecordType.A, SYSTEM_RESOLVER, Binding(), timeout)


@pytest.mark.parametrize("rcode", [dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.SERVFAIL])
@in_trio
async def test_a_nameserver_that_does_not_know_edns_is_asked_without_it(rcode: dns.rcode.Rcode) -> None:
    failing = says(rcode=rcode)
    async with peer(lambda query: (failing if query.edns >= 0 else good)(query)) as here:
        found = await ask_the_system(here, edns=True)
        plain = await ask(here)
    assert (found.reason, reasons(found)) == (None, [Reason.SERVFAIL, None])
    assert (plain.reason, reasons(plain)) == (None, [None])


@in_trio
async def test_a_header_alone_is_enough_to_say_formerr() -> None:
    def head(query: Query) -> Iterable[bytes]:
        yield struct.pack("!6H", query.id, dns.flags.QR | dns.rcode.FORMERR, 0, 0, 0, 0)

    async with peer(once(head, good)) as here:
        found = await ask_the_system(here, edns=True)
    assert (found.reason, reasons(found)) == (None, [Reason.SERVFAIL, None])


@in_trio
async def test_a_nameserver_that_swallows_edns_is_asked_without_it() -> None:
    async with peer(lambda query: (silent if query.edns >= 0 else good)(query)) as here:
        found = await ask_the_system(here, edns=True, timeout=1.0)
        plain = await ask(here)
    assert (found.reason, reasons(found)) == (None, [Reason.DNS_TIMEOUT, None])
    assert (plain.reason, reasons(plain)) == (None, [None])


@in_trio
async def test_a_nameserver_that_understands_neither_form_is_asked_in_both_and_once_more() -> None:
    async with peer(says(rcode=dns.rcode.FORMERR)) as here:
        found = await ask_the_system(here, edns=True)
    assert (found.reason, reasons(found)) == (Reason.SERVFAIL, [Reason.SERVFAIL] * 3)
    assert "FORMERR" in found.detail


@in_trio
async def test_edns_asks_for_no_more_than_never_fragments() -> None:
    async with peer(good) as here:
        await ask_the_system(here, edns=True)
    (query,) = here.asked
    assert (query.edns, query.payload) == (0, 1232)


@in_trio
async def test_use_vc_asks_by_tcp_only() -> None:
    async with peer(servfail, frames(good)) as here:
        found = await ask_the_system(here, use_vc=True)
    assert (found.reason, transports(found)) == (None, [TCP])


@in_trio
async def test_with_no_aaaa_no_name_has_an_ipv6_address_and_nobody_is_asked() -> None:
    async with peer(good) as here:
        stub = resolvconf.StubResolver((here.nameserver,), no_aaaa=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(resolvconf, "stub_resolver", lambda: stub)
            found = {
                rdtype: await lookup(HOST, rdtype, SYSTEM_RESOLVER, Binding(), LONG) for rdtype in RecordType
            }
    assert found[RecordType.A].reason is None
    assert (found[RecordType.AAAA].reason, found[RecordType.AAAA].tries) == (Reason.NO_ANSWER, ())
    assert "no-aaaa" in found[RecordType.AAAA].detail
    assert len(here.asked) == 1


@in_trio
async def test_attempts_say_how_often_a_silent_nameserver_is_asked() -> None:
    async with peer(silent) as here:
        found = await ask_the_system(here, attempts=4, timeout=SHORT)
    assert transports(found) == [UDP] * 4 + [TCP]


@in_trio
async def test_rotate_begins_with_any_of_the_nameservers() -> None:
    async with peer(good) as one, peer(good) as two:
        stub = resolvconf.StubResolver((one.nameserver, two.nameserver), rotate=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(resolvconf, "stub_resolver", lambda: stub)
            for _ in range(64):  # all at one of two: once in 2**63 runs
                await lookup(HOST, RecordType.A, SYSTEM_RESOLVER, Binding(), LONG)
    assert one.asked
    assert two.asked


@in_trio
async def test_udp_that_is_swallowed_leaves_tcp() -> None:
    async with peer(silent, frames(good)) as here:
        found = await ask(here, timeout=1.0)
    assert (found.reason, transports(found)) == (None, [UDP, UDP, TCP])


# --- Replies that are none


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


@strays
@in_trio
async def test_a_reply_to_another_question_is_passed_over(stray: Replies) -> None:
    found = await ask_one(lambda query: [*stray(query), *good(query)])
    assert (found.addresses, reasons(found)) == (("192.0.2.7",), [None])


@strays
@in_trio
async def test_nothing_but_a_reply_to_another_question_is_a_timeout(stray: Replies) -> None:
    found = await ask_one(stray, timeout=SHORT)
    assert (found.reason, reasons(found)[:2]) == (Reason.DNS_TIMEOUT, [Reason.DNS_TIMEOUT] * 2)


@in_trio
async def test_an_endless_flood_of_other_replies_ends_the_try() -> None:
    async with peer(lambda query: chain.from_iterable(repeat([*wrong_id(query)]))) as here:
        found = await ask(here)
    assert (found.reason, reasons(found)) == (Reason.DNS_MALFORMED, [Reason.DNS_MALFORMED])
    assert found.tries[0].noise == 1000


noises = pytest.mark.parametrize("wire", [b"", b"\0", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 600])


@noises
@in_trio
async def test_garbage_before_the_reply_is_noise_and_counted(wire: bytes) -> None:
    found = await ask_one(lambda query: [wire, wire, *good(query)])
    assert (found.addresses, reasons(found), found.tries[0].noise) == (("192.0.2.7",), [None], 2)


@noises
@in_trio
async def test_nothing_but_garbage_is_a_timeout_that_tells_of_it(wire: bytes) -> None:
    async with peer(lambda _: [wire]) as bad, peer(good) as other:
        alone, helped = await ask(bad, timeout=SHORT), await ask(bad, other, timeout=2.0)
    assert alone.reason is Reason.DNS_TIMEOUT
    assert "only 1 messages that are no reply" in alone.detail
    assert (helped.reason, reasons(helped)) == (None, [Reason.DNS_TIMEOUT, None])


@in_trio
async def test_bytes_after_the_message_do_not_matter() -> None:
    found = await ask_one(lambda query: [*(wire + b"\0" for wire in good(query))])
    assert found.addresses == ("192.0.2.7",)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=8), st.integers(0, 200)
)
def test_whatever_comes_back_a_lookup_ends_in_a_reason_of_its_phase(
    changes: list[tuple[int, int]], cut: int
) -> None:
    def mutated(query: Query) -> Iterable[bytes]:
        chain = ((HOST, 60, "CNAME", "pop.example."), ("pop.example", 60, "A", "192.0.2.7"))
        wire = bytearray(message(query, *chain).to_wire())
        for place, value in changes:
            wire[place % len(wire)] = value
        yield bytes(wire[: len(wire) - cut] if cut < 20 else wire)
        yield from good(query)

    async def main() -> Lookup:
        async with peer(mutated, frames(good)) as here:
            return await ask(here)

    found = trio.run(main)
    assert found.reason is None or found.reason in REASONS_OF_PHASE[Phase.RESOLVE]


# --- Silence, and whom to ask next


@in_trio
async def test_a_lost_packet_is_asked_for_again() -> None:
    found = await ask_one(once(silent, good), timeout=1.0)
    assert (found.reason, reasons(found)) == (None, [Reason.DNS_TIMEOUT, None])


@in_trio
async def test_a_silent_nameserver_is_asked_twice_and_then_by_tcp_within_the_timeout() -> None:
    found = await ask_one(silent, timeout=SHORT)
    assert found.reason is Reason.DNS_TIMEOUT
    assert reasons(found) == [*[Reason.DNS_TIMEOUT] * 2, Reason.RESOLVER_UNREACHABLE]
    assert found.duration < SHORT + 2
    assert f"no answer from {found.tries[1].nameserver} over udp in 0." in found.detail


@in_trio
async def test_a_dead_nameserver_leaves_time_for_the_next() -> None:
    async with peer(silent) as dead, peer(good) as alive:
        found = await ask(dead, alive, timeout=2.0)
    assert (found.reason, reasons(found)) == (None, [Reason.DNS_TIMEOUT, None])


@in_trio
async def test_nameservers_that_are_silent_or_say_no_get_another_turn() -> None:
    async with peer(silent) as one, peer(servfail) as two, peer(once(silent, good)) as three:
        found = await ask(one, two, three, timeout=2.0)
    asked = [str(here.nameserver) for here in (one, two, three, one, two, three)]
    assert [attempt.nameserver for attempt in found.tries] == asked
    assert found.reason is None


@pytest.mark.parametrize("first", [servfail, refused])
@in_trio
async def test_a_nameserver_that_says_no_at_first_is_asked_again(first: Replies) -> None:
    """As glibc does: a resolver may say so until it has heard from others."""
    async with peer(once(first, good)) as here:
        found = await ask(here)
    assert (found.reason, transports(found)) == (None, [UDP, UDP])


@in_trio
async def test_an_answer_that_comes_after_its_turn_is_taken() -> None:
    """A resolver that is slower than a turn is long."""
    found: list[Lookup] = []

    async def look_up(nameserver: Nameserver) -> None:
        found.append(await ask(Peer(nameserver), timeout=2.0))

    with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as slow:
        await slow.bind(("127.0.0.1", 0))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look_up, Nameserver(*slow.getsockname()))
            wire, client = await slow.recvfrom(65535)
            await slow.recvfrom(65535)  # the next turn
            query = dns.message.from_wire(wire)
            assert isinstance(query, Query)
            await slow.sendto(message(query, A).to_wire(), client)
    (lookup,) = found
    assert (lookup.reason, lookup.addresses) == (None, ("192.0.2.7",))
    assert reasons(lookup) == [None, Reason.DNS_TIMEOUT]
    assert lookup.tries[0].duration > lookup.tries[1].duration


@in_trio
async def test_a_closed_port_is_an_unreachable_resolver_at_once() -> None:
    async with peer(udp=None) as here:
        found = await ask(here, timeout=60)
    assert (found.reason, reasons(found)) == (Reason.RESOLVER_UNREACHABLE, [Reason.RESOLVER_UNREACHABLE])
    assert "ECONNREFUSED" in found.detail
    assert found.duration < 20


@pytest.mark.parametrize(
    ("scripts", "reason"),
    [
        ([servfail, silent], Reason.SERVFAIL),
        ([silent, refused], Reason.REFUSED_BY_SERVER),
        ([servfail, refused, None], Reason.REFUSED_BY_SERVER),
        ([refused, servfail], Reason.SERVFAIL),
        ([None, silent], Reason.DNS_TIMEOUT),
        ([silent, None], Reason.DNS_TIMEOUT),
    ],
)
@in_trio
async def test_when_all_fail_the_most_telling_reason_stands(
    scripts: list[Replies | None], reason: Reason
) -> None:
    async with peer(scripts[0]) as one, peer(scripts[1]) as two, peer(scripts[-1]) as three:
        found = await ask(one, two, three, timeout=1.0)
    assert found.reason is reason


@in_trio
async def test_cancelling_passes_through() -> None:
    async with peer(silent) as here, trio.open_nursery() as nursery:
        nursery.start_soon(ask, here)
        await here.arrived.wait()
        nursery.cancel_scope.cancel()
    assert nursery.cancel_scope.cancelled_caught


@in_trio
async def test_a_bug_of_ours_is_not_taken_for_the_networks_fault() -> None:
    async with peer(good) as here:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dns.message.QueryMessage, "resolve_chaining", lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await ask(here)


# --- TCP


@in_trio
async def test_a_truncated_answer_is_fetched_whole_over_tcp_from_the_same_nameserver() -> None:
    addresses = [f"192.0.2.{n}" for n in range(1, 61)] + [f"198.51.100.{n}" for n in range(1, 61)]
    whole = says(*((HOST, 60, "A", address) for address in addresses))
    async with peer(truncated, frames(whole)) as here, peer(good) as other:
        found = await ask(here, other)
    assert (found.reason, found.addresses) == (None, tuple(addresses))
    assert (transports(found), reasons(found)) == ([UDP, TCP], [None, None])
    assert not other.asked


@in_trio
async def test_an_answer_that_breaks_off_within_a_record_is_truncated_not_malformed() -> None:
    def broken_off(query: Query) -> Iterable[bytes]:
        reply = message(query, A)
        reply.flags |= dns.flags.TC
        reply.use_edns(False)
        yield reply.to_wire()[:-3]

    async with peer(broken_off, frames(good)) as here:
        found = await ask(here)
    assert (found.reason, transports(found)) == (None, [UDP, TCP])


@in_trio
async def test_truncated_and_no_tcp_is_an_unreachable_resolver() -> None:
    async with peer(truncated, tcp=None) as here:
        found = await ask(here)
    assert (found.reason, reasons(found)) == (
        Reason.RESOLVER_UNREACHABLE,
        [None, Reason.RESOLVER_UNREACHABLE],
    )


@in_trio
async def test_truncated_and_silent_over_tcp_is_a_timeout() -> None:
    async with peer(truncated, silent) as here:
        found = await ask(here, timeout=SHORT)
    assert found.reason is Reason.DNS_TIMEOUT
    assert reasons(found) == [None, Reason.DNS_TIMEOUT, None, Reason.DNS_TIMEOUT, Reason.DNS_TIMEOUT]


@in_trio
async def test_truncated_over_tcp_too_is_malformed() -> None:
    async with peer(truncated, frames(truncated)) as here:
        found = await ask(here)
    assert (found.reason, transports(found)) == (Reason.DNS_MALFORMED, [UDP, TCP])


@pytest.mark.parametrize("kept", [1, 2, 20])
@in_trio
async def test_a_stream_that_ends_within_a_message_is_malformed(kept: int) -> None:
    async with peer(tcp=lambda query: [wire[:kept] for wire in frames(good)(query)]) as here:
        found = await ask(here, transport=TCP)
    assert (found.reason, transports(found)) == (Reason.DNS_MALFORMED, [TCP])
    assert "closed after" in found.detail


@in_trio
async def test_a_resolver_over_tcp_is_never_asked_by_udp() -> None:
    async with peer(servfail, frames(good)) as here:
        found = await ask(here, transport=TCP)
    assert (found.reason, transports(found)) == (None, [TCP])


@in_trio
async def test_an_answer_over_tcp_may_come_in_pieces() -> None:
    async with peer(tcp=lambda query: [bytes([b]) for wire in frames(good)(query) for b in wire]) as here:
        found = await ask(here, transport=TCP)
    assert found.addresses == ("192.0.2.7",)


@strays
@in_trio
async def test_a_reply_to_another_question_is_passed_over_on_tcp_too(stray: Replies) -> None:
    async with peer(tcp=frames(lambda query: [*stray(query), *good(query)])) as here:
        found = await ask(here, transport=TCP)
    assert (found.addresses, reasons(found)) == (("192.0.2.7",), [None])


# --- DNS over TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return file


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.mark.parametrize("server_name", ["dns.example", None])
@in_trio
async def test_over_tls_the_servers_name_is_verified_or_its_address(
    authority: trustme.CA, ca_file: Path, server_name: str | None
) -> None:
    context = server_context(authority, server_name or "127.0.0.1")
    async with peer(servfail, frames(good), context) as here:
        found = await ask(here, transport=TLS, server_name=server_name, ca_file=ca_file)
    assert (found.addresses, transports(found)) == (("192.0.2.7",), [TLS])


@in_trio
async def test_over_tls_an_untrusted_certificate_gets_no_question(ca_file: Path) -> None:
    async with peer(good, frames(good), server_context(trustme.CA(), "127.0.0.1")) as here:
        found = await ask(here, transport=TLS, ca_file=ca_file)
    assert (found.reason, transports(found)) == (Reason.RESOLVER_UNREACHABLE, [TLS])
    assert "certificate" in found.detail
    assert not here.asked


@in_trio
async def test_over_tls_a_certificate_of_another_name_gets_no_question(
    authority: trustme.CA, ca_file: Path
) -> None:
    async with peer(good, frames(good), server_context(authority, "127.0.0.1")) as here:
        found = await ask(here, transport=TLS, server_name="dns.example", ca_file=ca_file)
    assert found.reason is Reason.RESOLVER_UNREACHABLE
    assert not here.asked


@in_trio
async def test_over_tls_a_closed_port_is_an_unreachable_resolver(ca_file: Path) -> None:
    async with peer(good, tcp=None) as here:
        found = await ask(here, transport=TLS, ca_file=ca_file)
    assert (found.reason, transports(found)) == (Reason.RESOLVER_UNREACHABLE, [TLS])


@in_trio
async def test_over_tls_a_truncated_answer_is_never_fetched_in_the_clear(
    authority: trustme.CA, ca_file: Path
) -> None:
    async with peer(good, frames(truncated), server_context(authority, "127.0.0.1")) as here:
        found = await ask(here, transport=TLS, ca_file=ca_file)
    assert (found.reason, transports(found)) == (Reason.DNS_MALFORMED, [TLS])


# --- This machine


@in_trio
async def test_a_nameserver_on_loopback_is_asked_without_the_paths_binding() -> None:
    async with peer(good) as here:
        found = await ask(here, binding=Binding(interface="absent0", source_ipv4="192.0.2.1"))
    assert found.addresses == ("192.0.2.7",)


@in_trio
async def test_any_other_nameserver_is_asked_from_where_the_path_says() -> None:
    elsewhere = Peer(Nameserver("192.0.2.53", 53))
    found = await ask(elsewhere, binding=Binding(interface="absent0"))  # so nothing can be sent
    assert found.reason is Reason.NO_LOCAL_ADDRESS
    assert "absent0" in found.detail


@pytest.mark.parametrize("address", ["fe80::53%absent0", "fe80::53"])
@in_trio
async def test_a_link_local_nameserver_without_its_link_lacks_a_local_address(address: str) -> None:
    found = await ask(Peer(Nameserver(address, 53)))
    assert (found.reason, reasons(found)) == (Reason.NO_LOCAL_ADDRESS, [Reason.NO_LOCAL_ADDRESS])


@in_trio
async def test_no_file_descriptor_left_is_a_reason_of_its_own() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with peer(good) as here:
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            found = await ask(here)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (found.reason, reasons(found)) == (Reason.FD_EXHAUSTED, [Reason.FD_EXHAUSTED])


@in_trio
async def test_a_resolver_without_nameservers_means_those_of_resolv_conf() -> None:
    async with peer(good) as here:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(resolvconf, "stub_resolver", lambda: resolvconf.StubResolver((here.nameserver,)))
            found = await lookup(HOST, RecordType.A, SYSTEM_RESOLVER, Binding(), LONG)
    assert (found.resolver, found.addresses) == ("system", ("192.0.2.7",))
