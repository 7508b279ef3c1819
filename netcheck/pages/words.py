"""Verdicts and causes in words that need no knowledge of networks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from netcheck.model.findings import Cause, Finding, Judgement, Verdict
from netcheck.model.paths import Role

NOTHING_JUDGED = "Nothing here is required, so there is no verdict; see `required` in the config."

_WHO = {Role.DEVICE: "Phones", Role.PROVIDER: "The MDM server"}
_DOES: Mapping[Role, Mapping[Verdict, str]] = {
    Role.DEVICE: {
        Verdict.READY: "get push",
        Verdict.DEGRADED: "get push, but not always",
        Verdict.FALLBACK_ONLY: "get push on Wi-Fi only",
        Verdict.UNKNOWN: "are not measured yet",
        Verdict.NOT_READY: "get no push",
    },
    Role.PROVIDER: {
        Verdict.READY: "can send push",
        Verdict.DEGRADED: "can send push, but not always",
        Verdict.FALLBACK_ONLY: "can send push over another port only",
        Verdict.UNKNOWN: "is not measured yet",
        Verdict.NOT_READY: "cannot send push",
    },
}
PHRASES: Mapping[Cause, str] = {
    Cause.INTERNAL: "netcheck itself has a fault",
    Cause.LOCAL_NETWORK_DOWN: "this network has no way out at all",
    Cause.LOCAL_MACHINE: "the machine that runs netcheck cannot use this path",
    Cause.CLOCK_WRONG: "the clock of the machine that runs netcheck is wrong",
    Cause.PATH_OPEN: "this path is open, and should be blocked",
    Cause.PACKET_LOSS: "packets are lost on the way",
    Cause.DNS_SINKHOLE: "{owner} blocks the names",
    Cause.DNS_FAILURE: "{owner} does not find the addresses",
    Cause.PROXY_AUTH: "{owner} does not accept the login",
    Cause.PROXY_DOWN: "{owner} is down",
    Cause.APPLE_UNREACHABLE: "Apple does not answer",
    Cause.PROXY_OVERLOADED: "{owner} is overloaded",
    Cause.PROXY_DENIES_PORT: "{owner} refuses {ports}",
    Cause.PROXY_DENIES_HOST: "{owner} refuses the hosts",
    Cause.PROXY_CANNOT_RESOLVE: "{owner} does not find the addresses",
    Cause.APPLE_CERTIFICATE: "a certificate of Apple's has expired",
    Cause.BALANCER_ENDS_TLS: "{owner} decrypts the connections",
    Cause.BALANCER_MEMBERS_DOWN: "servers behind {owner} are down",
    Cause.BALANCER_DOWN: "{owner} is down",
    Cause.SERVICE_CERTIFICATE: "the certificate of your own service is not valid",
    Cause.SERVICE_DOWN: "your own service is down",
    Cause.PROXY_CANNOT_CONNECT: "{owner} does not get through",
    Cause.TLS_INTERCEPTED: "{owner} decrypts the connections",
    Cause.WRONG_PEER: "a stranger answers in place of the service",
    Cause.PROXY_RESOLVES_DIFFERENTLY: "{owner} finds other addresses",
    Cause.PROXY_FALSE_SUCCESS: "{owner} says it is connected, and is not",
    Cause.TLS_STALLS: "answers to encrypted connections are lost",
    Cause.TLS_BLOCKED: "{owner} ends encrypted connections",
    Cause.SESSION_BROKEN: "{owner} ends the connections",
    Cause.RANGE_BLOCKED: "some of Apple's addresses are blocked",
    Cause.IPV6_BROKEN: "IPv6 does not work",
    Cause.IPV4_BROKEN: "IPv4 does not work",
    Cause.PORT_BLOCKED: "{ports} blocked",
    Cause.INTERMITTENT: "connections fail now and then",
    Cause.HOSTS_BLOCKED: "some hosts are blocked",
    Cause.HOSTS_UNREACHABLE: "some hosts cannot be reached",
    Cause.DNS_DIFFERS: "{owner} gives other answers than it should",
    Cause.PROXY_SLOW: "{owner} is slow",
}


class Said(NamedTuple):
    """`WHO on PATH WHAT`: a verdict as a sentence, in parts, so that the path can stand out."""

    who: str
    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.who} on {self.path} {self.what}"


def said(judged: Judgement) -> Said:
    what = _DOES[judged.role][judged.verdict]
    if judged.verdict not in (Verdict.READY, Verdict.UNKNOWN):
        cause = judged.findings[0] if judged.findings else None
        what += f": {phrase(cause)}" if cause else ", as the config expects" if judged.is_expected else ""
    return Said(_WHO[judged.role], judged.path, f"{what}.")


def phrase(finding: Finding) -> str:
    """The cause in some words that go on after a colon, such as `port 5223 is blocked`."""
    return PHRASES[finding.cause].format(owner=finding.owner or f"the {finding.hop}", ports=_ports(finding))


def _ports(finding: Finding) -> str:
    numbers = sorted({result.port for result in finding.about})
    is_blocked = finding.cause is Cause.PORT_BLOCKED
    if len(numbers) == 1:
        return f"port {numbers[0]}{' is' if is_blocked else ''}"
    named = f"ports {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}" if numbers else "the ports"
    return f"{named}{' are' if is_blocked else ''}"


def headline(judgements: Sequence[Judgement]) -> str:
    """All of it in one short sentence."""
    concerned = [
        judged for judged in judgements if judged.verdict is not Verdict.READY and not judged.is_expected
    ]
    paths = {judged.path for judged in judgements}
    if not judgements:
        return NOTHING_JUDGED
    for verdicts, single, several in (
        ({Verdict.NOT_READY}, "Push is broken on {path}.", "Push is broken on {count} of {all} paths."),
        (
            {Verdict.DEGRADED, Verdict.FALLBACK_ONLY},
            "Push works on {path} with limits.",
            "Push works with limits on {count} of {all} paths.",
        ),
        ({Verdict.UNKNOWN}, "{path} is not measured yet.", "{count} of {all} paths are not measured yet."),
    ):
        if names := _paths_with(concerned, verdicts):
            text = single if len(names) == 1 else several
            return text.format(path=names[0], count=len(names), all=len(paths))
    return "Push works on every path." if len(paths) > 1 else "Push works."


def _paths_with(judgements: Iterable[Judgement], verdicts: set[Verdict]) -> list[str]:
    return list(dict.fromkeys(judged.path for judged in judgements if judged.verdict in verdicts))


def lasting(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 20 min`, `5 days`: as exact as anyone wants to know."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 48 * 3600:
        hours, minutes = divmod(whole // 60, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{whole // 86400} days"
