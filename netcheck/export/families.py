"""Every metric, in the order in which they stand in their modules."""

from netcheck.export import judged, measured
from netcheck.export.family import MetricFamily

FAMILIES = tuple(
    each for module in (measured, judged) for each in vars(module).values() if isinstance(each, MetricFamily)
)
WITHOUT_HOSTS = tuple(family for family in FAMILIES if family.of_host is None)
"""For fleets of many sites: what is left tells the same by service, port, path and family."""
