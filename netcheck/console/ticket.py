"""Texts to forward: one for each owner, with all that is asked of them over every path and role.

Owns what a reader who knows nothing of netcheck needs: what to change, from where to where, what was seen and
when, how to confirm. Knows facts only.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from netcheck.console.confirming import confirmations
from netcheck.console.failed import is_unresolved, lacks_pac_file, nameservers
from netcheck.console.suffering import who_suffers
from netcheck.console.wording import kept_together, places_text, said_once, sentences, with_spaces
from netcheck.facts import Facts, PathFinding
from netcheck.grouping import grouped
from netcheck.model.findings import Finding, Hop
from netcheck.model.paths import ProbePath, Transport
from netcheck.model.results import Result
from netcheck.model.services import hosts_on
from netcheck.phrases import listed, time_text
from netcheck.telling.answers import evidence_lines

_OF_OURS = re.compile(r"\b(?:in the|write a) config\b|--[a-z]|in the environment of netcheck")
"""What no owner of another hop can change: what netcheck is told."""
_ITS = re.compile(r"\bits\b")
_WIDTH = 76
"""As in a letter. Commands stay in one line, to be copied."""
_OURSELVES = "whoever runs netcheck here"
_DNS_OVER = {Transport.UDP: "DNS", Transport.TCP: "DNS over TCP", Transport.TLS: "DNS over TLS"}


@dataclass(frozen=True, slots=True)
class Origin:
    """From where it was measured, with what, and when."""

    machine: str
    version: str
    time: float
    """Unix seconds."""


def tickets(facts: Facts, origin: Origin, hop: Hop | None = None) -> list[str]:
    """One text for each owner, the worst first; of one hop only where it is given."""
    owners: dict[str, list[Sequence[PathFinding]]] = {}
    for alike in facts.requests:
        finding = alike[0].finding
        if hop in (None, finding.hop) and not finding.is_remark:
            owners.setdefault(_reader(finding), []).append(alike)
    return [_ticket(facts, origin, owner, requests) for owner, requests in owners.items()]


def _for_others(finding: Finding) -> str | None:
    """What somebody else is asked for; None where the remedy is in netcheck's own config."""
    step = finding.next_step.removeprefix(f"Ask {finding.asked} ")
    return None if step == finding.next_step else step


def _reader(finding: Finding) -> str:
    return _OURSELVES if _for_others(finding) is None else finding.asked


def _asked(finding: Finding, origin: Origin) -> str:
    """The next step as it is said to its owner, who knows nothing of netcheck, its machine and its config."""
    if (step := _for_others(finding)) is None:
        return finding.next_step
    asked, *others = sentences(step.replace("netcheck's machine", origin.machine))
    is_order = asked.startswith("to ")
    order = asked.removeprefix("to ").replace(" or to ", " or ") if is_order else f"find out {asked}"
    order = _ITS.sub("your", order)  # the owner's, who is named no more
    return " ".join([f"Please {order}", *(each for each in others if not _OF_OURS.search(each))])


def _ticket(facts: Facts, origin: Origin, owner: str, asked: Sequence[Sequence[PathFinding]]) -> str:
    told = [alike for alike in asked if owner != _OURSELVES or alike[0].finding.hop is Hop.APPLE]
    suffer = who_suffers(facts, [found for alike in told for found in alike])
    measured = (
        f"Measured on {origin.machine}, {_when(origin.time)}, with netcheck {origin.version}, "
        "which opens connections as devices and MDM servers do."
    )
    steps = said_once(_asked(alike[0].finding, origin) for alike in asked)
    requests = [_request(facts, step, alike) for step, alike in zip(steps, asked, strict=True)]
    if len(requests) > 1:
        requests = [f"{number}. {text}" for number, text in enumerate(requests, 1)]
    parts = [f"To: {owner}", *map(_filled, [*suffer, measured]), *requests]
    return "\n\n".join(parts)


def _request(facts: Facts, step: str, alike: Sequence[PathFinding]) -> str:
    """What is asked for, over every path for which it is the same."""
    finding = alike[0].finding
    paths = {path.name: path for path in facts.paths}
    ways = [(paths[found.judgements[0].path], found.finding.about) for found in alike if found.finding.about]
    lines = [
        step,
        *(f"From: {_sources(path, results)}" for path, results in ways),
        *dict.fromkeys(f"To: {_targets(facts, path, results)}" for path, results in ways),
    ]
    seen = [line.rstrip(".") for line in evidence_lines(alike)]
    lines.append(f"Seen: {'; '.join([*seen, *filter(None, [finding.reply.rstrip('.')])])}.")
    told = "\n".join([*map(_filled, lines), *_lines_to_add(finding)])
    shown = confirmations(facts, *ways[0]) if ways else []
    if not shown:
        return told
    commands = "\n".join(f"    {each.command}" for each in shown)
    these = "this" if len(shown) == 1 else "each of these"
    return f"{told}\n{_filled(f'To confirm: {these} {shown[0].outcome}.')}\n{commands}"


def _lines_to_add(finding: Finding) -> list[str]:
    """Uncut, to be copied by the owner of the hop; not where they only are likely to have this program."""
    if finding.fix is None or not finding.fix.is_known or _reader(finding) == _OURSELVES:
        return []
    return [_filled(finding.fix.intro), *(f"    {line}" for line in finding.fix.lines)]


def _when(time: float) -> str:
    """In UTC and in the time of this machine, to the second."""
    utc = datetime.fromtimestamp(time, UTC)
    local = utc.astimezone()
    here = f" ({local:%H:%M:%S %Z})" if local.utcoffset() else ""
    return f"{time_text(time)}{here}"


def _sources(path: ProbePath, results: Iterable[Result]) -> str:
    sources = sorted({result.attempt.source for result in results if result.attempt.source})
    interface = f", interface {path.binding.interface}" if path.binding.interface else ""
    return f"{listed(sources) if sources else 'this machine'}{interface} (path {path.name})"


def _targets(facts: Facts, path: ProbePath, results: Sequence[Result]) -> str:
    """Names and ports, and at what or through what they are asked for."""
    if all(map(is_unresolved, results)):
        servers = [f"{server} port {port}" for server, port in nameservers(facts, path)]
        return f"{listed(servers) or 'the resolver'}, {_DNS_OVER[path.resolver.transport]}"
    if all(map(lacks_pac_file, results)):
        return f"the PAC file {path.chosen_by}"
    asked_at = ""
    asked = dict.fromkeys(proxy.url for result in results for proxy in result.attempt.proxies or path.proxies)
    if through := listed(list(asked)):
        asked_at = f"; through the proxy {through}"
    elif path.load_balancer:
        places = dict.fromkeys(filter(None, (result.attempt.balancer for result in results)))
        asked_at = f"; at the load balancer {listed(list(places))}"
    return places_text(_places(facts, path, results)) + asked_at


def _places(facts: Facts, path: ProbePath, results: Sequence[Result]) -> Iterator[tuple[str, int]]:
    """The hosts and ports that fail; all of a service's, where none of a sample was reached on the port."""
    services = {service.name: service for service in facts.services}
    failing = grouped(((result.service, result.port), result.host) for result in results)
    for (name, port), hosts in failing.items():
        tried = [e for e in facts.endpoints if (e.service, e.port, e.path) == (name, port, path.name)]
        is_all = len(hosts) > 1 and all(endpoint.host in hosts for endpoint in tried)
        for host in hosts_on(services[name], path) if is_all and name in services else hosts:
            yield host, port


def _filled(text: str) -> str:
    kept = kept_together(text)
    return with_spaces(textwrap.fill(kept, _WIDTH, break_long_words=False, break_on_hyphens=False))
