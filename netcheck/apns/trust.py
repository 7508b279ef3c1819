"""Whose certificate a peer showed: Apple's own, a public authority's, or somebody else's in between.

Pure: looks at a chain as it was presented, also one that no verification would let pass, or that nobody can
read. Knows no socket and no ssl. Not `cryptography.x509.verification`, which says yes or no: here the
question is who, of a chain that mostly fails. Signatures, names and dates are checked; key usage, path
lengths, name constraints and revocation are not: devices pin, and an authority that breaks those rules is no
interceptor for it.
"""

import base64
import hashlib
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeVar

import certifi
from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm

from netcheck.apns import certificates
from netcheck.apns.certificates import Said, printable
from netcheck.model.failing import Reason
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

PUBLIC_AUTHORITIES = Path(certifi.where())
"""Public authorities as certifi lists them. Never the system's store for what is Apple's: there an
interceptor's authority stands among the others, put there on purpose."""

_LONGEST_CHAIN = 32
"""Certificates: some servers send all authorities of their company along, in any order."""
_MOST_SIGNATURES = 12
"""Checked for one chain: those in use need three."""
_LARGEST_KEY = 1100
"""Bytes of a public key: RSA of 8192 bits. A larger one takes long to check by, and nobody has one."""
_REMEMBERED, _LARGEST_REMEMBERED = 128, 8 * 1024
"""Certificates, and bytes of one, or of one and its issuer: as many as peers of one site show, and too few to
fill the memory."""
_NAMES_SHOWN = 8
_DATES = "%Y-%m-%d"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]{1,200000})-----END CERTIFICATE-----")

_UNUSABLE = (
    ValueError,
    TypeError,
    OverflowError,
    InvalidSignature,
    InternalError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""What the library raises for certificates that it cannot use, and for signatures that are none."""


class Authority(NamedTuple):
    """A certificate of one, in DER, and what it says."""

    der: bytes
    said: Said


@dataclass(frozen=True, slots=True)
class Store:
    """Authorities, by their subject in DER. What the library cannot read vouches for nobody."""

    by_subject: Mapping[bytes, tuple[Authority, ...]] = field(default_factory=dict)

    def named(self, subject: bytes) -> tuple[Authority, ...]:
        return self.by_subject.get(subject, ())


NOBODY = Store()


@dataclass(frozen=True, slots=True)
class Anchors:
    """Who may vouch for a service."""

    vouching: tuple[tuple[Trust, Store], ...]
    """Whose certificates are taken, and what that makes of them."""
    known: frozenset[bytes] = frozenset()
    """SHA-256 of Apple's authorities, which the peer itself presents."""
    explaining: Store = NOBODY
    """Whose certificates are not taken, but known: a company's own authority."""
    is_apples: bool = False
    """Whether a chain of anyone else means that somebody decrypts in between."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What the chain tells; `reason` None is a chain to rely on."""

    info: TlsInfo
    reason: Reason | None
    detail: str


def store(authorities: Iterable[bytes]) -> Store:
    """A store of certificates in DER."""
    found: dict[bytes, tuple[Authority, ...]] = {}
    for der in authorities:
        said = certificates.read(der, most_names=0)
        found[said.subject.der] = (*found.get(said.subject.der, ()), Authority(der, said))
    return Store(found)


def in_pem(data: bytes) -> list[bytes]:
    """The certificates of a file in PEM, in DER, whatever else is in it; what is no Base64 is left out."""
    found = []
    for body in _PEM.findall(data):
        with suppress(ValueError):
            found.append(base64.b64decode(body))
    return found


def apple_anchors(public: Store, lab: Store = NOBODY, explaining: Store = NOBODY) -> Anchors:
    """Apple's own, and public authorities; in a laboratory, others in Apple's place."""
    vouching = ((Trust.APPLE, lab), (Trust.PUBLIC, public))
    return Anchors(vouching, APPLE_ANCHORS, explaining, is_apples=True)


def anchors_of_owner(own: Store) -> Anchors:
    """For a service that is not Apple's: an authority of one's own, and no other."""
    return Anchors(((Trust.OTHER, own),))


def anchors_of_system(system: Store) -> Anchors:
    """For a service of no authority of one's own: the system's, and Apple's, as it may be one of Apple's."""
    return Anchors(((Trust.PUBLIC, system),), APPLE_ANCHORS)


def examine(
    presented: Sequence[bytes],
    name: str,
    anchors: Anchors,
    now: float,
    *,
    alpn: str | None = None,
    version: str | None = None,
) -> Examined:
    """Judge a chain (leaf first) that was presented under `name` at the Unix time `now`; raises nothing.

    What cannot be read vouches for nobody, and is described as far as it can be. The work is bounded: some
    ten milliseconds, whatever is presented.
    """
    time = datetime.fromtimestamp(now, UTC)
    chain = _links(presented[:_LONGEST_CHAIN])
    leaf = chain[0].said if chain else Said()
    trust = _voucher(chain, anchors.vouching, anchors.known, time)
    # Whose it is does not change with the date: this machine's clock may be years off.
    whose = trust or _voucher(chain, anchors.vouching, anchors.known, None)
    info = TlsInfo(
        issuer=leaf.issuer.shown or "an unnamed authority",
        not_after=_timestamp(leaf.not_after),
        trust=whose or Trust.OTHER,
        alpn=alpn,
        subject=leaf.subject.shown,
        names=tuple(printable(each) for each in leaf.dns_names[:_NAMES_SHOWN]),
        not_before=_timestamp(leaf.not_before),
        version=version,
        sha256=chain[0].fingerprint.hex() if chain else "",
        is_for_host=leaf.is_for(name) if whose else _is_forged_for(leaf, name),
        is_alone=whose is None and len(chain) == 1 and not _is_issuer_known(leaf, anchors),
        unfit="" if anchors.is_apples else _unfit(chain, anchors),
    )
    if whose is None:
        return Examined(info, *_not_vouched(chain, info, name, anchors))
    reason, detail = _flaw(leaf, info, name, time)
    if reason is None and trust is None:
        reason, detail = Reason.TLS_EXPIRED, _of_issuers(chain, anchors, time)
    elif reason is None and info.unfit:
        reason, detail = Reason.TLS_UNTRUSTED, info.unfit
    return Examined(info, reason, detail)


def _not_vouched(chain: Sequence["_Link"], info: TlsInfo, name: str, anchors: Anchors) -> tuple[Reason, str]:
    """Somebody in between shows a certificate for the name that was asked for; another peer shows its own."""
    reason = Reason.TLS_INTERCEPTED if anchors.is_apples else Reason.TLS_UNTRUSTED
    if not chain:
        return reason, f"the peer presented no certificate for {name}"
    known = _voucher(chain, ((Trust.OTHER, anchors.explaining),), frozenset(), None) is not None
    issuer = f"{info.issuer}, which is known: it stands in your ca_file" if known else info.issuer
    if info.is_alone and not anchors.is_apples:
        issuer += ", whose own certificate the server does not send"
    if info.is_for_host is None:
        return reason, (
            f"the certificate for {name} was issued by {issuer}, and does not say or cannot be read for whom:"
            f" SHA-256 {info.sha256}"
        )
    if not info.is_for_host:
        return Reason.TLS_NAME_MISMATCH, f"{_for_another(info, name)}, and was issued by {issuer}"
    unfit = f"; {info.unfit}" if info.unfit else ""
    return reason, f"the certificate for {name} was issued by {issuer}{unfit}"


def _unfit(chain: Sequence["_Link"], anchors: Anchors) -> str:
    """Why no client takes the chain of a server, whoever issued it.

    Signatures by an outdated hash are not even checked: neither here, nor by clients.
    """
    if chain and (what := chain[0].said.unfit):
        return f"the certificate {what}"
    for said in (link.said for link in chain[1:] if link.said.hash_outdated):
        if said.issuer.der != said.subject.der and _is_issuer_known(said, anchors):
            return f"the certificate of {said.subject.shown} {said.unfit}"
    return ""


def _flaw(leaf: Said, info: TlsInfo, name: str, time: datetime) -> tuple[Reason | None, str]:
    """What is wrong with a certificate whose issuer may vouch."""
    if not info.is_for_host:
        return Reason.TLS_NAME_MISMATCH, _not_for(leaf, info, name)
    if detail := _out_of_date(leaf, time, "the certificate"):
        return Reason.TLS_EXPIRED, detail
    return None, ""


def _not_for(leaf: Said, info: TlsInfo, name: str) -> str:
    if leaf.is_for_by_subject(name):
        return f"the certificate has {name} as its common name only, and clients want it as a subjectAltName"
    return _for_another(info, name)


def _for_another(info: TlsInfo, name: str) -> str:
    whose = ", ".join(info.names) or info.subject or "no name"
    return f"the certificate is not for {name} but for {whose}"


def _of_issuers(chain: Sequence["_Link"], anchors: Anchors, time: datetime) -> str:
    """Which certificate is out of date, of those that are the issuers' by their names."""
    names = dict.fromkeys(link.said.issuer.der for link in chain)  # in their order
    stores = [authorities for _, authorities in anchors.vouching]
    stored = [each for authorities in stores for name in names for each in authorities.named(name)]
    sent = [link for link in chain[1:] if link.said.subject.der in names]
    issuers = [*(link.said for link in sent), *(authority.said for authority in stored)]
    told = (_out_of_date(said, time, f"the certificate of {said.subject.shown}") for said in issuers)
    return next(filter(None, told), "a certificate of the issuers' chain is out of date")


def _out_of_date(said: Said, time: datetime, which: str) -> str:
    if said.not_before is None or said.not_after is None:
        return f"the dates of {which} cannot be read"
    if time > said.not_after:
        return f"{which} expired on {said.not_after.strftime(_DATES)}"
    if time < said.not_before:
        begins = said.not_before.strftime(_DATES)
        return f"{which} is valid only from {begins} on; is this machine's clock right?"
    return ""


def _is_issuer_known(leaf: Said, anchors: Anchors) -> bool:
    """Whether it is its own, or has the name of an authority whose certificate is here."""
    stores = (*(authorities for _, authorities in anchors.vouching), anchors.explaining)
    return leaf.issuer.der == leaf.subject.der or any(each.named(leaf.issuer.der) for each in stores)


K = TypeVar("K", bool, bytes)
T = TypeVar("T")


def _remembered(look: Callable[[bytes, K], T]) -> Callable[[bytes, K], T]:
    """What was found out of a certificate stays known: a peer shows the same one in every probe.

    To read it and to check its signature costs a third of what the handshake does.
    """
    known = lru_cache(_REMEMBERED)(look)

    def either(der: bytes, about: K) -> T:
        size = len(der) + (len(about) if isinstance(about, bytes) else 0)
        return known(der, about) if size <= _LARGEST_REMEMBERED else look(der, about)

    return either


@dataclass(frozen=True, slots=True)
class _Link:
    """One certificate of a chain as it was presented."""

    der: bytes
    said: Said
    fingerprint: bytes

    def may_issue(self, time: datetime | None) -> bool:
        """Without this, anyone with a certificate could issue others (RFC 5280 section 4.2.1.9)."""
        is_one = self.said.is_authority and self.said.key_size <= _LARGEST_KEY
        return is_one and _is_in_date(self.said, time)


def _links(presented: Sequence[bytes]) -> list[_Link]:
    """For whom a certificate is, only the leaf is asked."""
    return [_link(der, place == 0) for place, der in enumerate(presented)]


@_remembered
def _link(der: bytes, is_leaf: bool) -> _Link:
    said = certificates.read(der) if is_leaf else certificates.read(der, most_names=0)
    return _Link(der, said, hashlib.sha256(der).digest())


def _voucher(
    chain: Sequence[_Link],
    vouching: Sequence[tuple[Trust, Store]],
    known: frozenset[bytes],
    time: datetime | None,
) -> Trust | None:
    """Who vouches for the leaf in the end: followed signature by signature, never by names alone.

    Along every way, as devices go: an authority that another one signed too may have several certificates
    in the chain, and only one that leads on. Who is in a store itself needs nobody else, as with curl.
    Without a time, dates do not matter.
    """
    signatures = _Signatures()
    reached = list(chain[:1])
    for current in reached:  # grows meanwhile
        for trust, authorities in vouching:
            if any(current.der == der for der, _ in authorities.named(current.said.subject.der)):
                return trust
            issuers = authorities.named(current.said.issuer.der)
            if any(_is_in_date(said, time) and signatures.hold(current.der, der) for der, said in issuers):
                return trust
        parents = [link for link in chain[1:] if link.may_issue(time) and signatures.join(current, link)]
        if any(parent.fingerprint in known for parent in parents):
            return Trust.APPLE
        reached += [parent for parent in dict.fromkeys(parents) if parent not in reached]
    return None


def _is_in_date(said: Said, time: datetime | None) -> bool:
    return time is None or said.is_valid_at(time)


class _Signatures:
    """Checks signatures, so many and no more."""

    def __init__(self) -> None:
        self._left = _MOST_SIGNATURES

    def join(self, link: _Link, issuer: _Link) -> bool:
        """Whether one link of a chain issued the other."""
        return link.said.issuer.der == issuer.said.subject.der and self.hold(link.der, issuer.der)

    def hold(self, certificate: bytes, issuer: bytes) -> bool:
        """Whether the certificate was signed by an issuer that has the name it gives."""
        if self._left <= 0:
            return False
        self._left -= 1
        return _is_signed_by(certificate, issuer)


@_remembered
def _is_signed_by(der: bytes, issuer: bytes) -> bool:
    certificate, authority = _loaded(der), _loaded(issuer)
    if certificate is None or authority is None:
        return False
    try:
        certificate.verify_directly_issued_by(authority)
    except _UNUSABLE:
        return False
    return True


def _loaded(der: bytes) -> x509.Certificate | None:
    """As the library reads it; None where it cannot, or is not to try."""
    if len(der) > certificates.LARGEST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a peer's certificate, or an old root's: nobody here can help
        try:
            return x509.load_der_x509_certificate(der)
        except _UNUSABLE:
            return None


def _is_forged_for(leaf: Said, name: str) -> bool | None:
    """Whether somebody in between made it for this name; None where it does not say for whom it is."""
    if not leaf.names_anyone:
        return None
    return leaf.is_for(name) or leaf.is_for_by_subject(name)


def _timestamp(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()
