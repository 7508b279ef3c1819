"""Takes our secrets out of what a peer said: some send back what they got, and in another dress.

Knows the ways to write a secret (base64, hex, percent, entities, other case, broken over lines), and no
protocol. What is masked says nothing of its length.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from netcheck.model.paths import Credentials

MASK = "***"
_SHORT = 4
"""Secrets of fewer characters stand in ordinary words too: to mask them there would spell them out."""
_SHORTEST_CUT = 3
"""At the end of what came, so many characters of a secret's beginning are taken for it."""

_SHORTEST_LETTERS = 8
"""So many letters and digits are known for a secret's, whatever stands between them."""
_MOST_ESCAPES = 3
"""How often something may be escaped, and what came of it again."""

_ESCAPED = re.compile(
    r"%([0-9a-f]{2})|\\x([0-9a-f]{2})|\\u00([0-9a-f]{2})|&#x0*([0-9a-f]{1,2});|&#0*([0-9]{1,3});|&(\w+);",
    re.I,
)
_HEX_DIGIT = re.compile(r"(?:0x)?([0-9a-f])", re.I)
_PADDING = re.compile(r"(?:=|%3d)*", re.I)  # base64's, which tells of the length
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_WORDS = (re.compile(r"[^\W_]+"), re.compile(r"[^\s\0-\x1f:;,=\"'<>()\[\]{}/\\&?@]+"), re.compile(r"\S+"))
"""What may be taken for a word: letters and digits, what stands between delimiters, or between spaces."""
_LOOKS_SECRET = re.compile(
    r"(?<=//)[^/\s@]+(?=@)"  # user information in a URL, RFC 3986 section 3.2.1
    r"|(?<=\bbasic )[a-z0-9+/_=.-]+|(?<=\bbearer )[a-z0-9+/_=.~-]+"  # RFC 7617, RFC 6750
    r"|(?<=\bntlm )[a-z0-9+/=]+|(?<=\bnegotiate )[a-z0-9+/=]+"  # [MS-NTHT], RFC 4559
    r"|(?-i:TlRMTVNTUA)[a-z0-9+/=]*"  # NTLMSSP in base64
    r"|(?-i:YI[A-Z]|oYI|oYG|oRQ)[a-z0-9+/]{16,}=*"  # SPNEGO in base64: RFC 4178 section 4.2
    r"|(?<=\bresponse=)\"?[0-9a-f]+|(?<=nonce=)\"?[^\",\s]+"  # RFC 7616 section 3.4
    r"|(?<=\bpassword=)[^\s&;\"]+|(?<=\bpasswd=)[^\s&;\"]+|(?<=\bpwd=)[^\s&;\"]+",
    re.I,
)


class _Span(NamedTuple):
    start: int
    end: int


class _View(NamedTuple):
    """A text as it is compared, and for each of its characters where it stood, from and to."""

    text: str
    places: list[_Span]

    def span(self, start: int, end: int) -> _Span:
        return _Span(self.places[start].start, self.places[end - 1].end)


class Mask:
    """Masks the credentials, or nothing but what looks like a login where there are none."""

    def __init__(self, credentials: Credentials | None) -> None:
        name, password, pair = _forms(credentials)
        self._short_names = _short(map(_flat, name))
        tokens = [_base64(form) for form in (*password, *pair)]
        self._short_passwords = _short((*map(_flat, password), *tokens))
        whole = [form for form in (*name, *password, *pair) if len(_flat(form)) >= _SHORT]
        again = [b64encode(form.encode("latin-1")).decode() for form in (*password, *pair)]
        needles = {*tokens, *(needle for form in (*whole, *again) for needle in _needles(form))}
        self._needles = needles - _short(needles) - {""}
        self._letters = frozenset(
            letters for needle in self._needles if len(letters := _letters_in(needle)) >= _SHORTEST_LETTERS
        )
        self._hex = frozenset(form.encode("latin-1").hex() for form in whole)

    def text(self, raw: bytes, *, cut: bool = False) -> bytes:
        """The bytes without secrets; with `cut`, also without what may be the beginning of one at their end.

        Where a password is too short to be told from ordinary letters and stands there as a word of its own,
        nothing of the text is left.
        """
        shown = raw.decode("latin-1")
        words = list(_words(shown))
        if not self._short_passwords.isdisjoint(flat for flat, _ in words):
            return MASK.encode()
        spans = [_Span(*found.span()) for found in _LOOKS_SECRET.finditer(shown)]
        spans += [span for flat, span in words if flat in self._short_names]
        if self._needles:
            for view in _readings(shown):
                spans += self._secrets_in(view, self._needles, cut=cut)
                spans += self._secrets_in(_letters_of(view), self._letters, cut=False)
            spans += self._secrets_in(_hex_digits(shown), self._hex, cut=cut)
        return _without(shown, spans).encode("latin-1")

    @staticmethod
    def _secrets_in(view: _View, needles: Iterable[str], *, cut: bool) -> Iterator[_Span]:
        for needle in needles:
            at = view.text.find(needle)
            while at >= 0:
                yield view.span(at, at + len(needle))
                at = view.text.find(needle, at + 1)
            if cut and (size := _overlap(view.text, needle)) >= _SHORTEST_CUT:
                yield view.span(len(view.text) - size, len(view.text))


def _forms(credentials: Credentials | None) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """User name, password, and both as they are sent: each byte as a character, in UTF-8 and in Latin-1."""
    if credentials is None:
        return frozenset(), frozenset(), frozenset()
    name, password = credentials.username, credentials.password.reveal()
    return _encodings(name), _encodings(password), _encodings(f"{name}:{password}")


def _encodings(text: str) -> frozenset[str]:
    forms = {text.encode().decode("latin-1")}
    return frozenset(forms | {text} if all(ord(char) < 256 for char in text) else forms)


def _short(flat: Iterable[str]) -> frozenset[str]:
    return frozenset(each for each in flat if 0 < len(each) < _SHORT)


def _needles(secret: str) -> Iterator[str]:
    """As itself, and in base64: alone, or somewhere within a longer text, at each of three offsets."""
    yield _flat(secret)
    yield _base64(secret)
    raw = secret.encode("latin-1")
    for offset in range(3):
        # The first characters also carry what stands before, and the last what stands behind.
        encoded = b64encode(bytes(offset) + raw).decode()[(0, 2, 3)[offset] :]
        uncertain = (0, 3, 2)[(offset + len(raw)) % 3]
        yield _flat(encoded[: len(encoded) - uncertain])


def _base64(secret: str) -> str:
    return _flat(b64encode(secret.encode("latin-1")).decode().rstrip("="))


def _flat(text: str) -> str:
    """Without what a copy may change: case, white space and line breaks, and base64's two alphabets."""
    return "".join(flat for char in text if (flat := _flat_character(char)))


def _flat_character(char: str) -> str:
    return "" if char.isspace() or not char.isprintable() else {"-": "+", "_": "/"}.get(char, char.lower())


def _readings(text: str) -> Iterator[_View]:
    """Flat: as it is, as a secret may look escaped itself, and with escapes undone, again and again."""
    view = _View(text, [_Span(at, at + 1) for at in range(len(text))])
    for _ in range(_MOST_ESCAPES + 1):
        yield _seen(
            [(flat, span) for char, span in zip(*view, strict=True) if (flat := _flat_character(char))]
        )
        if not _ESCAPED.search(view.text):
            return
        view = _seen([(char, view.span(*span)) for char, span in _characters(view.text)])


def _letters_of(view: _View) -> _View:
    return _seen([(char, span) for char, span in zip(*view, strict=True) if char.isalnum()])


def _letters_in(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _seen(characters: list[tuple[str, _Span]]) -> _View:
    return _View("".join(char for char, _ in characters), [span for _, span in characters])


def _characters(text: str) -> Iterator[tuple[str, _Span]]:
    """The characters with escapes undone once, and where they stood."""
    at = 0
    for found in _ESCAPED.finditer(text):
        yield from ((text[place], _Span(place, place + 1)) for place in range(at, found.start()))
        yield _unescaped(found), _Span(*found.span())
        at = found.end()
    yield from ((text[place], _Span(place, place + 1)) for place in range(at, len(text)))


def _unescaped(found: re.Match[str]) -> str:
    *hexadecimal, decimal, entity = found.groups()
    if entity is not None:
        return _ENTITIES.get(entity.lower(), "?")
    code = int(decimal) if decimal is not None else int(next(filter(None, hexadecimal)), 16)
    return chr(code) if code < 256 else "?"


def _hex_digits(text: str) -> _View:
    """The hexadecimal digits alone: they are written with spaces, colons, `\\x` or `0x` between them."""
    kept = [(found[1].lower(), _Span(*found.span())) for found in _HEX_DIGIT.finditer(text)]
    return _seen(kept)


def _words(text: str) -> Iterator[tuple[str, _Span]]:
    """Everything that may be taken for a word, flat, with its place."""
    for kind in _WORDS:
        for found in kind.finditer(text):
            yield _flat("".join(char for char, _ in _characters(found[0]))), _Span(*found.span())


def _without(text: str, spans: Iterable[_Span]) -> str:
    """The text with one mask for each stretch of spans that touch."""
    shown: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if start > at or not shown:
            shown += [text[at:start], MASK]
        at = max(at, end)
        if padding := _PADDING.match(text, at):
            at = padding.end()
    return "".join((*shown, text[at:]))


def _overlap(text: str, needle: str) -> int:
    """How many characters at the end of the text are a beginning of the needle, which is not there whole."""
    return next((size for size in range(len(needle) - 1, 0, -1) if text.endswith(needle[:size])), 0)
