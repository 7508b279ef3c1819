"""One probe as text, phase by phase: what `/probe` answers with, and what incidents keep."""

from netcheck.model.hosts import endpoint_text
from netcheck.model.paths import way_text
from netcheck.model.results import Choice, Lookup, Result, TlsInfo, Visit
from netcheck.phrases import time_text


def of_visit(visit: Visit) -> str:
    """Everything that a visit saw."""
    parts = [*map(of_lookup, visit.lookups), *map(of_result, visit.results)]
    return "\n".join(parts) or "nothing was probed: the name has no address\n"


def of_lookup(lookup: Lookup) -> str:
    """A line for the outcome and one for each try that it took."""
    answer = (
        ", ".join(lookup.addresses) if lookup.reason is None else f"{lookup.reason} {lookup.detail}".strip()
    )
    tries = [
        f"  {each.nameserver} over {each.transport}: {each.reason or 'answered'} {_ms(each.duration)}"
        for each in lookup.tries
    ]
    head = f"{lookup.host} {lookup.rdtype}, asked of {lookup.resolver}: {answer}"
    return "\n".join([head, *tries, ""])


def of_result(result: Result) -> str:
    """A line for the target, one for each phase that ran, and what else the peer showed."""
    attempt, failure = result.attempt, result.attempt.failure
    asked = attempt.balancer or attempt.address
    at = f" at {asked}" if asked not in (None, result.host) else ""
    where = f"{endpoint_text(result.host, result.port)}{at}"
    lines = [f"{result.service} {where}, over {result.path} ({attempt.family}), {time_text(attempt.time)}"]
    for phase, seconds in result.phases.items():
        failed = failure is not None and failure.phase is phase
        lines.append(f"  {phase:<16}{_ms(seconds):>12}  {failure.reason if failure and failed else 'ok'}")
    for proxy, phases in zip(attempt.proxies, attempt.legs, strict=False):
        took = ", ".join(f"{phase} {_ms(seconds)}" for phase, seconds in phases.items())
        lines.append(f"    of that at {proxy.url}: {took}")
    if failure is not None:
        if failure.phase not in result.phases:
            lines.append(f"  {failure.phase:<16}{'':>12}  {failure.reason}")
        lines.append(f"  {failure.detail}" if failure.detail else "")
        if failure.evidence:
            lines.append(f"  the answer began with {failure.evidence_text}")
    if result.choice is not None:
        lines += _choice(result.choice)
    if attempt.rtt is not None:
        lines.append(f"  round trip      {_ms(attempt.rtt):>12}")
    if attempt.tls is not None:
        lines += _certificate(attempt.tls)
    return "\n".join([*filter(None, lines), ""])


def _choice(choice: Choice) -> list[str]:
    said = choice.said or "an empty answer"
    lines = [f"  the way was chosen by {said}{'' if choice.names_a_way else ', which names none: as DIRECT'}"]
    if choice.trouble:
        lines.append(f"  by an older file, as the newest could not be read: {choice.trouble}")
    for attempt in choice.attempts:
        failure = attempt.failure
        ended = f"{failure.phase} {failure.reason}, {failure.detail}" if failure else "ok"
        lines.append(f"    {way_text(attempt.proxies)}: {ended}")
    return lines


def _certificate(tls: TlsInfo) -> list[str]:
    until = "" if tls.not_after is None else f", until {time_text(tls.not_after)}"
    return [
        f"  certificate of {tls.subject or 'nobody'}{until}",
        f"  issued by {tls.issuer}, vouched for by {tls.trust}",
        f"  {tls.version or 'TLS'}, ALPN {tls.alpn or 'none'}",
    ]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.{1 if seconds >= 0.01 else 2}f} ms"
