"""The fields of the matrix: a service's port over a path, and what became of its probes, in words.

Knows facts only. The console, the status page and the report all say it in these words.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from netcheck.facts import Facts
from netcheck.model.failing import Failure, Phase
from netcheck.model.findings import Needed, Verdict
from netcheck.model.paths import DIRECT, Expected, ProbePath, way_text
from netcheck.model.results import Result
from netcheck.model.services import Service, ports_on

_SAYS_WHERE: Mapping[Phase, tuple[str, ...]] = {
    Phase.RESOLVE: ("dns_", "resolver_"),
    Phase.PROXY_HANDSHAKE: ("proxy_",),
    Phase.TLS: ("tls_",),
}
"""How reasons begin that say the phase: TLS alone is with the host, and DNS for its name."""


class Way(NamedTuple):
    """One of the ways that a PAC file or the environment names, and how it did."""

    name: str
    failure: Failure | None

    def __str__(self) -> str:
        return f"{self.name} {f'{self.failure.phase} {self.failure.reason}' if self.failure else 'works'}"


class WaysChosen(NamedTuple):
    """What was said for some hosts and ports of a path, and how each of the ways in it did."""

    path: str
    said: str
    ways: tuple[Way, ...]


def ways_chosen(results: Iterable[Result]) -> Mapping[WaysChosen, Sequence[Result]]:
    """What PAC files and the environment say, each with the results that it is said of."""
    alike: dict[WaysChosen, list[Result]] = {}
    for result in results:
        if result.choice is not None:
            ways = tuple(Way(way_text(each.proxies), _kind(each.failure)) for each in result.choice.attempts)
            chosen = WaysChosen(result.path, result.choice.said or DIRECT, ways)
            alike.setdefault(chosen, []).append(result)
    return alike


def _kind(failure: Failure | None) -> Failure | None:
    """Without what differs from one host to the next."""
    return failure and Failure(failure.phase, failure.reason)


class Balanced(NamedTuple):
    """A load balancer of a path, and how it did for some hosts."""

    path: str
    balancer: str
    """`ADDRESS:PORT`."""
    failure: Failure | None

    @property
    def says(self) -> str:
        return failure_text(self.failure) if self.failure else "works"


def balanced(results: Iterable[Result]) -> Mapping[Balanced, Sequence[Result]]:
    """How each load balancer did, with the results that show it."""
    alike: dict[Balanced, list[Result]] = {}
    for result in results:
        if (balancer := result.attempt.balancer) is not None:
            seen = Balanced(result.path, balancer, _kind(result.attempt.failure))
            alike.setdefault(seen, []).append(result)
    return alike


@dataclass(frozen=True, slots=True)
class Field:
    """A service's port over a path, with all results of it."""

    service: Service
    port: int
    path: ProbePath
    is_needed: bool
    """Whether any role needs it there."""
    results: tuple[Result, ...]
    is_well: bool = False
    """Whether all who need it are ready there, and none of these results is held against anybody."""

    @property
    def is_probed(self) -> bool:
        """Whether the path leads to it, and has a role that uses the service."""
        return bool(self.service.roles & self.path.roles) and self.port in ports_on(self.service, self.path)

    @property
    def hosts(self) -> int:
        return len({result.host for result in self.results})

    @property
    def reached(self) -> int:
        return len({result.host for result in self.results if result.attempt.failure is None})

    @property
    def is_whole(self) -> bool:
        """Whether every host answers, at every load balancer that is asked in its place."""
        at_balancers = (each for each in self.results if each.attempt.balancer is not None)
        return self.reached == self.hosts and not any(each.attempt.failure for each in at_balancers)

    @property
    def state(self) -> str:
        """`waiting`, `ok`, `idle` (some fail, and nobody needs it), `past` (some did), `partly`, or `bad`."""
        if not self.results:
            return "waiting"
        if self.is_whole:
            return "ok"
        if not self.is_needed:
            return "idle"
        if self.is_past:
            return "past"
        return "partly" if self.reached else "bad"

    @property
    def is_past(self) -> bool:
        """Whether what failed is over: since the last of it others were reached, and hosts take turns."""
        failed = [result.attempt.at for result in self.results if result.attempt.failure is not None]
        reached = [result.attempt.at for result in self.results if result.attempt.failure is None]
        return self.is_well and bool(failed and reached) and max(failed) < max(reached)

    @property
    def why_unneeded(self) -> str:
        """Why nobody minds where it fails; empty where somebody does."""
        if self.is_needed:
            return ""
        if self.path.expected is Expected.BLOCKED:
            return "as expected"
        return "retired" if self.service.is_retired else "not needed"

    @property
    def why_harmless(self) -> str:
        """Why its failures need not worry anybody; empty where they do."""
        return self.why_unneeded or ("before" if self.is_past else "")

    def says(self) -> str:
        """How long a probe takes that succeeds, or how most of those end that fail."""
        if not self.results:
            return "not probed"
        if self.is_whole:
            return seconds_text(self._typical_seconds())
        why = self.why_harmless
        return ": ".join(filter(None, [f"so far; {why}" if self.state == "past" else why, self._fails()]))

    def _fails(self) -> str:
        return failure_text(self.failures()[0])

    def failures(self) -> list[Failure]:
        """The failures, the commonest kind first, one of each kind.

        That this machine has no route comes last: it may only lack a family that nobody uses here.
        """
        all_failures = [r.attempt.failure for r in self.results if r.attempt.failure is not None]
        kinds = Counter((failure.phase, failure.reason) for failure in all_failures)
        examples = {(failure.phase, failure.reason): failure for failure in all_failures}
        found = [examples[kind] for kind, _ in kinds.most_common()]
        return sorted(found, key=lambda failure: failure.lacks_route)

    def _typical_seconds(self) -> float:
        """The median over the probes that succeeded, from after resolving to the last answer.

        `statistics` would load fractions and decimals for it.
        """
        took = sorted(r.attempt.seconds for r in self.results if r.attempt.failure is None)
        half = len(took) // 2
        return (took[half] + took[~half]) / 2


class Fields:
    """Every field of the facts."""

    def __init__(self, facts: Facts) -> None:
        self.services, self.paths = facts.services, facts.paths
        self._results = _by_place(facts.results)
        self._needed = {(each.path, need) for each in facts.judgements for need in each.needs}
        troubled = (each for each in facts.judgements if each.verdict is not Verdict.READY)
        self._troubled = {(each.path, need) for each in troubled for need in each.needs}
        self._blamed = {id(result) for found in facts.findings for result in found.finding.about}

    def field(self, service: Service, port: int, path: ProbePath) -> Field:
        need = Needed(service.name, port)
        results = tuple(self._results.get((path.name, need), ()))
        is_well = (path.name, need) not in self._troubled and self._blamed.isdisjoint(map(id, results))
        return Field(service, port, path, (path.name, need) in self._needed, results, is_well)

    def probed(self) -> list[Field]:
        """By path, those that are probed."""
        every = [self.field(s, port, path) for path in self.paths for s in self.services for port in s.ports]
        return [field for field in every if field.is_probed]


def seconds_text(seconds: float) -> str:
    """As people write it, with two digits that count: `<0.1 ms`, `0.4 ms`, `20 ms`, `4.0 s`, `12 s`."""
    if seconds < 0.00005:
        return "<0.1 ms"
    number, unit = (seconds, "s") if seconds >= 0.9995 else (seconds * 1000, "ms")
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:.0f} {unit}"


def failure_text(failure: Failure) -> str:
    """In words: the phase is left out where the reason says it. Of the proxy's own TLS both begin alike."""
    phase, reason = failure.phase, failure.reason.replace("_", " ")
    if failure.reason.startswith(_SAYS_WHERE.get(phase, ())):
        return reason
    where = "dns" if phase is Phase.RESOLVE else phase.replace("_", " ")
    return f"{where} {reason.removeprefix('tls ') if phase is Phase.PROXY_TLS else reason}"


def _by_place(results: Iterable[Result]) -> Mapping[tuple[str, Needed], Sequence[Result]]:
    grouped: dict[tuple[str, Needed], list[Result]] = {}
    for result in results:
        grouped.setdefault((result.path, Needed(result.service, result.port)), []).append(result)
    return grouped
