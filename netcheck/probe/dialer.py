"""Many direct probes, driven by one epoll object and one task: to the connection, and through TLS.

A task, a scope and a deadline for each cost more than the connections themselves, and as much as a handshake:
`make bench` says what a probe costs. Whatever else is to be said in a connection is a matter of walks, one by
one. What is said in TLS is the same there and here; only who waits for it is another.
"""

import select
import socket
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from time import perf_counter

import trio

from netcheck.model.failing import Failure, Phase, PhaseError
from netcheck.model.paths import family_of
from netcheck.model.services import Timeouts
from netcheck.probe import system
from netcheck.probe.aims import Aim
from netcheck.probe.clock import lasted, unix_time
from netcheck.probe.connect import lateness, note
from netcheck.probe.driven import DrivenStream
from netcheck.probe.errors import error_from_os
from netcheck.probe.once import Round
from netcheck.probe.opening import Gate, attempt_of, security_of
from netcheck.probe.secure import FIRST_WORD, Security, is_worth_another_look, may_speak_http2, speak
from netcheck.probe.sockets import begin_to_connect, end_connecting, open_socket, reset_at_once
from netcheck.probe.walk import Walk, WalkEnded, failure_in, no_answer, unforeseen

_MOST_AT_ONCE = 32
"""So many connections are begun, or looked at, before other tasks have their turn."""
_MOST_SHAKING_HANDS = 4
"""As above, while any of them is in a handshake of TLS, a step of which takes up to half a millisecond."""

LookAgain = Callable[[Walk, Round, Aim, Security, Failure], Awaitable[Failure]]
"""What a connection of its own shows of a peer with which the handshake failed."""


def can_dial(aims: Sequence[Aim]) -> bool:
    """Whether all of these end with the connection or with TLS, and this system can drive many at once."""
    return system.HERE.has_epoll and not any(
        aim.path.load_balancer
        or aim.path.proxy_protocol
        or aim.proxies
        or aim.bag
        or aim.destination.failure
        or (aim.tls and may_speak_http2(aim.tls))
        for aim in aims
    )


class Dialer:
    """Opens connections, speaks TLS in those that are for it, and closes them. All have the same timeouts."""

    def __init__(self, timeouts: Timeouts, look_again: LookAgain) -> None:
        self._patience = {
            Phase.CONNECT: timeouts.connect,
            Phase.TLS: timeouts.tls,
            Phase.SESSION: FIRST_WORD,
        }
        self._look_again = look_again
        self._epoll: select.epoll | None = None
        self._calls: dict[int, _Call] = {}
        """By descriptor."""
        self._waiting: dict[Phase, dict[_Call, None]] = {phase: {} for phase in self._patience}
        """By the phase they are in, in the order of their deadlines."""
        self._is_driven = False
        self._until_deadline = trio.CancelScope()

    async def dial(self, shared: Round, aims: Sequence[Aim], gate: Gate) -> None:
        """Make the attempts that nobody has made or begun in this round; they are found there.

        Raises nothing for what a network or a peer does.
        """
        calls = _Calls(shared, gate)
        mine = {key: aim for aim in aims if shared.begin(key := aim.key)}
        calls.left.update(dict.fromkeys(mine))
        try:
            wanted = [(key, aim, await security_of(aim)) for key, aim in mine.items()]
            while wanted:
                admitted = await gate.enter(min(len(wanted), _MOST_AT_ONCE), together=True)
                for key, aim, security in wanted[:admitted]:
                    self._begin(calls, key, aim, security)
                del wanted[:admitted]
                if wanted:
                    await trio.lowlevel.checkpoint()
            await calls.wait()
        finally:  # where it was cancelled, there may be some left
            for promised, left in calls.left.items():
                if left is not None:
                    self._close(left)
                    gate.leave()
                shared.give_up(promised)
            calls.left.clear()  # who is left knows of them all: a cycle for the collector

    def _begin(self, calls: "_Calls", key: Hashable, aim: Aim, security: Security | None) -> None:
        call = _Call(calls, key, aim, security, unix_time(), trio.current_time(), perf_counter())
        calls.left[key] = call
        self._safely(self._connect, call)

    def _safely(self, step: Callable[["_Call"], None], call: "_Call") -> None:
        try:
            step(call)
        except Exception as error:  # a bug of ours costs one attempt
            self._end(call, failure_in(call.phase, error))

    def _connect(self, call: "_Call") -> None:
        target = call.aim.target
        try:
            call.sock = open_socket(socket.SOCK_STREAM, target.host, call.aim.path.binding)
            if begin_to_connect(call.sock, target.host, target.port):
                self._listen(call, select.EPOLLOUT | select.EPOLLONESHOT)
                self._wait_in(Phase.CONNECT, call, call.at)
                return
        except PhaseError as error:
            self._end_unconnected(call, error.in_phase(Phase.CONNECT))
        else:
            self._connected(call)

    def _listen(self, call: "_Call", events: int) -> None:
        """Go on with it at these events, and at no others."""
        assert call.sock is not None  # noqa: S101 - for the types: it is open
        try:
            if self._epoll is None:
                self._epoll = select.epoll()
            if call.events:
                self._epoll.modify(call.sock, events)
            else:
                self._epoll.register(call.sock, events)
        except OSError as error:
            raise error_from_os(error, "watch a socket") from error
        call.events = events
        self._calls[call.sock.fileno()] = call
        if not self._is_driven:
            self._is_driven = True
            trio.lowlevel.spawn_system_task(self._drive, self._epoll)

    def _wait_in(self, phase: Phase, call: "_Call", now: float) -> None:
        """It has the phase's time, from now on."""
        self._waiting[call.phase].pop(call, None)
        call.phase, call.deadline = phase, now + self._patience[phase]
        self._waiting[phase][call] = None
        if call.deadline < self._until_deadline.deadline:
            self._until_deadline.deadline = call.deadline

    async def _drive(self, epoll: select.epoll) -> None:
        """Until nothing is under way when the next deadline has come.

        A scope for each deadline, and not for each wait: who has an earlier one than all sets the scope's.
        """
        while self._calls:
            deadline = min(next(iter(calls)).deadline for calls in self._waiting.values() if calls)
            with trio.CancelScope(deadline=deadline) as self._until_deadline:
                while True:
                    await trio.lowlevel.wait_readable(epoll.fileno())
                    most = _MOST_SHAKING_HANDS if self._waiting[Phase.TLS] else _MOST_AT_ONCE
                    for descriptor, events in epoll.poll(0, most):
                        self._take_event(self._calls[descriptor], events)
            self._end_late_ones(epoll)
        self._is_driven = False

    def _take_event(self, call: "_Call", events: int) -> None:
        if call.talk is not None:
            self._safely(self._go_on, call)
        elif events == select.EPOLLOUT:
            self._safely(self._connected, call)
        else:
            self._safely(self._look_at, call)

    def _look_at(self, call: "_Call") -> None:
        """It failed, or was closed at once."""
        assert call.sock is not None  # noqa: S101 - for the types: it is being watched
        host, port = call.aim.target.host, call.aim.target.port
        try:
            stays = end_connecting(call.sock, host, port)
        except PhaseError as error:
            self._end_unconnected(call, error.in_phase(Phase.CONNECT))
            return
        if stays or call.security is not None:
            self._connected(call, was_reset=not stays)
        else:
            self._end_unconnected(call, reset_at_once(host, port).in_phase(Phase.CONNECT))

    def _connected(self, call: "_Call", *, was_reset: bool = False) -> None:
        assert call.sock is not None  # noqa: S101 - for the types: it is open
        took = perf_counter() - call.began
        note(call.walk, call.sock)
        call.walk.phases[Phase.CONNECT] = lasted(took - lateness(took, call.walk.tcp))
        if call.security is None:
            self._calls.pop(call.sock.fileno(), None)  # what has told of one event tells of no other
            self._end(call)
        else:
            system.HERE.hear_icmp(call.sock, family_of(call.aim.target.host), on=False)
            stream = call.walk.keep(DrivenStream(call.sock, was_reset=was_reset))
            call.talk = speak(call.walk, stream, call.security)
            self._go_on(call)

    def _go_on(self, call: "_Call") -> None:
        """To where it waits again, or ends."""
        assert call.talk is not None  # noqa: S101 - for the types: it speaks
        try:
            events = call.talk.send(None)
        except StopIteration:
            self._end(call)
        except WalkEnded as ended:
            self._end_or_look_again(call, ended.failure)
        else:
            if call.walk.phase is not None and call.walk.phase is not call.phase:
                self._wait_in(call.walk.phase, call, trio.current_time())
            if events != call.events:
                self._listen(call, events)

    def _end_late_ones(self, epoll: select.epoll) -> None:
        """First hear what has come in time: that nobody here has had time for it is no silence."""
        now = trio.current_time()
        for descriptor, events in epoll.poll(0, max(1, len(self._calls))):
            call = self._calls[descriptor]
            if call.deadline <= now or call.talk is None:  # who tells of an event once is heard now
                self._take_event(call, events)
        for calls in self._waiting.values():
            for call in list(takewhile(lambda call: call.deadline <= now, calls)):
                self._safely(self._end_late, call)

    def _end_late(self, call: "_Call") -> None:
        phase = call.phase
        failure = no_answer(phase, call.aim.target.place, self._patience[phase])
        if call.talk is None:
            self._end_unconnected(call, failure)
            return
        call.talk.close()  # so that the phase has its duration
        if phase is Phase.SESSION:
            call.walk.forget(phase)
            self._end(call)
        else:
            self._end(call, failure)

    def _end_unconnected(self, call: "_Call", failure: Failure) -> None:
        call.walk.phases[Phase.CONNECT] = lasted(perf_counter() - call.began)
        if call.sock is not None:
            note(call.walk, call.sock)
        self._end(call, failure)

    def _end_or_look_again(self, call: "_Call", failure: Failure) -> None:
        if call.security is not None and is_worth_another_look(call.walk, failure):
            self._close(call)
            call.looking = trio.CancelScope()
            trio.lowlevel.spawn_system_task(self._explain, call, call.looking, call.security, failure)
        else:
            self._end(call, failure)

    async def _explain(
        self, call: "_Call", scope: trio.CancelScope, security: Security, failure: Failure
    ) -> None:
        """In a task of its own: whose turn at the gate is still to come may wait for this one's end."""
        calls = call.calls
        with scope:
            try:
                failure = await self._look_again(call.walk, calls.shared, call.aim, security, failure)
            except Exception as error:  # a bug of ours costs one attempt
                failure = unforeseen(Phase.TLS, error)
        if not scope.cancel_called:
            calls.end(call, failure)

    def _end(self, call: "_Call", failure: Failure | None = None) -> None:
        self._close(call)
        call.calls.end(call, failure)

    def _close(self, call: "_Call") -> None:
        self._waiting[call.phase].pop(call, None)
        if call.talk is not None:
            call.talk.close()
        if call.looking is not None:
            call.looking.cancel()
        if call.sock is not None:
            # To close it is not enough: a child that is being started may have a copy, see epoll(7).
            if self._calls.pop(call.sock.fileno(), None) and self._epoll is not None:
                self._epoll.unregister(call.sock)
            call.walk.close()
            call.sock.close()


@dataclass(slots=True, eq=False)
class _Call:
    """A connection that is being opened, or spoken in."""

    calls: "_Calls"
    key: Hashable
    aim: Aim
    security: Security | None
    """None for one that ends once it is there."""
    time: float
    at: float
    began: float
    """By the clock that durations are measured with."""
    walk: Walk = field(default_factory=Walk)
    sock: socket.socket | None = None
    events: int = 0
    """What it waits for; 0 for one that never had to wait."""
    phase: Phase = Phase.CONNECT
    deadline: float = 0.0
    talk: Coroutine[int, None, None] | None = None
    """What is said in it, once it is there: hands out the events that it waits for."""
    looking: trio.CancelScope | None = None
    """While a second connection shows with whom the handshake failed."""


class _Calls:
    """Those that one visit waits for."""

    def __init__(self, shared: Round, gate: Gate) -> None:
        self.shared, self._gate = shared, gate
        self.left: dict[Hashable, _Call | None] = {}
        """What the round was promised and has not got; None where the gate has not let it in yet."""
        self._over = trio.Event()

    def end(self, call: _Call, failure: Failure | None) -> None:
        attempt = attempt_of(call.walk, call.aim, call.time, call.at, failure)
        del self.left[call.key]
        self._gate.leave()
        self.shared.end(call.key, attempt)
        if not self.left:
            self._over.set()

    async def wait(self) -> None:
        """Until all have ended."""
        if self.left:
            await self._over.wait()
