"""The metrics of what was measured: hosts, probes, DNS, proxies, certificates, Apple's ranges.

Samples only read. What is not known yet yields none, what is counted starts at 0.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import TypeAlias

from netcheck.apns.addresses import is_apple_name, may_lead_elsewhere, published_range, unexpected
from netcheck.export import expiries
from netcheck.export.family import Histograms, Kind, Labels, Numbers, metric, observed, of_hosts
from netcheck.facts import Facts
from netcheck.grouping import in_turn
from netcheck.model.failing import Phase, Reason
from netcheck.model.results import Attempt, EndpointState, Tried
from netcheck.state.flows import Flow


@of_hosts("netcheck_probe_success")
def probe_success(seen: EndpointState) -> Mapping[str, float]:
    """1 if at least one address answered when the host was last visited."""
    return {"": 1 if seen.reachable else 0}


@of_hosts("netcheck_probe_addresses", "state")
def probe_addresses(seen: EndpointState) -> Mapping[str, float]:
    """Addresses tried when the host was last visited, by whether they answered."""
    return {"reachable": seen.reachable, "unreachable": seen.unreachable}


@of_hosts("netcheck_probe_phase_duration_seconds", "phase")
def probe_phase_durations(seen: EndpointState) -> Mapping[Phase, float]:
    """How long each phase took when the host last answered."""
    return seen.phases


@of_hosts("netcheck_probe_last_run_timestamp_seconds")
def probe_last_run(seen: EndpointState) -> Mapping[str, float]:
    """When the host was last visited."""
    return {"": seen.last_run}


@of_hosts("netcheck_probe_last_success_timestamp_seconds")
def probe_last_success(seen: EndpointState) -> Mapping[str, float]:
    """When the host last answered."""
    return {} if seen.last_success is None else {"": seen.last_success}


@metric(Kind.GAUGE, "netcheck_hosts", *Flow._fields, "family", "state")
def hosts(facts: Facts) -> Numbers:
    """Hosts visited so far, by whether any address answered when they were last visited."""
    for labels, seen in facts.hosts.items():
        reachable = sum([each.reachable > 0 for each in seen])
        yield (*labels, "reachable"), reachable
        yield (*labels, "unreachable"), len(seen) - reachable


@metric(Kind.GAUGE, "netcheck_hosts_last_run_timestamp_seconds", "path")
def hosts_last_runs(facts: Facts) -> Numbers:
    """When any host was last visited."""
    # By the monotonic clock: where the other one was ahead and is set right, the latest time is an old one.
    latest: dict[str, tuple[float, float]] = {}
    for (_, _, path, _), seen in facts.hosts.items():
        newest = max([(each.attempt.at, known.last_run) for known in seen for each in known.results])
        latest[path] = max(newest, latest.get(path, newest))
    for path, (_, time) in latest.items():
        yield (path,), time


@metric(Kind.GAUGE, "netcheck_hosts_last_success_timestamp_seconds", *Flow._fields)
def hosts_last_successes(facts: Facts) -> Numbers:
    """When any host last answered."""
    latest: dict[Labels, float] = {}
    for (service, port, path, _), seen in facts.hosts.items():
        if times := [each.last_success for each in seen if each.last_success is not None]:
            flow, time = (service, port, path), max(times)
            latest[flow] = max(time, latest.get(flow, time))
    yield from latest.items()


@metric(Kind.COUNTER, "netcheck_probes_total", *Flow._fields, "outcome")
def probes(facts: Facts) -> Numbers:
    """Probes made."""
    for flow, outcomes in facts.totals.outcomes.items():
        for outcome, count in outcomes.items():
            yield (*flow, outcome), count


@metric(Kind.COUNTER, "netcheck_probe_failures_total", "path", "phase", "reason")
def probe_failures(facts: Facts) -> Numbers:
    """Probes that failed, by the phase they ended in and why."""
    for path, counters in facts.totals.paths.items():
        for (phase, reason), count in counters.failures.items():
            yield (path, phase, reason), count


@metric(Kind.HISTOGRAM, "netcheck_probe_duration_seconds", "path", "phase")
def probe_durations(facts: Facts) -> Histograms:
    """How long the phases of probes took that succeeded."""
    for path, counters in facts.totals.paths.items():
        for phase, histogram in counters.durations.items():
            yield (path, phase), observed(histogram)


@metric(Kind.HISTOGRAM, "netcheck_tcp_rtt_seconds", "path")
def tcp_rtts(facts: Facts) -> Histograms:
    """The kernel's round trip time of the first hop's TCP connection."""
    for path, counters in facts.totals.paths.items():
        yield (path,), observed(counters.rtt)


@metric(Kind.COUNTER, "netcheck_tcp_syn_retransmits_total", "path")
def tcp_syn_retransmits(facts: Facts) -> Numbers:
    """Connection requests that the kernel had to send again."""
    for path, counters in facts.totals.paths.items():
        yield (path,), counters.syn_retransmits


@metric(Kind.COUNTER, "netcheck_dns_lookups_total", "resolver", "type", "outcome")
def dns_lookups(facts: Facts) -> Numbers:
    """DNS lookups made; the outcome is success or why there was no address."""
    for question, counts in facts.totals.lookups.items():
        for outcome, count in counts.items():
            yield (*question, outcome), count


@metric(Kind.HISTOGRAM, "netcheck_dns_lookup_duration_seconds", "resolver")
def dns_lookup_durations(facts: Facts) -> Histograms:
    """How long DNS lookups took, all their tries included."""
    for resolver, histogram in facts.totals.lookup_durations.items():
        yield (resolver,), observed(histogram)


@metric(Kind.GAUGE, "netcheck_dns_unexpected_addresses", "service", "resolver")
def dns_unexpected_addresses(facts: Facts) -> Numbers:
    """Addresses in the latest answers outside what Apple publishes for push, or outside the service's
    networks."""
    # Of push but its bags, and where the config says where a service is: others may be anywhere.
    networks = {each.name: each.networks for each in facts.services}
    counts: dict[Labels, int] = {}
    for (flow, _), lookup in facts.lookups_by_flow.items():
        its = networks.get(flow.service, ())
        if its or (is_apple_name(lookup.host) and not may_lead_elsewhere(lookup.host)):
            labels = (flow.service, flow.resolver)
            outside = len(unexpected(lookup.host, lookup.addresses, its))
            counts[labels] = counts.get(labels, 0) + outside
    yield from counts.items()


@metric(Kind.GAUGE, "netcheck_dns_min_ttl_seconds", "service", "resolver")
def dns_min_ttls(facts: Facts) -> Numbers:
    """The shortest time to live in the latest answers."""
    shortest: dict[Labels, int] = {}
    for key, lookup in facts.lookups_by_flow.items():
        ttl = facts.ttls_before.get(key) if lookup.min_ttl is None else lookup.min_ttl
        if ttl is not None:
            labels = (key[0].service, key[0].resolver)
            shortest[labels] = min(ttl, shortest.get(labels, ttl))
    yield from shortest.items()


@metric(Kind.GAUGE, "netcheck_proxy_up", "path")
def proxies_up(facts: Facts) -> Numbers:
    """1 if the path's proxy accepted a connection and spoke its protocol."""
    for path, up in facts.proxies_up.items():
        if up is not None:
            yield (path,), int(up)


@metric(Kind.GAUGE, "netcheck_tls_intercepted", "service", "path")
def tls_intercepted(facts: Facts) -> Numbers:
    """1 if a certificate was seen that neither Apple nor a public authority issued."""
    for service_and_path, certified in facts.certified.items():
        reasons = [result.attempt.failure.reason for result in certified if result.attempt.failure]
        yield service_and_path, int(Reason.TLS_INTERCEPTED in reasons)


@metric(Kind.GAUGE, "netcheck_tls_certificate_not_after_timestamp_seconds", "service", "path")
def tls_not_after(facts: Facts) -> Numbers:
    """When the certificate that expires first of those seen last expires; that of an https proxy, and of
    a resolver over TLS, is of the service `the proxy` or `the resolver`."""
    for service_and_path, certified in facts.certified.items():
        certificates = [result.attempt.tls for result in certified if result.attempt.tls]
        if times := [each.not_after for each in certificates if each.not_after is not None]:
            yield service_and_path, min(times)
    for path, not_after in expiries.of_proxies(facts):
        yield ("the proxy", path), not_after  # no service can have such a name
    for path, not_after in expiries.of_resolvers(facts):
        yield ("the resolver", path), not_after


@metric(Kind.GAUGE, "netcheck_prefix_reachable_ratio", "path", "prefix", "port")
def prefixes_reachable(facts: Facts) -> Numbers:
    """Of the addresses of required services in one of Apple's ranges, the share that was reached."""
    # That a firewall drops what nobody needs is no range that it blocks. Hosts share addresses, and were
    # visited at different times: the newest try of an address counts. A range in which none was tried at any
    # host's last visit keeps what was found before: its addresses will have their turn.
    seen = list(_of_required(facts))
    latest = _shares(
        (path, port, result.attempt.address or "", result.attempt)
        for path, port, state in seen
        for result in state.addressed
    )
    waiting = _waiting(seen, latest.keys())
    earlier = _shares(
        (path, port, address, tried)
        for path, port, state in (seen if waiting else ())
        for address, tried in state.tried_before.items()
        if (path, port, address) in waiting
    )
    yield from {**earlier, **latest}.items()


_At: TypeAlias = tuple[str, int, str]
"""Path, port and address."""


def _waiting(seen: Iterable[tuple[str, int, EndpointState]], latest: Set[Labels]) -> Set[_At]:
    """The addresses, each with its path and port, in whose range none was tried at any host's last visit.

    As a rule there are none, and hosts share their addresses: so each is looked at once, not once a host.
    """
    before = defaultdict[tuple[str, int], set[str]](set)
    for path, port, state in seen:
        if state.tried_before:
            before[path, port].update(state.tried_before)
    return {
        (path, port, address)
        for (path, port), addresses in before.items()
        for address in addresses
        if (prefix := published_range(address)) and (path, prefix, port) not in latest
    }


def _shares(tries: Iterable[tuple[str, int, str, Attempt | Tried]]) -> dict[Labels, float]:
    """By path, range and port; of the tries, each with its path, port and address."""
    newest: dict[_At, Attempt | Tried] = {}
    for path, port, address, tried in tries:
        key = (path, port, address)
        if key not in newest or newest[key].at <= tried.at:
            newest[key] = tried
    found = in_turn(
        ((path, prefix, port), tried.connected)
        for (path, port, address), tried in newest.items()
        if (prefix := published_range(address))
    )
    return {labels: sum(each) / len(each) for labels, each in found.items()}


def _of_required(facts: Facts) -> Iterator[tuple[str, int, EndpointState]]:
    """What was seen of Apple's hosts that somebody needs, each with its path and port."""
    hosts = {each.name: set(filter(is_apple_name, each.hosts)) for each in facts.services if each.required}
    for (service, host, port, path, _), seen in facts.endpoints.items():
        if host in hosts.get(service, ()):
            yield path, port, seen
