"""Counters of probes: how they ended and how long their phases took, since the start."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self, TypeAlias

from netcheck.model.failing import PAC_REASONS, REASONS_OF_PHASE, Outcome, Phase, Reason
from netcheck.model.paths import Pac, ProbePath
from netcheck.model.results import Result
from netcheck.model.services import Service, phases_of, ports_on
from netcheck.state.histogram import Histogram

RECENT = 24
"""How many of a flow's latest probes are remembered one by one."""


class Flow(NamedTuple):
    """The labels that counts of outcomes share: a service's port over a path."""

    service: str
    port: int
    path: str


Outcomes = dict[Outcome, int]
"""How the probes of a flow ended."""
Recent: TypeAlias = Sequence[tuple[bool, float]]
"""Of the latest probes, the latest last: whether each succeeded, and the seconds that it took."""


@dataclass(slots=True)
class PathCounters:
    """What is counted for a path as a whole: why probes fail there, and how long it takes."""

    failures: dict[tuple[Phase, Reason], int]
    durations: dict[Phase, Histogram]
    """Of phases that succeeded: a denial is quick and a timeout says how long we waited, and neither how fast
    the path is. Without the session: it waits for what a peer may say."""
    rtt: Histogram = field(default_factory=Histogram)
    syn_retransmits: int = 0

    @classmethod
    def zero(cls, path: ProbePath, phases: Iterable[Phase]) -> Self:
        """Nothing counted yet, of all that can happen in these phases and matters."""
        impossible = () if isinstance(path.chosen_by, Pac) else PAC_REASONS
        phases = list(dict.fromkeys(phases))
        faults = (phase for phase in phases if phase is not Phase.RESOLVE or not path.resolves_both_ways)
        possible = [(p, reason) for p in faults for reason in REASONS_OF_PHASE[p] if reason not in impossible]
        return cls(
            failures=dict.fromkeys(possible, 0),
            durations={phase: Histogram() for phase in phases if phase is not Phase.SESSION},
        )

    def keep(self, before: "PathCounters") -> None:
        """Go on from earlier counts, for what the path can still see."""
        phases = self.durations.keys() | {phase for phase, _ in self.failures}
        self.failures.update((key, n) for key, n in before.failures.items() if key[0] in phases)
        self.durations.update((key, h) for key, h in before.durations.items() if key in self.durations)
        self.rtt, self.syn_retransmits = before.rtt, before.syn_retransmits

    def count(self, result: Result) -> None:
        # What nobody foresaw is counted as well: a visit must never end in a missing key.
        attempt, failure = result.attempt, result.attempt.failure
        if failure is not None:
            where = (failure.phase, failure.reason)
            self.failures[where] = self.failures.get(where, 0) + 1
        failed_in = failure.phase if failure else None
        for phase, seconds in result.phases.items():
            if phase is not failed_in and phase is not Phase.SESSION:
                if phase not in self.durations:
                    self.durations[phase] = Histogram()
                self.durations[phase].observe(seconds)
        if attempt.rtt is not None:
            self.rtt.observe(attempt.rtt)
        self.syn_retransmits += attempt.syn_retransmits or 0


class _Counters(NamedTuple):
    """All that counts a flow."""

    outcomes: Outcomes
    recent: deque[tuple[bool, float]]
    of_path: PathCounters


class Flows:
    """The counters of every path, and of every service's port on it, that is configured."""

    def __init__(self) -> None:
        self.outcomes: dict[Flow, Outcomes] = {}
        self.paths: dict[str, PathCounters] = {}
        self.recent: dict[Flow, deque[tuple[bool, float]]] = {}
        self._counters: dict[tuple[str, int, str], _Counters] = {}
        """The same together, by flow: to make a Flow of each result would take longer than to count it."""

    def keep(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        """Forget the latest probes of all but these; what was counted stays."""
        kept = {(service.name, path.name) for service, path in pairs}
        self.recent = {flow: its for flow, its in self.recent.items() if (flow.service, flow.path) in kept}

    def configure(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        pairs = list(pairs)
        flows = [
            Flow(service.name, port, path.name) for service, path in pairs for port in ports_on(service, path)
        ]
        self.outcomes = {flow: self.outcomes.get(flow) or dict.fromkeys(Outcome, 0) for flow in flows}
        self.recent = {flow: self.recent.get(flow, deque(maxlen=RECENT)) for flow in flows}
        phases: dict[ProbePath, list[Phase]] = {}
        for service, path in pairs:
            phases.setdefault(path, []).extend(phases_of(service, path))
        before = self.paths
        self.paths = {path.name: PathCounters.zero(path, its) for path, its in phases.items()}
        for name in self.paths.keys() & before.keys():
            self.paths[name].keep(before[name])
        self._counters = {
            flow: _Counters(its, self.recent[flow], self.paths[flow.path])
            for flow, its in self.outcomes.items()
        }

    def count(self, results: Iterable[Result]) -> None:
        """Count the results of flows that are configured, each attempt once."""
        for result in results:
            counters = self._counters.get((result.service, result.port, result.path))
            if counters is not None and result.counted:
                attempt = result.attempt
                counters.outcomes[attempt.outcome] += 1
                counters.recent.append((attempt.failure is None, attempt.seconds))
                counters.of_path.count(result)
