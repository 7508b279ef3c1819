"""How a command ends: the exit statuses, errors, bugs, interrupts and lost output, all in one place."""

import contextlib
import io
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TextIO, cast

import click

from netcheck.scarcity import NO_MORE_MEMORY, lacking

ALL_READY, NOT_READY, NO_ANSWER, WITH_LIMITS = 0, 1, 2, 3
"""No answer: it is asked wrongly, or the answer is lost; 1 would say that something is not ready."""
BY_SIGNAL = 128
"""As shells say it: with the number of the signal that ended it."""
INTERRUPTED = BY_SIGNAL + 2  # SIGINT
UNREAD = BY_SIGNAL + 13  # SIGPIPE, which Windows has not: the reader has seen enough, as `head` soon has
_ESCAPED = "backslashreplace"


def fail(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(NO_ANSWER)


def fail_with(error: BaseException) -> NoReturn:
    """Say why it ends; nothing where nobody reads the output any more, as common tools do."""
    if isinstance(error, LostOutputError) and error.is_unread:
        sys.exit(UNREAD)
    fail(str(error))


def errors_in(group: BaseExceptionGroup) -> list[BaseException]:
    """The errors in it, and in the groups in it."""
    nested = (
        errors_in(each) if isinstance(each, BaseExceptionGroup) else [each] for each in group.exceptions
    )
    return [error for errors in nested for error in errors]


class LostOutputError(click.ClickException):
    """Standard output cannot be written; `str()` says why."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"the output cannot be written: {error.strerror}")
        self.is_unread = isinstance(error, BrokenPipeError)


def allow_interrupts() -> None:
    """From now on Ctrl-C is an exception; until here it would have struck imports (`netcheck.__main__`)."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def told_interrupts() -> Iterator[None]:
    """Ctrl-C ends what runs here with one line, however deep in tasks it struck."""
    interrupted = False
    try:
        yield
    except* KeyboardInterrupt:
        interrupted = True
    if interrupted:
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)


def end_with(command: Callable[[], object]) -> NoReturn:
    """Run a click command that is not standalone, and end the process; whatever went wrong is told."""
    try:
        status = _status_of(command)
        sys.stdout.flush()
    except LostOutputError as error:
        fail_with(error)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except Exception as error:  # a bug of ours is no finding
        fail(lacking(error) or _as_bug())
    sys.exit(status)


def _as_bug() -> str:
    try:
        return f"{traceback.format_exc()}internal error: please report it with the lines above"
    except MemoryError:  # which then is why, whatever it looked like
        return NO_MORE_MEMORY


def _status_of(command: Callable[[], object]) -> int:
    """What the command returned or ended with; nothing is success."""
    try:
        status = command()
    except SystemExit as ended:
        status = ended.code
    return status if isinstance(status, int) else ALL_READY


def set_up_streams() -> None:
    """Have standard input, output and error lead somewhere, and say what is to become of lost lines."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # closed: else the next socket would take its place
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
    sys.stdout = _text(_Stream(1, "w", closefd=False), sys.stdout)
    sys.stderr = _text(_Stream(2, "w", closefd=False), sys.stderr)


def _text(stream: io.FileIO, before: TextIO | None) -> io.TextIOWrapper:
    """What the encoding does not know, such as odd file names, is escaped."""
    return io.TextIOWrapper(
        io.BufferedWriter(stream),
        encoding=before.encoding if before and _can_hold_text(before.encoding) else "utf-8",
        errors=_ESCAPED,
        line_buffering=stream.isatty() or stream.fileno() == 2,
    )


def _can_hold_text(encoding: str) -> bool:
    """Not where PYTHONIOENCODING names one that is for names only, as `idna` is."""
    try:
        "\n \udcff".encode(encoding, _ESCAPED)
    except UnicodeError:
        return False
    return True


class _Stream(io.FileIO):
    """Waits for who reads, also where whoever started us shares a pipe that does not block.

    That standard output is lost is an error once, and not again when the process ends. Where nobody reads
    standard error, the exit status says enough.
    """

    _is_lost = False

    def write(self, data: Any, /) -> int:
        try:
            while not self._is_lost:
                # None is what a full pipe comes to, whatever its type says.
                if (written := cast("int | None", super().write(data))) is not None:
                    return written
                select.select([], [self], [])
        except OSError as error:
            if self.fileno() == 1:
                self._is_lost = True
                raise LostOutputError(error) from error
        return len(memoryview(data))
