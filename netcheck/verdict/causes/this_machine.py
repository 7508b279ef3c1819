"""What is wrong near by: in netcheck itself, on its machine, or in the network that it is plugged into."""

from collections.abc import Sequence

from netcheck.apns.addresses import is_allocated
from netcheck.model.failing import DNS_PHASES, DNS_SILENCE, Phase, Reason
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Binding
from netcheck.model.results import HOSTS_FILE
from netcheck.phrases import listed
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.causes.names_led import at_strays, is_led_to_nobody
from netcheck.verdict.counting import Counted
from netcheck.verdict.how_often import how_often, the_reply
from netcheck.verdict.matching import (
    fails_in,
    is_another_of_apples,
    is_apples,
    lacks_store,
    phase_is,
    reason_is,
)
from netcheck.verdict.naming import FAMILIES, mend_the_stores, shortened, the_hosts, the_ports
from netcheck.verdict.owners import DEVELOPERS, THIS_MACHINE, THIS_NETWORK, on_the_way, the_resolver
from netcheck.verdict.settings_in_words import bound_to, its_binding

_asks = phase_is(*DNS_PHASES)
_NO_ROUTE = Reason.NETWORK_UNREACHABLE
_DNS_SILENCE = (*DNS_SILENCE, _NO_ROUTE)
_SILENCE = {
    Phase.RESOLVE: _DNS_SILENCE,
    Phase.PROXY_RESOLVE: _DNS_SILENCE,
    Phase.CONNECT: (_NO_ROUTE, Reason.HOST_UNREACHABLE),  # a timeout: DNS at least answered
    Phase.PROXY_CONNECT: (Reason.TIMEOUT, _NO_ROUTE, Reason.HOST_UNREACHABLE),
}


@cause(Cause.INTERNAL, Hop.NETCHECK)
def internal(case: Case) -> Found | None:
    about = case.mostly(reason_is(Reason.INTERNAL_ERROR))
    if not about:
        return None
    next_step = "Report this to the developers of netcheck, with the traceback in its log."
    return Found(DEVELOPERS, about, next_step)


@cause(Cause.LOCAL_NETWORK_DOWN, Hop.LOCAL_NETWORK)
def local_network_down(case: Case) -> Found | None:
    """On every path everything ends in silence, and it is this machine that has no way out.

    So it is where a route is missing, or where a resolver and a proxy are both silent. That all ask one
    resolver, be it for the proxy's name, is one silence: then it may be the resolver's.
    A route need not lead to what a block list answers.
    """
    if not case.left or all(map(is_led_to_nobody(case), case.left)):
        return None
    known = [failure for failure in case.world.failures_now if failure is not None]
    silent = None not in case.world.failures_now and all(f.reason in _SILENCE.get(f.phase, ()) for f in known)
    no_route = any(failure.reason is _NO_ROUTE for failure in known)
    # who rejects DNS alone says nothing of the way out
    told_by = sorted({f.told_by for f in known if f.told_by and f.phase not in DNS_PHASES})
    silences = {Phase.RESOLVE if failure.phase in DNS_PHASES else failure.phase for failure in known}
    if not (silent and (no_route or len(silences) > 1)):
        return None
    paths = [path for path in case.world.paths if case.world.on_path(path.name)]
    where = "the only path" if len(paths) == 1 else f"all {len(paths)} paths"
    return Found(
        THIS_NETWORK,
        case.left,
        f"Ask {THIS_NETWORK.asked} to fix its way out: {shortened(told_by)} says that it leads nowhere."
        if told_by
        else "On the machine that runs netcheck, check the network: link, addresses and default route.",
        evidence=f"on {where}, {how_often(case, case.left)}",
    )


@cause(Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)
def local_machine(case: Case) -> Found | None:
    """It is out of file descriptors, forbids it, or lacks the config's address, or a route.

    Or nothing answers by the path's interface; or /etc/hosts, or the search list, leads elsewhere.
    Or netcheck cannot use its authorities.
    """
    misled = _misled_by_its_list(case) or _misled_by_its_search_list(case)
    return _lacks_authorities(case) or _silent_on_its_interface(case) or misled or _cannot(case)


def _lacks_authorities(case: Case) -> Found | None:
    """Of the destination, a proxy, the resolver or a PAC file's server: none of them has a part in it."""
    about = case.mostly(lacks_store)
    if not about:
        return None
    stores = sorted({each.failure.unusable_store for each in about if each.failure})
    return Found(
        THIS_MACHINE,
        about,
        mend_the_stores(stores),
        evidence=how_often(case, about, "netcheck cannot use the authorities that it should trust"),
        reply=the_reply(about, is_of_destination=False),
    )


def _cannot(case: Case) -> Found | None:
    cannot = reason_is(Reason.FD_EXHAUSTED, Reason.NO_LOCAL_ADDRESS, Reason.PERMISSION_DENIED)
    is_stray, is_astray = at_strays(case), is_led_to_nobody(case)  # no route need lead there
    about = case.mostly(
        lambda each: cannot(each) or (_has_no_way(each) and not (is_stray(each) or is_astray(each)))
    )
    if not about:
        return None
    reasons = {each.failure.reason for each in about if each.failure}
    at_dns = all(map(_asks, about))
    if Reason.FD_EXHAUSTED in reasons:
        what = "raise netcheck's limit of open files"
    elif case.path.binding != Binding() and any(map(_is_of_its_binding, about)):
        what = f"correct {its_binding(case.path)}"
    elif Reason.NO_LOCAL_ADDRESS in reasons and not _leads_nowhere(case, about):
        what = "find what uses up its ports for outgoing connections (net.ipv4.ip_local_port_range)"
    elif Reason.PERMISSION_DENIED in reasons:
        what = f"allow {_forbidden(case, about)} in its own firewall, security software or routes"
    elif any(map(_asks, about)):
        what = f"add a route to {the_resolver(case).name}, or give the path {case.path.name} another resolver"
    elif Reason.NO_LOCAL_ADDRESS in reasons or (_NO_ROUTE in reasons and _leads_nowhere(case, about)):
        what = f"set up {_missing(case, about)}"
    elif _NO_ROUTE in reasons:
        what = f"correct the route to {_destination(case, about)}"
    else:
        what = f"check the first hop of the route to {_destination(case, about)}, and its own firewall"
    next_step = f"On the machine that runs netcheck, {what}."
    reply = the_reply(about, is_of_destination=not at_dns)
    return Found(THIS_MACHINE, about, next_step, reply=reply)


def _is_of_its_binding(each: Counted) -> bool:
    """Where a path is bound: whether it is that, and not a family that its interface lacks."""
    asks = _asks(each) and reason_is(Reason.NO_LOCAL_ADDRESS)(each)
    return asks or (each.failure is not None and each.failure.is_of_binding)


def _silent_on_its_interface(case: Case) -> Found | None:
    other = _path_that_resolves(case)
    if other is None:
        return None
    way = bound_to(case.path.binding)
    return Found(
        THIS_MACHINE,
        case.left,
        f"On the machine that runs netcheck, check {way}: link, addresses and routes. "
        f"The resolver does not answer there, and does on the path {other}. "
        f"If another network is there, give the path {case.path.name} a resolver of that network.",
        reply=the_reply(case.left, is_of_destination=False),
    )


def _path_that_resolves(case: Case) -> str | None:
    """Where nothing answers by the interface or address that the path is bound to: a path with another one,
    on which the same resolver answers.

    Linux asks on the link itself where an interface has no route: that too is silence.
    """
    dns_is_silent = fails_in(Phase.RESOLVE, *_DNS_SILENCE)
    if case.path.binding == Binding() or not case.left or not all(map(dns_is_silent, case.counted)):
        return None
    for path in case.world.paths:
        counted = case.world.on_path(path.name)
        is_other = path.resolver == case.path.resolver and path.binding != case.path.binding
        if is_other and any(case.was_resolved_here(each) and not _asks(each) for each in counted):
            return path.name
    return None


def _misled_by_its_list(case: Case) -> Found | None:
    """An address that somebody wrote down is not where an Apple name leads, or no more."""
    stands_there = case.stands_in_hosts_file
    about = case.mostly(
        lambda each: stands_there(each) and not case.is_known_to_resolvers(each) and _is_misled(case, each)
    )
    if not about:
        return None
    hosts, addresses = the_hosts(case, about), {str(each.result.attempt.address) for each in about}
    return Found(
        THIS_MACHINE,
        about,
        f"On the machine that runs netcheck, take {hosts} out of {HOSTS_FILE}. Apple changes its addresses.",
        evidence=f"By {HOSTS_FILE} here it is {shortened(sorted(addresses))}: {how_often(case, about)}",
    )


def _misled_by_its_search_list(case: Case) -> Found | None:
    """As in Kubernetes with a wildcard in one of the domains: the completed name comes first, and exists.

    Or there is no answer to it, from a resolver that answers for other names.
    """
    completed = case.world.resolvers.completed
    is_heard = any(case.was_resolved_here(each) and not _asks(each) for each in case.counted)
    is_kept_waiting = fails_in(Phase.RESOLVE, Reason.DNS_TIMEOUT)
    about = case.mostly(
        lambda each: (
            each.result.host in completed
            and (_is_misled(case, each) or (is_heard and is_apples(each) and is_kept_waiting(each)))
        )
    )
    if not about:
        return None
    name = completed[about[0].result.host]
    return Found(
        THIS_MACHINE,
        about,
        "On the machine that runs netcheck, set `options ndots:1` in resolv.conf. "
        f"As it is, {name} is asked for before {about[0].result.host}.",
        evidence=f"The search list makes {name} of {about[0].result.host}: {how_often(case, about)}",
    )


def _is_misled(case: Case, each: Counted) -> bool:
    """Whether it is the address: nothing works there, and it is not Apple's, or the rest of Apple's works."""
    address, failure = each.result.attempt.address, each.failure
    if address is None or failure is None or failure.told_by or not is_apples(each):
        return False
    if is_another_of_apples(each):
        return True
    is_foreign = not is_allocated(address)
    ends_there = _ends_at_the_address(each) or (is_foreign and failure.reason is _NO_ROUTE)
    if not ends_there or any(e.failure is None and e.result.attempt.address == address for e in case.counted):
        return False
    rest = (other for other in case.counted if other.result.host != each.result.host and is_apples(other))
    return is_foreign or any(other.failure is None for other in rest)


_ends_at_the_address = reason_is(
    Reason.SINKHOLED,
    Reason.TIMEOUT,
    Reason.REFUSED,
    Reason.RESET,
    Reason.CLOSED,
    Reason.HOST_UNREACHABLE,
    Reason.TLS_TIMEOUT,
    Reason.TLS_NOT_TLS,
    Reason.TLS_ALERT,
    Reason.TLS_NAME_MISMATCH,
    Reason.PROXY_TARGET_REFUSED,
    Reason.PROXY_TARGET_UNREACHABLE,
    Reason.PROXY_TARGET_TIMEOUT,
)
"""Not what this machine forbids, or a proxy denies, nor a certificate that is made on the way."""


def _leads_nowhere(case: Case, about: Sequence[Counted]) -> bool:
    """Whether the path gets nowhere at all over these families."""
    families = {each.family for each in about}
    return not any(each.connected for each in case.counted if each.family in families)


def _missing(case: Case, about: Sequence[Counted]) -> str:
    """Addresses and a route, of which families, to where, and on which interface."""
    families = listed(sorted({FAMILIES[each.family] for each in about if each.family in FAMILIES}))
    on = f" on the interface {case.path.binding.interface}" if case.path.binding.interface else ""
    return f"{families or 'the network'}{on} with a route to {_destination(case, about)}"


def _has_no_way(each: Counted) -> bool:
    """Whether this machine has no route, or one to a first hop that is not there.

    Apple is nobody's neighbour; what is nearer may be down itself.
    """
    if each.failure is None:
        return False
    found_out_here = each.failure.told_by is None and is_apples(each)
    is_deserted = found_out_here and fails_in(Phase.CONNECT, Reason.HOST_UNREACHABLE)(each)
    return each.failure.lacks_route or is_deserted


def _destination(case: Case, about: Sequence[Counted]) -> str:
    """Where a route should lead: to the networks where that is known, as others may be fine."""
    if case.path.is_relayed:
        return on_the_way(case, about).name
    ranges = {each.range.what if each.range else "" for each in about}
    return the_hosts(case, about) if "" in ranges else listed(sorted(ranges))


def _forbidden(case: Case, about: Sequence[Counted]) -> str:
    """What this machine does not let out: DNS, what the path leads through, or the destinations."""
    if any(map(_asks, about)):
        return f"DNS to {the_resolver(case).name}"
    if case.path.is_relayed:
        return f"connections to {on_the_way(case, about).name}"
    return f"TCP {the_ports(case, about)} to {the_hosts(case, about)}"


@cause(Cause.PACKET_LOSS, Hop.LOCAL_NETWORK, needs_failures=False)
def packet_loss(case: Case) -> Found | None:
    """Of failures, lost packets only make timeouts."""
    timeouts = reason_is(Reason.TIMEOUT, Reason.DNS_TIMEOUT, Reason.TLS_TIMEOUT)
    about = case.mostly(timeouts)
    if case.verdict is not Verdict.DEGRADED or case.lost is None or (case.left and not about):
        return None
    twice, of_all = case.lost
    next_step = f"Ask {THIS_NETWORK.asked} to find and fix what loses packets on the way out."
    if twice == of_all:  # no chance: Linux sends the second one without ECN, and some filters drop the first
        next_step = (
            f"Ask {THIS_NETWORK.asked} what drops the first request of each connection, and not the second. "
            "It may be a filter that drops ECN: to see, set net.ipv4.tcp_ecn to 2 where netcheck runs."
        )
    return Found(
        THIS_NETWORK,
        about,
        next_step,
        evidence=(
            f"{twice} of {of_all} connections got no answer to their first packet (SYN), only to a later one"
        ),
        reply="",
    )
