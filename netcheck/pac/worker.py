"""The door into the process of its own in which scripts run: what opens it does not load the engine."""

from importlib import import_module


def evaluate(argument: bytes) -> bytes:
    """As `netcheck.pac.evaluating.evaluate`, which is loaded here: the engine is an extra, and large."""
    answer: bytes = import_module("netcheck.pac.evaluating").evaluate(argument)
    return answer
