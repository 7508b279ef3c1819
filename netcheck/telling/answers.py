"""The answer to what people ask, in a sentence for each role: can devices, can the MDM server use Apple push?

Knows facts only. The console, the status page and the report begin with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from netcheck.facts import Facts, PathFinding
from netcheck.grouping import in_turn
from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Cause, Finding, Hop, Judgement, Verdict, best
from netcheck.model.paths import Expected, ProbePath, Role
from netcheck.model.push_certificates import Acceptance, Proof
from netcheck.phrases import as_sentence, listed, ports_text

WHO: Mapping[Role, str] = {Role.DEVICE: "Devices", Role.PROVIDER: "MDM server"}
NOTHING_JUDGED = "no verdict: nothing that these paths lead to is required; see `required` in the config"

_IN_SHORT: Mapping[Cause, str] = {
    Cause.INTERNAL: "netcheck itself failed",
    Cause.LOCAL_NETWORK_DOWN: "nothing leads out of this network",
    Cause.LOCAL_MACHINE: "this machine itself stands in the way",
    Cause.CLOCK_WRONG: "this machine's clock is wrong",
    Cause.PATH_OPEN: "it is open, and should be blocked",
    Cause.PACKET_LOSS: "packets are lost",
    Cause.DNS_SINKHOLE: "DNS gives wrong addresses",
    Cause.DNS_FAILURE: "{names} not resolve",
    Cause.PROXY_AUTH: "the proxy wants a valid login",
    Cause.PROXY_DOWN: "the proxy does not work",
    Cause.APPLE_UNREACHABLE: "a service of Apple's is down",
    Cause.PROXY_OVERLOADED: "the proxy is overloaded",
    Cause.PROXY_DENIES_PORT: "the proxy denies {next_or_ports}",
    Cause.PROXY_DENIES_HOST: "the proxy denies {next_or_hosts}",
    Cause.PROXY_CANNOT_RESOLVE: "the proxy cannot resolve the names",
    Cause.APPLE_CERTIFICATE: "a certificate of Apple's has expired",
    Cause.BALANCER_HEADER: "load balancer and config differ about the PROXY protocol",
    Cause.BALANCER_ENDS_TLS: "the load balancer ends TLS itself",
    Cause.BALANCER_MEMBERS_DOWN: "members of the load balancer do not work",
    Cause.BALANCER_DOWN: "a load balancer does not answer",
    Cause.SERVICE_CERTIFICATE: "the certificate of your own server is not valid",
    Cause.SERVICE_DOWN: "your own server does not answer",
    Cause.PUSH_CERTIFICATE_REFUSED: "the push certificate cannot be used",
    Cause.PROXY_CANNOT_CONNECT: "the proxy cannot connect",
    Cause.TLS_INTERCEPTED: "somebody decrypts the connections{over}",
    Cause.WRONG_PEER: "somebody else answers{over}",
    Cause.PROXY_RESOLVES_DIFFERENTLY: "the proxy resolves the names differently",
    Cause.PROXY_FALSE_SUCCESS: "the proxy says that it is connected, and is not",
    Cause.LARGE_HELLO_BLOCKED: "TLS fails where it begins with a large message",
    Cause.TLS_STALLS: "TLS gets no answer{over}",
    Cause.TLS_BLOCKED: "TLS is cut off{over}",
    Cause.SESSION_BROKEN: "connections break after TLS{over}",
    Cause.RANGE_BLOCKED: "some of Apple's networks are blocked",
    Cause.IPV6_BROKEN: "IPv6 does not work",
    Cause.IPV4_BROKEN: "IPv4 does not work",
    Cause.PORT_BLOCKED: "{ports} {are} blocked{over}",
    Cause.INTERMITTENT: "connections fail at times{over}",
    Cause.HOSTS_BLOCKED: "{hosts} {hosts_are} blocked{over}",
    Cause.HOSTS_UNREACHABLE: "{hosts} {hosts_do} not answer{over}",
    Cause.DNS_DIFFERS: "DNS gives unexpected addresses",
    Cause.NAMESERVER_SILENT: "a nameserver does not answer",
    Cause.PAC_FAILED: "the PAC file {of_the_pac_file}",
    Cause.PAC_SPLITS: "the PAC file sends ports different ways",
    Cause.PAC_MEMBER_DOWN: "the PAC file names a proxy that is down",
    Cause.PROXY_LOGIN_NEEDED: "the proxy wants a login, which devices do not have",
    Cause.PROXY_MEMBER_DOWN: "an address of the proxy does not answer",
    Cause.PAC_OUTDATED: "the PAC file can no longer be read",
    Cause.PROXY_SLOW: "the proxy is slow",
    Cause.IDLE_FORGOTTEN: "idle connections end too soon",
    Cause.FALLBACK_BLOCKED: "the fallback fails ({ports}{over})",
}


_SAID: Mapping[Acceptance, str] = {
    Acceptance.ACCEPTED: "APNs accepts it",
    Acceptance.EXPIRED: "APNs refuses it: it has expired",
    Acceptance.REVOKED: "APNs refuses it: it was revoked",
    Acceptance.WRONG_TOPIC: "APNs refuses it for its topic",
    Acceptance.WRONG_ENVIRONMENT: "APNs refuses it: it is for the sandbox",
    Acceptance.OTHER_TOPIC: "devices listen to another topic",
    Acceptance.REFUSED: "APNs refuses it",
    Acceptance.UNPROVEN: "not proven",
}


def said_of(proof: Proof) -> str:
    """What APNs says of a push certificate."""
    return _SAID[proof.acceptance]


_MOST_WAYS = 4
"""How many paths a sentence names; one more than that is named, too."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How it stands with a role over all paths together."""

    role: Role
    verdict: Verdict
    """Of the best path: one that works is enough."""
    text: str
    """One sentence or more."""


def answers(facts: Facts) -> list[Answer]:
    """One for each role that anything was judged for."""
    paths = {path.name: path for path in facts.paths}
    grouped = {role: [each for each in facts.judgements if each.role is role] for role in Role}
    return [_answer(facts, paths, role, judged) for role, judged in grouped.items() if judged]


def in_short(finding: Finding) -> str:
    """What is wrong, as the part of a sentence after a colon."""
    if (finding.cause, finding.hop) == (Cause.PORT_BLOCKED, Hop.LOCAL_NETWORK):
        return "the NAT64 gateway of this network does not work"
    ports = {result.port for result in finding.about}
    hosts = {result.host for result in finding.about}
    is_one = len(hosts) == 1
    which_hosts = next(iter(hosts)) if is_one else "some hosts"
    next_proxy = "the next proxy" if all(result.attempt.next_proxy for result in finding.about) else ""
    return _IN_SHORT[finding.cause].format(
        ports=ports_text(ports),
        over=finding.over,
        next_or_ports=next_proxy or ports_text(ports),
        next_or_hosts=next_proxy or which_hosts,
        are="is" if len(ports) == 1 else "are",
        hosts=which_hosts,
        hosts_are="is" if is_one else "are",
        hosts_do="does" if is_one else "do",
        names=_names(finding),
        of_the_pac_file=_of_the_pac_file(finding),
    )


def _names(finding: Finding) -> str:
    """With its verb: whose it is, or a single one."""
    failed = {(r.host, r.attempt.failure.phase) for r in finding.about if r.attempt.failure}
    if {phase for _, phase in failed} == {Phase.PROXY_RESOLVE}:
        return "the proxy's name does"
    hosts = [host for host, phase in failed if phase is Phase.RESOLVE]
    return f"{hosts[0]} does" if hosts and len(failed) == 1 else "names do"


def _of_the_pac_file(finding: Finding) -> str:
    reasons = {result.attempt.failure.reason for result in finding.about if result.attempt.failure}
    if Reason.PAC_UNAVAILABLE in reasons:
        return "cannot be read"
    if Reason.PAC_FAULTY in reasons:
        return "has a fault"
    choices = [result.choice for result in finding.about if result.choice]
    return "names no proxy" if any(choice.names_a_way for choice in choices) else "names no way out"


def evidence_lines(alike: Iterable[PathFinding]) -> tuple[str, ...]:
    """What shows something that is wrong. Where that differs between paths or roles, it says which."""
    whose = in_turn(pair for found in alike for pair in zip(found.evidence, found.judgements, strict=True))
    roles = {line: listed(_each(WHO[judged.role] for judged in its)) for line, its in whose.items()}
    paths = {line: listed(_each(judged.path for judged in its)) for line, its in whose.items()}
    differing = [names for names in (roles, paths) if len(set(names.values())) > 1]
    labels = {line: ", ".join(names[line] for names in differing) for line in whose}
    return tuple(f"{label}: {line}" if label else line for line, label in labels.items())


def over(path: ProbePath) -> str:
    """The path as it stands in a sentence."""
    if path.is_relayed:
        return f"through {path.name}"
    return "directly" if path.name == "direct" else f"over {path.name}"


def _each(texts: Iterable[str]) -> list[str]:
    """Each once."""
    return list(dict.fromkeys(texts))


def _answer(facts: Facts, paths: Mapping[str, ProbePath], role: Role, judged: Sequence[Judgement]) -> Answer:
    """Paths that are blocked on purpose count where there are no others."""
    meant = [each for each in judged if paths[each.path].expected is not Expected.BLOCKED] or judged
    verdict = best(each.verdict for each in meant)
    so = [each for each in meant if each.verdict is verdict]
    others = [each for each in meant if each.verdict is not verdict]
    explained: Sequence[Judgement] = ()
    if verdict is Verdict.READY:
        text = f"yes, {_ways(facts, paths, so)}{_beside(paths, others)}."
    elif verdict is Verdict.UNKNOWN:
        text = f"not known yet, {listed(_few([over(paths[each.path]) for each in so]))}."
    elif verdict is Verdict.NOT_READY:
        explained = so
        text = f"no. {_reasons(paths, explained)}"
    else:
        explained = [*so, *others]
        limited = "on Wi-Fi and Ethernet only" if verdict is Verdict.FALLBACK_ONLY else "yes, with limits"
        text = f"{limited}. {_reasons(paths, explained)}"
    opened = _opened(paths, [each for each in judged if each not in explained])
    return Answer(role, verdict, " ".join(filter(None, [f"{WHO[role]}: {text}", opened])))


def _opened(paths: Mapping[str, ProbePath], judged: Iterable[Judgement]) -> str:
    """A path that should be blocked serves nobody by being open: how ready it is tells nothing of that."""
    ways = [over(paths[each.path]) for each in judged if each.cause is Cause.PATH_OPEN]
    return as_sentence(f"{listed(_few(ways))}: {_IN_SHORT[Cause.PATH_OPEN]}.") if ways else ""


def _few(ways: Sequence[str]) -> list[str]:
    """The first of them, and how many there are more."""
    left_out = len(ways) - _MOST_WAYS
    return [*ways[:_MOST_WAYS], f"{left_out} more paths"] if left_out > 1 else list(ways)


def _ways(facts: Facts, paths: Mapping[str, ProbePath], judged: Sequence[Judgement]) -> str:
    """The paths, and the ports that serve the role there; once for those of the same ports."""
    alike = in_turn((_ports_served(facts, each), over(paths[each.path])) for each in judged)
    return listed([f"{listed(_few(ways))}{ports}" for ports, ways in alike.items()])


def _ports_served(facts: Facts, judged: Judgement) -> str:
    """Those that are needed there; where none of these is reached, whatever is: devices use that too."""
    services = {need.service for need in judged.needs}
    reached = {
        (result.service, result.port)
        for result in facts.results
        if result.path == judged.path and result.attempt.failure is None and result.service in services
    }
    ports = {port for _, port in reached & judged.needs or reached}
    return f" ({ports_text(ports)})" if ports else ""


_OF_OTHERS: Mapping[Verdict, str] = {
    Verdict.NOT_READY: ", but not {}",
    Verdict.FALLBACK_ONLY: "; {} on Wi-Fi and Ethernet only",
    Verdict.DEGRADED: "; {} with limits",
    Verdict.UNKNOWN: "; not known yet {}",
}


def _beside(paths: Mapping[str, ProbePath], others: Sequence[Judgement]) -> str:
    """How it is on the paths that are not ready, where one is."""
    alike = {
        said: [over(paths[each.path]) for each in others if each.verdict is verdict]
        for verdict, said in _OF_OTHERS.items()
    }
    return "".join(
        said.format(listed(_few(ways), "or" if "not" in said else "and"))
        for said, ways in alike.items()
        if ways
    )


def _reasons(paths: Mapping[str, ProbePath], judged: Sequence[Judgement]) -> str:
    """What is wrong on each of the paths; those with the same reasons in one sentence."""
    alike = in_turn((_reason(each), over(paths[each.path])) for each in judged)
    return " ".join(as_sentence(f"{listed(_few(ways))}: {reason}.") for reason, ways in alike.items())


def _reason(judged: Judgement) -> str:
    if not judged.findings:
        as_expected = "closed, as expected" if judged.verdict is Verdict.NOT_READY else "as expected"
        return as_expected if judged.is_expected else "no reason found"
    return listed(_each(map(in_short, judged.asking)))
