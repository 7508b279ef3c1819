"""The file of the incidents: SQLite. Everything here blocks, and so runs in a thread.

A file that is damaged is set aside under another name, and a fresh one begun. One that is not ours, or of a
newer netcheck, is left alone.
"""

import json
import logging
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from netcheck.history.timeline import MOST, Key, key_of
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.incidents import Span
from netcheck.model.paths import Role

_log = logging.getLogger("netcheck")
_OURS = 0x6E65746B  # "netk", in the header of the file (SQLite's application_id)
_VERSION = 1
_LOCKED = 2.0
"""Seconds to wait for another program that has the file locked."""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SIDE_FILES = ("", "-wal", "-shm")

_MAKE = f"""
PRAGMA application_id = {_OURS};
PRAGMA user_version = {_VERSION};
CREATE TABLE spans (
    path TEXT, role TEXT, began REAL, seen REAL, ended REAL, verdict TEXT, cause TEXT, hop TEXT,
    is_expected INTEGER, summary TEXT, evidence TEXT, next_step TEXT, transcript TEXT,
    PRIMARY KEY (path, role, began)
);
"""
_READ = """
SELECT path, role, began, seen, ended, verdict, cause, hop, is_expected,
    summary, evidence, next_step, transcript
FROM spans ORDER BY ended IS NOT NULL, began DESC LIMIT ?
"""
_PUT = "INSERT OR REPLACE INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TAKE_OUT = "DELETE FROM spans WHERE path = ? AND role = ? AND began = ?"
_DROP_OLD = "DELETE FROM spans WHERE coalesce(ended, seen) < ?"
_DROP_MANY = """
DELETE FROM spans WHERE ended IS NOT NULL
    AND rowid NOT IN (SELECT rowid FROM spans ORDER BY ended IS NOT NULL, began DESC LIMIT ?)
"""


class HistoryError(Exception):
    """The file cannot be used; the message says why and what to do."""


class _DamagedError(Exception):
    """The file is no whole database."""


class Database:
    """Reads and writes one file; whole after each call, so that nothing of it stays open."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._written: Mapping[Key, Span] = {}
        """What the file has, as far as it was read or written here."""

    def read(self) -> list[Span]:
        """What the file has; nothing where there is none yet, or a damaged one. Raises HistoryError."""
        try:
            with closing(_connected(self.file)) as connection:
                found = _read(connection)
        except (sqlite3.Error, _DamagedError) as error:
            if _is_damage(error):
                return []
            raise HistoryError(_trouble(self.file, error)) from error
        self._written = {key_of(span): span for span in found}
        return found

    def write(self, spans: Mapping[Key, Span], before: float) -> None:
        """Put what is new into the file; take out what ended before this time, and the oldest of too many.

        A damaged file gets another name, and a fresh one all that is known. Raises HistoryError.
        """
        try:
            try:
                self._put(spans, before)
            except (sqlite3.DatabaseError, _DamagedError) as error:
                if not _is_damage(error):
                    raise
                self._set_aside()
                self._put(spans, before)
        except (sqlite3.Error, OSError) as error:
            raise HistoryError(_trouble(self.file, error)) from error

    def _put(self, spans: Mapping[Key, Span], before: float) -> None:
        changed = [span for key, span in spans.items() if self._written.get(key) is not span]
        with closing(_connected(self.file)) as connection, connection:
            if not self._written:
                _check(connection)
            connection.executemany(_TAKE_OUT, self._written.keys() - spans.keys())
            connection.executemany(_PUT, map(_row, changed))
            connection.execute(_DROP_OLD, (before,))
            connection.execute(_DROP_MANY, (MOST,))
        self._written = dict(spans)

    def _set_aside(self) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        aside = self.file.with_name(f"{self.file.name}.damaged-{stamp}")
        for side in _SIDE_FILES:
            if (part := self.file.with_name(self.file.name + side)).exists():
                part.rename(aside.with_name(aside.name + side))
        self._written = {}
        _log.warning("history: %s was damaged: it is now %s, and a fresh one was begun", self.file, aside)


def read(file: Path) -> list[Span]:
    """What a file has, for who only looks: it may be another user's, and in use. Raises HistoryError."""
    if not file.exists():
        raise HistoryError(
            f"{file}: there is no such file yet: the daemon makes it when it runs with this config"
        )
    problem: Exception | None = None
    # A file whose folder cannot be written to can only be opened as one that nobody changes.
    for way in ("mode=ro", "immutable=1"):
        try:
            with closing(
                sqlite3.connect(f"{file.absolute().as_uri()}?{way}", _LOCKED, uri=True)
            ) as connection:
                return _read(connection) if _refuse_foreign(file, connection) else []
        except sqlite3.OperationalError as error:
            problem = error
        except (sqlite3.DatabaseError, _DamagedError) as error:
            raise HistoryError(_trouble(file, error)) from error
    raise HistoryError(_trouble(file, problem)) from problem


def _connected(file: Path) -> sqlite3.Connection:
    """Open, and with our table in it. Raises sqlite3.Error, and HistoryError for what is not ours."""
    connection = sqlite3.connect(file, _LOCKED)
    try:
        if _refuse_foreign(file, connection) == 0:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_MAKE)
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:  # closed on every way out, cancellation too
        connection.close()
        raise
    return connection


def _refuse_foreign(file: Path, connection: sqlite3.Connection) -> int:
    """The version of the file, 0 for an empty one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and application != _OURS:
        raise HistoryError(f"{file} is another program's database: name another file in `history`")
    if version > _VERSION:
        raise HistoryError(
            f"{file} was written by a newer netcheck: use that one, or name another file in `history`"
        )
    return int(version) if tables else 0


def _check(connection: sqlite3.Connection) -> None:
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise _DamagedError(said)


def _is_damage(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, _DamagedError) or (code is not None and code & 0xFF in _DAMAGE)


def _trouble(file: Path, error: Exception | None) -> str:
    if error is not None and _is_damage(error):
        return f"{file} is damaged: {error}"
    return f"{file} cannot be used: {error}; see that its folder is there, may be written to, and has room"


def _row(span: Span) -> tuple[object, ...]:
    return (
        span.path,
        span.role,
        span.began,
        span.seen,
        span.ended,
        span.verdict,
        span.cause,
        span.hop,
        span.is_expected,
        span.summary,
        json.dumps(span.evidence),
        span.next_step,
        span.transcript,
    )


def _read(connection: sqlite3.Connection) -> list[Span]:
    """What lasts, and the newest of what has ended, without what another version wrote in unknown words."""
    _check(connection)
    return [span for row in connection.execute(_READ, (MOST,)) if (span := _span(row)) is not None]


def _span(row: Iterable[object]) -> Span | None:
    path, role, began, seen, ended, verdict, cause, hop, is_expected, *texts = row
    summary, evidence, next_step, transcript = texts
    try:
        return Span(
            str(path),
            Role(str(role)),
            Verdict(str(verdict)),
            None if cause is None else Cause(str(cause)),
            None if hop is None else Hop(str(hop)),
            float(str(began)),
            float(str(seen)),
            None if ended is None else float(str(ended)),
            bool(is_expected),
            str(summary),
            tuple(map(str, json.loads(str(evidence)))),
            None if next_step is None else str(next_step),
            str(transcript),
        )
    except ValueError:
        return None
