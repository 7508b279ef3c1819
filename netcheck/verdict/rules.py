"""The table of causes: from top to bottom, the first rule that holds names the cause of a verdict.

A rule about failures holds where at least half of those behind the verdict are such. Below the failures stand
what limits a path without failing it, and remarks on paths that are ready. Owns the order, not the words.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Verdict
from netcheck.model.paths import Family
from netcheck.verdict import evidence, links, next_steps
from netcheck.verdict.case import Case, fails_in, phase_is, reason_is
from netcheck.verdict.seen import Seen


class Rule(NamedTuple):
    """A cause, the results in which it shows if it holds, and what is said of it."""

    cause: Cause
    finds: Callable[[Case], Sequence[Seen]]
    """None where the rule does not hold."""
    evidence: Callable[[Case], str]
    next_step: Callable[[Case], str]


class Explanation(NamedTuple):
    cause: Cause
    evidence: str
    next_step: str


def explain(case: Case) -> Explanation | None:
    """The first cause that holds; None where nothing is wrong, or nothing is known yet."""
    if case.verdict is Verdict.UNKNOWN:
        return None
    for rule in RULES:
        if found := rule.finds(case):
            told = replace(case, about=tuple(found))
            return Explanation(rule.cause, rule.evidence(told), rule.next_step(told))
    return None


def _this_machine_cannot(case: Case) -> Sequence[Seen]:
    reasons = (Reason.FD_EXHAUSTED, Reason.NO_LOCAL_ADDRESS)
    no_route = fails_in(Phase.RESOLVE, Reason.NETWORK_UNREACHABLE)
    return case.mostly(lambda failure: failure.reason in reasons or no_route(failure))


def _network_is_down(case: Case) -> Sequence[Seen]:
    return case.failed if links.nothing_comes_back(case) else ()


def _proxy_is_down(case: Case) -> Sequence[Seen]:
    """It cannot be connected to, or is no proxy, or has not said a word of its protocol to anyone."""
    spoke = any(each.result.attempt.proxy_spoke for each in case.seen)
    silent = () if spoke else case.mostly(phase_is(Phase.PROXY_HANDSHAKE))
    return case.mostly(_is_no_proxy) or silent


def _is_no_proxy(failure: Failure) -> bool:
    unconnected = failure.phase in (Phase.PROXY_CONNECT, Phase.PROXY_TLS)
    return unconnected or failure.reason in (Reason.PROXY_NOT_A_PROXY, Reason.PROXY_BAD_REPLY)


def _proxy_denies(case: Case) -> Sequence[Seen]:
    """More than half: one that allows a port of two and fails on it has another trouble than its rules."""
    denied = case.mostly(reason_is(Reason.PROXY_DENIED))
    return denied if 2 * len(denied) > len(case.failed) else ()


def _proxy_cannot_resolve(case: Case) -> Sequence[Seen]:
    """It says so; or what it is given by name fails in it, and what it is given by address does not."""
    only_names = all(each.family is Family.NAME for each in case.failed)
    works_by_address = only_names and links.works_by(case, Family.IPV4, Family.IPV6)
    unsaid = case.mostly(phase_is(Phase.PROXY_HANDSHAKE)) if works_by_address else ()
    return case.mostly(reason_is(Reason.PROXY_DNS_FAILURE)) or unsaid


def _proxy_resolves_differently(case: Case) -> Sequence[Seen]:
    """Asked by name it fares unlike asked by the addresses that this machine has for the name."""
    by_name = {each.family is Family.NAME for each in case.failed}
    if case.path.proxy is None or len(by_name) != 1:
        return ()
    addresses_work = links.works_by(case, Family.IPV4, Family.IPV6)
    differs = addresses_work if True in by_name else links.works_by(case, Family.NAME) and not addresses_work
    return case.failed if differs else ()


def _proxy_cannot_connect(case: Case) -> Sequence[Seen]:
    """Where it connects to some hosts and not to others, it is not the proxy that cannot."""
    if case.verdict is not Verdict.NOT_READY or not case.mostly(phase_is(Phase.PROXY_HANDSHAKE)):
        return ()
    # what it will not do is another matter than what it cannot
    return case.such(lambda f: f.phase is Phase.PROXY_HANDSHAKE and f.reason is not Reason.PROXY_DENIED)


def _fails_for(*reasons: Reason) -> Callable[[Case], Sequence[Seen]]:
    return lambda case: case.mostly(reason_is(*reasons))


def _fails_in(*phases: Phase) -> Callable[[Case], Sequence[Seen]]:
    return lambda case: case.mostly(phase_is(*phases))


def _only_over(family: Family) -> Callable[[Case], Sequence[Seen]]:
    return lambda case: case.at_least_half(links.of_broken_family(case, family))


def _loses_packets(case: Case) -> Sequence[Seen]:
    """Of failures, lost packets only make timeouts."""
    timeouts = (Reason.TIMEOUT, Reason.DNS_TIMEOUT, Reason.TLS_TIMEOUT)
    may_be_loss = not case.failed or case.mostly(reason_is(*timeouts))
    loses = case.verdict is Verdict.DEGRADED and may_be_loss and links.loses_packets(case.seen)
    return case.seen if loses else ()


def _hosts_are_blocked(case: Case) -> Sequence[Seen]:
    """If another path reaches them, or nothing is reached here; and hosts that are not Apple's always."""
    if case.verdict is Verdict.NOT_READY or not case.is_apple_s:
        return case.failed
    return case.at_least_half(links.reached_elsewhere(case))


RULES = (
    Rule(
        Cause.INTERNAL,
        _fails_for(Reason.INTERNAL_ERROR),
        evidence.example,
        next_steps.report_the_bug,
    ),
    Rule(
        Cause.LOCAL_NETWORK_DOWN,
        _network_is_down,
        evidence.nothing_anywhere,
        next_steps.mend_the_network,
    ),
    Rule(
        Cause.LOCAL_MACHINE,
        _this_machine_cannot,
        evidence.example,
        next_steps.mend_this_machine,
    ),
    Rule(
        Cause.PACKET_LOSS,
        _loses_packets,
        evidence.how_many_asked_twice,
        next_steps.find_the_loss,
    ),
    Rule(
        Cause.DNS_SINKHOLE,
        _fails_for(Reason.SINKHOLED),
        evidence.example,
        next_steps.unblock_the_names,
    ),
    Rule(
        Cause.DNS_FAILURE,
        _fails_in(Phase.RESOLVE, Phase.PROXY_RESOLVE),
        evidence.example_of_lookup,
        next_steps.resolve_the_names,
    ),
    Rule(
        Cause.PROXY_AUTH,
        _fails_for(Reason.PROXY_AUTH_REQUIRED, Reason.PROXY_AUTH_FAILED, Reason.PROXY_AUTH_UNSUPPORTED),
        evidence.example,
        next_steps.log_in,
    ),
    Rule(
        Cause.PROXY_DOWN,
        _proxy_is_down,
        evidence.example,
        next_steps.start_the_proxy,
    ),
    Rule(
        Cause.PROXY_OVERLOADED,
        _fails_for(Reason.PROXY_OVERLOADED),
        evidence.example,
        next_steps.relieve_the_proxy,
    ),
    Rule(
        Cause.PROXY_DENIES_PORT,
        _proxy_denies,
        evidence.denied_and_allowed_ports,
        next_steps.allow_the_ports,
    ),
    Rule(
        Cause.PROXY_CANNOT_RESOLVE,
        _proxy_cannot_resolve,
        evidence.example,
        next_steps.mend_the_proxy_s_dns,
    ),
    Rule(
        Cause.APPLE_UNREACHABLE,
        lambda case: case.failed if links.is_down_for_all(case) else (),
        evidence.down_on_every_path,
        next_steps.ask_apple,
    ),
    Rule(
        Cause.PROXY_CANNOT_CONNECT,
        _proxy_cannot_connect,
        evidence.example,
        next_steps.open_the_way_behind_the_proxy,
    ),
    Rule(
        Cause.TLS_INTERCEPTED,
        _fails_for(Reason.TLS_INTERCEPTED),
        evidence.example,
        next_steps.stop_decrypting,
    ),
    Rule(
        Cause.WRONG_PEER,
        _fails_for(Reason.TLS_NOT_TLS, Reason.TLS_NAME_MISMATCH, Reason.TLS_UNTRUSTED, Reason.TLS_EXPIRED),
        evidence.example,
        next_steps.lead_to_apple,
    ),
    Rule(
        Cause.PROXY_RESOLVES_DIFFERENTLY,
        _proxy_resolves_differently,
        evidence.example,
        next_steps.compare_the_proxy_s_dns,
    ),
    Rule(
        Cause.PROXY_FALSE_SUCCESS,
        lambda case: case.mostly(phase_is(Phase.TLS)) if case.path.proxy else (),
        evidence.example,
        next_steps.see_what_the_proxy_hides,
    ),
    Rule(
        Cause.TLS_STALLS,
        lambda case: case.mostly(fails_in(Phase.TLS, Reason.TLS_TIMEOUT)),
        evidence.example,
        next_steps.let_large_packets_through,
    ),
    Rule(
        Cause.TLS_BLOCKED,
        _fails_in(Phase.TLS),
        evidence.example,
        next_steps.let_tls_through,
    ),
    Rule(
        Cause.SESSION_BROKEN,
        _fails_in(Phase.SESSION),
        evidence.example,
        next_steps.let_the_session_through,
    ),
    Rule(
        Cause.RANGE_BLOCKED,
        lambda case: case.at_least_half(links.in_dead_ranges(case)),
        evidence.which_ranges,
        next_steps.open_the_ranges,
    ),
    Rule(
        Cause.IPV6_BROKEN,
        _only_over(Family.IPV6),
        evidence.which_family,
        next_steps.mend_the_family,
    ),
    Rule(
        Cause.IPV4_BROKEN,
        _only_over(Family.IPV4),
        evidence.which_family,
        next_steps.mend_the_family,
    ),
    Rule(
        Cause.PORT_BLOCKED,
        lambda case: case.at_least_half(links.on_dead_ports(case)),
        evidence.blocked_and_open_ports,
        next_steps.open_the_ports,
    ),
    Rule(
        Cause.HOSTS_BLOCKED,
        _hosts_are_blocked,
        evidence.reached_elsewhere,
        next_steps.open_the_hosts,
    ),
    Rule(
        Cause.HOSTS_UNREACHABLE,
        lambda case: case.failed,
        evidence.which_hosts,
        next_steps.watch_the_hosts,
    ),
    Rule(
        Cause.DNS_DIFFERS,
        lambda case: case.seen if links.odd_lookups(case) else (),
        evidence.which_lookups_differ,
        next_steps.compare_the_resolvers,
    ),
    Rule(
        Cause.PROXY_SLOW,
        lambda case: case.seen if links.slower_than_direct(case) else (),
        evidence.how_slow,
        next_steps.speed_up_the_proxy,
    ),
)
"""Two may hold at once: the one above is nearer to this machine, or says more."""
