"""The report of a check as one HTML page that needs nothing else, to attach to a ticket.

Everything that comes from the network is escaped; no credentials are on it. Knows records only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from netcheck.console.diagnosis import Finding, findings
from netcheck.console.matrix import SeenIn, by_cell, field
from netcheck.console.table import COLOURS, DETAIL_WIDTH, Cell
from netcheck.model import (
    BagSeen,
    Judgement,
    Lookup,
    ProbePath,
    PushCertificate,
    Result,
    Service,
)

_MOST = 500
"""How many lines a table of failures has at most."""
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --green: #1a7f37; --yellow: #9a6700; --red: #cf222e }
@media (prefers-color-scheme: dark) { :root { --green: #4ac26b; --yellow: #d4a72c; --red: #ff7b72 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
div.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
th { font-weight: 600; white-space: nowrap }
section.finding { border-left: 4px solid var(--red); padding: .1rem 1rem; margin: 1rem 0 }
section.finding p.step { font-weight: 600 }
.green { color: var(--green) } .yellow { color: var(--yellow) } .red { color: var(--red) }
@media print { body { margin: 0; max-width: none } section.finding, tr { break-inside: avoid } }
"""


@dataclass(frozen=True, slots=True)
class Checked:
    """All that a check has found. `time` is a Unix time."""

    time: float
    version: str
    services: Sequence[Service]
    paths: Sequence[ProbePath]
    judgements: Sequence[Judgement]
    results: Sequence[Result]
    lookups: Sequence[Lookup]
    bags: Sequence[BagSeen]
    push_certificates: Sequence[PushCertificate]


def render_page(checked: Checked) -> str:
    """The page, as the text of an HTML file in UTF-8."""
    when = datetime.fromtimestamp(checked.time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    parts = [
        f"<h1>Apple push from this network</h1><p>netcheck {escape(checked.version)}, {when}</p>",
        _section("Verdicts", _VERDICTS, map(_verdict_row, checked.judgements)),
        *map(_finding, findings(checked.judgements)),
        _section("Hosts reached", *_matrix(checked)),
        _section("Paths", _PATHS, map(_path_row, checked.paths)),
        _section("Failures", _FAILURES, _failure_rows(checked.results)),
        _section("Failed lookups", _LOOKUPS, _lookup_rows(checked.lookups)),
        _section("Certificates of peers", _PEERS, _peer_rows(checked.results)),
        _section("Bags", _BAGS, map(_bag_row, checked.bags)),
        _section("Push certificates", _CERTIFICATES, map(_certificate_row, checked.push_certificates)),
    ]
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>netcheck, {when}</title><style>{_STYLE}</style></head>"
    )
    return "\n".join([head, "<body>", *filter(None, parts), "</body></html>", ""])


Fields = Iterable[Cell]


def _section(title: str, header: Sequence[str], rows: Iterable[Fields]) -> str:
    """A heading and a table; nothing where the table would have no rows."""
    lines = [_row(row) for row in rows]
    if not lines:
        return ""
    more = f"<p>and {len(lines) - _MOST} more</p>" if len(lines) > _MOST else ""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    table = "\n".join([f"<table><tr>{head}</tr>", *lines[:_MOST], "</table>"])
    return f'<h2>{escape(title)}</h2><div class="wide">{table}</div>{more}'


def _row(fields: Fields) -> str:
    return f"<tr>{''.join(map(_field, fields))}</tr>"


def _field(cell: Cell) -> str:
    colour = f' class="{cell.colour}"' if cell.colour else ""
    return f"<td{colour}>{escape(cell.text)}</td>"


def _finding(finding: Finding) -> str:
    evidence = "".join(f"<li>{escape(line)}</li>" for line in finding.evidence)
    step = f'<p class="step">{escape(finding.next_step)}</p>' if finding.next_step else ""
    return f'<section class="finding"><h2>{escape(finding.title)}</h2><ul>{evidence}</ul>{step}</section>'


_VERDICTS = ("path", "role", "verdict", "cause", "hop")


def _verdict_row(judged: Judgement) -> Fields:
    verdict = Cell(judged.verdict, COLOURS[judged.verdict])
    return Cell(judged.path), Cell(judged.role), verdict, Cell(judged.cause or ""), Cell(judged.hop or "")


def _matrix(checked: Checked) -> tuple[Sequence[str], Iterable[Fields]]:
    seen = by_cell(checked.results)
    header = ("service", "port", *(path.name for path in checked.paths))
    return header, (
        _matrix_row(service, port, checked.paths, seen)
        for service in checked.services
        for port in service.ports
    )


def _matrix_row(service: Service, port: int, paths: Sequence[ProbePath], seen: SeenIn) -> Fields:
    return Cell(service.name), Cell(str(port)), *(field(service, port, path, seen) for path in paths)


_PATHS = ("path", "proxy", "names are resolved by", "roles")


def _path_row(path: ProbePath) -> Fields:
    """The proxy without its login."""
    proxy = path.proxy
    where = f"{proxy.scheme}://{proxy.host}:{proxy.port}" if proxy else "none"
    resolves = "nobody: a load balancer" if path.load_balancer else f"the resolver {path.resolver.name}"
    if proxy is not None:
        resolves = {"proxy": "the proxy", "both": f"{resolves} and the proxy"}.get(proxy.resolve, resolves)
    return Cell(path.name), Cell(where), Cell(resolves), Cell(", ".join(sorted(path.roles)))


_FAILURES = ("host", "port", "path", "address", "failure", "detail")


def _failure_rows(results: Iterable[Result]) -> Iterable[Fields]:
    for result in results:
        if failure := result.attempt.failure:
            yield (
                Cell(result.host),
                Cell(str(result.port)),
                Cell(result.path),
                Cell(result.attempt.address or ""),
                Cell(f"{failure.phase} {failure.reason}", "red"),
                Cell(failure.detail[:DETAIL_WIDTH]),
            )


_LOOKUPS = ("host", "type", "resolver", "outcome", "detail")


def _lookup_rows(lookups: Iterable[Lookup]) -> Iterable[Fields]:
    for lookup in lookups:
        if lookup.reason is not None:
            texts = (lookup.host, lookup.rdtype, lookup.resolver, lookup.reason, lookup.detail[:DETAIL_WIDTH])
            yield map(Cell, texts)


_PEERS = ("service", "port", "path", "issuer", "vouched for by", "expires")


def _peer_rows(results: Iterable[Result]) -> Iterable[Fields]:
    """Each certificate once for a service's port and path."""
    told = {
        (result.service, str(result.port), result.path, tls.issuer, tls.trust, _date(tls.not_after))
        for result in results
        if (tls := result.attempt.tls)
    }
    return (map(Cell, texts) for texts in sorted(told))


_BAGS = ("host", "path", "couriers", "remarks")


def _bag_row(seen: BagSeen) -> Fields:
    couriers = f"0 to {seen.bag.courier_count} of {seen.bag.courier_hostname}" if seen.bag else ""
    remarks = "; ".join(filter(None, [seen.error, *seen.disagreements]))
    return Cell(seen.host), Cell(seen.path), Cell(couriers), Cell(remarks, "yellow")


_CERTIFICATES = ("name", "expires", "topic", "SHA-1", "remarks")


def _certificate_row(certificate: PushCertificate) -> Fields:
    expires = _date(certificate.not_after) if certificate.not_after else ""
    wrong = "not the topic expected" if certificate.topic_matches is False else ""
    texts = (certificate.name, expires, certificate.topic or "", certificate.sha1 or "")
    return *map(Cell, texts), Cell(certificate.error or wrong, "red")


def _date(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).date().isoformat()
