"""Reads the head of an HTTP/1 answer as tolerantly as clients do: its status line counts, not its grammar.

curl and Apple's own stack take heads that RFC 9112 forbids, with bare line feeds, folded lines or a space
before the colon, and proxies send such heads. What a status or a header means is not known here. Does no I/O.
"""

import re
from dataclasses import dataclass

MAX_LINE = 16 * 1024
"""In bytes, of one line with its end. As in curl (DYN_PROXY_CONNECT_HEADERS)."""
MAX_HEAD = 300 * 1024
"""In bytes, of all heads of an answer together: one without an end must not fill the memory. As in curl
(MAX_HTTP_RESP_HEADER_SIZE)."""
MOST_LINES = 5000
"""Of all of them, as each takes more room than its bytes. As curl's MAX_HTTP_RESP_HEADER_COUNT."""

_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]+)[ \t]+0*([0-9]{3})(?![0-9])[ \t]*([^\r\n]*)")
_SWITCHING_PROTOCOLS = 101


class HttpError(Exception):
    """An answer's head or body cannot be read, or has no end; the message says why."""


@dataclass(frozen=True, slots=True)
class Head:
    """A status from 100 to 999, its phrase, and the headers in order, their names in lower case."""

    status: int
    phrase: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    is_1_0: bool = False
    """Whether it is of HTTP/1.0, where a connection ends with its answer unless that says otherwise."""

    @property
    def keeps_connection(self) -> bool:
        """Whether more may be asked on it: RFC 9112 section 9.3, and what some proxies still say instead."""
        return not self.says_close and (not self.is_1_0 or b"keep-alive" in self._options)

    @property
    def says_close(self) -> bool:
        """Whether the connection ends with this answer in so many words."""
        return b"close" in self._options

    @property
    def _options(self) -> set[bytes]:
        said = b",".join((self[b"connection"], self[b"proxy-connection"])).lower()
        return {option.strip() for option in said.split(b",")}

    def __getitem__(self, name: bytes) -> bytes:
        """All lines of a header as one (RFC 9110 section 5.3), b"" if there is none."""
        return b", ".join(value for known, value in self.headers if known == name)


class HeadReader:
    """Takes bytes until the final head is complete; interim ones (RFC 9110 section 15.2) are skipped."""

    def __init__(self) -> None:
        self.rest = b""
        """What came after the head, once it is complete."""
        self._unread = bytearray()
        self._size = self._lines = 0
        self._blank_lines = 0
        self._status_line: re.Match[bytes] | None = None
        self._headers: list[tuple[bytes, bytearray]] = []

    def feed(self, data: bytes) -> Head | None:
        """The head once it is complete, until then None; HttpError where no head can come of it."""
        self._unread += data
        while (line := self._next_line()) is not None:
            if head := self._take(line):
                self.rest = bytes(self._unread)
                return head
        return None

    def so_far(self) -> Head | None:
        """The final head as far as it came; None as long as its status is not known."""
        line = self._status_line or _STATUS_LINE.match(self._unread)
        return _head(line, self._headers) if line else None

    def _next_line(self) -> bytes | None:
        end = self._unread.find(b"\n")
        size = end + 1 if end >= 0 else len(self._unread)
        if size > MAX_LINE:
            raise HttpError(f"a line of the answer's head exceeds {MAX_LINE} bytes")
        if self._size + size > MAX_HEAD:
            raise HttpError(f"the answer's head exceeds {MAX_HEAD} bytes")
        if end < 0:
            return None
        if self._lines >= MOST_LINES:
            raise HttpError(f"the answer's head exceeds {MOST_LINES} lines")
        self._lines += 1
        line = bytes(self._unread[:size])
        del self._unread[:size]
        self._size += size
        return line.rstrip(b"\r\n")

    def _take(self, line: bytes) -> Head | None:
        """The final head, if this line ends it."""
        if self._status_line is None:
            self._begin(line)
        elif line:
            self._take_header(line)
        elif 100 <= int(self._status_line[2]) < 200 and int(self._status_line[2]) != _SWITCHING_PROTOCOLS:
            self._status_line, self._headers = None, []
        else:
            return _head(self._status_line, self._headers)
        return None

    def _begin(self, line: bytes) -> None:
        if not line:
            self._blank_lines += 1
            return
        match = _STATUS_LINE.fullmatch(line)
        if match is None or int(match[2]) < 100:
            raise self._no_head("it has no status")
        if self._blank_lines:  # curl takes no such answer either
            raise self._no_head("a blank line stands before its status")
        self._status_line = match

    def _no_head(self, why: str) -> HttpError:
        """What follows is no beginning of a head, however much of it came along."""
        self._unread.clear()
        return HttpError(f"the answer is not valid HTTP: {why}")

    def _take_header(self, line: bytes) -> None:
        if b"\0" in line:
            raise HttpError("the answer is not valid HTTP: a header has a NUL")
        if line[:1] in (b" ", b"\t") and self._headers:  # folded, RFC 9112 section 5.2
            self._headers[-1][1].extend(b" " + line.strip())
            return
        name, colon, value = line.partition(b":")
        if not colon:
            raise HttpError("the answer is not valid HTTP: a header has no colon")
        self._headers.append((name.strip().lower(), bytearray(value.strip())))


def _head(line: re.Match[bytes], headers: list[tuple[bytes, bytearray]]) -> Head:
    named = tuple((name, bytes(value)) for name, value in headers)
    return Head(int(line[2]), line[3].rstrip(), named, is_1_0=int(line[1]) == 0)
