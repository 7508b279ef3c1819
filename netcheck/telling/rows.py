"""Rows of the smaller tables: what console, page and report all say of push certificates and bags."""

from collections.abc import Sequence
from typing import NamedTuple

from netcheck.model.bags import FetchedBag
from netcheck.model.push_certificates import Acceptance, Proof, PushCertificate
from netcheck.phrases import date_text, how_many

LONGEST = 300
"""How much of what somebody else said fits into a cell, in characters."""
CERTIFICATE_HEADER = ("push certificate", "expires", "topic")
BAG_HEADER = ("bag", "path", "couriers")
_DAY = 86400.0
_RENEW_DAYS = 60
"""With fewer days left than this, somebody should be planning to renew a certificate."""


class Cell(NamedTuple):
    """What a cell says, and its state: good, worry, bad, idle (bad, and nobody minds), or empty."""

    text: str
    state: str = ""
    is_list: bool = False
    """Whether these are names between commas, none of which may be broken."""


def certificate_row(certificate: PushCertificate, now: float) -> Sequence[Cell]:
    """The name, until when as seen at `now` (a Unix time), and the topic or what is wrong with the file."""
    name = Cell(certificate.name)
    if certificate.not_after is None:
        return name, Cell("unreadable", "bad"), Cell((certificate.error or "")[:LONGEST])
    return name, _expiry(certificate.not_after, now), _topic(certificate)


def _expiry(not_after: float, now: float) -> Cell:
    days = int((not_after - now) // _DAY)
    if not_after <= now:
        return Cell(f"{date_text(not_after)}, expired", "bad")
    left = f"{date_text(not_after)}, {how_many(days, 'day')} left"
    return Cell(left, "worry" if days < _RENEW_DAYS else "good")


def _topic(certificate: PushCertificate) -> Cell:
    match certificate.topic_matches:
        case True:
            return Cell(f"{certificate.topic} (as expected)", "good")
        case False:
            return Cell(f"{certificate.topic} (not the one expected)", "bad")
    return Cell(certificate.topic or "")


def proof_state(proof: Proof) -> str:
    """As that of a cell, of what APNs says of a certificate that it was shown."""
    if proof.acceptance.is_refusal:
        return "bad"
    return "good" if proof.acceptance is Acceptance.ACCEPTED else "worry"


def bag_row(seen: FetchedBag) -> Sequence[Cell]:
    """The host, the path, and what the bag says or why there is none."""
    where = Cell(seen.host), Cell(seen.path)
    if seen.bag is None or seen.error is not None:
        return *where, Cell((seen.error or "")[:LONGEST], "bad")
    text = f"0 to {seen.bag.courier_count} of {seen.bag.courier_hostname}"
    if seen.bag.courier_status is False:
        return *where, Cell(f"{text}, taken as down", "bad")
    return *where, Cell(text, "worry" if seen.disagreements else "good")
