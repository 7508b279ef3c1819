"""What has been over time: spans of one verdict, and how available that makes a path for a role."""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from netcheck.model.findings import Cause, Hop, Verdict, Where
from netcheck.model.paths import Role

Key: TypeAlias = tuple[str, Role, float]
"""Path, role, and when it began: no two spans have the same."""

LATE = 150.0
"""Seconds for which nobody need have said that a span goes on: the daemon writes that once a minute."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a path's verdict for a role stayed the same, with its cause and hop. Unix seconds."""

    path: str
    role: Role
    verdict: Verdict
    cause: Cause | None
    hop: Hop | None
    began: float
    seen: float
    """When it was last seen to be so."""
    ended: float | None = None
    """None while it lasts."""
    is_expected: bool = True
    """Whether this is what the owners of the path expect of it."""
    summary: str = ""
    """What it was, in a sentence for people, as it was seen when it began; so is what follows."""
    evidence: tuple[str, ...] = ()
    next_step: str | None = None
    transcript: str = ""
    """One probe that failed then, phase by phase."""
    cause_began: float | None = None
    """When it had this cause first, where the incident began with another one; never written to a file."""

    @property
    def where(self) -> Where:
        return self.path, self.role

    @property
    def key(self) -> Key:
        return self.path, self.role, self.began

    @property
    def is_incident(self) -> bool:
        return self.verdict is not Verdict.READY and not self.is_expected

    def lasts(self, now: float) -> bool:
        """Whether it is still so at `now`, as far as anyone can know."""
        return self.ended is None and now - self.seen <= LATE

    def until(self, now: float) -> float:
        """Its end; `now` while it lasts; when it was last seen where nobody has looked since."""
        if self.ended is not None:
            return self.ended
        return max(now, self.seen) if self.lasts(now) else self.seen


class Onset(NamedTuple):
    """What is said of an incident when it begins: a sentence, and a probe that failed, phase by phase."""

    summary: str
    transcript: str


@dataclass(frozen=True, slots=True)
class Availability:
    """How a path served a role over a time; all in seconds. What nobody measured is left out."""

    path: str
    role: Role
    measured: float
    not_ready: float
    limited: float
    """Degraded, or on the fallback port only."""

    @property
    def ratio(self) -> float | None:
        """The part of the measured time in which it was not `not_ready`; None where nothing was measured."""
        return 1 - self.not_ready / self.measured if self.measured else None
