"""One HTTP/1.1 GET and its whole answer. Does no I/O.

Knows no proxies, follows no redirects, and not what a status means: that is its user's.
"""

from netcheck.model.failing import EVIDENCE_LIMIT, PhaseError, Reason
from netcheck.wire.http_body import Body
from netcheck.wire.http_head import HeadReader, HttpError
from netcheck.wire.http_request import ACCEPT_ENCODING, checked_path, host_header, request
from netcheck.wire.target import Target

_MARK = b"HTTP/"


class HttpGet:
    """Asks for `path` and collects the answer: at most `limit` bytes of body, without framing and coding.

    `host` is a name, or an address without brackets. `status` is 0, and `location` empty, until the answer's
    head is complete; `body` is whole once `done` is true. ValueError for a host, a port or a path that HTTP
    cannot carry.
    """

    def __init__(self, host: str, port: int, path: str, limit: int) -> None:
        self.status = 0
        self.location = ""
        asked, at = b"GET " + checked_path(path), host_header(Target(host, port))
        self._request = request(asked, at, ACCEPT_ENCODING, b"Connection: close")
        self._limit = limit
        self._first = b""
        self._reader = HeadReader()
        self._body: Body | None = None

    @property
    def done(self) -> bool:
        return self._body is not None and self._body.done

    @property
    def body(self) -> bytes:
        return bytes(self._body or b"")

    def start(self) -> bytes:
        return self._request

    def receive(self, data: bytes) -> None:
        """Take what was read, b"" for the end of the stream. PhaseError once no good answer can follow."""
        self._first += data[: EVIDENCE_LIMIT - len(self._first)]
        try:
            self._take(data)
        except HttpError as error:
            raise PhaseError(why_no_answer(data), str(error), self._first) from error

    def _take(self, data: bytes) -> None:
        if not _MARK.startswith(self._first[: len(_MARK)]):
            raise HttpError("the peer does not speak HTTP")
        if self._body is not None:
            self._body.receive(data)
        elif not data:
            raise HttpError(f"the peer closed the connection {self._when()}")
        elif head := self._reader.feed(data):
            if head.status < 200:
                raise HttpError("the answer is not valid HTTP: it answers nothing that was asked")
            self.status = head.status
            self.location = head[b"location"].decode("latin-1")
            self._body = Body(head, self._limit)
            if self._reader.rest:
                self._body.receive(self._reader.rest)

    def _when(self) -> str:
        return "before its answer was complete" if self._first else "without an answer"


def why_no_answer(last_read: bytes) -> Reason:
    """Of an answer that makes no sense after this was read: an end that came too early is another matter."""
    return Reason.BAD_ANSWER if last_read else Reason.CLOSED
