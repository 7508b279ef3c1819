"""Whether anything answers a TLS hello of more than one packet, as devices with iOS 26 and later send it.

Nobody is blamed before a short hello was answered, and the large one was not for a second time; whether it is
the size of its packets is tried as well.
"""

import socket
from collections.abc import Awaitable, Callable
from functools import partial

from netcheck.model.failing import Failure, Phase, PhaseError, Reason
from netcheck.model.results import LargeHello
from netcheck.probe.sockets import READ_LIMIT, Stream
from netcheck.probe.tls import examining_context, first_flight, is_handshake
from netcheck.probe.together import together
from netcheck.probe.walk import Walk
from netcheck.wire.client_hello import LARGE, client_hello

_SMALL = 400
"""Bytes: what fits into a packet on every link."""

Say = Callable[[Walk, Stream], Awaitable[None]]
Sends = Callable[[Say], Awaitable[Failure | None]]
"""Connects, says it within the time of the TLS phase, and tells why that came to nothing."""


async def try_large_hello(
    send: Sends, server_name: str, alpn: tuple[str, ...], *, is_direct: bool
) -> LargeHello | None:
    """By up to four connections; None where a short hello fares no better, or it cannot be told."""
    large, short = (partial(_say, client_hello(server_name, alpn, large=large)) for large in (True, False))
    if await send(large) is None:
        return LargeHello(LARGE)
    in_small_packets = [partial(large, piece=_SMALL)] if is_direct else []
    tries = [partial(send, say) for say in (short, large, *in_small_packets)]
    short_failed, failure, *small_failed = await together(tries)
    if failure is None:
        return LargeHello(LARGE)
    if short_failed is not None or failure.phase is not Phase.TLS:
        return None
    is_usual = _begins_large(alpn, server_name)
    return LargeHello(LARGE, failure, passes_in_small_packets=small_failed == [None], is_usual=is_usual)


async def _say(hello: bytes, walk: Walk, stream: Stream, piece: int = LARGE) -> None:
    if walk.connection is not None and piece < len(hello):  # else the kernel would make large packets of them
        walk.connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(hello), piece):
        await stream.send_all(hello[at : at + piece])
    answer = await stream.receive_some(READ_LIMIT)
    if not answer:
        raise PhaseError(Reason.CLOSED, "the peer closed the connection after the TLS hello")
    if not is_handshake(answer):
        raise PhaseError(Reason.TLS_ALERT, "the peer does not take the TLS hello", answer)


def _begins_large(alpn: tuple[str, ...], server_name: str) -> bool:
    """Whether OpenSSL's own hello takes two packets too: from version 3.5 on it has such a key."""
    return len(first_flight(examining_context(alpn), server_name)) > LARGE - _SMALL
