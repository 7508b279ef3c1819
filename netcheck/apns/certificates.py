"""What a certificate says of itself, read as far as it goes: also one that no library would take.

A reader of DER (X.690 section 10) for the fields of RFC 5280 section 4.1 that tell whose a certificate is. It
checks no signature, trusts nobody, and never raises: what cannot be read is left out. What it gives is
bounded.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from itertools import islice

from netcheck.model.hosts import is_literal

LARGEST = 64 * 1024
"""Bytes of a certificate that are looked at; those in use have 1 to 8 KiB."""
_MOST_NAMES = 2000
_MOST_MEMBERS = 100
_MOST_ATTRIBUTES = 30
_LONGEST_TEXT = 120

# X.690 section 8, and X.680 for the types of strings
_SEQUENCE, _SET, _UTC_TIME = 0x30, 0x31, 0x17
_BOOLEAN, _INTEGER, _BITS = 0x01, 0x02, 0x03
_CODECS = {
    0x0C: "utf-8",  # UTF8String
    0x12: "ascii",  # NumericString
    0x13: "ascii",  # PrintableString
    0x14: "latin-1",  # TeletexString, as it is used
    0x16: "ascii",  # IA5String
    0x1A: "ascii",  # VisibleString
    0x1C: "utf-32-be",  # UniversalString
    0x1E: "utf-16-be",  # BMPString
}
# RFC 5280 section 4.1 and 4.2.1.6
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87

# RFC 5280 appendix A.1 and section 4.2.1, without tag and length
_COMMON_NAME, _ORGANIZATION = b"\x55\x04\x03", b"\x55\x04\x0a"
_ALTERNATIVE_NAMES, _BASIC_CONSTRAINTS = b"\x55\x1d\x11", b"\x55\x1d\x13"

_KEY_USAGE, _EXTENDED_KEY_USAGE = b"\x55\x1d\x0f", b"\x55\x1d\x25"
_TO_SIGN_CERTIFICATES = 0x04
_TO_SERVE = 0x80 | 0x20 | 0x08
"""RFC 5280 section 4.2.1.3: keyCertSign; digitalSignature, keyEncipherment and keyAgreement. All are in the
first byte."""
_FOR_SERVERS = frozenset((b"\x2b\x06\x01\x05\x05\x07\x03\x01", b"\x55\x1d\x25\x00"))
"""RFC 5280 section 4.2.1.12: id-kp-serverAuth, and anyExtendedKeyUsage, which devices take."""

_UNDERSTOOD = frozenset(
    (
        *(b"\x55\x1d" + bytes([last]) for last in (15, 17, 19, 30, 31, 32, 33, 36, 37, 54)),
        b"\x60\x86\x48\x01\x86\xf8\x42\x01\x01",  # netscape-cert-type
        b"\x2b\x06\x01\x05\x05\x07\x01\x07",  # RFC 3779: addresses and autonomous systems
        b"\x2b\x06\x01\x05\x05\x07\x01\x08",
        b"\x2b\x06\x01\x05\x05\x07\x01\x0e",  # RFC 3820
    )
)
"""The extensions that OpenSSL knows (X509_supported_extension); any other one must not be critical."""

# RFC 8017 appendix A.2, RFC 5758 section 3
_RSA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
_OUTDATED_SIGNATURES = {
    _RSA[:-1] + b"\x02": "MD2",
    _RSA[:-1] + b"\x04": "MD5",
    _RSA[:-1] + b"\x05": "SHA-1",
    b"\x2a\x86\x48\xce\x3d\x04\x01": "SHA-1",
}
_FEWEST_BITS = 2048
"""Of an RSA key: what devices want (support.apple.com/103769), and OpenSSL as Debian sets it up."""

Element = tuple[int, bytes]
"""A tag and the contents behind it."""


@dataclass(frozen=True, slots=True)
class Name:
    """An issuer or a subject: as it stands there, its attributes by type, and what people are shown of it."""

    der: bytes = b""
    attributes: tuple[tuple[bytes, str], ...] = ()
    shown: str = ""
    """Common name and organization, whichever are there, else what is: enough to know whom to ask."""

    @property
    def common_names(self) -> tuple[str, ...]:
        return tuple(text for kind, text in self.attributes if kind == _COMMON_NAME)


@dataclass(frozen=True, slots=True)
class Said:
    """What a certificate says; empty or None is what it does not say, or cannot be read."""

    issuer: Name = Name()
    subject: Name = Name()
    not_before: datetime | None = None
    not_after: datetime | None = None
    dns_names: tuple[str, ...] = ()
    """In lower case."""
    addresses: frozenset[bytes] = field(default_factory=frozenset)
    """As in a packet."""
    is_authority: bool = False
    path_length: int | None = None
    """How many authorities may be below it (RFC 5280 section 4.2.1.9); None for any number."""
    may_be_old_root: bool = False
    """Whether it is its own issuer, and of version 1, which has no way to say that it is an authority's."""
    uses: int | None = None
    """The first byte of its key usage; None for any use."""
    unknown_critical: str = ""
    """An extension that nobody may pass over, and nobody knows."""
    key_size: int = 0
    """Bytes of the public key with its algorithm (RFC 5280 section 4.1.2.7)."""
    rsa_bits: int = 0
    """Of its key; 0 for another kind of key."""
    signature: bytes = b""
    """The algorithm that it is signed by."""
    purposes: frozenset[bytes] = frozenset()
    """What its key may be used for (RFC 5280 section 4.2.1.12); empty for anything."""

    @property
    def names_anyone(self) -> bool:
        """Whether it says for whom it is at all."""
        return bool(self.dns_names or self.addresses or self.subject.common_names)

    def is_for(self, name: str) -> bool:
        """By its subject alternative names only (RFC 9525 section 6)."""
        if is_literal(name):
            return ip_address(name).packed in self.addresses
        return any(_matches(pattern, name.lower()) for pattern in self.dns_names)

    def is_for_by_subject(self, name: str) -> bool:
        """As interceptors of old have it: by the common name alone."""
        if self.dns_names or self.addresses:
            return False
        return any(_matches(pattern.lower(), name.lower()) for pattern in self.subject.common_names)

    @property
    def unfit(self) -> str:
        """Why no client takes it from a server, whoever issued it; empty where they do, here and below."""
        if not self._allows(_TO_SERVE):
            return "is not for servers, by its key usage"
        return self._unfit_anywhere or self.unfit_signature

    @property
    def unfit_to_issue(self) -> str:
        """Why nobody takes a server's certificate that it issued."""
        return self.unfit_authority or self._unfit_anywhere

    @property
    def unfit_authority(self) -> str:
        """Why it is no authority's."""
        if not (self.is_authority or self.may_be_old_root):
            return "is not an authority's, by its basic constraints"
        return "" if self._allows(_TO_SIGN_CERTIFICATES) else "is not an authority's, by its key usage"

    @property
    def unfit_signature(self) -> str:
        """Why nobody takes its signature any more."""
        outdated = _OUTDATED_SIGNATURES.get(self.signature)
        return f"is signed by {outdated}, which is outdated" if outdated else ""

    @property
    def _unfit_anywhere(self) -> str:
        if self.purposes and not self.purposes & _FOR_SERVERS:
            return "is not for servers, by its extended key usage"
        if 0 < self.rsa_bits < _FEWEST_BITS:
            return f"has an RSA key of {self.rsa_bits} bits, and clients want {_FEWEST_BITS}"
        if self.unknown_critical:
            return f"has a critical extension that clients do not know: {self.unknown_critical}"
        return ""

    def _allows(self, uses: int) -> bool:
        return self.uses is None or bool(self.uses & uses)

    def is_in_date(self, time: datetime | None) -> bool:
        """At any time, where none is given."""
        if time is None:
            return True
        return bool(self.not_before and self.not_after and self.not_before <= time <= self.not_after)


def _matches(pattern: str, name: str) -> bool:
    """A wildcard stands for exactly one label, the leftmost (RFC 9525 section 6.3).

    Not for all names of a top level: devices, OpenSSL and curl take no `*.corp`.
    """
    if pattern.startswith("*."):
        return "." in pattern[2:] and name.partition(".")[2] == pattern[2:]
    return pattern == name


def read(der: bytes, most_names: int = _MOST_NAMES) -> Said:
    """What the certificate says, as far as its first LARGEST bytes go, and of its names so many."""
    is_old, fields = _fields(der[:LARGEST])
    validity = _sequence(fields[3])
    found = list(_extensions(fields))
    extensions = {kind: value for kind, value, _ in found}
    constraints = _sequence_in(extensions.get(_BASIC_CONSTRAINTS, b""))
    alternative = _sequence_in(extensions.get(_ALTERNATIVE_NAMES, b""), most_names)
    return Said(
        issuer=_name(fields[2]),
        subject=_name(fields[4]),
        not_before=_time(validity[0]) if validity else None,
        not_after=_time(validity[1]) if len(validity) > 1 else None,
        dns_names=tuple(text.decode("latin-1").lower() for tag, text in alternative if tag == _DNS_NAME),
        addresses=frozenset(content for tag, content in alternative if tag == _IP_ADDRESS),
        is_authority=_is_true(constraints),
        path_length=_path_length(constraints),
        may_be_old_root=is_old and fields[2] == fields[4],
        uses=_uses(extensions.get(_KEY_USAGE)),
        unknown_critical=_unknown(kind for kind, _, is_critical in found if is_critical),
        key_size=len(fields[5][1]),
        rsa_bits=_rsa_bits(fields[5]),
        signature=_algorithm(fields[1]),
        purposes=frozenset(kind for tag, kind in _sequence_in(extensions.get(_EXTENDED_KEY_USAGE, b""))),
    )


def printable(text: str) -> str:
    """What people can be shown of a text of a peer's."""
    return "".join(character for character in text if character.isprintable())[:_LONGEST_TEXT]


_NO_FIELDS: list[Element] = [(0, b"")] * 6


def _fields(der: bytes) -> tuple[bool, list[Element]]:
    """Whether it is of version 1, which is not written; then serial number, signature, issuer, validity,
    subject, key and more.
    """
    certificate = _sequence_in(der)
    fields = _sequence(certificate[0]) if certificate else []
    is_old = bool(fields) and fields[0][0] != _VERSION
    if not is_old:
        fields = fields[1:]
    return is_old, fields + _NO_FIELDS[len(fields) :]


def _elements(data: bytes) -> Iterator[Element]:
    """One element after another; the last may be cut short."""
    at = 0
    while at + 2 <= len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:  # the long form: so many octets of length follow (X.690 section 8.1.3.5)
            octets = length & 0x7F
            length = int.from_bytes(data[at : at + octets])
            at += octets
        yield tag, data[at : at + length]
        at += length


def _sequence(element: Element, tag: int = _SEQUENCE, most: int = _MOST_MEMBERS) -> list[Element]:
    return list(islice(_elements(element[1]), most)) if element[0] == tag else []


def _sequence_in(data: bytes, most: int = _MOST_MEMBERS) -> list[Element]:
    return _sequence(next(_elements(data), (0, b"")), most=most)


def _name(element: Element) -> Name:
    attributes = tuple(islice(_attributes(element), _MOST_ATTRIBUTES))
    wanted = [text for kind in (_COMMON_NAME, _ORGANIZATION) for other, text in attributes if other == kind]
    return Name(element[1], attributes, printable(", ".join(wanted or [text for _, text in attributes])))


def _attributes(element: Element) -> Iterator[tuple[bytes, str]]:
    for relative in _sequence(element):
        for attribute in _sequence(relative, _SET):
            match _sequence(attribute):
                case [(0x06, kind), (tag, content), *_]:
                    yield kind, _text(tag, content)


def _text(tag: int, content: bytes) -> str:
    if codec := _CODECS.get(tag):
        return content[: 4 * _LONGEST_TEXT].decode(codec, "replace")
    return f"#{content[:_LONGEST_TEXT].hex()}"  # as RFC 4514 section 2.4 has it


def _time(element: Element) -> datetime | None:
    """RFC 5280 section 4.1.2.5: two digits of a year below 50 are of this century."""
    tag, content = element
    text = content[:20].decode("latin-1")
    if tag == _UTC_TIME:
        text = ("20" if text < "50" else "19") + text
    with suppress(ValueError):
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    return None


def _algorithm(element: Element) -> bytes:
    """Which it is, without its parameters (RFC 5280 section 4.1.1.2)."""
    return next((kind for tag, kind in _sequence(element)[:1] if tag == 0x06), b"")


def _rsa_bits(element: Element) -> int:
    """Of the modulus (RFC 8017 appendix A.1.1)."""
    match _sequence(element):
        case [algorithm, (0x03, content), *_] if _algorithm(algorithm) == _RSA:
            modulus = next((number for _, number in _sequence_in(content[1:])), b"")
            return int.from_bytes(modulus).bit_length()
    return 0


def _extensions(fields: list[Element]) -> Iterator[tuple[bytes, bytes, bool]]:
    """The type of each extension, its value, and whether it is critical."""
    wrapped = next((content for tag, content in fields[6:] if tag == _EXTENSIONS), b"")
    for extension in _sequence_in(wrapped):
        match _sequence(extension):
            case [(0x06, kind), *between, (0x04, value)]:
                yield kind, value, _is_true(between)


def _is_true(elements: list[Element]) -> bool:
    return any(tag == _BOOLEAN and content != b"\0" for tag, content in elements[:1])


def _path_length(constraints: list[Element]) -> int | None:
    """Only an authority's counts."""
    lengths = (int.from_bytes(content) for tag, content in constraints[1:2] if tag == _INTEGER)
    return next(lengths, None) if _is_true(constraints) else None


def _uses(value: bytes | None) -> int | None:
    """Of a string of bits (X.690 section 8.6): the first octet says how many of the last are none."""
    if value is None:
        return None
    tag, content = next(_elements(value), (0, b""))
    return int.from_bytes(content[1:2]) if tag == _BITS else 0


def _unknown(critical: Iterable[bytes]) -> str:
    """The first that clients do not know, as it is written."""
    kind = next((kind for kind in critical if kind not in _UNDERSTOOD), b"")
    return _dotted(kind[:_LONGEST_TEXT]) if kind else ""


def _dotted(kind: bytes) -> str:
    """X.690 section 8.19."""
    numbers, number = [], 0
    for octet in kind:
        number = number << 7 | octet & 0x7F
        if octet < 0x80:
            numbers.append(number)
            number = 0
    if not numbers:
        return "?"
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))[:_LONGEST_TEXT]
