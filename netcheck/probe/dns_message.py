"""DNS messages: the question that is asked, and what a reply to it says. Over dnspython, without I/O.

As lenient as stub resolvers are: what is not needed for the answer is not looked at.
"""

import secrets
import struct
from dataclasses import dataclass, replace
from enum import Enum, auto
from operator import methodcaller

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.OPT
import dns.rdtypes.ANY.SOA
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.rrset

from netcheck.model.failing import Reason
from netcheck.model.paths import RecordType, Transport
from netcheck.probe.errors import PhaseError

_HEAD = 12  # bytes, RFC 1035 section 4.1.1: the id, and these
_FLAGS_AND_COUNTS = struct.Struct("!5H")
_REPLY_AND_OPCODE, _REPLY_TO_QUERY = 0xF8, 0x80  # of the head's third byte
_TYPE_AND_CLASS = {
    rdtype: struct.pack("!2H", dns.rdatatype.from_text(rdtype), dns.rdataclass.IN) for rdtype in RecordType
}
_UDP_PAYLOAD = 1232  # never fragmented on any path (DNS flag day 2020; RFC 9715 section 3.2)
_OPT = b"\0" + struct.pack("!2HIH", dns.rdatatype.OPT, _UDP_PAYLOAD, 0, 0)  # RFC 6891 section 6.1.2
MOST_ADDRESSES = 128
"""Of one answer: Apple's names have eight. What has more would make everything after it as large."""


_MOST_RECORDS = 2 * MOST_ADDRESSES
"""Of a reply, whatever they are: where a name is long, each may take milliseconds to read."""
_MOST_CNAMES = 16
"""That are followed, as in dnspython."""
_LARGE, _MANY = 4096, 16
"""Bytes and records of a reply that is not to be read in the event loop."""


class Again(Enum):
    """A reply that asks for the same question in another form."""

    WITHOUT_EDNS = auto()
    OVER_TCP = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question; the fields are those of Lookup."""

    reason: Reason | None
    detail: str = ""
    addresses: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    min_ttl: int | None = None
    again: Again | None = None
    lame: bool = False
    """Whether it comes from a nameserver that does not resolve for others: another one may know better."""


class Question:
    """One question as it goes out, with an id that nobody can guess.

    It is put in bytes here: dnspython makes a message first, which costs as much as to read the reply.
    """

    def __init__(self, name: dns.name.Name, rdtype: RecordType, *, edns: bool) -> None:
        asked = b"".join(bytes((len(label),)) + label for label in name.labels) + _TYPE_AND_CLASS[rdtype]
        self._asked = slice(_HEAD, _HEAD + len(asked))
        self._edns = edns
        counts = _FLAGS_AND_COUNTS.pack(dns.flags.RD, 1, 0, 0, edns)
        self.wire = secrets.token_bytes(2) + counts + asked + (_OPT if edns else b"")

    def answer(self, wire: bytes, transport: Transport) -> Answer | None:
        """What a message says to it; None for one that is no reply to it: noise, late, forged, or an echo.

        Raises PhaseError, dns_malformed, for a reply that makes no sense.
        """
        # Noise costs little, however much of it there is.
        is_as_usual = self._is_as_usual(wire)
        if not (is_as_usual or (wire[:2] == self.wire[:2] and self._reply(wire, question_only=True))):
            return None
        if (records := _records_in(wire)) > _MOST_RECORDS:
            detail = f"{records} records in one reply; more than {_MOST_RECORDS} are not read"
            return Answer(Reason.TOO_MANY_ANSWERS, detail)
        reply = self._reply(wire, is_known=is_as_usual)
        return None if reply is None else _read(reply, transport, asked_with_edns=self._edns)

    def _is_as_usual(self, wire: bytes) -> bool:
        """Whether our question comes back in a reply as it went out, its letters in any case."""
        return (
            wire[:2] == self.wire[:2]
            and wire[self._asked].lower() == self.wire[self._asked].lower()
            and wire[2] & _REPLY_AND_OPCODE == _REPLY_TO_QUERY
            and wire[4:6] == self.wire[4:6]  # how many questions
        )

    def _reply(
        self, wire: bytes, *, question_only: bool = False, is_known: bool = False
    ) -> dns.message.QueryMessage | None:
        """Records that cannot be read are left out of it, as nobody needs them who finds the others.

        One with more than our question is none: glibc's res_queriesmatch counts them too.
        """
        try:
            message = dns.message.from_wire(
                wire, question_only=question_only, continue_on_error=True, ignore_trailing=True
            )
        except dns.exception.DNSException:
            return None
        if not isinstance(message, dns.message.QueryMessage) or len(message.question) > 1:
            return None
        return message if is_known or dns.message.from_wire(self.wire).is_response(message) else None


def takes_long(wire: bytes) -> bool:
    """Whether what is said in it is to be read in a thread."""
    return len(wire) > _LARGE or _MANY < _records_in(wire) <= _MOST_RECORDS


def _records_in(wire: bytes) -> int:
    """How many there are by its head: RFC 1035 section 4.1.1."""
    return sum(int.from_bytes(wire[at : at + 2]) for at in (6, 8, 10))


def _read(reply: dns.message.QueryMessage, transport: Transport, *, asked_with_edns: bool) -> Answer:
    """What a reply to our question says."""
    if reply.flags & dns.flags.TC:
        if transport is not Transport.UDP:
            raise PhaseError(Reason.DNS_MALFORMED, "truncated, though not by UDP")
        # No fault of the nameserver, so no reason: it says where the answer can be had (RFC 7766 section 5).
        return Answer(None, again=Again.OVER_TCP)
    rcode = reply.rcode()
    if rcode in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return _follow_or_go_on(reply)
    return Answer(
        Reason.REFUSED_BY_SERVER if rcode == dns.rcode.REFUSED else Reason.SERVFAIL,
        f"answered {dns.rcode.to_text(rcode)}",
        # What servers older than EDNS say to it (RFC 6891 section 7), and what others say.
        again=Again.WITHOUT_EDNS if asked_with_edns and rcode != dns.rcode.REFUSED else None,
    )


def _follow_or_go_on(reply: dns.message.QueryMessage) -> Answer:
    """What it says, and whether stub resolvers go on to the next nameserver as glibc's res_send does.

    Nothing at all, from one that neither recurses nor knows the name, is no answer to rely on.
    """
    answer = _follow(reply)
    knows = reply.flags & (dns.flags.AA | dns.flags.RA) or reply.rcode() == dns.rcode.NXDOMAIN
    if reply.answer or knows:
        return answer
    if any(rrset.rdtype == dns.rdatatype.NS for rrset in reply.authority):
        return Answer(Reason.REFUSED_BY_SERVER, "does not resolve for others: it refers to other servers")
    return replace(answer, lame=True)


def _follow(reply: dns.message.QueryMessage) -> Answer:
    """From the question along the CNAMEs to the addresses, as far as they lead."""
    if reply.rcode() == dns.rcode.NXDOMAIN and _asks_for_its_own_answer(reply):
        return Answer(Reason.NXDOMAIN, f"{_text(reply.question[0].name)} does not exist")
    cnames, last, answer = _chain(reply)
    chain = tuple(_text(cname[0].target) for cname in cnames)
    if answer is None:
        return _without_addresses(reply, last, chain)
    if len(answer) > MOST_ADDRESSES:
        detail = f"{len(answer)} addresses for one name; more than {MOST_ADDRESSES} are not taken"
        return Answer(Reason.TOO_MANY_ANSWERS, detail, chain=chain)
    return Answer(
        None,
        addresses=tuple(record.to_text() for record in sorted(answer, key=methodcaller("to_wire"))),
        chain=chain,
        min_ttl=min(rrset.ttl for rrset in (*cnames, answer)),
    )


def _chain(
    reply: dns.message.QueryMessage,
) -> tuple[list[dns.rrset.RRset], dns.name.Name, dns.rrset.RRset | None]:
    """The CNAMEs in their order, the name that they lead to, and its addresses.

    Not by dnspython's `resolve_chaining`: without addresses it looks for how long to remember that, and that
    takes as long as to read the reply.
    """
    cnames: list[dns.rrset.RRset] = []
    name, rdtype = reply.question[0].name, reply.question[0].rdtype
    while len(cnames) < _MOST_CNAMES:
        if (answer := _found(reply, name, rdtype)) is not None:
            return cnames, name, answer
        if (cname := _found(reply, name, dns.rdatatype.CNAME)) is None:
            return cnames, name, None
        cnames.append(cname)
        name = cname[0].target
    raise PhaseError(Reason.DNS_MALFORMED, f"{_MOST_CNAMES} CNAMEs, and no end of them")


def _found(
    reply: dns.message.QueryMessage, name: dns.name.Name, rdtype: dns.rdatatype.RdataType
) -> dns.rrset.RRset | None:
    """The records of a name in the answer."""
    wanted = (rdtype, dns.rdataclass.IN)
    found = (each for each in reply.answer if (each.rdtype, each.rdclass) == wanted and each.name == name)
    return next(found, None)


def _asks_for_its_own_answer(reply: dns.message.QueryMessage) -> bool:
    """Whether there are addresses with an NXDOMAIN, which stub resolvers do not look at."""
    return any(rrset.rdtype == reply.question[0].rdtype for rrset in reply.answer)


def _without_addresses(
    reply: dns.message.QueryMessage, last: dns.name.Name, chain: tuple[str, ...]
) -> Answer:
    if reply.errors:
        raise PhaseError(Reason.DNS_MALFORMED, f"no whole DNS message: {reply.errors[0].exception}")
    if reply.rcode() == dns.rcode.NXDOMAIN:
        return Answer(Reason.NXDOMAIN, f"{_text(last)} does not exist", chain=chain)
    what = "IPv6 address" if reply.question[0].rdtype == dns.rdatatype.AAAA else "IPv4 address"
    return Answer(Reason.NO_ANSWER, f"{_text(last)} has no {what}", chain=chain)


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
