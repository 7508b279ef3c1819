"""The series of the path that is chosen, and what is said where there are none."""

from dashboards.promql import SERVICE, SITE, select

THIS = (SITE, 'path="$path"')
NOT_MEASURED = "not measured on this path yet"
NO_PROBES = "no probes in the time range"


def this(metric: str, *more: str) -> str:
    """The series of a metric on this path."""
    return select(metric, *THIS, *more)


def rate(metric: str, *more: str) -> str:
    """A second, between two points of a graph, on this path."""
    return f"rate({this(metric, *more)}[$__rate_interval])"


def mean(by: str, histogram: str) -> str:
    """Of what it observed between two points of a graph: exact, where a quantile is an estimate."""
    observed = f"sum by ({by}) ({rate(f'{histogram}_count')})"
    return f"sum by ({by}) ({rate(f'{histogram}_sum')}) / ({observed} > 0)"


PROBES = rate("netcheck_probes_total", SERVICE)
