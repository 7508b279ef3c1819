"""Counters of probes: how they ended and how long their phases took, since the start."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from netcheck.model.failing import REASONS_OF_PHASE, Outcome, Phase, Reason
from netcheck.model.paths import Family, ProbePath
from netcheck.model.results import Result
from netcheck.model.services import Service, families_of, phases_of, ports_on
from netcheck.state.histogram import Histogram

RECENT = 24
"""How many of a flow's latest probes are remembered one by one."""


class Flow(NamedTuple):
    """The labels that every counter of probes shares: a service's port over a path."""

    service: str
    port: int
    path: str


@dataclass(slots=True)
class FlowCounters:
    """What is counted for one flow since the start."""

    probes: dict[tuple[Family, Outcome], int]
    failures: dict[tuple[Phase, Reason], int]
    durations: dict[Phase, Histogram]
    rtt: Histogram = field(default_factory=Histogram)
    syn_retransmits: int = 0
    recent: tuple[tuple[bool, float], ...] = ()
    """Of the latest probes, the latest last: whether each succeeded, and the seconds that it took."""

    @classmethod
    def zero(cls, service: Service, path: ProbePath) -> Self:
        """Nothing counted yet, of all that can happen to the service on the path."""
        phases = phases_of(service, path)
        return cls(
            probes={(family, outcome): 0 for family in families_of(service, path) for outcome in Outcome},
            failures={(phase, reason): 0 for phase in phases for reason in REASONS_OF_PHASE[phase]},
            durations={phase: Histogram() for phase in phases},
        )

    def keep(self, before: "FlowCounters") -> None:
        """Go on from earlier counts, for what this flow can still see."""
        self.probes.update((key, n) for key, n in before.probes.items() if key in self.probes)
        self.failures.update((key, n) for key, n in before.failures.items() if key[0] in self.durations)
        self.durations.update((key, h) for key, h in before.durations.items() if key in self.durations)
        self.rtt, self.syn_retransmits = before.rtt, before.syn_retransmits
        self.recent = before.recent

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
        self.recent = (*self.recent, (attempt.failure is None, attempt.seconds))[-RECENT:]


class Flows:
    """The counters of every flow that is configured."""

    def __init__(self) -> None:
        self.counters: dict[Flow, FlowCounters] = {}

    def configure(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        before = self.counters
        self.counters = {
            Flow(service.name, port, path.name): FlowCounters.zero(service, path)
            for service, path in pairs
            for port in ports_on(service, path)
        }
        for flow in self.counters.keys() & before.keys():
            self.counters[flow].keep(before[flow])

    def count(self, results: Iterable[Result]) -> None:
        """Count the results of flows that are configured, each attempt once."""
        for result in results:
            counters = self.counters.get(Flow(result.service, result.port, result.path))
            if counters is not None and result.counted:
                counters.count(result)
