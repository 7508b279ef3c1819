"""Whether a chain is signed link by link, as OpenSSL sees it. Only a yes counts: a no has many reasons.

`ssl` checks certificates nowhere but in a handshake. So one is begun in memory, and the server's part in it
played here: its hello, and the chain. OpenSSL judges a chain when it comes, before the server would have to
prove that it has the key, and there the handshake is left. What it has loaded anyway does the work so, where
`cryptography` would cost 11 MB.
"""

import ssl
from collections.abc import Sequence
from functools import lru_cache

_VERSION = b"\x03\x03"  # TLS 1.2 (RFC 5246): in 1.3, the chain comes encrypted
_WITH_RSA, _WITH_ECDSA = b"\xc0\x2f", b"\xc0\x2b"
"""TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, and the same with ECDSA (RFC 5289): fits the key of the leaf."""
_RENEGOTIATION = b"\xff\x01\x00\x01\x00"  # RFC 5746 section 3.4: an answer without it is refused
_LARGEST_RECORD = 2**14
_CONTEXTS = 8
"""One for each issuer: a site has as many, or fewer."""


def are_signed(chain: Sequence[bytes], issuer: bytes, *, is_rsa: bool) -> bool:
    """Whether each of the chain, leaf first, is signed by the next, and the last one by the issuer.

    All in DER; `is_rsa` is of the leaf's key. False too where anything else is wrong with one, as with its
    dates or the uses of its key.
    """
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        tls = _context(issuer).wrap_bio(heard, said)
        _go_on(tls)
        heard.write(_in_records(_hello(_WITH_RSA if is_rsa else _WITH_ECDSA) + _certificates(chain)))
        _go_on(tls)
    except (ssl.SSLError, ValueError):  # the second for an issuer of no bytes
        return False
    # OpenSSL may find a shorter way than is asked for, and reads more than DER: that, it writes otherwise.
    # Before Python 3.13 this has no public name.
    found = tls._sslobj.get_verified_chain() or ()  # type: ignore[attr-defined]
    way = [each.public_bytes(ssl._ssl.ENCODING_DER) for each in found]  # type: ignore[attr-defined]
    return way == [*chain, issuer]


@lru_cache(_CONTEXTS)
def _context(issuer: bytes) -> ssl.SSLContext:
    """Trusts the issuer and nobody else, be it a root or not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=issuer)
    return context


def _go_on(tls: ssl.SSLObject) -> None:
    """As far as it gets with what it has heard. Raises ssl.SSLError for a chain that it does not take."""
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return


def _hello(cipher: bytes) -> bytes:
    """RFC 5246 section 7.4.1.3: a random, no session, the cipher, no compression, the extensions."""
    extensions = len(_RENEGOTIATION).to_bytes(2) + _RENEGOTIATION
    return _message(2, _VERSION + bytes(32) + b"\0" + cipher + b"\0" + extensions)


def _certificates(chain: Sequence[bytes]) -> bytes:
    """RFC 5246 section 7.4.2."""
    each = b"".join(len(der).to_bytes(3) + der for der in chain)
    return _message(11, len(each).to_bytes(3) + each)


def _message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3) + body


def _in_records(data: bytes) -> bytes:
    """RFC 5246 section 6.2.1: of the type handshake."""
    parts = (data[at : at + _LARGEST_RECORD] for at in range(0, len(data), _LARGEST_RECORD))
    return b"".join(b"\x16" + _VERSION + len(part).to_bytes(2) + part for part in parts)
