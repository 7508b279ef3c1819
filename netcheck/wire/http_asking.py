"""What is common to all that is asked of an HTTP proxy: one request, and the head of one answer.

Where a login is wanted the same is asked again, with one. Knows when the answer is a success and where its
head ends; what a refusal means is `http_refusal`'s, and how to log in is `http_login`'s.
"""

from netcheck.model.credentials import AuthScheme, Credentials
from netcheck.model.failing import Reason
from netcheck.wire.http_framing import Framing
from netcheck.wire.http_head import Head, HeadReader, HttpError
from netcheck.wire.http_headers import Challenge
from netcheck.wire.http_login import choices
from netcheck.wire.http_refusal import LOGIN_REQUIRED, Refusal
from netcheck.wire.http_request import ACCEPT_ENCODING, authority, checked_path, host_header, request
from netcheck.wire.target import Target
from netcheck.wire.transcript import HandshakeError, Transcript

MOST_OF_A_REFUSAL = 64 * 1024
"""In bytes, of its body: after a longer one another connection is cheaper."""

_MARK = b"HTTP/"
_HTTP_PORT = 80


class LoginWantedError(HandshakeError):
    """The proxy wants a login that the credentials may be good for; who does not log in has failed for that.

    `rest` is the refusal's body, to be read before the connection is used again; None where the answer says
    of it no end but the connection's, or a wrong one. `keeps_connection` where more may be asked after it.
    """

    def __init__(
        self, error: HandshakeError, offered: tuple[Challenge, ...], head: Head, begun: bytes
    ) -> None:
        """`begun`: what came along after the head."""
        super().__init__(error.reason, error.detail, error.evidence, error.login, error.software)
        self.offered = offered
        self.rest = _rest(head, begun)
        is_short = self.rest is not None and self.rest.left <= MOST_OF_A_REFUSAL
        self.keeps_connection = is_short and head.keeps_connection
        self.says_close = head.says_close


class AskedByHttp:
    """The handshake of a request to an HTTP proxy: any 2xx connects, and anything else is a refusal.

    `answer` is the head of the success; what follows it stands in `trailing`.
    """

    def __init__(self, method: str, uri: bytes, host: bytes, credentials: Credentials | None) -> None:
        """ValueError for a user name that HTTP cannot carry."""
        if credentials and AuthScheme.BASIC in credentials.schemes and ":" in credentials.username:
            raise ValueError("HTTP basic authentication has no user names with a colon")
        self.spoke = False
        self.connected = False
        self.trailing = b""
        self.answer: Head | None = None
        self.method, self.uri = method, uri.decode()
        self._host = host
        self._credentials = credentials
        self._over = False
        self._listen_anew(None)

    headers: tuple[bytes, ...] = ()
    """What a request has besides the headers of every request."""

    def start(self) -> bytes:
        """The request without a login."""
        return self._request(None)

    def again(self, scheme: AuthScheme, login: bytes) -> bytes:
        """The request with a login, in place of the first one or after LoginWantedError."""
        self._listen_anew(scheme)
        return self._request(login)

    def receive(self, data: bytes) -> bytes:
        if self._over:
            return b""
        try:
            self._take(data)
        except HandshakeError:
            self._over = True
            raise
        return b""

    def _request(self, login: bytes | None) -> bytes:
        said = (b"Proxy-Authorization: " + login,) if login else ()
        return request(self.method.encode() + b" " + self.uri.encode(), self._host, *self.headers, *said)

    def _listen_anew(self, tried: AuthScheme | None) -> None:
        self._tried = tried
        self._heard = Transcript(self._credentials)
        self._reader = HeadReader()
        self._over = False

    def so_far(self) -> HandshakeError | None:
        """Why there is no tunnel, where the answer's beginning has said so; for when no more of it comes."""
        if self._over:  # it was heard to its end, and a login may follow
            return None
        known = self._reader.so_far()
        return self._told(self._refusal(known)) if known and known.status >= 300 else None

    def _take(self, data: bytes) -> None:
        if not data:
            raise self.so_far() or self._heard.closed()
        self._heard.add(data)
        if not self._heard.begins_as(_MARK, after=b"\r\n"):
            raise self._heard.foreign("HTTP")
        try:
            head = self._reader.feed(data)
        except HttpError as error:  # a refusal says what it says, however long or odd its head is
            raise self.so_far() or self._heard.error(Reason.PROXY_BAD_REPLY, str(error)) from error
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
        refusal, credentials = self._refusal(head), self._credentials
        error, offered = self._told(refusal), refusal.offered
        if head.status == LOGIN_REQUIRED and credentials and any(choices(offered, credentials.schemes)):
            return LoginWantedError(error, offered, head, self._reader.rest)
        return error

    def _refusal(self, head: Head) -> Refusal:
        return Refusal(head, self._reader.rest, self._heard, self._credentials, self._tried)

    def _told(self, refusal: Refusal) -> HandshakeError:
        self.spoke = refusal.is_of_a_proxy
        return refusal.error


class HttpConnect(AskedByHttp):
    """Asks for a tunnel (RFC 9110 section 9.3.6). ValueError for a target that HTTP cannot carry."""

    headers = (b"Proxy-Connection: Keep-Alive",)  # as curl and Apple's systems say it; some proxies want it

    def __init__(self, target: Target, credentials: Credentials | None) -> None:
        asked = authority(target)
        super().__init__("CONNECT", asked, asked, credentials)


class HttpForward(AskedByHttp):
    """Asks for `http://TARGET/PATH` (RFC 9112 section 3.2.2): proxies deny CONNECT to port 80.

    What follows the head is the body, which `Body` reads. ValueError for what HTTP cannot carry.
    """

    headers = (ACCEPT_ENCODING,)

    def __init__(self, target: Target, path: str, credentials: Credentials | None) -> None:
        host = host_header(target) if target.port == _HTTP_PORT else authority(target)
        super().__init__("GET", b"http://" + host + checked_path(path), host, credentials)


def _rest(head: Head, begun: bytes) -> Framing | None:
    """What two lengths say is no end to rely on."""
    lengths = {value for name, value in head.headers if name == b"content-length"}
    if len(lengths) > 1 and not head[b"transfer-encoding"]:
        return None
    try:
        rest = Framing(head)
        if begun:
            rest.take(begun)
    except HttpError:
        return None
    return None if rest.is_open else rest
