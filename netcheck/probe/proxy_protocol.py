"""The PROXY protocol, which some load balancers want to hear first: how it is said, and whether it is wanted.

Of one that ends TLS without an answer, a connection of its own shows whether it wants it, the other way than
the config says. That is rare: one that hands out its members in turn would otherwise show the same dead one
each time.
"""

import math
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import replace

import trio

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import ProbePath, ProxyProtocol
from netcheck.probe.errors import error_from_os
from netcheck.probe.sockets import TcpStream
from netcheck.wire.proxy_protocol import header
from netcheck.wire.target import Target

_EVERY = 600.0
"""Seconds from one look to the next."""
_MAY_BE_THE_HEADER = (
    Reason.CLOSED,
    Reason.RESET,
    Reason.TLS_ALERT,
    Reason.TLS_NOT_TLS,
    Reason.TLS_TIMEOUT,
)

Look = Callable[[ProbePath], Awaitable[bool]]
"""Whether it shows a certificate over this path."""


async def announce(stream: TcpStream, version: ProxyProtocol, destination: Target) -> None:
    """Say in the PROXY protocol whose connection it is: our own. Raises PhaseError."""
    try:
        address, port, *_ = stream.socket.getsockname()
    except OSError as error:  # some systems know no more of one that was reset
        raise error_from_os(error, "name the own end") from error
    await stream.send_all(header(version, Target(address, port), destination))


class Headers:
    """What was seen of each balancer; by the keys that its probes are told apart by."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[float, bool]] = {}
        """When it was looked at last, and whether it answered the other way."""

    async def explain(self, failure: Failure, key: Hashable, path: ProbePath, look: Look) -> Failure:
        """The failure, with what it has to do with the header, if anything."""
        if failure.phase is not Phase.TLS or failure.reason not in _MAY_BE_THE_HEADER:
            return failure
        now = trio.current_time()
        if now - self._seen.get(key, (-math.inf, False))[0] >= _EVERY:
            self._seen[key] = now, False  # others do not look meanwhile
            other = None if path.proxy_protocol else ProxyProtocol.V2
            self._seen[key] = now, await look(replace(path, proxy_protocol=other))
        if not self._seen[key][1]:
            return failure
        how = "without" if path.proxy_protocol else "after"
        detail = f"{failure.detail}; {how} a header of the PROXY protocol it answers"
        return replace(failure, detail=detail, is_of_header=True)
