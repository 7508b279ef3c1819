"""The daemon: joins the rooms, and owns reload, serving and shutdown."""

import gc
import logging
import os
import sys
import time
from collections.abc import Iterable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from netcheck import __version__, push_certificates
from netcheck.config.file import Config
from netcheck.config.reading.problems import ConfigError, the_first
from netcheck.daemon import reloading, signals
from netcheck.daemon.announcing import Announcer
from netcheck.daemon.asking import Asking
from netcheck.daemon.changes import in_words
from netcheck.daemon.lifeline import lifeline
from netcheck.daemon.proving import Proving
from netcheck.daemon.reloading import Reloads, follow, read_config, try_again
from netcheck.daemon.showing import Showing
from netcheck.daemon.standstill import slept
from netcheck.daemon.systemd import Systemd, passed_sockets
from netcheck.export.negotiate import Exporter
from netcheck.facts import Belief, Facts
from netcheck.history.history import History
from netcheck.model.findings import Judgement, Verdict
from netcheck.model.push_certificates import Proof
from netcheck.plan import longest_wait
from netcheck.push_certificates import ToProve
from netcheck.settling import LatestFacts
from netcheck.state.state import State
from netcheck.web.listening import ListenError
from netcheck.web.port import WebPort
from netcheck.web.protection import Protected, Protection
from netcheck.web.routes import Refused, routes

if TYPE_CHECKING:
    from netcheck.daemon.probing import Probing

_log = logging.getLogger("netcheck")
_LOOP_CHECK = 1.0
_LOOK_FOR_NEWS, _SHARE_OF_LOOKING = 1.0, 0.1
"""Every so many seconds, unless looking would take more than this share of the time."""
_ROUNDS_JUDGED = 2
"""A verdict rests on so many rounds: of hosts in rotation, what was seen long ago may be true no more."""
_LONGEST_JUDGING = 60.0
"""Seconds; 50,000 endpoints take about two, and five where nothing answers."""
_CERTIFICATE_CHECK = 60.0
_LOOK_AT_THE_FILES, _TRY_AGAIN = 5.0, 30.0
_LONGEST_TURN = 0.0005
"""Seconds that a thread may run on while the loop waits for the interpreter, in place of Python's 5 ms: what
threads judge and draw must not hold up answers and probes."""
_LONGEST_STEP = 0.0003
"""Seconds that a scrape works without a pause, unless one piece takes longer: 10,000 series take 10 ms."""


class Daemon:
    """One running netcheck: the config in force, the state, and what the web room shows of them."""

    def __init__(self, file: Path, config: Config, *, follows: bool = False) -> None:
        """With `follows`, it reloads by itself when a file of the config changes, and after a refusal."""
        self._file, self._follows = file, follows
        self._refused: str | None = None
        """Why the last reload was refused, where that is in the log already."""
        self._config = config
        self._state = State()
        self._state.own.reload_success_time = time.time()
        self._state.configure(config.services, config.paths, config.push_certificates)
        # probing is loaded later: what is scraped before must show no other interval
        self._state.own.interval = longest_wait(config.services, config.paths, config.probing.interval)
        self._facts = LatestFacts(self._state, belief(config))
        self._exporter = Exporter(config.metrics.per_host)
        self._history = History(config.history.file, config.history.keep)
        self.showing = Showing(self._facts.now(), self._history)
        self.ready = False
        """Whether the first full round has ended, and its facts are shown."""
        self._asking = Asking(self._state)
        self._probing: Probing | None = None
        self._reloads = Reloads(self._reload)
        self._certificates = trio.CancelScope()
        self._certificate_threads, self._config_threads = push_certificates.threads(), reloading.threads()
        self._proving = Proving(self._state, self._prove)
        self._proving.take(config.push_certificates)
        self._protected = Protected(Protection())
        self._port = WebPort(routes(self), self._protected)
        self._systemd = Systemd(os.environ)

    async def run(self) -> None:
        """Serve and probe until SIGTERM or SIGINT.

        Raises ListenError, and ConfigError for the files of the web port.
        """
        async with trio.open_nursery() as nursery:
            begin_reload = partial(nursery.start_soon, self.reload)
            nursery.start_soon(signals.handle, begin_reload, partial(self._stop, nursery))
            self._protected.take(await self._protected.read(self._config.web))
            await nursery.start(self._port.run)
            self._listen()
            nursery.start_soon(self._protected.watch)
            nursery.start_soon(_watch_clocks, self._state)
            probing = self._probing = await self._load_probing()
            spare_the_collector()
            sys.setswitchinterval(_LONGEST_TURN)
            nursery.start_soon(probing.run)
            nursery.start_soon(self._watch_push_certificates)
            nursery.start_soon(self._proving.run)
            nursery.start_soon(self._reloads.run)
            if self._follows:
                self._follow(nursery)
            nursery.start_soon(self._announce)
            nursery.start_soon(self._history.run)
            nursery.start_soon(self._systemd.feed_watchdog, lambda: probing.completes_rounds)
            self._systemd.tell("READY=1")
        _log.info("stopped")

    def _follow(self, nursery: trio.Nursery) -> None:
        threads, own = self._config_threads, self._state.own
        nursery.start_soon(follow, lambda: self._config.files, threads, self.reload, _LOOK_AT_THE_FILES)
        nursery.start_soon(try_again, lambda: not own.reload_successful, self._reloads.ask, _TRY_AGAIN)

    async def _load_probing(self) -> "Probing":
        """In a thread, when the port answers already: it takes as long as all that is loaded before."""
        module = await trio.to_thread.run_sync(
            import_module, "netcheck.daemon.probing", abandon_on_cancel=True
        )
        probing: Probing = module.Probing(self._state, self._config)
        return probing

    # What the web room shows.

    async def scrape(self, accept: str, names: Sequence[str]) -> tuple[bytes, str]:
        pieces, content_type = self._exporter.pieces(self.showing.facts, accept, names)
        return await _joined(pieces), content_type

    async def probe(self, path: str, service: str, host: str) -> str:
        """One probe now, as text. Raises Refused."""
        if self._probing is None:
            raise Refused(503, "probing has not begun: try again in a moment", for_now=True)
        return await self._asking.probe(self._probing, path, service, host)

    async def reload(self) -> str | None:
        """Take the config file anew. A faulty one changes nothing: the answer is what is wrong with it."""
        self._refused = None  # who asks is told, be it what was wrong before
        return await self._reloads.ask()

    # What runs.

    def _listen(self) -> None:
        if sockets := passed_sockets(os.environ):
            self._port.take_over(sockets)
        else:
            self._port.open(self._config.listen)
        passed = " (passed by systemd, in place of what listen says)" if sockets else ""
        _log.info("netcheck %s listens on %s%s", __version__, ", ".join(self._port.names), passed)

    async def _reload(self) -> str | None:
        self._systemd.tell_reloading()
        try:
            config = await read_config(self._file, self._config_threads, self._config)
            protection = await self._protected.read(config.web)
            self._port.open(config.listen)
            self._protected.take(protection)
            self._take(config)
        except (ConfigError, ListenError) as error:
            self._state.own.reload_successful = False
            level = logging.DEBUG if str(error) == self._refused else logging.ERROR
            _log.log(level, "reload refused, the configuration before stays in force: %s", error)
            self._refused = str(error)
            return self._refused
        except Exception:  # a bug of ours costs one reload, and never the daemon
            self._state.own.reload_successful = False
            _log.exception("internal error in the reload")
            return "internal error: see the log"
        else:
            await self._judge_or_log()
            return None
        finally:
            self._systemd.tell("READY=1")

    def _take(self, config: Config) -> None:
        """In one step, so that state and config always agree."""
        own = self._state.own
        _note_clocks(self._state)  # a step of the clock from before this is not one of what is noted now
        own.reload_successful, own.reload_success_time = True, time.time()
        _log.info("configuration reloaded from %s: %s", self._file, in_words(self._config, config))
        if config.listen != self._config.listen:
            _log.info("listens on %s", ", ".join(self._port.names))
        before, self._config = self._config, config
        warned_of = set(before.warnings)
        for warning in the_first(each for each in config.warnings if each not in warned_of):
            _log.warning("%s: %s", self._file, warning)
        if config.metrics != before.metrics:
            self._exporter = Exporter(config.metrics.per_host)
        self._facts.believe(belief(config))
        self._history.take(config.history.file, config.history.keep)
        if config != before and self._probing is not None:
            self._probing.take(config)
        self._proving.take(config.push_certificates)
        self._certificates.cancel()  # read anew: whoever reloads has perhaps just renewed one

    async def _watch_push_certificates(self) -> None:
        while True:
            with trio.CancelScope() as self._certificates:
                files, take = self._config.push_certificates, self._state.record_push_certificate
                await push_certificates.read_all(files, take, self._certificate_threads, _CERTIFICATE_CHECK)
                await trio.sleep_forever()

    async def _prove(self, asked: ToProve) -> Proof:
        assert self._probing is not None  # noqa: S101 - for the types: proving begins after probing
        return await push_certificates.prove(asked, self._certificate_threads, self._probing.show)

    async def _announce(self) -> None:
        """Look at the facts, and tell everybody: who is shown them, the log, the history and systemd."""
        announcer = Announcer()
        while True:
            began = trio.current_time()
            try:
                await self._look(announcer)
            except Exception:  # a bug of ours costs some lines of the log, and never the daemon
                _log.exception("internal error in announcing")
            took = trio.current_time() - began
            await trio.sleep(max(_LOOK_FOR_NEWS, took / _SHARE_OF_LOOKING))

    async def _judge(self) -> Facts:
        """Show the facts as they are; judging takes long where there is much, and the loop must not wait.

        Raises trio.TooSlowError: where a thread got stuck, the next one goes on.
        """
        if (snapshot := self._facts.news()) is not None:
            with trio.fail_after(_LONGEST_JUDGING):
                facts = await trio.to_thread.run_sync(snapshot.facts, abandon_on_cancel=True)
            self._facts.take(snapshot, facts)
        self.showing.take(self._facts.latest)
        return self._facts.latest

    async def _judge_or_log(self) -> None:
        try:
            await self._judge()
        except Exception:  # a bug of ours costs one look, and never what was reloaded
            _log.exception("internal error in judging")

    async def _look(self, announcer: Announcer) -> None:
        is_whole = self._probing is not None and self._probing.first_round_done
        facts = await self._judge()
        self.ready = is_whole
        announcer.look(facts)
        self.showing.note(of_all=self.ready)
        self._systemd.tell(f"STATUS={self._in_short(facts.judgements)}")

    def _in_short(self, judgements: Sequence[Judgement]) -> str:
        if not self.ready:
            return "the first round is under way"
        others = [
            f"{judged.path} {judged.role} {judged.verdict}"
            for judged in judgements
            if judged.verdict is not Verdict.READY
        ]
        return (
            f"{len(judgements) - len(others)} of {len(judgements)} ready{''.join(f'; {o}' for o in others)}"
        )

    async def _stop(self, nursery: trio.Nursery) -> None:
        self._systemd.tell("STOPPING=1")
        await self._port.close()
        nursery.cancel_scope.cancel()


def belief(config: Config) -> Belief:
    """What it takes, by this config, until results make a verdict.

    Where a probe may outlast rounds, its host misses those: what was known of it has to last until then.
    """
    interval, timeouts = config.probing.interval, config.probing.timeouts
    from_visit_to_visit = interval * (timeouts.longest // interval + 1)
    return Belief(_ROUNDS_JUDGED * from_visit_to_visit, config.verdict.failures, timeouts.patience)


def spare_the_collector() -> None:
    """Probing makes many records and hardly a cycle, so the collector's rounds are a cost without a use.

    What is loaded by now stays for good: walking it again and again would cost a fifth of all probing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


async def _joined(pieces: Iterable[bytes]) -> bytes:
    """All of them; probes that are due, and whatever else waits, go between two."""
    made, began = [], trio.current_time()
    for piece in pieces:
        made.append(piece)
        if trio.current_time() - began > _LONGEST_STEP:
            await trio.lowlevel.checkpoint()
            began = trio.current_time()
    return b"".join(made)


async def _watch_clocks(state: State) -> None:
    """Measure how late the event loop wakes a sleeper: whatever blocks it shows here, or ends it.

    And whether somebody sets the wall clock meanwhile.
    """
    with lifeline() as beat:
        _note_clocks(state)
        while True:
            due = trio.current_time() + _LOOP_CHECK
            await trio.sleep_until(due)
            state.own.loop_lag.observe(trio.current_time() - due)
            _note_clocks(state)
            beat()


def _note_clocks(state: State) -> None:
    state.note_clocks(time.time(), trio.current_time(), slept())
