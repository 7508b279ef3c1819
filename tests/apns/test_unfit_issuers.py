"""Issuers through which no client takes a server's certificate: OpenSSL is asked the same each time."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from netcheck.apns.issuers import NOBODY, store
from netcheck.apns.trust import Examined, anchors_of_owner, apple_anchors, examine
from netcheck.model.failing import Reason
from tests.apns import forged
from tests.programs import program

NAME = "mdm.corp.example"
NOW = datetime.now(UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
KEYS: Mapping[str, Key] = {
    **{whose: ec.generate_private_key(ec.SECP256R1()) for whose in ("leaf", "root", "one", "two", "other")},
    "weak": rsa.generate_private_key(65537, 1024),
}
AUTHORITY = x509.BasicConstraints(ca=True, path_length=None)
NO_AUTHORITY = x509.BasicConstraints(ca=False, path_length=None)
SAN = x509.SubjectAlternativeName([x509.DNSName(NAME)])
FOR_CLIENTS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
FOR_BOTH = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.7"), b"\5\0")


def usage(*bits: str) -> x509.KeyUsage:
    first = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment")
    last = ("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: name in bits for name in (*first, *last)})


def allowing(below: int) -> x509.BasicConstraints:
    return x509.BasicConstraints(ca=True, path_length=below)


@dataclass(frozen=True)
class Made:
    """A certificate to be: of a subject, by an issuer, both with the keys of that name."""

    subject: str
    issuer: str
    extensions: Sequence[x509.ExtensionType] = field(default_factory=lambda: [AUTHORITY])
    critical: bool = True
    key: str = ""
    by: str = ""
    ends: int = 9

    def der(self, keys: Mapping[str, str]) -> bytes:
        key, signing = (
            KEYS[keys.get(who, who)] for who in (self.key or self.subject, self.by or self.issuer)
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(self.subject))
            .issuer_name(named(self.issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(20))
            .not_valid_after(NOW + timedelta(self.ends))
        )
        for extension in self.extensions:
            is_critical = self.critical and not isinstance(extension, x509.SubjectAlternativeName)
            builder = builder.add_extension(extension, is_critical)
        return builder.sign(signing, SHA256()).public_bytes(Encoding.DER)


def named(who: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, who)])


LEAF, ROOT = Made("leaf", "root", [SAN]), Made("root", "root")
BELOW_ONE, ONE, TWO = Made("leaf", "one", [SAN]), Made("one", "root"), Made("two", "one")
BELOW_TWO = Made("leaf", "two", [SAN])
NO_CA, NO_SIGNING = (
    "is not an authority's, by its basic constraints",
    "is not an authority's, by its key usage",
)
NO_SERVERS, TOO_MANY = (
    "is not for servers, by its extended key usage",
    "allows fewer authorities below it than",
)
CRITICAL = "has a critical extension that clients do not know: 1.3.6.1.4.1.99999.7"


@dataclass(frozen=True)
class Shown:
    """What a server sends, and what stands in ca_file."""

    sent: Sequence[Made]
    stored: Sequence[Made]
    told: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    by_any_way: bool = False
    """Only devices try each: OpenSSL keeps to the first certificate of a name."""


SHOWN = {
    "a plain chain": Shown([BELOW_TWO, TWO, ONE], [ROOT]),
    "an intermediate in ca_file": Shown([BELOW_ONE], [ONE]),
    "a root that is no authority": Shown([LEAF], [Made("root", "root", [NO_AUTHORITY])], f"root {NO_CA}"),
    "a root without basic constraints": Shown([LEAF], [Made("root", "root", [SAN])], f"root {NO_CA}"),
    "a root without extensions": Shown([LEAF], [Made("root", "root", [])], f"root {NO_CA}"),
    "an intermediate that is no authority": Shown(
        [BELOW_ONE, Made("one", "root", [SAN])], [ROOT], f"one {NO_CA}"
    ),
    "a root that may not sign": Shown(
        [LEAF], [Made("root", "root", [AUTHORITY, usage("crl_sign")])], f"root {NO_SIGNING}"
    ),
    "an intermediate that may not sign": Shown(
        [BELOW_ONE, Made("one", "root", [AUTHORITY, usage("digital_signature")])], [ROOT], f"one {NO_SIGNING}"
    ),
    "authorities that may sign": Shown(
        [BELOW_ONE, Made("one", "root", [AUTHORITY, usage("key_cert_sign", "crl_sign")])], [ROOT]
    ),
    "as many authorities as are allowed": Shown([BELOW_ONE, Made("one", "root", [allowing(0)])], [ROOT]),
    "one authority too many": Shown(
        [BELOW_TWO, TWO, Made("one", "root", [allowing(0)])], [ROOT], f"one {TOO_MANY}"
    ),
    "one authority too many below the root": Shown(
        [BELOW_ONE, ONE], [Made("root", "root", [allowing(0)])], f"root {TOO_MANY}"
    ),
    "an authority that issued itself anew": Shown(
        [
            Made("leaf", "two", [SAN], by="other"),
            Made("two", "two", key="other"),
            Made("two", "root", [allowing(0)]),
        ],
        [ROOT],
        by_any_way=True,
    ),
    "an intermediate for clients only": Shown(
        [BELOW_ONE, Made("one", "root", [AUTHORITY, FOR_CLIENTS])], [ROOT], f"one {NO_SERVERS}"
    ),
    "an intermediate for clients and servers": Shown(
        [BELOW_ONE, Made("one", "root", [AUTHORITY, FOR_BOTH])], [ROOT]
    ),
    "a root for clients only": Shown(
        [LEAF], [Made("root", "root", [AUTHORITY, FOR_CLIENTS])], f"root {NO_SERVERS}"
    ),
    "an intermediate with a short key": Shown(
        [BELOW_ONE, ONE], [ROOT], "one has an RSA key of 1024 bits", {"one": "weak"}
    ),
    "a root with a short key": Shown([LEAF], [ROOT], "root has an RSA key of 1024 bits", {"root": "weak"}),
    "an unknown critical extension of an intermediate": Shown(
        [BELOW_ONE, Made("one", "root", [AUTHORITY, UNKNOWN])], [ROOT], f"one {CRITICAL}"
    ),
    "an unknown critical extension of the root": Shown(
        [LEAF], [Made("root", "root", [AUTHORITY, UNKNOWN])], f"root {CRITICAL}"
    ),
    "an unknown extension": Shown([Made("leaf", "root", [SAN, UNKNOWN], critical=False)], [ROOT]),
    "an unknown critical extension of the leaf": Shown(
        [Made("leaf", "root", [SAN, UNKNOWN])], [ROOT], f"the certificate {CRITICAL}"
    ),
    "a leaf to sign others with": Shown(
        [Made("leaf", "root", [SAN, usage("key_cert_sign")])],
        [ROOT],
        "the certificate is not for servers, by its key",
    ),
    "a leaf for key agreement": Shown([Made("leaf", "root", [SAN, usage("key_agreement")])], [ROOT]),
    "an unfit way and a fit one": Shown(
        [BELOW_ONE, Made("one", "root", [AUTHORITY, FOR_CLIENTS]), ONE], [ROOT], by_any_way=True
    ),
    "an unfit way in a store, and a fit one": Shown(
        [LEAF], [Made("root", "root", [NO_AUTHORITY]), ROOT], by_any_way=True
    ),
    "an unfit way, and a fit one that has expired": Shown(
        [BELOW_ONE, Made("one", "root", [AUTHORITY, FOR_CLIENTS]), Made("one", "root", ends=-1)],
        [ROOT],
        f"one {NO_SERVERS}",
    ),
}


def judged(shown: Shown) -> tuple[Examined, list[bytes], list[bytes]]:
    sent = [made.der(shown.keys) for made in shown.sent]
    stored = [made.der(shown.keys) for made in shown.stored]
    return examine(sent, NAME, anchors_of_owner(store(stored)), NOW.timestamp()), sent, stored


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_issuers_are_taken_as_clients_take_them(shown: Shown, tmp_path: Path) -> None:
    found, sent, stored = judged(shown)
    assert found.reason is (Reason.TLS_UNTRUSTED if shown.told else None)
    assert shown.told in found.detail
    assert found.info.unfit in found.detail
    assert openssl_takes(tmp_path, sent, stored) is (not shown.told and not shown.by_any_way)


def test_a_root_of_the_first_version_has_nothing_to_say_so_with(tmp_path: Path) -> None:
    """As those of old: there were no extensions then."""
    root, leaf = without_version(Made("root", "root", []).der({})), LEAF.der({})
    assert examine([leaf], NAME, anchors_of_owner(store([root])), NOW.timestamp()).reason is None
    assert openssl_takes(tmp_path, [leaf], [root])


def without_version(der: bytes) -> bytes:
    fields = x509.load_der_x509_certificate(der).tbs_certificate_bytes
    fields = forged.sequence(fields[fields.index(b"\xa0\3\2\1\2") + 5 :])
    key = KEYS["root"]
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = forged.element(0x03, b"\0" + key.sign(fields, ec.ECDSA(SHA256())))
    return forged.sequence(fields, forged.sequence(forged.oid("1.2.840.10045.4.3.2")), signature)


def test_of_apples_a_flaw_of_an_issuer_is_not_told() -> None:
    """Who decrypts is the question there."""
    shown = SHOWN["an intermediate for clients only"]
    sent, root = [made.der({}) for made in shown.sent], ROOT.der({})
    found = examine(sent, NAME, apple_anchors(NOBODY, lab=store([root])), NOW.timestamp())
    assert (found.reason, found.info.unfit) == (None, "")


def test_what_no_authority_issued_is_apples_as_little_as_anyones() -> None:
    shown = SHOWN["an intermediate that is no authority"]
    sent, root = [made.der({}) for made in shown.sent], ROOT.der({})
    found = examine(sent, NAME, apple_anchors(NOBODY, lab=store([root])), NOW.timestamp())
    assert found.reason is Reason.TLS_INTERCEPTED


def openssl_takes(folder: Path, sent: Sequence[bytes], stored: Sequence[bytes]) -> bool:
    """As clients call it: for a server, at the level of security of today."""
    for file, certificates in (("leaf", sent[:1]), ("sent", sent[1:] or stored), ("stored", stored)):
        pems = [x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in certificates]
        (folder / file).write_bytes(b"".join(pems))
    options = ["-purpose", "sslserver", "-partial_chain", "-auth_level", "2", "-verify_hostname", NAME]
    files = ["-no-CApath", "-no-CAstore", "-CAfile", "stored", "-untrusted", "sent", "leaf"]
    command = [program("openssl"), "verify", *options, *files]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=30)
    return done.returncode == 0
