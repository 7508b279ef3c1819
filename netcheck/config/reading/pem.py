"""Certificates and private keys in PEM, and how OpenSSL takes them. Everything here blocks."""

import ssl
from contextlib import suppress
from pathlib import Path

from netcheck.files import LARGEST_PEM, as_file, read_file
from netcheck.model.credentials import Secret

Pem = Path | Secret
"""A file in PEM, or what would be in one."""
_BEGIN = "-----BEGIN CERTIFICATE-----"


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
        if _BEGIN in text:
            raise ValueError("a certificate in this is damaged, or cut off: put it there anew") from error
        raise ValueError(f"this holds no certificates in PEM: {_BEGIN} and so on") from error


def check_pair(certificate: Pem, key: Pem) -> None:
    """ValueError where the two are not a certificate and its own private key, or cannot be read."""
    try:
        load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, key)
    except OSError as error:
        raise ValueError(f"{error.filename or 'the file'} cannot be read: {error.strerror}") from error


def agree(server: ssl.SSLContext) -> None:
    """Shake hands with a client that takes anything; ssl.SSLError where even that cannot connect."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_ciphers("ALL:@SECLEVEL=0")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (client.wrap_bio(to_client, to_server), server.wrap_bio(to_server, to_client, server_side=True))
    for side in sides * 3:  # TLS 1.2 takes two turns of each, and so does 1.3 where the curve is another
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()


def check_authorities(authorities: Pem) -> None:
    """ValueError or OSError where there are no certificates in it."""
    load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), authorities)


def _no_password() -> bytes:
    raise ValueError("the key has a password, and nobody is there to ask: take it away")
