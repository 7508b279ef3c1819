"""The body of an HTTP answer after its head: its framing undone, then its content coding.

Bounded before and after decompression. Does no I/O, and knows no status.
"""

import zlib

from netcheck.wire.http_framing import Framing
from netcheck.wire.http_head import Head, HttpError

_GZIP = frozenset({b"gzip", b"x-gzip"})  # RFC 9110 section 8.4.1.3
_DEFLATE = b"deflate"
_ANY_WINDOW, _GZIP_ONLY, _RAW = zlib.MAX_WBITS, 16 + zlib.MAX_WBITS, -zlib.MAX_WBITS


class Body:
    """Collects at most `limit` bytes, decompressed; whole once `done` is true."""

    def __init__(self, head: Head, limit: int) -> None:
        """HttpError for a coding that we cannot read, or framing that is none."""
        self._limit = limit
        self._came = 0
        self._read = bytearray()
        self._coding = _coding(head)
        self._framing = Framing(head)
        self.done = self._framing.done

    def __bytes__(self) -> bytes:
        return bytes(self._read)

    def receive(self, data: bytes) -> None:
        """Take what was read, b"" for the end of the stream. HttpError once no good body can follow."""
        piece = self._framing.take(data)
        self._came += len(piece)
        room = self._limit - len(self._read)
        self._read += self._coding.read(piece, room + 1) if self._coding else piece
        if max(self._came, len(self._read)) > self._limit:
            raise HttpError(f"the answer's body exceeds {self._limit} bytes")
        if self._framing.done and self._coding and self._came and not self._coding.complete:
            raise HttpError("the compressed body is cut off")
        self.done = self._framing.done


class _Compressed:
    """One content coding, undone; `deflate` with zlib's wrapping as specified, or without, as it is found."""

    def __init__(self, window: int | None) -> None:
        """`window` as zlib counts it, None to tell by the first two bytes."""
        self._begun = b""
        self._inflater = None if window is None else zlib.decompressobj(window)

    @property
    def complete(self) -> bool:
        return self._inflater is not None and self._inflater.eof

    def read(self, data: bytes, most: int) -> bytes:
        if self._inflater is None:
            self._begun += data
            if len(self._begun) < 2:
                return b""
            data, is_zlib = self._begun, int.from_bytes(self._begun[:2]) % 31 == 0  # RFC 1950 section 2.2
            self._inflater = zlib.decompressobj(_ANY_WINDOW if is_zlib else _RAW)
        try:
            return self._inflater.decompress(data, most)
        except zlib.error as error:
            raise HttpError("the body is not compressed as its head says") from error


def _coding(head: Head) -> _Compressed | None:
    names = [name.strip().lower() for name in head[b"content-encoding"].split(b",")]
    match [name for name in names if name not in (b"", b"identity")]:
        case []:
            return None
        case [name] if name in _GZIP:
            return _Compressed(_GZIP_ONLY)
        case [name] if name == _DEFLATE:
            return _Compressed(None)
        case _:
            raise HttpError("the body is in a content coding that was not asked for")
