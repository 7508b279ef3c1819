"""What `netcheck check` prints for a person: the verdicts, the matrix, and why something failed.

Knows records only. Colours are click's, which leaves them out where the output is no terminal.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

import click

from netcheck.model import (
    BagSeen,
    Failure,
    Judgement,
    Phase,
    ProbePath,
    PushCertificate,
    Reason,
    Result,
    Service,
    Verdict,
    ports_on,
)

_COLOURS = {
    Verdict.READY: "green",
    Verdict.DEGRADED: "yellow",
    Verdict.FALLBACK_ONLY: "yellow",
    Verdict.UNKNOWN: "yellow",
    Verdict.NOT_READY: "red",
}
_GAP = "   "
_DETAIL_WIDTH = 160
_DAY = 86400.0
_RENEW_DAYS = 60
"""With fewer days left than this, somebody should be planning to renew a certificate."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of a table; the colour is put on after the width is known."""

    text: str
    colour: str | None = None


Row = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Seen:
    """All results of one service's port over one path."""

    results: tuple[Result, ...]

    @property
    def hosts(self) -> int:
        return len({result.host for result in self.results})

    @property
    def reached(self) -> int:
        return len({result.host for result in self.results if result.attempt.failure is None})

    def failures(self) -> list[Failure]:
        """The failures, the commonest kind first, one of each kind."""
        all_failures = [r.attempt.failure for r in self.results if r.attempt.failure is not None]
        kinds = Counter((failure.phase, failure.reason) for failure in all_failures)
        examples = {(failure.phase, failure.reason): failure for failure in all_failures}
        return [examples[kind] for kind, _ in kinds.most_common()]

    def typical_seconds(self) -> float:
        """The median over the probes that succeeded, from after resolving to the last answer.

        Without the session, which is a wait for what the peer might still say.
        """
        took = (
            sum(seconds for phase, seconds in result.attempt.phases.items() if phase is not Phase.SESSION)
            for result in self.results
            if result.attempt.failure is None
        )
        return median(took)

    def cell(self) -> Cell:
        if not self.results:
            return Cell("not probed")
        share = f"{self.reached}/{self.hosts}"
        if self.reached == self.hosts:
            return Cell(f"{share} ok {self.typical_seconds() * 1000:.1f} ms", "green")
        worst = self.failures()[0]
        return Cell(f"{share} {worst.phase} {worst.reason}", "yellow" if self.reached else "red")


def render(
    services: Sequence[Service],
    paths: Sequence[ProbePath],
    judgements: Sequence[Judgement],
    results: Iterable[Result],
) -> str:
    """The whole text: verdicts, then paths across and services and ports down, then the failures in full."""
    seen = _by_cell(results)
    parts = [_verdicts(judgements), _matrix(services, paths, seen), _failures(services, paths, seen)]
    return "\n\n".join(part for part in parts if part)


def _by_cell(results: Iterable[Result]) -> Callable[[Service, int, ProbePath], Seen]:
    grouped: dict[tuple[str, int, str], list[Result]] = {}
    for result in results:
        grouped.setdefault((result.service, result.port, result.path), []).append(result)
    return lambda service, port, path: Seen(tuple(grouped.get((service.name, port, path.name), ())))


def _verdicts(judgements: Sequence[Judgement]) -> str:
    if not judgements:
        return "no verdict: nothing that these paths lead to is required; see `required` in the config"
    lines = []
    rows = [
        [Cell(judged.path), Cell(judged.role), Cell(judged.verdict, _COLOURS[judged.verdict])]
        for judged in judgements
    ]
    for judged, line in zip(judgements, aligned(rows), strict=True):
        lines.append(line)
        if judged.verdict is not Verdict.READY:
            lines += [f"    {evidence}" for evidence in judged.evidence]
    return "\n".join(lines)


def _matrix(
    services: Sequence[Service],
    paths: Sequence[ProbePath],
    seen: Callable[[Service, int, ProbePath], Seen],
) -> str:
    rows: list[Row] = [[Cell("service"), Cell("port"), *(Cell(path.name) for path in paths)]]
    for service in services:
        for port in service.ports:
            cells = [
                seen(service, port, path).cell() if _is_probed(service, port, path) else Cell("-")
                for path in paths
            ]
            rows.append([Cell(service.name), Cell(str(port)), *cells])
    return "\n".join(aligned(rows))


def _is_probed(service: Service, port: int, path: ProbePath) -> bool:
    return bool(service.roles & path.roles) and port in ports_on(service, path)


def _failures(
    services: Sequence[Service],
    paths: Sequence[ProbePath],
    seen: Callable[[Service, int, ProbePath], Seen],
) -> str:
    """One line for each kind of failure of a path: where it happened, and the detail of one of them."""
    kinds: dict[tuple[str, Phase, Reason], tuple[Failure, list[str]]] = {}
    for path in paths:
        for service in services:
            for port in service.ports:
                for failure in seen(service, port, path).failures():
                    kind = (path.name, failure.phase, failure.reason)
                    kinds.setdefault(kind, (failure, []))[1].append(f"{service.name}:{port}")
    rows: list[Row] = [
        [Cell(path), Cell(f"{phase} {reason}", "red"), Cell(_with_example(where, example.detail))]
        for (path, phase, reason), (example, where) in kinds.items()
    ]
    return "\n".join(aligned(rows))


def _with_example(where: Sequence[str], detail: str) -> str:
    such = "for example " if len(where) > 1 else ""
    return f"{', '.join(where)}: {such}{detail[:_DETAIL_WIDTH]}" if detail else ", ".join(where)


def aligned(rows: Sequence[Row]) -> list[str]:
    """The rows as lines, columns lined up; no trailing blanks."""
    widths = [max(len(cell.text) for cell in column) for column in zip(*rows, strict=True)]
    return [
        _GAP.join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _padded(cell: Cell, width: int) -> str:
    padding = " " * (width - len(cell.text))
    return (click.style(cell.text, fg=cell.colour) if cell.colour else cell.text) + padding


def render_bags(bags: Sequence[BagSeen]) -> str:
    """One line for each bag: what it says; below it, where it disagrees with the config."""
    if not bags:
        return ""
    first, *lines = aligned([[Cell("bag"), Cell("path"), Cell("couriers")], *map(_bag_row, bags)])
    told = [first]
    for seen, line in zip(bags, lines, strict=True):
        told += [line, *(f"    {disagreement}" for disagreement in seen.disagreements)]
    return "\n".join(told)


def _bag_row(seen: BagSeen) -> Row:
    if seen.bag is None or seen.error is not None:
        return [Cell(seen.host), Cell(seen.path), Cell((seen.error or "")[:_DETAIL_WIDTH], "red")]
    text = f"0 to {seen.bag.courier_count} of {seen.bag.courier_hostname}"
    if seen.bag.courier_status is False:
        return [Cell(seen.host), Cell(seen.path), Cell(f"{text}, taken as down", "red")]
    return [Cell(seen.host), Cell(seen.path), Cell(text, "yellow" if seen.disagreements else "green")]


def render_push_certificates(certificates: Sequence[PushCertificate], now: float) -> str:
    """One line for each: until when, and for which topic; below it the thumbprints. `now` is a Unix time."""
    if not certificates:
        return ""
    header = [Cell("push certificate"), Cell("expires"), Cell("topic")]
    first, *lines = aligned([header, *(_certificate_row(each, now) for each in certificates)])
    told = [first]
    for certificate, line in zip(certificates, lines, strict=True):
        told.append(line)
        if certificate.error is None:
            told += [f"    SHA-1   {certificate.sha1}", f"    SHA-256 {certificate.sha256}"]
    return "\n".join(told)


def _certificate_row(certificate: PushCertificate, now: float) -> Row:
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
