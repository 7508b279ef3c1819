"""What shows a cause: evidence in numbers, a sentence for each rule. Decides nothing."""

from netcheck.model.failing import Reason
from netcheck.model.paths import Family
from netcheck.verdict import links
from netcheck.verdict.case import Case
from netcheck.verdict.naming import (
    FAMILIES,
    commonest,
    listed,
    named_ports,
    over,
    the_answer,
    the_failed_hosts,
    the_ports,
    the_proxy,
    the_reply,
    the_resolver,
)


def example(case: Case) -> str:
    """The commonest kind of what the rule is about, how common, and one of its kind in full."""
    phase, reason, count = commonest(case)
    return f"{phase} {reason} in {count} of {len(case.failed)} failed probes; for example {the_reply(case)}"


def nothing_anywhere(case: Case) -> str:
    count = len(case.elsewhere()) + 1
    what = "the only path" if count == 1 else f"any of {count} paths"
    return f"nothing answers on {what}: {example(case)}"


def example_of_lookup(case: Case) -> str:
    """With what another resolver says of the same names, where one was asked."""
    others = sorted({sound.resolver for _, sound in links.odd_lookups(case)})
    beside = f"; {listed(others)} answers for the same names" if others else ""
    return f"{example(case)}{beside}"


def which_lookups_differ(case: Case) -> str:
    odd = links.odd_lookups(case)
    mine, other = odd[0]
    return (
        f"{the_resolver(case)} answers otherwise than {other.resolver} for {len(odd)} names and types; for "
        f"example {mine.host} {mine.rdtype}: {the_answer(mine.reason, mine.addresses)}, but "
        f"{the_answer(None, other.addresses)}"
    )


def denied_and_allowed_ports(case: Case) -> str:
    denied = [e for e in case.seen if e.failure and e.failure.reason is Reason.PROXY_DENIED]
    allowed = sorted({each.result.port for each in case.seen if each.connected})
    names_work = any(each.connected and each.family is Family.NAME for each in case.seen)
    by_address = all(each.family is not Family.NAME for each in denied) and names_work
    how = " to destinations given by address" if by_address else ""
    rest = f"it lets others through on {listed(allowed)}" if allowed else "it lets nothing through"
    ports = sorted({each.result.port for each in denied})
    return f"{the_proxy(case)} denies {named_ports(ports)}{how}; {rest}; {the_reply(case)}"


def how_slow(case: Case) -> str:
    proxied, plain = links.slower_than_direct(case) or (0.0, 0.0)
    return f"a connection through {the_proxy(case)} takes {proxied:.2f} s, directly {plain:.3f} s (medians)"


def which_ranges(case: Case) -> str:
    ports = {each.result.port for each in case.about}
    hosts = len({each.result.host for each in case.about})
    tried = len({each.result.host for each in case.seen if each.result.port in ports})
    counted = "; ".join(f"{name}: {_in_range(case, name)}" for name in links.ranges_of(case.about))
    return f"{hosts} of {tried} hosts fail on {the_ports(case)}, all with addresses in {counted}"


def _in_range(case: Case, name: str) -> str:
    """How many addresses of the range were tried on the ports in question; none of them answers."""
    addresses = {each.result.attempt.address for each in case.about if links.is_in(each, name)}
    return f"0 of {len(addresses)} addresses answer"


def which_family(case: Case) -> str:
    return f"nothing answers over {FAMILIES[case.about[0].family]}, other addresses do; {example(case)}"


def blocked_and_open_ports(case: Case) -> str:
    families = {each.family for each in case.about}
    dead = sorted({each.result.port for each in case.about})
    answering = {e.result.port for e in case.seen if e.connected and e.family in families} - set(dead)
    rest = f"{listed(sorted(answering))} can be connected to" if answering else "no other port answers"
    return f"nothing answers on {named_ports(dead)}{over(case)}; {rest}; {example(case)}"


def how_many_asked_twice(case: Case) -> str:
    twice, of_all = links.asked_twice(case.seen)
    return f"{twice} of {of_all} connections came about only after their request was sent again"


def reached_elsewhere(case: Case) -> str:
    count = len(links.reached_elsewhere(case))
    return f"{count} of {len(case.failed)} failed probes work over another path; {example(case)}"


def which_hosts(case: Case) -> str:
    failed = {each.result.host for each in case.failed}
    tried = {e.result.host for e in case.seen if (e.result.service, e.result.port) in case.deciding}
    return f"{len(failed)} of {len(tried)} hosts fail: {the_failed_hosts(case)}; {example(case)}"


def down_on_every_path(case: Case) -> str:
    names = listed(service.name for service in case.services)
    paths = len(case.elsewhere()) + 1
    return f"{names} cannot be reached over any of {paths} paths, other services can; {example(case)}"
