"""The session phase of a probe that fetches a bag: the answer to one GET, and what it holds.

How HTTP and bags read is known in `netcheck.wire` and `netcheck.apns`.
"""

from collections.abc import Awaitable

from netcheck.apns.bag import MAX_SIZE, BagError, parse
from netcheck.model.bags import Bag
from netcheck.model.failing import Phase, PhaseError, Reason
from netcheck.probe.getting import OK
from netcheck.probe.sockets import READ_LIMIT, Stream
from netcheck.probe.walk import Walk
from netcheck.wire.http_asking import HttpForward
from netcheck.wire.http_body import Body
from netcheck.wire.http_get import why_no_answer
from netcheck.wire.http_head import HttpError

Answer = Awaitable[tuple[int, bytes]]
"""A status and a body."""


async def fetch_bag(walk: Walk, answer: Answer, timeout: float, whom: str) -> None:
    """Walk the session phase and set `walk.bag`; raises WalkEnded where no bag is to be had."""
    walk.bag = await walk.step(Phase.SESSION, timeout, _bag_in(answer), whom)


async def rest_of(stream: Stream, forwarded: HttpForward) -> tuple[int, bytes]:
    """Of an HTTP proxy that was asked for it, and of which the head of its success has been read."""
    head = forwarded.answer
    assert head is not None  # noqa: S101 - for the types: the handshake was connected
    data = b"-"
    try:
        body = Body(head, MAX_SIZE)
        while not body.done:
            data = await stream.receive_some(READ_LIMIT)
            body.receive(data)
    except HttpError as error:
        raise PhaseError(why_no_answer(data), str(error)) from error
    return head.status, bytes(body)


async def _bag_in(answer: Answer) -> Bag:
    status, body = await answer
    if status != OK:  # whoever redirects is not Apple
        raise PhaseError(Reason.BAD_ANSWER, f"the answer is no bag but HTTP status {status}")
    try:
        return parse(body)
    except BagError as error:
        raise PhaseError(Reason.BAD_ANSWER, str(error)) from error
