"""Where the body of an HTTP answer ends, told as tolerantly as clients do. Does no I/O.

curl and Apple's own stack take chunks whose lines end by a line feed alone, and of two lengths the last one;
proxies send such answers. What is in a body is not known here.
"""

import re
from collections.abc import Callable, Iterator

from netcheck.wire.http_head import MAX_HEAD, MAX_LINE, Head, HttpError

_LENGTH = re.compile(rb"\+?0*([0-9]+)")
"""As strtoll() reads it, so in curl: `+5` is one, and so is the first of `5, 5`."""
_DIGITS = 18
"""Of more it makes no number, and reads until the connection ends."""
_CHUNK = re.compile(rb"[0-9A-Fa-f]{1,16}")
_CHUNKED, _NO_CODING = b"chunked", (b"", b"identity")
_WITHOUT_BODY = frozenset({204, 304})  # RFC 9112 section 6.3


class Framing:
    """Takes what follows a head, and hands on what of it is body; `done` at its end.

    `is_open` where only the connection's end is that of the body. `left` is how many bytes of it are still to
    come, as far as it says so.
    """

    def __init__(self, head: Head) -> None:
        """HttpError for a length that is none, and for an unknown transfer coding."""
        is_chunked = _is_chunked(head)
        length = 0 if head.status in _WITHOUT_BODY else None if is_chunked else _length(head)
        self.left = length or 0
        self.done = length == 0
        self.is_open = not is_chunked and length is None
        self._lines: Callable[[bytes], None] | None = self._take_size if is_chunked else None
        """What the next line of it is for, where there are lines."""
        self._unread = bytearray()
        self._trailers = 0

    def take(self, data: bytes) -> bytes:
        """What of it is body; b"" is the end of the stream. HttpError where no good end can follow."""
        if self.done:
            return b""
        if not data:
            self._close()
            return b""
        if self.is_open:
            return data
        self._unread += data
        return b"".join(self._pieces())

    def _close(self) -> None:
        if not self.is_open:
            raise HttpError("the peer closed the connection before its answer was complete")
        self.done = True

    def _pieces(self) -> Iterator[bytes]:
        while not self.done:
            if self.left:
                piece = bytes(self._unread[: self.left])
                if not piece:
                    return
                del self._unread[: self.left]
                self.left -= len(piece)
                self.done = not self.left and self._lines is None
                yield piece
            else:
                line = self._next_line()
                if line is None:
                    return
                assert self._lines is not None  # noqa: S101 - for the types: a length has come to its end
                self._lines(line)

    def _next_line(self) -> bytes | None:
        end = self._unread.find(b"\n")
        if max(end, len(self._unread) if end < 0 else 0) >= MAX_LINE:
            raise HttpError(f"the answer is not valid HTTP: a line of a chunk exceeds {MAX_LINE} bytes")
        if end < 0:
            return None
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        return line.rstrip(b"\r")

    def _take_size(self, line: bytes) -> None:
        """Of a chunk (RFC 9112 section 7.1), whatever stands after it."""
        size = _CHUNK.match(line)
        if size is None:
            raise HttpError("the answer is not valid HTTP: a chunk has no size")
        self.left = int(size[0], 16)
        self._lines = self._take_end if self.left else self._take_trailer

    def _take_end(self, line: bytes) -> None:
        if line:
            raise HttpError("the answer is not valid HTTP: a chunk has another size than it says")
        self._lines = self._take_size

    def _take_trailer(self, line: bytes) -> None:
        self._trailers += len(line) + 1
        if self._trailers > MAX_HEAD:
            raise HttpError(f"the answer is not valid HTTP: its trailers exceed {MAX_HEAD} bytes")
        self.done = not line


def _is_chunked(head: Head) -> bool:
    codings = {coding.strip().lower() for coding in head[b"transfer-encoding"].split(b",")}
    if codings - {_CHUNKED, *_NO_CODING}:
        raise HttpError("the answer is not valid HTTP: its transfer coding was not asked for")
    return _CHUNKED in codings


def _length(head: Head) -> int | None:
    """Of several the last one; None without any that is of use."""
    said = [value for name, value in head.headers if name == b"content-length"]
    if not said:
        return None
    length = _LENGTH.match(said[-1])
    if length is None:
        raise HttpError("the answer is not valid HTTP: its length is no number")
    return int(length[1]) if len(length[1]) <= _DIGITS else None
