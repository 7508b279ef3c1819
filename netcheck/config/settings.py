"""The sections of plain settings: probing, verdicts, metrics, incidents.

Each record stands beside the keys that it is written with.
"""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from netcheck.config.reading.document import Location
from netcheck.config.reading.durations import duration
from netcheck.config.reading.named_files import FILE_TO_COME
from netcheck.config.reading.problems import Reading
from netcheck.config.reading.sections import Key, Section, section
from netcheck.config.reading.values import FLAG, decimal, whole
from netcheck.model.services import Timeouts

# Probing


@dataclass(frozen=True, slots=True)
class ProbingSettings:
    """The pace of probing: how often, and the most that one path may have under way."""

    interval: float = 60.0
    """Seconds from one round to the next."""
    concurrency: int = 64
    """Attempts in flight per path."""
    rate: float = 20.0
    """New connections per second and path."""
    timeouts: Timeouts = field(default_factory=Timeouts)


_TIMEOUT = duration("10ms", "5m")
_TIMEOUTS: Section[Timeouts] = section(
    Timeouts,
    "The longest that each phase of a probe may take; what is not written is no longer than the interval.",
    {
        "resolve": Key(
            _TIMEOUT, "One lookup, with everything that it tries; a search list may take twice as long."
        ),
        "connect": Key(_TIMEOUT, "One TCP connection."),
        "proxy": Key(_TIMEOUT, "The handshake with a proxy, in which it connects onward."),
        "tls": Key(_TIMEOUT, "One TLS handshake; what follows it may take as long again."),
    },
)


def _timeouts_are_within_the_interval(probing: ProbingSettings, at: Location, reading: Reading) -> None:
    if not reading.sound((*at, "interval")):
        return
    for each in fields(Timeouts):
        key = (*at, "timeouts", each.name)
        if reading.written(key) and getattr(probing.timeouts, each.name) > probing.interval:
            reading.say(key, "is longer than the interval: shorten it, or lengthen interval")


HIGHEST_RATE, LONGEST_INTERVAL = 1000, "1d"

PROBING: Section[ProbingSettings] = section(
    ProbingSettings,
    "How often to probe, and how gently.",
    {
        "interval": Key(duration("1s", LONGEST_INTERVAL), "From one round to the next."),
        "concurrency": Key(whole(1, 1000), "How many attempts may be in flight on a path."),
        "rate": Key(
            decimal(0.1, HIGHEST_RATE),
            "How many connections may be begun on a path in a second. Direct probes begin together, "
            "up to a quarter of these at a time.",
        ),
        "timeouts": Key(_TIMEOUTS),
    },
    (_timeouts_are_within_the_interval,),
)


def within_the_interval(probing: ProbingSettings) -> ProbingSettings:
    """A timeout that is not written is no longer than the interval; a written one was checked."""
    timeouts = {
        each.name: min(getattr(probing.timeouts, each.name), probing.interval) for each in fields(Timeouts)
    }
    return replace(probing, timeouts=Timeouts(**timeouts))


# Verdicts, metrics, incidents


@dataclass(frozen=True, slots=True)
class VerdictSettings:
    """What it takes to change a verdict."""

    failures: int = 2


VERDICT: Section[VerdictSettings] = section(
    VerdictSettings,
    "What it takes to change a verdict of the running netcheck; a `check` believes every failure.",
    {
        "failures": Key(
            whole(1, 10),
            "How many failures of a host in a row until one is believed.",
        )
    },
)


@dataclass(frozen=True, slots=True)
class Metrics:
    """What /metrics holds."""

    per_host: bool = False


METRICS: Section[Metrics] = section(
    Metrics,
    "What /metrics holds; `netcheck check` and /api/v1/status show every host in any case.",
    {
        "per_host": Key(
            FLAG,
            "Whether there are families with a series for each host; netcheck_hosts counts them either way.",
        )
    },
)


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """Where incidents are kept, and how long."""

    file: Path | None = None
    """The database; None keeps them in memory only."""
    keep: float = 30 * 86400.0
    """Seconds after its end that an incident is kept."""


HISTORY: Section[HistorySettings] = section(
    HistorySettings,
    "The incidents: where they are kept, and how long.",
    {
        "file": Key(
            FILE_TO_COME,
            "The database of this daemon, made where there is none; without it incidents are in memory only.",
        ),
        "keep": Key(duration("1h", "10y"), "How long an incident is kept after its end."),
    },
)
