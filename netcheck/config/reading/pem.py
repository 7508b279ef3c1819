"""Certificates and private keys in PEM, and how OpenSSL takes them. Everything here blocks."""

import ssl
from pathlib import Path

from netcheck.files import LARGEST_PEM, as_file, read_file
from netcheck.model.paths import Secret

Pem = Path | Secret
"""A file in PEM, or what would be in one."""


def pem_of(pem: Pem) -> bytes:
    """What is in it; OSError, with the name of the file, where that is not to be had."""
    if isinstance(pem, Secret):
        return pem.reveal().encode()
    try:
        return read_file(pem, LARGEST_PEM)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(pem)) from error


def load_pair(context: ssl.SSLContext, certificate: Pem, key: Pem) -> None:
    """Have the context present the certificate; ValueError or OSError where it cannot."""
    both = b"\n".join((pem_of(certificate), pem_of(key)))
    try:
        with as_file(both) as file:
            context.load_cert_chain(file, password=_no_password)
    except ssl.SSLError as error:
        raise ValueError(
            "OpenSSL does not take these for a certificate and its own private key in PEM, without a "
            f"password: {error.reason or 'one of the two is missing'}"
        ) from error


def load_authorities(context: ssl.SSLContext, authorities: Pem) -> None:
    """Have the context trust who is in there; ValueError or OSError where it cannot."""
    text = pem_of(authorities).decode("ascii", "ignore")  # comments may hold names in any script
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(
            "this holds no certificates in PEM: -----BEGIN CERTIFICATE----- and so on"
        ) from error


def check_pair(certificate: Pem, key: Pem) -> None:
    """ValueError or OSError where the two are not a certificate and its own private key."""
    load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, key)


def check_authorities(authorities: Pem) -> None:
    """ValueError or OSError where there are no certificates in it."""
    load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), authorities)


def _no_password() -> bytes:
    raise ValueError("the key has a password, and nobody is there to ask: take it away")
