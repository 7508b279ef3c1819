"""Incidents in SQLite: what each path and role's verdict was, from when to when, and what showed it.

Owns the file and its schema. Must not know the rules of verdicts, nor how an incident is shown. Everything
here waits for a disk: call it in a thread, one call at a time. A damaged file, or a full disk,
costs history and never anything else.
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

_log = logging.getLogger("netcheck")
T = TypeVar("T")

SCHEMA = 1
MOST_SPANS = 100_000
"""However long they may be kept: a verdict that changes every second must not fill the disk."""
LONGEST_TEXT = 8192
"""Of an evidence or a transcript, in characters."""
_BUSY_SECONDS = 2.0
_PRUNE_EVERY = 3600.0

_TABLE = """
CREATE TABLE IF NOT EXISTS span (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    role TEXT NOT NULL,
    verdict TEXT NOT NULL,
    cause TEXT,
    hop TEXT,
    evidence TEXT NOT NULL,
    next_step TEXT,
    transcript TEXT,
    began REAL NOT NULL,
    seen REAL NOT NULL,
    is_over INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS span_seen ON span (seen);
"""
_COLUMNS = "path, role, verdict, cause, hop, evidence, next_step, transcript, began, seen, is_over"


class Said(NamedTuple):
    """What holds for a path and role at a moment, as it is written down."""

    path: str
    role: str
    verdict: str
    cause: str | None
    hop: str | None
    evidence: str
    next_step: str | None
    transcript: str | None
    """One failing probe in full, as text."""

    @property
    def place(self) -> tuple[str, str]:
        return self.path, self.role

    @property
    def kind(self) -> tuple[str, str | None, str | None]:
        """What makes it another incident when it changes."""
        return self.verdict, self.cause, self.hop


@dataclass(frozen=True, slots=True)
class Incident:
    """A time in which a path and role's verdict, cause and hop stayed the same. Times are Unix seconds."""

    said: Said
    """As it was at its onset."""
    began: float
    ended: float | None
    """None while it lasts."""


@dataclass(frozen=True, slots=True)
class Availability:
    """How a path and role fared: the seconds that each verdict held, of those that were watched."""

    path: str
    role: str
    seconds: tuple[tuple[str, float], ...]
    """By verdict; nothing for what was not watched."""

    @property
    def watched(self) -> float:
        return sum(seconds for _, seconds in self.seconds)

    def share(self, verdict: str) -> float | None:
        """Of the time that was watched, from 0 to 1; None where nothing was."""
        return dict(self.seconds).get(verdict, 0.0) / self.watched if self.watched else None


class History:
    """What was noted, kept for `keep` seconds: in a file, or without one in memory."""

    def __init__(self, file: Path | None, keep: float) -> None:
        self._file = file
        self._keep = keep
        self._latest: dict[tuple[str, str], tuple[int, Said]] = {}
        self._pruned = 0.0
        self._is_failing = False
        self._connection = self._open()

    def note(self, said: Iterable[Said], now: float) -> None:
        """Take down what holds now: a new span where it has changed, else the old one goes on."""
        self._writing(lambda: self._note(list(said), now))

    def close(self) -> None:
        """Where the process ends, the open spans end with what was last noted of them."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def incidents(self, since: float) -> list[Incident]:
        """What lasted beyond `since`, a Unix time, the newest first."""
        query = f"SELECT {_COLUMNS} FROM span WHERE seen >= ? ORDER BY began DESC, id DESC LIMIT ?"  # noqa: S608
        rows = self._reading(lambda: list(self._connection.execute(query, (since, MOST_SPANS))))
        return [_incident(row) for row in rows]

    def availability(self, since: float, until: float) -> list[Availability]:
        """How each path and role fared between two Unix times."""
        totals: dict[tuple[str, str], dict[str, float]] = {}
        for path, role, verdict, began, seen in self._reading(lambda: self._spans(since)):
            seconds = min(seen, until) - max(began, since)
            if seconds > 0:
                of_place = totals.setdefault((path, role), {})
                of_place[verdict] = of_place.get(verdict, 0.0) + seconds
        return [Availability(*place, tuple(sorted(found.items()))) for place, found in sorted(totals.items())]

    def _spans(self, since: float) -> list[tuple[str, str, str, float, float]]:
        query = "SELECT path, role, verdict, began, seen FROM span WHERE seen >= ?"
        return list(self._connection.execute(query, (since,)))

    def _note(self, said: Sequence[Said], now: float) -> None:
        with self._connection:
            for each in said:
                self._note_one(each, now)
            self._end_others({each.place for each in said})
        if not 0 <= now - self._pruned < _PRUNE_EVERY:
            self._prune(now)

    def _note_one(self, said: Said, now: float) -> None:
        known = self._latest.get(said.place)
        if known is not None and known[1].kind == said.kind:
            self._connection.execute("UPDATE span SET seen = max(seen, ?) WHERE id = ?", (now, known[0]))
            return
        if known is not None:
            self._connection.execute(
                "UPDATE span SET seen = max(seen, ?), is_over = 1 WHERE id = ?", (now, known[0])
            )
        row = (*(_shortened(text) for text in said), now, now)
        added = self._connection.execute(
            "INSERT INTO span (path, role, verdict, cause, hop, evidence, next_step, transcript, began, seen)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        self._latest[said.place] = (added.lastrowid or 0, said)

    def _end_others(self, places: set[tuple[str, str]]) -> None:
        """What is configured no more is over."""
        for place in self._latest.keys() - places:
            number, _ = self._latest.pop(place)
            self._connection.execute("UPDATE span SET is_over = 1 WHERE id = ?", (number,))

    def _prune(self, now: float) -> None:
        self._pruned = now
        with self._connection:
            self._connection.execute("DELETE FROM span WHERE seen < ?", (now - self._keep,))
            self._connection.execute(
                "DELETE FROM span WHERE id <= (SELECT max(id) FROM span) - ?", (MOST_SPANS,)
            )

    def _writing(self, doing: Callable[[], None]) -> None:
        """A failure is logged when it begins and when it is over; what could not be noted is lost."""
        try:
            doing()
        except sqlite3.Error as error:
            self._latest.clear()  # a rolled-back span must not be continued
            if not self._is_failing:
                _log.warning("history: %s: %s; incidents are not written down", self._place, error)
            self._is_failing = True
            self._begin_anew_where_damaged(error)
        else:
            if self._is_failing:
                _log.info("history: %s can be written to again", self._place)
            self._is_failing = False

    def _reading(self, doing: Callable[[], list[T]]) -> list[T]:
        try:
            return doing()
        except sqlite3.Error as error:
            _log.warning("history: %s: %s", self._place, error)
            self._begin_anew_where_damaged(error)
            return []

    @property
    def _place(self) -> str:
        return str(self._file or "memory")

    def _begin_anew_where_damaged(self, error: sqlite3.Error) -> None:
        if _is_damage(error):
            self.close()
            self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        """The file, a fresh one beside it where it is damaged, or memory where neither can be had."""
        if self._file is None:
            return _connected(":memory:")
        try:
            return self._continued(_connected(str(self._file)))
        except (sqlite3.Error, OSError) as error:
            if _is_damage(error) and (aside := _set_aside(self._file)):
                _log.warning("history: %s is damaged: kept as %s, begun anew", self._file, aside.name)
                with contextlib.suppress(sqlite3.Error, OSError):
                    return self._continued(_connected(str(self._file)))
            _log.warning("history: %s cannot be used: %s; incidents are kept in memory", self._file, error)
            return _connected(":memory:")

    def _continued(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """What an earlier process left open ended when it last noted it."""
        with connection:
            connection.execute("UPDATE span SET is_over = 1")
        return connection


def _connected(place: str) -> sqlite3.Connection:
    if place != ":memory:":
        _make_private(Path(place))
    # used by one thread at a time, not always the same one
    connection = sqlite3.connect(place, timeout=_BUSY_SECONDS, check_same_thread=False)
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Create or check what is in the file; sqlite3.DatabaseError where it is damaged."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA:
        raise sqlite3.OperationalError(f"written by a later netcheck (schema {version})")
    connection.executescript(_TABLE)
    connection.execute(f"PRAGMA user_version = {SCHEMA}")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(str(verdict))


def _make_private(file: Path) -> None:
    """What peers say may be in it: for its owner alone. OSError where it is no regular file."""
    if file.exists() and not file.is_file():
        raise OSError("not a regular file")
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))


def _is_damage(error: Exception) -> bool:
    """sqlite3.DatabaseError itself: SQLITE_CORRUPT and SQLITE_NOTADB; its subclasses are other troubles."""
    return type(error) is sqlite3.DatabaseError


def _set_aside(file: Path) -> Path | None:
    aside = file.with_name(f"{file.name}.damaged")
    try:
        file.replace(aside)
        for suffix in ("-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
    except OSError:
        return None
    return aside


def _shortened(text: str | None) -> str | None:
    return text if text is None else text[:LONGEST_TEXT]


def _incident(row: Sequence[object]) -> Incident:
    *said, began, seen, is_over = row
    return Incident(Said(*said), began, seen if is_over else None)  # type: ignore[arg-type]  # as the table has it
