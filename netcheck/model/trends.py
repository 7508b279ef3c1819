"""How a part of a path does lately: whether it leads to answers, since when not, and how sure that is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeAlias

from netcheck.model.paths import Family
from netcheck.model.results import Endpoint

_HARDLY = 0.01
"""How likely something is that chance hardly ever does."""


def may_be_chance(in_a_row: int, share: float) -> bool:
    """Whether chance explains so many ends alike in a row, where such a share of all ends so."""
    return share**in_a_row > _HARDLY


class Part(NamedTuple):
    """All that goes over a port and family of a path; or what of it is one service's, or in one range."""

    path: str
    port: int
    family: Family
    what: str = ""
    """The name of a service, or a range that Apple publishes; empty for everything."""

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        """The part that is its service's."""
        return cls(endpoint.path, endpoint.port, endpoint.family, endpoint.service)

    @property
    def whole(self) -> "Part":
        """What it is a part of, which may be itself."""
        return Part(self.path, self.port, self.family)

    @property
    def is_whole(self) -> bool:
        return not self.what

    @property
    def is_range(self) -> bool:
        """Whether it is what is in one range; no service has a slash in its name."""
        return "/" in self.what


class Moment(NamedTuple):
    """When an attempt began: `at` on the monotonic clock, to decide by; `time` in Unix seconds, to show."""

    at: float
    time: float


Silence: TypeAlias = tuple[float, float]
"""From when to when, on the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Trend:
    """What is known of a part by now.

    It is down where so many hosts failed since one last answered that this is no accident of theirs.
    """

    down: Moment | None = None
    """Since when nothing answers; None where something does, or nobody knows."""
    silences: tuple[Silence, ...] = ()
    """The last times in which several hosts failed and none answered."""
    doubt: Moment | None = None
    """Since when it may be changing: hosts began to fail, or to answer again. None while nothing changes."""
    hosts: int = 0
    """How many hosts show that it may be changing."""
    needed: int = 0
    """How many hosts have to fail until it is down."""
    again: Moment | None = None
    """Since when nothing answers once more, where something did for a moment while it was down."""

    @property
    def is_surely_down(self) -> bool:
        """Whether it is down, and nothing shows that it may be changing."""
        return self.down is not None and self.doubt is None

    @property
    def fell_silent(self) -> float:
        """When nothing answered any more."""
        since = self.again or self.down
        return -math.inf if since is None else since.at

    def was_silent(self, at: float, until: float = -math.inf) -> bool:
        """Whether nothing answered then, or at any time up to `until`, and something does by now."""
        return any(begin <= max(at, until) and at <= end for begin, end in self.silences)

    def is_silent_since(self, at: float) -> bool:
        """Whether nothing has answered from then on, or from before, until now."""
        return self.down is not None and self.down.at <= at


Trends: TypeAlias = Mapping[Part, Trend]
