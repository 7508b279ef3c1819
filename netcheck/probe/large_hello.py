"""Whether anything answers a TLS hello of more than one packet, as devices with iOS 26 and later send it.

It is tried now and then, after a probe of one of Apple's services. Nobody is blamed before a short hello was
answered, and the large one was not for a second time; whether it is the size of its packets is tried as well.
"""

import socket
from collections.abc import Awaitable, Callable, Hashable
from functools import partial

import trio

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import ProbePath
from netcheck.model.results import Attempt, LargeHello
from netcheck.model.services import Timeouts
from netcheck.probe.aims import Aim
from netcheck.probe.errors import PhaseError
from netcheck.probe.once import Round
from netcheck.probe.opening import Gate, Opening
from netcheck.probe.sockets import Stream
from netcheck.probe.tls import examining_context, first_flight, is_handshake
from netcheck.probe.together import together
from netcheck.probe.walk import Walk, WalkEnded
from netcheck.wire.client_hello import LARGE, client_hello

_EVERY = 900.0
"""Seconds at least from one to the next, of a service's port over a path, while it is answered."""
_AGAIN = 30.0
"""The same while it is not, or nothing is learnt."""
_SMALL = 400
"""Bytes: what fits into a packet on every link."""
_READ_LIMIT = 4096
_CUT_OFF = (Reason.TLS_TIMEOUT, Reason.TLS_ALERT, Reason.RESET, Reason.CLOSED)
"""How a hello fares that somebody does not like."""

_Ends = Callable[..., Awaitable[Failure | None]]
"""Sends a hello, and tells why nobody answers."""


class LargeHellos:
    """Tries what is due. One per configuration."""

    def __init__(self, opening: Opening, timeouts: Timeouts) -> None:
        self._opening = opening
        self._timeout = timeouts.tls
        self._due: dict[Hashable, float] = {}
        """By path, service and port: when the next is due, on the loop's clock."""

    async def follow(
        self, attempt: Attempt, service: str, shared: Round, path: ProbePath, aim: Aim, gate: Gate
    ) -> LargeHello | None:
        """What becomes of a large hello where the attempt was made; None if none is due, or it tells nothing.

        Raises nothing for what a network or a peer does.
        """
        key, now = (path.name, service, aim.port), trio.current_time()
        if path.load_balancer or now < self._due.get(key, now) or not _may_tell(attempt, aim):
            return None
        self._due[key] = now + _EVERY
        told = await self._try(partial(self._ends, shared, path, aim, gate), is_direct=not aim.proxies)
        if told is None or told.failure is not None:
            self._due[key] = trio.current_time() + _AGAIN
        return told

    async def _try(self, ends: _Ends, *, is_direct: bool) -> LargeHello | None:
        if await ends(large=True) is None:
            return LargeHello(LARGE)
        again = partial(ends, large=True)
        in_small_packets = [partial(ends, large=True, piece=_SMALL)] if is_direct else []
        short, failure, *small = await together([partial(ends, large=False), again, *in_small_packets])
        if failure is None:
            return LargeHello(LARGE)
        if short is not None or failure.phase is not Phase.TLS:
            return None
        return LargeHello(LARGE, failure, passes_in_small_packets=small == [None])

    async def _ends(
        self, shared: Round, path: ProbePath, aim: Aim, gate: Gate, *, large: bool, piece: int = LARGE
    ) -> Failure | None:
        """Why nobody answers a hello that leaves in such pieces; None where somebody does."""
        assert aim.tls is not None  # noqa: S101 - for the types: only such attempts are followed
        hello = client_hello(aim.server_name, aim.tls.alpn, large=large)
        async with gate:
            with Walk() as walk:
                try:
                    stream = await self._opening.connect(walk, shared, path, aim)
                    await walk.step(Phase.TLS, self._timeout, _say(walk, stream, hello, piece))
                except WalkEnded as ended:
                    return ended.failure
        return None


async def _say(walk: Walk, stream: Stream, hello: bytes, piece: int) -> None:
    if walk.connection is not None and piece < len(hello):  # else the kernel would make large packets of them
        walk.connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(hello), piece):
        await stream.send_all(hello[at : at + piece])
    answer = await stream.receive_some(_READ_LIMIT)
    if not answer:
        raise PhaseError(Reason.CLOSED, "the peer closed the connection after the TLS hello")
    if not is_handshake(answer):
        raise PhaseError(Reason.TLS_ALERT, "the peer does not take the TLS hello", answer)


def _may_tell(attempt: Attempt, aim: Aim) -> bool:
    """Whether TLS with Apple works there, or is cut off where the hello of the attempt was large itself."""
    if aim.tls is None or not aim.tls.is_apples:
        return False
    failure = attempt.failure
    if failure is None:
        return True
    is_cut_off = failure.phase is Phase.TLS and failure.reason in _CUT_OFF
    return is_cut_off and begins_large(aim.tls.alpn, aim.server_name)


def begins_large(alpn: tuple[str, ...], server_name: str) -> bool:
    """Whether OpenSSL's own hello takes two packets too: from version 3.5 on it has such a key."""
    return len(first_flight(examining_context(alpn), server_name)) > LARGE - _SMALL
