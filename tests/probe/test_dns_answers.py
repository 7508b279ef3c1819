"""What nameservers answer: addresses, chains, errors, and what is no answer to rely on."""

import struct
import threading
from collections.abc import Iterable, Sequence

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rrset
import pytest

from netcheck.model.failing import Hitch, Reason
from netcheck.model.paths import RecordType, Transport
from netcheck.probe.resolve.dns_message import Answer, Question
from tests.probe.peers import in_trio
from tests.probe.scripted_dns import (
    HOST,
    LONG,
    TCP,
    UDP,
    A,
    Query,
    Record,
    Replies,
    ask,
    ask_one,
    frames,
    good,
    message,
    once,
    peer,
    reasons,
    says,
    silent,
    truncated,
)


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


FIRST, SECOND = (HOST, 60, "CNAME", "x.example."), ("x.example", 60, "CNAME", "y.example.")
END, STRAY = ("y.example", 60, "A", "192.0.2.7"), ("y.example", 60, "A", "192.0.2.9")


@pytest.mark.parametrize(
    ("records", "hitch"),
    [
        ((FIRST, SECOND, END), None),
        ((STRAY, FIRST, SECOND, END), None),  # getent of glibc 2.36 finds the latter
        ((END, FIRST, SECOND), Hitch.OUT_OF_ORDER),
        ((END, SECOND, FIRST), Hitch.OUT_OF_ORDER),
        ((SECOND, FIRST, END), Hitch.OUT_OF_ORDER),
        ((FIRST, END, SECOND), Hitch.OUT_OF_ORDER),
    ],
)
@in_trio
async def test_a_cname_behind_what_it_leads_to_is_not_for_programs(
    records: tuple[Record, ...], hitch: Hitch | None
) -> None:
    found = await ask_one(says(*records))
    assert (found.reason, found.hitch) == (None, hitch)
    assert "192.0.2.7" in found.addresses
    assert ("over udp: a CNAME stands after what it leads to" in found.detail) == (hitch is not None)


@pytest.mark.parametrize("cut", [3, 10])
@in_trio
async def test_an_answer_that_ends_in_the_middle_of_its_records_is_not_for_programs(cut: int) -> None:
    """Getent of glibc 2.36 finds nothing in it."""

    def shortened(query: Query) -> Iterable[bytes]:
        reply = message(query)
        for address in ("192.0.2.7", "192.0.2.8"):
            reply.answer.append(dns.rrset.from_text(f"{HOST}.", 60, dns.rdataclass.IN, "A", address))
        yield reply.to_wire()[:-cut]

    found = await ask_one(shortened)
    assert (found.reason, found.hitch, found.addresses) == (None, Hitch.CUT, ("192.0.2.7",))
    assert "it ends in the middle of the records" in found.detail


@in_trio
async def test_what_is_cut_behind_the_answer_matters_to_nobody() -> None:
    def shortened(query: Query) -> Iterable[bytes]:
        reply = message(query)
        reply.answer.append(dns.rrset.from_text(f"{HOST}.", 60, dns.rdataclass.IN, "A", "192.0.2.7"))
        reply.authority.append(dns.rrset.from_text("test.", 60, dns.rdataclass.IN, "NS", "ns.test."))
        yield reply.to_wire()[:-3]

    found = await ask_one(shortened)
    assert (found.reason, found.hitch, found.addresses) == (None, None, ("192.0.2.7",))


@in_trio
async def test_an_address_of_another_class_is_none() -> None:
    def chaos(query: Query) -> Iterable[bytes]:
        reply = message(query)
        reply.answer.append(dns.rrset.from_text(f"{HOST}.", 60, dns.rdataclass.CH, "A", "net. 4711"))
        yield reply.to_wire()

    found = await ask_one(chaos)
    assert (found.reason, found.addresses) == (Reason.NO_ANSWER, ())


@pytest.mark.parametrize(
    ("records", "rcode", "reason", "chain"),
    [
        ([A], dns.rcode.NOERROR, None, ()),
        ([A, ("elsewhere.example", 1, "A", "192.0.2.66")], dns.rcode.NOERROR, None, ()),
        ([A], dns.rcode.NXDOMAIN, Reason.NXDOMAIN, ()),
        ([(HOST, 60, "CNAME", "x.example.")], dns.rcode.NXDOMAIN, Reason.NXDOMAIN, ("x.example",)),
        ([(HOST, 60, "CNAME", "x.example.")], dns.rcode.NOERROR, Reason.NO_ANSWER, ("x.example",)),
        (
            [(HOST, 60, "CNAME", "x.example."), ("x.example", 60, "CNAME", f"{HOST}.")],
            dns.rcode.NOERROR,
            Reason.DNS_MALFORMED,
            (),
        ),
        (
            [
                (HOST, 60, "CNAME", "0.example."),
                *((f"{n}.example", 60, "CNAME", f"{n + 1}.example.") for n in range(40)),
            ],
            dns.rcode.NOERROR,
            Reason.DNS_MALFORMED,
            (),
        ),
    ],
)
@in_trio
async def test_what_leads_to_no_address_of_the_name_has_its_reason(
    records: Sequence[Record], rcode: dns.rcode.Rcode, reason: Reason | None, chain: tuple[str, ...]
) -> None:
    found = await ask_one(says(*records, rcode=rcode))
    expected = (("192.0.2.7",), 60) if reason is None else ((), None)
    assert (found.reason, found.chain, found.addresses, found.min_ttl) == (reason, chain, *expected)
    missing = f"over udp: {(HOST, *chain)[-1]} does not exist"
    assert found.detail.endswith(missing) is (reason is Reason.NXDOMAIN)


@in_trio
async def test_nxdomain_is_an_answer_so_no_other_nameserver_is_asked() -> None:
    async with peer(says(rcode=dns.rcode.NXDOMAIN)) as first, peer(good) as second:
        found = await ask(first, second)
    assert (found.reason, found.addresses, found.min_ttl) == (Reason.NXDOMAIN, (), None)
    assert reasons(found) == [Reason.NXDOMAIN]
    assert not second.asked


@in_trio
async def test_an_answer_without_records_is_final_too() -> None:
    async with peer(says()) as first, peer(good) as second:
        found = await ask(first, second)
    assert (found.reason, found.min_ttl) == (Reason.NO_ANSWER, None)
    assert not second.asked


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
async def test_a_reply_that_takes_long_to_read_does_not_hold_up_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_in = []

    def read(question: Question, wire: bytes, transport: Transport) -> Answer | None:
        read_in.append(threading.get_ident())
        return answer(question, wire, transport)

    answer = Question.answer
    monkeypatch.setattr(Question, "answer", read)
    async with peer(tcp=frames(crowded(64))) as here:
        found = await ask(here, transport=TCP, timeout=30.0)  # a busy machine may need long for it
    assert found.reason is Reason.DNS_MALFORMED
    assert len(read_in) == 1
    assert read_in != [threading.get_ident()]


@in_trio
async def test_a_reply_that_is_still_being_read_when_its_turn_is_over_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(question: Question, wire: bytes, transport: Transport) -> Answer | None:
        if not interrupted.is_set():
            interrupted.wait(LONG)
        return answer(question, wire, transport)

    interrupted, answer = threading.Event(), Question.answer
    monkeypatch.setattr(Question, "answer", read)
    crowd = says(*((HOST, 60, "A", f"192.0.2.{n}") for n in range(20)))

    def second_question(query: Query) -> Iterable[bytes]:
        interrupted.set()
        return silent(query)

    async with peer(once(crowd, second_question)) as here:
        found = await ask(here, timeout=1.5)
    assert (found.reason, len(found.addresses)) == (None, 20)


@in_trio
async def test_a_reply_with_more_records_than_any_honest_one_is_not_read() -> None:
    async with peer(tcp=frames(crowded(257))) as here:
        found = await ask(here, transport=TCP)
    assert found.reason is Reason.TOO_MANY_ANSWERS
    assert found.detail.endswith("257 records in one reply; more than 256 are not read")


@pytest.mark.parametrize("rdtype", RecordType)
@pytest.mark.parametrize("edns", [True, False])
@pytest.mark.parametrize("name", [HOST, "push.apple.com", "a" * 63 + "." + "b" * 63, "münchen.example"])
def test_a_question_is_what_dnspython_would_ask(name: str, rdtype: RecordType, *, edns: bool) -> None:
    ours = Question(dns.name.from_text(name), rdtype, edns=edns).wire
    read = dns.message.from_wire(ours)
    assert ours == dns.message.make_query(name, rdtype, use_edns=edns, payload=1232, id=read.id).to_wire()


def test_no_question_has_the_id_of_the_one_before() -> None:
    name = dns.name.from_text(HOST)
    ids = {Question(name, RecordType.A, edns=False).wire[:2] for _ in range(100)}
    assert len(ids) > 90


@pytest.mark.parametrize(
    "head",
    [
        b"\x01\x00\x00\x01",  # it is no reply, but our own question again
        b"\xa1\x00\x00\x01",  # it replies to another operation: opcode 4, NOTIFY
        b"\x81\x80\x00\x02",  # it has two questions
    ],
)
def test_what_is_no_reply_is_none_however_many_records_it_has(head: bytes) -> None:
    question = Question(dns.name.from_text(HOST), RecordType.A, edns=False)
    asked = question.wire[12:]
    wire = question.wire[:2] + head + b"\x01\x01" + question.wire[8:] + asked
    assert question.answer(wire, UDP) is None


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
async def test_an_address_that_nobody_asked_for_may_be_broken() -> None:
    def with_broken_glue(query: Query) -> Iterable[bytes]:
        wire = bytearray(message(query).to_wire())
        wire[10:12] = (1).to_bytes(2)
        yield bytes(wire) + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 3) + bytes(3)  # an A of three bytes

    assert (await ask_one(with_broken_glue)).reason is Reason.NO_ANSWER


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
async def test_a_lame_nameserver_that_names_addresses_is_the_last_that_is_asked() -> None:
    """Getent of glibc 2.36 asks no other one."""

    def with_glue(query: Query) -> Iterable[bytes]:
        reply = dns.message.make_response(query)
        reply.authority.append(dns.rrset.from_text("example.", 60, "IN", "NS", "ns.example."))
        reply.additional.append(dns.rrset.from_text("ns.example.", 60, "IN", "A", "192.0.2.53"))
        yield reply.to_wire()

    async with peer(with_glue) as first, peer(good) as second:
        found = await ask(first, second)
    assert (found.reason, second.asked) == (Reason.NO_ANSWER, [])
    assert found.detail.endswith("; it does not resolve for others: it refers to other servers")


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
