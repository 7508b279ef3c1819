"""A DNS message as far as a stub resolver looks at it: its head, and what records it has of which names.

dnspython reads the names and keeps to the bounds. Only its own message is not made, with sets of records and
an object for each: of an answer as Apple's nameservers give it, with two CNAMEs and eight addresses, that
takes eight times as long as this.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import dns.exception
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.wire

_HEAD = "!6H"  # RFC 1035 section 4.1.1
_TYPE_AND_CLASS, _TYPE_TO_SIZE = "!2H", "!2HIH"  # behind a name: sections 4.1.2 and 4.1.3
_RCODE, _EXTENDED = 0x00F, 0xFF0
_POINTER = 0xC000  # section 4.1.4: both bits, and where in the message the name stands
_ADDRESS_SIZES: dict[int, int] = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 16}

Labels = tuple[bytes, ...]
"""A name in small letters: two are the same where these are."""
NameAndType = tuple[Labels, int]


class Record(NamedTuple):
    """What a name has."""

    ttl: int
    """Seconds."""
    data: bytes
    """An address's four or sixteen bytes; of a CNAME, those of a name that may go on elsewhere."""
    target: Labels
    """Where a CNAME leads."""


@dataclass(slots=True)
class Reply:
    """What came, as far as it makes sense."""

    flags: int
    rcode: int
    """RFC 1035 section 4.1.1, and with EDNS RFC 6891 section 6.1.3."""
    answer: dict[NameAndType, list[Record]] = field(default_factory=dict)
    """By name and type, in the order in which they end; in the Internet's class."""
    is_whole: bool = False
    """Whether the answer's records go on to their end."""
    refers: bool = False
    """Whether it names other nameservers."""
    has_more: bool = False
    """Whether it has records behind these, as the addresses of those nameservers."""
    fault: Exception | None = None
    """Of what makes no sense, the first."""


def read(wire: bytes, known: Labels = ()) -> Reply:
    """A message, of which no more than the head need make sense; else raises DNSException.

    `known` is the name in its question, if that is known to stand there.
    """
    reader = _Reader(wire)
    _, flags, questions, answers, authorities, others = reader.numbers(_HEAD)
    reply = Reply(flags, flags & _RCODE, has_more=others > 0)
    try:
        for _ in range(questions):
            if known:
                reader.pass_by(known)
            else:
                reader.name()
            reader.numbers(_TYPE_AND_CLASS)
        for name, rdtype, rdclass, ttl, data in reader.records(answers):
            if rdclass == dns.rdataclass.IN and (target := reader.target(rdtype, data)) is not None:
                records = reply.answer.pop((name, rdtype), [])
                reply.answer[name, rdtype] = [*records, Record(ttl, data, target)]
        reply.is_whole = True
        for _, rdtype, _, _, _ in reader.records(authorities):
            reply.refers = reply.refers or rdtype == dns.rdatatype.NS
        for _, rdtype, _, ttl, _ in reader.records(others):
            if rdtype == dns.rdatatype.OPT:  # RFC 6891 section 6.1.3: its TTL has the rest of the code
                reply.rcode = (ttl >> 20) & _EXTENDED | flags & _RCODE
    except dns.exception.DNSException as error:
        reader.fault = reader.fault or error
    reply.fault = reader.fault
    return reply


class _Reader:
    """Goes through a message; raises DNSException where it does not go on."""

    def __init__(self, wire: bytes) -> None:
        self._parser = dns.wire.Parser(wire)
        self.numbers = self._parser.get_struct
        self._names: dict[int, Labels] = {}
        """By where they stand: most names are no more than a pointer to an earlier one."""
        self.fault: Exception | None = None

    def name(self) -> Labels:
        """The next one."""
        parser = self._parser
        at, start = parser.current, parser.wire[parser.current : parser.current + 2]
        known = self._names.get(int.from_bytes(start) - _POINTER)
        if known is not None:
            parser.seek(at + 2)
            return known
        labels = tuple(map(bytes.lower, dns.name.from_wire_parser(parser).labels))
        self._names[at] = labels
        return labels

    def pass_by(self, name: Labels) -> None:
        """This is the next one, in full."""
        self._names[self._parser.current] = name
        self._parser.seek(self._parser.current + sum(len(label) + 1 for label in name))

    def records(self, count: int) -> Iterator[tuple[Labels, int, int, int, bytes]]:
        """The next ones: name, type, class, TTL and data."""
        for _ in range(count):
            name = self.name()
            rdtype, rdclass, ttl, size = self.numbers(_TYPE_TO_SIZE)
            yield name, rdtype, rdclass, ttl, self._parser.get_bytes(size)

    def target(self, rdtype: int, data: bytes) -> Labels | None:
        """Where the record that was read last leads, if it is a CNAME; None where its data make no sense."""
        end = self._parser.current
        try:
            if rdtype == dns.rdatatype.CNAME:
                self._parser.seek(end - len(data))
                target = self.name()
                if self._parser.current == end:
                    return target
            elif _ADDRESS_SIZES.get(rdtype, len(data)) == len(data):
                return ()
            raise dns.exception.FormError
        except dns.exception.DNSException as error:
            self.fault = self.fault or error
            self._parser.seek(end)
            return None
