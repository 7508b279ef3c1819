"""From the bytes of a PAC file to the text of its script, or why it is none."""

import codecs

LARGEST = 1024 * 1024
"""Bytes of a PAC file; Chromium and Windows stop there too."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class ScriptError(Exception):
    """There is no script in it; `str()` says what there is."""


def script_in(data: bytes) -> str:
    """UTF-8 with or without a mark, UTF-16 with one, else Latin-1: a comment may be in anything."""
    text = _decoded(data)
    begins = text.lstrip()[:4]
    if not begins:
        raise ScriptError("it is empty")
    is_comment = begins == "<!--" and "FindProxyForURL" in text  # ECMA-262 B.1.1: so old scripts hid in pages
    if begins.startswith("<") and not is_comment:
        raise ScriptError("it is HTML and not JavaScript: a login page, or a page about an error")
    if "\0" in text:
        raise ScriptError("it holds a NUL, as UTF-16 without a byte order mark does: save it as UTF-8")
    return text


def _decoded(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
