"""The walk of one probe through its phases: how long each took, and where it ended."""

import logging
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Self, TypeVar

import trio

from netcheck.model.bags import Bag
from netcheck.model.failing import REASONS_OF_PHASE, Failure, Phase, PhaseError, Reason
from netcheck.model.results import TlsInfo
from netcheck.probe.clock import lasted
from netcheck.probe.errors import is_exhausted
from netcheck.probe.sockets import TcpStream
from netcheck.probe.system import TcpInfo
from netcheck.scarcity import NO_MORE_THREADS, REPLACED, lacks_threads

T = TypeVar("T")
_log = logging.getLogger(__name__)

_TIMEOUT_REASON = {
    Phase.PROXY_CONNECT: Reason.TIMEOUT,
    Phase.PROXY_TLS: Reason.TLS_TIMEOUT,
    Phase.PROXY_HANDSHAKE: Reason.PROXY_TIMEOUT,
    Phase.CONNECT: Reason.TIMEOUT,
    Phase.TLS: Reason.TLS_TIMEOUT,
    Phase.SESSION: Reason.TIMEOUT,
}

_MOST_BYTES = 256 * 1024
"""What a peer may say in one phase: the largest certificates that are taken have 100 KiB, a bag 64 KiB."""
_FLOOD_REASON = {
    Phase.PROXY_TLS: Reason.TLS_ALERT,
    Phase.PROXY_HANDSHAKE: Reason.PROXY_BAD_REPLY,
    Phase.TLS: Reason.TLS_ALERT,
    Phase.SESSION: Reason.BAD_ANSWER,
}
"""Of the phases in which a peer is read."""


class WalkEnded(Exception):
    """A phase failed and the probe ends here."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


class Walk:
    """Runs the steps of one probe, each under its own deadline and with its own limit of bytes to read.

    Keeps the durations of those that ran. A context manager: at its end the connection is closed, whatever
    happened.
    """

    __slots__ = (
        "_flood_reason",
        "_late",
        "bag",
        "connection",
        "lacks_certificate",
        "legs",
        "login_wanted",
        "member",
        "passed",
        "passed_over",
        "peer",
        "phase",
        "phases",
        "proxy_not_after",
        "proxy_spoke",
        "source",
        "tcp",
        "tls",
    )

    def __init__(self) -> None:
        self.phases: dict[Phase, float] = {}
        self.phase: Phase | None = None
        """The latest that was begun."""
        self.legs: list[Mapping[Phase, float]] = []
        """What the phases took at each proxy that was asked."""
        self.passed = 0
        """How many proxies have granted what they were asked for."""
        self.passed_over: tuple[str, ...] = ()
        self.member: str | None = None
        """Both as in Attempt."""
        self.peer = "the peer"
        """Whom the probe is waiting for, as people write it: an address and a port."""
        self.source: str | None = None
        """The address of this machine that the first hop's connection leaves from."""
        self.tcp: TcpInfo | None = None
        """What the kernel measured on the first hop's connection."""
        self.proxy_spoke: bool | None = None
        self.proxy_not_after: float | None = None
        """As in Attempt."""
        self.login_wanted = False
        self.tls: TlsInfo | None = None
        self.bag: Bag | None = None
        self.lacks_certificate = False
        """Whether it went well up to where the peer wants a certificate of the client, which ended it."""
        self.connection: TcpStream | None = None
        """Of the first hop, once there is one."""
        self._flood_reason: Reason | None = None
        self._late = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, before the end of the walk too."""
        if self.connection is not None:
            self.connection.close()

    def keep(self, stream: TcpStream) -> TcpStream:
        """Use this connection from here on; it is closed where the walk ends."""
        self.connection = stream
        stream.notice_late = self.noticed_late
        self._grant()
        return stream

    def _grant(self) -> None:
        if self.connection is not None and self._flood_reason is not None:
            self.connection.grant(_MOST_BYTES, self._flood_reason)

    async def step(self, phase: Phase, timeout: float, doing: Awaitable[T], whom: str = "") -> T:
        """What `doing` gives, or WalkEnded with why it did not; the phase has a duration either way.

        `whom` is who must answer, for people who read of a timeout.
        """
        with trio.CancelScope(deadline=trio.current_time() + timeout):
            return await self.run(phase, doing)
        raise WalkEnded(no_answer(phase, whom or self.peer, timeout))

    async def run(self, phase: Phase, doing: Awaitable[T]) -> T:
        """As `step`, for who sets the deadline: what is cancelled or closed has a duration too.

        A phase that comes again takes longer: an address after another, one proxy after another.
        """
        self.phase = phase
        self._flood_reason = _FLOOD_REASON.get(phase)
        self._grant()
        self._late = 0.0
        started = perf_counter()
        try:
            return await doing
        except Exception as error:
            failure = failure_in(phase, error)
        finally:
            took = perf_counter() - started - self._late
            self.phases[phase] = lasted(self.phases.get(phase, 0.0) + took)
        raise WalkEnded(failure)

    @contextmanager
    def leg(self) -> Iterator[None]:
        """What runs inside is between one proxy and the next, or the destination."""
        before = dict(self.phases)
        try:
            yield
            self.passed += 1
        finally:
            took = {phase: lasted(seconds - before.get(phase, 0.0)) for phase, seconds in self.phases.items()}
            self.legs.append({phase: seconds for phase, seconds in took.items() if seconds})

    def noticed_late(self, seconds: float) -> None:
        """In the phase under way, this process was busy for so long after what it waited for had come."""
        self._late += seconds

    def forget(self, phase: Phase) -> None:
        """A phase in which only we waited, and nobody else did anything, has no duration."""
        del self.phases[phase]


def no_answer(phase: Phase, whom: str, timeout: float) -> Failure:
    """The failure of a phase that had so many seconds."""
    return Failure(phase, _TIMEOUT_REASON[phase], f"no answer from {whom} in {timeout:g} s")


def failure_in(phase: Phase, error: Exception) -> Failure:
    """The failure for what a phase raised: a bug of ours must be counted and shown, and end nothing else."""
    return error.in_phase(phase) if isinstance(error, PhaseError) else unforeseen(phase, error)


def unforeseen(phase: Phase, error: Exception) -> Failure:
    """The failure for an exception that no phase foresees: a bug of ours, logged with its traceback.

    Where this machine has no more descriptors, memory or threads, any library may say so, also one that only
    loads a part of itself: no bug. A session needs nothing of the kind, so there it has no counter.
    """
    if is_exhausted(error) and Reason.FD_EXHAUSTED in REASONS_OF_PHASE[phase]:
        detail = NO_MORE_THREADS if lacks_threads(error) else f"{type(error).__name__}: {error}"
        return Failure(phase, Reason.FD_EXHAUSTED, detail)
    _log.error("internal error in phase %s", phase, exc_info=error)
    detail = REPLACED if isinstance(error, ImportError) else f"{type(error).__name__}, see the log"
    return Failure(phase, Reason.INTERNAL_ERROR, detail)
