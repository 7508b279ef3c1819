"""What it means that an HTTP proxy answers a request with anything but success.

The status counts, and a code in a header wins over it: statuses say less, and proxies choose them as they
like. The grammar of these headers is known in `http_headers`. Does no I/O.
"""

from collections.abc import Iterator, Sequence

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
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
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


def refusal(
    head: Head, body: bytes, heard: Transcript, credentials: Credentials | None, tried: AuthScheme | None
) -> HandshakeError:
    """What a final answer other than success says of a request; `tried` is how it logged in.

    `body` is as much of it as came along with the head.
    """
    challenge = _CHALLENGES.get(head.status)
    if challenge is not None:
        error = _login_wanted(head, offered_in(head, challenge), heard, credentials, tried)
    else:
        notes = [*_notes(head, heard)] or [*_said_to_people(head, body, heard)]
        reason = _reason(head, is_of_a_proxy(head, tried))
        error = heard.error(reason, _in_words(head, heard, *notes))
    error.software = heard.text(software_of(head, body))
    return error


def is_of_a_proxy(head: Head, tried: AuthScheme | None) -> bool:
    """Whether only a proxy says it. A web server says 401 too; where we tried to log in it is a proxy's."""
    if head.status in _CHALLENGES:
        return tried is not None or head.status == LOGIN_REQUIRED
    codes = head[b"proxy-status"] or head[b"x-squid-error"]
    return bool(codes) or head.status not in _ANSWERS_OF_WEB_SERVERS


def offered_in(head: Head, header: bytes = _CHALLENGES[LOGIN_REQUIRED]) -> tuple[Challenge, ...]:
    """The ways to log in that an answer offers."""
    return challenges(head[header].decode("latin-1"))


def _login_wanted(
    head: Head,
    offered: Sequence[Challenge],
    heard: Transcript,
    credentials: Credentials | None,
    tried: AuthScheme | None,
) -> HandshakeError:
    spoke = is_of_a_proxy(head, tried)
    names = tuple(heard.text(name.encode("latin-1")) for name in _names(offered))
    rejects = (f"rejects the login by {tried}",) if tried else ()
    ways = f"offers {', '.join(names) or 'no way to log in'}"
    detail = _in_words(head, heard, *rejects, ways, *_notes(head, heard))
    known = AuthScheme if credentials is None else credentials.schemes
    if spoke and offered and not any(choices(offered, known)):
        return heard.error(Reason.PROXY_AUTH_UNSUPPORTED, detail, RefusedLogin(LoginFault.NOT_OFFERED, names))
    if credentials is None or not spoke:
        return heard.error(Reason.PROXY_AUTH_REQUIRED, detail)
    return heard.error(Reason.PROXY_AUTH_FAILED, detail, RefusedLogin(LoginFault.REJECTED, names))


def _names(offered: Sequence[Challenge]) -> list[str]:
    """Each once: Digest comes once for each hash."""
    return list({each.scheme: each.name for each in reversed(offered)}.values())[::-1][:_MOST_SCHEMES]


def _reason(head: Head, spoke: bool) -> Reason:
    return (
        proxy_status_reason(head[b"proxy-status"].decode("latin-1"))
        or squid_reason(head[b"x-squid-error"].decode("latin-1"))
        or _status_reason(head, spoke)
    )


def _status_reason(head: Head, spoke: bool) -> Reason:
    if head.status in _REDIRECTS and head[b"location"]:  # to where people log in
        return Reason.PROXY_AUTH_REQUIRED
    if head.status == _UNAVAILABLE and head[b"retry-after"]:
        return Reason.PROXY_OVERLOADED
    if head.status in _CONNECT_UNKNOWN and not spoke:
        return Reason.PROXY_NOT_A_PROXY
    return _REASONS.get(head.status, Reason.PROXY_ERROR)


def _notes(head: Head, heard: Transcript) -> Iterator[str]:
    for name, written in _TOLD.items():
        if value := head[name]:
            yield f"{written} {heard.text(value)}"


def _said_to_people(head: Head, body: bytes, heard: Transcript) -> Iterator[str]:
    if said := text_of(head, heard.masked(body[:MOST_READ])):  # a secret may look as if it had to be decoded
        yield f'"{heard.text(said.encode(), cut=True)}"'  # the rest may be still to come


def _in_words(head: Head, heard: Transcript, *notes: str) -> str:
    status = f"HTTP {head.status} {heard.text(head.phrase)}".rstrip()
    return f"{status} ({'; '.join(notes)})" if notes else status
