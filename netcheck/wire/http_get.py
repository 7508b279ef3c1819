"""One HTTP/1.1 GET and its whole answer over h11, which knows RFC 9112's grammar. Does no I/O.

Knows no proxies and no redirects, and not what a status means: that is its user's.
"""

import re

import h11

from netcheck import __version__
from netcheck.model.paths import bracketed
from netcheck.wire.target import Target
from netcheck.wire.transcript import EVIDENCE_LIMIT

MAX_HEAD = 16 * 1024
"""In bytes, of all heads before the body together: an answer without an end must not fill the memory."""
MAX_BODY = 64 * 1024

_MARK = b"HTTP/"
_PATH = re.compile(r"/[!-~]*")  # RFC 9112 section 3.2.1, as far as it guards the request line
_DEFAULT_PORTS = frozenset({80, 443})


class HttpGetError(Exception):
    """The answer is none, or too long; `evidence` is what the peer sent first, at most 64 bytes."""

    def __init__(self, detail: str, evidence: bytes = b"") -> None:
        super().__init__(detail)
        self.detail = detail
        self.evidence = evidence


class HttpGet:
    """Asks for `path` and collects the answer: at most `limit` bytes of body, without the framing.

    `host` is a name, or an address without brackets. `status` is 0 until the answer's head is complete;
    `body` is whole once `done` is true. ValueError for a host, a port or a path that HTTP cannot carry.
    """

    def __init__(self, host: str, port: int, path: str, limit: int = MAX_BODY) -> None:
        self.done = False
        self.status = 0
        self._request = _request(Target(host, port), path)
        self._limit = limit
        self._body = bytearray()
        self._first = b""
        self._head_size = 0
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)

    @property
    def body(self) -> bytes:
        return bytes(self._body)

    def start(self) -> bytes:
        return self._connection.send(self._request) + self._connection.send(h11.EndOfMessage())

    def receive(self, data: bytes) -> None:
        """Take what was read, b"" for the end of the stream. HttpGetError once no good answer can follow."""
        if self.done:
            return
        self._first += data[: EVIDENCE_LIMIT - len(self._first)]
        if not _MARK.startswith(self._first[: len(_MARK)]):
            raise self._error("the peer does not speak HTTP")
        if not data:
            self._feed(data)
        elif rest := data if self.status else self._after_head(data):
            self._feed(rest)

    def _after_head(self, data: bytes) -> bytes:
        """Take no more than a head may have, so that how the stream was cut cannot change what passes."""
        room = MAX_HEAD - self._head_size
        self._head_size += len(data[:room])
        if room:
            self._feed(data[:room])
        if data[room:] and not self.status:
            raise self._error(f"the answer's head exceeds {MAX_HEAD} bytes")
        return data[room:]

    def _feed(self, data: bytes) -> None:
        self._connection.receive_data(data)
        try:
            while not self.done and (event := self._connection.next_event()) is not h11.NEED_DATA:
                self._take(event)
        except h11.RemoteProtocolError as error:
            raise self._error("the answer is not valid HTTP" if data else self._closed()) from error

    def _take(self, event: object) -> None:
        if isinstance(event, h11.Response):
            self.status = event.status_code
        elif isinstance(event, h11.Data):
            self._body += event.data
        if len(self._body) > self._limit:
            raise self._error(f"the answer's body exceeds {self._limit} bytes")
        self.done = isinstance(event, h11.EndOfMessage)

    def _closed(self) -> str:
        when = "before its answer was complete" if self._first else "without an answer"
        return f"the peer closed the connection {when}"

    def _error(self, detail: str) -> HttpGetError:
        return HttpGetError(detail, self._first)


def _request(target: Target, path: str) -> h11.Request:
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is not a path of a URL")
    headers = [
        (b"Host", _host(target)),
        (b"User-Agent", f"netcheck/{__version__}".encode()),
        (b"Connection", b"close"),
    ]
    return h11.Request(method="GET", target=path, headers=headers)


def _host(target: Target) -> bytes:
    """RFC 9110 section 7.2; the ports that HTTP and HTTPS imply are left out, as browsers do."""
    address = target.address
    host = target.name if address is None else bracketed(str(address)).encode()
    return host if target.port in _DEFAULT_PORTS else host + f":{target.port}".encode()
