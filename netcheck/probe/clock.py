"""The times that people are shown of probes: as exact as they can be, and no digit more.

What is beyond is noise, and a scrape would cost a tenth more with it (`tests/bench/rendering.py`).
"""

import time


def unix_time() -> float:
    """Now, in seconds, to the millisecond. To be shown: what is decided by time goes by the loop's clock."""
    return time.time_ns() // 1_000_000 / 1000


def lasted(seconds: float) -> float:
    """A duration to the microsecond, as the kernel tells those that it measures."""
    return round(seconds * 1e6) / 1e6  # in half the time that round() takes for digits
