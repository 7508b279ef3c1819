"""Texts to forward: one for each owner, with all that is asked of them over every path and role.

Owns what a reader who knows nothing of netcheck needs: what to change, from where to where, what was seen and
when, how to confirm. Knows facts only.
"""

import re
import shlex
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from netcheck.answers import joined
from netcheck.console.wording import places_text
from netcheck.facts import Facts, Found
from netcheck.model.failing import Phase
from netcheck.model.findings import Hop
from netcheck.model.paths import ProbePath, Proxy, ProxyScheme, Role, endpoint_text
from netcheck.model.results import Result

_WIDTH = 76
"""As in a letter. Commands stay in one line, to be copied."""
_OURSELVES = "whoever runs netcheck here"
_SUFFER = {
    Role.DEVICE: "Phones, tablets and Macs here do not get their push notifications as they should (Apple "
    "Push Notification service, APNs), so commands of the device management (MDM) do not arrive.",
    Role.PROVIDER: "The server for device management (MDM) here cannot send its push notifications as it "
    "should (Apple Push Notification service, APNs), so no device gets its commands.",
}
_APPLES = "must show a certificate issued by Apple"
_DNS = 53
_WITH_NAMES = {ProxyScheme.SOCKS5: ProxyScheme.SOCKS5H, ProxyScheme.SOCKS4: ProxyScheme.SOCKS4A}
_ASKED = re.compile(r"Ask .+? to (?=\w)")


class Confirmation(NamedTuple):
    """How the owners see that it is done."""

    outcome: str
    command: str


@dataclass(frozen=True, slots=True)
class Origin:
    """From where it was measured, and with what."""

    machine: str
    version: str


def tickets(facts: Facts, origin: Origin, hop: Hop | None = None) -> list[str]:
    """One text for each owner, the worst first; of one hop only where it is given."""
    owners: dict[str, list[Found]] = {}
    for found in facts.findings:
        if hop in (None, found.finding.hop) and not found.finding.is_remark:
            owners.setdefault(_reader(found), []).append(found)
    return [_ticket(facts, origin, owner, its) for owner, its in owners.items()]


def _reader(found: Found) -> str:
    """Who can do it: where the remedy is in netcheck's own config, that is not the owner of the hop."""
    return found.finding.owner if found.finding.next_step.startswith("Ask ") else _OURSELVES


def _ticket(facts: Facts, origin: Origin, owner: str, found: Sequence[Found]) -> str:
    roles = {judged.role for each in found for judged in each.judgements}
    about = [result for each in found for result in each.finding.about]
    measured = (
        f"Measured on {origin.machine}, {_when(about)}, with netcheck {origin.version}, "
        "which opens connections as devices and MDM servers do."
    )
    requests = [_request(facts, each) for each in found]
    if len(requests) > 1:
        requests = [f"{number}. {text}" for number, text in enumerate(requests, 1)]
    suffer = [] if owner == _OURSELVES else [text for role, text in _SUFFER.items() if role in roles]
    parts = [f"To: {_addressee(owner)}", *map(_filled, [*suffer, measured]), *requests]
    return "\n\n".join(parts)


def _addressee(owner: str) -> str:
    names_people = owner == _OURSELVES or owner.startswith(("Apple", "those who"))
    return owner if names_people else f"the owners of {owner}"


def _request(facts: Facts, found: Found) -> str:
    finding = found.finding
    paths = {path.name: path for path in facts.paths}
    path = paths[found.judgements[0].path]
    results = finding.about
    lines = [_ASKED.sub("Please ", finding.next_step, count=1)]
    if results:
        lines += [f"From: {_sources(path, results)}", f"To: {_targets(path, results)}"]
    seen = [*found.evidence, *filter(None, [finding.reply])]
    lines.append(f"Seen: {'; '.join(text.rstrip('.') for text in seen)}.")
    told = "\n".join(map(_filled, lines))
    how = _confirm(path, results[0]) if results else None
    return f"{told}\nTo confirm: this {how.outcome}.\n    {how.command}" if how else told


def _when(results: Iterable[Result]) -> str:
    """In UTC and in the time of this machine, to the second."""
    time = max((result.attempt.time for result in results), default=0.0)
    utc = datetime.fromtimestamp(time, UTC)
    local = utc.astimezone()
    here = f" ({local:%H:%M:%S %Z})" if local.utcoffset() else ""
    return f"{utc:%Y-%m-%d %H:%M:%S} UTC{here}"


def _sources(path: ProbePath, results: Iterable[Result]) -> str:
    sources = sorted({result.attempt.source for result in results if result.attempt.source})
    interface = f", interface {path.binding.interface}" if path.binding.interface else ""
    return f"{joined(sources) if sources else 'this machine'}{interface} (path {path.name})"


def _targets(path: ProbePath, results: Sequence[Result]) -> str:
    """Names and ports, and through what they are asked for."""
    if path.proxy is None:
        return places_text(results)
    proxy = path.proxy
    through = f"{proxy.scheme}://{endpoint_text(proxy.host, proxy.port)}"
    return f"{places_text(results)}; through the proxy {through}"


def _confirm(path: ProbePath, result: Result) -> Confirmation | None:
    """A command that everybody has, and what it must do; None where there is none."""
    failure = result.attempt.failure
    if failure is None:
        return None
    if failure.phase is Phase.RESOLVE:
        return Confirmation("must print addresses in 17.0.0.0/8", _dig(path, result.host))
    if path.proxy is not None:
        return Confirmation(_APPLES, _curl(path.proxy, result))
    host = result.attempt.address if path.load_balancer and result.attempt.address else result.host
    if failure.phase is Phase.CONNECT:
        source = f"-s {path.binding.source_ipv4} " if path.binding.source_ipv4 else ""
        return Confirmation("must succeed", f"nc -vz {source}{host} {result.port}")
    peer = endpoint_text(host, result.port)
    return Confirmation(_APPLES, f"openssl s_client -connect {peer} -servername {result.host} </dev/null")


def _dig(path: ProbePath, host: str) -> str:
    first = next(iter(path.resolver.nameservers), None)
    port = f"-p {first.port} " if first and first.port != _DNS else ""
    asked = f"@{first.address} {port}" if first else ""
    return f"dig {asked}{host} +short"


def _curl(proxy: Proxy, result: Result) -> str:
    """The name goes to the proxy, as it does when devices ask; not in SOCKS4, which takes none."""
    scheme = _WITH_NAMES.get(proxy.scheme, proxy.scheme)
    login = f"--proxy-user {shlex.quote(proxy.credentials.username)} " if proxy.credentials else ""
    address = f"{scheme}://{endpoint_text(proxy.host, proxy.port)}"
    return f"curl -v --proxy {address} {login}https://{endpoint_text(result.host, result.port)}/"


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
