"""What a check tells beside reachability: what the bags say, and the push certificates."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.text import Text

from netcheck.answers import said_of
from netcheck.console.table import DETAIL_WIDTH, Cell, Row, table
from netcheck.model.findings import Acceptance, FetchedBag, Proof, PushCertificate

_DAY = 86400.0
_RENEW_DAYS = 60
"""With fewer days left than this, somebody should be planning to renew a certificate."""


def render_bags(bags: Sequence[FetchedBag]) -> list[RenderableType]:
    """One line for each bag: what it says; below them, where they disagree with the config."""
    if not bags:
        return []
    rows = table([[Cell("bag"), Cell("path"), Cell("couriers")], *map(bag_row, bags)])
    differing = [(seen, text) for seen in bags for text in seen.disagreements]
    return [Group(rows, *(Text(f"{seen.host} over {seen.path}: {text}") for seen, text in differing))]


def bag_row(seen: FetchedBag) -> Row:
    """The host, the path, and what the bag says or why there is none."""
    if seen.bag is None or seen.error is not None:
        return [Cell(seen.host), Cell(seen.path), Cell((seen.error or "")[:DETAIL_WIDTH], "red")]
    text = f"0 to {seen.bag.courier_count} of {seen.bag.courier_hostname}"
    if seen.bag.courier_status is False:
        return [Cell(seen.host), Cell(seen.path), Cell(f"{text}, taken as down", "red")]
    return [Cell(seen.host), Cell(seen.path), Cell(text, "yellow" if seen.disagreements else "green")]


def render_push_certificates(
    certificates: Sequence[PushCertificate], proofs: Sequence[Proof], now: float
) -> list[RenderableType]:
    """One line for each: until when, and for which topic; then what APNs says of them, and the thumbprints.

    `now` is a Unix time.
    """
    if not certificates:
        return []
    header = [Cell("push certificate"), Cell("expires"), Cell("topic")]
    rows = table([header, *(certificate_row(each, now) for each in certificates)])
    readable = [each for each in certificates if each.error is None]
    prints = [
        Text(f"{each.name}: {line}")
        for each in readable
        for line in (f"SHA-1 {each.sha1}", f"SHA-256 {each.sha256}")
    ]
    return [Group(rows, *map(_proof_line, proofs), *prints)]


def _proof_line(proof: Proof) -> Text:
    bad = "red" if proof.acceptance.is_refusal else "yellow"
    colour = "green" if proof.acceptance is Acceptance.ACCEPTED else bad
    text = Text(f"{proof.name} over {proof.path}: ")
    return text.append(f"{said_of(proof)}", colour).append(f" ({proof.detail})"[:DETAIL_WIDTH])


def certificate_row(certificate: PushCertificate, now: float) -> Row:
    """The name, until when, and the topic or what is wrong with the file."""
    if certificate.not_after is None:
        return [Cell(certificate.name), Cell("unreadable", "red"), Cell(certificate.error or "")]
    return [Cell(certificate.name), _expiry(certificate.not_after, now), _topic(certificate)]


def _expiry(not_after: float, now: float) -> Cell:
    date = datetime.fromtimestamp(not_after, UTC).date().isoformat()
    days = int((not_after - now) // _DAY)
    if not_after <= now:
        return Cell(f"{date} expired", "red")
    return Cell(f"{date} {days} days left", "yellow" if days < _RENEW_DAYS else "green")


def _topic(certificate: PushCertificate) -> Cell:
    match certificate.topic_matches:
        case True:
            return Cell(f"{certificate.topic} as expected", "green")
        case False:
            return Cell(f"{certificate.topic} not the one expected", "red")
    return Cell(certificate.topic or "")
