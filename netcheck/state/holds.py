"""Connections that are held idle: the latest of each kind, and how they ended."""

from collections.abc import Iterable
from dataclasses import replace

from netcheck.model.holds import Hold, HoldEnd, HoldKey
from netcheck.model.paths import ProbePath
from netcheck.model.services import Service


class Holds:
    """What is known of the holds of every key that is configured."""

    def __init__(self) -> None:
        self.latest: dict[HoldKey, Hold] = {}
        """The latest of each that tells of the path, so none that ended on this side; one that is still held
        takes its place here when it has outlived the one before."""
        self.ends: dict[HoldKey, dict[HoldEnd, int]] = {}

    def keep(self, pairs: Iterable[tuple[Service, ProbePath]]) -> None:
        """Forget the holds of all but these; how many ended how stays."""
        kept = {(service.name, path.name) for service, path in pairs}
        self.latest = {key: hold for key, hold in self.latest.items() if (key.service, key.path) in kept}

    def configure(self, keys: Iterable[HoldKey]) -> None:
        self.ends = {key: self.ends.get(key) or dict.fromkeys(HoldEnd, 0) for key in keys}
        self.latest = {key: hold for key, hold in self.latest.items() if key in self.ends}

    def move_clock(self, seconds: float) -> None:
        """The wall clock was set by so much."""
        self.latest = {key: replace(hold, time=hold.time + seconds) for key, hold in self.latest.items()}

    def record(self, hold: Hold) -> None:
        """Take in how a hold fares; one that is no longer configured is dropped."""
        if hold.key not in self.ends:
            return
        if hold.end is not None:
            self.ends[hold.key][hold.end] += 1
        before = self.latest.get(hold.key)
        outlives = before is None or hold.longest > before.longest
        if (hold.end is None and outlives) or hold.end not in (None, HoldEnd.LOCAL):
            self.latest[hold.key] = hold
