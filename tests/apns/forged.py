"""Certificates in DER put together by hand, with what no library would write."""

from collections.abc import Sequence


def element(tag: int, *contents: bytes) -> bytes:
    """Tag, length and contents (X.690 section 8.1)."""
    body = b"".join(contents)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*contents: bytes) -> bytes:
    return element(0x30, *contents)


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    encoded = bytes([40 * first + second])
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(number & 0x7F | 0x80)
        encoded += bytes(reversed(groups))
    return element(0x06, encoded)


def name(*attributes: tuple[str, int, bytes]) -> bytes:
    """Of attributes: type, tag and contents of the value."""
    return sequence(
        *(element(0x31, sequence(oid(kind), element(tag, value))) for kind, tag, value in attributes)
    )


COMMON_NAME, ORGANIZATION, SURNAME = "2.5.4.3", "2.5.4.10", "2.5.4.4"
UTF8, PRINTABLE, TELETEX, IA5, BMP, BITS = 0x0C, 0x13, 0x14, 0x16, 0x1E, 0x03

INTERCEPTOR = name((ORGANIZATION, UTF8, b"Corporate Proxy"))
COURIER = "courier.push.apple.com"
SUBJECT = name((COMMON_NAME, UTF8, COURIER.encode()))
ECDSA_WITH_SHA256 = oid("1.2.840.10045.4.3.2")
GOST = oid("1.2.643.7.1.1.3.2")
SM2_WITH_SM3 = oid("1.2.156.10197.1.501")
P_256_POINT = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)  # the generator (SEC 2 section 2.4.2): on the curve, and nobody's key
EC_KEY = sequence(
    sequence(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")), element(BITS, b"\0", P_256_POINT)
)
VALID = sequence(element(0x17, b"200101000000Z"), element(0x17, b"491231235959Z"))


def extension(kind: str, value: bytes) -> bytes:
    return sequence(oid(kind), element(0x04, value))


def alternative_names(*names: bytes) -> bytes:
    return extension("2.5.29.17", sequence(*names))


def dns_name(text: str) -> bytes:
    return element(0x82, text.encode())


FOR_THE_COURIER = alternative_names(dns_name(COURIER))


def certificate(
    *,
    serial: bytes = b"\x07",
    algorithm: bytes = ECDSA_WITH_SHA256,
    issuer: bytes = INTERCEPTOR,
    validity: bytes = VALID,
    subject: bytes = SUBJECT,
    key: bytes = EC_KEY,
    extensions: Sequence[bytes] = (FOR_THE_COURIER,),
) -> bytes:
    """A certificate of version 3 (RFC 5280 section 4.1), whose signature is none."""
    signed = sequence(
        element(0xA0, element(0x02, b"\x02")),
        element(0x02, serial),
        sequence(algorithm),
        issuer,
        validity,
        subject,
        key,
        element(0xA3, sequence(*extensions)),
    )
    return sequence(signed, sequence(algorithm), element(BITS, b"\0", sequence(element(0x02, b"\x01") * 2)))
