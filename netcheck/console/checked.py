"""All that a check has found, as the text and the page are made from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from netcheck.model.findings import BagSeen, Judgement, PushCertificate
from netcheck.model.paths import ProbePath
from netcheck.model.results import Lookup, Result
from netcheck.model.services import Service


@dataclass(frozen=True, slots=True)
class Checked:
    """One check. `time` is a Unix time."""

    time: float
    version: str
    services: Sequence[Service]
    paths: Sequence[ProbePath]
    judgements: Sequence[Judgement]
    results: Sequence[Result]
    lookups: Sequence[Lookup] = ()
    bags: Sequence[BagSeen] = ()
    push_certificates: Sequence[PushCertificate] = ()
