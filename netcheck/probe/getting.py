"""One GET over a connection that stands, up to the end of its answer. How HTTP reads is known in `wire`."""

from netcheck.probe.sockets import READ_LIMIT, Stream
from netcheck.wire.http_get import HttpGet

OK = 200  # RFC 9110 section 15.3.1


async def get_answer(stream: Stream, request: HttpGet) -> tuple[int, bytes]:
    """Its status and body, once the request has taken in all of it; raises PhaseError for what is none."""
    await stream.send_all(request.start())
    while not request.done:
        request.receive(await stream.receive_some(READ_LIMIT))
    return request.status, request.body
