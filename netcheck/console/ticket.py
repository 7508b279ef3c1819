"""Texts to forward: one for each owner, with all that is asked of them over every path and role.

Owns what a reader who knows nothing of netcheck needs: what to change, from where to where, what was seen and
when, how to confirm. Knows facts only.
"""

import shlex
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from netcheck.answers import evidence_lines, over
from netcheck.console.wording import kept_together, places_text, said_once, sentences, with_spaces
from netcheck.facts import Facts, PathFinding
from netcheck.model.failing import Phase
from netcheck.model.findings import Finding, Hop, Judgement, Verdict, best, worst
from netcheck.model.paths import Family, ProbePath, Proxy, ProxyScheme, Role, endpoint_text
from netcheck.model.results import Result
from netcheck.model.services import TlsSettings, hosts_on
from netcheck.phrases import listed, time_text

_WIDTH = 76
"""As in a letter. Commands stay in one line, to be copied."""
_OURSELVES = "whoever runs netcheck here"
_DO_NOT_GET = (
    "Phones, tablets and Macs here do not get their push notifications (Apple Push Notification service, "
    "APNs), so commands of the device management (MDM) do not arrive."
)
_SUFFER: Mapping[tuple[Role, Verdict], str] = {
    (Role.DEVICE, Verdict.NOT_READY): _DO_NOT_GET,
    (Role.DEVICE, Verdict.FALLBACK_ONLY): "Phones, tablets and Macs here get their push notifications (Apple "
    "Push Notification service, APNs) late, and on Wi-Fi or Ethernet only: their usual port is blocked, and "
    "it takes them about 30 s to fall back to another one.",
    (Role.DEVICE, Verdict.DEGRADED): "Some phones, tablets and Macs here do not get their push notifications "
    "(Apple Push Notification service, APNs), or not each time, so commands of the device management (MDM) "
    "arrive late or not at all.",
    (Role.PROVIDER, Verdict.NOT_READY): "The server for device management (MDM) here cannot send push "
    "notifications (Apple Push Notification service, APNs), so no device gets its commands.",
    (Role.PROVIDER, Verdict.DEGRADED): "The server for device management (MDM) here cannot send push "
    "notifications (Apple Push Notification service, APNs) each time, so commands arrive late or not at all.",
}
"""What it means for people, by who suffers and how much."""
_WHERE = {Role.DEVICE: " that connect {} ", Role.PROVIDER: " here, where it connects {}, "}
_DNS = 53
_MOST_WRONG = 2
"""Addresses that are named."""
_LARGE_IN_OPENSSL, _LARGE_IN_CURL = " -groups X25519MLKEM768", "--curves X25519MLKEM768 "
"""For a first message as large as devices send it."""
_FAMILY_FLAGS = {Family.IPV4: "-4 ", Family.IPV6: "-6 "}
_WITH_NAMES = {ProxyScheme.SOCKS5: ProxyScheme.SOCKS5H, ProxyScheme.SOCKS4: ProxyScheme.SOCKS4A}


class Confirmation(NamedTuple):
    """How the owners see that it is done."""

    outcome: str
    command: str


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


def _reader(finding: Finding) -> str:
    """Who can do it: where the remedy is in netcheck's own config, that is not the owner of the hop."""
    return finding.asked if finding.next_step.startswith(f"Ask {finding.asked} ") else _OURSELVES


def _asked(finding: Finding, origin: Origin) -> str:
    """The next step as it is said to its owner, who knows nothing of netcheck, its machine and its config."""
    prefix = f"Ask {finding.asked} "
    if not finding.next_step.startswith(prefix):
        return finding.next_step
    step = finding.next_step.removeprefix(prefix).replace("netcheck's machine", origin.machine)
    asked, *others = sentences(step)
    is_order = asked.startswith("to ")
    order = asked.removeprefix("to ").replace(" or to ", " or ") if is_order else f"find out {asked}"
    return " ".join([f"Please {order}", *(each for each in others if "in the config" not in each)])


def _ticket(facts: Facts, origin: Origin, owner: str, asked: Sequence[Sequence[PathFinding]]) -> str:
    judgements = [judged for alike in asked for found in alike for judged in found.judgements]
    measured = (
        f"Measured on {origin.machine}, {_when(origin.time)}, with netcheck {origin.version}, "
        "which opens connections as devices and MDM servers do."
    )
    steps = said_once(_asked(alike[0].finding, origin) for alike in asked)
    requests = [_request(facts, step, alike) for step, alike in zip(steps, asked, strict=True)]
    if len(requests) > 1:
        requests = [f"{number}. {text}" for number, text in enumerate(requests, 1)]
    suffer = [] if owner == _OURSELVES else _suffering(facts, judgements)
    parts = [f"To: {owner}", *map(_filled, [*suffer, measured]), *requests]
    return "\n\n".join(parts)


def _suffering(facts: Facts, judgements: Sequence[Judgement]) -> list[str]:
    """What it means for people; only of these paths, where another one serves them better."""
    texts = []
    for role in Role:
        its = [judged for judged in judgements if judged.role is role]
        if not its:
            continue
        verdict = worst(each.verdict for each in its)
        if (text := _SUFFER.get((role, verdict))) is None:
            continue
        if best(each.verdict for each in facts.judgements if each.role is role) is not verdict:
            names = {judged.path for judged in its}
            ways = listed([over(path) for path in facts.paths if path.name in names])
            text = text.replace(" here ", _WHERE[role].format(ways), 1)
        texts.append(text)
    return texts


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
    shown = _confirmations(facts, *ways[0]) if ways else []
    if not shown:
        return told
    commands = "\n".join(f"    {each.command}" for each in shown)
    these = "this" if len(shown) == 1 else "each of these"
    return f"{told}\nTo confirm: {these} {shown[0].outcome}.\n{commands}"


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
    if all(map(_is_unresolved, results)):
        servers = [f"{server} port {port}" for server, port in _nameservers(facts, path)]
        return f"{listed(servers) or 'the resolver'}, DNS"
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
    failing: dict[tuple[str, int], set[str]] = {}
    for result in results:
        failing.setdefault((result.service, result.port), set()).add(result.host)
    for (name, port), hosts in failing.items():
        tried = [e for e in facts.endpoints if (e.service, e.port, e.path) == (name, port, path.name)]
        is_all = len(hosts) > 1 and all(endpoint.host in hosts for endpoint in tried)
        for host in hosts_on(services[name], path) if is_all and name in services else hosts:
            yield host, port


def _is_unresolved(result: Result) -> bool:
    return result.attempt.failure is not None and result.attempt.failure.phase is Phase.RESOLVE


def _nameservers(facts: Facts, path: ProbePath) -> list[tuple[str, int]]:
    """Address and port of each that was asked on this path, the first one first."""
    configured = [(server.address, server.port) for server in path.resolver.nameservers]
    if configured:
        return configured
    asked = dict.fromkeys(
        tried.nameserver
        for lookup in facts.lookups
        if lookup.resolver == path.resolver.name
        for tried in lookup.tries
    )
    split = (server.rpartition(":") for server in asked)
    return [(address.strip("[]"), int(port)) for address, _, port in split]


def _confirmations(facts: Facts, path: ProbePath, results: Sequence[Result]) -> list[Confirmation]:
    """Commands that everybody has, one for each port, and what they must do."""
    first = {result.port: result for result in reversed(results) if result.attempt.failure}
    if any(map(_is_unresolved, first.values())):
        host = results[0].host
        return [Confirmation(f"must print addresses{_not_these(facts, path, host)}", _dig(facts, path, host))]
    shown = [_confirmation(facts, path, first[port]) for port in sorted(first)]
    return [each for each in shown if each.outcome == shown[0].outcome]


def _not_these(facts: Facts, path: ProbePath, host: str) -> str:
    """What a resolver gives now in place of the addresses that lead there."""
    given = {
        address
        for lookup in facts.lookups
        if (lookup.host, lookup.resolver) == (host, path.resolver.name)
        for address in lookup.addresses
    }
    return f", and not {listed(sorted(given)[:_MOST_WRONG])}" if given else ""


def _tls_of(facts: Facts, result: Result) -> TlsSettings:
    """What its service speaks of in TLS."""
    services = (service for service in facts.services if service.name == result.service)
    return next((service.tls for service in services if result.host in service.hosts), TlsSettings())


def _where(facts: Facts, path: ProbePath, failed: Result) -> str:
    """What to connect to: the name, or the address that fails, where others of the name may well work."""
    attempt = failed.attempt
    if attempt.balancer:
        return attempt.balancer
    asked = (failed.host, path.resolver.name, attempt.family)
    known = {
        address
        for lookup in facts.lookups
        if (lookup.host, lookup.resolver, lookup.rdtype.family) == asked
        for address in lookup.addresses
    }
    place = (failed.path, failed.port, attempt.family)
    some_work = any(
        each.attempt.failure is None
        for each in facts.results
        if (each.path, each.port, each.attempt.family) == place
    )
    is_one_of_several = some_work and len(known) > 1
    return endpoint_text((is_one_of_several and attempt.address) or failed.host, failed.port)


def _family_flag(facts: Facts, failed: Result) -> str:
    """For nc and openssl, where the other family works: they would take that one and succeed."""
    place = (failed.path, failed.host, failed.port)
    alike = [each.attempt for each in facts.results if (each.path, each.host, each.port) == place]
    working = {attempt.family for attempt in alike if attempt.failure is None}
    flag = _FAMILY_FLAGS.get(failed.attempt.family, "")
    return flag if working and failed.attempt.family not in working else ""


def _confirmation(facts: Facts, path: ProbePath, result: Result) -> Confirmation:
    """With what netcheck itself says in TLS: a filter may go by the name, and Apple by the protocol."""
    tls, family_flag = _tls_of(facts, result), _family_flag(facts, result)
    name = tls.server_name or result.host
    shown = "certificate issued by Apple" if tls.is_apples else f"valid certificate for {name}"
    certificate = f"must show a {shown}"
    is_large = result.large_hello is not None
    if is_large:
        certificate += ", with OpenSSL 3.5 or later"
    if proxies := result.attempt.proxies or path.proxies:
        asked = name if result.attempt.connected else result.host
        return Confirmation(certificate, _curl(proxies[-1], result, asked, _LARGE_IN_CURL * is_large))
    peer = _where(facts, path, result)
    if not result.attempt.connected:
        source = path.binding.source(result.attempt.family)
        from_here = f"-s {source} " if source else ""
        host, _, port = peer.rpartition(":")
        return Confirmation("must succeed", f"nc {family_flag}-vz {from_here}{host.strip('[]')} {port}")
    offered = f" -alpn {','.join(tls.alpn)}" if tls.alpn else ""
    groups = _LARGE_IN_OPENSSL * is_large
    command = f"openssl s_client {family_flag}-connect {peer} -servername {name}{offered}{groups} </dev/null"
    return Confirmation(certificate, command)


def _dig(facts: Facts, path: ProbePath, host: str) -> str:
    """At the resolver that was asked: at its owners' desk another one would answer."""
    asked = next(iter(_nameservers(facts, path)), None)
    if asked is None:
        return f"dig {host} +short"
    server, port = asked
    return f"dig @{server} {f'-p {port} ' if port != _DNS else ''}{host} +short"


def _curl(proxy: Proxy, result: Result, name: str, options: str = "") -> str:
    """The name goes to the proxy, as it does when devices ask; not in SOCKS4, which takes none.

    Couriers have certificates of an authority of Apple's own, which curl does not know: -k shows them still.
    """
    scheme = _WITH_NAMES.get(proxy.scheme, proxy.scheme)
    address = f"{scheme}://{proxy.place}"
    asked = endpoint_text(result.host, result.port)
    elsewhere = "" if name == result.host else f"--connect-to ::{asked} "
    url = f"https://{endpoint_text(name, result.port)}/"
    return f"curl -vk {options}--proxy {address} {_login(proxy)}{elsewhere}{url}"


def _login(proxy: Proxy) -> str:
    """As netcheck logs in; curl asks for the password, or takes the ticket that kinit has fetched."""
    credentials = proxy.credentials
    if credentials is None:
        return ""
    if credentials.keytab is not None or credentials.ticket_cache is not None:
        return "--proxy-negotiate --proxy-user : "
    is_http = proxy.scheme in (ProxyScheme.HTTP, ProxyScheme.HTTPS)
    way = f"--proxy-{credentials.auth or 'anyauth'} " if is_http else ""
    return f"{way}--proxy-user {shlex.quote(credentials.username)} "


def _filled(text: str) -> str:
    kept = kept_together(text)
    return with_spaces(textwrap.fill(kept, _WIDTH, break_long_words=False, break_on_hyphens=False))
