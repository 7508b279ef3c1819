"""What it means that an HTTP proxy answers a request with anything but success.

The status counts, and a code in a header wins over it: statuses say less, and proxies choose them as they
like. The grammar of these headers is known in `http_headers`. Does no I/O.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netcheck.model.credentials import AuthScheme, Credentials
from netcheck.model.failing import LoginFault, Reason, RefusedLogin
from netcheck.wire.http_head import Head
from netcheck.wire.http_headers import Challenge, challenges, proxy_status_reason, squid_reason
from netcheck.wire.http_login import choices
from netcheck.wire.http_page import MOST_READ, text_of
from netcheck.wire.http_software import software_of
from netcheck.wire.transcript import HandshakeError, Transcript

LOGIN_REQUIRED = 407
_CHALLENGES = {LOGIN_REQUIRED: b"proxy-authenticate", 401: b"www-authenticate"}
"""Statuses that ask for a login, and where they say how. tinyproxy answers a wrong password with 401."""
_TO_A_LOGIN_PAGE = frozenset({301, 302, 303, 307, 308})
"""With a Location: in place of an answer, a proxy leads to where people log in."""
_NETWORK_LOGIN = 511  # RFC 6585 section 6

_UNAVAILABLE = 503
_REASONS = {
    403: Reason.PROXY_DENIED,
    451: Reason.PROXY_DENIED,  # RFC 7725
    429: Reason.PROXY_OVERLOADED,  # RFC 6585 section 4
    _NETWORK_LOGIN: Reason.PROXY_AUTH_REQUIRED,
    502: Reason.PROXY_TARGET_UNREACHABLE,
    # Apache and others say it when they cannot connect. Of overload, which is what RFC 9110 section 15.6.4
    # means by it, Retry-After speaks.
    _UNAVAILABLE: Reason.PROXY_TARGET_UNREACHABLE,
    504: Reason.PROXY_TARGET_TIMEOUT,
}
_CONNECT_UNKNOWN = frozenset({400, 405, 501, 505})
"""How web servers take CONNECT: nginx of Debian 12 as a bad request, later ones as a method not allowed. Of
HTTP/1.1, which tunnels need, some know nothing."""
_ANSWERS_OF_WEB_SERVERS = _CONNECT_UNKNOWN | {404, *range(300, 400)}
"""What web servers and captive portals say to CONNECT too: such an answer alone proves no proxy."""

_TOLD = {
    b"location": "Location",
    b"proxy-status": "Proxy-Status",
    b"x-squid-error": "X-Squid-Error",
    b"retry-after": "Retry-After",
    b"via": "Via",
}
"""The headers that people get to see: whose answer it is, and what it says beyond its status."""


_MOST_SCHEMES = 8
"""So many of the ways to log in are named."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A final answer other than success, and what was said before it."""

    head: Head
    body: bytes
    """As much of it as came along with the head."""
    heard: Transcript
    credentials: Credentials | None
    tried: AuthScheme | None
    """How the request logged in."""

    @property
    def is_of_a_proxy(self) -> bool:
        """Whether only a proxy says it. Web servers say 401 too; where we tried to log in it is a proxy's."""
        head = self.head
        if head.status in _CHALLENGES:
            return self.tried is not None or head.status == LOGIN_REQUIRED
        codes = head[b"proxy-status"] or head[b"x-squid-error"]
        return bool(codes) or head.status not in _ANSWERS_OF_WEB_SERVERS

    @property
    def offered(self) -> tuple[Challenge, ...]:
        """The ways to log in; none where it does not ask for a login."""
        header = _CHALLENGES.get(self.head.status)
        return challenges(self.head[header].decode("latin-1")) if header else ()

    @property
    def error(self) -> HandshakeError:
        """What it says of the request."""
        if self.head.status in _CHALLENGES:
            return self._login_wanted()
        return self._error(self._reason(), [*self._notes()] or [*self._said_to_people()])

    def _login_wanted(self) -> HandshakeError:
        offered = self.offered
        names = tuple(self.heard.text(name.encode("latin-1")) for name in _names(offered))
        rejects = [f"rejects the login by {self.tried}"] if self.tried else []
        notes = [*rejects, f"offers {', '.join(names) or 'no way to log in'}", *self._notes()]
        known = AuthScheme if self.credentials is None else self.credentials.schemes
        if self.is_of_a_proxy and offered and not any(choices(offered, known)):
            login = RefusedLogin(LoginFault.NOT_OFFERED, names)
            return self._error(Reason.PROXY_AUTH_UNSUPPORTED, notes, login)
        if self.credentials is None or not self.is_of_a_proxy:
            return self._error(Reason.PROXY_AUTH_REQUIRED, notes)
        return self._error(Reason.PROXY_AUTH_FAILED, notes, RefusedLogin(LoginFault.REJECTED, names))

    def _reason(self) -> Reason:
        return (
            proxy_status_reason(self.head[b"proxy-status"].decode("latin-1"))
            or squid_reason(self.head[b"x-squid-error"].decode("latin-1"))
            or self._status_reason()
        )

    def _status_reason(self) -> Reason:
        head = self.head
        if head.status in _TO_A_LOGIN_PAGE and head[b"location"]:
            return Reason.PROXY_AUTH_REQUIRED
        if head.status == _UNAVAILABLE and head[b"retry-after"]:
            return Reason.PROXY_OVERLOADED
        if head.status in _CONNECT_UNKNOWN and not self.is_of_a_proxy:
            return Reason.PROXY_NOT_A_PROXY
        return _REASONS.get(head.status, Reason.PROXY_ERROR)

    def _notes(self) -> Iterator[str]:
        for name, written in _TOLD.items():
            if value := self.head[name]:
                yield f"{written} {self.heard.text(value)}"

    def _said_to_people(self) -> Iterator[str]:
        body = self.heard.masked(self.body[:MOST_READ])  # a secret may look as if it had to be decoded
        if said := text_of(self.head, body):
            yield f'"{self.heard.text(said.encode(), cut=True)}"'  # the rest may be still to come

    def _error(
        self, reason: Reason, notes: Sequence[str], login: RefusedLogin | None = None
    ) -> HandshakeError:
        """In words: the status, and in brackets what else it says."""
        status = f"HTTP {self.head.status} {self.heard.text(self.head.phrase)}".rstrip()
        detail = f"{status} ({'; '.join(notes)})" if notes else status
        software = self.heard.text(software_of(self.head, self.body))
        return self.heard.error(reason, detail, login, software)


def _names(offered: Sequence[Challenge]) -> list[str]:
    """Each once: Digest comes once for each hash."""
    return list({each.scheme: each.name for each in reversed(offered)}.values())[::-1][:_MOST_SCHEMES]
