"""HTTP/1.1 on one connection: requests in, a handler's responses out.

Owns the protocol (h11), its limits and deadlines. Must not know who listens where, nor routes, pages or
anything else that a handler answers with.
"""

import gzip
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.client import responses as reason_phrases
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import h11
import trio

from netcheck.web.places import Doing, Place

_log = logging.getLogger("netcheck.web")

_BODILESS = (204, 304)
"""Statuses without a body, and here without a Content-Length (RFC 9110 8.6)."""
_DROPPED_AT_ONCE = 16 * 1024
_GZIP_NAMES = ("gzip", "x-gzip")  # RFC 9110 8.4.1.3: the same coding

_FOR_BROWSERS = (
    ("Cache-Control", "no-store"),
    (
        "Content-Security-Policy",
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "deny"),
)
"""On every response that does not say otherwise: no other page may frame, embed or guess at what is here."""
_REFUSALS: Mapping[int, str] = {
    400: "This is not a request that HTTP/1.1 allows.",
    408: "The request did not arrive in time.",
    413: "The request's body is too large: nothing here needs one.",
    431: "The request's head is too large.",
    500: "netcheck failed to answer this; its log says why.",
    501: "This method or transfer coding is not supported here.",
    503: "netcheck is too busy to answer now; try again later.",
    505: "Only HTTP/1.1 and HTTP/1.0 are spoken here.",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its body read and dropped. Its headers may hold credentials, so they are in no repr."""

    method: str
    route: str
    """The path without the query, percent-decoded."""
    query: Mapping[str, tuple[str, ...]]
    headers: Mapping[str, str] = field(repr=False)
    """Lower-case names; repeated ones are joined by ", "."""
    host: str | None = None
    """Whom the client means to ask, HOST or HOST:PORT as it wrote it; None where HTTP/1.0 does not say."""
    client: str = ""
    """Whose request it is: an address, a network of IPv6, or "unix"."""


@dataclass(frozen=True, slots=True)
class Response:
    """What to answer; length, date and connection headers are the server's matter."""

    status: int
    body: bytes = field(repr=False)
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    stream: "Stream | None" = field(default=None, repr=False)
    """What follows the body, piece by piece, for as long as the client takes it."""


RETRY = (("Retry-After", "10"),)
"""The header for who comes too often, or where there are too many."""

Handler = Callable[[Request], Awaitable[Response]]
Stream = Callable[[], AsyncGenerator[bytes, None]]
"""Begins a stream. It has to say something now and then: only so is it noticed that a client has gone."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much, in connections and bytes, and how long, in seconds, the server bears with its clients."""

    connections: int = 128
    """At once. For one more, the one goes that has waited longest; see `places`."""
    connections_per_client: int = 64
    unread_answers: int = 32
    head: int = 16 * 1024
    body: int = 64 * 1024
    request_timeout: float = 10.0
    """For a whole request once it has begun, and for the first to begin; for a handshake of TLS, too."""
    idle_timeout: float = 60.0
    """Between two requests."""
    handler_timeout: float = 30.0
    write_timeout: float = 30.0
    linger_timeout: float = 2.0
    """For the client to read the last response and close."""


LIMITS = Limits()


class _RequestError(Exception):
    """The server itself answers, with this status, and ends the connection."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ByteStream(Protocol):
    """A connection, behind TLS or not."""

    async def receive_some(self, limit: int, /) -> bytes | bytearray: ...
    async def send_all(self, data: bytes, /) -> None: ...
    async def send_eof(self) -> None: ...


class Connection:
    """One client: its requests in turn, each answered before the next is read."""

    def __init__(self, stream: ByteStream, handler: Handler, limits: Limits, place: Place) -> None:
        self._stream = stream
        self._place = place
        self._handler = handler
        self._limits = limits
        # h11 refuses a head that is *longer* than this and incomplete; see _receive for the rest of the rule.
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head - 1)
        self._method = ""

    async def run(self) -> None:
        """Serve the client until it is done, silent for too long, or wrong."""
        patience = self._limits.request_timeout
        try:
            while (request := await self._next_request(patience)) is not None:
                self._place.begins(Doing.ANSWERING)
                await self._send(*await self._answer(request))
                if self._protocol.our_state is h11.MUST_CLOSE or self._place.is_last:
                    return await self._linger()
                self._protocol.start_next_cycle()
                patience = self._limits.idle_timeout
        except _RequestError as error:
            await self._refuse(error.status)

    async def _refuse(self, status: int) -> None:
        """Say why not, and end the connection so that the client can read it."""
        self._place.is_last = True
        response = _refusal(status)
        await self._send(self._head(response), response)
        await self._linger()

    async def _next_request(self, patience: float) -> Request | None:
        """The next request; None where the client has closed, or has said nothing for `patience` seconds."""
        self._place.begins(Doing.READING)
        self._method = ""
        if not self._protocol.trailing_data[0]:
            with trio.move_on_after(patience) as silence:
                await self._receive()
            if silence.cancelled_caught:
                return None
        try:
            with trio.fail_after(self._limits.request_timeout):
                return await self._read_request()
        except trio.TooSlowError:
            raise _RequestError(408) from None

    async def _read_request(self) -> Request | None:
        head = await self._next_event()
        if not isinstance(head, h11.Request):
            return None
        self._method = head.method.decode("ascii")
        request = _request(head, self._place.client)
        if int(request.headers.get("content-length", "0")) > self._limits.body:
            raise _RequestError(413)
        await self._drop_body()
        return request

    async def _drop_body(self) -> None:
        dropped = 0
        while isinstance(event := await self._next_event(), h11.Data):
            dropped += len(event.data)
            if dropped > self._limits.body:
                raise _RequestError(413)

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        try:
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                if self._protocol.they_are_waiting_for_100_continue:
                    await self._write(
                        h11.InformationalResponse(status_code=100, reason=b"Continue", headers=[])
                    )
                await self._receive()
        except h11.RemoteProtocolError as error:
            raise _RequestError(error.error_status_hint) from error
        return event  # type: ignore[return-value]  # h11's sentinels are classes, which `is` does not narrow

    async def _receive(self) -> None:
        """Take in no more than one head: h11 would accept a larger one that it was given in one piece."""
        room = self._limits.head - len(self._protocol.trailing_data[0])
        self._protocol.receive_data(bytes(await self._stream.receive_some(room)))

    async def _answer(self, request: Request) -> tuple[h11.Response, Response]:
        """The handler's response; 503 where it takes too long, 500 where it fails or breaks HTTP's rules."""
        try:
            with trio.move_on_after(self._limits.handler_timeout):
                response = await self._handler(request)
                return self._head(response), response
            _log.error("%s %r took longer than the handler may", request.method, request.route)
            response = _refusal(503)
        except Exception:
            _log.exception("%s %r failed", request.method, request.route)
            response = _refusal(500)
        return self._head(response), response

    def _head(self, response: Response) -> h11.Response:
        """The head; it says so where this answer is to be the last one."""
        closing = (("Connection", "close"),) if self._place.is_last else ()
        return _head(replace(response, headers=(*response.headers, *closing)))

    async def _send(self, head: h11.Response, response: Response) -> None:
        bodiless = self._method == "HEAD" or head.status_code in _BODILESS
        # Who has been dismissed by now gets no stream: that would go on for ever.
        stream = None if bodiless or self._place.is_last else response.stream
        self._place.begins(Doing.WRITING, is_endless=stream is not None)
        body = h11.Data(data=b"" if bodiless else response.body)
        if stream is None:
            return await self._write(head, body, h11.EndOfMessage())
        await self._write(head, body)
        return await self._send_stream(stream)

    async def _send_stream(self, stream: Stream) -> None:
        """All of it, unless the client goes first: then trio.BrokenResourceError."""
        is_whole = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._until_heard, nursery.cancel_scope)
            with suppress(trio.BrokenResourceError, trio.TooSlowError):
                async with aclosing(stream()) as pieces:
                    async for piece in pieces:
                        await self._write(h11.Data(data=piece))
                await self._write(h11.EndOfMessage())
                is_whole = True
            nursery.cancel_scope.cancel()
        if not is_whole:
            raise trio.BrokenResourceError("the client has left its stream")

    async def _until_heard(self, scope: trio.CancelScope) -> None:
        """A client that listens to a stream says only that it goes; anything else ends the stream, too."""
        with suppress(trio.BrokenResourceError):
            self._protocol.receive_data(bytes(await self._stream.receive_some(1)))
        scope.cancel()

    async def _write(self, *events: h11.Event) -> None:
        data = b"".join(self._protocol.send(event) or b"" for event in events)
        with trio.fail_after(self._limits.write_timeout):
            await self._stream.send_all(data)

    async def _linger(self) -> None:
        """End our side and read on for a while.

        To close with bytes unread would reset the connection, and the reset may take the last response away
        from the client (RFC 9112 9.6).
        """
        self._place.begins(Doing.READING)
        with trio.move_on_after(self._limits.linger_timeout):
            await self._stream.send_eof()
            while await self._stream.receive_some(_DROPPED_AT_ONCE):
                pass


def _request(head: h11.Request, client: str) -> Request:
    if not head.http_version.startswith(b"1."):
        raise _RequestError(505)
    if head.method == b"CONNECT":
        raise _RequestError(501)
    headers: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if "content-length" in headers and "transfer-encoding" in headers:
        raise _RequestError(400)  # two lengths for one body: how requests are smuggled (RFC 9112 6.1)
    host, route, query = _split_target(head.target.decode("ascii"))
    fields = {name: tuple(values) for name, values in parse_qs(query, keep_blank_values=True).items()}
    method = head.method.decode("ascii")
    return Request(method, unquote(route), fields, headers, host or headers.get("host"), client)


def _split_target(target: str) -> tuple[str, str, str]:
    """Host, path and query of a request target in origin, absolute or asterisk form (RFC 9112 3.2).

    The host is there in the absolute form only, and then it is this one that counts (RFC 9112 3.2.2).
    """
    if target.startswith("/") or target == "*":
        route, _, query = target.partition("?")
        return "", route, query
    try:
        parts = urlsplit(target)
    except ValueError as error:
        raise _RequestError(400) from error
    if parts.scheme not in ("http", "https"):
        raise _RequestError(400)
    return parts.netloc, parts.path or "/", parts.query


def _refusal(status: int) -> Response:
    return Response(status, f"{_REFUSALS[status]}\n".encode())


def _head(response: Response) -> h11.Response:
    """The response's head; raises h11.LocalProtocolError or UnicodeError where it would not be valid HTTP."""
    own = {name.lower() for name, _ in response.headers}
    headers = [
        ("Date", formatdate(usegmt=True)),
        ("Server", "netcheck"),
        ("Content-Type", response.content_type),
        *(each for each in _FOR_BROWSERS if each[0].lower() not in own),
        *response.headers,
    ]
    if response.status not in _BODILESS and response.stream is None:
        headers.append(("Content-Length", str(len(response.body))))
    reason = reason_phrases.get(response.status, "")
    return h11.Response(status_code=response.status, reason=reason, headers=headers)


def accepts_gzip(request: Request) -> bool:
    """Whether the client takes gzip and does not like the plain body better (RFC 9110 12.5.3)."""
    weights: dict[str, float] = {}
    for item in request.headers.get("accept-encoding", "").lower().split(","):
        coding, *parameters = (part.strip() for part in item.split(";"))
        weights[coding] = _weight(parameters)
    gzip_weights = [weights[name] for name in _GZIP_NAMES if name in weights]
    weight = max(gzip_weights, default=weights.get("*", 0.0))
    return weight > 0 and weight >= weights.get("identity", 0.0)


def _weight(parameters: list[str]) -> float:
    """The q-value, 1 where there is none, 0 where it is malformed (RFC 9110 12.4.2)."""
    for name, _, value in (parameter.partition("=") for parameter in parameters):
        if name == "q":
            return float(value) if re.fullmatch(r"0(\.\d{0,3})?|1(\.0{0,3})?", value) else 0.0
    return 1.0


def compressed(response: Response) -> Response:
    """The response with its body in gzip, fast rather than small: 1 MB of metrics takes some milliseconds."""
    body = gzip.compress(response.body, compresslevel=1, mtime=0)
    headers = (*response.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return replace(response, body=body, headers=headers)
