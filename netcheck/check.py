"""One round now: every host once over every path, for the console."""

import logging
from collections.abc import Callable, Iterable

import trio

from netcheck.bags import with_counts
from netcheck.config import Config
from netcheck.facts import Belief, Facts, facts_of
from netcheck.model.services import Service
from netcheck.plan import Call, everything
from netcheck.probe.runner import Prober
from netcheck.push_certificates import read_all
from netcheck.schedule import Gate
from netcheck.state.state import State

_log = logging.getLogger("netcheck")
_VISITS_AT_ONCE = 32
"""Keeps a check from asking the resolver for a hundred names in one burst."""

Progress = Callable[[int, int], None]
"""Told how many of how many visits have ended."""


async def check(config: Config, progress: Progress) -> Facts:
    """Visit everything and read every push certificate once; the caps of the config hold.

    One round is all there is, so every failure is believed.
    """
    state = State()
    state.configure(config.services, config.paths, config.push_certificates)
    gates = {path.name: Gate(config.probing.concurrency, config.probing.rate) for path in config.paths}
    prober = Prober(config.probing.timeouts, gates)
    limit = trio.Semaphore(_VISITS_AT_ONCE)
    done, total = 0, len(everything(config.services, config.paths))

    async def visit(call: Call) -> None:
        nonlocal done
        async with limit:
            try:
                state.record(await prober.visit(call.service, call.host, call.path, 0, call.turn))
            except Exception:  # a bug of ours costs one visit, and not the rest of the check
                _log.exception("internal error in the visit to %s over %s", call.host, call.path.name)
        done += 1
        progress(done, total)

    async def visit_all(services: Iterable[Service]) -> None:
        async with trio.open_nursery() as nursery:
            for call in everything(services, config.paths):
                nursery.start_soon(visit, call)

    progress(done, total)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_all, config.push_certificates, state.record_push_certificate)
        early, late = _bags_first(config.services)
        await visit_all(early)
        services = with_counts(config.services, state.courier_counts.highest)
        state.configure(services, config.paths, config.push_certificates)
        total = len(everything(services, config.paths))
        await visit_all(with_counts(late, state.courier_counts.highest))
    return facts_of(state, Belief())


def _bags_first(services: Iterable[Service]) -> tuple[list[Service], list[Service]]:
    """What to visit before the rest: the bags, where they say how many hosts the rest has."""
    services = list(services)
    if not any(service.count_from_bag for service in services):
        return [], services
    return [s for s in services if s.bag], [s for s in services if not s.bag]
