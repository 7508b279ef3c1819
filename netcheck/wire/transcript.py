"""How a peer's answer ends a handshake, and what of the answer people may see. Knows no protocol's rules."""

from functools import cached_property

from netcheck.model.credentials import Credentials
from netcheck.model.failing import EVIDENCE_LIMIT, PhaseError, Reason, RefusedLogin
from netcheck.wire.masking import Mask

_KEPT = 1024
"""Bytes of an answer or a piece of it: more than is shown, so that a secret at the limit is known as one."""
_TEXT_LIMIT = 80

_BEGINNINGS = {
    0x00: "SOCKS4",
    0x05: "SOCKS5",
    0x15: "a TLS alert",  # RFC 8446 section 5.1: the peer took our bytes for TLS
    ord("H"): "HTTP",
    ord("S"): "SSH",
}


class HandshakeError(PhaseError):
    """What the peer said ends the handshake, or that it closed without a word: no fault on the way to it."""


class Transcript:
    """The first bytes of what the peer said, with our secrets masked: some peers send back what they got."""

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials
        self._first = b""

    @cached_property
    def _mask(self) -> Mask:
        """Made when something is to be shown: mostly nothing is."""
        return Mask(self._credentials)

    def add(self, data: bytes) -> None:
        self._first += data[: _KEPT - len(self._first)]

    def begins_as(self, protocol_mark: bytes, *, after: bytes) -> bool:
        """Whether the first bytes are the mark, as far as both go; bytes of `after` may stand before it."""
        return protocol_mark.startswith(self._first.lstrip(after)[: len(protocol_mark)])

    def masked(self, raw: bytes) -> bytes:
        """A piece of the answer without our secrets, for who has yet to decode it; it may go on."""
        return self._mask.text(raw, cut=True)

    def text(self, raw: bytes, *, cut: bool = False) -> str:
        """A piece of the answer as one short printable line without our secrets; with `cut`, it may go on."""
        shown = self._mask.text(raw[:_KEPT], cut=cut or len(raw) > _KEPT).decode("utf-8", "replace")
        printable = "".join(char if char.isprintable() else "?" for char in shown)
        return printable if len(printable) <= _TEXT_LIMIT else printable[: _TEXT_LIMIT - 1] + "…"

    @property
    def evidence(self) -> bytes:
        """What came first, as people may see it."""
        return self._mask.text(self._first, cut=True)[:EVIDENCE_LIMIT]

    def error(
        self, reason: Reason, detail: str, login: RefusedLogin | None = None, software: str = ""
    ) -> HandshakeError:
        return HandshakeError(reason, detail, self.evidence, login, software)

    def closed(self) -> HandshakeError:
        """The error for an end of the stream before the handshake's."""
        when = "before its answer was complete" if self._first else "without an answer"
        return self.error(Reason.PROXY_CLOSED, f"the proxy closed the connection {when}")

    def foreign(self, protocol: str) -> HandshakeError:
        """The error for an answer that is not of `protocol`, with what its first byte makes of it."""
        likeness = _BEGINNINGS.get(self._first[0], protocol)
        hint = "" if likeness == protocol else f": its answer begins like {likeness}"
        return self.error(Reason.PROXY_NOT_A_PROXY, f"the peer does not speak {protocol}{hint}")
