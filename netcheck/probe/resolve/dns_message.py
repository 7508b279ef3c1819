"""DNS messages: the question that is asked, and what a reply to it says. Over dnspython, without I/O.

As lenient as stub resolvers are: what is not needed for the answer is not looked at.
"""

import secrets
import socket
import struct
from dataclasses import dataclass, replace
from functools import lru_cache

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from netcheck.model.failing import Hitch, PhaseError, Reason
from netcheck.model.paths import RecordType, Transport
from netcheck.probe.resolve import dns_reply
from netcheck.probe.resolve.dns_reply import Labels, NameAndType, Record, Reply

_HEAD = 12  # bytes, RFC 1035 section 4.1.1: the id, and these
_FLAGS_AND_COUNTS = struct.Struct("!5H")
_REPLY_AND_OPCODE, _REPLY_TO_QUERY = 0xF8, 0x80  # of the head's third byte
_TYPE_AND_CLASS = {
    rdtype: struct.pack("!2H", dns.rdatatype.from_text(rdtype), dns.rdataclass.IN) for rdtype in RecordType
}
# Numbers: with an enum's members, each & takes longer than all else that is done with a flag.
_TRUNCATED, _AUTHORITATIVE_OR_RECURSES = int(dns.flags.TC), int(dns.flags.AA | dns.flags.RA)
_UDP_PAYLOAD = 1232  # never fragmented on any path (DNS flag day 2020; RFC 9715 section 3.2)
_OPT = b"\0" + struct.pack("!2HIH", dns.rdatatype.OPT, _UDP_PAYLOAD, 0, 0)  # RFC 6891 section 6.1.2
MOST_ADDRESSES = 128
"""Of one answer: Apple's names have eight. What has more would make everything after it as large."""


_MOST_RECORDS = 2 * MOST_ADDRESSES
"""Of a reply, whatever they are: where a name is long, each takes a tenth of a millisecond to read."""
_MOST_CNAMES = 16
"""That are followed, as in dnspython."""
_LONGEST_TTL = 0x7FFFFFFF  # seconds; RFC 2181 section 8: what is longer counts as none
_LARGE, _MANY = 4096, 16
"""Bytes and records of a reply that is not to be read in the event loop."""
_OTHERS_MAY_KNOW_BETTER = (dns.rcode.SERVFAIL, dns.rcode.NOTIMP, dns.rcode.REFUSED)
"""Errors after which glibc asks the next nameserver; after others only where no question came back."""
_FINAL = (None, Reason.NXDOMAIN, Reason.NO_ANSWER, Reason.TOO_MANY_ANSWERS)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question; the fields are those of Lookup."""

    reason: Reason | None
    detail: str = ""
    addresses: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    min_ttl: int | None = None
    is_cut: bool = False
    """Whether the whole of it is to be had over TCP."""
    told_by: str | None = None
    unusable_store: str = ""
    lame: bool = False
    """Whether it comes from a nameserver that does not resolve for others: another one may know better."""
    ends_asking: bool = False
    """Whether glibc asks no other nameserver after it, though it is of no use: an error of any other kind."""
    hitch: Hitch | None = None
    ends_search: bool = False
    """As in Lookup."""

    @property
    def is_final(self) -> bool:
        """Whether no later nameserver is asked after it."""
        return self.reason in _FINAL and not self.lame


class Question:
    """One question as it goes out, with an id that nobody can guess.

    It is put in bytes here: dnspython makes a message first, which takes longer than to read the reply.
    """

    def __init__(self, name: dns.name.Name, rdtype: RecordType, *, edns: bool) -> None:
        asked = b"".join(bytes((len(label),)) + label for label in name.labels) + _TYPE_AND_CLASS[rdtype]
        self._asked = slice(_HEAD, _HEAD + len(asked))
        self._wanted = tuple(map(bytes.lower, name.labels)), int(dns.rdatatype.from_text(rdtype))
        counts = _FLAGS_AND_COUNTS.pack(dns.flags.RD, 1, 0, 0, edns)
        self.wire = secrets.token_bytes(2) + counts + asked + (_OPT if edns else b"")

    def answer(self, wire: bytes, transport: Transport) -> Answer | None:
        """What a message says to it; None for one that is no reply to it: noise, late, forged, or an echo.

        Raises PhaseError, dns_malformed, for a reply that makes no sense.
        """
        # Noise costs little, however much of it there is.
        is_as_usual = self._is_as_usual(wire)
        if not (is_as_usual or (wire[:2] == self.wire[:2] and self._is_reply(wire))):
            return None
        if (records := _records_in(wire)) > _MOST_RECORDS:
            detail = f"{records} records in one reply; more than {_MOST_RECORDS} are not read"
            return Answer(Reason.TOO_MANY_ANSWERS, detail)
        reply = dns_reply.read(wire, self._wanted[0] if is_as_usual else ())
        return _read(reply, self._wanted, transport, has_question=any(wire[4:6]))

    def _is_as_usual(self, wire: bytes) -> bool:
        """Whether our question comes back in a reply as it went out, its letters in any case."""
        return (
            wire[:2] == self.wire[:2]
            and wire[self._asked].lower() == self.wire[self._asked].lower()
            and wire[2] & _REPLY_AND_OPCODE == _REPLY_TO_QUERY
            and wire[4:6] == self.wire[4:6]  # how many questions
        )

    def _is_reply(self, wire: bytes) -> bool:
        """One with more than our question is none: glibc's res_queriesmatch counts them too."""
        try:
            message = dns.message.from_wire(
                wire, question_only=True, continue_on_error=True, ignore_trailing=True
            )
        except dns.exception.DNSException:
            return False
        return len(message.question) <= 1 and dns.message.from_wire(self.wire).is_response(message)


def takes_long(wire: bytes) -> bool:
    """Whether what is said in it is to be read in a thread."""
    return len(wire) > _LARGE or _MANY < _records_in(wire) <= _MOST_RECORDS


def _records_in(wire: bytes) -> int:
    """How many there are by its head: RFC 1035 section 4.1.1."""
    return sum(int.from_bytes(wire[at : at + 2]) for at in (6, 8, 10))


def _read(reply: Reply, wanted: NameAndType, transport: Transport, *, has_question: bool) -> Answer:
    """What a reply to our question says."""
    if reply.flags & _TRUNCATED and transport is Transport.UDP:
        # No fault of the nameserver, so no reason: it says where the answer can be had (RFC 7766 section 5).
        return Answer(None, is_cut=True)
    if reply.flags & _TRUNCATED and not reply.answer:  # with records, programs take it as it is
        raise PhaseError(Reason.DNS_MALFORMED, "truncated, though not by UDP")
    rcode = reply.rcode
    if rcode in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return _follow_or_go_on(reply, wanted)
    return Answer(
        Reason.REFUSED_BY_SERVER if rcode == dns.rcode.REFUSED else Reason.SERVFAIL,
        f"answered {dns.rcode.to_text(dns.rcode.Rcode.make(rcode))}",
        ends_search=rcode != dns.rcode.SERVFAIL,
        ends_asking=has_question and rcode not in _OTHERS_MAY_KNOW_BETTER,
    )


def _follow_or_go_on(reply: Reply, wanted: NameAndType) -> Answer:
    """What it says, and whether stub resolvers go on to the next nameserver as glibc's res_send does.

    Nothing at all, from one that neither recurses nor knows the name, is no answer to rely on; with records
    behind it, glibc takes it for one.
    """
    answer = _follow(reply, wanted)
    knows = reply.flags & _AUTHORITATIVE_OR_RECURSES or reply.rcode == dns.rcode.NXDOMAIN
    if reply.answer or knows:
        return answer
    refers = "does not resolve for others: it refers to other servers"
    if reply.has_more:
        return replace(answer, detail=f"{answer.detail}; it {refers}") if reply.refers else answer
    if reply.refers:
        return Answer(Reason.REFUSED_BY_SERVER, refers, ends_search=True)
    return replace(answer, lame=True)


def _follow(reply: Reply, wanted: NameAndType) -> Answer:
    """From the question along the CNAMEs to the addresses, as far as they lead."""
    name, rdtype = wanted
    if reply.rcode == dns.rcode.NXDOMAIN and any(of_type == rdtype for _, of_type in reply.answer):
        # Addresses with an NXDOMAIN, which stub resolvers do not look at.
        return Answer(Reason.NXDOMAIN, f"{_text(name)} does not exist")
    cnames, last, answer = _chain(reply, wanted)
    chain = tuple(_text(cname.target) for cname in cnames)
    if not answer:
        return _without_addresses(reply, last, rdtype, chain)
    addresses = sorted({record.data for record in answer})
    if len(addresses) > MOST_ADDRESSES:
        detail = f"{len(addresses)} addresses for one name; more than {MOST_ADDRESSES} are not taken"
        return Answer(Reason.TOO_MANY_ANSWERS, detail, chain=chain)
    family = socket.AF_INET6 if rdtype == dns.rdatatype.AAAA else socket.AF_INET
    hitch, detail = _hitch(reply, [name, *(cname.target for cname in cnames)], rdtype)
    return Answer(
        None,
        detail,
        hitch=hitch,
        addresses=tuple(socket.inet_ntop(family, address) for address in addresses),
        chain=chain,
        min_ttl=min(record.ttl if record.ttl <= _LONGEST_TTL else 0 for record in (*cnames, *answer)),
    )


def _chain(reply: Reply, wanted: NameAndType) -> tuple[list[Record], Labels, list[Record]]:
    """The CNAMEs in their order, the name that they lead to, and its addresses."""
    cnames: list[Record] = []
    name, rdtype = wanted
    while len(cnames) < _MOST_CNAMES:
        if answer := reply.answer.get((name, rdtype)):
            return cnames, name, answer
        if not (found := reply.answer.get((name, dns.rdatatype.CNAME))):
            return cnames, name, []
        cnames.append(found[0])
        name = found[0].target
    raise PhaseError(Reason.DNS_MALFORMED, f"{_MOST_CNAMES} CNAMEs, and no end of them")


def _hitch(reply: Reply, names: list[Labels], rdtype: int) -> tuple[Hitch | None, str]:
    """Why glibc takes nothing of it, and that for people."""
    if not reply.is_whole:
        return Hitch.CUT, "it ends in the middle of the records, and most programs on Linux take none of them"
    if not _is_in_order(reply, names, rdtype):
        return (
            Hitch.OUT_OF_ORDER,
            "a CNAME stands after what it leads to, and most programs on Linux stop there",
        )
    return None, ""


def _is_in_order(reply: Reply, names: list[Labels], rdtype: int) -> bool:
    """Whether each record on the way to the addresses stands behind the one that leads to it.

    So servers add them (RFC 1034 section 4.3.2), and glibc never goes back.
    """
    if len(names) == 1:
        return True
    order = list(reply.answer)
    places = [order.index((name, dns.rdatatype.CNAME)) for name in names[:-1]]
    places.append(order.index((names[-1], rdtype)))
    return places == sorted(places)


def _without_addresses(reply: Reply, last: Labels, rdtype: int, chain: tuple[str, ...]) -> Answer:
    if reply.fault:
        raise PhaseError(Reason.DNS_MALFORMED, f"no whole DNS message: {reply.fault}")
    if reply.rcode == dns.rcode.NXDOMAIN:
        return Answer(Reason.NXDOMAIN, f"{_text(last)} does not exist", chain=chain)
    what = "IPv6 address" if rdtype == dns.rdatatype.AAAA else "IPv4 address"
    return Answer(Reason.NO_ANSWER, f"{_text(last)} has no {what}", chain=chain)


@lru_cache(maxsize=1024)
def _text(name: Labels) -> str:
    return dns.name.Name(name).to_text(omit_final_dot=True)
