"""The process's way in: `python -m netcheck`, and the command `netcheck`.

Until all that is needed is imported, Ctrl-C ends the process as the system does it, without a traceback.
A SIGHUP to the daemon waits until it can reload: by default it would end the process.
"""

import importlib
import signal
import sys

from netcheck.scarcity import lacking

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as for a background job
    signal.signal(signal.SIGINT, signal.SIG_DFL)
if sys.argv[1:2] == ["run"] and hasattr(signal, "SIGHUP"):  # Windows has none
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])


def entry() -> None:
    """Run the command that the command line names."""
    try:
        command = importlib.import_module("netcheck.cli.main").entry
    except Exception as error:
        if (why := lacking(error)) is None:
            raise
        print(why, file=sys.stderr)
        sys.exit(2)  # as whatever keeps a command from an answer
    command()


if __name__ == "__main__":
    entry()
