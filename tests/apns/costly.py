"""Files as hostile hands make them: to try a password once takes hours, or more memory than there is."""

import base64
import subprocess

from tests.certificates import PASSWORD, Issued
from tests.programs import program

_SEQUENCE, _SET, _CONTEXT, _OCTETS, _INTEGER = 0x30, 0x31, 0xA0, 0x04, 0x02
USUAL_COUNTS = (2048, 20_000)
"""How often the library hashes a password: the MAC's and the cipher's."""
HUGE = 2**31 - 1


def costly_pkcs12(held: Issued) -> bytes:
    return _with_integers(held.pkcs12(PASSWORD), dict.fromkeys(USUAL_COUNTS, HUGE))


def with_costly_mac(held: Issued) -> bytes:
    """Only what is looked at first, and also without any password."""
    return _with_integers(held.pkcs12(PASSWORD), {2048: HUGE, 1: HUGE})


def costly_pem(held: Issued) -> bytes:
    lines = held.key_pem(PASSWORD).decode().splitlines()
    return held.pem + _pem(_with_integers(base64.b64decode("".join(lines[1:-1])), {2048: HUGE}))


def memory_hungry_pem(held: Issued) -> bytes:
    """Encrypted by scrypt (RFC 7914), at a cost of 2 TiB."""
    options = ["-topk8", "-scrypt", "-outform", "DER", "-passout", f"pass:{PASSWORD}"]
    command = [program("openssl"), "pkcs8", *options]
    made = subprocess.run(command, input=held.key_pem(), capture_output=True, check=True, timeout=30).stdout
    return held.pem + _pem(_with_integers(made, {16_384: 2**31}))


def _pem(der: bytes) -> bytes:
    encoded = base64.encodebytes(der)
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + encoded + b"-----END ENCRYPTED PRIVATE KEY-----\n"


def _with_integers(der: bytes, others: dict[int, int]) -> bytes:
    """The same DER with some numbers in place of others, also of DER that is packed as octets."""
    out = b""
    while der:
        tag, content, der = _first(der)
        if tag == _INTEGER and int.from_bytes(content, "big") in others:
            value = others[int.from_bytes(content, "big")]
            content = value.to_bytes(value.bit_length() // 8 + 1, "big")
        elif tag in (_SEQUENCE, _SET, _CONTEXT) or (tag == _OCTETS and content[:2] == b"\x30\x82"):
            content = _with_integers(content, others)
        out += bytes([tag]) + _length(len(content)) + content
    return out


def _first(der: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the first element, and what follows."""
    size, begin = der[1], 2
    if size >= 0x80:
        begin += size - 0x80
        size = int.from_bytes(der[2:begin], "big")
    return der[0], der[begin : begin + size], der[begin + size :]


def _length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 + len(octets)]) + octets
