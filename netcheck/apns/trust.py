"""Whose certificate a peer showed: Apple's own, a public authority's, or somebody else's in between.

Pure: looks at a chain as it was presented, also one that no verification would let pass. Knows no socket and
no ssl. Signatures, names and dates are checked; revocation and name constraints are not: devices pin.
"""

import functools
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

from netcheck.model.failing import Reason
from netcheck.model.paths import is_literal
from netcheck.model.results import TlsInfo, Trust

APPLE_ANCHORS = frozenset(
    bytes.fromhex(fingerprint)
    for fingerprint in (
        # Apple Root CA, to 2035
        "b0b1730ecbc7ff4505142c49f1295e6eda6bcaed7e2c68c5be91b5a11001f024",
        # Apple Server Authentication CA, to 2029
        "efd0c3352e8f5cc6c7678a5cb48370c341db58d39fc0569d5e106f02c4fcaceb",
    )
)
"""SHA-256 of Apple's private authorities: couriers with ALPN offered, and the bag, have leafs of theirs."""

_LONGEST_CHAIN = 8
_MOST_NAMES = 5
_DATES = "%Y-%m-%d"


@dataclass(frozen=True, slots=True)
class Anchors:
    """Who may vouch for a service. `known` are fingerprints of certificates that the peer itself presents."""

    known: frozenset[bytes]
    own: tuple[x509.Certificate, ...]
    """From `ca_file`: as good as the known ones."""
    public: tuple[x509.Certificate, ...]
    apple: bool
    """Whether a chain of anyone else means that somebody decrypts in between."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What the chain tells; `reason` None is a chain to rely on."""

    info: TlsInfo
    reason: Reason | None
    detail: str


def apple_anchors(ca_file: Path | None = None) -> Anchors:
    """Apple's own, and public authorities as certifi lists them.

    Never the system's store: there an interceptor's authority stands among the others, put there on purpose.
    """
    return Anchors(APPLE_ANCHORS, _own(ca_file), _public(), apple=True)


def anchors_of_others(system: Iterable[bytes], ca_file: Path | None = None) -> Anchors:
    """For a service that is not Apple's: `ca_file`, or else the system's authorities (in DER)."""
    store = () if ca_file else _readable(system)
    return Anchors(frozenset(), _own(ca_file), store, apple=False)


def examine(
    presented: Sequence[bytes], name: str, anchors: Anchors, alpn: str | None, now: float
) -> Examined:
    """Judge a chain (DER, leaf first) presented under `name`; ValueError where the leaf cannot be read."""
    leaf, *others = _certificates(presented)
    time = datetime.fromtimestamp(now, UTC)
    trust = _trust(leaf, others, anchors, time)
    # whose it is does not change with the date: this machine's clock may be years off
    whose = trust or _trust(leaf, others, anchors, leaf.not_valid_before_utc)
    reason, detail = _problem(leaf, name, anchors, whose, time)
    if reason is None and trust is None:
        reason, detail = Reason.TLS_EXPIRED, "a certificate of the issuers' chain is out of date"
    return Examined(_info(leaf, name, whose or Trust.OTHER, alpn), reason, detail)


def _info(leaf: x509.Certificate, name: str, trust: Trust, alpn: str | None) -> TlsInfo:
    return TlsInfo(
        _issuer(leaf),
        leaf.not_valid_after_utc.timestamp(),
        trust,
        alpn,
        leaf.not_valid_before_utc.timestamp(),
        _subject(leaf),
        tuple(_printable(each) for each in _names_of(leaf)[:_MOST_NAMES]),
        _names(leaf, name),
    )


def _problem(
    leaf: x509.Certificate, name: str, anchors: Anchors, trust: Trust | None, time: datetime
) -> tuple[Reason | None, str]:
    if trust is None:
        reason = Reason.TLS_INTERCEPTED if anchors.apple else Reason.TLS_UNTRUSTED
        return reason, f"the certificate for {name} was issued by {_issuer(leaf)}"
    if not _names(leaf, name):
        return Reason.TLS_NAME_MISMATCH, f"the certificate is not for {name} but for {_subject(leaf)}"
    if time > leaf.not_valid_after_utc:
        return Reason.TLS_EXPIRED, f"the certificate expired on {leaf.not_valid_after_utc.strftime(_DATES)}"
    if time < leaf.not_valid_before_utc:
        begins = leaf.not_valid_before_utc.strftime(_DATES)
        return (
            Reason.TLS_EXPIRED,
            f"the certificate is valid only from {begins} on; is this machine's clock right?",
        )
    return None, ""


def _trust(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], anchors: Anchors, time: datetime
) -> Trust | None:
    """Who vouches for the leaf in the end: followed signature by signature, never by names alone."""
    current = leaf
    for _ in range(_LONGEST_CHAIN):
        if any(_issued(current, anchor) for anchor in anchors.own):
            return Trust.APPLE if anchors.apple else Trust.OTHER
        if any(_issued(current, anchor) for anchor in anchors.public):
            return Trust.PUBLIC
        parents = [other for other in others if _is_authority(other, time) and _issued(current, other)]
        if any(parent.fingerprint(SHA256()) in anchors.known for parent in parents):
            return Trust.APPLE
        if not parents or parents[0] is current:
            return None
        current = parents[0]
    return None


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_authority(certificate: x509.Certificate, time: datetime) -> bool:
    """Without this, anyone with a certificate could issue others (RFC 5280 section 4.2.1.9)."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return constraints.ca and certificate.not_valid_before_utc <= time <= certificate.not_valid_after_utc


def _names_of(leaf: x509.Certificate) -> list[str]:
    """Its DNS names and addresses."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def _names(leaf: x509.Certificate, name: str) -> bool:
    """Whether the leaf is for this name, by its subject alternative names only (RFC 9525 section 6)."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    if is_literal(name):
        return ip_address(name) in names.get_values_for_type(x509.IPAddress)
    return any(_matches(pattern.lower(), name) for pattern in names.get_values_for_type(x509.DNSName))


def _matches(pattern: str, name: str) -> bool:
    """A wildcard stands for exactly one label, the leftmost (RFC 9525 section 6.3)."""
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return pattern == name


def _certificates(presented: Sequence[bytes]) -> list[x509.Certificate]:
    """The leaf, and of the others those that can be read."""
    if not presented:
        raise ValueError("the peer presented no certificate")
    certificates = [x509.load_der_x509_certificate(presented[0])]
    for der in presented[1:_LONGEST_CHAIN]:
        try:
            certificates.append(x509.load_der_x509_certificate(der))
        except ValueError:
            continue
    return certificates


def _issuer(leaf: x509.Certificate) -> str:
    return _short(leaf.issuer)


def _subject(leaf: x509.Certificate) -> str:
    return _short(leaf.subject)


def _short(name: x509.Name) -> str:
    """Common name and organization, whichever are there: enough to know whom to ask."""
    parts = [
        str(attribute.value)
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        for attribute in name.get_attributes_for_oid(oid)
    ]
    return _printable(", ".join(parts)) or "an unnamed authority"


def _printable(text: str) -> str:
    """What a peer wrote must not reach a terminal raw, nor fill it."""
    return "".join(character for character in text if character.isprintable())[:120]


@functools.cache
def _public() -> tuple[x509.Certificate, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # of an old root's serial number
        return tuple(x509.load_pem_x509_certificates(Path(certifi.where()).read_bytes()))


def _readable(system: Iterable[bytes]) -> tuple[x509.Certificate, ...]:
    """The authorities of a store, without those that the library cannot read: they vouch for nobody."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for der in system:
            with suppress(ValueError):
                found.append(x509.load_der_x509_certificate(der))
    return tuple(found)


def _own(ca_file: Path | None) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates(ca_file.read_bytes())) if ca_file else ()
