"""The order of the causes. Two may hold at once: the one above is nearer to this machine, or says more.

A cause about failures holds where they are at least half of those that no cause above explains, or of those
of some service's port. What it leaves unexplained has a cause of its own, if it weighs as much.
A cause that is about no probe stands apart, beside all of these.
"""

from collections.abc import Sequence
from dataclasses import replace

from netcheck.model.findings import Cause, Finding, Verdict
from netcheck.model.paths import Expected
from netcheck.verdict.case import Case
from netcheck.verdict.causes import (
    apple,
    certificates,
    clock,
    fallback,
    firewall,
    idle,
    large_hello,
    load_balancer,
    names_led,
    own_service,
    pac,
    proxy,
    proxy_login,
    proxy_names,
    proxy_rules,
    resolver,
    this_machine,
    unsteady,
)
from netcheck.verdict.causes.cause import Rule
from netcheck.verdict.counting import Counted

RULES: tuple[Rule, ...] = (
    this_machine.internal,
    this_machine.local_network_down,
    pac.pac_failed,
    this_machine.local_machine,
    clock.clock_wrong,
    firewall.path_open,
    this_machine.packet_loss,
    names_led.dns_sinkhole,
    resolver.dns_failure,
    proxy_login.proxy_auth,
    proxy.proxy_down,
    apple.apple_unreachable,
    proxy.proxy_overloaded,
    proxy_rules.proxy_denies_port,
    proxy_rules.proxy_denies_host,
    proxy_names.proxy_cannot_resolve,
    apple.apple_certificate,
    load_balancer.balancer_header,
    load_balancer.balancer_ends_tls,
    load_balancer.balancer_members_down,
    load_balancer.balancer_down,
    own_service.service_certificate,
    own_service.service_down,
    own_service.push_certificate_refused,
    proxy.proxy_cannot_connect,
    certificates.tls_intercepted,
    certificates.wrong_peer,
    proxy_names.proxy_resolves_differently,
    proxy.proxy_false_success,
    large_hello.large_hello_blocked,
    firewall.tls_stalls,
    firewall.tls_blocked,
    firewall.session_broken,
    firewall.range_blocked,
    firewall.ipv6_broken,
    firewall.ipv4_broken,
    firewall.port_blocked,
    unsteady.intermittent,
    firewall.hosts_blocked,
    apple.hosts_unreachable,
    names_led.dns_differs,
    resolver.nameserver_silent,
    pac.pac_splits,
    pac.pac_member_down,
    pac.pac_outdated,
    proxy_login.proxy_login_needed,
    proxy.proxy_member_down,
    proxy.proxy_slow,
    idle.idle_forgotten,
    fallback.fallback_blocked,
)


def explain(case: Case) -> tuple[Finding, ...]:
    """All that is wrong, the worst first, then the remarks; nothing where nothing is known."""
    if case.verdict is Verdict.UNKNOWN:
        return ()
    faults = _faults(case)
    return (*faults, *_remarks(case, faults))


def _faults(case: Case) -> tuple[Finding, ...]:
    found: list[tuple[int, Finding]] = []
    apart = [it for rule in RULES if rule.is_apart and (it := rule.explain(case))]
    beside = [(case.verdict.severity, finding) for finding, _ in apart]
    case = case.without(each for _, about in apart for each in about)
    able = (rule for rule in RULES if case.left or not rule.needs_failures)
    rules = [rule for rule in able if not (rule.is_remark or rule.is_apart)]
    while case.left or not found:
        explained = next(((rule, it) for rule in rules if (it := rule.explain(case))), None)
        if explained is None:
            break
        rule, (finding, about) = explained
        rules.remove(rule)
        found.append((_badness(case, rule.cause, about), finding))
        case = case.without(about)
        if _are_strays(case):
            break
    return tuple(finding for _, finding in sorted([*found, *beside], key=lambda item: -item[0]))


def _are_strays(case: Case) -> bool:
    """Whether what is left are single hosts, of which nobody is asked while more is wrong."""
    in_dead_range = any(map(case.world.is_in_dead_range, case.left))
    return not case.weighs(case.left) and not in_dead_range and case.is_few(case.left)


def _badness(case: Case, cause: Cause, about: Sequence[Counted]) -> int:
    """The worst verdict that a service's port has for it; of what is about no failure, the path's.

    IPv6 alone is never worse than a limit: clients take IPv4, which all of Apple's have.
    """
    verdicts = [case.verdicts[each.place] for each in about if each.place in case.verdicts]
    badness = max(verdict.severity for verdict in verdicts or [case.verdict])
    return min(badness, Verdict.DEGRADED.severity) if cause is Cause.IPV6_BROKEN else badness


def _remarks(case: Case, faults: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """No remark on a result for which a fault has its hop asked already."""
    if case.path.expected is Expected.BLOCKED:
        return ()
    case = replace(case, faults=faults)
    remarks = [it[0] for rule in RULES if rule.is_remark and (it := rule.explain(case))]
    asked = {(fault.hop, id(each)) for fault in faults for each in fault.about}
    return tuple(r for r in remarks if asked.isdisjoint((r.hop, id(each)) for each in r.about))
