"""Takes our secrets out of what a peer said: some send back what they got, and in another dress.

Knows the ways to write a secret (base64, hex, percent, entities, other case, broken over lines), and no
protocol. It asks whether a piece of the text holds one, not where: nothing of such a piece is left.
"""

import re
import unicodedata
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import partial
from html import unescape
from urllib.parse import unquote

from netcheck.model.credentials import Credentials

MASK = "***"
_MASK = MASK.encode()
_SHORT = 4
"""Secrets of fewer characters stand in ordinary words too: to mask them there would spell them out."""
_SHORTEST_CUT = 3
"""At the end of what came, so many characters of a secret's beginning are taken for it."""
_SHORTEST_LETTERS = 8
"""So many letters and digits are known for a secret's, whatever stands between them."""
_MOST_ESCAPES = 3
"""How often something may be escaped, and what came of it again."""
_MOST_PIECES = 200
"""Of what has more lines, or a line more words, nothing is left: to look at each for itself takes long."""

_ENDS = (
    re.compile(rb"([\r\n]+)"),
    re.compile(rb"(\s+)"),
    re.compile(rb"([\0-\x1f/?&;,:@<>\"'()\[\]{}]+)"),
)
"""Where lines end, then words, then their parts."""
_CODE_POINT = re.compile(r"[\\%]u(?:\{([0-9a-f]{1,5})\}|([0-9a-f]{4}))", re.I)
_CODE_BYTE = re.compile(r"\\x(?=[0-9a-f]{2})", re.I)
_BACKSLASHED = re.compile(r"\\([\\/\"'])")
_MAY_BE_ESCAPED = re.compile(r"[&%\\]")
_BYTES = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}
"""What "surrogateescape" makes of bytes that are no UTF-8, as Latin-1 has them."""
_ALPHABETS = str.maketrans("-_", "+/")
_HEX_DIGIT = re.compile(r"(?:0x)?([0-9a-f])")
_ASCII_BLANKS = re.compile(r"[\0- \x7f]+")
_WORDS = (re.compile(r"[^\W_]+"), re.compile(r"[^\s\0-\x1f:;,=\"'<>()\[\]{}/\\&?@]+"), re.compile(r"\S+"))
"""What may be taken for a word: letters and digits, what stands between delimiters, or between spaces."""
_LOOKS_SECRET = re.compile(
    rb"(?<=//)[^/\s@]+(?=@)"  # user information in a URL, RFC 3986 section 3.2.1
    rb"|(?<=\bbasic )[a-z0-9+/_=.-]+|(?<=\bbearer )[a-z0-9+/_=.~-]+"  # RFC 7617, RFC 6750
    rb"|(?<=\bntlm )[a-z0-9+/=]+|(?<=\bnegotiate )[a-z0-9+/=]+"  # [MS-NTHT], RFC 4559
    rb"|(?-i:TlRMTVNTUA)[a-z0-9+/=]*"  # NTLMSSP in base64
    rb"|(?-i:YI[A-Z]|oYI|oYG|oRQ)[a-z0-9+/]{16,}=*"  # SPNEGO in base64: RFC 4178 section 4.2
    rb"|(?<=\bresponse=)\"?[0-9a-f]+|(?<=nonce=)\"?[^\",\s]+"  # RFC 7616 section 3.4
    rb"|(?<=\bpassword=)[^\s&;\"]+|(?<=\bpasswd=)[^\s&;\"]+|(?<=\bpwd=)[^\s&;\"]+",
    re.I,
)


class Mask:
    """Masks the credentials, or nothing but what looks like a login where there are none."""

    def __init__(self, credentials: Credentials | None) -> None:
        self._names: list[re.Pattern[bytes]] = []
        self._needles: set[str] = set()
        self._letters: set[str] = set()
        self._hex: set[str] = set()
        self._short: set[str] = set()
        if credentials is not None:
            self._learn(credentials.username, credentials.password.reveal())

    def _learn(self, name: str, password: str) -> None:
        pair = f"{name}:{password}"  # as Basic sends them
        names = {name} if len(_flat(name)) >= _SHORT else set()
        plain = {form for each in (password, *names) for form in _read(each)}
        sent = {form for each in (password, pair, *names) for form in _encodings(each)}
        tokens = {_flat(b64encode(form).decode().rstrip("=")) for form in sent}
        within = {needle for form in (*sent, *map(b64encode, sent)) for needle in _within_base64(form)}
        self._short = {each for each in plain | tokens if 0 < len(each) < _SHORT}
        needles = plain | tokens | within | (_read(pair) if self._short else set())
        self._needles = {needle for needle in needles if len(needle) >= _SHORT}
        self._letters = {
            letters for each in self._needles if len(letters := _letters_in(each)) >= _SHORTEST_LETTERS
        }
        self._hex = {form.hex() for form in sent if len(form) >= _SHORT}
        self._names = [] if names else [_name_pattern(form) for form in _encodings(name) if form]

    def text(self, raw: bytes, *, cut: bool = False) -> bytes:
        """The bytes without secrets; with `cut`, also without what may be the beginning of one at their end.

        Where a password is too short to be told from ordinary letters and stands there as a word of its own,
        nothing of the text is left.
        """
        if self._short and not self._short.isdisjoint(_words(raw)):
            return _MASK
        found = self._secrets_in(raw, cut=cut)
        shown = _LOOKS_SECRET.sub(_MASK, self._without(raw, found, _ENDS, cut=cut))
        for name in self._names:
            shown = _MASK.join(name.sub(_MASK, each) for each in shown.split(_MASK))
        return shown

    def _without(self, raw: bytes, found: set[str], ends: Sequence[re.Pattern[bytes]], *, cut: bool) -> bytes:
        """With a mask for each piece that holds some of what was found, or for all where that lies across."""
        if not found:
            return raw
        pieces = ends[0].split(raw) if ends else []
        if not 0 < len(pieces) <= 2 * _MOST_PIECES:
            return _MASK
        if len(pieces) == 1:
            return self._without(raw, found, ends[1:], cut=cut)
        last = max((at for at, piece in enumerate(pieces) if piece.strip()), default=0)
        across = set(found)
        for at in range(0, len(pieces), 2):  # the others stand between two
            is_cut = cut and at == last
            inside = self._secrets_in(pieces[at], cut=is_cut)
            across -= inside
            pieces[at] = self._without(pieces[at], inside, ends[1:], cut=is_cut)
        shown = b"".join(pieces)
        return _MASK if across or self._secrets_in(shown, cut=cut) else shown

    def _secrets_in(self, raw: bytes, *, cut: bool) -> set[str]:
        """What of our secrets is there in any reading."""
        found: set[str] = set()
        if not self._needles or not raw:
            return found
        for view in _readings(raw):
            flat = _flat(view)
            letters = _letters_in(flat)
            found.update(each for each in self._letters if each in letters)
            digits = "".join(_HEX_DIGIT.findall(view.lower()))
            for seen, needles in ((flat, self._needles), (digits, self._hex)):
                found.update(each for each in needles if each in seen)
                if cut:
                    found.update(each[: _overlap(seen, each)] for each in needles)
        return found - {""}


def _encodings(text: str) -> set[bytes]:
    """In UTF-8, and in Latin-1 where that has it."""
    return {text.encode(), text.encode("latin-1" if all(ord(char) < 256 for char in text) else "utf-8")}


def _read(text: str) -> set[str]:
    """Flat, as it is and as it looks in the wrong encoding, with a character for each byte."""
    return {_flat(each) for each in (text, *(form.decode("latin-1") for form in _encodings(text)))}


def _within_base64(raw: bytes) -> Iterator[str]:
    """Somewhere within a longer text in base64, at each of three offsets."""
    for offset in range(3):
        # The first characters also carry what stands before, and the last what stands behind.
        encoded = b64encode(bytes(offset) + raw).decode()[(0, 2, 3)[offset] :]
        uncertain = (0, 3, 2)[(offset + len(raw)) % 3]
        yield _flat(encoded[: len(encoded) - uncertain])


def _name_pattern(name: bytes) -> re.Pattern[bytes]:
    """A short name is one only as a word of its own."""
    return re.compile(rb"(?<![^\W_])" + re.escape(name) + rb"(?![^\W_])", re.I)


def _flat(text: str) -> str:
    """Without what a copy may change: case, how accents are written, white space, base64's two alphabets."""
    if text.isascii():  # as the rest would have it, but sooner
        return _ASCII_BLANKS.sub("", text.lower().translate(_ALPHABETS))
    folded = unicodedata.normalize("NFKD", text).casefold().translate(_ALPHABETS)
    return "".join(char for char in folded if char.isprintable() and not char.isspace())


def _letters_in(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _readings(raw: bytes) -> set[str]:
    """As it is, as a secret may look escaped itself, and with escapes undone, again and again."""
    seen = set()
    for encoding in ("utf-8", "latin-1"):
        undone = (unescape, _without_backslashes, partial(_without_percent, encoding))
        as_is = raw.decode(encoding, "surrogateescape").translate(_BYTES)
        for view in {as_is, as_is.replace("+", " ")}:  # as forms are sent
            seen.add(view)
            if _MAY_BE_ESCAPED.search(view):
                for undo in undone * _MOST_ESCAPES:
                    seen.add(view := undo(view))
    return seen | {view.replace("+", " ") for view in seen}  # as escaped ones are


def _without_backslashes(text: str) -> str:
    r"""As in JSON, and `%u20ac` as of JavaScript. Of `\x` bytes are left, in an encoding not known here."""
    undone = _CODE_POINT.sub(lambda found: chr(int(found[1] or found[2], 16)), _CODE_BYTE.sub("%", text))
    undone = undone.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # two halves become one
    return _BACKSLASHED.sub(r"\1", undone)


def _without_percent(encoding: str, text: str) -> str:
    return unquote(text, encoding, "surrogateescape").translate(_BYTES)


def _words(raw: bytes) -> Iterator[str]:
    """Everything that may be taken for a word, flat: it may be escaped alone, or with what delimits it."""
    for view in _readings(raw):
        for kind in _WORDS:
            yield from map(_flat, kind.findall(view))
    for kind in _WORDS:
        for word in kind.findall(raw.decode("latin-1")):
            if _MAY_BE_ESCAPED.search(word):
                yield from map(_flat, _readings(word.encode("latin-1")))


def _overlap(text: str, needle: str) -> int:
    """How many characters at the end of the text are a beginning of the needle; 0 for too few to tell."""
    sizes = range(len(needle) - 1, _SHORTEST_CUT - 1, -1)
    return next((size for size in sizes if text.endswith(needle[:size])), 0)
