"""The process's way in: `python -m netcheck`, and the command `netcheck`.

Until all that is needed is imported, Ctrl-C ends the process as the system does it, without a traceback.
"""

import importlib
import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as for a background job
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def entry() -> None:
    """Run the command that the command line names."""
    importlib.import_module("netcheck.cli.main").entry()


if __name__ == "__main__":
    entry()
