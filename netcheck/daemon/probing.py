"""What the daemon measures: visits on the schedule, beside them inquiries, large hellos and idle holds.

A new config is taken by difference: what it still has goes on untouched, visits and holds under way included.
All else is cancelled, and nothing begins that was: each asks for the prober first, by `_measures`.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import trio

from netcheck.bags import with_counts
from netcheck.config.file import Config
from netcheck.daemon.announcing import log_failures
from netcheck.daemon.holding import Holding
from netcheck.daemon.inquiring import Inquiries
from netcheck.daemon.large_hellos import LargeHellos
from netcheck.daemon.standstill import Pulse
from netcheck.model.holds import Hold, HoldEnd
from netcheck.model.paths import Family, ProbePath
from netcheck.model.push_certificates import Acceptance, PushIdentity
from netcheck.model.results import Result, Visit
from netcheck.model.services import Service, Timeouts, hosts_on, targets
from netcheck.plan import Call, Slot, is_planned, longest_wait, slots
from netcheck.probe.runner import Memory, Prober
from netcheck.schedule import Gate, Job, Schedule
from netcheck.state.own import BUG, STOOD_STILL
from netcheck.state.state import State

_log = logging.getLogger("netcheck")
_LATEST = 60.0
"""Seconds that a round may take on top of three intervals, and that a gate may let nobody in: visits end by
their timeouts, long before."""


class Probing:
    """Runs what the config in force asks for, and writes what comes of it into the state."""

    def __init__(
        self,
        state: State,
        config: Config,
        new_prober: Callable[[Timeouts, Mapping[str, Gate]], Any] | None = None,
    ) -> None:
        """To be made in a running trio loop: the rounds begin now. `new_prober` is for tests."""
        self._make_prober = new_prober or partial(Prober, memory=Memory())
        self._state = state
        self._config = config
        self._gates: dict[str, Gate] = {}
        self._caps: tuple[int, float] | None = None
        self._prober = self._new_prober()
        self._schedule = Schedule(config.probing.interval, state.own, trio.current_time())
        self._slots: dict[str, Slot] = {}
        self._due: dict[str, int] = {}
        """By slot: the first round in which it is to be visited again."""
        self._round = 0
        self._inquiries = Inquiries(state, self._inquire)
        self._large_hellos = LargeHellos(state, self._try_large_hellos)
        self._holding = Holding(state, self._hold, self._schedule.sleep)
        self._pulse = Pulse()
        self._plan()

    @property
    def first_round_done(self) -> bool:
        """Whether all that the first round had to visit has been visited."""
        return self._schedule.all_ran.is_set()

    @property
    def completes_rounds(self) -> bool:
        """Whether a round has ended lately, as it should.

        Where there is nothing to visit, none can; where `rate` or `concurrency` allow less than there is to
        visit, it takes as long as it takes.
        """
        longest = 3 * self._config.probing.interval + _LATEST
        if not self._slots or trio.current_time() - self._schedule.round_ended <= longest:
            return True
        return any(gate.keeps_busy(_LATEST) for gate in self._gates.values())

    async def run(self) -> None:
        """Measure until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._pulse.run)
            nursery.start_soon(self._schedule.run)
            nursery.start_soon(self._inquiries.run, self._pace, partial(self._schedule.sleep, 1.0))
            nursery.start_soon(self._large_hellos.run)
            nursery.start_soon(self._holding.run)

    async def probe(self, path: str, service: str, host: str) -> list[Visit]:
        """Visit a host now, beside the rounds, under the same gates; the state learns nothing of it."""
        measures = await self._measures()
        return [
            await measures.visit(each, host, way, 0, 0, alone=True)
            for each, way in targets(self._state.services, self._state.paths)
            if (way.name, each.name) == (path, service) and host in hosts_on(each, way)
        ]

    async def show(self, service: Service, path: ProbePath, identity: PushIdentity) -> tuple[Acceptance, str]:
        """Show the push certificate over the path, under the same gates."""
        measures = await self._measures()
        return await measures.prove(service, path, identity)

    async def wait_for_turn(self, path: str) -> None:
        """Until the path has room for one more attempt."""
        async with self._gates[path]:
            pass

    def take(self, config: Config) -> None:
        """Measure what this config says from now on, and let the state know of it."""
        before, self._config = self._config, config
        if (before.probing, before.paths) != (config.probing, config.paths):
            self._prober = self._new_prober()
        self._plan()

    async def _measures(self) -> Prober:
        """The prober to begin with.

        What a reload has cancelled ends here: it would run on until it waits for something, and the new
        prober may not know its path.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        return self._prober

    def _new_prober(self) -> Prober:
        """What is under way goes on with the one before; where the caps stay, so do the gates."""
        probing = self._config.probing
        before, self._caps = self._caps, (probing.concurrency, probing.rate)
        kept = self._gates if self._caps == before else {}
        self._gates = {p.name: kept.get(p.name) or Gate(*self._caps) for p in self._config.paths}
        return self._make_prober(probing.timeouts, self._gates)

    def _plan(self) -> None:
        config, state = self._config, self._state
        state.configure(self._services(), config.paths, config.push_certificates)
        if (services := self._services()) != state.services:  # the paths whose bags said so are gone
            state.configure(services, config.paths, config.push_certificates)
        before, self._slots = self._slots, {slot.key: slot for slot in slots(state.services, state.paths)}
        self._due = {
            key: due
            for key, due in self._due.items()
            if self._still_has(before[key]) and self._slots[key].every == before[key].every
        }
        jobs = [
            Job(slot.key, partial(self._turn, slot), slot.about, may_wait=slot.is_direct)
            for slot in self._slots.values()
        ]
        self._schedule.plan(jobs, config.probing.interval)
        state.own.interval = longest_wait(state.services, state.paths, config.probing.interval)
        self._inquiries.plan()
        self._large_hellos.plan()
        self._holding.plan()

    def _services(self) -> tuple[Service, ...]:
        """As the config has them; those that are numbered by the bag, with the hosts that bags speak of."""
        return with_counts(self._config.services, self._state.courier_counts.highest)

    def _still_has(self, slot: Slot) -> bool:
        """Whether a visit of this slot is one that the config in force asks for."""
        now = self._slots.get(slot.key)
        return now is slot or (now is not None and now.about == slot.about)

    def _pace(self) -> tuple[float, float]:
        """For inquiries: how long a round takes, and for how long a doubt is worth one."""
        return self._config.probing.interval, self._config.probing.timeouts.patience

    async def _turn(self, slot: Slot, number: int) -> None:
        """A slot's part of a round."""
        if number >= self._due.get(slot.key, 0):
            self._due[slot.key] = number + slot.every
            self._round = max(self._round, number)
            if not await self._visit(slot.call(number), number, lambda: self._still_has(slot)):
                self._due.pop(slot.key, None)

    async def _inquire(self, call: Call) -> None:
        """A visit out of turn."""

        def is_wanted() -> bool:
            return is_planned(call, self._state.services, self._state.paths)

        await self._visit(call, self._round, is_wanted, alone=True)

    async def _visit(
        self, call: Call, number: int, is_wanted: Callable[[], bool], *, alone: bool = False
    ) -> bool:
        """False where it was in vain, through no fault of anybody: it is to be made once more."""
        try:
            measures, began = await self._measures(), self._pulse.now()
            seen = await measures.visit(call.service, call.host, call.path, number, call.turn, alone=alone)
            if not is_wanted():  # a reload came meanwhile
                return True
            if self._stood_still_since(began):
                return False
            self._state.record(seen)
            log_failures(seen)
            self._inquiries.look(call)
            if call.service.bag and self._services() != self._state.services:
                self._plan()
        except Exception:  # a bug of ours costs one visit, and never the daemon
            self._note_bug("the visit to", call.host, call.path.name)
        return True

    async def _try_large_hellos(
        self, service: Service, host: str, path: ProbePath, turn: int
    ) -> list[Result] | None:
        try:
            measures, began = await self._measures(), self._pulse.now()
            results = await measures.try_large_hellos(service, host, path, turn)
            return None if self._stood_still_since(began) else results
        except Exception:  # a bug of ours costs one try, and never the daemon
            self._note_bug("a large hello to", host, path.name)
            return []

    async def _hold(self, call: Call, family: Family) -> None:
        try:
            measures, since = await self._measures(), self._pulse.now()

            def tell(hold: Hold) -> None:
                nonlocal since
                is_ended = hold.end not in (None, HoldEnd.HELD)
                if is_ended and self._stood_still_since(since):  # it was silent for longer than it says
                    hold = replace(hold, end=HoldEnd.LOCAL)
                since = self._pulse.now()
                self._state.record_hold(hold)

            await measures.hold(call.service, call.host, call.path, family, call.turn, tell)
        except Exception:  # a bug of ours costs one hold, and never the daemon
            self._note_bug("the hold of", call.service.name, call.path.name)

    def _stood_still_since(self, began: float) -> bool:
        """Whether the process did, which is counted: then what was under way tells nothing."""
        if missed := self._pulse.missed_some_since(began):
            self._state.own.note_skipped(STOOD_STILL, 1)
        return missed

    def _note_bug(self, where: str, whose: str, path: str) -> None:
        self._state.own.note_skipped(BUG, 1)
        _log.exception("internal error in %s %s over %s", where, whose, path, extra={"path": path})
