"""The session phase of a probe that has nothing more to say: whether the connection lasts.

The "connected" of proxies and load balancers costs them nothing: some say it before they connect, or whatever
becomes of it. Must not know what protocol is spoken behind it.
"""

from collections.abc import Awaitable

import trio

from netcheck.model.failing import Phase, PhaseError, Reason
from netcheck.probe.sockets import READ_LIMIT, Stream
from netcheck.probe.walk import Walk

BEHIND_PROXY = 0.5
"""Seconds: proxies that cannot go on close at once, those that connect late after a round trip or two."""
BEHIND_BALANCER = 3.5
"""Seconds: haproxy tries a dead server three times more, a second apart, and closes then."""


async def stays_open(walk: Walk, hearing: Awaitable[None], seconds: float) -> None:
    """Silence is fine, and so is anything that is heard; raises WalkEnded where the connection ends.

    The phase has a duration where it failed, or until something was said. Our own waiting is none.
    """
    with trio.move_on_after(seconds) as waiting:
        await walk.run(Phase.SESSION, hearing)
    if waiting.cancelled_caught:
        walk.forget(Phase.SESSION)


async def hear(stream: Stream) -> None:
    """Until anything is said behind a proxy or a load balancer."""
    try:
        data = await stream.receive_some(READ_LIMIT)
    except PhaseError as error:
        reason = Reason.CLOSED if error.reason is Reason.CLOSED else Reason.RESET
        raise PhaseError.of(error, reason=reason) from error
    if not data:
        raise PhaseError(Reason.CLOSED, "the connection was closed as soon as it had been established")
