"""The details: every kind of failure in full, how long the phases took, and failed lookups."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from statistics import median

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from netcheck.console.table import DETAIL_WIDTH, Row, cells, heading, prose, table, to_copy
from netcheck.console.wording import hosts_text, places_text
from netcheck.facts import Facts
from netcheck.grouping import in_turn
from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Finding, Fix
from netcheck.model.hosts import endpoint_text
from netcheck.model.results import Lookup, Result
from netcheck.telling.fields import Fields, balanced, seconds_text, ways_chosen
from netcheck.telling.rows import Cell

_MOST_SEEN = 5
"""How many replies of one kind are shown; then it is said how many more there are."""
_INDENT = (0, 0, 0, 4)


def render_details(facts: Facts) -> list[RenderableType]:
    probed = (result for field in Fields(facts).probed() for result in field.results)
    reached = [result for result in probed if result.attempt.failure is None]
    return [
        *_fixes(facts),
        *_failures(facts),
        *_headed("Median time of each phase", _durations(reached)),
        *_headed("Of that at each proxy", _leg_durations(reached)),
        *_headed("Chosen ways", _choices(facts.results)),
        *_headed("Load balancers", _balancers(facts.results)),
        *_headed("Failed lookups", _lookups(facts.lookups)),
    ]


def _fixes(facts: Facts) -> list[RenderableType]:
    """The lines that fix it, where they are known; not those that stand among others for the same owner."""
    fixes = {(each.finding.owner, fix): each.finding for each in facts.findings if (fix := each.finding.fix)}
    shown = [
        _fix(finding, fix)
        for (owner, fix), finding in fixes.items()
        if not any(owner == other and fix.is_part_of(larger) for other, larger in fixes)
    ]
    return [heading("Lines to add"), *shown] if shown else []


def _fix(finding: Finding, fix: Fix) -> RenderableType:
    title = Text(f"{finding.owner}, {finding.cause}", "yellow")
    return Group(title, prose(fix.intro), to_copy(fix.lines))


def _failures(facts: Facts) -> list[RenderableType]:
    """One block for each way in which a path fails: at which hosts and addresses, and what was seen."""
    failed = ((result, result.attempt.failure) for result in facts.results)
    kinds = in_turn(((result.path, why.phase, why.reason), result) for result, why in failed if why)
    if not kinds:
        return []
    order = {path.name: place for place, path in enumerate(facts.paths)}
    in_order = sorted(kinds.items(), key=lambda item: (order.get(item[0][0], 0), item[0]))
    return [heading("Failures in full"), *(_block(*kind, results) for kind, results in in_order)]


def _block(path: str, phase: Phase, reason: Reason, results: Sequence[Result]) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for label, text in [
        ("hosts", _places(results)),
        ("addresses", ", ".join(_addresses(results))),
        ("seen", "\n".join(_seen(results))),
    ]:
        if text:
            grid.add_row(Text(label), prose(text))
    times = "once" if len(results) == 1 else f"{len(results)} times"
    return Group(Text(f"{path}: {phase} {reason}, {times}", "red"), Padding(grid, _INDENT))


def _places(results: Iterable[Result]) -> str:
    return places_text((result.host, result.port) for result in results)


def _addresses(results: Iterable[Result]) -> list[str]:
    addresses = {
        result.attempt.address
        for result in results
        if result.attempt.address and not result.attempt.balancer  # those have a table of their own
    }
    return sorted(addresses, key=lambda address: (":" in address, ip_address(address).packed))


def _seen(results: Iterable[Result]) -> list[str]:
    seen = list(dict.fromkeys(filter(None, map(_reply, results))))
    more = [f"and {len(seen) - _MOST_SEEN} more of this kind"] if len(seen) > _MOST_SEEN else []
    return [*seen[:_MOST_SEEN], *more]


def _reply(result: Result) -> str:
    """Without what differs from one host to the next, which is listed beside it."""
    failure, address = result.attempt.failure, result.attempt.address
    if failure is None:
        return ""
    told = failure.detail[:DETAIL_WIDTH].replace(endpoint_text(result.host, result.port), "the host")
    told = told.replace(f"//{result.host}/", "//the host/")  # a URL, in which 443 is not written
    if address and not result.attempt.balancer:
        told = told.replace(endpoint_text(address, result.port), "the address")
    began = f"the answer began with {failure.evidence_text}" if failure.evidence else ""
    return "; ".join(filter(None, [told, began]))


def _durations(results: Iterable[Result]) -> list[Row]:
    took = (((each.path, each.service, str(each.port)), each.phases) for each in results)
    return _medians(took, "path", "service", "port")


def _leg_durations(results: Iterable[Result]) -> list[Row]:
    """Of paths with several proxies in a row: each proxy by itself."""
    asked = ((each.path, zip(each.attempt.proxies, each.attempt.legs, strict=False)) for each in results)
    took = (((path, proxy.url), leg) for path, legs in asked for proxy, leg in legs)
    return _medians(took, "path", "proxy")


def _medians(took: Iterable[tuple[tuple[str, ...], Mapping[Phase, float]]], *names: str) -> list[Row]:
    """One row for each place, with a column for each phase that ran anywhere.

    Without the session: that waits for what a peer may still say.
    """
    every = ((place, phase, each) for place, leg in took for phase, each in leg.items())
    times = in_turn(((place, phase), each) for place, phase, each in every if phase is not Phase.SESSION)
    phases = [phase for phase in Phase if phase in {ran for _, ran in times}]
    rows = [cells(*names, *(phase.replace("_", " ") for phase in phases))]
    for place in dict.fromkeys(place for place, _ in times):
        each_phase = (times.get((place, phase)) for phase in phases)
        rows.append(cells(*place, *(seconds_text(median(each)) if each else "-" for each in each_phase)))
    return rows


def _choices(results: Iterable[Result]) -> list[Row]:
    """One row for each answer of a PAC file or the environment."""
    rows = [cells("path", "said", "hosts and ports", "ways")]
    for chosen, alike in ways_chosen(results).items():
        where, failed = _places(alike), any(way.failure for way in chosen.ways)
        ways = Cell("; ".join(map(str, chosen.ways)), "bad" if failed else "")
        rows.append([*cells(chosen.path, chosen.said, where), ways])
    return rows


def _balancers(results: Iterable[Result]) -> list[Row]:
    """One row for each of a path and each way in which it does."""
    rows = [cells("path", "load balancer", "", "asked for")]
    for seen, alike in balanced(results).items():
        says = Cell(seen.says, "bad" if seen.failure else "good")
        rows.append([*cells(seen.path, seen.balancer), says, *cells(_places(alike))])
    return rows


def _lookups(lookups: Iterable[Lookup]) -> list[Row]:
    """One for each way in which a resolver fails: for which names and types."""
    alike = in_turn(
        ((lookup.resolver, lookup.rdtype, lookup.reason, lookup.detail[:DETAIL_WIDTH]), lookup.host)
        for lookup in lookups
        if lookup.reason is not None
    )
    rows = [cells("resolver", "type", "outcome", "names", "seen")]
    for (resolver, rdtype, reason, detail), hosts in alike.items():
        rows.append([*cells(resolver, rdtype), Cell(reason, "bad"), *cells(hosts_text(hosts), detail)])
    return rows


def _headed(title: str, rows: Sequence[Row]) -> list[RenderableType]:
    """A table under its headings; nothing where there are only headings."""
    return [Group(heading(title), table(rows))] if len(rows) > 1 else []
