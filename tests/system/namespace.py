"""A network namespace with its own addresses, firewall and resolv.conf, and no route to anywhere.

Owns the namespace and every process in it, to the end of both. Must not know what the processes are.
"""

import contextlib
import ctypes
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import SIGKILL, Signals
from types import TracebackType
from typing import ParamSpec, Protocol, Self, TypeVar

from tests.programs import SEARCH_PATH

P = ParamSpec("P")
T = TypeVar("T")

FROM_HERE = "meta mark 1"
"""In a firewall rule: what root's programs send (netcheck, curl), and not what the proxies send."""

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_PREFIX = "nc"
_numbers = itertools.count(1)

# DAD makes a new IPv6 address unusable for a second. The kernel's limits on ICMP errors, one a second and
# peer, would turn most rejections into timeouts.
_KERNEL_SETTINGS = """
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad
echo 0 >/proc/sys/net/ipv4/icmp_ratelimit
echo 0 >/proc/sys/net/ipv6/icmp/ratelimit
"""


class CommandError(Exception):
    """A command failed; the message ends with what it said."""


class NotReadyError(Exception):
    """A process did not come up; the message ends with what it said last."""


class Started(Protocol):
    """What subprocess.Popen says of a process, and whoever else starts one."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...


class Process:
    """A process in a namespace, leading a process group of its own; what it prints goes to `log`."""

    def __init__(self, popen: Started, log: Path) -> None:
        self._popen = popen
        self.log = log

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        return self._popen.poll()

    def signal(self, number: Signals) -> None:
        """Signal the process and its children."""
        if self.exit_code is None:
            os.killpg(self.pid, number)

    def wait(self, deadline: float = 10.0) -> int:
        """Its exit code; ends it with force when it does not end by itself."""
        try:
            return self._popen.wait(deadline)
        except subprocess.TimeoutExpired:
            self.signal(SIGKILL)
            return self._popen.wait()

    def stop(self, number: Signals = SIGKILL) -> int:
        """End it; its exit code. Its children are gone too then, and their ports free."""
        self.signal(number)
        code = self.wait()
        for _ in every(0.005, 5.0):
            if not _lives(self.pid):
                break
        return code

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


def _lives(group: int) -> bool:
    """Whether any process of the group does; one whose threads have all ended does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]  # proc_pid_stat(5)
            if int(its_group) == group and (state != "Z" or len(list(stat.with_name("task").iterdir())) > 1):
                return True
    return False


class Namespace:
    """A context manager; `etc` maps names of files in /etc to the text that programs inside find there."""

    def __init__(self, etc: Mapping[str, str] | None = None) -> None:
        self.name = f"{_PREFIX}-{os.getpid()}-{next(_numbers)}"
        self.scratch = _scratch(self.name)
        self._etc = {"resolv.conf": "nameserver 127.0.0.1\n", **(etc or {})}
        self._thread = ThreadPoolExecutor(1, initializer=join, initargs=(self.name,))
        self._processes: list[Process] = []

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self._destroy()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._destroy()

    def _build(self) -> None:
        self.scratch.mkdir(mode=0o755)
        etc_of(self.name).mkdir(parents=True)
        for name, text in self._etc.items():
            (etc_of(self.name) / name).write_text(text)
        _ip_netns("add", self.name)
        self.run(["sh", "-ec", _KERNEL_SETTINGS])
        self.ip("link set lo up")
        self.firewall()

    def _destroy(self) -> None:
        try:
            for process in reversed(self._processes):
                process.stop()
            self._thread.shutdown()  # it holds the namespace open
        finally:
            _remove(self.name)

    def ip(self, *commands: str) -> None:
        """Run `ip` commands inside, in one go."""
        _run(["ip", "-n", self.name, "-b", "-"], text="\n".join(commands))

    def firewall(self, *rules: str, leads: Sequence[str] = ()) -> None:
        """Apply these nft rules, and no others, to every packet that arrives at an address inside.

        Those of `leads` say what connections that programs make are led elsewhere.
        """
        table = [
            "flush ruleset",
            "table inet lab {",
            "chain outgoing { type filter hook output priority 0; meta skuid 0 meta mark set 1",
            "}",
            "chain incoming { type filter hook input priority 0;",
            *rules,
            "}",
            # only where it is needed: a chain of this type makes the kernel remember every connection
            *(("chain led { type nat hook output priority -100;", *leads, "}") if leads else ()),
            "}",
        ]
        self.run(["nft", "-f", "-"], text="\n".join(table))

    def run(
        self, argv: Sequence[str], *, text: str = "", deadline: float = 30.0, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside, to its end, with this text as its input."""
        return _run(self._command(argv), text=text, deadline=deadline, check=check)

    def start(self, argv: Sequence[str], name: str) -> Process:
        """Start a program inside; it ends with the namespace, if not before."""
        log = self.scratch / f"{name}.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(
                self._command(argv),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self.keep(popen, log)

    def keep(self, started: Started, log: Path) -> Process:
        """A process that somebody has started inside; it ends with the namespace, if not before."""
        process = Process(started, log)
        self._processes.append(process)
        return process

    def inside(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in a thread that lives inside: sockets made there stay inside.

        Only the network is: the thread would still read the machine's own resolv.conf, so name no names.
        """
        return self._thread.submit(function, *args, **kwargs).result(60)

    def wait_until_listening(self, process: Process, address: str, port: int) -> None:
        """Return as soon as the port accepts a connection, and the process listens there itself.

        Where it listens at one address, another server may listen at every address of the port.
        """

        def attempt() -> None:
            socket.create_connection((address, port), 1.0).close()
            if not _listens(process.pid, port):
                raise ConnectionRefusedError(f"somebody else listens on port {port}")

        self.wait_until(process, attempt)

    def wait_until(self, process: Process, attempt: Callable[[], object], deadline: float = 60.0) -> None:
        """Return as soon as the attempt, made inside, raises no OSError; else NotReadyError."""
        problem: object = "not tried"
        for _ in every(0.005, deadline):
            if process.exit_code is not None:
                problem = f"ended with {process.exit_code}"
                break
            try:
                self.inside(attempt)
            except OSError as error:
                problem = error
            else:
                return
        raise NotReadyError(f"{process.log.stem}: {problem}\n{process.tail()}")

    def _command(self, argv: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self.name, *argv]


def sweep() -> None:
    """Remove what killed runs left behind: their namespaces carry the number of a process that is gone."""
    for line in _ip_netns("list").splitlines():
        name = line.split()[0]
        prefix, _, rest = name.partition("-")
        owner = rest.partition("-")[0]
        if prefix == _PREFIX and owner.isdigit() and not Path("/proc", owner).exists():
            _remove(name)


def _remove(name: str) -> None:
    """Remove a namespace of ours with all that is in it, however little of it was built."""
    with contextlib.suppress(CommandError):
        for _ in every(0.005, 5.0):
            pids = _ip_netns("pids", name).split()
            if not pids:
                break
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), SIGKILL)
        _ip_netns("delete", name)
    shutil.rmtree(etc_of(name), ignore_errors=True)
    shutil.rmtree(_scratch(name), ignore_errors=True)


def _ip_netns(*arguments: str) -> str:
    return _run(["ip", "netns", *arguments]).stdout


def _run(
    argv: Sequence[str], *, text: str = "", deadline: float = 30.0, check: bool = True
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        argv, env=_environment(), input=text, timeout=deadline, capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        raise CommandError(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stderr}")
    return done


def _environment() -> dict[str, str]:
    """Ours as it is now, so that coverage follows netcheck and a test can set what it likes."""
    return {**os.environ, "PATH": SEARCH_PATH}


def every(pause: float, deadline: float) -> Iterator[None]:
    """Turns of a bounded wait for something that cannot call back."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        yield
        time.sleep(pause)


def join(name: str) -> None:
    """Move the calling thread, and no other, into the namespace (setns(2); in `os` only from Python 3.12)."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/run/netns", name).open() as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {name}")


def etc_of(name: str) -> Path:
    """The folder with what is laid over /etc in a namespace, where `ip netns exec` looks for it."""
    return Path("/etc/netns", name)


def _scratch(name: str) -> Path:
    return Path(tempfile.gettempdir(), name)


def _listens(session: int, port: int) -> bool:
    """Whether a process of the session listens on the port: proc_net(5) and proc_pid_fd(5)."""
    tables = [Path(f"/proc/{session}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    listening = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    return any(listening & open_files(int(found.name)) for found in _processes(session))


def _processes(session: int) -> Iterator[Path]:
    for found in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(int(found.name)) == session:
                yield found


def open_files(pid: int) -> set[str]:
    """What the process has open, as its descriptors say (`socket:[…]`). Some may close meanwhile."""
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found
