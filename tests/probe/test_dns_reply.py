"""What is read of a DNS message is what dnspython reads of it, also where some of it is wrong or missing."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rrset
from hypothesis import given
from hypothesis import strategies as st

from netcheck.probe.resolve.dns_reply import Labels, NameAndType, Record, Reply, read

NAMES = ("courier.example.", "7-Courier.push.example.", "push.example.", ".", "a" * 63 + ".Example.")
FOLLOWED = (dns.rdatatype.A, dns.rdatatype.AAAA, dns.rdatatype.CNAME)
Found = Mapping[NameAndType, set[tuple[int, bytes | Labels]]]
names = st.sampled_from(NAMES)
data = st.one_of(
    st.tuples(st.just("A"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("AAAA"), st.ip_addresses(v=6).map(str)),
    st.tuples(st.just("CNAME"), names),
    st.tuples(st.just("NS"), names),
    st.tuples(st.just("TXT"), st.just('"a text"')),
    st.tuples(st.just("SOA"), st.just("ns.example. who.example. 1 2 3 4 5")),
)
sections = st.lists(st.tuples(names, st.integers(0, 2**31 - 1), data), max_size=6)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """With records in all sections, their names compressed; each set of records has one time to live."""
    reply = dns.message.make_response(dns.message.make_query(draw(names), "A"))
    for section in (reply.answer, reply.authority, reply.additional):
        for name, ttl, (rdtype, text) in draw(sections):
            section.append(dns.rrset.from_text(name, ttl, "IN", rdtype, text))
    reply.set_rcode(draw(st.sampled_from(dns.rcode.Rcode)))
    return reply.to_wire(max_size=65535)


@given(messages())
def test_a_whole_message(wire: bytes) -> None:
    ours, theirs = read(wire), dns.message.from_wire(wire, one_rr_per_rrset=True)
    assert ours.fault is None
    assert (ours.flags & 0xFFF0, ours.rcode) == (theirs.flags & 0xFFF0, theirs.rcode())
    assert ours.refers == any(each.rdtype == dns.rdatatype.NS for each in theirs.authority)
    assert found_by_us(ours) == found_by_dnspython(theirs)


@given(messages(), st.data())
def test_a_message_with_wrong_bytes_or_without_its_end(wire: bytes, choice: st.DataObject) -> None:
    broken = bytearray(wire)
    for _ in range(choice.draw(st.integers(0, 3))):
        broken[choice.draw(st.integers(12, len(wire) - 1))] = choice.draw(st.integers(0, 255))
    broken = broken[: choice.draw(st.integers(12, len(wire)))]
    ours = read(bytes(broken))
    with suppress(dns.exception.DNSException):  # there is less that we cannot read
        theirs = dns.message.from_wire(bytes(broken), one_rr_per_rrset=True, ignore_trailing=True)
        assert ours.fault is None
        assert found_by_us(ours) == found_by_dnspython(theirs)


def found_by_us(reply: Reply) -> Found:
    return {
        key: {(seconds(record), record.target or record.data) for record in records}
        for key, records in reply.answer.items()
        if key[1] in FOLLOWED
    }


def seconds(record: Record) -> int:
    """dnspython counts a time beyond the longest as none (RFC 2181 section 8)."""
    return record.ttl if record.ttl < 2**31 else 0


def found_by_dnspython(message: dns.message.Message) -> Found:
    found = defaultdict(set)
    for rrset in message.answer:
        if rrset.rdtype in FOLLOWED and rrset.rdclass == dns.rdataclass.IN:
            found[labels(rrset.name), int(rrset.rdtype)].add((rrset.ttl, value(rrset[0])))
    return found


def value(rdata: dns.rdata.Rdata) -> bytes | Labels:
    if isinstance(rdata, dns.rdtypes.ANY.CNAME.CNAME):
        return labels(rdata.target)
    wire = rdata.to_wire()
    assert wire is not None
    return wire


def labels(name: dns.name.Name) -> Labels:
    return tuple(label.lower() for label in name.labels)
