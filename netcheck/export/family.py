"""What a metric is: a row of the contract, with the function that samples it from the facts.

Other people's dashboards and alerts depend on these rows. Must not know any of them, nor how it is written.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from netcheck.facts import Facts
from netcheck.model.failing import Phase
from netcheck.model.results import Endpoint, EndpointState
from netcheck.state.histogram import Histogram


class Kind(StrEnum):
    """Metric types, as both text formats spell them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Observed(NamedTuple):
    """A histogram at one moment: counts per bucket (not cumulative, the last for +Inf), sum in seconds."""

    counts: tuple[int, ...]
    sum: float


Labels: TypeAlias = tuple[str | int, ...]
Numbers: TypeAlias = Iterator[tuple[Labels, float]]
Histograms: TypeAlias = Iterator[tuple[Labels, Observed]]
Sampler: TypeAlias = Callable[[Facts], Numbers | Histograms]
OfHost: TypeAlias = Callable[[EndpointState], Mapping[str, float] | Mapping[Phase, float]]
"""What a family says of one host: a number for each value of the label that it has beside an endpoint's. One
without such a label has the empty part."""


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One row of the contract; `sample` yields label values in the order of `labels`.

    Samples of a histogram are `Observed`, of everything else numbers.
    """

    kind: Kind
    name: str
    labels: tuple[str, ...]
    help: str
    sample: Sampler
    of_host: OfHost | None = None
    """What it says of a host, where it has series for each of them: most series come from these."""

    @property
    def sample_names(self) -> tuple[str, ...]:
        """The names that its lines start with."""
        if self.kind is Kind.HISTOGRAM:
            return tuple(f"{self.name}{suffix}" for suffix in ("_bucket", "_count", "_sum"))
        return (self.name,)


def metric(kind: Kind, name: str, *labels: str) -> Callable[[Sampler], MetricFamily]:
    """Make a function the family that it samples; its docstring is the family's help."""
    return lambda sample: MetricFamily(kind, name, labels, _help(sample), sample)


def of_hosts(name: str, *part: str) -> Callable[[OfHost], MetricFamily]:
    """The same for a gauge that says something of each host, or of each `part` of what it says."""

    def made(of_host: OfHost) -> MetricFamily:
        def sample(facts: Facts) -> Numbers:
            for endpoint, seen in facts.endpoints.items():
                for named, number in of_host(seen).items():
                    yield (*endpoint, named) if named else endpoint, number

        labels = (*Endpoint._fields, *part)
        return MetricFamily(Kind.GAUGE, name, labels, _help(of_host), sample, of_host)

    return made


def _help(sampler: Sampler | OfHost) -> str:
    return " ".join((sampler.__doc__ or "").split())


def observed(histogram: Histogram) -> Observed:
    return Observed(tuple(histogram.counts), histogram.sum)
