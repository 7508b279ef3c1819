"""HTTP CONNECT as a client (RFC 9110 section 9.3.6) over h11, which knows RFC 9112's grammar.

Knows what statuses mean to us; what headers say beyond them stands in `http_headers`. Does no I/O.
"""

from base64 import b64encode
from collections.abc import Sequence

import h11

from netcheck import __version__
from netcheck.model.failing import Reason
from netcheck.model.paths import Credentials, endpoint_text
from netcheck.wire.http_headers import proxy_status_reason, schemes, squid_reason
from netcheck.wire.target import Target
from netcheck.wire.transcript import HandshakeError, Transcript

MAX_HEAD = 16 * 1024
"""In bytes, of all heads before the tunnel together: an answer without an end must not fill the memory."""

_MARK = b"HTTP/"
_LOGIN_REQUIRED = 407
_CHALLENGES = {_LOGIN_REQUIRED: b"proxy-authenticate", 401: b"www-authenticate"}
"""Statuses that ask for a login, and where they say how. tinyproxy answers a wrong password with 401."""

_REASONS = {
    403: Reason.PROXY_DENIED,
    429: Reason.PROXY_OVERLOADED,
    502: Reason.PROXY_TARGET_UNREACHABLE,
    503: Reason.PROXY_OVERLOADED,
    504: Reason.PROXY_TARGET_TIMEOUT,
}
_CONNECT_UNKNOWN = frozenset({400, 405, 501})
"""How web servers take CONNECT: nginx of Debian 12 as a bad request, later ones as a method not allowed."""
_ANSWERS_OF_WEB_SERVERS = _CONNECT_UNKNOWN | {404, *range(300, 400)}
"""What web servers and captive portals say to CONNECT too: such an answer alone proves no proxy."""


class HttpConnect:
    """Asks an HTTP proxy for a tunnel. ValueError for a target or a user name that HTTP cannot carry."""

    def __init__(self, target: Target, credentials: Credentials | None) -> None:
        self.spoke = False
        self.connected = False
        self.trailing = b""
        token = _basic(credentials) if credentials else b""
        self._has_credentials = credentials is not None
        self._heard = Transcript(credentials, token)
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._request = _request(target, token)
        self._size = 0

    def start(self) -> bytes:
        return self._connection.send(self._request) + self._connection.send(h11.EndOfMessage())

    def receive(self, data: bytes) -> bytes:
        if not data:
            raise self._heard.closed()
        self._heard.add(data)
        if not self._heard.begins_as(_MARK):
            raise self._heard.foreign("HTTP")
        response = self._parse(data)
        if response is not None:
            self._judge(response)
        return b""

    def _parse(self, data: bytes) -> h11.Response | None:
        """The final response, None until its head is complete; skips interim ones (RFC 9110 section 15.2)."""
        self._size += len(data)
        self._connection.receive_data(data)
        try:
            event = self._connection.next_event()
            while isinstance(event, h11.InformationalResponse):
                event = self._connection.next_event()
        except h11.RemoteProtocolError as error:
            raise self._heard.error(Reason.PROXY_BAD_REPLY, "the answer is not valid HTTP") from error
        response = event if isinstance(event, h11.Response) else None
        after_head = len(self._connection.trailing_data[0]) if response else 0
        # h11's own limit lets a longer head pass if it comes in one piece.
        if self._size - after_head > MAX_HEAD:
            raise self._heard.error(Reason.PROXY_BAD_REPLY, f"the answer's head exceeds {MAX_HEAD} bytes")
        return response

    def _judge(self, response: h11.Response) -> None:
        if 200 <= response.status_code < 300:
            self.spoke = self.connected = True
            self.trailing = self._connection.trailing_data[0]
        elif response.status_code in _CHALLENGES:
            raise self._login_wanted(response)
        else:
            raise self._refused(response)

    def _login_wanted(self, response: h11.Response) -> HandshakeError:
        # A web server says 401 too; to us only where we tried to log in can it be a proxy's.
        self.spoke = self._has_credentials or response.status_code == _LOGIN_REQUIRED
        offered = schemes(_header(response, _CHALLENGES[response.status_code]).decode("latin-1"))
        ways = self._heard.text(", ".join(offered).encode()) or "no way to log in"
        return self._heard.error(self._login_reason(offered), self._in_words(response, f"offers {ways}"))

    def _login_reason(self, offered: Sequence[str]) -> Reason:
        if not self._has_credentials:
            return Reason.PROXY_AUTH_REQUIRED
        if offered and "basic" not in map(str.lower, offered):
            return Reason.PROXY_AUTH_UNSUPPORTED
        return Reason.PROXY_AUTH_FAILED

    def _refused(self, response: h11.Response) -> HandshakeError:
        """A code in a header wins over the status, which says less and which proxies choose as they like."""
        proxy_status, squid_error = _header(response, b"proxy-status"), _header(response, b"x-squid-error")
        self.spoke = bool(proxy_status or squid_error) or response.status_code not in _ANSWERS_OF_WEB_SERVERS
        reason = (
            proxy_status_reason(proxy_status.decode("latin-1"))
            or squid_reason(squid_error.decode("latin-1"))
            or self._status_reason(response.status_code)
        )
        told = {"Proxy-Status": proxy_status, "X-Squid-Error": squid_error}
        notes = [f"{name} {self._heard.text(value)}" for name, value in told.items() if value]
        return self._heard.error(reason, self._in_words(response, *notes))

    def _status_reason(self, status: int) -> Reason:
        if status in _CONNECT_UNKNOWN and not self.spoke:
            return Reason.PROXY_NOT_A_PROXY
        return _REASONS.get(status, Reason.PROXY_ERROR)

    def _in_words(self, response: h11.Response, *notes: str) -> str:
        phrase = self._heard.text(response.reason)
        status = f"HTTP {response.status_code} {phrase}".rstrip()
        return f"{status} ({'; '.join(notes)})" if notes else status


def _request(target: Target, token: bytes) -> h11.Request:
    """RFC 9110 section 9.3.6. The login goes at once: waiting to be asked would cost a round trip."""
    authority = _authority(target)
    headers = [(b"Host", authority), (b"User-Agent", f"netcheck/{__version__}".encode())]
    if token:
        headers.append((b"Proxy-Authorization", b"Basic " + token))
    return h11.Request(method="CONNECT", target=authority, headers=headers)


def _authority(target: Target) -> bytes:
    """`host:port`, an IPv6 address in brackets (RFC 3986 section 3.2.2)."""
    address = target.address
    if address is None:
        return target.name + f":{target.port}".encode()
    return endpoint_text(str(address), target.port).encode()


def _basic(credentials: Credentials) -> bytes:
    """RFC 7617 section 2."""
    if ":" in credentials.username:
        raise ValueError("HTTP basic authentication has no user names with a colon")
    return b64encode(f"{credentials.username}:{credentials.password.reveal()}".encode())


def _header(response: h11.Response, name: bytes) -> bytes:
    """All lines of a header as one (RFC 9110 section 5.3), b"" if there is none."""
    return b", ".join(value for field, value in response.headers if field == name)
