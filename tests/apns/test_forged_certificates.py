"""Certificates that libraries refuse, warn of or choke on: each is evidence about who showed it."""

import hashlib
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.apns.issuers import NOBODY, Anchors, store
from netcheck.apns.trust import Examined, anchors_of_system, apple_anchors, examine
from netcheck.model.failing import Reason
from netcheck.model.results import Trust
from tests.apns import forged
from tests.apns.forged import COURIER, certificate, name
from tests.apns.test_trust import INTERCEPTOR, PUBLIC, chain, der, root, stored

NOW = datetime(2026, 11, 25, tzinfo=UTC).timestamp()
ANCHORS = apple_anchors(stored(PUBLIC), explaining=stored(INTERCEPTOR))
X400_NAME = forged.element(0xA3, forged.sequence(forged.element(0x61, forged.element(0x13, b"DE"))))
MANY_NAMES = tuple(forged.dns_name(f"host{number}.example") for number in range(1500))

ODDITIES: Mapping[str, dict[str, Any]] = {
    "an X.400 address among its names": {
        "extensions": [forged.alternative_names(X400_NAME, forged.dns_name(COURIER))]
    },
    "a bit string in its subject": {"subject": name((forged.COMMON_NAME, forged.BITS, b"\0ab"))},
    "an extension twice": {"extensions": [forged.FOR_THE_COURIER] * 2},
    "a signature of GOST's": {"algorithm": forged.GOST},
    "a signature of SM2's": {"algorithm": forged.SM2_WITH_SM3},
    "a key of no known kind": {
        "key": forged.sequence(forged.sequence(forged.GOST), forged.element(0x03, b"\0\1"))
    },
    "a negative serial number": {"serial": b"\xff"},
    "a serial number of 0": {"serial": b"\x00"},
    "an empty serial number": {"serial": b""},
    "1,500 names": {"extensions": [forged.alternative_names(*MANY_NAMES, forged.dns_name(COURIER))]},
    "90 KB of something": {
        "extensions": [forged.FOR_THE_COURIER, forged.extension("1.2.3.4", bytes(90_000))]
    },
    "an empty subject": {"subject": name()},
    "a 31st of February": {
        "validity": forged.sequence(
            forged.element(0x17, b"200231000000Z"), forged.element(0x18, b"20490231000000Z")
        )
    },
    "no dates": {"validity": forged.sequence()},
}
ODD = {what: certificate(**fields) for what, fields in ODDITIES.items()}
TEXTS = {
    "broken UTF-8": (forged.UTF8, b"Corporate\xff Proxy", "Corporate\ufffd Proxy"),
    "Teletex": (forged.TELETEX, b"Soci\xe9t\xe9", "Société"),
    "IA5": (forged.IA5, b"Corporate Proxy", "Corporate Proxy"),
    "BMP": (forged.BMP, "中国电信".encode("utf-16-be"), "中国电信"),
    "half of a BMP character": (forged.BMP, "中国".encode("utf-16-be") + b"\x01", "中国\ufffd"),
    "terminal escapes": (forged.UTF8, b"Proxy\x1b[2J\r\n", "Proxy[2J"),
    "very much": (forged.UTF8, b"p" * 5000, "p" * 120),
}


def judged(*presented: bytes, anchors: Anchors = ANCHORS) -> Examined:
    """With every warning an error: none may reach anyone's terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return examine(presented, COURIER, anchors, NOW)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_certificate_is_an_interceptors_and_tells_what_it_can(odd: bytes) -> None:
    found = judged(odd)
    assert (found.reason, found.info.trust) == (Reason.TLS_INTERCEPTED, Trust.OTHER)
    assert found.info.issuer == "Corporate Proxy"
    assert "Corporate Proxy" in found.detail
    assert found.info.sha256 == hashlib.sha256(odd).hexdigest()


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_of_a_service_that_is_not_apples_an_odd_certificate_is_untrusted(odd: bytes) -> None:
    found = examine([odd], COURIER, anchors_of_system(NOBODY), NOW)
    assert found.reason is Reason.TLS_UNTRUSTED


@pytest.mark.parametrize("fields", ODDITIES.values(), ids=ODDITIES)
def test_an_odd_certificate_that_names_an_authority_is_not_by_that_of_it(fields: dict[str, Any]) -> None:
    """Here the library has to read it, to check a signature that is none."""
    named = certificate(**{**fields, "issuer": root(PUBLIC).subject.public_bytes()})
    found = judged(named, named, der(root(PUBLIC)))
    assert (found.reason, found.info.trust) == (Reason.TLS_INTERCEPTED, Trust.OTHER)


@pytest.mark.parametrize("fields", ODDITIES.values(), ids=ODDITIES)
def test_an_odd_authority_vouches_for_nobody(fields: dict[str, Any]) -> None:
    authority = forged.extension("2.5.29.19", forged.sequence(forged.element(0x01, b"\xff")))
    fields = {"subject": forged.INTERCEPTOR, "extensions": [], **fields}
    parent = certificate(**{**fields, "extensions": [authority, *fields["extensions"]]})
    found = judged(certificate(), parent, der(root(PUBLIC)))
    assert (found.reason, found.info.trust) == (Reason.TLS_INTERCEPTED, Trust.OTHER)


@pytest.mark.parametrize(("tag", "value", "shown"), TEXTS.values(), ids=TEXTS)
def test_an_issuer_is_read_however_it_is_written(tag: int, value: bytes, shown: str) -> None:
    assert judged(certificate(issuer=name((forged.ORGANIZATION, tag, value)))).info.issuer == shown


def test_an_issuer_without_a_common_name_is_told_by_what_it_has() -> None:
    assert judged(certificate(issuer=name((forged.SURNAME, forged.UTF8, b"Miller")))).info.issuer == "Miller"
    assert judged(certificate(issuer=name())).info.issuer == "an unnamed authority"


def test_dates_that_are_none_are_none() -> None:
    found = judged(ODD["a 31st of February"]).info
    assert (found.not_before, found.not_after) == (None, None)


def test_what_is_no_certificate_is_told_by_its_digest() -> None:
    found = judged(b"junk")
    assert (found.reason, found.info.is_for_host) == (Reason.TLS_INTERCEPTED, None)
    assert hashlib.sha256(b"junk").hexdigest() in found.detail


def test_a_common_name_alone_is_a_name_too_for_an_interceptor() -> None:
    """As those of old have it; a peer of another name is another peer."""
    found = judged(certificate(extensions=[]))
    assert (found.reason, found.info.is_for_host) == (Reason.TLS_INTERCEPTED, True)
    other = certificate(extensions=[], subject=name((forged.COMMON_NAME, forged.UTF8, b"FortiGate")))
    found = judged(other)
    assert (found.reason, found.info.is_for_host) == (Reason.TLS_NAME_MISMATCH, False)


def test_the_names_that_are_shown_are_few() -> None:
    shown = judged(ODD["1,500 names"]).info.names
    assert shown == tuple(f"host{number}.example" for number in range(8))


def test_a_chain_of_certificates_that_all_could_be_each_others_issuer_ends() -> None:
    """Every signature would have to be tried against every key; the number of tries is bounded."""
    authority = forged.extension("2.5.29.19", forged.sequence(forged.element(0x01, b"\xff")))
    same = [
        certificate(serial=bytes([number]), subject=forged.INTERCEPTOR, extensions=[authority])
        for number in range(1, 100)
    ]
    assert judged(certificate(), *same).reason is Reason.TLS_INTERCEPTED


UNREADABLE = {
    "no certificate": b"junk",
    "without a serial number": certificate(subject=forged.INTERCEPTOR, serial=b""),
    "with a key of GOST's": certificate(
        subject=forged.INTERCEPTOR, key=forged.sequence(forged.sequence(forged.GOST))
    ),
}


SHA1_WITH_RSA, ECDSA_WITH_SHA1 = forged.oid("1.2.840.113549.1.1.5"), forged.oid("1.2.840.10045.4.1")


@pytest.mark.parametrize("algorithm", [SHA1_WITH_RSA, ECDSA_WITH_SHA1])
def test_a_signature_by_an_outdated_hash_is_told_of_services_that_are_not_apples(algorithm: bytes) -> None:
    told = "is signed by SHA-1, which is outdated"
    known = anchors_of_system(stored(INTERCEPTOR))
    leaf = judged(certificate(algorithm=algorithm), anchors=known)
    assert leaf.reason is Reason.TLS_UNTRUSTED
    assert leaf.detail.endswith(f"; the certificate {told}")
    above = certificate(
        algorithm=algorithm,
        issuer=root(INTERCEPTOR).subject.public_bytes(),
        subject=forged.INTERCEPTOR,
        extensions=[forged.extension("2.5.29.19", forged.sequence(forged.element(0x01, b"\xff")))],
    )
    assert (
        judged(certificate(), above, anchors=known).info.unfit == f"the certificate of Corporate Proxy {told}"
    )
    assert judged(certificate(), above, anchors=anchors_of_system(NOBODY)).info.unfit == ""
    assert judged(certificate(algorithm=algorithm)).info.unfit == ""


@pytest.mark.parametrize("authority", UNREADABLE.values(), ids=UNREADABLE)
def test_an_authority_that_cannot_be_read_vouches_for_nobody(authority: bytes) -> None:
    found = judged(certificate(), anchors=apple_anchors(store([authority])))
    assert (found.reason, found.info.trust) == (Reason.TLS_INTERCEPTED, Trust.OTHER)


def test_nor_does_it_for_a_certificate_without_an_issuer() -> None:
    assert (
        judged(certificate(issuer=name()), anchors=apple_anchors(store([b"junk"]))).info.trust is Trust.OTHER
    )


REAL = chain(PUBLIC.create_child_ca().issue_cert(COURIER, "*.push.apple.com", "17.57.144.12"))


@st.composite
def mutated(draw: st.DrawFn) -> list[bytes]:
    """A good chain, or an odd certificate, of which some bytes are others, gone, or there twice."""
    presented = list(draw(st.sampled_from([REAL, *([odd] for odd in ODD.values() if len(odd) < 2000)])))
    which = draw(st.integers(0, len(presented) - 1))
    data = bytearray(presented[which])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        kind = draw(st.sampled_from(["other", "gone", "twice"]))
        if kind == "other":
            data[at] = draw(st.integers(0, 255))
        elif kind == "gone":
            del data[at : at + draw(st.integers(1, 8))]
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 8))]
        if not data:
            break
    presented[which] = bytes(data)
    return presented


@settings(max_examples=400)
@given(mutated())
def test_a_chain_that_was_tampered_with_is_judged_like_any_other(presented: list[bytes]) -> None:
    found = judged(*presented)
    assert found.info.issuer.isprintable()
    assert found.info.subject.isprintable()
    assert all(each.isprintable() for each in found.info.names)
    assert found.info.sha256 == hashlib.sha256(presented[0]).hexdigest()
    if presented[0] != REAL[0]:
        assert found.info.trust is Trust.OTHER


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=300), max_size=10))
def test_whatever_is_presented_is_judged(presented: list[bytes]) -> None:
    assert judged(*presented).info.trust is Trust.OTHER
