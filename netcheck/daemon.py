"""The daemon: wires the rooms together, and owns signals, reload and shutdown."""

import gc
import itertools
import logging
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import trio

from netcheck import __version__
from netcheck.bags import bags_seen, widest, with_counts
from netcheck.check import gates
from netcheck.config import Config, ConfigError, load
from netcheck.export.negotiate import Exporter
from netcheck.export.report import report
from netcheck.export.samples import Exposed
from netcheck.model.findings import BagSeen, Cause, Judgement, PushCertificate, Verdict
from netcheck.model.paths import Family, ProbePath, Role, endpoint_text
from netcheck.model.services import Service, holds, hosts_on
from netcheck.plan import Call, jobs, slots
from netcheck.probe.runner import Prober
from netcheck.push_certificates import threads, watch
from netcheck.schedule import STILL_RUNNING, Schedule, spread
from netcheck.state import SelfState, State
from netcheck.verdict import Assessment, assess
from netcheck.web.routes import routes
from netcheck.web.server import serve

_log = logging.getLogger("netcheck")
_LOOP_CHECK = 1.0
_VERDICT_CHECK = 5.0
_ROUNDS_JUDGED = 2
"""A verdict rests on so many rounds: of hosts in rotation, what was seen long ago may be true no more."""
_BUG = "internal_error"
_CERTIFICATE_CHECK = 60.0


class Daemon:
    """One running netcheck: the configuration in force, the state, and what the web room shows of them."""

    def __init__(self, file: Path, config: Config) -> None:
        self._file = file
        self._config = config
        self._services = config.services
        self._listen = config.listen
        self._reloaded = trio.Event()
        self._exporter = Exporter(config.metrics.per_host)
        self._first_round_done = trio.Event()
        self._file_threads = threads()
        self._told: dict[tuple[str, Role], tuple[Verdict, Cause | None]] = {}
        self._disagreements: dict[tuple[str, str], tuple[str, ...]] = {}
        self.state = State()
        self.state.own.reload_success_time = time.time()
        self.state.own.skipped = dict.fromkeys((STILL_RUNNING, _BUG), 0)

    async def run(self) -> None:
        """Serve and probe until SIGTERM or SIGINT."""
        self._apply(self._config)
        _spare_the_collector()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._handle_signals, nursery.cancel_scope)
            bound = await nursery.start(serve, self._listen.host, self._listen.port, routes(self))
            places = ", ".join(endpoint_text(*each) for each in bound)
            _log.info("netcheck %s listens on %s", __version__, places)
            nursery.start_soon(_watch_loop, self.state.own)
            nursery.start_soon(self._announce_changes)
            nursery.start_soon(self._probe)
        _log.info("stopped")

    # What the web room shows.

    @property
    def ready(self) -> bool:
        """Whether the first full round has ended."""
        return self._first_round_done.is_set()

    def scrape(self, accept: str, names: Sequence[str]) -> tuple[bytes, str]:
        return self._exporter.scrape(self._exposed(), accept, names)

    def status(self) -> dict[str, object]:
        return report(self._exposed(), __version__, time.time())

    def reload(self) -> str | None:
        """Take the config file anew. A faulty one changes nothing: the answer is what is wrong with it."""
        own = self.state.own
        try:
            config = load(self._file)
        except ConfigError as error:
            own.reload_successful = False
            _log.error("reload refused, the configuration before stays in force:\n%s", error)
            return str(error)
        own.reload_successful, own.reload_success_time = True, time.time()
        if config.listen != self._listen:
            _log.warning("listen has changed: this takes effect after a restart")
        self._apply(config)
        self._reloaded.set()
        _log.info("configuration reloaded from %s", self._file)
        return None

    def _apply(self, config: Config) -> None:
        """In one step, so that state and configuration always agree."""
        if config.metrics != self._config.metrics:
            self._exporter = Exporter(config.metrics.per_host)
        self._config = config
        self._take_services(with_counts(config.services, self.state.courier_counts))
        self._take_counts()  # the paths whose bags said so may be gone

    def _take_services(self, services: tuple[Service, ...]) -> None:
        self._services = services
        self.state.configure(services, self._config.paths, self._config.push_certificates)

    def _take_counts(self) -> None:
        """Let services that are numbered by the bag have the hosts that bags speak of by now."""
        services = with_counts(self._config.services, self.state.courier_counts)
        for before, now in zip(self._services, services, strict=True):
            if before.hosts != now.hosts:
                _log.info("%s: the bag's hosts are now %s to %s", now.name, now.hosts[0], now.hosts[-1])
        if services != self._services:
            self._take_services(services)

    def _current(self, service: Service) -> Service:
        """The service with the hosts that it has by now."""
        if service.count_from_bag is None:
            return service
        return next((each for each in self._services if each.name == service.name), service)

    def _assess(self) -> Assessment:
        config = self._config
        window = _ROUNDS_JUDGED * config.probing.interval
        return assess(
            self._services,
            config.paths,
            self.state.standings(),
            self.state.lookups.values(),
            window=window,
            failures=config.verdict.failures,
        )

    def _bags(self) -> list[BagSeen]:
        return bags_seen(self._services, self.state.bags())

    def _exposed(self) -> Exposed:
        assessment = self._assess()
        return Exposed(self.state, assessment.judgements, assessment.fallback_active, self._bags())

    # What runs.

    async def _probe(self) -> None:
        """Run what the configuration in force asks for, and join its beat anew after each reload."""
        start = trio.current_time()
        while True:
            self._reloaded = trio.Event()
            async with trio.open_nursery() as nursery:
                config = self._config
                prober = Prober(config.probing.timeouts, gates(config))
                nursery.start_soon(self._run_schedule, config, prober, start)
                for held in holds(config.services, config.paths):
                    nursery.start_soon(self._hold, prober, config.probing.interval, *held)
                nursery.start_soon(self._watch_push_certificates, config)
                await self._reloaded.wait()
                nursery.cancel_scope.cancel()

    async def _run_schedule(self, config: Config, prober: Prober, start: float) -> None:
        async def visit(call: Call, number: int) -> None:
            try:
                seen = await prober.visit(call.service, call.host, call.path, number, call.turn)
                # Else a reload came first, or a bag: the state may know this host no more.
                if config is self._config and call.host in self._current(call.service).hosts:
                    self.state.record(seen)
                    if call.service.bag:
                        self._take_counts()
            except Exception:  # a bug of ours costs one visit, and never the daemon
                self.state.own.skipped[_BUG] += 1
                _log.exception("internal error in the visit to %s over %s", call.host, call.path.name)

        schedule = Schedule(config.probing.interval, _Meter(self.state.own), start)
        async with trio.open_nursery() as nursery:
            planned = slots(widest(config.services), config.paths)
            nursery.start_soon(schedule.run, jobs(planned, visit, self._current))
            await schedule.all_ran.wait()
            self._first_round_done.set()

    async def _hold(
        self, prober: Prober, interval: float, service: Service, path: ProbePath, family: Family
    ) -> None:
        """Hold one connection after the other, with a round's time in between; a reload begins anew."""
        await trio.sleep(spread(f"hold {path.name} {service.name} {family}") * interval)
        for turn in itertools.count():
            try:
                now = self._current(service)
                if hosts_on(now, path):  # a load balancer path may name none that a bag has left
                    await prober.hold(now, path, family, turn, self.state.record_hold)
            except Exception:  # a bug of ours costs one hold, and never the daemon
                self.state.own.skipped[_BUG] += 1
                _log.exception("internal error in the hold of %s over %s", service.name, path.name)
            await trio.sleep(interval)

    async def _watch_push_certificates(self, config: Config) -> None:
        await watch(
            config.push_certificates, self._take_push_certificate, self._file_threads, _CERTIFICATE_CHECK
        )

    def _take_push_certificate(self, found: PushCertificate) -> None:
        """Keep it, and log what is new about it."""
        before = self.state.push_certificates.get(found.name)
        self.state.record_push_certificate(found)
        if found == before:
            return
        if found.error is not None:
            _log.warning("push certificate %s: %s", found.name, found.error)
        elif found.topic_matches is False:
            _log.warning(
                "push certificate %s: its topic is %s, not the one expected: pushes with it reach no device "
                "that was enrolled with the expected one; renew that certificate, do not create another",
                found.name,
                found.topic,
            )
        else:
            _log.info("push certificate %s: topic %s, SHA-1 %s", found.name, found.topic, found.sha1)

    async def _announce_changes(self) -> None:
        """Log each verdict that has changed, and each bag that has come to disagree with the config."""
        while True:
            self._announce_verdicts()
            self._announce_bags()
            await trio.sleep(_VERDICT_CHECK)

    def _announce_verdicts(self) -> None:
        """Log what is new, with what it rests on."""
        latest = {(judged.path, judged.role): judged for judged in self._assess().judgements}
        for where, judged in latest.items():
            if self._told.get(where, (Verdict.UNKNOWN, None)) != (judged.verdict, judged.cause):
                level = logging.INFO if judged.verdict is Verdict.READY else logging.WARNING
                _log.log(level, "%s for %s: %s", judged.path, judged.role, _in_words(judged))
        self._told = {where: (judged.verdict, judged.cause) for where, judged in latest.items()}

    def _announce_bags(self) -> None:
        """Log what is new; a fetch that fails changes nothing about what the bag said before."""
        for seen in self._bags():
            where = (seen.path, seen.host)
            if seen.bag is None or self._disagreements.get(where, ()) == seen.disagreements:
                continue
            self._disagreements[where] = seen.disagreements
            if seen.disagreements:
                said = "; ".join(seen.disagreements)
                _log.warning("bag of %s over %s: %s", seen.host, seen.path, said)
            else:
                _log.info("bag of %s over %s: agrees with the config", seen.host, seen.path)

    async def _handle_signals(self, stop: trio.CancelScope) -> None:
        with trio.open_signal_receiver(signal.SIGHUP, signal.SIGTERM, signal.SIGINT) as received:
            async for number in received:
                if number == signal.SIGHUP:
                    self.reload()
                else:
                    _log.info("%s: stopping", signal.Signals(number).name)
                    stop.cancel()


class _Meter:
    """Writes how the schedule keeps its times into the state."""

    def __init__(self, own: SelfState) -> None:
        self._own = own

    def late(self, seconds: float) -> None:
        self._own.schedule_lag.observe(seconds)

    def skipped(self, cause: str, count: int) -> None:
        self._own.skipped[cause] += count


def _in_words(judged: Judgement) -> str:
    cause = f", {judged.cause} ({judged.hop})" if judged.cause else ""
    next_step = f". {judged.next_step}" if judged.next_step else ""
    return f"{judged.verdict}{cause}: {'; '.join(judged.evidence)}{next_step}"


def _spare_the_collector() -> None:
    """Probing makes many records and hardly a cycle, so the collector's rounds are a cost without a use.

    What is loaded by now stays for good: walking it again and again would cost a fifth of all probing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


async def _watch_loop(own: SelfState) -> None:
    """Measure how late the event loop wakes a sleeper: whatever blocks it shows here."""
    while True:
        due = trio.current_time() + _LOOP_CHECK
        await trio.sleep_until(due)
        own.loop_lag.observe(trio.current_time() - due)
