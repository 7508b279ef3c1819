"""The first message of a TLS client (RFC 8446 section 4.1.2), to see whether anything answers it.

Two of them, alike but for their size. A short one, as hellos were for years. And one as devices with iOS 26
and macOS 26 send it, with a key for X25519MLKEM768 (https://support.apple.com/122756): it takes two packets.
Some filters read only the first; and nothing else that a client sends shows that large packets get lost.
The keys are made up: neither can become a whole handshake. Does no I/O.
"""

import os
import random
from collections.abc import Iterable, Sequence

LARGE = 1750
"""Bytes, the record's header included: about what devices send, and more than a packet of Ethernet holds."""

_RECORD_HANDSHAKE = b"\x16\x03\x01"  # RFC 8446 section 5.1: the type, and the version that all still write
_CLIENT_HELLO = b"\x01"
_TLS_1_2 = b"\x03\x03"
_CIPHERS = bytes.fromhex("1301 1302 1303 c02b c02f c02c c030 cca9 cca8")
_NO_COMPRESSION = b"\x00"
_X25519, _P256, _X25519MLKEM768 = 0x001D, 0x0017, 0x11EC  # the IANA's registry of supported groups
_SIGNATURES = bytes.fromhex("0403 0804 0401 0503 0805 0501 0806 0601")
_Q = 3329
"""FIPS 203: a key of ML-KEM is of numbers below this one, in twelve bits each, and a seed."""
_COEFFICIENTS, _SEED = 3 * 256, 32

_Extension = tuple[int, bytes]


def client_hello(server_name: str, alpn: Sequence[str], *, large: bool) -> bytes:
    """One record that asks for the name and offers these protocols: of LARGE bytes at least, or else short.

    The short one offers the first of them only.
    """
    if not large:
        return _record(_extensions(server_name, alpn[:1], large=False))
    extensions = _extensions(server_name, alpn, large=True)
    lacking = LARGE - len(_record(extensions)) - 4
    return _record([*extensions, (21, bytes(max(0, lacking)))])  # RFC 7685: padding, behind four bytes


def _extensions(server_name: str, alpn: Sequence[str], *, large: bool) -> list[_Extension]:
    """Those of every client of TLS 1.2 and 1.3 (RFC 8446 section 4.2), by the numbers of the IANA."""
    groups = [_X25519MLKEM768] * large + [_X25519, _P256]
    x25519 = os.urandom(32)
    keys = _share(_X25519MLKEM768, _made_up_key() + x25519) if large else b""
    protocols = b"".join(_counted(1, name.encode()) for name in alpn)
    return [
        (0, _counted(2, b"\x00" + _counted(2, server_name.encode()))),
        (10, _counted(2, b"".join(group.to_bytes(2) for group in groups))),
        (11, _counted(1, b"\x00")),
        (13, _counted(2, _SIGNATURES)),
        *([(16, _counted(2, protocols))] if protocols else []),
        (23, b""),
        (43, _counted(1, b"\x03\x04" + _TLS_1_2)),
        (45, _counted(1, b"\x01")),
        (51, _counted(2, keys + _share(_X25519, x25519))),
        (0xFF01, b"\x00"),
    ]


def _record(extensions: Iterable[_Extension]) -> bytes:
    listed = b"".join(number.to_bytes(2) + _counted(2, value) for number, value in extensions)
    body = b"".join(
        (
            _TLS_1_2 + os.urandom(32),
            _counted(1, os.urandom(32)),
            _counted(2, _CIPHERS),
            _counted(1, _NO_COMPRESSION),
            _counted(2, listed),
        )
    )
    return _RECORD_HANDSHAKE + _counted(2, _CLIENT_HELLO + _counted(3, body))


def _share(group: int, key: bytes) -> bytes:
    return group.to_bytes(2) + _counted(2, key)


def _made_up_key() -> bytes:
    """What passes for a key of ML-KEM-768: FIPS 203 section 7.2 has servers check the numbers in it."""
    packed = sum(
        random.randrange(_Q) << (12 * place)  # noqa: S311 - nothing is kept secret with it
        for place in range(_COEFFICIENTS)
    )
    return packed.to_bytes(_COEFFICIENTS * 12 // 8, "little") + os.urandom(_SEED)


def _counted(size: int, data: bytes) -> bytes:
    """A vector: its length in so many bytes, then itself (RFC 8446 section 3.4)."""
    return len(data).to_bytes(size) + data
