"""How a peer's answer ends a handshake, and what of the answer people may see. Knows no protocol's rules."""

from netcheck.model.failing import Reason
from netcheck.model.paths import Credentials

EVIDENCE_LIMIT = 64
_TEXT_LIMIT = 80

_BEGINNINGS = {
    0x00: "SOCKS4",
    0x05: "SOCKS5",
    0x15: "a TLS alert",  # RFC 8446 section 5.1: the peer took our bytes for TLS
    ord("H"): "HTTP",
    ord("S"): "SSH",
}


class HandshakeError(Exception):
    """The peer's answer ends the handshake; `evidence` is what it sent first, at most 64 bytes."""

    def __init__(self, reason: Reason, detail: str, evidence: bytes = b"") -> None:
        super().__init__(reason, detail, evidence)
        self.reason = reason
        self.detail = detail
        self.evidence = evidence

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class Transcript:
    """The first bytes of what the peer said, with our secrets masked: some peers send back what they got."""

    def __init__(self, credentials: Credentials | None, *more_secrets: bytes) -> None:
        ours = (credentials.username.encode(), credentials.password.reveal().encode()) if credentials else ()
        # The longest first: one secret may be a part of another.
        self._secrets = sorted(filter(None, (*ours, *more_secrets)), key=len, reverse=True)
        self._first = b""

    def add(self, data: bytes) -> None:
        self._first += data[: EVIDENCE_LIMIT - len(self._first)]

    def begins_as(self, protocol_mark: bytes) -> bool:
        """Whether the first bytes are the mark, as far as both go."""
        return protocol_mark.startswith(self._first[: len(protocol_mark)])

    def text(self, raw: bytes) -> str:
        """A piece of the answer as one short printable line without our secrets."""
        shown = self._masked(raw).decode("utf-8", "replace")
        printable = "".join(char if char.isprintable() else "?" for char in shown)
        return printable if len(printable) <= _TEXT_LIMIT else printable[: _TEXT_LIMIT - 1] + "…"

    def error(self, reason: Reason, detail: str) -> HandshakeError:
        return HandshakeError(reason, detail, self._masked_beginning(self._masked(self._first)))

    def closed(self) -> HandshakeError:
        """The error for an end of the stream before the handshake's."""
        when = "before its answer was complete" if self._first else "without an answer"
        return self.error(Reason.PROXY_CLOSED, f"the proxy closed the connection {when}")

    def foreign(self, protocol: str) -> HandshakeError:
        """The error for an answer that is not of `protocol`, with what its first byte makes of it."""
        likeness = _BEGINNINGS.get(self._first[0], protocol)
        hint = "" if likeness == protocol else f": its answer begins like {likeness}"
        return self.error(Reason.PROXY_NOT_A_PROXY, f"the peer does not speak {protocol}{hint}")

    def _masked(self, raw: bytes) -> bytes:
        for secret in self._secrets:
            raw = raw.replace(secret, b"*" * len(secret))
        return raw

    def _masked_beginning(self, raw: bytes) -> bytes:
        """Masks a secret that was cut off at the end: by the limit, or by where the bytes stopped for now."""
        cut = max((_overlap(raw, secret) for secret in self._secrets), default=0)
        return raw[: len(raw) - cut] + b"*" * cut


def _overlap(raw: bytes, secret: bytes) -> int:
    """How many bytes at the end of `raw` are a beginning of `secret`."""
    return next((size for size in range(len(secret) - 1, 0, -1) if raw.endswith(secret[:size])), 0)
