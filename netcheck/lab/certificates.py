"""Certificate authorities made on the spot, an Apple-like one among them, and what they issue.

Owns keys and certificates as files. Nothing of it is trusted by anyone who is not told to.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = timedelta(days=1)
_LIFETIME = 30 * _DAY


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate with its key; `chain` are the certificates above it, without the root."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def pem(self) -> bytes:
        """Key, certificate and chain in one, as servers take it."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.certificate_pem + b"".join(each.public_bytes(Encoding.PEM) for each in self.chain)

    def server_context(self, folder: Path, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """A TLS server's context; goes through a file in the folder, as `ssl` reads nothing else."""
        file = folder / f"{self.certificate.serial_number:x}.pem"
        file.touch(mode=0o600)
        file.write_bytes(self.pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


@dataclass(frozen=True, slots=True)
class Authority:
    """Issues certificates; an intermediate one with its parent's name in what it issues."""

    pair: KeyPair
    is_root: bool = True

    @classmethod
    def root(cls, common_name: str, organization: str) -> Self:
        return cls(_signed(_name(common_name, organization), None, _OF_AUTHORITIES))

    def intermediate(self, common_name: str, organization: str) -> "Authority":
        pair = _signed(_name(common_name, organization), self, _OF_AUTHORITIES)
        return Authority(pair, is_root=False)

    def issue(self, *names: str) -> KeyPair:
        """A server's certificate for names (`*.` allowed) and addresses."""
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        return _signed(_name(names[0]), self, [_OF_OTHERS, (alternatives, False), (server, False)])

    def issue_push_certificate(self, topic: str, lifetime: timedelta) -> KeyPair:
        """As an MDM vendor's customer gets it: the topic is the UID of the subject."""
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.USER_ID, topic),
                x509.NameAttribute(NameOID.COMMON_NAME, f"APSP:{topic.rpartition('.')[2]}"),
            ]
        )
        return _signed(subject, self, [_OF_OTHERS], lifetime)


_Extension = tuple[x509.ExtensionType, bool]
_OF_AUTHORITIES: list[_Extension] = [(x509.BasicConstraints(ca=True, path_length=None), True)]
_OF_OTHERS: _Extension = (x509.BasicConstraints(ca=False, path_length=None), True)


def _signed(
    subject: x509.Name,
    issuer: Authority | None,
    extensions: list[_Extension],
    lifetime: timedelta = _LIFETIME,
) -> KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.pair.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + lifetime)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    certificate = builder.sign(issuer.pair.key if issuer else key, SHA256())
    return KeyPair(key, certificate, _above(issuer))


def _above(issuer: Authority | None) -> tuple[x509.Certificate, ...]:
    if issuer is None or issuer.is_root:
        return ()
    return (issuer.pair.certificate, *issuer.pair.chain)


def _name(common_name: str, organization: str | None = None) -> x509.Name:
    parts = [(NameOID.COMMON_NAME, common_name)]
    if organization:
        parts.append((NameOID.ORGANIZATION_NAME, organization))
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
