"""One round now: every host once over every path, for the console."""

import logging
from collections.abc import Callable

import trio

from netcheck.config import Config
from netcheck.plan import Call, everything
from netcheck.probe.runner import Prober
from netcheck.push_certificates import read_all
from netcheck.schedule import Gate
from netcheck.state import State

_log = logging.getLogger("netcheck")
_VISITS_AT_ONCE = 32
"""Keeps a check from asking the resolver for a hundred names in one burst."""

Progress = Callable[[int, int], None]
"""Told how many of how many visits have ended."""


async def check(config: Config, progress: Progress) -> State:
    """Visit everything and read every push certificate once; the caps of the config hold."""
    state = State()
    state.configure(config.services, config.paths, config.push_certificates)
    prober = Prober(config.probing.timeouts, gates(config))
    calls = everything(config.services, config.paths)
    limit = trio.Semaphore(_VISITS_AT_ONCE)
    done = 0

    async def visit(call: Call) -> None:
        nonlocal done
        async with limit:
            try:
                state.record(await prober.visit(call.service, call.host, call.path, 0, call.turn))
            except Exception:  # a bug of ours costs one visit, and not the rest of the check
                _log.exception("internal error in the visit to %s over %s", call.host, call.path.name)
        done += 1
        progress(done, len(calls))

    progress(done, len(calls))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_all, config.push_certificates, state.record_push_certificate)
        for call in calls:
            nursery.start_soon(visit, call)
    return state


def gates(config: Config) -> dict[str, Gate]:
    """One gate for each path, with the caps of the config."""
    return {path.name: Gate(config.probing.concurrency, config.probing.rate) for path in config.paths}
