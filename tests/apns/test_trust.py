"""Whose certificate it is: chains made by trustme, as Apple, a public authority and an interceptor would."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from netcheck.apns import trust
from netcheck.apns.certificates import read
from netcheck.apns.issuers import NOBODY, Anchors, Store, in_pem, store
from netcheck.apns.trust import (
    APPLE_ANCHORS,
    PUBLIC_AUTHORITIES,
    Examined,
    anchors_of_owner,
    anchors_of_system,
    anchors_without_system,
    apple_anchors,
    examine,
)
from netcheck.model.failing import Reason
from netcheck.model.results import Trust

NAME = "courier.push.apple.com"
NOW = datetime.now(UTC).timestamp()
APPLE = trustme.CA(organization_name="Apple-like")
ISSUING = APPLE.create_child_ca()
PUBLIC = trustme.CA(organization_name="Public-like")
INTERCEPTOR = trustme.CA(organization_name="Corporate Proxy")


def certificates(pem: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem)


def root(authority: trustme.CA) -> x509.Certificate:
    return certificates(authority.cert_pem.bytes())[0]


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def stored(*authorities: trustme.CA) -> Store:
    return store(der(root(authority)) for authority in authorities)


ANCHORS = Anchors(
    ((Trust.PUBLIC, stored(PUBLIC)),),
    frozenset({root(ISSUING).fingerprint(SHA256())}),
    is_apples=True,
)


def chain(leaf: trustme.LeafCert, *more: trustme.CA) -> list[bytes]:
    """The leaf with its intermediates, and more certificates that a server may send along."""
    presented = [found for blob in leaf.cert_chain_pems for found in certificates(blob.bytes())]
    presented += [root(authority) for authority in more]
    return [certificate.public_bytes(Encoding.DER) for certificate in presented]


def made(
    whose: x509.Certificate | x509.CertificateSigningRequest,
    issuer: x509.Certificate,
    signing: trustme.Blob,
    *extensions: x509.ExtensionType,
    begins: int = -1,
    ends: int = 1,
) -> x509.Certificate:
    """Of the same name and key as another one, with other extensions, and other days from today."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(whose.subject)
        .issuer_name(issuer.subject)
        .public_key(whose.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) + timedelta(begins))
        .not_valid_after(datetime.now(UTC) + timedelta(ends))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(load_pem_private_key(signing.bytes(), None), SHA256())  # type: ignore[arg-type]  # trustme's keys are EC keys


FOR_THE_NAME = x509.SubjectAlternativeName([x509.DNSName(NAME)])


def judged(
    presented: list[bytes], name: str = NAME, anchors: Anchors = ANCHORS, now: float = NOW
) -> Examined:
    return examine(presented, name, anchors, now, alpn="h2")


def test_a_leaf_that_a_known_authority_issued_is_apples() -> None:
    found = judged(chain(ISSUING.issue_cert(NAME)))
    assert (found.reason, found.info.trust) == (None, Trust.APPLE)
    assert found.info.alpn == "h2"
    assert "trustme" in found.info.issuer


def test_a_leaf_of_a_public_authority_is_public() -> None:
    found = judged(chain(PUBLIC.create_child_ca().issue_cert(NAME)))
    assert (found.reason, found.info.trust) == (None, Trust.PUBLIC)


def test_another_issuer_is_interception_and_named() -> None:
    found = judged(chain(INTERCEPTOR.issue_cert(NAME)))
    assert (found.reason, found.info.trust) == (Reason.TLS_INTERCEPTED, Trust.OTHER)
    assert "Corporate Proxy" in found.detail


def test_sending_a_known_certificate_along_does_not_make_it_the_issuer() -> None:
    found = judged(chain(INTERCEPTOR.issue_cert(NAME), ISSUING, APPLE))
    assert found.reason is Reason.TLS_INTERCEPTED


def test_an_issuer_of_the_same_name_and_another_key_does_not_pass() -> None:
    impostor = trustme.CA(organization_name="Apple-like")
    assert judged(chain(impostor.issue_cert(NAME), ISSUING)).reason is Reason.TLS_INTERCEPTED


def test_a_leaf_cannot_issue_another() -> None:
    """A certificate that is no authority's, though a good one, vouches for nobody."""
    ordinary = PUBLIC.issue_cert("shop.example")
    issuer = certificates(ordinary.cert_chain_pems[0].bytes())[0]
    forged = made(issuer, issuer, ordinary.private_key_pem, FOR_THE_NAME)
    assert judged([der(forged), der(issuer)]).reason is Reason.TLS_INTERCEPTED


@pytest.mark.parametrize(
    ("names", "asked", "fits"),
    [
        (["courier.push.apple.com"], "courier.push.apple.com", True),
        (["courier.push.apple.com"], "0-courier.push.apple.com", False),
        (["*.push.apple.com"], "courier.push.apple.com", True),
        (["*.push.apple.com"], "a.b.push.apple.com", False),
        (["*.push.apple.com"], "push.apple.com", False),
        (["*.corp"], "mdm.corp", False),
        (["192.0.2.1"], "192.0.2.1", True),
        (["192.0.2.1"], "192.0.2.2", False),
    ],
)
def test_the_name_must_be_among_the_certificates(names: list[str], asked: str, fits: bool) -> None:
    found = judged(chain(PUBLIC.issue_cert(*names)), asked)
    assert found.reason is (None if fits else Reason.TLS_NAME_MISMATCH)


@pytest.mark.parametrize(("begins", "ends"), [(-20, -10), (10, 20)])
def test_a_certificate_out_of_its_time_is_told(begins: int, ends: int) -> None:
    today = datetime.now(UTC)
    leaf = PUBLIC.issue_cert(
        NAME, not_before=today + timedelta(days=begins), not_after=today + timedelta(days=ends)
    )
    assert judged(chain(leaf)).reason is Reason.TLS_EXPIRED


def test_an_expired_interceptor_is_still_an_interceptor() -> None:
    past = datetime.now(UTC) - timedelta(days=2)
    leaf = INTERCEPTOR.issue_cert(NAME, not_before=past - timedelta(1), not_after=past)
    assert judged(chain(leaf)).reason is Reason.TLS_INTERCEPTED


@pytest.mark.parametrize("year", [1990, 3100])  # the authorities of the tests live from 2000 to 2999
def test_whose_it_is_does_not_depend_on_a_clock_that_is_wrong_for_the_whole_chain(year: int) -> None:
    found = judged(chain(ISSUING.issue_cert(NAME)), now=datetime(year, 1, 1, tzinfo=UTC).timestamp())
    assert (found.reason, found.info.trust) == (Reason.TLS_EXPIRED, Trust.APPLE)


def signed(authority: trustme.CA, issuer: trustme.CA, begins: int = -1, ends: int = 1) -> x509.Certificate:
    """The authority's certificate as another one signs it: same name, same key, other days from today."""
    is_one = x509.BasicConstraints(ca=True, path_length=None)
    return made(root(authority), root(issuer), issuer.private_key_pem, is_one, begins=begins, ends=ends)


@pytest.mark.parametrize("first", [PUBLIC, INTERCEPTOR], ids=["the way that leads on", "the other"])
def test_an_authority_that_two_others_signed_is_followed_to_both(first: trustme.CA) -> None:
    """Clients that keep to the first certificate of its name fail; devices try each."""
    second = INTERCEPTOR if first is PUBLIC else PUBLIC
    both = [der(signed(APPLE, issuer)) for issuer in (first, second)]
    found = judged([*chain(APPLE.issue_cert(NAME)), *both])
    assert (found.reason, found.info.trust) == (None, Trust.PUBLIC)


@pytest.mark.parametrize(("begins", "ends", "told"), [(-9, -2, "expired on "), (2, 9, "is valid only from ")])
def test_an_issuer_out_of_its_time_is_told_as_such(begins: int, ends: int, told: str) -> None:
    """Also one that is younger than the leaf, where this machine's clock is behind."""
    issuer = signed(APPLE, PUBLIC, begins, ends)
    found = judged([*chain(APPLE.issue_cert(NAME)), der(issuer)])
    assert (found.reason, found.info.trust) == (Reason.TLS_EXPIRED, Trust.PUBLIC)
    assert found.detail.startswith("the certificate of ")
    assert told in found.detail


@pytest.mark.parametrize(("begins", "ends"), [(-9, -2), (2, 9)])
def test_an_authority_in_a_store_vouches_in_its_time_only(begins: int, ends: int) -> None:
    """As OpenSSL and devices have it: a company's own expires one day, and `ca_file` still has it."""
    leaf = chain(APPLE.issue_cert(NAME))
    old = der(signed(APPLE, APPLE, begins, ends))
    assert judged(leaf, anchors=anchors_of_owner(store([old]))).reason is Reason.TLS_EXPIRED
    assert judged(leaf, anchors=anchors_of_owner(store([old, der(root(APPLE))]))).reason is None


def test_a_certificate_that_is_in_a_store_itself_needs_no_issuer_there() -> None:
    """As with `curl --cacert`; and the Java stores of MDM servers have such."""
    leaf = chain(INTERCEPTOR.issue_cert(NAME))
    assert judged(leaf, anchors=anchors_of_owner(store(leaf))).reason is None
    other = chain(INTERCEPTOR.issue_cert(NAME))
    assert judged(other, anchors=anchors_of_owner(store(leaf))).reason is Reason.TLS_UNTRUSTED


def test_an_issuer_is_found_behind_others_that_a_server_sends_along() -> None:
    issuing = PUBLIC.create_child_ca()
    others = [trustme.CA(organization_name=f"Other {number}") for number in range(12)]
    leaf = chain(issuing.issue_cert(NAME))[0]
    assert judged([leaf, *(der(root(each)) for each in (*others, issuing))]).reason is None


def test_an_authority_that_is_out_of_date_vouches_for_nobody_in_date() -> None:
    leaf = PUBLIC.create_child_ca().issue_cert(NAME, not_after=datetime(3200, 1, 1, tzinfo=UTC))
    found = judged(chain(leaf), now=datetime(3100, 1, 1, tzinfo=UTC).timestamp())
    assert (found.reason, found.info.trust) == (Reason.TLS_EXPIRED, Trust.PUBLIC)
    assert found.detail == "the certificate of trustme v1.2.1 expired on 3000-01-01"


def test_a_certificate_is_described_whether_it_is_accepted_or_not() -> None:
    info = judged(chain(INTERCEPTOR.issue_cert("login.example", common_name="Login"))).info
    assert info.is_for_host is False
    assert info.subject.startswith("Login")
    assert info.names == ("login.example",)
    assert info.not_before is not None
    assert info.not_after is not None
    assert info.not_before < NOW < info.not_after
    assert judged(chain(ISSUING.issue_cert(NAME))).info.is_for_host


def test_for_a_service_that_is_not_apples_it_is_only_untrusted() -> None:
    anchors = replace(ANCHORS, is_apples=False)
    assert judged(chain(INTERCEPTOR.issue_cert(NAME)), anchors=anchors).reason is Reason.TLS_UNTRUSTED


def test_in_a_laboratory_another_authority_stands_in_apples_place() -> None:
    leaf = chain(ISSUING.issue_cert(NAME))
    found = judged(leaf, anchors=apple_anchors(stored(PUBLIC), lab=stored(APPLE)))
    assert (found.reason, found.info.trust) == (None, Trust.APPLE)
    assert judged(leaf, anchors=apple_anchors(stored(PUBLIC))).reason is Reason.TLS_INTERCEPTED


def test_an_authority_that_is_known_explains_an_interceptor_and_excuses_nothing() -> None:
    anchors = apple_anchors(stored(PUBLIC), explaining=stored(INTERCEPTOR))
    found = judged(chain(INTERCEPTOR.issue_cert(NAME)), anchors=anchors)
    assert (found.reason, found.info.trust) == (Reason.TLS_INTERCEPTED, Trust.OTHER)
    assert found.detail.endswith("Corporate Proxy, which is known: it stands in your ca_file")


def test_an_authority_of_ones_own_vouches_for_services_that_are_not_apples() -> None:
    leaf = chain(ISSUING.issue_cert(NAME))
    assert judged(leaf, anchors=anchors_of_owner(stored(APPLE))).reason is None
    assert judged(leaf, anchors=anchors_of_system(stored(PUBLIC))).reason is Reason.TLS_UNTRUSTED


def test_apples_authorities_vouch_where_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of Apple's own, as a service of one's own: Apple's devices know these, and Linux does not."""
    monkeypatch.setattr(trust, "APPLE_ANCHORS", ANCHORS.known)
    leaf = chain(ISSUING.issue_cert(NAME))
    found = judged(leaf, anchors=anchors_of_system(NOBODY))
    assert (found.reason, found.info.trust) == (None, Trust.APPLE)
    assert judged(leaf, anchors=anchors_of_owner(stored(PUBLIC))).reason is Reason.TLS_UNTRUSTED


def test_a_certificate_for_another_name_is_another_peers_whoever_issued_it() -> None:
    found = judged(chain(INTERCEPTOR.issue_cert("portal.hotel.example")))
    assert found.reason is Reason.TLS_NAME_MISMATCH
    assert found.info.names == ("portal.hotel.example",)
    assert "portal.hotel.example" in found.detail or "trustme" in found.detail
    assert "Corporate Proxy" in found.detail


def test_without_a_certificate_there_is_nobody_to_trust() -> None:
    assert judged([]).reason is Reason.TLS_INTERCEPTED
    assert judged([], anchors=anchors_of_system(NOBODY)).reason is Reason.TLS_UNTRUSTED


def test_junk_after_the_leaf_is_passed_over() -> None:
    assert judged([*chain(PUBLIC.issue_cert(NAME)), b"junk"]).reason is None


def test_the_public_authorities_are_there_and_apples_two_are_known() -> None:
    assert len(store(in_pem(PUBLIC_AUTHORITIES.read_bytes()))) > 50
    assert {len(fingerprint) for fingerprint in APPLE_ANCHORS} == {32}
    assert len(APPLE_ANCHORS) == 2


def test_the_public_root_of_apples_that_certifi_left_out_vouches_for_apples_hosts_only() -> None:
    pem = Path(trust.__file__).with_name("aaa-certificate-services.pem").read_bytes()
    (aaa,) = in_pem(pem)
    assert sha256(aaa).hexdigest() == "d7a7a0fb5d7e2731d771e9484ebcdef71d5f0c3e0a2948782bc83ee0ea699ef4"
    assert read(aaa).unfit_to_issue == ""  # its own signature by SHA-1 is nobody's concern
    in_its_time = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    assert examine([aaa], NAME, apple_anchors(NOBODY), in_its_time).info.trust is Trust.PUBLIC
    assert examine([aaa], NAME, anchors_without_system(NOBODY), in_its_time).info.trust is Trust.PUBLIC
    assert examine([aaa], NAME, anchors_of_system(NOBODY), in_its_time).info.trust is Trust.OTHER


OWN_ANCHORS = anchors_of_owner(stored(PUBLIC))


@pytest.mark.parametrize(
    ("presented", "is_alone"),
    [
        (chain(PUBLIC.create_child_ca().issue_cert(NAME))[:1], True),
        (chain(PUBLIC.create_child_ca().issue_cert(NAME)), False),
        (chain(INTERCEPTOR.create_child_ca().issue_cert(NAME)), False),
        (chain(INTERCEPTOR.issue_cert(NAME)), True),
        (chain(INTERCEPTOR.issue_cert(NAME), INTERCEPTOR), False),
        ([der(root(INTERCEPTOR))], False),
        ([], False),
    ],
)
def test_a_leaf_that_comes_without_its_issuer_is_told(presented: list[bytes], is_alone: bool) -> None:
    found = judged(presented, anchors=OWN_ANCHORS)
    assert found.info.is_alone is is_alone
    assert ("does not send" in found.detail) is is_alone


def test_the_names_of_a_certificate_for_others_come_before_its_subject() -> None:
    found = judged(chain(PUBLIC.issue_cert("portal.corp.example", common_name="Portal")), anchors=OWN_ANCHORS)
    assert found.detail == f"the certificate is not for {NAME} but for portal.corp.example"


def issued(*purposes: x509.ObjectIdentifier, bits: int = 2048) -> list[bytes]:
    """For the name, by the public authority: with such uses and an RSA key."""
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(rsa.generate_private_key(65537, bits), SHA256())
    )
    uses = [x509.ExtendedKeyUsage(purposes)] if purposes else []
    return [der(made(request, root(PUBLIC), PUBLIC.private_key_pem, FOR_THE_NAME, *uses))]


FOR_CLIENTS, FOR_SERVERS = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
FOR_ANYTHING = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE


@pytest.mark.parametrize(
    ("presented", "told"),
    [
        (issued(), ""),
        (issued(FOR_CLIENTS, FOR_SERVERS), ""),
        (issued(FOR_ANYTHING), ""),
        (issued(FOR_CLIENTS), "the certificate is not for servers, by its extended key usage"),
        (issued(bits=1024), "the certificate has an RSA key of 1024 bits, and clients want 2048"),
    ],
)
def test_what_no_client_takes_is_told_of_services_that_are_not_apples(
    presented: list[bytes], told: str
) -> None:
    """As devices, OpenSSL and curl have it. Of Apple's, who decrypts is the question."""
    found = judged(presented, anchors=OWN_ANCHORS)
    assert (found.reason, found.detail) == (Reason.TLS_UNTRUSTED if told else None, told)
    assert found.info.unfit == told
    assert judged(presented).reason is None


def test_a_common_name_alone_is_told_as_such() -> None:
    found = judged(chain(PUBLIC.issue_cert(common_name=NAME)), anchors=OWN_ANCHORS)
    assert found.reason is Reason.TLS_NAME_MISMATCH
    assert found.detail == (
        f"the certificate has {NAME} as its common name only, and clients want it as a subjectAltName"
    )
