"""What is known now: the latest results, counters and histograms; a reload keeps what is still configured.

Knows no clock and does no I/O: everything comes in through `configure`, `record` and the self-measurements.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from netcheck.model.failing import REASONS_OF_PHASE, Outcome, Phase, Reason
from netcheck.model.findings import PushCertificate, PushCertificateFile
from netcheck.model.paths import Family, ProbePath, RecordType
from netcheck.model.results import (
    HISTORY,
    Bag,
    Endpoint,
    Hold,
    HoldEnd,
    HoldKey,
    Lookup,
    Result,
    Standing,
    Visit,
)
from netcheck.model.services import Service, families_of, holds, phases_of, ports_on, targets

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds: a LAN at the low end, SYN retransmits at 1 s, the proxy timeout at 10 s."""


class Histogram:
    """A classic histogram over BUCKETS: `counts` per bucket (not cumulative), the last one for +Inf."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds


class Flow(NamedTuple):
    """The labels that every counter of probes shares: a service's port over a path."""

    service: str
    port: int
    path: str


class LookupFlow(NamedTuple):
    service: str
    resolver: str
    rdtype: RecordType


@dataclass(slots=True)
class FlowCounters:
    """What is counted for one flow since the start."""

    probes: dict[tuple[Family, Outcome], int]
    failures: dict[tuple[Phase, Reason], int]
    durations: dict[Phase, Histogram]
    rtt: Histogram = field(default_factory=Histogram)
    syn_retransmits: int = 0

    def keep(self, before: "FlowCounters") -> None:
        """Go on from earlier counts, for what this flow can still see."""
        self.probes.update((key, n) for key, n in before.probes.items() if key in self.probes)
        self.failures.update((key, n) for key, n in before.failures.items() if key[0] in self.durations)
        self.durations.update((key, h) for key, h in before.durations.items() if key in self.durations)
        self.rtt, self.syn_retransmits = before.rtt, before.syn_retransmits

    def count(self, result: Result) -> None:
        attempt = result.attempt
        # What nobody foresaw is counted as well: a visit must never end in a missing key.
        what = (attempt.family, result.outcome)
        self.probes[what] = self.probes.get(what, 0) + 1
        if attempt.failure is not None:
            where = (attempt.failure.phase, attempt.failure.reason)
            self.failures[where] = self.failures.get(where, 0) + 1
        for phase, seconds in result.phases.items():
            self.durations.setdefault(phase, Histogram()).observe(seconds)
        if attempt.rtt is not None:
            self.rtt.observe(attempt.rtt)
        self.syn_retransmits += attempt.syn_retransmits or 0


@dataclass(frozen=True, slots=True)
class EndpointState:
    """The last visit to an endpoint; `phases` and `last_success` are of the last one that succeeded."""

    results: tuple[Result, ...]
    reachable: int
    last_run: float
    last_success: float | None
    phases: Mapping[Phase, float]
    failures: int
    """How many visits in a row none of its addresses answered."""
    bag: Bag | None
    """The last one that was fetched from it, by a probe that fetches one."""
    recent: tuple[bool, ...]
    """Whether each of the last visits reached it, the latest last."""
    last_failed: Result | None
    """The latest result that failed, be the latest visit as it may."""

    @property
    def unreachable(self) -> int:
        return len(self.results) - self.reachable


@dataclass(slots=True)
class ProxyHealth:
    """Whether the proxy of a path accepts connections and speaks its protocol; `up` None is not yet known."""

    up: bool | None = None
    spoke_in_round: int = -2

    def record(self, visit: Visit) -> None:
        attempts = [r.attempt for r in visit.results if r.attempt.proxy_spoke is not None]
        if not attempts:
            return
        if any(attempt.proxy_spoke for attempt in attempts):
            self.up, self.spoke_in_round = True, visit.round
        elif not (self._silent(attempts[0].failure) and visit.round - self.spoke_in_round <= 1):
            self.up = False

    @staticmethod
    def _silent(failure: object) -> bool:
        """Silence about one destination says nothing of a proxy that lately answered for another."""
        return getattr(failure, "reason", None) is Reason.PROXY_TIMEOUT


@dataclass(slots=True)
class SelfState:
    """How netcheck itself is doing: is it late, what did it leave out, did the last reload work."""

    schedule_lag: Histogram = field(default_factory=Histogram)
    loop_lag: Histogram = field(default_factory=Histogram)
    skipped: dict[str, int] = field(default_factory=dict)
    reload_successful: bool = True
    reload_success_time: float = 0.0


class State:
    """Everything the exports show. Written by the daemon's one task at a time, read between its steps."""

    def __init__(self) -> None:
        self.flows: dict[Flow, FlowCounters] = {}
        self.endpoints: dict[Endpoint, EndpointState] = {}
        self.lookups: dict[tuple[LookupFlow, str], Lookup] = {}
        """The latest lookup by flow and host."""
        self.lookup_counts: dict[LookupFlow, dict[str, int]] = {}
        self.lookup_durations: dict[str, Histogram] = {}
        self.proxies: dict[str, ProxyHealth] = {}
        self.push_certificates: dict[str, PushCertificate | None] = {}
        """By the names in the config; None until the file was first read."""
        self.courier_counts: dict[tuple[str, str], int | None] = {}
        """By path and courier host name, where the config leaves it to bags: the highest number as the path's
        bag said it when it last could be had; None until then. Bags over plain HTTP have no say: anybody on
        the way can write them."""
        self.holds: dict[HoldKey, Hold] = {}
        """The latest of each that tells of the path, so none that ended on this side; one that is still held
        takes its place here when it has outlived the one before."""
        self.hold_ends: dict[HoldKey, dict[HoldEnd, int]] = {}
        self.own = SelfState()
        self._families: dict[tuple[str, str, str], tuple[Endpoint, ...]] = {}

    def configure(
        self,
        services: Iterable[Service],
        paths: Iterable[ProbePath],
        push_certificates: Iterable[PushCertificateFile] = (),
    ) -> None:
        """Create at zero what is newly configured, forget what no longer is, keep all counts of the rest."""
        services, paths = tuple(services), tuple(paths)
        pairs = targets(services, paths)
        before = self.flows
        self.flows = {
            Flow(service.name, port, path.name): _fresh_counters(service, path)
            for service, path in pairs
            for port in ports_on(service, path)
        }
        for flow in self.flows.keys() & before.keys():
            self.flows[flow].keep(before[flow])
        self._configure_lookups(pairs)
        self.proxies = {
            path.name: self.proxies.get(path.name) or ProxyHealth() for _, path in pairs if path.proxy
        }
        self.push_certificates = {
            file.name: self.push_certificates.get(file.name) for file in push_certificates
        }
        self._configure_courier_counts(pairs)
        self._configure_holds(
            HoldKey(s.name, path.name, family) for s, path, family in holds(services, paths)
        )
        self._forget_visits(pairs)

    def _configure_lookups(self, pairs: list[tuple[Service, ProbePath]]) -> None:
        flows = [
            LookupFlow(service.name, path.resolver.name, rdtype)
            for service, path in pairs
            for rdtype in RecordType
            if not path.load_balancer and rdtype.family in path.resolved_families()
        ]
        zero: dict[str, int] = dict.fromkeys([Outcome.SUCCESS, *REASONS_OF_PHASE[Phase.RESOLVE]], 0)
        self.lookup_counts = {flow: self.lookup_counts.get(flow) or dict(zero) for flow in flows}
        self.lookup_durations = {
            flow.resolver: self.lookup_durations.get(flow.resolver) or Histogram() for flow in flows
        }

    def _configure_courier_counts(self, pairs: list[tuple[Service, ProbePath]]) -> None:
        domains = {service.count_from_bag for service, _ in pairs if service.count_from_bag}
        keys = [(path.name, domain) for service, path in pairs if service.bag for domain in domains]
        self.courier_counts = {key: self.courier_counts.get(key) for key in keys}

    def _configure_holds(self, keys: Iterable[HoldKey]) -> None:
        self.hold_ends = {key: self.hold_ends.get(key) or dict.fromkeys(HoldEnd, 0) for key in keys}
        self.holds = {key: hold for key, hold in self.holds.items() if key in self.hold_ends}

    def _forget_visits(self, pairs: list[tuple[Service, ProbePath]]) -> None:
        probed = {
            (service.name, path.name, host, port)
            for service, path in pairs
            for host in service.hosts
            for port in service.ports
            if path.leads_to(host, port)
        }
        self.endpoints = {
            key: value
            for key, value in self.endpoints.items()
            if (key.service, key.path, key.host, key.port) in probed
        }
        self._families = {
            where: known
            for where, keys in self._families.items()
            if (known := tuple(key for key in keys if key in self.endpoints))
        }
        hosts = {(service.name, host) for service, _ in pairs for host in service.hosts}
        self.lookups = {
            (flow, host): lookup
            for (flow, host), lookup in self.lookups.items()
            if flow in self.lookup_counts and (flow.service, host) in hosts
        }

    def record(self, visit: Visit) -> None:
        """Take in a visit; one to something no longer configured is dropped."""
        for result in visit.results:
            counters = self.flows.get(Flow(result.service, result.port, result.path))
            if counters is None:
                return
            if result.counted:
                counters.count(result)
        self._replace_endpoints(visit)
        self._record_courier_counts(visit)
        for lookup in visit.lookups:
            self._record_lookup(visit.service, lookup)
        if (health := self.proxies.get(visit.path)) is not None:
            health.record(visit)

    def _replace_endpoints(self, visit: Visit) -> None:
        """Put the visit's results in place of the last ones; a family without records any more goes."""
        results: dict[Endpoint, list[Result]] = {}
        for result in visit.results:
            results.setdefault(result.endpoint, []).append(result)
        where = (visit.service, visit.host, visit.path)
        for endpoint in self._families.get(where, ()):
            if endpoint not in results:
                del self.endpoints[endpoint]
        self._families[where] = tuple(results)
        for endpoint, latest in results.items():
            self.endpoints[endpoint] = _endpoint_state(tuple(latest), self.endpoints.get(endpoint))

    def _record_courier_counts(self, visit: Visit) -> None:
        attempts = [result.attempt for result in visit.results]
        said = [(a.bag.courier_hostname, a.bag.courier_count) for a in attempts if a.bag and a.tls]
        for domain, count in sorted(said):  # of a visit that was told more than one number, the highest stays
            if (visit.path, domain) in self.courier_counts:
                self.courier_counts[visit.path, domain] = count

    def _record_lookup(self, service: str, lookup: Lookup) -> None:
        flow = LookupFlow(service, lookup.resolver, lookup.rdtype)
        counts = self.lookup_counts.get(flow)
        if counts is None:
            return
        counts[lookup.outcome] = counts.get(lookup.outcome, 0) + 1
        self.lookup_durations[lookup.resolver].observe(lookup.duration)
        self.lookups[flow, lookup.host] = lookup

    def record_push_certificate(self, certificate: PushCertificate) -> None:
        """Take in what a file held; one that is no longer configured is dropped."""
        if certificate.name in self.push_certificates:
            self.push_certificates[certificate.name] = certificate

    def read_push_certificates(self) -> list[PushCertificate]:
        """What is known of every certificate whose file was read, be it in vain."""
        return [known for known in self.push_certificates.values() if known is not None]

    def record_hold(self, hold: Hold) -> None:
        """Take in how a hold fares; one that is no longer configured is dropped."""
        if hold.key not in self.hold_ends:
            return
        if hold.end is not None:
            self.hold_ends[hold.key][hold.end] += 1
        before = self.holds.get(hold.key)
        outlives = before is None or hold.longest > before.longest
        if (hold.end is None and outlives) or hold.end not in (None, HoldEnd.LOCAL):
            self.holds[hold.key] = hold

    def results(self) -> Iterator[Result]:
        """The latest result of everything that has been visited."""
        for endpoint in self.endpoints.values():
            yield from endpoint.results

    def bags(self) -> Iterator[tuple[Result, Bag | None]]:
        """The latest results, each with the bag that its endpoint had when it last could be had."""
        for endpoint in self.endpoints.values():
            for result in endpoint.results:
                yield result, endpoint.bag

    def standings(self) -> Iterator[Standing]:
        """The same, each with what came before it."""
        for endpoint in self.endpoints.values():
            for result in endpoint.results:
                answered = endpoint.last_success is not None
                yield Standing(result, endpoint.failures, answered, endpoint.recent, endpoint.last_failed)


def _fresh_counters(service: Service, path: ProbePath) -> FlowCounters:
    return FlowCounters(
        probes={(family, outcome): 0 for family in families_of(service, path) for outcome in Outcome},
        failures={
            (phase, reason): 0 for phase in phases_of(service, path) for reason in REASONS_OF_PHASE[phase]
        },
        durations={phase: Histogram() for phase in phases_of(service, path)},
    )


def _endpoint_state(results: tuple[Result, ...], before: EndpointState | None) -> EndpointState:
    succeeded = [result for result in results if result.attempt.failure is None]
    failed = [result for result in results if result.attempt.failure is not None]
    time = max(result.attempt.time for result in results)
    recent = (*(before.recent if before else ()), bool(succeeded))[-HISTORY:]
    last_failed = failed[0] if failed else before.last_failed if before else None
    if succeeded:
        bag = next((result.attempt.bag for result in succeeded if result.attempt.bag), None)
        phases = succeeded[0].phases
        return EndpointState(results, len(succeeded), time, time, phases, 0, bag, recent, last_failed)
    if before is None:
        return EndpointState(results, 0, time, None, {}, 1, None, recent, last_failed)
    return replace(
        before,
        results=results,
        reachable=0,
        last_run=time,
        failures=before.failures + 1,
        recent=recent,
        last_failed=last_failed,
    )
