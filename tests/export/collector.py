"""The families as a prometheus_client collector: what the renderer writes is measured against, byte for byte.

Must not define a metric: it only translates families into the library's objects.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from netcheck.export.families import FAMILIES
from netcheck.export.family import Kind, Labels, MetricFamily, Observed
from netcheck.export.writing import BOUNDS
from netcheck.facts import Facts


class StateCollector(Collector):
    """Collects from whatever `expose` returns at that moment."""

    def __init__(self, expose: Callable[[], Facts], families: Iterable[MetricFamily] = FAMILIES) -> None:
        self._expose = expose
        self._families = tuple(families)

    def describe(self) -> Iterator[Metric]:
        """The families without samples: a registry's filter learns the names from these."""
        for family in self._families:
            yield _metric(family, ())

    def collect(self) -> Iterator[Metric]:
        facts = self._expose()
        for family in self._families:
            yield _metric(family, family.sample(facts))


def _metric(family: MetricFamily, sampled: Iterable[tuple[Labels, float | Observed]]) -> Metric:
    metric = _TYPES[family.kind](family.name, family.help, labels=family.labels)
    for labels, value in sampled:
        texts = [str(label) for label in labels]
        match metric, value:
            case HistogramMetricFamily(), Observed(counts, total):
                metric.add_metric(texts, list(zip(BOUNDS, accumulate(counts), strict=True)), total)
            case ((CounterMetricFamily() | GaugeMetricFamily()), (float() | int())):
                metric.add_metric(texts, value)
    return metric


_TYPES: Mapping[Kind, type[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]] = {
    Kind.COUNTER: CounterMetricFamily,
    Kind.GAUGE: GaugeMetricFamily,
    Kind.HISTOGRAM: HistogramMetricFamily,
}
