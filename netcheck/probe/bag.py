"""The session phase of a probe that fetches a bag: one GET, and what its answer holds.

How HTTP and bags read is known in `netcheck.wire` and `netcheck.apns`.
"""

from netcheck.apns.bag import MAX_SIZE, BagError, parse
from netcheck.model.failing import Phase, Reason
from netcheck.model.results import Bag
from netcheck.probe.errors import PhaseError
from netcheck.probe.sockets import Stream
from netcheck.probe.walk import Walk
from netcheck.wire.http_get import HttpGet, HttpGetError

_READ_LIMIT = 16 * 1024
_OK = 200  # RFC 9110 section 15.3.1; whoever redirects is not Apple


async def fetch_bag(walk: Walk, stream: Stream, request: HttpGet, timeout: float) -> None:
    """Walk the session phase and set `walk.bag`; raises WalkEnded where no bag is to be had."""
    walk.bag = await walk.step(Phase.SESSION, timeout, _fetch(stream, request))


def bag_request(host: str, port: int, path: str) -> HttpGet:
    """The GET for a bag, whose answer may be no larger than a bag."""
    return HttpGet(host, port, path, MAX_SIZE)


async def _fetch(stream: Stream, request: HttpGet) -> Bag:
    await _exchange(stream, request)
    if request.status != _OK:
        raise PhaseError(Reason.BAD_ANSWER, f"the answer is no bag but HTTP status {request.status}")
    try:
        return parse(request.body)
    except BagError as error:
        raise PhaseError(Reason.BAD_ANSWER, error.detail) from error


async def _exchange(stream: Stream, request: HttpGet) -> None:
    await stream.send_all(request.start())
    while not request.done:
        data = await stream.receive_some(_READ_LIMIT)
        try:
            request.receive(data)
        except HttpGetError as error:
            reason = Reason.BAD_ANSWER if data else Reason.CLOSED
            raise PhaseError(reason, error.detail, error.evidence) from error
