"""What to ask of whom: for each rule a sentence that can be forwarded as it stands.

It names hosts, ports, ranges and the reply that was seen. Decides nothing.
"""

from netcheck.apns.addresses import PUBLISHED_RANGES
from netcheck.model.failing import Phase, Reason
from netcheck.verdict import links
from netcheck.verdict.case import Case, reason_is
from netcheck.verdict.evidence import how_many_asked_twice, how_slow
from netcheck.verdict.naming import (
    FAMILIES,
    listed,
    named_ports,
    the_answer,
    the_failed_hosts,
    the_hosts,
    the_inspector,
    the_ports,
    the_proxy,
    the_reply,
    the_resolver,
)


def report_the_bug(case: Case) -> str:
    return f"Report this to the developers of netcheck, with the traceback of its log: {the_reply(case)}"


def mend_this_machine(case: Case) -> str:
    reasons = {each.failure.reason for each in case.about if each.failure}
    if Reason.FD_EXHAUSTED in reasons:
        what = "raise netcheck's limit of open files"
    elif Reason.NO_LOCAL_ADDRESS in reasons:
        what = f"correct the interface or source address of the path {case.path.name}"
    else:
        what = f"give {the_resolver(case)} a route, or the path {case.path.name} another resolver"
    return f"On the machine that runs netcheck, {what}: {the_reply(case)}"


def mend_the_network(case: Case) -> str:
    return (
        "Look at this machine's own network first, its link, addresses and default route: nothing answers "
        f"on any path ({the_reply(case)})"
    )


def unblock_the_names(case: Case) -> str:
    return (
        f"Ask the owners of {the_resolver(case)} to take *.push.apple.com off its block list: for "
        f"{the_hosts(case)} it gives addresses that cannot be Apple's ({the_reply(case)})"
    )


def resolve_the_names(case: Case) -> str:
    return f"Ask the owners of {the_resolver(case)} to resolve {_resolved(case)}: {the_reply(case)}"


def _resolved(case: Case) -> str:
    at_proxy = any(
        each.failure is not None and each.failure.phase is Phase.PROXY_RESOLVE for each in case.about
    )
    return f"{case.path.proxy.host}, the proxy's name" if at_proxy and case.path.proxy else the_hosts(case)


def compare_the_resolvers(case: Case) -> str:
    mine, other = links.odd_lookups(case)[0]
    return (
        f"Ask the owners of {the_resolver(case)} why {mine.host} ({mine.rdtype}) is "
        f"{the_answer(mine.reason, mine.addresses)} there, and {the_answer(None, other.addresses)} at the "
        f"resolver {other.resolver}"
    )


def log_in(case: Case) -> str:
    return (
        f"Ask the owners of {the_proxy(case)} for a login that it accepts, or to let {the_hosts(case)} "
        f"through without one, since devices cannot log in: {the_reply(case)}"
    )


def start_the_proxy(case: Case) -> str:
    phases = {each.failure.phase for each in case.about if each.failure}
    owners = f"Ask the owners of {the_proxy(case)}"
    if phases == {Phase.PROXY_TLS}:
        return f"{owners} to mend its own TLS: {the_reply(case)}"
    if phases == {Phase.PROXY_HANDSHAKE}:
        return (
            f"See whether the path {case.path.name} has the right host, port and scheme for "
            f"{the_proxy(case)}, then ask its owners: what is there can be connected to, and does not "
            f"answer as such a proxy ({the_reply(case)})"
        )
    return f"{owners} to see that it runs and can be reached from here: {the_reply(case)}"


def relieve_the_proxy(case: Case) -> str:
    return (
        f"Ask the owners of {the_proxy(case)} why it turns requests away for being too many: "
        f"{the_reply(case)}"
    )


def allow_the_ports(case: Case) -> str:
    return (
        f"Ask the owners of {the_proxy(case)} to allow connections to {the_hosts(case)} on "
        f"{the_ports(case)}, without decrypting them; now it answers: {the_reply(case)}"
    )


def mend_the_proxy_s_dns(case: Case) -> str:
    return (
        f"Ask the owners of {the_proxy(case)} to mend its name resolution: it cannot connect to "
        f"{the_hosts(case)} by name ({the_reply(case)})"
    )


def compare_the_proxy_s_dns(case: Case) -> str:
    return (
        f"Ask the owners of {the_proxy(case)} which addresses its resolver has for {the_hosts(case)}: "
        f"asked by name it fares otherwise than asked by the addresses that {the_resolver(case)} has "
        f"({the_reply(case)})"
    )


def open_the_way_behind_the_proxy(case: Case) -> str:
    denied = sorted({each.result.port for each in case.such(reason_is(Reason.PROXY_DENIED))})
    besides = f"; it also denies {named_ports(denied)}" if denied else ""
    return (
        f"Ask the owners of {the_proxy(case)} to see that it can itself connect to {the_hosts(case)} on "
        f"{the_ports(case)}{_networks(case)}: {the_reply(case)}{besides}"
    )


def see_what_the_proxy_hides(case: Case) -> str:
    return (
        f"Ask the owners of {the_proxy(case)} why it reports connections to {the_hosts(case)} on "
        f"{the_ports(case)} as established when no TLS comes through them: {the_reply(case)}"
    )


def speed_up_the_proxy(case: Case) -> str:
    return f"Ask the owners of {the_proxy(case)} what slows it down: {how_slow(case)}"


def stop_decrypting(case: Case) -> str:
    return (
        f"Ask the owners of {the_inspector(case)} to except *.push.apple.com from TLS inspection: devices "
        f"refuse certificates that are not Apple's ({the_reply(case)})"
    )


def lead_to_apple(case: Case) -> str:
    if case.is_apple_s:
        return (
            f"Ask the owners of {the_inspector(case)} what answers in Apple's place for {the_hosts(case)} "
            f"on {the_ports(case)}, a login page or a block page perhaps: {the_reply(case)}"
        )
    if any(each.failure and each.failure.reason is Reason.TLS_NOT_TLS for each in case.about):
        return (
            f"Ask those who run {the_hosts(case)} why there is no TLS on {the_ports(case)}: {the_reply(case)}"
        )
    return (
        f"Ask those who run {the_hosts(case)} about the certificate on {the_ports(case)}, or name its "
        f"authority as the service's ca_file: {the_reply(case)}"
    )


def let_large_packets_through(case: Case) -> str:
    return (
        f"Ask the owners of the firewall about {the_hosts(case)} on {the_ports(case)}: connections come "
        "about, but the large packets of the TLS answer never arrive. Either a link with a smaller MTU "
        "loses them (let the ICMP messages 'fragmentation needed' and 'packet too big' through), or a "
        f"filter swallows TLS ({the_reply(case)})"
    )


def let_tls_through(case: Case) -> str:
    return (
        f"Ask the owners of the firewall to let TLS to {the_hosts(case)} on {the_ports(case)} through "
        f"without inspection: it is cut right after it begins ({the_reply(case)})"
    )


def let_the_session_through(case: Case) -> str:
    return (
        f"Ask the owners of {the_inspector(case)} to pass what follows TLS to {the_hosts(case)} on "
        f"{the_ports(case)} unchanged, HTTP/2 for the provider API: {the_reply(case)}"
    )


def open_the_ranges(case: Case) -> str:
    ranges = links.ranges_of(case.about)
    return (
        f"Ask the owners of the firewall to allow {the_ports(case)} to {listed(ranges)}, as to the other "
        f"networks that Apple publishes (support.apple.com/102266): {the_reply(case)}"
    )


def mend_the_family(case: Case) -> str:
    family = FAMILIES[case.about[0].family]
    whose = the_proxy(case) if case.path.proxy else "this network"
    return (
        f"Ask the owners of {whose} to mend its {family}, or not to offer it: connections to "
        f"{the_hosts(case)} on {the_ports(case)} fail ({the_reply(case)})"
    )


def open_the_ports(case: Case) -> str:
    return (
        f"Ask the owners of the firewall to allow TCP {the_ports(case)} to "
        f"{the_hosts(case)}{_networks(case)}: {the_reply(case)}"
    )


def _networks(case: Case) -> str:
    """Apple's networks, where the services are Apple's: not every firewall has rules for names."""
    return f" (Apple's networks {listed(PUBLISHED_RANGES)})" if case.is_apple_s else ""


def find_the_loss(case: Case) -> str:
    return f"Ask the owners of this network where packets are lost: {how_many_asked_twice(case)}"


def open_the_hosts(case: Case) -> str:
    """Of a service of the user's own, it may be the service itself that is down."""
    beside = ", which another path reaches" if links.reached_elsewhere(case) else ""
    if case.is_apple_s:
        return (
            f"Ask the owners of the firewall to allow {the_ports(case)} to "
            f"{the_failed_hosts(case)}{beside}: {the_reply(case)}"
        )
    return (
        f"See whether anything listens on {the_ports(case)} of {the_failed_hosts(case)}{beside}, then ask "
        f"the owners of the firewall to allow that: {the_reply(case)}"
    )


def watch_the_hosts(case: Case) -> str:
    return (
        "Wait and watch, then ask Apple (www.apple.com/support/systemstatus): only "
        f"{the_failed_hosts(case)} on {the_ports(case)} cannot be reached from here ({the_reply(case)})"
    )


def ask_apple(case: Case) -> str:
    return (
        "Look at Apple's status page (www.apple.com/support/systemstatus) and ask Apple: "
        f"{the_hosts(case)} on {the_ports(case)} cannot be reached over any path, while other hosts can "
        f"({the_reply(case)})"
    )
