"""What `cryptography` says of a signature. Loaded for the first that OpenSSL alone does not vouch for."""

import warnings

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm

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


def is_signed_by(der: bytes, issuer: bytes) -> bool:
    """Whether the certificate has the issuer's name and signature; both in DER."""
    certificate, authority = _loaded(der), _loaded(issuer)
    if certificate is None or authority is None:
        return False
    try:
        certificate.verify_directly_issued_by(authority)
    except _UNUSABLE:
        return False
    return True


def _loaded(der: bytes) -> x509.Certificate | None:
    """As the library reads it; None where it cannot."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a peer's certificate, or an old root's: nobody here can help
        try:
            return x509.load_der_x509_certificate(der)
        except _UNUSABLE:
            return None
