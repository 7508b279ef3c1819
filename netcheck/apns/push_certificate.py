"""An MDM push certificate out of the bytes of a PEM or PKCS#12 file. Must not know where the bytes come from.

The private key tells its certificate from the others in the file, and is given out to whoever proves with it
that APNs accepts the certificate. Who made the file says how often a password is hashed to open it, up to for
ever: what is encrypted is opened apart.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from netcheck.apart import ApartError, run_apart
from netcheck.apns.certificates import read as read_der
from netcheck.apns.push_certificate_limits import LARGEST, LONGEST, UnusableError
from netcheck.model.credentials import Secret
from netcheck.model.push_certificates import PushCertificate, PushCertificateFile, PushIdentity

_LONGEST_TOPIC = 255
_NO_KEY = (
    "no private key is to be had from the file, and `verify` needs it: export the certificate with its key, "
    "and name the key's password, if it has one, in password_file or password_env"
)
_PFX = re.compile(rb"\x30(?:\x80|[\x00-\x7f]|\x81.|\x82..|\x83...)\x02\x01\x03", re.DOTALL)
"""How PKCS#12 begins: a SEQUENCE whose first member is the INTEGER 3 (RFC 7292 section 4)."""
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_ENCRYPTED = b"ENCRYPTED"  # in the first lines of a private key in PEM (RFC 7468 section 11, RFC 1421)
_KEY = re.compile(rb"((?:RSA |EC |ENCRYPTED )?PRIVATE KEY)-----.{1,65536}?-----END \1-----", re.DOTALL)
"""What follows the words below."""
_BEGIN = b"-----BEGIN "


def read_in_time(file: PushCertificateFile, data: bytes) -> PushCertificate:
    """As `read`, and takes no longer than `LONGEST`; blocks meanwhile."""
    if not _is_encrypted(data):
        return read(file, data)
    try:
        return PushCertificate(**_opened_apart(file, data, with_key=False))
    except UnusableError as error:
        return PushCertificate(file.name, error=str(error))


def identity_in_time(file: PushCertificateFile, data: bytes) -> PushIdentity:
    """The certificate with its key, in no longer than `LONGEST`; blocks meanwhile. Raises UnusableError."""
    if not _is_encrypted(data):
        return _identity(file, data)
    found = _opened_apart(file, data, with_key=True)
    if "error" in found:
        raise UnusableError(found["error"])
    return PushIdentity(**{**found, "pem": Secret(found["pem"])})


def _is_encrypted(data: bytes) -> bool:
    return _PFX.match(data) is not None or _ENCRYPTED in data


def _opened_apart(file: PushCertificateFile, data: bytes, *, with_key: bool) -> Any:
    """The fields of what is found, or `error`."""
    password = file.password.reveal() if file.password else None
    asked = json.dumps([file.name, file.topic, password, data.decode("latin-1"), with_key])
    try:
        return json.loads(run_apart(_open, asked.encode(), LONGEST))
    except ApartError as error:
        raise UnusableError(f"opening the file {error}: export it anew") from error


def _open(asked: bytes) -> bytes:
    name, topic, password, data, with_key = json.loads(asked)
    file = PushCertificateFile(name, Path(), topic, None if password is None else Secret(password))
    try:
        if with_key:
            identity = _identity(file, data.encode("latin-1"))
            found = {**asdict(identity), "pem": identity.pem.reveal()}
        else:
            found = asdict(read(file, data.encode("latin-1")))
    except UnusableError as error:
        found = {"error": str(error)}
    except InternalError as error:  # in this way the library says that OpenSSL was given no memory
        raise MemoryError from error
    return json.dumps(found).encode()


def read(file: PushCertificateFile, data: bytes) -> PushCertificate:
    """What the bytes of the file say of the push certificate in it; never raises."""
    try:
        return _described(file, _chosen(_held(data, file.password)))
    except UnusableError as error:
        return PushCertificate(file.name, error=str(error))


def _identity(file: PushCertificateFile, data: bytes) -> PushIdentity:
    held = _held(data, file.password)
    if held.key is None:
        raise UnusableError(_NO_KEY)
    certificate = _chosen(held)
    described = _described(file, certificate)
    # for the types: without an error, all of it was read
    assert described.topic and described.sha256 and described.not_after is not None  # noqa: S101, PT018
    key = held.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    others = [each for each in held.certificates if each != certificate]
    parts = [key, *(each.public_bytes(Encoding.PEM) for each in (certificate, *others))]
    pem = Secret(b"".join(parts).decode())
    return PushIdentity(described.topic, described.sha256, described.not_after, pem)


class _Held(NamedTuple):
    """What is in a file."""

    certificates: Sequence[x509.Certificate]
    key: PrivateKeyTypes | None


def _held(data: bytes, password: Secret | None) -> _Held:
    if len(data) > LARGEST:
        raise UnusableError(f"the file is larger than {LARGEST} bytes: it holds more than a push certificate")
    opening = (password.reveal().encode() or None) if password else None  # empty is none to the library too
    if _PFX.match(data):
        return _from_pkcs12(data, opening)
    if _CERTIFICATE in data:
        return _from_pem(data, opening)
    raise UnusableError(
        "the file is neither a certificate in PEM nor PKCS#12: export it anew, as one of these"
    )


def _from_pkcs12(data: bytes, password: bytes | None) -> _Held:
    try:
        held = pkcs12.load_pkcs12(data, password)
    except UnsupportedAlgorithm as error:
        raise UnusableError(
            "the PKCS#12 file is encrypted in a way not known here: export it anew"
        ) from error
    except ValueError as error:  # the library has one for a wrong password and for a broken file
        if password is None:
            why = "needs a password, or is broken: add password_file or password_env, or export it anew"
        else:
            why = "is not opened by the password, or is broken: correct the password, or export it anew"
        raise UnusableError(f"the PKCS#12 file {why}") from error
    first = [held.cert] if held.cert else []
    return _Held([each.certificate for each in (*first, *held.additional_certs)], held.key)


def _from_pem(data: bytes, password: bytes | None) -> _Held:
    try:
        certificates = x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise UnusableError("the PEM in the file is broken or cut short: export it anew") from error
    return _Held(certificates, _pem_key(data, password))


def _pem_key(data: bytes, password: bytes | None) -> PrivateKeyTypes | None:
    """The private key, wherever in the file; None where there is none, or no password for it is known."""
    # Cut before the search: each part is looked at once, be there thousands that begin and never end.
    found = next(filter(None, map(_KEY.match, data.split(_BEGIN))), None)
    if found is None:
        return None
    pem = _BEGIN + found[0]
    try:
        return _loaded(pem, None)
    except TypeError:  # it is encrypted
        return None if password is None else _loaded(pem, password)


def _loaded(pem: bytes, password: bytes | None) -> PrivateKeyTypes:
    wrong = "is broken" if password is None else "is not opened by the password, or is broken"
    try:
        # Whether an RSA key is sound matters to those who sign with it. To check that takes long.
        return load_pem_private_key(pem, password, unsafe_skip_rsa_key_validation=True)
    except ValueError as error:
        raise UnusableError(
            f"the private key in the file {wrong}: correct that, or export it anew"
        ) from error
    except UnsupportedAlgorithm as error:
        raise UnusableError(
            "the private key in the file is of a kind not known here: export it anew"
        ) from error


def _chosen(held: _Held) -> x509.Certificate:
    """The certificate of the private key, or without a key the first that is no authority's."""
    certificates, key = held
    if key is None:
        found = (each for each in certificates if not read_der(each.public_bytes(Encoding.DER)).is_authority)
        missing = "the file holds no certificate but of authorities: export the push certificate itself"
    else:
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        found = (each for each in certificates if _public_key(each) == public)
        missing = "the private key in the file belongs to no certificate in it: put the two together that do"
    certificate = next(found, None)
    if certificate is None:
        raise UnusableError(missing)
    return certificate


def _public_key(certificate: x509.Certificate) -> bytes | None:
    """The subject's public key in DER (RFC 5280 section 4.1.2.7); None for what is not understood."""
    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _described(file: PushCertificateFile, certificate: x509.Certificate) -> PushCertificate:
    try:
        topic = _topic(certificate.subject)
        not_after = certificate.not_valid_after_utc.timestamp()
    except ValueError as error:
        raise UnusableError("the certificate in the file is malformed: export it anew") from error
    der = certificate.public_bytes(Encoding.DER)
    return PushCertificate(
        file.name,
        topic,
        None if file.topic is None else topic == file.topic,
        not_after,
        _thumbprint(hashlib.sha1(der, usedforsecurity=False).digest()),  # for people to compare
        _thumbprint(hashlib.sha256(der).digest()),
    )


def _topic(subject: x509.Name) -> str:
    """The UID (0.9.2342.19200300.100.1.1, RFC 4519 section 2.39), which Apple fills with the topic."""
    topics = [attribute.value for attribute in subject.get_attributes_for_oid(NameOID.USER_ID)]
    topic = topics[0] if topics else ""
    if not isinstance(topic, str) or not topic:
        raise UnusableError(
            "the certificate in the file is no push certificate: its subject has no UID (topic)"
        )
    if len(topic) > _LONGEST_TOPIC or not topic.isprintable():
        raise UnusableError("the certificate in the file is no push certificate: its UID cannot be a topic")
    return topic


def _thumbprint(digest: bytes) -> str:
    return digest.hex(":").upper()
