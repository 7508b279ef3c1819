"""The file of the incidents: SQLite. Everything here blocks, and so runs in a thread.

A file of ours that is damaged is set aside under another name, and a fresh one begun. One that is not ours,
by its first bytes, or of a newer netcheck, is left alone: somebody may have named the wrong one.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from netcheck.files import open_file, stamp_of
from netcheck.history.timeline import MOST
from netcheck.history.unusable import HistoryError
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.incidents import Key, Span
from netcheck.model.paths import Role

T = TypeVar("T")

_log = logging.getLogger("netcheck")
_OURS = 0x6E65746B  # "netk", in the header of the file (SQLite's application_id)
_VERSION = 1
_LOCKED = 2.0
"""Seconds to wait for another program that has the file locked."""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_LATEST = 253402300800.0  # the end of the year 9999: no later time can be written as a date
_BEGINS = b"SQLite format 3\0"
_HEADER = 100
_APPLICATION = slice(68, 72)
"""How a file of SQLite begins, how long its header is, and where that has our mark:
https://www.sqlite.org/fileformat2.html#the_database_header"""
_LOG = "-wal"
_SIDE_FILES = ("", _LOG, "-shm")
_AT_REST = "immutable=1"
_LOOKS = 3
"""At a file at rest; who writes to it does so for moments."""
_NO_HISTORY = "{} is not a history file of netcheck: name another file in `history`"

_NAMES = (
    "path, role, began, seen, ended, verdict, cause, hop, is_expected, summary, evidence, next_step, "
    "transcript"
)
_COLUMNS = _NAMES.split(", ")
"""The fields of a span, by their names."""
_MAKE = f"""
PRAGMA application_id = {_OURS};
PRAGMA user_version = {_VERSION};
CREATE TABLE IF NOT EXISTS spans (
    path TEXT, role TEXT, began REAL, seen REAL, ended REAL, verdict TEXT, cause TEXT, hop TEXT,
    is_expected INTEGER, summary TEXT, evidence TEXT, next_step TEXT, transcript TEXT,
    PRIMARY KEY (path, role, began)
);
"""
_READ = f"SELECT {_NAMES} FROM spans ORDER BY ended IS NOT NULL, began DESC LIMIT ?"  # noqa: S608 - of ours
_PUT = f"INSERT OR REPLACE INTO spans ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - of ours
_TAKE_OUT = "DELETE FROM spans WHERE path = ? AND role = ? AND began = ?"
_DROP_OLD = "DELETE FROM spans WHERE coalesce(ended, seen) < ?"
_DROP_MANY = """
DELETE FROM spans WHERE ended IS NOT NULL
    AND rowid NOT IN (SELECT rowid FROM spans ORDER BY ended IS NOT NULL, began DESC LIMIT ?)
"""


class _DamagedError(HistoryError):
    """The file is ours, and no whole database."""


class Database:
    """Reads and writes one file; whole after each call, so that nothing of it stays open.

    A damaged file gets another name, and a fresh one all that is known. Raises HistoryError.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._written: Mapping[Key, Span] = {}
        """What the file has, as far as it was read or written here."""

    def read(self) -> list[Span]:
        """What the file has; nothing where there was none yet, or a damaged one."""
        found = self._mended(self._load)
        self._written = {span.key: span for span in found}
        return found

    def write(self, spans: Mapping[Key, Span], before: float) -> None:
        """Put what is new into the file; take out what ended before this time, and the oldest of too many."""
        self._mended(lambda: self._put(spans, before))

    def _mended(self, work: Callable[[], T]) -> T:
        try:
            with _plainly(self.file):
                return work()
        except _DamagedError:
            with _plainly(self.file):
                self._set_aside()
                return work()

    def _load(self) -> list[Span]:
        with closing(_connected(self.file)) as connection:
            return _read(self.file, connection)

    def _put(self, spans: Mapping[Key, Span], before: float) -> None:
        changed = [span for key, span in spans.items() if self._written.get(key) is not span]
        with closing(_connected(self.file)) as connection, connection:
            if not self._written:
                _check(self.file, connection)
            _check_columns(self.file, connection)
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
    with _plainly(file):
        refuse_another_file(file)
        for _ in range(_LOOKS):
            if (found := _looked_at_rest(file)) is not None:
                return found
        try:
            # In its log there is what the file has not yet. Without `readonly_shm`, a look could make files.
            return _looked_at(file, "mode=ro&readonly_shm=1")
        except sqlite3.OperationalError:
            return _looked_at(file, _AT_REST)


def _looked_at_rest(file: Path) -> list[Span] | None:
    """None where somebody writes to it meanwhile, or died while writing.

    SQLite would leave files of this user beside it, and then the daemon's user could write no more. It leaves
    none beside a file that nobody changes, and does not see that somebody does.
    """
    before = stamp_of(file)
    try:
        found = None if _has_log(file) else _looked_at(file, _AT_REST)
    except (sqlite3.Error, HistoryError):
        if not _has_log(file) and stamp_of(file) == before:
            raise
        return None
    return None if _has_log(file) or stamp_of(file) != before else found


def _has_log(file: Path) -> bool:
    return file.with_name(file.name + _LOG).exists()


def refuse_another_file(file: Path) -> None:
    """HistoryError for a file that does not begin as a history does; OSError where that cannot be seen.

    SQLite would overwrite one of a single byte. Looks while nothing here has the file open: closing it would
    let go of SQLite's locks (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    if any(header := _header(file)) and not header.startswith(_BEGINS):
        raise HistoryError(_NO_HISTORY.format(file))


def refuse_another_history(file: Path) -> None:
    """HistoryError too for a database that is left alone, as far as the file itself tells; makes nothing."""
    refuse_another_file(file)
    if file.exists():
        with suppress(_DamagedError), _plainly(file), closing(_opened(file, _AT_REST)) as connection:
            _refuse_foreign(file, connection)


def _header(file: Path) -> bytes:
    """The first bytes; none of a file that is empty, as SQLite makes it, or not there."""
    try:
        with open_file(file) as stream:
            return stream.read(_HEADER) or b""
    except FileNotFoundError:
        return b""


def _looked_at(file: Path, way: str) -> list[Span]:
    with closing(_opened(file, way)) as connection:
        if _refuse_foreign(file, connection) == 0:
            raise HistoryError(
                f"{file} is empty: the daemon has not been able to write it yet; its log says why, and its "
                "status page has the incidents since it started"
            )
        return _read(file, connection)


def _opened(file: Path, way: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?{way}", _LOCKED, uri=True)


def _connected(file: Path) -> sqlite3.Connection:
    """Open, and with our table in it. Raises sqlite3.Error, and HistoryError for what is not ours."""
    refuse_another_file(file)
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
    if application != _OURS and (tables or application):
        raise HistoryError(f"{file} is another program's database: name another file in `history`")
    if version > _VERSION:
        raise HistoryError(
            f"{file} was written by a newer netcheck: use that one, or name another file in `history`"
        )
    return int(version) if tables else 0


def _check(file: Path, connection: sqlite3.Connection) -> None:
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise _DamagedError(f"{file} is damaged: {said}")


def _check_columns(file: Path, connection: sqlite3.Connection) -> None:
    """Ours are there. SQLite says the same of what a user added, such as a trigger, that is no damage."""
    try:
        connection.execute(_READ, (0,))
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_ERROR:
            raise _DamagedError(f"{file} is damaged: {error}") from error
        raise


@contextmanager
def _plainly(file: Path) -> Iterator[None]:
    """What SQLite and the system raise, as HistoryError: damage of what is ours, or what is in the way."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # the last for words in an error's text
        is_damage = isinstance(error, UnicodeDecodeError)
        if is_damage or getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            if not _was_ours(_header(file)):
                raise HistoryError(_NO_HISTORY.format(file)) from error
            raise _DamagedError(f"{file} is damaged: {error}") from error
        raise HistoryError(
            f"{file} cannot be used: {getattr(error, 'strerror', error)}; "
            "see that its folder is there, may be written to, and has room"
        ) from error


def _was_ours(header: bytes) -> bool:
    """By our mark; or it is nobody's, as files are whose beginning a crash has not left on the disk."""
    is_cut = header.startswith(_BEGINS) and len(header) < _HEADER
    return is_cut or not any(header) or int.from_bytes(header[_APPLICATION], "big") == _OURS


def _row(span: Span) -> tuple[object, ...]:
    row = [json.dumps(span.evidence) if name == "evidence" else getattr(span, name) for name in _COLUMNS]
    # Names of files may hold what UTF-8 has not.
    return tuple(
        each.encode(errors="backslashreplace").decode() if isinstance(each, str) else each for each in row
    )


def _read(file: Path, connection: sqlite3.Connection) -> list[Span]:
    """What lasts, and the newest of what has ended, without what another version wrote in unknown words."""
    _check(file, connection)
    _check_columns(file, connection)
    connection.text_factory = lambda data: data.decode("utf-8", "replace")  # one bad byte costs no other row
    return [span for row in connection.execute(_READ, (MOST,)) if (span := _span(row)) is not None]


def _span(row: Iterable[object]) -> Span | None:
    path, role, began, seen, ended, verdict, cause, hop, is_expected, *texts = row
    summary, evidence, next_step, transcript = texts
    try:
        first, last, end = (float(str(each)) for each in (began, seen, seen if ended is None else ended))
        if not (first >= 0 and all(first <= each < _LATEST for each in (last, end))):
            return None
        return Span(
            str(path),
            Role(str(role)),
            Verdict(str(verdict)),
            None if cause is None else Cause(str(cause)),
            None if hop is None else Hop(str(hop)),
            first,
            last,
            None if ended is None else end,
            bool(is_expected),
            str(summary),
            tuple(map(str, json.loads(str(evidence)))),
            None if next_step is None else str(next_step),
            str(transcript),
        )
    except (ValueError, TypeError):
        return None
