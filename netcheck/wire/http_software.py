"""What a program is that answers in HTTP: by its name in the answer, or by a page of its own. Does no I/O."""

from netcheck.wire.http_head import Head, HeadReader, HttpError
from netcheck.wire.transcript import Transcript

_OF_HAPROXY = (
    b"\nYour browser sent an invalid request.\n",
    b"\nRequest forbidden by administrative rules.\n",
    b"\nA request was made of a resource using a request method not supported by that resource\n",
    b"\nThe server returned an invalid or incomplete response.\n",
    b"\nNo server is available to handle this request.\n",
    b"\nThe server didn't respond in time.\n",
)
"""It names itself nowhere, but its pages have not changed in years: `http_err_msgs` in its src/http.c."""


def software_of(head: Head, body: bytes) -> bytes:
    """As it says (RFC 9110 section 10.2.4), Privoxy in the status line. What `Via` names may be behind it.

    `body` is as much of it as came along. Empty where nothing tells.
    """
    if said := head[b"server"] or head[b"proxy-agent"]:
        return said
    if head[b"x-squid-error"]:
        return b"squid"
    if head.phrase.endswith(b" by Privoxy"):
        return b"Privoxy"
    return b"HAProxy" if any(page in body for page in _OF_HAPROXY) else b""


def software_in(answer: bytes) -> str:
    """The same of an answer that may be none, or not whole; in one short printable line."""
    reader = HeadReader()
    try:
        head = reader.feed(answer) or reader.so_far()
    except HttpError:
        return ""
    return Transcript(None).text(software_of(head, reader.rest)) if head else ""
