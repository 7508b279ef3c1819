"""How log lines look: text for people, or a JSON object a line for collectors. Always on standard error.

One record is one line, whatever stands in it. Under systemd it begins with its priority, see sd-daemon(3).
"""

import errno
import json
import logging
import os
import queue
import select
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from netcheck.scarcity import NO_MORE_THREADS, lacks_threads

_FIELDS = ("path", "role", "verdict", "cause", "hop", "service", "host", "port", "phase", "reason")
"""What a record may say beside its message, in this order."""
_PAUSE = 60.0
"""Seconds for which one record speaks for all of its kind."""
_MOST_KINDS = 1000
_MOST_WAITING = 1000
"""Lines; what a reader that hangs leaves unread beyond that is lost."""
_LONGEST_FLUSH = 1.0
"""Seconds to wait for all to be written, and as long again for each line that finds no room yet."""
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7
_WANT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_ACCEPTING, _NO_CONNECTION = "trio.serve_listeners", "no connection can be accepted"
"""Trio's logger of that, and what to say in place of its words."""
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160), 0x2028, 0x2029)}


class TextFormatter(logging.Formatter):
    """Time, level and message, with the traceback behind it where there is one.

    The time is in UTC, as every time in the text.
    The journal, and nobody else, knows time and level anyway: there it is the message alone.
    """

    converter = staticmethod(time.gmtime)

    def __init__(self, *, for_journal: bool = False) -> None:
        said = "%(message)s" if for_journal else "%(asctime)s %(levelname)-7s %(message)s"
        super().__init__(said, "%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        lines = (line.strip() for line in super().format(record).splitlines())
        return " | ".join(line.translate(_CONTROLS) for line in lines if line)


class JsonFormatter(logging.Formatter):
    """time (ISO 8601 UTC), level, logger, message, what else the record says, and any traceback."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {name: value for name in _FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


class Prioritised(logging.Formatter):
    """Lines as another formatter writes them, behind the priority by which the journal files them."""

    def __init__(self, lines: logging.Formatter) -> None:
        super().__init__()
        self._lines = lines

    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), _DEBUG)
        return f"<{priority}>{self._lines.format(record)}"


class Want(logging.Filter):
    """Of what the system has no more of, says that, and without a traceback: whoever met it is no bug."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if lacks_threads(error):
            what = kind = NO_MORE_THREADS
        elif isinstance(error, OSError) and error.errno in _WANT:
            said = _NO_CONNECTION if record.name == _ACCEPTING else record.getMessage()
            what, kind = f"{said}: {error.strerror}", record.msg
        else:
            return True
        record.msg, record.args, record.exc_info = what, None, None
        record.__dict__["kind"] = kind  # it repeats
        return True


class Summary(logging.Filter):
    """Of records of one kind, lets one through a minute, and has it say how many there were since the last.

    A kind is what a record has as `kind`, or else a bug: its message before anything is put in, and its type.
    What has neither is no failure that repeats, and is let through.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: dict[object, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = _kind(record)
        if kind is None:
            return True
        now = self._clock()
        since, unsaid = self._kinds.get(kind, (-_PAUSE, 0))
        if now - since < _PAUSE:
            self._kinds[kind] = since, unsaid + 1
            return False
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        self._kinds[kind] = now, 0
        if unsaid:
            record.msg = (
                f"{record.getMessage()} ({unsaid} more of this kind in the {now - since:.0f} s before)"
            )
            record.args = None
        return True


def _kind(record: logging.LogRecord) -> object:
    known: object = getattr(record, "kind", None)
    if known is None and record.exc_info and record.exc_info[0] is not None:
        return record.msg, record.exc_info[0]
    return known


class Aside(logging.Handler):
    """Has a thread write what does not fit: who reads it may hang, and nothing else must wait for that.

    It writes to the descriptor itself: a stream would be locked for everybody meanwhile, also at the end.
    Lines that find no room are lost, and in their place stands how many. Python flushes handlers as it ends.
    """

    def __init__(self, descriptor: int, most: int = _MOST_WAITING) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._waiting: queue.Queue[bytes | threading.Event] = queue.Queue(most)
        self._lost = 0
        threading.Thread(target=self._write_all, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._say_what_is_lost(timeout=0)
            line = self._line(record)
            if left := line if self._waiting.unfinished_tasks else line[self._written_at_once(line) :]:
                self._waiting.put_nowait(left)
        except queue.Full:
            self._lost += 1
        except Exception:  # as the handlers of the standard library: a bug in one record
            self.handleError(record)

    def flush(self) -> None:
        """Wait until all is written, but not for long. What was lost is said: no line may come after this."""
        written = threading.Event()
        with suppress(queue.Full):
            self._say_what_is_lost(timeout=_LONGEST_FLUSH)
            self._waiting.put(written, timeout=_LONGEST_FLUSH)
            written.wait(_LONGEST_FLUSH)

    def _written_at_once(self, line: bytes) -> int:
        """How many bytes were: all, where that takes no waiting, as select() says of so many in a pipe."""
        if len(line) > select.PIPE_BUF or not select.select([], [self._descriptor], [], 0)[1]:
            return 0
        try:
            return os.write(self._descriptor, line)
        except BlockingIOError:
            return 0
        except OSError:  # nobody reads it any more
            return len(line)

    def _say_what_is_lost(self, timeout: float) -> None:
        """Raises queue.Full where even that finds no room."""
        if self._lost:
            said = "%d lines of the log were lost: who reads it was too slow"
            lost = logging.LogRecord(__name__, logging.WARNING, "", 0, said, (self._lost,), None)
            self._waiting.put(self._line(lost), timeout=timeout)
            self._lost = 0

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")

    def _write_all(self) -> None:
        while True:
            with suppress(OSError, MemoryError):  # nobody reads it any more; or one line is too much
                each = self._waiting.get()
                try:
                    if isinstance(each, threading.Event):
                        each.set()
                    else:
                        self._write(memoryview(each))
                finally:
                    self._waiting.task_done()

    def _write(self, left: memoryview) -> None:
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # as another process may have set it that has the same pipe
                select.select([], [self._descriptor], [])


def set_up_logging(style: str, level: str, *, aside: bool = False) -> None:
    """`style` is text or json; `level` as the standard library names it, in lower case.

    With `aside` a reader that hangs holds up nothing; else what is logged is written when the call returns.
    """
    handler = _aside() if aside else logging.StreamHandler(sys.stderr)
    for_journal = _leads_to_journal(os.environ)
    lines = JsonFormatter() if style == "json" else TextFormatter(for_journal=for_journal)
    handler.setFormatter(Prioritised(lines) if for_journal else lines)
    handler.addFilter(Want())
    handler.addFilter(Summary())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def flush_logs() -> None:
    """Before something else is written to standard error, which is to come after it."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def _aside() -> logging.Handler:
    try:
        return Aside(sys.stderr.fileno())
    except (OSError, ValueError):  # standard error is no file, as in tests
        return logging.StreamHandler(sys.stderr)


def _leads_to_journal(environment: Mapping[str, str]) -> bool:
    """Whether standard error leads to the journal, by device and inode (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        stderr = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or none
        return False
    return environment.get("JOURNAL_STREAM") == f"{stderr.st_dev}:{stderr.st_ino}"
