"""What is common to all that is asked of an HTTP proxy: one request, and the head of one answer.

Knows when the answer is a success and where its head ends; what a refusal means is `http_refusal`'s.
"""

from base64 import b64encode

from netcheck import __version__
from netcheck.model.failing import Reason
from netcheck.model.paths import Credentials, endpoint_text
from netcheck.wire.http_head import Head, HeadError, HeadReader
from netcheck.wire.http_refusal import refusal
from netcheck.wire.target import Target
from netcheck.wire.transcript import HandshakeError, Transcript

_MARK = b"HTTP/"


class AskedByHttp:
    """The handshake of a request to an HTTP proxy: any 2xx connects, and anything else is a refusal.

    `answer` is the head of the success; what follows it stands in `trailing`.
    """

    def __init__(self, request: bytes, credentials: Credentials | None) -> None:
        self.spoke = False
        self.connected = False
        self.trailing = b""
        self.answer: Head | None = None
        self._request = request
        self._has_credentials = credentials is not None
        self._heard = Transcript(credentials)
        self._reader = HeadReader()
        self._over = False

    def start(self) -> bytes:
        return self._request

    def receive(self, data: bytes) -> bytes:
        if self._over:
            return b""
        try:
            self._take(data)
        except HandshakeError:
            self._over = True
            raise
        return b""

    def so_far(self) -> HandshakeError | None:
        """Why there is no tunnel, where the answer's beginning has said so; for when no more of it comes."""
        known = self._reader.so_far()
        return self._refused(known) if known and known.status >= 300 else None

    def _take(self, data: bytes) -> None:
        if not data:
            raise self.so_far() or self._heard.closed()
        self._heard.add(data)
        if not self._heard.begins_as(_MARK, after=b"\r\n"):
            raise self._heard.foreign("HTTP")
        try:
            head = self._reader.feed(data)
        except HeadError as error:  # a refusal says what it says, however long or odd its head is
            raise self.so_far() or self._heard.error(Reason.PROXY_BAD_REPLY, error.detail) from error
        if head is not None:
            self._judge(head)

    def _judge(self, head: Head) -> None:
        if head.status < 200:
            raise self._heard.error(
                Reason.PROXY_BAD_REPLY, f"HTTP {head.status}, which answers nothing asked"
            )
        if head.status >= 300:
            raise self._refused(head)
        self.answer, self.trailing = head, self._reader.rest
        self.spoke = self.connected = self._over = True

    def _refused(self, head: Head) -> HandshakeError:
        said = refusal(head, self._heard, has_credentials=self._has_credentials)
        self.spoke = said.spoke
        return self._heard.error(said.reason, said.detail, said.software)


def request(line: bytes, host: bytes, credentials: Credentials | None, *headers: bytes) -> bytes:
    """A request without a body; `line` lacks only the version.

    The login goes at once: to wait for being asked would cost a round trip. ValueError for a user name that
    it cannot carry.
    """
    login = (b"Proxy-Authorization: Basic " + _basic(credentials),) if credentials else ()
    agent = f"User-Agent: netcheck/{__version__}".encode()
    return b"\r\n".join((line + b" HTTP/1.1", b"Host: " + host, agent, *headers, *login, b"", b""))


def authority(target: Target) -> bytes:
    """`host:port`, an IPv6 address in brackets (RFC 3986 section 3.2.2). ValueError for no host name."""
    address = target.address
    if address is None:
        return target.name + f":{target.port}".encode()
    return endpoint_text(str(address), target.port).encode()


def _basic(credentials: Credentials) -> bytes:
    """RFC 7617 section 2."""
    if ":" in credentials.username:
        raise ValueError("HTTP basic authentication has no user names with a colon")
    return b64encode(f"{credentials.username}:{credentials.password.reveal()}".encode())
