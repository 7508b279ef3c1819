"""What probes cost, and how that is printed: beside a peer's, and beside the goal."""

from collections.abc import Mapping
from dataclasses import dataclass

_WIDTH = 30


@dataclass(frozen=True, slots=True)
class Spent:
    """What a prober did and used in some seconds."""

    seconds: float
    cpu: float
    """Seconds."""
    probes: int
    memory: int
    """Bytes, at the end."""

    @property
    def microseconds(self) -> float:
        """CPU per probe."""
        return self.cpu / max(1, self.probes) * 1e6

    @property
    def share(self) -> float:
        """Of one core."""
        return self.cpu / self.seconds


def show(costs: Mapping[str, Spent], peer: str) -> None:
    """A table: each beside the peer, with bars of the CPU that a probe takes."""
    most = max(cost.microseconds for cost in costs.values())
    print(f"{'':34}{'probes':>8}{'us/probe':>10}{'MB':>7}{'ratio':>7}")
    for name, cost in costs.items():
        ratio = cost.microseconds / costs[peer].microseconds
        bar = "#" * round(_WIDTH * cost.microseconds / most)
        figures = f"{cost.probes:>8}{cost.microseconds:>10.1f}{cost.memory / 1e6:>7.1f}{ratio:>7.2f}"
        print(f"{name:34}{figures}  {bar}")


def judge(what: str, value: float, goal: float, unit: str = "") -> None:
    """One line: what was reached of the goal, and whether it is above it."""
    print(f"{what}: {value:.3g}{unit} (goal: at most {goal:g}{unit})")
    if value > goal:
        print(f"ABOVE THE GOAL: {what}: {value / goal:.2f} times what it may be")
