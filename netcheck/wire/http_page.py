"""What an answer's page says to people, in one line. Does no I/O, and knows no status."""

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from html import unescape

from netcheck.wire.http_head import Head

MOST_READ = 4096
"""Bytes of a page: what it says comes first."""
_CODED = (b"content-encoding", b"transfer-encoding")
_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.I)
_LEFT_OUT = re.compile(r"<!--.*?(?:-->|$)|<(script|style|head)\b.*?(?:</\1[^<>]*>?|$)", re.I | re.S)
_TAG = re.compile(r"<[^<>]*(?:>|$)")


def text_of(head: Head, body: bytes) -> str:
    """Its title, or its first line of text, where that says more than the status; empty where nothing does.

    A line that begins as the title does and goes on says more: `Network Error (dns_unresolved_hostname)`.

    `body` is as much of it as came along. No secret is masked here, and nothing made printable.
    """
    if any(head[name] for name in _CODED) or not _is_text(head[b"content-type"]):
        return ""
    page = _decoded(body[:MOST_READ])
    status = f"{head.status} {head.phrase.decode('latin-1')}".lower()
    lines = [line for line in _lines(page) if line.lower() not in status]
    if not lines:
        return ""
    longer = (line for line in lines if line.lower().startswith(f"{lines[0]} ".lower()))
    return next(longer, lines[0])


def _is_text(content_type: bytes) -> bool:
    """Where it is not said, it may be."""
    return not content_type or content_type.lower().startswith(b"text/")


def _decoded(page: bytes) -> str:
    """UTF-8, of which the last character may be cut; else Latin-1, in which anything is something."""
    try:
        return getincrementaldecoder("utf-8")().decode(page)
    except UnicodeDecodeError:
        return page.decode("latin-1")


def _lines(page: str) -> Iterator[str]:
    texts = [*_TITLE.findall(page)[:1], *_TAG.sub("\n", _LEFT_OUT.sub("\n", page)).splitlines()]
    lines = (" ".join(unescape(text).split()) for text in texts)
    return (line for line in lines if any(map(str.isalnum, line)))
