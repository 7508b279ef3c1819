"""What each metric family samples from the facts: label values, and the value they have now.

Knows the facts and the records. Must not know how anything is written: no metric name, no text format.
Every function reads and changes nothing. What is not known yet yields no sample, what is counted starts at 0.
"""

import platform
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from netcheck import __version__
from netcheck.apns.addresses import is_apple_name, may_lead_elsewhere, published_range, unexpected
from netcheck.facts import Facts
from netcheck.model.bags import Bag
from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Verdict
from netcheck.model.push_certificates import Acceptance
from netcheck.model.results import Attempt, EndpointState, Tried
from netcheck.state.histogram import Histogram


class Observed(NamedTuple):
    """A histogram at one moment: counts per bucket (not cumulative, the last for +Inf), sum in seconds."""

    counts: tuple[int, ...]
    sum: float


Labels: TypeAlias = tuple[str | int, ...]
Numbers: TypeAlias = Iterator[tuple[Labels, float]]
Histograms: TypeAlias = Iterator[tuple[Labels, Observed]]
OfHost: TypeAlias = Callable[[EndpointState], Mapping[str, float] | Mapping[Phase, float]]
"""What a family says of one host: a number for each value of the label that it has beside an endpoint's. One
without such a label has the empty part."""


@dataclass(frozen=True, slots=True)
class OfHosts:
    """Samples host by host."""

    of_host: OfHost

    def __call__(self, facts: Facts) -> Numbers:
        for endpoint, seen in facts.endpoints.items():
            for part, number in self.of_host(seen).items():
                yield (*endpoint, part) if part else endpoint, number


def probe_success(seen: EndpointState) -> Mapping[str, float]:
    return {"": 1 if seen.reachable else 0}


def probe_addresses(seen: EndpointState) -> Mapping[str, float]:
    return {"reachable": seen.reachable, "unreachable": seen.unreachable}


def probe_phase_durations(seen: EndpointState) -> Mapping[Phase, float]:
    return seen.phases


def probe_last_run(seen: EndpointState) -> Mapping[str, float]:
    return {"": seen.last_run}


def probe_last_success(seen: EndpointState) -> Mapping[str, float]:
    return {} if seen.last_success is None else {"": seen.last_success}


def hosts(facts: Facts) -> Numbers:
    for labels, seen in facts.hosts.items():
        reachable = sum([each.reachable > 0 for each in seen])
        yield (*labels, "reachable"), reachable
        yield (*labels, "unreachable"), len(seen) - reachable


def hosts_last_runs(facts: Facts) -> Numbers:
    # By the monotonic clock: where the other one was ahead and is set right, the latest time is an old one.
    latest: dict[str, tuple[float, float]] = {}
    for (_, _, path, _), seen in facts.hosts.items():
        newest = max([(each.attempt.at, known.last_run) for known in seen for each in known.results])
        latest[path] = max(newest, latest.get(path, newest))
    for path, (_, time) in latest.items():
        yield (path,), time


def hosts_last_successes(facts: Facts) -> Numbers:
    latest: dict[Labels, float] = {}
    for (service, port, path, _), seen in facts.hosts.items():
        if times := [each.last_success for each in seen if each.last_success is not None]:
            flow, time = (service, port, path), max(times)
            latest[flow] = max(time, latest.get(flow, time))
    yield from latest.items()


def probes(facts: Facts) -> Numbers:
    for flow, outcomes in facts.totals.outcomes.items():
        for outcome, count in outcomes.items():
            yield (*flow, outcome), count


def probe_failures(facts: Facts) -> Numbers:
    for path, counters in facts.totals.paths.items():
        for (phase, reason), count in counters.failures.items():
            yield (path, phase, reason), count


def probe_durations(facts: Facts) -> Histograms:
    for path, counters in facts.totals.paths.items():
        for phase, histogram in counters.durations.items():
            yield (path, phase), _observed(histogram)


def tcp_rtts(facts: Facts) -> Histograms:
    for path, counters in facts.totals.paths.items():
        yield (path,), _observed(counters.rtt)


def tcp_syn_retransmits(facts: Facts) -> Numbers:
    for path, counters in facts.totals.paths.items():
        yield (path,), counters.syn_retransmits


def dns_lookups(facts: Facts) -> Numbers:
    for question, counts in facts.totals.lookups.items():
        for outcome, count in counts.items():
            yield (*question, outcome), count


def dns_lookup_durations(facts: Facts) -> Histograms:
    for resolver, histogram in facts.totals.lookup_durations.items():
        yield (resolver,), _observed(histogram)


def dns_unexpected_addresses(facts: Facts) -> Numbers:
    """Of push but its bags, and where the config says where a service is: others may be anywhere."""
    networks = {each.name: each.networks for each in facts.services}
    counts: dict[Labels, int] = {}
    for (flow, _), lookup in facts.lookups_by_flow.items():
        its = networks.get(flow.service, ())
        if its or (is_apple_name(lookup.host) and not may_lead_elsewhere(lookup.host)):
            labels = (flow.service, flow.resolver)
            outside = len(unexpected(lookup.host, lookup.addresses, its))
            counts[labels] = counts.get(labels, 0) + outside
    yield from counts.items()


def dns_min_ttls(facts: Facts) -> Numbers:
    shortest: dict[Labels, int] = {}
    for key, lookup in facts.lookups_by_flow.items():
        ttl = facts.ttls_before.get(key) if lookup.min_ttl is None else lookup.min_ttl
        if ttl is not None:
            labels = (key[0].service, key[0].resolver)
            shortest[labels] = min(ttl, shortest.get(labels, ttl))
    yield from shortest.items()


def tls_intercepted(facts: Facts) -> Numbers:
    """1 if any latest certificate of the service was another's; no sample before one was shown."""
    for service_and_path, certified in facts.certified.items():
        reasons = [result.attempt.failure.reason for result in certified if result.attempt.failure]
        yield service_and_path, int(Reason.TLS_INTERCEPTED in reasons)


def prefixes_reachable(facts: Facts) -> Numbers:
    """Of the addresses tried last in each of Apple's ranges, the share that could be connected to.

    Of required services only: that a firewall drops what nobody needs is no range that it blocks. Hosts share
    addresses, and were visited at different times: the newest try of an address counts. A range in which
    none was tried at any host's last visit keeps what was found before: its addresses will have their turn.
    """
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
    found: dict[Labels, list[bool]] = {}
    for (path, port, address), tried in newest.items():
        if prefix := published_range(address):
            found.setdefault((path, prefix, port), []).append(tried.connected)
    return {labels: sum(each) / len(each) for labels, each in found.items()}


def _of_required(facts: Facts) -> Iterator[tuple[str, int, EndpointState]]:
    """What was seen of Apple's hosts that somebody needs, each with its path and port."""
    hosts = {each.name: set(filter(is_apple_name, each.hosts)) for each in facts.services if each.required}
    for (service, host, port, path, _), seen in facts.endpoints.items():
        if host in hosts.get(service, ()):
            yield path, port, seen


def proxies_up(facts: Facts) -> Numbers:
    for path, up in facts.proxies_up.items():
        if up is not None:
            yield (path,), int(up)


def ready(facts: Facts) -> Numbers:
    for judgement in facts.judgements:
        yield (judgement.path, judgement.role), int(judgement.verdict is Verdict.READY)


def verdicts(facts: Facts) -> Numbers:
    for judgement in facts.judgements:
        for verdict in Verdict:
            yield (judgement.path, judgement.role, verdict), int(verdict is judgement.verdict)


def verdict_causes(facts: Facts) -> Numbers:
    """One for each fault, or else for each remark: several may hold at once, and mostly none does."""
    for judgement in facts.judgements:
        for what in dict.fromkeys((finding.cause, finding.hop) for finding in judgement.asking):
            yield (judgement.path, judgement.role, *what), 1


def verdict_infos(facts: Facts) -> Numbers:
    """Always one for each judgement; empty where nothing is wrong. No figure and no reply is in it.

    On a path that is not ready and need not be, alerts would take a remark for the reason.
    """
    for judgement in facts.judgements:
        as_expected = judgement.is_expected and judgement.verdict is not Verdict.READY
        said = replace(judgement, findings=()) if as_expected else judgement
        next_step = " ".join(finding.next_step for finding in said.asking)
        yield (said.path, said.role, said.cause or "", said.hop or "", _cut(next_step)), 1


_LONGEST_TEXT = 1000
"""In bytes, as they count: Prometheus may be told to drop a whole scrape for one label that is too long."""


def _cut(text: str) -> str:
    return text.encode()[:_LONGEST_TEXT].decode(errors="ignore")


def path_infos(facts: Facts) -> Numbers:
    for path in facts.paths:
        chosen_by = "" if path.chosen_by is None else path.chosen_by.written
        proxies = chosen_by or ", ".join(proxy.url for proxy in path.proxies)
        yield (path.name, _cut(proxies), path.resolver.name, path.binding.interface or ""), 1


def courier_fallbacks(facts: Facts) -> Numbers:
    for path, active in facts.fallback.items():
        yield (path,), int(active)


def _bags(facts: Facts) -> Iterator[tuple[Labels, Bag]]:
    return (((seen.path, seen.host), seen.bag) for seen in facts.bags if seen.bag is not None)


def bag_courier_counts(facts: Facts) -> Numbers:
    for labels, bag in _bags(facts):
        yield labels, bag.courier_count


def bag_courier_statuses(facts: Facts) -> Numbers:
    for labels, bag in _bags(facts):
        if bag.courier_status is not None:
            yield labels, int(bag.courier_status)


def bag_expiries(facts: Facts) -> Numbers:
    for labels, bag in _bags(facts):
        yield labels, bag.expiry


def bag_infos(facts: Facts) -> Numbers:
    for labels, bag in _bags(facts):
        yield (*labels, bag.courier_hostname), 1


def bag_disagrees(facts: Facts) -> Numbers:
    for seen in facts.bags:
        if seen.bag is not None:
            yield (seen.path, seen.host), int(bool(seen.disagreements))


def push_certificates_readable(facts: Facts) -> Numbers:
    for certificate in facts.push_certificates:
        yield (certificate.name,), int(certificate.error is None)


def push_certificate_expiries(facts: Facts) -> Numbers:
    for certificate in facts.push_certificates:
        if certificate.not_after is not None:
            yield (certificate.name,), certificate.not_after


def push_certificate_topics(facts: Facts) -> Numbers:
    for certificate in facts.push_certificates:
        if certificate.topic_matches is not None:
            yield (certificate.name,), int(certificate.topic_matches)


def push_certificates_accepted(facts: Facts) -> Numbers:
    for proof in facts.proofs:
        if proof.acceptance is not Acceptance.UNPROVEN:
            yield (proof.name, proof.path), int(proof.acceptance is Acceptance.ACCEPTED)


def push_certificate_proofs(facts: Facts) -> Numbers:
    for proof in facts.proofs:
        if proof.acceptance is not Acceptance.UNPROVEN:
            yield (proof.name, proof.path), proof.time


def holds_longest(facts: Facts) -> Numbers:
    for key, hold in facts.holds.items():
        yield key, hold.longest


def holds_ended(facts: Facts) -> Numbers:
    for key, ends in facts.totals.hold_ends.items():
        for end, count in ends.items():
            yield (*key, end), count


def reload_successful(facts: Facts) -> Numbers:
    yield (), int(facts.totals.own.reload_successful)


def reload_success_time(facts: Facts) -> Numbers:
    yield (), facts.totals.own.reload_success_time


def probing_interval(facts: Facts) -> Numbers:
    yield (), facts.totals.own.interval


def schedule_lag(facts: Facts) -> Histograms:
    yield (), _observed(facts.totals.own.schedule_lag)


def loop_lag(facts: Facts) -> Histograms:
    yield (), _observed(facts.totals.own.loop_lag)


def probes_skipped(facts: Facts) -> Numbers:
    for cause, count in facts.totals.own.skipped.items():
        yield (cause,), count


def build_info(_: Facts) -> Numbers:
    yield (__version__, platform.python_version()), 1


Sampler: TypeAlias = Callable[[Facts], Iterator[tuple[Labels, float | Observed]]]


def _observed(histogram: Histogram) -> Observed:
    return Observed(tuple(histogram.counts), histogram.sum)
