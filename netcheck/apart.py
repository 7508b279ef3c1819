"""Runs a function of ours in a process of its own, which is killed where it takes too much time or memory.

For work that one call of a library may drag out, deaf to any deadline: deriving a key from a password.
What goes in and out is bytes, over pipes: nothing of it stands on a command line or in the environment. Knows
nothing of what is done there.
"""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable

try:
    import resource
except ImportError:  # Windows: there the parent's deadline has to do
    resource = None  # type: ignore[assignment]

_MOST_MEMORY = 1024 * 1024 * 1024
"""In bytes, of address space."""
_START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from netcheck.apart import serve; serve()"


class ApartError(Exception):
    """There is no answer; `str()` says why, to go on after the name of what was to be done."""


def run_apart(function: Callable[[bytes], bytes], argument: bytes, seconds: float) -> bytes:
    """What a function at the top of a module makes of the argument; raises ApartError. Blocks meanwhile."""
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
    if done.returncode != 0:
        raise ApartError(f"takes more than {_MOST_MEMORY >> 20} MiB of memory, or does not come to an end")
    return done.stdout


def serve() -> None:
    """In the process: be bounded even where nobody is left to kill it, and answer once."""
    _, _, name, seconds = sys.argv
    if resource:
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
        limit = int(float(seconds)) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    module, _, function = name.partition(":")
    answer = getattr(importlib.import_module(module), function)(sys.stdin.buffer.read())
    sys.stdout.buffer.write(answer)
