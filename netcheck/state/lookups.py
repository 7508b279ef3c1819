"""What resolvers said last, and how often they said what."""

from collections.abc import Iterable
from typing import NamedTuple

from netcheck.model.failing import REASONS_OF_PHASE, Outcome, Phase
from netcheck.model.paths import SYSTEM_RESOLVER, ProbePath, RecordType, Resolver
from netcheck.model.results import HOSTS_FILE, Lookup
from netcheck.model.services import Service
from netcheck.state.histogram import Histogram


class Question(NamedTuple):
    """What lookups are counted by."""

    resolver: str
    rdtype: RecordType


class LookupFlow(NamedTuple):
    """What lookups are asked for, and of whom."""

    service: str
    resolver: str
    rdtype: RecordType

    @property
    def question(self) -> Question:
        return Question(self.resolver, self.rdtype)


class Lookups:
    """The lookups of every flow that is configured."""

    def __init__(self) -> None:
        self.latest: dict[tuple[LookupFlow, str], Lookup] = {}
        """By flow and host."""
        self.ttls_before: dict[tuple[LookupFlow, str], int] = {}
        """Where the latest has no answer: how many seconds the answer before was to live."""
        self.counts: dict[Question, dict[str, int]] = {}
        self.durations: dict[str, Histogram] = {}
        """By resolver."""
        self._flows: set[LookupFlow] = set()
        self._in_file: set[LookupFlow] = set()
        """What may stand in this machine's own list. Nothing of it is counted: nobody is asked."""
        self._resolvers: dict[str, Resolver] = {}
        self._hosts: set[tuple[str, str]] = set()

    def configure(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        pairs = list(pairs)
        flows = [
            LookupFlow(service.name, path.resolver.name, rdtype)
            for service, path in pairs
            for rdtype in RecordType
            if rdtype.family in path.resolved_families()
        ]
        zero: dict[str, int] = dict.fromkeys([Outcome.SUCCESS, *REASONS_OF_PHASE[Phase.RESOLVE]], 0)
        self._flows = set(flows)
        of_system = (flow for flow in flows if flow.resolver == SYSTEM_RESOLVER.name)
        self._in_file = {flow._replace(resolver=HOSTS_FILE) for flow in of_system}
        before, self._resolvers = self._resolvers, {path.resolver.name: path.resolver for _, path in pairs}
        others = {
            name for name, resolver in self._resolvers.items() if before.get(name, resolver) != resolver
        }
        self.counts = {flow.question: self.counts.get(flow.question) or dict(zero) for flow in flows}
        self.durations = {flow.resolver: self.durations.get(flow.resolver) or Histogram() for flow in flows}
        self._hosts = {(service.name, host) for service, _ in pairs for host in service.hosts}
        self.latest = {
            (flow, host): lookup
            for (flow, host), lookup in self.latest.items()
            if flow in self._flows | self._in_file
            and flow.resolver not in others
            and (flow.service, host) in self._hosts
        }
        self.ttls_before = {key: ttl for key, ttl in self.ttls_before.items() if key in self.latest}

    def record(self, service: str, lookup: Lookup, *, is_news: bool) -> None:
        """Count a lookup for a service, and keep it if it is news. What is not configured is dropped."""
        flow = LookupFlow(service, lookup.resolver, lookup.rdtype)
        if flow in self._flows:
            counts = self.counts[flow.question]
            counts[lookup.outcome] = counts.get(lookup.outcome, 0) + 1
            self.durations[lookup.resolver].observe(lookup.duration)
        elif flow not in self._in_file:
            return
        if is_news and (service, lookup.host) in self._hosts:
            self._keep((flow, lookup.host), lookup)
            if lookup.resolver == SYSTEM_RESOLVER.name:  # which is asked only for what the file has no more
                self.latest.pop((flow._replace(resolver=HOSTS_FILE), lookup.host), None)

    def _keep(self, key: tuple[LookupFlow, str], lookup: Lookup) -> None:
        before = self.latest.get(key)
        if lookup.min_ttl is not None:
            self.ttls_before.pop(key, None)
        elif before is not None and before.min_ttl is not None:
            self.ttls_before[key] = before.min_ttl
        self.latest[key] = lookup
