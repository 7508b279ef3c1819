"""The connect phase against real sockets on loopback."""

import errno
import os
import resource
import socket
from collections.abc import Iterator

import pytest
import trio

from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import Binding
from netcheck.probe import system
from netcheck.probe.connect import connect_directly
from netcheck.probe.errors import error_from_afar, error_from_errno
from netcheck.probe.sockets import TcpStream, open_socket
from netcheck.probe.walk import Walk, WalkEnded
from tests.probe.peers import held_up


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def walk_to(address: str, port: int, binding: Binding = Binding(), timeout: float = 5.0) -> Walk:  # noqa: B008 - frozen
    with Walk() as walk:
        trio.run(connect_directly, walk, address, port, binding, timeout)
    return walk


def failure_of(address: str, port: int, binding: Binding = Binding(), timeout: float = 5.0) -> WalkEnded:  # noqa: B008 - frozen
    with pytest.raises(WalkEnded) as caught:
        walk_to(address, port, binding, timeout)
    return caught.value


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_a_listener_is_reached_and_the_phase_has_a_duration(listener: socket.socket) -> None:
    walk = walk_to("127.0.0.1", port_of(listener))
    assert list(walk.phases) == [Phase.CONNECT]
    assert 0 < walk.phases[Phase.CONNECT] < 5


@pytest.mark.linux
def test_the_kernel_tells_the_round_trip_and_no_retransmits(listener: socket.socket) -> None:
    walk = walk_to("127.0.0.1", port_of(listener))
    assert walk.tcp is not None
    assert walk.tcp.rtt is not None
    assert 0 < walk.tcp.rtt < 5
    assert walk.tcp.retransmits == 0
    assert walk.proxy_spoke is None


@pytest.mark.linux
def test_what_keeps_this_process_busy_is_no_part_of_the_duration(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = 0.2
    monkeypatch.setattr(trio.lowlevel, "wait_writable", held_up(trio.lowlevel.wait_writable, blocked))
    walk = walk_to("127.0.0.1", port_of(listener))
    assert 0 < walk.phases[Phase.CONNECT] < blocked


@pytest.mark.linux
def test_what_keeps_this_process_busy_is_no_part_of_the_wait_for_an_answer(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = 0.2

    async def converse(stream: TcpStream) -> None:
        await stream.send_all(b"asked")
        with listener.accept()[0] as peer:
            peer.sendall(b"answered")
            await stream.receive_some(100)

    async def walk_on(walk: Walk) -> None:
        port = port_of(listener)
        stream = await connect_directly(walk, "127.0.0.1", port, Binding(), 5.0)
        monkeypatch.setattr(trio.lowlevel, "checkpoint", held_up(trio.lowlevel.checkpoint, blocked))
        await walk.step(Phase.PROXY_HANDSHAKE, 5.0, converse(stream))

    with Walk() as walk:
        trio.run(walk_on, walk)
    assert 0 < walk.phases[Phase.PROXY_HANDSHAKE] < blocked


def test_a_closed_port_is_refused_and_has_a_duration(closed_port: int) -> None:
    walk = Walk()
    with pytest.raises(WalkEnded) as caught:
        trio.run(connect_directly, walk, "127.0.0.1", closed_port, Binding(), 5.0)
    assert caught.value.failure.phase is Phase.CONNECT
    assert caught.value.failure.reason is Reason.REFUSED
    assert "ECONNREFUSED" in caught.value.failure.detail
    assert walk.phases[Phase.CONNECT] > 0


@pytest.mark.linux
def test_a_silent_listener_is_a_timeout_with_retransmits_counted(silent_port: int) -> None:
    walk = Walk()
    with pytest.raises(WalkEnded) as caught:
        trio.run(connect_directly, walk, "127.0.0.1", silent_port, Binding(), 1.5)
    assert caught.value.failure.reason is Reason.TIMEOUT
    assert caught.value.failure.detail == f"no answer from 127.0.0.1:{silent_port} in 1.5 s"
    assert walk.tcp is not None
    assert walk.tcp.rtt is None
    assert walk.tcp.retransmits >= 1


@pytest.mark.linux
def test_ipv6_is_reached() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        assert walk_to("::1", port_of(server)).tcp is not None


def test_the_source_address_is_what_the_binding_says(listener: socket.socket) -> None:
    walk_to("127.0.0.1", port_of(listener), Binding(source_ipv4="127.0.0.77"))
    accepted, peer = listener.accept()
    accepted.close()
    assert peer[0] == "127.0.0.77"


@pytest.mark.parametrize(
    ("binding", "named"),
    [(Binding(source_ipv4="192.0.2.1"), "192.0.2.1"), (Binding(interface="nosuch0"), "nosuch0")],
)
def test_a_binding_that_is_not_ours_is_no_local_address(
    listener: socket.socket, binding: Binding, named: str
) -> None:
    ended = failure_of("127.0.0.1", port_of(listener), binding)
    assert ended.failure.reason is Reason.NO_LOCAL_ADDRESS
    assert ended.failure.is_of_binding
    assert named in ended.failure.detail


@pytest.mark.parametrize(
    ("code", "binding", "is_of_binding"),
    [
        (errno.EAFNOSUPPORT, Binding("lo", "127.0.0.77"), False),
        (errno.EAFNOSUPPORT, Binding(source_ipv6="::1"), True),
        (errno.EMFILE, Binding(source_ipv6="::1"), False),
    ],
)
def test_a_kernel_without_ipv6_is_the_configs_affair_only_where_it_names_an_ipv6_address(
    code: int, binding: Binding, is_of_binding: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> socket.socket:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(system.HERE, "open_socket", fails)
    assert failure_of("::1", 443, binding).failure.is_of_binding == is_of_binding


@pytest.mark.linux
def test_of_an_interface_that_is_missing_it_is_said_which_there_are(listener: socket.socket) -> None:
    ended = failure_of("127.0.0.1", port_of(listener), Binding(interface="nosuch0"))
    assert "nosuch0: No such device" in ended.failure.detail
    assert "; the interfaces here: lo" in ended.failure.detail


def test_an_address_in_the_scope_of_a_missing_interface_is_no_local_address() -> None:
    assert failure_of("fe80::1%nosuch0", 443).failure.reason is Reason.NO_LOCAL_ADDRESS


@pytest.mark.linux
def test_what_the_connection_lacks_is_not_the_interface_that_it_is_bound_to() -> None:
    """As where the interface is there, and has no IPv6."""
    failure = failure_of("fe80::1%nosuch0", 443, Binding(interface="lo")).failure
    assert failure.reason is Reason.NO_LOCAL_ADDRESS
    assert not failure.is_of_binding


@pytest.mark.linux
def test_the_loopback_interface_can_be_bound(listener: socket.socket) -> None:
    assert walk_to("127.0.0.1", port_of(listener), Binding(interface="lo")).tcp is not None


def test_the_socket_is_closed_on_every_way_out(listener: socket.socket, closed_port: int) -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the names are what counts
    walk_to("127.0.0.1", port_of(listener))
    failure_of("127.0.0.1", port_of(listener), Binding(interface="nosuch0"))
    failure_of("127.0.0.1", closed_port)
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above


@pytest.mark.linux
def test_tcp_info_of_an_unconnected_socket_has_no_round_trip() -> None:
    with open_socket(socket.SOCK_STREAM, "127.0.0.1", Binding()) as sock:
        info = system.HERE.tcp_info(sock)
    assert info is not None
    assert info.rtt is None


def test_tcp_info_of_a_udp_socket_is_none() -> None:
    with open_socket(socket.SOCK_DGRAM, "127.0.0.1", Binding()) as sock:
        assert system.HERE.tcp_info(sock) is None


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ECONNREFUSED, Reason.REFUSED),
        (errno.ECONNRESET, Reason.RESET),
        (errno.ECONNABORTED, Reason.RESET),
        (errno.ETIMEDOUT, Reason.TIMEOUT),
        (errno.ENETUNREACH, Reason.NETWORK_UNREACHABLE),
        (errno.EHOSTUNREACH, Reason.HOST_UNREACHABLE),
        (errno.EDESTADDRREQ, Reason.NETWORK_UNREACHABLE),
        (errno.EACCES, Reason.PERMISSION_DENIED),
        (errno.EPERM, Reason.PERMISSION_DENIED),
        (errno.EADDRNOTAVAIL, Reason.NO_LOCAL_ADDRESS),
        (errno.EMFILE, Reason.FD_EXHAUSTED),
        (errno.EBADMSG, Reason.INTERNAL_ERROR),
    ],
)
def test_each_errno_has_its_reason(number: int, reason: Reason) -> None:
    assert error_from_errno(number, "try").reason is reason


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EACCES, Reason.HOST_UNREACHABLE),
        (errno.EPROTO, Reason.HOST_UNREACHABLE),
        (errno.ECONNREFUSED, Reason.REFUSED),
        (errno.EBADMSG, Reason.INTERNAL_ERROR),
    ],
)
def test_what_the_network_prohibits_is_not_what_this_machine_denies(number: int, reason: Reason) -> None:
    error = error_from_afar(number, "try")
    assert error.reason is reason
    assert errno.errorcode[number] in error.detail


def test_running_out_of_file_descriptors_is_told_apart_from_a_broken_network() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as above
    held: list[socket.socket] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken + 20, hard))
    try:
        with pytest.raises(WalkEnded) as caught:
            trio.run(_connect_with_no_descriptors_left, held)
    finally:
        for sock in held:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.failure.reason is Reason.FD_EXHAUSTED


async def _connect_with_no_descriptors_left(held: list[socket.socket]) -> None:
    while True:
        try:
            held.append(socket.socket())
        except OSError:
            break
    await connect_directly(Walk(), "127.0.0.1", 9, Binding(), 1.0)
