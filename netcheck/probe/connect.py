"""The connect phase: one TCP connection to one address, with the kernel's own figures kept in the walk."""

import socket
from time import perf_counter

from netcheck.model.failing import Phase
from netcheck.model.hosts import endpoint_text
from netcheck.model.paths import Binding
from netcheck.probe import system
from netcheck.probe.sockets import TcpStream, connect, open_socket, source_of
from netcheck.probe.walk import Walk


async def dial(walk: Walk, address: str, port: int, binding: Binding) -> TcpStream:
    """Connect, and note what the kernel measured, also where it failed or the deadline cut it off.

    How long it took is what the kernel says, which a busy process does not distort, where no SYN was lost.
    Raises PhaseError. The walk keeps the stream and closes it.
    """
    began = perf_counter()
    walk.peer = endpoint_text(address, port)
    sock = open_socket(socket.SOCK_STREAM, address, binding)
    try:
        stream = await connect(sock, address, port)
    except BaseException:  # closed on every way out, the deadline's cancellation too
        note(walk, sock)
        sock.close()
        raise
    note(walk, sock)
    walk.noticed_late(lateness(perf_counter() - began, walk.tcp))
    return walk.keep(stream)


def lateness(took: float, tcp: system.TcpInfo | None) -> float:
    """For how many of these seconds this process was busy after the connection was there, by the kernel."""
    if system.HERE.times_connecting and tcp and tcp.rtt and not tcp.retransmits:
        return max(0.0, took - tcp.rtt)
    return 0.0


def note(walk: Walk, sock: socket.socket) -> None:
    """Keep what the kernel knows of the connection, established or not."""
    walk.tcp = system.HERE.tcp_info(sock)
    walk.source = source_of(sock)


async def connect_directly(
    walk: Walk, address: str, port: int, binding: Binding, timeout: float
) -> TcpStream:
    """The whole of a direct TCP probe after resolving: raises WalkEnded where it fails."""
    return await walk.step(Phase.CONNECT, timeout, dial(walk, address, port, binding))
