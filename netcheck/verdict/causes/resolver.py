"""What is wrong with a resolver that gives no answer, or none that can be used."""

import math
from collections.abc import Iterable, Sequence

from netcheck.model.failing import DNS_PHASES, DNS_SILENCE, Hitch, Phase, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.model.paths import Transport
from netcheck.model.results import Lookup
from netcheck.phrases import how_many, listed, ports_text
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.causes.names_led import odd_lookups
from netcheck.verdict.causes.wavering import denies_at_times
from netcheck.verdict.counting import Counted
from netcheck.verdict.how_often import how_often, the_reply
from netcheck.verdict.matching import is_another_of_apples, is_apples, is_unheard, phase_is, reason_is
from netcheck.verdict.naming import FAMILIES, shortened, the_hosts, unresolved_proxies
from netcheck.verdict.owners import THIS_MACHINE, THIS_NETWORK, the_resolver

_LATEST, _FEWEST = 8, 2
"""Lookups: of the latest that asked a nameserver, none got an answer, and there were so many at least."""
_DNS_PORT = 53
_DOORS = {
    Transport.UDP: "on UDP and TCP {}",
    Transport.TCP: "on TCP {}",
    Transport.TLS: "over TLS on TCP {}",
}


_REPAIRS = {
    Hitch.NO_NAMESERVER: "name a nameserver in resolv.conf, or let one run there.",
    Hitch.NO_RESOLV_CONF: "write a resolv.conf that names a nameserver, or start what writes it. "
    "That may be systemd-resolved.",
    Hitch.CR_LF: "end the lines of resolv.conf in LF alone. "
    "Programs take the CR of a CR LF as a part of what stands before it.",
    Hitch.NO_ADDRESS: "let nothing but a blank stand behind a nameserver's address in resolv.conf. "
    "A comment needs a line of its own: programs take no address from such a line.",
    Hitch.NO_ATTEMPTS: "take `attempts:0`, or what is no number there, out of the options of resolv.conf: "
    "programs ask no nameserver so.",
    Hitch.UNREADABLE: "let the user that netcheck runs as read resolv.conf.",
    Hitch.NOT_BY_DNS: "name `dns` in the line `hosts:` of nsswitch.conf, or the address in /etc/hosts.",
    Hitch.TCP_ONLY: "take `use-vc` out of resolv.conf: over TCP nobody answers, and over UDP somebody does.",
    Hitch.NO_EDNS: "take `edns0` out of the options of resolv.conf: "
    "programs ask with EDNS so, and only without it there is an answer.",
    Hitch.NEVER_ASKED: "let resolv.conf name nameservers that answer. Programs ask its first three only.",
}
"""What to change on this machine, where it is its resolv.conf or nsswitch.conf."""
_NOT_ASKED = "nsswitch.conf has programs not ask DNS"
_REQUESTS = {
    Hitch.OUT_OF_ORDER: "put each CNAME in its answers before what it leads to. "
    "Most programs on Linux read an answer in order, and find no address in these.",
    Hitch.CUT: "send whole answers: something cuts them, and most programs on Linux take nothing of these.",
    Hitch.ENDED: "correct the nameserver that answers so, or to take it out of the list. "
    "After such an answer most programs on Linux ask no other one.",
    Hitch.TOO_LATE: "answer sooner. Programs give up as `timeout` and `attempts` in resolv.conf have it.",
}
"""What a resolver has to change, so that programs on this machine can use what it answers."""
_REFUSED = {
    Hitch.UNTRUSTED: "the DNS server's certificate is of an authority that is not trusted",
    Hitch.OTHER_NAME: "the DNS server's certificate is for another name",
    Hitch.EXPIRED: "the DNS server's certificate is out of date",
}
"""Over TLS."""


@cause(Cause.DNS_FAILURE, Hop.RESOLVER, Hop.LOCAL_NETWORK)
def dns_failure(case: Case) -> Found | None:
    """There is no answer, or it leads to another host of Apple's than the one that was asked for."""
    return _does_not_resolve(case) or _leads_to_another_host(case)


def _does_not_resolve(case: Case) -> Found | None:
    about = case.mostly(phase_is(*DNS_PHASES))
    if not about:
        return None
    resolver = the_resolver(case)
    hitch = _hitch(about)
    if hitch is None and all(map(is_unheard, about)) and _refers_to_tcp(case):
        return _does_not_speak_tcp(case, about)
    is_dead = _is_dead(case)
    if is_dead and (told_by := _told_on_the_way(about)):
        return Found(
            THIS_NETWORK,
            about,
            f"Ask {THIS_NETWORK.asked} to let DNS pass to {resolver.name} {_doors(case)}: "
            f"{shortened(told_by)} rejects it.",
            reply=the_reply(about, is_of_destination=False),
        )
    if refused := _refused(about):
        return _shows_a_bad_certificate(case, about, refused)
    if hitch:
        return _kept_from_programs(case, about, hitch)
    if partly := _said_by_one_of_several(case, about):
        return partly
    if wavering := denies_at_times(case, about):
        return wavering
    others = sorted({sound.resolver for _, sound in odd_lookups(case)})
    beside = f"; {listed(others)} answer{'s' * (len(others) == 1)} for the same names" if others else ""
    what = (
        f"make sure that the resolver runs and answers netcheck's machine {_doors(case)}"
        if is_dead
        else _names_to_resolve(case, about)
    )
    return Found(
        resolver,
        about,
        f"Ask {resolver.asked} to {what}.",
        evidence=how_often(case, about) + beside,
        reply=the_reply(about, is_of_destination=not is_dead),
    )


def _refers_to_tcp(case: Case) -> bool:
    """Whether UDP has an answer for most of the names without one: it was cut, and refers to TCP."""
    unheard = [lookup.tries for lookup in case.lookups if lookup.reason in DNS_SILENCE]
    referred = [
        tries for tries in unheard if any(e.transport is Transport.UDP and e.reason is None for e in tries)
    ]
    return bool(referred) and 2 * len(referred) >= len(unheard)


def _does_not_speak_tcp(case: Case, about: Sequence[Counted]) -> Found:
    resolver = the_resolver(case)
    ports = ports_text({server.port for server in case.path.resolver.nameservers} or {_DNS_PORT})
    return Found(
        resolver,
        about,
        f"Ask {resolver.asked} to answer over TCP on {ports} too, and to have firewalls allow it. "
        "Over UDP its answers say that they are cut (TC), and over TCP there is none.",
        evidence=how_often(case, about),
        reply=the_reply(about, is_of_destination=False),
    )


def _hitch(about: Sequence[Counted]) -> Hitch | None:
    """What keeps programs on this machine from an answer; None where it is not the same for all."""
    hitches = {each.failure.hitch for each in about if each.failure}
    return hitches.pop() if len(hitches) == 1 else None


def _refused(about: Sequence[Counted]) -> Hitch | None:
    """What is wrong with its certificate, where others were at most too slow to see it."""
    hitches = {each.failure.hitch for each in about if each.failure} - {None}
    hitch = hitches.pop() if len(hitches) == 1 else None
    return hitch if hitch in _REFUSED else None


def _kept_from_programs(case: Case, about: Sequence[Counted], hitch: Hitch) -> Found:
    resolver, is_of_answer = the_resolver(case), hitch in _REQUESTS
    return Found(
        resolver if is_of_answer else THIS_MACHINE,
        about,
        f"Ask {resolver.asked} to {_REQUESTS[hitch]}"
        if is_of_answer
        else f"On the machine that runs netcheck, {_REPAIRS[hitch]}",
        evidence=how_often(case, about, _NOT_ASKED if hitch is Hitch.NOT_BY_DNS else ""),
        reply=the_reply(about, is_of_destination=is_of_answer),
    )


def _shows_a_bad_certificate(case: Case, about: Sequence[Counted], hitch: Hitch) -> Found:
    """Which of the two is wrong cannot be seen from here: the certificate, or what the config says of it."""
    owner, resolver = the_resolver(case), case.path.resolver
    correct = f"ask {owner.asked} to correct its certificate."
    if hitch is Hitch.EXPIRED:
        next_step = (
            f"Ask {owner.asked} to renew its certificate, if the clock of netcheck's machine is right."
        )
    elif hitch is Hitch.OTHER_NAME:
        next_step = (
            f"Set `server_name` of the resolver {resolver.name} in the config to a name in the certificate. "
            f"If none is right, {correct}"
        )
    elif resolver.ca_file is None:
        next_step = (
            f"If its authority is your own, set `ca_file` of the resolver {resolver.name} in the config. "
            f"If not, {correct}"
        )
    else:
        next_step = (
            f"See whether its authority is missing in `ca_file` of the resolver {resolver.name} in the "
            f"config. If not, {correct}"
        )
    reply = the_reply(about, is_of_destination=False)
    return Found(owner, about, next_step, evidence=how_often(case, about, _REFUSED[hitch]), reply=reply)


def _told_on_the_way(about: Sequence[Counted]) -> list[str]:
    """Who says by ICMP that no nameserver can be reached: never one of these."""
    told_by = {each.failure.told_by or "" for each in about if each.failure}
    return [] if "" in told_by else sorted(told_by)


def _said_by_one_of_several(case: Case, about: Sequence[Counted]) -> Found | None:
    """Of several nameservers, one says that names of Apple's do not exist, and the others know such names."""
    if not all(reason_is(Reason.NXDOMAIN)(each) and is_apples(each) for each in about):
        return None
    resolver, hosts = the_resolver(case), {each.result.host for each in about}
    mine = case.lookups
    denied = (lookup for lookup in mine if lookup.reason is Reason.NXDOMAIN and lookup.host in hosts)
    denying, knowing = _who_said(denied), _who_said(lookup for lookup in mine if lookup.reason is None)
    if len(denying) != 1 or not knowing or denying & knowing:
        return None
    who, others = denying.pop(), shortened(sorted(knowing))
    return Found(
        resolver,
        about,
        f"Ask {resolver.asked} to correct {who}, or to take it out of the list. "
        f"It denies names like those that {others} knows.",
        evidence=f"{who} knows none of the names, and {others} does; {how_often(case, about)}",
    )


def _who_said(lookups: Iterable[Lookup]) -> set[str]:
    """The nameservers whose answer each of them is: it may have come after their turn."""
    return {tried.nameserver for each in lookups for tried in each.tries if tried.reason is each.reason}


def _is_dead(case: Case) -> bool:
    """Whether the resolver answered nobody while names failed, be it that it did before, or does again.

    Half of the names are enough: its last answers may have come when others were asked for already. A name
    counts from when it last began to fail, as it may have failed on one port before for another reason.
    """
    heard = [each.result.attempt.at for each in case.counted if _was_heard(case, each)]
    unheard = list(filter(is_unheard, case.counted))
    asked = max((each.asked_at for each in unheard), default=-math.inf)
    silences: dict[str, tuple[float, float]] = {}
    for each in unheard:
        since, until = silences.get(each.result.host, (-math.inf, asked))
        took = each.result.resolve_duration or 0.0
        silences[each.result.host] = max(since, each.fails_since - took), max(until, each.result.attempt.at)
    unbroken = sum(not any(since <= at <= until for at in heard) for since, until in silences.values())
    return not heard or (unbroken > 1 and 2 * unbroken >= len(silences))


def _was_heard(case: Case, each: Counted) -> bool:
    """Whether the path's resolver said anything for it."""
    attempt = each.result.attempt
    if attempt.failure is not None and attempt.failure.phase in DNS_PHASES:
        return not is_unheard(each)
    was_asked = case.was_resolved_here(each) and attempt.address != each.result.host
    return was_asked or Phase.PROXY_RESOLVE in attempt.phases


def _doors(case: Case) -> str:
    """Where it is asked: answers too large for UDP come over TCP."""
    resolver = case.path.resolver
    ports = ports_text({server.port for server in resolver.nameservers} or {_DNS_PORT})
    return _DOORS[resolver.transport].format(ports)


def _names_to_resolve(case: Case, about: Sequence[Counted]) -> str:
    if names := unresolved_proxies(case, about):
        return f"resolve {shortened(names)}, the proxy's name"
    asked = case.path.resolved_families()
    if len(asked) == 1 and all(map(reason_is(Reason.NO_ANSWER), about)):
        family = FAMILIES[asked[0]]
        why = "as SOCKS4 can use no other" if asked != case.path.families else "as this path uses no other"
        return f"give {the_hosts(case, about)} an {family} address, {why}"
    some = ". It answers others, and may limit how many it answers at once"
    return f"resolve {the_hosts(case, about)}" + some * all(map(reason_is(Reason.DNS_TIMEOUT), about))


def _leads_to_another_host(case: Case) -> Found | None:
    about = case.mostly(lambda each: case.was_resolved_here(each) and is_another_of_apples(each))
    if not about:
        return None
    resolver = the_resolver(case)
    return Found(
        resolver,
        about,
        f"Ask {resolver.asked} to correct its answer for {the_hosts(case, about)}. "
        "It leads to another of Apple's hosts.",
    )


@cause(Cause.NAMESERVER_SILENT, Hop.RESOLVER, is_remark=True)
def nameserver_silent(case: Case) -> Found | None:
    """Of several nameservers one does not answer, and another does; or one family's questions get no answer.

    Names are found, but late. Where they are not for want of an answer, all may have fallen silent.
    """
    if not case.path.resolved_families():
        return None
    if any(phase_is(*DNS_PHASES)(each) and reason_is(*DNS_SILENCE)(each) for each in case.failed):
        return None
    return _one_of_several_is_silent(case) or _silent_about_one_family(case)


def _one_of_several_is_silent(case: Case) -> Found | None:
    asked = case.world.resolvers.nameservers.get(case.path.resolver.name, {})
    latest = {nameserver: answers[-_LATEST:] for nameserver, answers in asked.items()}
    silent = [each for each, answers in latest.items() if len(answers) >= _FEWEST and not any(answers)]
    if not silent or not any(map(any, latest.values())):
        return None
    resolver, which = the_resolver(case), shortened(sorted(silent))
    it = "it" if len(silent) == 1 else "them"
    tries = [each for lookup in case.lookups for each in lookup.tries if each.nameserver in silent]
    is_waited_for = any(each.reason is Reason.DNS_TIMEOUT for each in tries)  # who refuses costs no time
    return Found(
        resolver,
        (),
        f"Ask {resolver.asked} to repair {which}, or to take {it} out of the list."
        + (f" Programs that ask {it} first wait each time, before they ask another one." * is_waited_for),
        evidence=(
            f"No answer from {which} to the last {len(latest[silent[0]])} lookups; another nameserver answers"
        ),
    )


def _silent_about_one_family(case: Case) -> Found | None:
    families = case.path.resolved_families()
    asked = [each for each in case.lookups if each.rdtype.family in families]
    heard = {each.rdtype for each in asked if each.was_heard}
    unheard = [e for e in asked if e.reason is Reason.DNS_TIMEOUT and e.rdtype not in heard]
    if not heard or len(unheard) < _FEWEST:
        return None
    resolver = the_resolver(case)
    which = f"the {FAMILIES[unheard[0].rdtype.family]} addresses of names ({unheard[0].rdtype})"
    return Found(
        resolver,
        (),
        f"Ask {resolver.asked} to answer questions for {which}, be it that there are none. "
        "Programs that ask for both wait for it each time.",
        evidence=f"No answer to {how_many(len(unheard), 'question')} for {which}, and others are answered",
    )
