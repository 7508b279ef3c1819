"""Bags: what Apple tells devices of its couriers, and what a path had of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bag:
    """What of a bag matters here; `courier_hostname` is the name behind the `N-` of every host.

    The hosts are 0 to `courier_count`. With a `courier_status` of False, devices take the couriers as down.
    `verified_hostname` is the name for TLS where it is another one. `expiry` is in seconds.
    """

    courier_hostname: str
    courier_count: int
    courier_status: bool | None
    verified_hostname: str | None
    expiry: float


@dataclass(frozen=True, slots=True)
class FetchedBag:
    """What a path had for a bag's host when it was last asked at `time`: `error`, or else the bag.

    With an error, the bag is the one before, if there was one.
    """

    time: float
    path: str
    host: str
    bag: Bag | None
    error: str | None
    """In which phase it failed and why, in a sentence for people."""
    disagreements: tuple[str, ...] = ()
    """Where the bag disagrees with the config, in sentences for people."""
