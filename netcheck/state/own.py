"""How netcheck itself is doing."""

from dataclasses import dataclass, field

from netcheck.state.histogram import Histogram

STILL_RUNNING = "still_running"
STOOD_STILL = "stood_still"
"""The process did not run while it was under way."""
BUG = "internal_error"


@dataclass(slots=True)
class SelfState:
    """Is it late, what did it leave out, did the last reload work.

    Written at any time and no change of the state: nothing that is made of the state depends on it.
    """

    schedule_lag: Histogram = field(default_factory=Histogram)
    loop_lag: Histogram = field(default_factory=Histogram)
    skipped: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys((STILL_RUNNING, STOOD_STILL, BUG), 0)
    )
    interval: float = 0.0
    """After how many seconds at most the next visit is due, as configured; 0 until that is known."""
    reload_successful: bool = True
    reload_success_time: float = 0.0

    def note_late(self, seconds: float) -> None:
        self.schedule_lag.observe(seconds)

    def note_left_out(self, count: int) -> None:
        """Visits, since the ones before had not ended."""
        self.note_skipped(STILL_RUNNING, count)

    def note_skipped(self, cause: str, count: int) -> None:
        self.skipped[cause] += count
