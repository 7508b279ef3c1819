"""What can go wrong around a daemon: how to break each thing, how to mend it, and what is to be found.

A fault is a context manager: within it something is broken, and it gives what the verdicts then have to be.
"""

import resource
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from signal import SIGCONT, SIGHUP, SIGKILL, SIGSTOP

from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role
from tests.system import servers
from tests.system.apple import COURIER_RANGES
from tests.system.breakages import READY, TLS_PORTS
from tests.system.lab import Lab, Settings
from tests.system.namespace import FROM_HERE, every
from tests.system.runs import Daemon
from tests.system.scenes import Finding, both
from tests.system.servers import NETCHECK_PORT

DEVICE, PROVIDER = Role
Expected = Mapping[tuple[str, Role], Finding]
"""What is not in it may be anything for a while: it hangs on the same broken thing, or cannot be asked."""

PATHS = ("direct", "dante", "tinyproxy")
FINE: Expected = {key: READY for path in PATHS for key in both(path, READY)}
ANYTHING: Expected = {}

_SILENT_CLIENTS = 200
_FULL_TABLE = 20
_LITTLE = 1024 * 1024
"""Bytes of memory."""
_MEMORY_CONTROLLERS = (
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
    ("/sys/fs/cgroup", "memory.max"),
)
"""Of the first and the second version of cgroups."""
_LASTS = 2.0
"""Seconds that something lasts which no verdict shows."""


@dataclass
class Site:
    """A laboratory, the daemon in it, and how to write its config."""

    lab: Lab
    start: Callable[[], Daemon]
    """Starts it anew, by the config that there is."""
    daemon: Daemon
    clock: Path
    write: Callable[[Settings], object]
    """Writes a config with these paths beside the usual ones."""
    random: Random

    def reload(self, *, is_good: bool) -> None:
        """Have the daemon reload, and wait until it has."""
        line = f"netcheck_config_last_reload_successful {float(is_good)}\n"
        self.daemon.signal(SIGHUP)
        for _ in every(0.1, 20.0):
            if line in self.daemon.get("/metrics").text:
                return
        raise AssertionError(f"the daemon does not say: {line}")

    def pause(self, seconds: float) -> None:
        """Let the fault last; the daemon itself has to go on."""
        for _ in every(0.2, seconds):
            code = self.daemon.process.exit_code
            assert code is None, f"it ended with {code}: {self.daemon.process.tail()}"


Fault = Callable[[Site], AbstractContextManager[Expected]]


def _at(path: str, finding: Finding) -> Expected:
    """The others stay as they are."""
    return {**FINE, **both(path, finding)}


@contextmanager
def a_proxy_is_killed(site: Site) -> Iterator[Expected]:
    site.lab.dante.stop()
    yield _at("dante", Finding(Verdict.NOT_READY, Cause.PROXY_DOWN, Hop.PROXY))
    site.lab.restart_dante()


@contextmanager
def a_proxy_hangs(site: Site) -> Iterator[Expected]:
    """Its kernel still accepts; nobody answers."""
    site.lab.tinyproxy.signal(SIGSTOP)
    yield _at("tinyproxy", Finding(Verdict.NOT_READY, Cause.PROXY_DOWN, Hop.PROXY))
    site.lab.tinyproxy.signal(SIGCONT)


@contextmanager
def a_proxy_restarts(site: Site) -> Iterator[Expected]:
    """For a moment it is down, and may be told to be: rounds are twenty times as fast, restarts are not."""
    site.lab.dante.stop()
    site.lab.restart_dante()
    yield {}


@contextmanager
def the_resolver_is_killed(site: Site) -> Iterator[Expected]:
    """The proxies ask it too."""
    site.lab.dns.stop()
    yield both("direct", Finding(Verdict.NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER))
    site.lab.restart_dns()


@contextmanager
def the_resolver_hangs(site: Site) -> Iterator[Expected]:
    site.lab.dns.signal(SIGSTOP)
    yield both("direct", Finding(Verdict.NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER))
    site.lab.dns.signal(SIGCONT)


@contextmanager
def a_port_is_blocked(site: Site) -> Iterator[Expected]:
    site.lab.namespace.firewall(f"{FROM_HERE} tcp dport 5223 drop")
    blocked = Finding(Verdict.FALLBACK_ONLY, Cause.PORT_BLOCKED, Hop.FIREWALL)
    yield {**FINE, ("direct", DEVICE): blocked}
    site.lab.namespace.firewall()


@contextmanager
def the_firewalls_table_is_full(site: Site) -> Iterator[Expected]:
    """As a full conntrack: what is there goes on, and nothing new begins."""
    lab = site.lab
    with ExitStack() as held:
        counted = f"{FROM_HERE} tcp dport {TLS_PORTS} ct state new ct count over {_FULL_TABLE} drop"
        lab.namespace.firewall(counted)
        courier = (next(iter(COURIER_RANGES.values())).format(1), 5223)
        for sock in _connections(site, courier, _FULL_TABLE):
            held.enter_context(sock)
        yield {**FINE, **both("direct", Finding(Verdict.NOT_READY, Cause.PORT_BLOCKED, Hop.FIREWALL))}
        lab.namespace.firewall()


@contextmanager
def the_link_is_cut(site: Site) -> Iterator[Expected]:
    """No packet reaches Apple any more, from here as little as from the proxies."""
    site.lab.namespace.firewall("tcp dport {443, 2195, 2196, 2197, 5223} drop")
    yield both("direct", Finding(Verdict.NOT_READY, Cause.PORT_BLOCKED, Hop.FIREWALL))
    site.lab.namespace.firewall()


@contextmanager
def the_clock_jumps(site: Site) -> Iterator[Expected]:
    site.clock.write_text(site.random.choice(["7200", "-7200", "600", "-600"]))
    site.pause(_LASTS)
    yield FINE
    site.clock.write_text("0")


@contextmanager
def a_bad_config_is_reloaded(site: Site) -> Iterator[Expected]:
    file = site.lab.namespace.scratch / "netcheck.yaml"
    before = file.read_text()
    file.write_text(
        site.random.choice(["paths: [", "paths: {direct: {interfaces: eth0}}\n", "\0", ""])
        or "listen: nowhere\n"
    )
    site.reload(is_good=False)
    yield FINE
    file.write_text(before)
    site.reload(is_good=True)


@contextmanager
def a_path_comes_and_goes(site: Site) -> Iterator[Expected]:
    site.write({"another": {"proxy": site.lab.dante.url}})
    site.reload(is_good=True)
    yield {**FINE, **both("another", READY)}
    site.write({})
    site.reload(is_good=True)


@contextmanager
def reloads_come_in_a_storm(site: Site) -> Iterator[Expected]:
    for _ in every(0.02, _LASTS):
        site.daemon.signal(SIGHUP)
    yield FINE


@contextmanager
def prometheus_is_killed(site: Site) -> Iterator[Expected]:
    site.lab.prometheus.stop()
    yield FINE
    site.lab.prometheus = servers.prometheus(site.lab.namespace)


@contextmanager
def clients_come_and_say_nothing(site: Site) -> Iterator[Expected]:
    with ExitStack() as held:
        for sock in _connections(site, ("127.0.0.1", NETCHECK_PORT), _SILENT_CLIENTS):
            held.enter_context(sock)
        yield FINE


@contextmanager
def descriptors_run_out(site: Site) -> Iterator[Expected]:
    """It may open no more than it has open."""
    pid = site.daemon.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(list(Path(f"/proc/{pid}/fd").iterdir())), hard))
    site.pause(2 * _LASTS)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    yield ANYTHING


@contextmanager
def memory_runs_out(site: Site) -> Iterator[Expected]:
    """Nothing more of it is to be had than what the process has.

    Where that hits the event loop itself, the process ends, and is started again, as systemd does. Where the
    loop stands still, it does so by itself after a minute.
    """
    process = site.daemon.process
    status = Path(f"/proc/{process.pid}/status").read_text()
    size = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmSize:"))
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_AS)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (size * 1024, hard))
    for _ in every(0.2, 2 * _LASTS):
        if process.exit_code is not None:
            break
    if process.exit_code is None:
        resource.prlimit(process.pid, resource.RLIMIT_AS, (soft, hard))
    assert process.exit_code != 0
    if not _answers(site):
        assert process.exit_code is not None, "it neither answers nor ends"
        site.daemon = site.start()
    yield ANYTHING


@contextmanager
def the_kernel_kills_it(site: Site) -> Iterator[Expected]:
    """It needs more memory than a limit leaves it, as containers have one: it ends without a word.

    It is started again, as systemd and Kubernetes do.
    """
    process = site.daemon.process
    with _little_memory(process.pid):
        for _ in every(0.2, 60.0):
            if process.exit_code is not None:
                break
            with suppress(OSError):
                site.daemon.get("/")  # to make the page, memory is needed
    assert process.exit_code == -SIGKILL, f"it ended with {process.exit_code}"
    site.daemon = site.start()
    yield ANYTHING


@contextmanager
def _little_memory(pid: int) -> Iterator[None]:
    """The process gets that much more and is killed for the next page, see cgroups(7)."""
    for root, limit in _MEMORY_CONTROLLERS:
        group = Path(root, f"netcheck-soak-{pid}")
        with suppress(OSError):
            group.mkdir()
            (group / limit).write_text(str(_LITTLE))
            (group / "cgroup.procs").write_text(str(pid))
            break
        with suppress(OSError):
            group.rmdir()
    else:
        raise AssertionError("no memory controller of cgroups can be had here")
    try:
        yield
    finally:
        group.rmdir()


def _answers(site: Site) -> bool:
    for _ in every(0.2, 120.0):
        if site.daemon.process.exit_code is not None:
            return False
        with suppress(OSError):
            return site.daemon.get("/-/healthy").status == 200
    return False


def _connections(site: Site, place: tuple[str, int], count: int) -> Iterator[socket.socket]:
    """So many; fewer where others take the room."""
    for _, _ in zip(range(count), every(0.0, 60.0), strict=False):
        with suppress(TimeoutError):
            yield site.lab.namespace.inside(socket.create_connection, place, 1.0)


FAULTS: tuple[Fault, ...] = (
    a_proxy_is_killed,
    a_proxy_hangs,
    a_proxy_restarts,
    the_resolver_is_killed,
    the_resolver_hangs,
    a_port_is_blocked,
    the_firewalls_table_is_full,
    the_link_is_cut,
    the_clock_jumps,
    a_bad_config_is_reloaded,
    a_path_comes_and_goes,
    reloads_come_in_a_storm,
    prometheus_is_killed,
    clients_come_and_say_nothing,
    descriptors_run_out,
    memory_runs_out,
    the_kernel_kills_it,
)
STARVING = (descriptors_run_out, memory_runs_out, the_kernel_kills_it)
"""While they last, a scrape may be lost, and the log may say so."""
