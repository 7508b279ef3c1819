"""One GET over a connection that stands, up to the end of its answer. How HTTP reads is known in `wire`."""

from netcheck.model.failing import PhaseError, Reason
from netcheck.probe.sockets import Stream
from netcheck.wire.http_get import HttpGet, HttpGetError

OK = 200  # RFC 9110 section 15.3.1
READ_LIMIT = 16 * 1024


async def get_answer(stream: Stream, request: HttpGet) -> None:
    """Send it, and let it take in the whole answer; raises PhaseError for what is none."""
    await stream.send_all(request.start())
    while not request.done:
        data = await stream.receive_some(READ_LIMIT)
        try:
            request.receive(data)
        except HttpGetError as error:
            raise PhaseError(why_no_answer(data), error.detail, error.evidence) from error


def why_no_answer(last_read: bytes) -> Reason:
    """Of an answer that makes no sense after this was read: an end that came too early is another matter."""
    return Reason.BAD_ANSWER if last_read else Reason.CLOSED
