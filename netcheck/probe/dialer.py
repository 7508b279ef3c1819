"""Many direct probes that end with the connection, driven by one epoll object and one task.

A task, a scope and a deadline for each cost more than the connections themselves: `make bench` says what a
probe costs. Whatever is to be said in a connection is a matter of walks, one by one.
"""

import select
import socket
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from time import perf_counter

import trio

from netcheck.model.failing import Failure, Phase
from netcheck.model.paths import Binding, ProbePath, endpoint_text
from netcheck.model.results import Attempt
from netcheck.probe import system
from netcheck.probe.aims import Aim
from netcheck.probe.clock import lasted, unix_time
from netcheck.probe.connect import lateness
from netcheck.probe.errors import PhaseError, error_from_os
from netcheck.probe.once import Round
from netcheck.probe.opening import Gate
from netcheck.probe.sockets import begin_to_connect, end_connecting, open_socket, source_of
from netcheck.probe.walk import no_answer, unforeseen

_MOST_AT_ONCE = 32
"""So many connections are begun, or looked at, before other tasks have their turn."""


def can_dial(path: ProbePath, aims: Sequence[Aim]) -> bool:
    """Whether all of these end with the connection, and this system can drive many at once."""
    return (
        hasattr(select, "epoll")
        and not (path.load_balancer or path.proxy_protocol)
        and not any(aim.proxies or aim.tls or aim.bag or aim.destination.failure for aim in aims)
    )


class Dialer:
    """Opens connections and closes them once they are there. All have the same time for it."""

    def __init__(self, timeout: float) -> None:
        """`timeout` in seconds."""
        self._timeout = timeout
        self._epoll: select.epoll | None = None
        self._calls: dict[int, _Call] = {}
        """By descriptor, in the order of their deadlines."""
        self._is_driven = False

    async def dial(self, shared: Round, path: ProbePath, aims: Sequence[Aim], gate: Gate) -> None:
        """Make the attempts that nobody has made or begun in this round; they are found there.

        Raises nothing for what a network or a peer does.
        """
        calls = _Calls(shared, gate)
        wanted = [(key, aim) for aim in aims if shared.begin(key := (path.name, aim.key))]
        calls.left.update(dict.fromkeys(key for key, _ in wanted))
        try:
            while wanted:
                admitted = await gate.enter(min(len(wanted), _MOST_AT_ONCE), together=True)
                for key, aim in wanted[:admitted]:
                    self._begin(calls, key, aim, path.binding)
                del wanted[:admitted]
                if wanted:
                    await trio.lowlevel.checkpoint()
            await calls.wait()
        finally:  # where it was cancelled, there may be some left
            for promised, call in calls.left.items():
                if call is not None:
                    self._close(call)
                    gate.leave()
                shared.give_up(promised)

    def _begin(self, calls: "_Calls", key: Hashable, aim: Aim, binding: Binding) -> None:
        address, port = aim.target.host, aim.target.port
        call = _Call(calls, key, aim, unix_time(), trio.current_time(), perf_counter())
        calls.left[key] = call
        try:
            call.sock = open_socket(socket.SOCK_STREAM, address, binding)
            if begin_to_connect(call.sock, address, port):
                self._watch(call, call.sock)
            else:
                self._end(call)
        except Exception as error:  # a bug of ours costs one attempt
            self._end(call, _failure(error))

    def _watch(self, call: "_Call", sock: socket.socket) -> None:
        try:
            if self._epoll is None:
                self._epoll = select.epoll()
            self._epoll.register(sock, select.EPOLLOUT | select.EPOLLONESHOT)
        except OSError as error:
            raise error_from_os(error, "watch a socket") from error
        self._calls[sock.fileno()] = call
        if not self._is_driven:
            self._is_driven = True
            trio.lowlevel.spawn_system_task(self._drive, self._epoll)

    async def _drive(self, epoll: select.epoll) -> None:
        """Until nothing is under way when the next deadline has come.

        A scope for each deadline, and not for each wait: what begins meanwhile has a later one.
        """
        while self._calls:
            deadline = next(iter(self._calls.values())).at + self._timeout
            with trio.CancelScope(deadline=deadline):
                while True:
                    await trio.lowlevel.wait_readable(epoll.fileno())
                    self._take_events(epoll)
            self._end_late_ones()
        self._is_driven = False

    def _take_events(self, epoll: select.epoll) -> None:
        for descriptor, events in epoll.poll(0, _MOST_AT_ONCE):
            call = self._calls.pop(descriptor)
            if events == select.EPOLLOUT:
                self._end(call)
            else:
                self._look_at(call)

    def _look_at(self, call: "_Call") -> None:
        """It failed, or was closed at once."""
        assert call.sock is not None  # noqa: S101 - for the types: it is being watched
        try:
            end_connecting(call.sock, call.aim.target.host, call.aim.target.port)
        except Exception as error:  # a bug of ours costs one attempt
            self._end(call, _failure(error))
        else:
            self._end(call)

    def _end_late_ones(self) -> None:
        now = trio.current_time()
        late = list(takewhile(lambda call: call.at + self._timeout <= now, self._calls.values()))
        for call in late:
            peer = endpoint_text(call.aim.target.host, call.aim.target.port)
            self._end(call, no_answer(Phase.CONNECT, peer, self._timeout))

    def _end(self, call: "_Call", failure: Failure | None = None) -> None:
        try:
            attempt = _attempt(call, failure)
        except Exception as error:  # a bug of ours costs one attempt
            attempt = _unmeasured(call, _failure(error))
        self._close(call)
        call.calls.end(call, attempt)

    def _close(self, call: "_Call") -> None:
        if call.sock is not None:
            # What has told of one event tells of no other. For the rest, to close it is not enough: a child
            # that is being started may have a copy, see epoll(7).
            if self._calls.pop(call.sock.fileno(), None) and self._epoll is not None:
                self._epoll.unregister(call.sock)
            call.sock.close()


@dataclass(slots=True, eq=False)
class _Call:
    """A connection that is being opened."""

    calls: "_Calls"
    key: Hashable
    aim: Aim
    time: float
    at: float
    began: float
    """By the clock that durations are measured with."""
    sock: socket.socket | None = None


class _Calls:
    """Those that one visit waits for."""

    def __init__(self, shared: Round, gate: Gate) -> None:
        self._shared, self._gate = shared, gate
        self.left: dict[Hashable, _Call | None] = {}
        """What the round was promised and has not got; None where the gate has not let it in yet."""
        self._over = trio.Event()

    def end(self, call: _Call, attempt: Attempt) -> None:
        del self.left[call.key]
        self._gate.leave()
        self._shared.end(call.key, attempt)
        if not self.left:
            self._over.set()

    async def wait(self) -> None:
        """Until all have ended."""
        if self.left:
            await self._over.wait()


def _failure(error: Exception) -> Failure:
    return (
        error.in_phase(Phase.CONNECT) if isinstance(error, PhaseError) else unforeseen(Phase.CONNECT, error)
    )


def _unmeasured(call: _Call, failure: Failure) -> Attempt:
    destination = call.aim.destination
    return Attempt(call.time, destination.family, destination.address, {}, failure, at=call.at)


def _attempt(call: _Call, failure: Failure | None) -> Attempt:
    """What became of it, and what the kernel knows of it."""
    took = perf_counter() - call.began
    tcp = system.HERE.tcp_info(call.sock) if call.sock else None
    return Attempt(
        time=call.time,
        family=call.aim.destination.family,
        address=call.aim.destination.address,
        phases={Phase.CONNECT: lasted(took if failure else took - lateness(took, tcp))},
        failure=failure,
        rtt=tcp.rtt if tcp else None,
        syn_retransmits=tcp.retransmits if tcp else None,
        at=call.at,
        source=source_of(call.sock) if call.sock else None,
    )
