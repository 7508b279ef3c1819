"""The report of a check as one HTML page that needs nothing else, to attach to a ticket.

Everything that comes from the network is escaped; no credentials are on it. Knows facts only.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import groupby

from netcheck.answers import NOTHING_JUDGED
from netcheck.console.diagnosis import Paragraph, paragraphs
from netcheck.console.matrix import Matrix
from netcheck.console.sections import bag_row, certificate_row
from netcheck.console.table import COLOURS, DETAIL_WIDTH, Cell
from netcheck.facts import Facts
from netcheck.model.failing import Failure
from netcheck.model.findings import BagSeen, Judgement, PushCertificate
from netcheck.model.paths import ProbePath, endpoint_text
from netcheck.model.results import Lookup, Result

_MOST = 2000
"""How many lines a table has at most."""
_MOST_ALIKE = 50
"""How many failures of one kind are listed of a path, so that each path and kind has its place."""
_ACROSS = 5
"""How many paths stand side by side on a sheet of paper."""
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --green: #1a7f37; --yellow: #9a6700; --red: #cf222e }
@media (prefers-color-scheme: dark) { :root { --green: #4ac26b; --yellow: #d4a72c; --red: #ff7b72 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
div.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0;
  border-bottom: 1px solid var(--line) }
td:first-child { white-space: nowrap } td:last-child { overflow-wrap: anywhere }
th { font-weight: 600; white-space: nowrap }
section { border-left: 4px solid; padding: .1rem 1rem; margin: 1rem 0 }
section > * { color: CanvasText }
h3 { font-size: 1rem } p.step { font-weight: 600 }
.green { color: var(--green) } .yellow { color: var(--yellow) } .red { color: var(--red) }
@media print { body { margin: 0; max-width: none } section, tr { break-inside: avoid } }
"""


def render_page(facts: Facts, version: str, time: float) -> str:
    """The page as the text of an HTML file in UTF-8, of what is known at `time`, a Unix time."""
    when = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    parts = [
        f"<h1>Apple push from this network</h1><p>netcheck {escape(version)}, {when}</p>",
        _section("Verdicts", _VERDICTS, map(_verdict_row, facts.judgements)),
        "" if facts.judgements else f"<p>{escape(NOTHING_JUDGED)}</p>",
        *map(_paragraph, paragraphs(facts)),
        _section("Hosts reached", *_matrix(facts)),
        _section("Paths", _PATHS, map(_path_row, facts.paths)),
        _section("Failures", _FAILURES, _failure_rows(facts.results)),
        _section("Failed lookups", _LOOKUPS, _lookup_rows(facts.lookups)),
        _section("Certificates of peers", _PEERS, _peer_rows(facts.results)),
        _section("Bags", _BAGS, map(_bag_row, facts.bags)),
        _section("Push certificates", _CERTIFICATES, _certificate_rows(facts.push_certificates, time)),
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


def _paragraph(told: Paragraph) -> str:
    evidence = "".join(f"<li>{escape(line)}</li>" for line in told.evidence)
    step = f'<p class="step">{escape(told.next_step)}</p>' if told.next_step else ""
    heading = f"<h3>{escape(told.title)}</h3>"
    return f'<section class="{told.colour}">{heading}<ul>{evidence}</ul>{step}</section>'


_VERDICTS = ("path", "role", "verdict", "cause", "hop")


def _verdict_row(judged: Judgement) -> Fields:
    verdict = Cell(judged.verdict, COLOURS[judged.verdict])
    causes = ", ".join(finding.cause for finding in judged.findings)
    hops = ", ".join(dict.fromkeys(finding.hop for finding in judged.findings))
    return Cell(judged.path), Cell(judged.role), verdict, Cell(causes), Cell(hops)


def _matrix(facts: Facts) -> tuple[Sequence[str], Iterable[Fields]]:
    matrix = Matrix(facts)
    header, *rows = matrix.across() if len(facts.paths) <= _ACROSS else matrix.down()
    return [cell.text for cell in header], rows


_PATHS = ("path", "proxy", "names are resolved by", "roles")


def _path_row(path: ProbePath) -> Fields:
    """The proxy without its login."""
    proxy = path.proxy
    where = f"{proxy.scheme}://{endpoint_text(proxy.host, proxy.port)}" if proxy else "none"
    resolves = "nobody: a load balancer" if path.load_balancer else f"the resolver {path.resolver.name}"
    if proxy is not None:
        resolves = {"proxy": "the proxy", "both": f"{resolves} and the proxy"}.get(proxy.resolve, resolves)
    return Cell(path.name), Cell(where), Cell(resolves), Cell(", ".join(sorted(path.roles)))


_FAILURES = ("host", "port", "path", "address", "failure", "detail")


def _failure_rows(results: Iterable[Result]) -> Iterable[Fields]:
    failed = [(result, failure) for result in results if (failure := result.attempt.failure)]
    for (path, what), alike in groupby(sorted(failed, key=_in_order), key=_kind):
        rows = [_failure_row(result, failure) for result, failure in alike]
        yield from rows[:_MOST_ALIKE]
        if len(rows) > _MOST_ALIKE:
            yield map(Cell, (f"and {len(rows) - _MOST_ALIKE} more", "", path, "", what, ""))


_Failed = tuple[Result, Failure]


def _kind(failed: _Failed) -> tuple[str, str]:
    result, failure = failed
    return result.path, f"{failure.phase} {failure.reason}"


def _in_order(failed: _Failed) -> tuple[object, ...]:
    """By kind, and there as people count: 2-courier before 10-courier."""
    result, _ = failed
    return *_kind(failed), result.service, result.port, len(result.host), result.host


def _failure_row(result: Result, failure: Failure) -> Fields:
    return (
        Cell(result.host),
        Cell(str(result.port)),
        Cell(result.path),
        Cell(result.attempt.address or ""),
        Cell(f"{failure.phase} {failure.reason}", "red"),
        Cell(_in_full(failure)),
    )


def _in_full(failure: Failure) -> str:
    began = f"the answer began with {failure.evidence_text}" if failure.evidence else ""
    return "; ".join(filter(None, [failure.detail[:DETAIL_WIDTH], began]))


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
    return *bag_row(seen), Cell("; ".join(seen.disagreements), "yellow")


_CERTIFICATES = ("name", "expires", "topic", "SHA-1", "SHA-256")


def _certificate_rows(certificates: Iterable[PushCertificate], now: float) -> Iterable[Fields]:
    for each in certificates:
        yield *certificate_row(each, now), Cell(each.sha1 or ""), Cell(each.sha256 or "")


def _date(time: float | None) -> str:
    return "" if time is None else datetime.fromtimestamp(time, UTC).date().isoformat()
