"""Push certificates as Apple's would be, made on the spot, and the files that they come in."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from netcheck.lab.certificates import Authority, KeyPair

TOPIC = "com.apple.mgmt.External.11111111-2222-3333-4444-555555555555"
OTHER_TOPIC = "com.apple.mgmt.External.99999999-8888-7777-6666-555555555555"
NOT_AFTER = datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC)
PASSWORD = "correct horse"
AUTHORITY = x509.load_pem_x509_certificate(trustme.CA().cert_pem.bytes())

_ISSUER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Application Integration 2 of nobody")])


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self, password: str | None = None) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _encryption(password))

    def pkcs12(self, password: str | None = None, *chain: x509.Certificate) -> bytes:
        return pkcs12.serialize_key_and_certificates(
            b"push", self.key, self.certificate, chain, _encryption(password)
        )


def _encryption(password: str | None) -> KeySerializationEncryption:
    return NoEncryption() if password is None else BestAvailableEncryption(password.encode())


def issued(topic: str | None = TOPIC, not_after: datetime = NOT_AFTER, rsa_key: bool = False) -> Issued:
    """A certificate whose subject has this topic for its UID, or no UID."""
    key = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
    uid = [] if topic is None else [x509.NameAttribute(NameOID.USER_ID, topic)]
    subject = x509.Name([*uid, x509.NameAttribute(NameOID.COMMON_NAME, "APSP:of-nobody")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_ISSUER)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    return Issued(key, certificate)


def revocations(authority: Authority, *revoked: KeyPair) -> bytes:
    """The authority's list of what it has revoked, in PEM."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.pair.certificate.subject)
        .last_update(now - timedelta(days=1))
        .next_update(now + timedelta(days=1))
    )
    for pair in revoked:
        number = pair.certificate.serial_number
        entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(authority.pair.key, SHA256()).public_bytes(Encoding.PEM)


AUTHORITY_PEM = AUTHORITY.public_bytes(Encoding.PEM)
