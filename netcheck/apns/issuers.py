"""The way from a certificate to an authority that vouches for it: by name and signature, link by link.

Pure, and bounded in what it costs, whatever is presented. What an authority must be like beside its name,
its key and its dates is for who asks.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from typing import NamedTuple, TypeVar

from netcheck.apns import certificates
from netcheck.apns.certificates import Said
from netcheck.apns.signatures import are_signed
from netcheck.model.results import Trust

_LONGEST_CHAIN = 32
"""Certificates: some servers send all authorities of their company along, in any order."""
_MOST_SIGNATURES = 12
"""Checked in one search: those in use need three."""
_MOST_BELOW = 3
"""Certificates on the way to one, with which it is checked: those in use are fewer, and each counts anew."""
_LARGEST_KEY = 1100
"""Bytes of a public key: RSA of 8192 bits. A larger one takes long to check by, and nobody has one."""
_REMEMBERED, _LARGEST_REMEMBERED = 128, 8 * 1024
"""Certificates, and bytes of one, or of one with its issuer and those below it: as many as peers of one site
show, and too few to fill the memory."""
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]{1,200000})-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class Certificate:
    """One as it came, in DER, and what it says."""

    der: bytes
    said: Said
    fingerprint: bytes
    """SHA-256."""

    def may_issue(self, time: datetime | None) -> bool:
        """Without this, anyone with a certificate could issue others (RFC 5280 section 4.2.1.9)."""
        said = self.said
        return said.is_authority and said.key_size <= _LARGEST_KEY and said.is_in_date(time)


def _certificate(der: bytes, is_leaf: bool) -> Certificate:
    """For whom a certificate is, only the leaf is asked."""
    said = certificates.read(der) if is_leaf else certificates.read(der, most_names=0)
    return Certificate(der, said, hashlib.sha256(der).digest())


Store = Mapping[bytes, tuple[bytes, ...]]
"""Authorities in DER, by their subject in DER. They are read when a chain asks for one: a system's store has
some 140, and the chains of a site end at three of them. What cannot be read vouches for nobody."""
NOBODY: Store = {}


def named(authorities: Store, subject: bytes) -> list[Certificate]:
    """Those of them that have this subject, in DER."""
    return [_seen(der, False) for der in authorities.get(subject, ())]


def store(authorities: Iterable[bytes]) -> Store:
    """A store of certificates in DER."""
    found: dict[bytes, tuple[bytes, ...]] = {}
    for der in authorities:
        subject = certificates.read(der, most_names=0).subject.der
        found[subject] = (*found.get(subject, ()), der)
    return found


def in_pem(data: bytes) -> list[bytes]:
    """The certificates of a file in PEM, in DER, whatever else is in it; what is no Base64 is left out."""
    found = []
    for body in _PEM.findall(data):
        with suppress(ValueError):
            found.append(base64.b64decode(body))
    return found


K = TypeVar("K", bool, tuple[bytes, ...])
T = TypeVar("T")


def _remembered(look: Callable[[bytes, K], T]) -> Callable[[bytes, K], T]:
    """What was found out of a certificate stays known: a peer shows the same one in every probe.

    To read it and to check its signature costs a third of what the handshake does.
    """
    known = lru_cache(_REMEMBERED)(look)

    def either(der: bytes, about: K) -> T:
        size = len(der) + (sum(map(len, about)) if isinstance(about, tuple) else 0)
        return known(der, about) if size <= _LARGEST_REMEMBERED else look(der, about)

    return either


_seen = _remembered(_certificate)


def chain_of(presented: Sequence[bytes]) -> list[Certificate]:
    """The certificates in their order, as many as may matter."""
    return [_seen(der, place == 0) for place, der in enumerate(presented[:_LONGEST_CHAIN])]


class Way(NamedTuple):
    """A way that ends at who vouches."""

    trust: Trust
    issuers: tuple[Said, ...]
    """Above the leaf, one after the other; none where the leaf itself is known."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """Who may vouch for a service, and what that makes of its certificate."""

    stores: tuple[tuple[Trust, Store], ...]
    known: frozenset[bytes] = frozenset()
    """SHA-256 of Apple's authorities, which the peer itself presents."""
    explaining: Store = field(default_factory=dict)
    """Whose certificates are not taken, but known: a company's own authority."""
    is_apples: bool = False
    """Whether a chain of anyone else means that somebody decrypts in between."""


Takes = Callable[[tuple[Said, ...]], bool]
"""Is asked of the issuers of a way so far, the nearest first: where it says no, the way does not go on."""


def way_up(
    chain: Sequence[Certificate], anchors: Anchors, time: datetime | None, takes: Takes = lambda _: True
) -> Way | None:
    """The shortest way from the leaf to who vouches: signature by signature, never by names alone.

    Along every way, as devices go: an authority that another one signed too may have several certificates
    in the chain, and only one that leads on. Who is in a store itself needs nobody else, as with curl.
    Without a time, dates do not matter.
    """
    return _Search(anchors, time, takes).way_up(chain)


class _Search:
    """For one way, with so many checks of signatures and no more."""

    def __init__(self, anchors: Anchors, time: datetime | None, takes: Takes) -> None:
        self._anchors = anchors
        self._time = time
        self._takes = takes
        self._checks_left = _MOST_SIGNATURES

    def way_up(self, chain: Sequence[Certificate]) -> Way | None:
        reached: dict[Certificate, _Path] = {chain[0]: (chain[0],)} if chain else {}
        waiting = list(reached)
        for current in waiting:  # grows meanwhile
            path = reached[current]
            if found := self._end_at(path):
                return found
            for parent in chain[1:]:
                if parent in reached or not self._is_issued_by(path, parent):
                    continue
                above = _issuers(path, parent)
                if not self._takes(above):
                    continue
                if parent.fingerprint in self._anchors.known:
                    return Way(Trust.APPLE, above)
                reached[parent] = (*path, parent)
                waiting.append(parent)
        return None

    def _end_at(self, path: "_Path") -> Way | None:
        """Where its last one is in a store, or was issued by who is."""
        current = path[-1]
        for trust, authorities in self._anchors.stores:
            if any(current.der == known.der for known in named(authorities, current.said.subject.der)):
                return Way(trust, _issuers(path))
            for issuer in named(authorities, current.said.issuer.der):
                above = _issuers(path, issuer)
                if issuer.said.is_in_date(self._time) and self._takes(above) and self._holds(path, issuer):
                    return Way(trust, above)
        return None

    def _is_issued_by(self, path: "_Path", issuer: Certificate) -> bool:
        is_named = path[-1].said.issuer.der == issuer.said.subject.der
        return is_named and issuer.may_issue(self._time) and self._holds(path, issuer)

    def _holds(self, path: "_Path", issuer: Certificate) -> bool:
        """Whether the last one was signed by an issuer that has the name it gives."""
        if self._checks_left <= 0:
            return False
        self._checks_left -= 1
        *below, current = path
        led = [each.der for each in below] if len(below) <= _MOST_BELOW else []
        return _is_signed(current.der, (*led, issuer.der))


_Path = tuple[Certificate, ...]
"""From the leaf upwards, each signed by the next."""


def _issuers(path: _Path, *more: Certificate) -> tuple[Said, ...]:
    return tuple(each.said for each in (*path[1:], *more))


@_remembered
def _is_signed(der: bytes, others: tuple[bytes, ...]) -> bool:
    """Whether the issuer, the last of the others, has signed the certificate; those before lead up to it.

    Without these, OpenSSL takes no authority's for a server's: then the library says it.
    """
    *below, issuer = others
    if max(map(len, (der, *others))) > certificates.LARGEST:
        return False
    # Its own signature, OpenSSL does not check where it trusts it.
    is_rsa = certificates.read((*below, der)[0], most_names=0).rsa_bits > 0
    if der != issuer and are_signed((*below, der), issuer, is_rsa=is_rsa):
        return True
    return bool(import_module("netcheck.apns.library").is_signed_by(der, issuer))
