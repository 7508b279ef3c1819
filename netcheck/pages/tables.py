"""The smaller tables of a page: failures that are alike, resolvers, certificates, bags and holds."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from netcheck.model.bags import FetchedBag
from netcheck.model.holds import Hold, HoldEnd
from netcheck.model.hosts import endpoint_text
from netcheck.model.push_certificates import Proof, PushCertificate
from netcheck.model.results import Lookup, Result
from netcheck.phrases import date_text, duration_text
from netcheck.telling.answers import said_of
from netcheck.telling.fields import Field, balanced, failure_text, ways_chosen
from netcheck.telling.rows import (
    BAG_HEADER,
    CERTIFICATE_HEADER,
    LONGEST,
    Cell,
    bag_row,
    certificate_row,
    proof_state,
)

_NAMED = 3
_ENDS = {
    None: "held on",
    HoldEnd.HELD: "outlived all that was asked for",
    HoldEnd.CLOSED: "then somebody closed it",
    HoldEnd.RESET: "then somebody reset it",
    HoldEnd.LOST: "then it was forgotten on the way, without a word",
    HoldEnd.LOCAL: "then it was ended here",
}


class Table(NamedTuple):
    """A table under a title. Nothing of it is shown where it has no rows."""

    name: str
    title: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]


def failures(results: Iterable[Result], fields: Iterable[Field], now: float) -> Table:
    """Those of one kind on a path are one row, the commonest first; what nobody minds stands last."""
    harmless = {(each.service.name, each.port, each.path.name): each.why_harmless for each in fields}
    alike: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        if (failure := result.attempt.failure) is not None:
            why = harmless.get((result.service, result.port, result.path), "")
            alike.setdefault((why, result.path, failure_text(failure)), []).append(result)
    in_order = sorted(alike.items(), key=lambda item: (item[0][0] != "", -len(item[1]), item[0]))
    rows = [_failure_row(*kind, of_kind, now) for kind, of_kind in in_order]
    return Table(
        "failures",
        "Failed probes",
        ("path", "failure", "probes", "latest", "where", "such as", "what was seen"),
        rows,
    )


def _failure_row(
    why_harmless: str, path: str, kind: str, alike: Sequence[Result], now: float
) -> Sequence[Cell]:
    where = _names(f"{result.service}:{result.port}" for result in alike)
    names = _names(result.host for result in alike)
    failure = alike[0].attempt.failure
    seen = failure.detail[:LONGEST] if failure else ""
    if failure and failure.evidence:
        seen += f"; the answer began with {failure.evidence_text}"
    latest = f"{duration_text(now - max(alike, key=lambda result: result.attempt.at).attempt.time)} ago"
    rest = [Cell(str(len(alike))), Cell(latest), where, names, Cell(seen)]
    if why_harmless:
        cells = [Cell(path), Cell(f"{why_harmless}: {kind}"), *rest]
        return [cell._replace(state="idle") for cell in cells]
    return [Cell(path), Cell(kind, "bad"), *rest]


def _names(names: Iterable[str]) -> Cell:
    """Three of them, each once, in the order of people: 2-courier before 10-courier."""
    in_order = sorted(set(names), key=lambda name: (len(name), name))
    more = f" and {len(in_order) - _NAMED} more" if len(in_order) > _NAMED else ""
    return Cell(f"{', '.join(in_order[:_NAMED])}{more}", is_list=True)


def resolvers(lookups: Iterable[Lookup]) -> Table:
    """A row for each resolver and each kind of its answers."""
    alike: dict[tuple[str, str, str], list[Lookup]] = {}
    for lookup in lookups:
        alike.setdefault((lookup.resolver, lookup.rdtype, lookup.outcome), []).append(lookup)
    rows = []
    for (resolver, rdtype, outcome), of_kind in sorted(alike.items()):
        state = "good" if outcome == "success" else "" if of_kind[0].was_answered else "bad"
        addresses = [address for each in of_kind for address in each.addresses]
        seen = _names(addresses) if addresses else Cell(of_kind[0].detail[:LONGEST])
        names = _names(each.host for each in of_kind)
        slowest = max(each.duration for each in of_kind)
        said = "answered" if outcome == "success" else outcome
        rest = [Cell(str(len(of_kind))), names, seen, Cell(f"{slowest * 1000:.0f} ms")]
        rows.append([Cell(resolver), Cell(rdtype), Cell(said, state), *rest])
    header = ("resolver", "type", "answer", "names", "such as", "addresses", "slowest")
    return Table("resolvers", "What resolvers answer", header, rows)


def push_certificates(certificates: Iterable[PushCertificate], proofs: Sequence[Proof], now: float) -> Table:
    """With the days that each has left at `now`, a Unix time, and what APNs says of those it was shown."""
    header = (*CERTIFICATE_HEADER, "SHA-1", *(["shown to APNs"] if proofs else []))
    rows = []
    for each in certificates:
        mine = [proof for proof in proofs if proof.name == each.name]
        shown = [_proofs_cell(mine)] if proofs else []
        rows.append([*certificate_row(each, now), Cell(each.sha1 or ""), *shown])
    return Table("certificates", "Push certificates", header, rows)


def _proofs_cell(proofs: Sequence[Proof]) -> Cell:
    """What it says over each path; the worst gives the state."""
    said = [f"{each.path}: {said_of(each)} ({each.detail[:LONGEST]})" for each in proofs]
    states = set(map(proof_state, proofs))
    return Cell("; ".join(said), next((state for state in ("bad", "worry", "good") if state in states), ""))


def peers(results: Iterable[Result]) -> Table:
    """A row for each issuer and day: whose certificates were shown, and where."""
    shown: dict[tuple[str, str, str], list[str]] = {}
    for result in results:
        if (tls := result.attempt.tls) is not None:
            expires = "" if tls.not_after is None else date_text(tls.not_after)
            where = f"{result.service}:{result.port} over {result.path}"
            shown.setdefault((tls.issuer, tls.trust, expires), []).append(where)
    rows = [[*map(Cell, issuer), _names(where)] for issuer, where in sorted(shown.items())]
    header = ("issuer", "vouched for by", "expires", "where")
    return Table("peers", "Certificates of peers", header, rows)


def chosen_ways(results: Iterable[Result]) -> Table:
    """A row for each answer of a PAC file or the environment, with how each of its ways did."""
    rows = []
    for chosen, alike in ways_chosen(results).items():
        failed = any(way.failure for way in chosen.ways)
        where = _names(endpoint_text(each.host, each.port) for each in alike)
        ways = Cell("; ".join(map(str, chosen.ways))[:LONGEST], "worry" if failed else "good")
        rows.append([Cell(chosen.path), Cell(chosen.said[:LONGEST]), where, ways])
    return Table("chosen", "Ways that are chosen for each host", ("path", "said", "where", "ways"), rows)


def load_balancers(results: Iterable[Result]) -> Table:
    """A row for each of a path and each way in which it does."""
    rows = []
    for seen, alike in balanced(results).items():
        where = _names(endpoint_text(each.host, each.port) for each in alike)
        says = Cell(seen.says, "bad" if seen.failure else "good")
        rows.append([Cell(seen.path), Cell(seen.balancer), says, where])
    return Table("balancers", "Load balancers", ("path", "load balancer", "how it does", "asked for"), rows)


def bags(seen: Iterable[FetchedBag]) -> Table:
    rows = [[*bag_row(each), Cell("; ".join(each.disagreements), "worry")] for each in seen]
    return Table("bags", "What the bags say", (*BAG_HEADER, "remarks"), rows)


def holds(latest: Iterable[Hold]) -> Table:
    """How long a silent connection lives on each path: too short a time, and devices reconnect all day."""
    rows = [
        [
            Cell(hold.key.service),
            Cell(hold.key.path),
            Cell(hold.key.family),
            Cell(duration_text(hold.longest)),
            Cell(_ENDS[hold.end], "worry" if hold.end in (HoldEnd.LOST, HoldEnd.RESET) else ""),
        ]
        for hold in latest
    ]
    header = ("service", "path", "family", "silent for", "and then")
    return Table("holds", "Connections held idle", header, rows)
