"""A scripted peer for the handshakes: plays an answer in pieces and says what came of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from netcheck.model.credentials import Credentials, Secret
from netcheck.model.failing import Reason
from netcheck.wire.handshake import Handshake
from netcheck.wire.masking import MASK
from netcheck.wire.transcript import HandshakeError

LOGIN = Credentials("tb-username", Secret("tb-passphrase"))


@dataclass(frozen=True)
class Outcome:
    """What a machine made of an answer. Evidence and what was sent depend on the pieces: not compared."""

    reason: Reason | None
    detail: str
    spoke: bool
    connected: bool
    tunnel: bytes
    """What the tunnel's user gets to read: the trailing bytes, then what the machine was not fed."""
    evidence: bytes = field(compare=False)
    sent: tuple[bytes, ...] = field(compare=False)


def play(machine: Handshake, pieces: Iterable[bytes]) -> Outcome:
    """Feed pieces until the machine is connected or gives up, as the driver does; b"" ends the stream."""
    sent = [machine.start()]
    error: HandshakeError | None = None
    unfed = iter(pieces)
    try:
        while not machine.connected and (piece := next(unfed, None)) is not None:
            sent.append(machine.receive(piece))
    except HandshakeError as raised:
        error = raised
    tunnel = machine.trailing + b"".join(unfed) if machine.connected else machine.trailing
    return Outcome(
        reason=error.reason if error else None,
        detail=error.detail if error else "",
        spoke=machine.spoke,
        connected=machine.connected,
        tunnel=tunnel,
        evidence=error.evidence if error else b"",
        sent=tuple(filter(None, sent)),
    )


def outcome_of(make: Callable[[], Handshake], answer: bytes, *, eof: bool = False) -> Outcome:
    """The outcome of an answer that comes in one piece, which is the same when it comes byte by byte.

    But for what a page says: that is told where it comes along with the head.
    """
    end = (b"",) if eof else ()
    whole = play(make(), (answer, *end) if answer else end)
    bytewise = play(make(), (*single_bytes(answer), *end))
    assert replace(bytewise, detail=whole.detail) == whole
    assert bytewise.detail == whole.detail or whole.detail.startswith(f'{bytewise.detail} ("')
    assert _is_beginning(bytewise.evidence, whole.evidence)
    return whole


def _is_beginning(part: bytes, whole: bytes) -> bool:
    """As far as nothing is masked: what comes next could have made a secret of the end, or none.

    A mask at the limit is cut as well.
    """
    seen, known = (evidence.partition(MASK.encode())[0].rstrip(b"*") for evidence in (part, whole))
    return known.startswith(seen) or seen.startswith(known)


def single_bytes(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The data in pieces, none empty, cut at these places."""
    edges = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if end > start]
