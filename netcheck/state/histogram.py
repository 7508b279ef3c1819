"""A classic histogram, as Prometheus knows it."""

from bisect import bisect_left

BUCKETS = (0.025, 0.1, 0.25, 0.5, 1.0, 5.5, 11.0)
"""Upper bounds in seconds, few since each costs a series for each phase of each path: close together where
networks differ, SYN retransmits above 1 s. None equals a default timeout (5 s, 10 s): what takes just that
long must not be split."""


class Histogram:
    """Observations over BUCKETS: `counts` per bucket (not cumulative), the last one for +Inf."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds
