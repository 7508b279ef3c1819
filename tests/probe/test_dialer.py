"""Many direct probes at once, against real sockets on loopback."""

import errno
import gc
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import Binding, Family, ProbePath
from netcheck.model.results import Attempt
from netcheck.model.services import Depth, Timeouts, TlsSettings
from netcheck.probe import dialer, runner, sockets, system
from netcheck.probe.aims import Aim
from netcheck.probe.dialer import Dialer, can_dial
from netcheck.probe.once import Round
from netcheck.probe.opening import Opening
from netcheck.probe.proxy.logins import Logins
from netcheck.probe.resolve.destinations import Destination
from netcheck.probe.resolve.names import Names
from netcheck.probe.runner import Prober
from netcheck.probe.sockets import begin_to_connect, open_socket
from netcheck.schedule import Gate
from netcheck.wire.target import Target
from tests.probe.peers import in_trio, serving, silent
from tests.probe.test_runner import service

pytestmark = pytest.mark.linux

DIRECT = ProbePath("direct")


@pytest.fixture
def port() -> Iterator[int]:
    """A port on which all of 127.0.0.0/8 listens."""
    with socket.create_server(("0.0.0.0", 0), backlog=1024) as server:
        yield int(server.getsockname()[1])


def aim(address: str, port: int, tls: TlsSettings | None = None) -> Aim:
    return Aim(DIRECT, port, Destination(Family.IPV4, address), Target(address, port), tls, address, None, ())


def a_dialer(connect: float = 5.0, tls: float = 5.0) -> Dialer:
    timeouts = Timeouts(connect=connect, tls=tls)
    return Dialer(timeouts, Opening(timeouts, Names(timeouts.resolve), Logins()).look_again)


def made(shared: Round, aimed: Aim) -> Attempt:
    """What is in the round already."""

    async def never() -> Attempt:
        pytest.fail("it was not made")

    async def get() -> Attempt:
        return await shared.once(aimed.key, never)

    coroutine = get()
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    attempt: Attempt = done.value.value
    return attempt


def descriptors() -> int:
    gc.collect()  # what earlier tests left is none of ours
    return len(list(Path("/proc/self/fd").iterdir()))


@in_trio
async def test_each_gets_an_attempt_of_its_own(port: int, closed_port: int) -> None:
    open_ones = [aim(f"127.0.0.{number}", port) for number in range(1, 101)]
    refused = aim("127.0.0.1", closed_port)
    shared = Round()
    before = descriptors()
    await a_dialer().dial(shared, [*open_ones, refused], Gate(200, 1e6))
    for aimed in open_ones:
        attempt = made(shared, aimed)
        assert (attempt.address, attempt.failure) == (aimed.target.host, None)
        assert list(attempt.phases) == [Phase.CONNECT]
        assert 0 < attempt.phases[Phase.CONNECT] < 5.0
        assert attempt.rtt is not None
        assert attempt.syn_retransmits == 0
        assert attempt.source is not None
    failure = made(shared, refused).failure
    assert failure is not None
    assert (failure.phase, failure.reason) == (Phase.CONNECT, Reason.REFUSED)
    assert descriptors() <= before + 1  # the epoll object


@pytest.mark.parametrize(
    ("address", "binding"),
    [
        ("127.0.0.1", Binding()),
        ("127.0.0.1", Binding(source_ipv4="127.0.0.77")),
        ("127.0.0.1", Binding(source_ipv4="192.0.2.1")),
        ("127.0.0.1", Binding(interface="gone0")),
        ("255.255.255.255", Binding()),
    ],
)
@pytest.mark.parametrize("where", ["port", "closed_port", "silent_port"])
def test_it_says_what_a_walk_says(
    address: str,
    binding: Binding,
    where: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = request.getfixturevalue(where)
    subject = service(address, ports=(port,))
    path = ProbePath("direct", binding=binding)

    async def one_attempt() -> Attempt:
        prober = Prober(Timeouts(connect=0.3), {"direct": Gate(8, 1e6)})
        return (await prober.visit(subject, address, path, 0, 0)).results[0].attempt

    dialled = trio.run(one_attempt)
    monkeypatch.setattr(runner, "can_dial", lambda *_: False)
    walked = trio.run(one_attempt)
    assert dialled.failure == walked.failure
    assert dialled.phases.keys() == walked.phases.keys()
    for field in ("family", "address", "source", "proxies", "proxy_spoke", "passed", "legs", "balancer"):
        assert getattr(dialled, field) == getattr(walked, field), field
    assert (dialled.rtt is None, dialled.syn_retransmits) == (walked.rtt is None, walked.syn_retransmits)


@in_trio
async def test_a_child_that_still_holds_a_socket_ends_no_other_call(
    port: int, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between fork and exec a child has all of them: closing ours then takes nothing out of epoll."""
    held = []

    def held_by_a_child(kind: socket.SocketKind, address: str, binding: Binding) -> socket.socket:
        sock = open_socket(kind, address, binding)
        held.append(os.dup(sock.fileno()))
        return sock

    monkeypatch.setattr(dialer, "open_socket", held_by_a_child)
    there, silent, shared, dials = (
        aim("127.0.0.1", port),
        aim("127.0.0.1", silent_port),
        Round(),
        a_dialer(0.3),
    )
    try:
        await dials.dial(shared, [there], Gate(8, 1e6))
        await dials.dial(shared, [silent], Gate(8, 1e6))
    finally:
        for descriptor in held:
            os.close(descriptor)
    assert made(shared, there).failure is None
    failure = made(shared, silent).failure
    assert failure is not None
    assert failure.reason is Reason.TIMEOUT


def test_each_has_its_own_deadline(silent_port: int) -> None:
    dials, gate = a_dialer(), Gate(8, 1e6)
    ended = []

    async def dial_later(seconds: float) -> None:
        await trio.sleep(seconds)
        aimed = aim("127.0.0.1", silent_port)
        own = Round()
        await dials.dial(own, [aimed], gate)
        ended.append(trio.current_time())
        failure = made(own, aimed).failure
        assert failure is not None
        assert failure.detail == f"no answer from 127.0.0.1:{silent_port} in 5 s"

    async def main() -> float:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for seconds in (0.0, 2.0, 4.0):
                nursery.start_soon(dial_later, seconds)
        return began

    began = trio.run(main, clock=MockClock(autojump_threshold=0.05))
    assert [round(each - began, 1) for each in ended] == [5.0, 7.0, 9.0]


@pytest.mark.parametrize("is_in_handshake", [False, True])
@in_trio
async def test_who_is_cancelled_leaves_nothing_open_and_the_gate_free(
    port: int, silent_port: int, is_in_handshake: bool
) -> None:
    dials, gate, shared = a_dialer(), Gate(1, 1e6), Round()
    aimed = [aim("127.0.0.1", silent_port), aim("127.0.0.2", silent_port)]
    if is_in_handshake:
        aimed = [aim("127.0.0.1", port, TlsSettings())]
    await dials.dial(Round(), [aim("127.0.0.9", port)], gate)  # makes the epoll object
    before = descriptors()
    with trio.move_on_after(0.1) as scope:
        await dials.dial(shared, aimed, gate)
    assert scope.cancelled_caught
    assert descriptors() == before
    assert shared.begin(aimed[0].key), "another one may make it"
    with trio.fail_after(1):
        await gate.enter()


@in_trio
async def test_what_icmp_says_of_a_connection_that_is_there_breaks_no_handshake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As ip(7) says of IP_RECVERR, which is on while connecting: to hear who denies it."""
    opened = []
    begun = trio.Event()

    async def hear(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)
        begun.set()
        await silent(stream)

    def kept(kind: socket.SocketKind, address: str, binding: Binding) -> socket.socket:
        opened.append(open_socket(kind, address, binding))
        return opened[0]

    monkeypatch.setattr(dialer, "open_socket", kept)
    async with serving(hear) as port, trio.open_nursery() as nursery:
        aimed = aim("127.0.0.1", port, TlsSettings())
        nursery.start_soon(a_dialer().dial, Round(), [aimed], Gate(1, 1e6))
        await begun.wait()
        ip_recverr = 11  # linux/in.h
        assert opened[0].getsockopt(socket.IPPROTO_IP, ip_recverr) == 0
        nursery.cancel_scope.cancel()


@in_trio
async def test_a_handshake_ends_at_its_own_deadline_while_a_connection_has_more_time(
    port: int, silent_port: int
) -> None:
    dials, gate = a_dialer(connect=60.0, tls=0.2), Gate(8, 1e6)
    aimed, shared = aim("127.0.0.1", port, TlsSettings()), Round()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dials.dial, Round(), [aim("127.0.0.1", silent_port)], gate)
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(10):
            await dials.dial(shared, [aimed], gate)
        nursery.cancel_scope.cancel()
    attempt = made(shared, aimed)
    assert attempt.failure == Failure(
        Phase.TLS, Reason.TLS_TIMEOUT, f"no answer from 127.0.0.1:{port} in 0.2 s"
    )
    assert 0.2 <= attempt.phases[Phase.TLS] < 5.0


@contextmanager
def resetting() -> Iterator[int]:
    """Takes connections, in a thread of its own, and resets each at once."""

    def reset(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                sock, _ = server.accept()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=reset, args=(server,), daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("dials", [True, False])
@pytest.mark.parametrize(("depth", "phase"), [(Depth.TCP, Phase.CONNECT), (Depth.TLS, Phase.TLS)])
@in_trio
async def test_what_is_reset_before_anybody_looks_was_connected(
    dials: bool, depth: Depth, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter that accepts everything: when its reset is seen must not decide who is asked."""
    if not dials:
        monkeypatch.setattr(runner, "can_dial", lambda *_: False)

    def connect_slowly(sock: socket.socket, address: str, port: int) -> bool:
        is_under_way = begin_to_connect(sock, address, port)
        time.sleep(0.1)  # nobody here looks meanwhile
        return is_under_way

    for module in (dialer, sockets):
        monkeypatch.setattr(module, "begin_to_connect", connect_slowly)
    prober = Prober(Timeouts(), {"direct": Gate(8, 1e6)})
    with resetting() as port:
        subject = replace(service("127.0.0.1", ports=(port,)), depth=depth)
        (seen,) = (await prober.visit(subject, "127.0.0.1", DIRECT, 0, 0)).results
    attempt = seen.attempt
    assert attempt.failure is not None
    assert (attempt.failure.phase, attempt.failure.reason) == (phase, Reason.RESET)
    assert attempt.connected


@in_trio
async def test_what_another_visit_makes_is_waited_for_and_made_anew_where_that_was_cancelled(
    port: int, silent_port: int
) -> None:
    """Both go to the same address; the first is cancelled while it waits for the gate."""
    gate = Gate(1, 1e6)
    prober = Prober(Timeouts(), {"direct": gate})
    subject = service("127.0.0.1", ports=(port,))
    await gate.enter()
    results = []

    async def second() -> None:
        results.append(await prober.visit(subject, "127.0.0.1", DIRECT, 0, 0))

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as first:
            nursery.start_soon(second)
            async with trio.open_nursery() as inner:
                inner.start_soon(prober.visit, subject, "127.0.0.1", DIRECT, 0, 0)
                await trio.testing.wait_all_tasks_blocked()
                first.cancel()
        gate.leave()
    assert [each.attempt.failure for each in results[0].results] == [None]


@in_trio
async def test_no_descriptors_left_for_epoll_is_said_so(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(select, "epoll", no_more)
    shared, aimed = Round(), aim("127.0.0.1", port)
    await a_dialer().dial(shared, [aimed], Gate(8, 1e6))
    failure = made(shared, aimed).failure
    assert failure is not None
    assert failure.reason is Reason.FD_EXHAUSTED


@pytest.mark.parametrize(
    "broken", ["open_socket", "begin_to_connect", "end_connecting", "note", "speak", "attempt_of"]
)
@in_trio
async def test_a_bug_costs_one_attempt(
    broken: str,
    port: int,
    closed_port: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    really = getattr(dialer, broken)

    def fails_once(*given: object) -> object:
        monkeypatch.setattr(dialer, broken, really)
        raise ZeroDivisionError

    monkeypatch.setattr(dialer, broken, fails_once)
    tls = TlsSettings() if broken == "speak" else None
    bad = aim("127.0.0.1", port if tls else closed_port, tls)
    shared, good = Round(), aim("127.0.0.2", port)
    await a_dialer().dial(shared, [bad, good], Gate(8, 1e6))
    failure = made(shared, bad).failure
    assert failure is not None
    assert failure.reason is Reason.INTERNAL_ERROR
    assert "ZeroDivisionError" in caplog.text
    assert made(shared, good).failure is None


def test_without_epoll_it_is_left_to_walks(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_dial([aim("127.0.0.1", port)])
    monkeypatch.setattr(type(system.HERE), "has_epoll", False)
    assert not can_dial([aim("127.0.0.1", port)])
