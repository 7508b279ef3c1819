"""A daemon among real servers, to which one fault happens after the other; what it must not lose meanwhile.

The order is the seed's. A round takes three seconds in place of a minute, so half an hour here is as ten
hours; the scrapes come each second.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.soak.faults import FINE, STARVING, Expected, Fault, Site
from tests.system.lab import FAST_ROUNDS, Lab, Settings
from tests.system.namespace import Process, every
from tests.system.runs import Daemon
from tests.system.scenes import TLS_APPLE, Finding, start_stand_ins, tls_services
from tests.system.servers import NETCHECK_PORT, require

_PATIENCE = 10.0
"""Seconds that the scraper waits for an answer: what it lost, it asked for so long before."""
_GRACE = 60.0
"""Seconds until a verdict has to be right."""
_PROBING: Settings = {
    **FAST_ROUNDS,
    "interval": "3s",
    "timeouts": {"resolve": "3s", "connect": "3s", "proxy": "3s", "tls": "3s"},
}
"""Timeouts that a busy machine keeps as well: here it is netcheck that is tried, and not the machine."""


@dataclass(frozen=True)
class Pace:
    """How long to look, in seconds."""

    holds: float = 4.0
    """A verdict has to stay right for so long."""
    settling: float = 12.0
    """In these, everything that ends by itself has ended: threads, lingering connections."""


FOR_LONG = Pace()


@dataclass(frozen=True)
class Size:
    """What a daemon takes of this machine, at its least over some seconds."""

    tasks: int
    descriptors: int
    kilobytes: int

    def has_leaked_beside(self, before: "Size") -> bool:
        """Some of each comes and goes; memory settles late. What leaks does so with every fault."""
        return (
            self.tasks > before.tasks + 20
            or self.descriptors > before.descriptors + 5
            or self.kilobytes > before.kilobytes * 1.25 + 8192
        )


@dataclass
class Report:
    """What came of a soak."""

    faults: Counter[str] = field(default_factory=Counter)
    """How often it survived each."""
    seconds: Counter[str] = field(default_factory=Counter)
    """How long each took, with its end."""
    scrapes: int = 0
    lost_while_starving: int = 0
    restarts: int = 0
    """How often the process ended for want of memory, by itself or by the kernel, and was started again."""
    before: Size = Size(0, 0, 0)
    after: Size = Size(0, 0, 0)
    problems: list[str] = field(default_factory=list)


def soak(faults: Sequence[Fault], seed: int, minutes: float = 0.0, pace: Pace = FOR_LONG) -> Report:
    """Each of the faults once, in an order of the seed's, and all again until the minutes are over."""
    require("nsd", "haproxy", "nginx", "danted", "tinyproxy", "prometheus")
    random, report = Random(seed), Report()
    until = time.monotonic() + 60 * minutes
    with _site(random) as site:
        observed = _Observed(site, pace)
        observed.judge(FINE, "at the start", report)
        report.before = observed.size()
        while True:
            for fault in random.sample(faults, len(faults)):
                observed.suffer(fault, report)
            report.after = observed.size()
            if time.monotonic() >= until:
                break
            if report.faults.total() == len(
                faults
            ):  # what one of each leaves behind is no leak: caches, threads
                report.before = report.after
        observed.conclude(report)
    if report.after.has_leaked_beside(report.before):
        report.problems.append(f"something has leaked: {report.before} before, {report.after} after")
    return report


@contextmanager
def _site(random: Random) -> Iterator[Site]:
    with Lab(TLS_APPLE) as lab:
        start_stand_ins(lab)
        assert lab.prometheus
        clock = lab.namespace.scratch / "clock"
        clock.write_text("0")
        services = {
            name: {**each, **({} if name == "provider" else {"hosts_per_round": "all"})}
            for name, each in tls_services(lab).items()
        }
        usual = {"direct": {}, "dante": {"proxy": lab.dante.url}, "tinyproxy": {"proxy": lab.tinyproxy.url}}

        def write(more: Settings) -> Path:
            return lab.write_config({**usual, **more}, services, _PROBING)

        observed = [sys.executable, "-m", "tests.soak.observed", str(lab.namespace.scratch)]
        argv = [*observed, "run", "--config", str(write({}))]

        def start() -> Daemon:
            process = lab.namespace.start(argv, "netcheck")
            lab.namespace.wait_until_listening(process, "127.0.0.1", NETCHECK_PORT)
            return Daemon(lab.namespace, process)

        yield Site(lab, start, start(), clock, write, random)


class _Observed:
    """Who looks at the daemon from outside: a scraper, and what the kernel and the census say."""

    def __init__(self, site: Site, pace: Pace) -> None:
        self._site, self._pace = site, pace
        self._census = site.lab.namespace.scratch / "census"
        program = str(Path(__file__).with_name("scraper.py"))
        argv = [sys.executable, "-I", "-S", program, str(NETCHECK_PORT)]
        self._scraper: Process = site.lab.namespace.start(argv, "scraper")
        self._starving: list[tuple[float, float]] = []

    def suffer(self, fault: Fault, report: Report) -> None:
        """Have the fault come and go; the verdicts have to follow."""
        name, began, log = fault.__name__.replace("_", " "), time.monotonic(), self._site.daemon.process.log
        written, process = log.stat().st_size, self._site.daemon.process
        with fault(self._site) as expected:
            if fault in STARVING:
                self._starving.append((began, time.monotonic()))
            self.judge(expected, name, report)
        # What nobody looked at while it was broken may be found out only now.
        self.judge(FINE, f"{name}, and it is mended", report, may_be_late=not expected)
        said = log.read_bytes()[written:].decode(errors="replace")
        if "Traceback" in said and fault not in STARVING:
            report.problems.append(f"{name}: {said[said.index('Traceback') :][:2000]}")
        report.faults[name] += 1
        report.restarts += self._site.daemon.process is not process
        report.seconds[name] += round(time.monotonic() - began)

    def judge(self, expected: Expected, when: str, report: Report, *, may_be_late: bool = False) -> None:
        """Within the grace time the verdicts are as expected, and stay so for a while.

        `may_be_late`: whether they may be wrong once more in the grace time.
        """
        wrong, was_right = self._wrong(expected), False
        for _ in every(0.25, _GRACE):
            if not wrong:
                was_right = True
                if not (wrong := self._wavers(expected)):
                    return
                if not may_be_late:
                    break
            wrong = self._wrong(expected)
        how = "it was right, and then wrong" if was_right else f"still wrong after {_GRACE:.0f} s"
        report.problems.append(f"{when}: {how}: {wrong}")

    def _wavers(self, expected: Expected) -> dict[str, str]:
        """What becomes wrong again, if anything does in a while."""
        looks = (self._wrong(expected) for _ in every(0.25, self._pace.holds))
        return next((wrong for wrong in looks if wrong), {})

    def _wrong(self, expected: Expected) -> dict[str, str]:
        """The verdicts that are not as expected."""
        if not expected:
            return {}
        try:
            verdicts = self._site.daemon.status()["verdicts"]
        except OSError as error:
            return {"status": repr(error)}
        found = {
            (each["path"], each["role"]): Finding(each["verdict"], each["cause"], each["hop"])
            for each in verdicts
        }
        return {
            f"{path} {role}": str(found.get((path, role)))
            for (path, role), finding in expected.items()
            if found.get((path, role)) != finding
        }

    def size(self) -> Size:
        """The least of each, once everything has ended that does so by itself."""
        sizes = [self._now() for _ in every(0.5, self._pace.settling)]
        return Size(
            min(each.tasks for each in sizes),
            min(each.descriptors for each in sizes),
            min(each.kilobytes for each in sizes),
        )

    def _now(self) -> Size:
        process = Path(f"/proc/{self._site.daemon.process.pid}")
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        descriptors = len(list((process / "fd").iterdir()))
        return Size(int(self._census.read_text() or 0), descriptors, int(status["VmRSS"].split()[0]))

    def conclude(self, report: Report) -> None:
        """End the daemon, and say what was wrong with it until then."""
        scraper_ended = self._scraper.exit_code is not None
        self._scraper.stop()
        code = self._site.daemon.stop()
        if code != 0:
            report.problems.append(f"it ended with {code}: {self._site.daemon.process.tail()}")
        scraped = self._scraper.log.read_text()
        if scraper_ended:
            report.problems.append(f"the scraper ended: {scraped[-2000:]}")
            return
        for record in map(json.loads, scraped.splitlines()):
            report.scrapes += 1
            if not record["problem"]:
                continue
            if self._was_starving(record["time"]):
                report.lost_while_starving += 1
            else:
                report.problems.append(record["problem"])

    def _was_starving(self, at: float) -> bool:
        return any(since - _PATIENCE <= at <= until + 1 for since, until in self._starving)
