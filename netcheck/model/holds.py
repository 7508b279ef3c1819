"""Connections that are held idle: what became of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from netcheck.model.paths import Family


class HoldEnd(StrEnum):
    """How a connection that was held idle ended."""

    HELD = "held"
    """It outlived the longest silence that was asked for."""
    CLOSED = "closed"
    """Whoever is at the other end of it closed it: the peer, or a proxy."""
    RESET = "reset"
    LOST = "lost"
    """Nobody answers in it any more: the path has forgotten it and did not say so."""
    LOCAL = "local"
    """On this side, or for want of silence: nothing was learnt of the path."""


class HoldKey(NamedTuple):
    """What connections are held idle for, one at a time."""

    service: str
    path: str
    family: Family


@dataclass(frozen=True, slots=True)
class Hold:
    """What is known of a connection that is, or was, held idle."""

    time: float
    key: HoldKey
    host: str
    port: int
    longest: float
    """The longest silence after which it was still there, in seconds; 0 where it outlived none."""
    end: HoldEnd | None = None
    """None while it is held on."""
    silence: float | None = None
    """How long it had been silent when it ended, or was found to have; None while it is held on."""
