"""What probes cost, and how that is printed: beside a peer's, and beside the goal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

_WIDTH = 30
_TURNS = 3


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

    def __add__(self, other: Self) -> Self:
        """Both, one after the other."""
        return type(self)(
            self.seconds + other.seconds,
            self.cpu + other.cpu,
            self.probes + other.probes,
            max(self.memory, other.memory),
        )


def in_turns(ways: Mapping[str, Callable[[], Spent]]) -> dict[str, Spent]:
    """What each spends, in turns and several times: a host gives more in some seconds than in others."""
    costs = {name: Spent(0.0, 0.0, 0, 0) for name in ways}
    for _ in range(_TURNS):
        for name, way in ways.items():
            costs[name] += way()
    return costs


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
