"""What a check tells beside reachability: what the bags say, and the push certificates."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from netcheck.console.table import DETAIL_WIDTH, STATES, cells, table
from netcheck.model.bags import FetchedBag
from netcheck.model.push_certificates import Proof, PushCertificate
from netcheck.telling import rows
from netcheck.telling.answers import said_of


def render_bags(bags: Sequence[FetchedBag]) -> list[RenderableType]:
    """One line for each bag: what it says; below them, where they disagree with the config."""
    if not bags:
        return []
    shown = table([cells(*rows.BAG_HEADER), *map(rows.bag_row, bags)])
    differing = [(seen, text) for seen in bags for text in seen.disagreements]
    return [Group(shown, *(Text(f"{seen.host} over {seen.path}: {text}") for seen, text in differing))]


def render_push_certificates(
    certificates: Sequence[PushCertificate], proofs: Sequence[Proof], now: float
) -> list[RenderableType]:
    """One line for each: until when, and for which topic; then what APNs says of them, and the thumbprints.

    `now` is a Unix time.
    """
    if not certificates:
        return []
    each_row = (rows.certificate_row(each, now) for each in certificates)
    shown = table([cells(*rows.CERTIFICATE_HEADER), *each_row])
    readable = [each for each in certificates if each.error is None]
    prints = [
        Text(f"{each.name}: {line}")
        for each in readable
        for line in (f"SHA-1 {each.sha1}", f"SHA-256 {each.sha256}")
    ]
    return [Group(shown, *map(_proof_line, proofs), *prints)]


def _proof_line(proof: Proof) -> Text:
    text = Text(f"{proof.name} over {proof.path}: ")
    text.append(said_of(proof), STATES[rows.proof_state(proof)])
    return text.append(f" ({proof.detail})"[:DETAIL_WIDTH])
