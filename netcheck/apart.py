"""Runs a function of ours in a process of its own, which is killed where it takes too much time or memory.

For work that one call of a library may drag out, deaf to any deadline: deriving a key from a password.
What goes in and out is bytes, over pipes: nothing of it stands on a command line or in the environment. Knows
nothing of what is done there.
"""

import importlib
import json
import subprocess
import sys
import traceback
from collections.abc import Callable
from types import TracebackType

try:
    import resource
except ImportError:  # Windows: there the parent's deadline has to do
    resource = None  # type: ignore[assignment]  # a name cannot be declared as a module or None

_MOST_MEMORY = 1024 * 1024 * 1024
"""In bytes, of address space."""
_TOO_MUCH_MEMORY = 3
"""An exit status."""
_START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from netcheck.apart import serve; serve()"


class ApartError(Exception):
    """There is no answer; `str()` says why, to go on after the name of what was to be done."""


def run_apart(function: Callable[[bytes], bytes], argument: bytes, seconds: float) -> bytes:
    """What a function at the top of a module makes of the argument. Blocks meanwhile.

    Raises ApartError where it takes too much, and RuntimeError, with the traceback, where it raises anything.
    """
    name = f"{function.__module__}:{function.__qualname__}"
    command = [sys.executable, "-I", "-c", _START, json.dumps(sys.path), name, str(seconds)]
    try:
        done = subprocess.run(  # noqa: S603 - nothing of it is from outside
            command, input=argument, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=seconds
        )
    except subprocess.TimeoutExpired:  # by then it is killed
        raise ApartError(f"takes longer than {seconds:g} s") from None
    except OSError as error:
        raise ApartError(f"cannot be begun: {error.strerror}") from error
    if done.returncode < 0 or done.returncode == _TOO_MUCH_MEMORY:
        most = _at_most(resource.RLIMIT_AS, _MOST_MEMORY) if resource else _MOST_MEMORY
        raise ApartError(f"takes more than {most >> 20} MiB of memory, or does not come to an end")
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed (exit status {done.returncode}):\n{done.stdout.decode()}")
    return done.stdout


def serve() -> None:
    """In the process: be bounded even where nobody is left to kill it, and answer once."""
    sys.excepthook = _tell_where
    _, _, name, seconds = sys.argv
    if resource:
        _bound(resource.RLIMIT_AS, _MOST_MEMORY)
        _bound(resource.RLIMIT_CPU, int(float(seconds)) + 1)
        _bound(resource.RLIMIT_CORE, 0)
    module, _, function = name.partition(":")
    try:
        answer = getattr(importlib.import_module(module), function)(sys.stdin.buffer.read())
    except MemoryError:
        sys.exit(_TOO_MUCH_MEMORY)
    sys.stdout.buffer.write(answer)


def _bound(limit: int, most: int) -> None:
    bound = _at_most(limit, most)
    resource.setrlimit(limit, (bound, bound))


def _at_most(limit: int, most: int) -> int:
    """Only root may go beyond the hard limit that there is."""
    _, hard = resource.getrlimit(limit)
    return most if hard == resource.RLIM_INFINITY else min(most, hard)


def _tell_where(kind: type[BaseException], _: BaseException, trace: TracebackType | None) -> None:
    """The traceback without the error's own words: they may hold what is secret in the argument."""
    sys.stdout.write(f"{''.join(traceback.format_tb(trace))}{kind.__qualname__}\n")
