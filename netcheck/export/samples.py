"""What each metric family samples from the state: label values, and the value they have now.

Knows the state and the records. Must not know how anything is written: no metric name, no text format.
Every function reads and changes nothing. What is not known yet yields no sample, what is counted starts at 0.
"""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

from netcheck import __version__
from netcheck.apns.addresses import is_apple_name, is_published, published_range
from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import BagSeen, Judgement, Verdict
from netcheck.model.paths import Family
from netcheck.model.results import Bag, Lookup, Result
from netcheck.state import EndpointState, Histogram, State

HostsKey: TypeAlias = tuple[str, int, str, Family]
"""Service, port, path, family."""


@dataclass(frozen=True)
class Exposed:
    """All that the exports show: the state, what it means, who lives on the couriers' fallback, the bags.

    For one scrape: a later one needs another.
    """

    state: State
    judgements: Sequence[Judgement]
    fallback: Mapping[str, bool]
    bags: Sequence[BagSeen] = ()

    @cached_property  # several families need it, and going through all endpoints takes its time
    def hosts(self) -> Mapping[HostsKey, Sequence[EndpointState]]:
        """What is known of a service's hosts, by its ports and paths and how the destination was named."""
        grouped: dict[HostsKey, list[EndpointState]] = {}
        for (service, _, port, path, family), seen in self.state.endpoints.items():
            grouped.setdefault((service, port, path, family), []).append(seen)
        return grouped


class Observed(NamedTuple):
    """A histogram at one moment: counts per bucket (not cumulative, the last for +Inf), sum in seconds."""

    counts: tuple[int, ...]
    sum: float


Labels: TypeAlias = tuple[str | int, ...]
Numbers: TypeAlias = Iterator[tuple[Labels, float]]
Histograms: TypeAlias = Iterator[tuple[Labels, Observed]]


def probe_success(exposed: Exposed) -> Numbers:
    for endpoint, seen in exposed.state.endpoints.items():
        yield endpoint, 1 if seen.reachable else 0


def probe_addresses(exposed: Exposed) -> Numbers:
    for endpoint, seen in exposed.state.endpoints.items():
        yield (*endpoint, "reachable"), seen.reachable
        yield (*endpoint, "unreachable"), seen.unreachable


def probe_phase_durations(exposed: Exposed) -> Numbers:
    for endpoint, seen in exposed.state.endpoints.items():
        for phase, seconds in seen.phases.items():
            yield (*endpoint, phase), seconds


def probe_last_runs(exposed: Exposed) -> Numbers:
    for endpoint, seen in exposed.state.endpoints.items():
        yield endpoint, seen.last_run


def probe_last_successes(exposed: Exposed) -> Numbers:
    for endpoint, seen in exposed.state.endpoints.items():
        if seen.last_success is not None:
            yield endpoint, seen.last_success


def hosts(exposed: Exposed) -> Numbers:
    for labels, seen in exposed.hosts.items():
        reachable = sum([each.reachable > 0 for each in seen])
        yield (*labels, "reachable"), reachable
        yield (*labels, "unreachable"), len(seen) - reachable


def hosts_last_runs(exposed: Exposed) -> Numbers:
    for labels, seen in exposed.hosts.items():
        yield labels, max([each.last_run for each in seen])


def hosts_last_successes(exposed: Exposed) -> Numbers:
    for labels, seen in exposed.hosts.items():
        times = [each.last_success for each in seen if each.last_success is not None]
        if times:
            yield labels, max(times)


def probes(exposed: Exposed) -> Numbers:
    for flow, counters in exposed.state.flows.items():
        for (family, outcome), count in counters.probes.items():
            yield (*flow, family, outcome), count


def probe_failures(exposed: Exposed) -> Numbers:
    for flow, counters in exposed.state.flows.items():
        for (phase, reason), count in counters.failures.items():
            yield (*flow, phase, reason), count


def probe_durations(exposed: Exposed) -> Histograms:
    for flow, counters in exposed.state.flows.items():
        for phase, histogram in counters.durations.items():
            yield (*flow, phase), _observed(histogram)


def tcp_rtts(exposed: Exposed) -> Histograms:
    for flow, counters in exposed.state.flows.items():
        yield flow, _observed(counters.rtt)


def tcp_syn_retransmits(exposed: Exposed) -> Numbers:
    for flow, counters in exposed.state.flows.items():
        yield flow, counters.syn_retransmits


def dns_lookups(exposed: Exposed) -> Numbers:
    for flow, counts in exposed.state.lookup_counts.items():
        for outcome, count in counts.items():
            yield (*flow, outcome), count


def dns_lookup_durations(exposed: Exposed) -> Histograms:
    for resolver, histogram in exposed.state.lookup_durations.items():
        yield (resolver,), _observed(histogram)


def dns_unexpected_addresses(exposed: Exposed) -> Numbers:
    """Of Apple's names only: a user's own service is expected to be elsewhere."""
    unexpected: dict[Labels, int] = {}
    for labels, lookup in _lookups(exposed.state):
        if is_apple_name(lookup.host):
            outside = sum(not is_published(address) for address in lookup.addresses)
            unexpected[labels] = unexpected.get(labels, 0) + outside
    yield from unexpected.items()


def dns_min_ttls(exposed: Exposed) -> Numbers:
    shortest: dict[Labels, int] = {}
    for labels, lookup in _lookups(exposed.state):
        if lookup.min_ttl is not None:
            shortest[labels] = min(lookup.min_ttl, shortest.get(labels, lookup.min_ttl))
    yield from shortest.items()


def tls_intercepted(exposed: Exposed) -> Numbers:
    """1 if any latest probe of the flow met another's certificate; no sample before one met any."""
    for flow, results in _by_flow(exposed):
        if any(result.attempt.tls for result in results):
            failures = [result.attempt.failure for result in results]
            yield flow, int(any(f is not None and f.reason is Reason.TLS_INTERCEPTED for f in failures))


def tls_not_after(exposed: Exposed) -> Numbers:
    """Of the certificates seen last, the one that expires first."""
    for flow, results in _by_flow(exposed):
        times = [result.attempt.tls.not_after for result in results if result.attempt.tls]
        if times:
            yield flow, min(times)


def _by_flow(exposed: Exposed) -> Iterator[tuple[Labels, list[Result]]]:
    grouped: dict[Labels, list[Result]] = {}
    for (service, port, path, _), hosts_seen in exposed.hosts.items():
        results = grouped.setdefault((service, port, path), [])
        results.extend([result for seen in hosts_seen for result in seen.results])
    yield from grouped.items()


def prefixes_reachable(exposed: Exposed) -> Numbers:
    """Of the addresses tried last in each of Apple's ranges, the share that could be connected to."""
    latest: dict[Labels, dict[str, Result]] = {}
    for endpoint, seen in exposed.state.endpoints.items():
        if is_apple_name(endpoint.host):
            for result in seen.results:
                _note_latest(latest, result)
    for labels, by_address in latest.items():
        yield labels, sum(map(_was_connected, by_address.values())) / len(by_address)


def _note_latest(latest: dict[Labels, dict[str, Result]], result: Result) -> None:
    """Hosts share addresses, and were visited at different times: the newest try of an address counts."""
    address = result.attempt.address
    prefix = published_range(address) if address else None
    if address is None or prefix is None:
        return
    by_address = latest.setdefault((result.path, prefix, result.port), {})
    before = by_address.get(address)
    if before is None or before.attempt.time <= result.attempt.time:
        by_address[address] = result


def _was_connected(result: Result) -> bool:
    failure = result.attempt.failure
    return failure is None or failure.phase in (Phase.TLS, Phase.SESSION)


def proxies_up(exposed: Exposed) -> Numbers:
    for path, health in exposed.state.proxies.items():
        if health.up is not None:
            yield (path,), int(health.up)


def ready(exposed: Exposed) -> Numbers:
    for judgement in exposed.judgements:
        yield (judgement.path, judgement.role), int(judgement.verdict is Verdict.READY)


def verdicts(exposed: Exposed) -> Numbers:
    for judgement in exposed.judgements:
        for verdict in Verdict:
            yield (judgement.path, judgement.role, verdict), int(verdict is judgement.verdict)


def verdict_causes(exposed: Exposed) -> Numbers:
    """1 for each finding: several may hold at once."""
    for judgement in exposed.judgements:
        found = dict.fromkeys((finding.cause, finding.hop) for finding in judgement.findings)
        for what in dict.fromkeys((*judgement.possible, *found)):
            yield (judgement.path, judgement.role, *what), int(what in found)


def courier_fallbacks(exposed: Exposed) -> Numbers:
    for path, active in exposed.fallback.items():
        yield (path,), int(active)


def _bags(exposed: Exposed) -> Iterator[tuple[Labels, Bag]]:
    return (((seen.path, seen.host), seen.bag) for seen in exposed.bags if seen.bag is not None)


def bag_courier_counts(exposed: Exposed) -> Numbers:
    for labels, bag in _bags(exposed):
        yield labels, bag.courier_count


def bag_courier_statuses(exposed: Exposed) -> Numbers:
    for labels, bag in _bags(exposed):
        if bag.courier_status is not None:
            yield labels, int(bag.courier_status)


def bag_expiries(exposed: Exposed) -> Numbers:
    for labels, bag in _bags(exposed):
        yield labels, bag.expiry


def bag_infos(exposed: Exposed) -> Numbers:
    for labels, bag in _bags(exposed):
        yield (*labels, bag.courier_hostname), 1


def bag_disagrees(exposed: Exposed) -> Numbers:
    for seen in exposed.bags:
        if seen.bag is not None:
            yield (seen.path, seen.host), int(bool(seen.disagreements))


def push_certificates_readable(exposed: Exposed) -> Numbers:
    for certificate in exposed.state.read_push_certificates():
        yield (certificate.name,), int(certificate.error is None)


def push_certificate_expiries(exposed: Exposed) -> Numbers:
    for certificate in exposed.state.read_push_certificates():
        if certificate.not_after is not None:
            yield (certificate.name,), certificate.not_after


def push_certificate_topics(exposed: Exposed) -> Numbers:
    for certificate in exposed.state.read_push_certificates():
        if certificate.topic_matches is not None:
            yield (certificate.name,), int(certificate.topic_matches)


def holds_longest(exposed: Exposed) -> Numbers:
    for key, hold in exposed.state.holds.items():
        yield key, hold.longest


def holds_ended(exposed: Exposed) -> Numbers:
    for key, ends in exposed.state.hold_ends.items():
        for end, count in ends.items():
            yield (*key, end), count


def reload_successful(exposed: Exposed) -> Numbers:
    yield (), int(exposed.state.own.reload_successful)


def reload_success_time(exposed: Exposed) -> Numbers:
    yield (), exposed.state.own.reload_success_time


def schedule_lag(exposed: Exposed) -> Histograms:
    yield (), _observed(exposed.state.own.schedule_lag)


def loop_lag(exposed: Exposed) -> Histograms:
    yield (), _observed(exposed.state.own.loop_lag)


def probes_skipped(exposed: Exposed) -> Numbers:
    for cause, count in exposed.state.own.skipped.items():
        yield (cause,), count


def build_info(_: Exposed) -> Numbers:
    yield (__version__, platform.python_version()), 1


Sampler: TypeAlias = Callable[[Exposed], Iterator[tuple[Labels, float | Observed]]]


def _observed(histogram: Histogram) -> Observed:
    return Observed(tuple(histogram.counts), histogram.sum)


def _lookups(state: State) -> Iterator[tuple[Labels, Lookup]]:
    for (flow, _), lookup in state.lookups.items():
        yield (flow.service, flow.resolver), lookup
