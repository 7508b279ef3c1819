"""Which route answers with what. Must not know probing: it shows what a View gives."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import trio

from netcheck.config.reading.durations import seconds as duration
from netcheck.web.server import RETRY, Handler, Request, Response, Stream, accepts_gzip, compressed

_GZIP_FROM = 1400
"""Bytes; less fits one packet anyway."""


class Refused(Exception):
    """What is asked for is not to be had, or not now; the message says why, and what to do."""

    def __init__(self, status: int, message: str, *, for_now: bool = False) -> None:
        """`status` is HTTP's; `for_now`: it is worth asking again soon."""
        super().__init__(message)
        self.status = status
        self.headers = RETRY if for_now else ()


class Showing(Protocol):
    """What people are shown."""

    async def page(self) -> bytes: ...
    async def status(self) -> bytes: ...
    async def incidents(self, seconds: float, /) -> bytes: ...
    def asset(self, name: str, /) -> tuple[bytes, str] | None: ...
    def events(self) -> Stream | None: ...


class View(Protocol):
    """What the daemon lets the web room show and do."""

    @property
    def ready(self) -> bool: ...
    @property
    def showing(self) -> Showing: ...
    async def scrape(self, accept: str, names: Sequence[str]) -> tuple[bytes, str]: ...
    async def probe(self, path: str, service: str, host: str) -> str: ...
    async def reload(self) -> str | None: ...


Route = Callable[[View, Request], Awaitable[Response]]


async def _page(view: View, _: Request) -> Response:
    return Response(200, await view.showing.page(), "text/html; charset=utf-8", _PAGE_POLICY)


async def _asset(view: View, request: Request) -> Response:
    found = view.showing.asset(request.route.removeprefix(_ASSETS))
    if found is None:
        return Response(404, b"There is no such file; see /\n")
    return Response(200, *found, _ASSET_CACHE)


async def _incidents(view: View, request: Request) -> Response:
    try:
        seconds = duration(_one(request, "since") or _USUAL_SINCE)
    except ValueError as error:
        return _text(400, f"since: {error}\n")
    return Response(200, await view.showing.incidents(seconds), _JSON)


async def _events(view: View, _: Request) -> Response:
    stream = view.showing.events()
    if stream is None:
        return Response(503, b"Too many pages listen already; ask /api/v1/status instead.\n", headers=RETRY)
    return Response(200, b"retry: 3000\n\n", "text/event-stream", stream=stream)


async def _probe(view: View, request: Request) -> Response:
    try:
        text = await view.probe(*(_one(request, name) for name in _TAKES["/probe"]))
    except Refused as error:
        return _text(error.status, f"{error}\n", error.headers)
    return _text(200, text)


async def _metrics(view: View, request: Request) -> Response:
    accept, names = request.headers.get("accept", ""), request.query.get("name[]", ())
    body, content_type = await view.scrape(accept, names)
    return Response(200, body, content_type)


async def _status(view: View, _: Request) -> Response:
    return Response(200, await view.showing.status(), _JSON)


async def _healthy(_: View, __: Request) -> Response:
    return Response(200, b"netcheck is running.\n")


async def _ready(view: View, _: Request) -> Response:
    if view.ready:
        return Response(200, b"The first full round has ended.\n")
    return Response(503, b"The first full round has not ended yet.\n")


async def _reload(view: View, _: Request) -> Response:
    if problem := await view.reload():
        return _text(500, f"The old configuration stays in force:\n{problem}\n")
    return Response(200, b"The configuration was reloaded.\n")


def _one(request: Request, name: str) -> str:
    """The value of a parameter; the first of several, and empty where there is none."""
    return request.query.get(name, ("",))[0]


def _unknown(request: Request) -> Response | None:
    """Refuses a parameter that would do nothing; None where there is none such."""
    known = _TAKES.get(request.route, request.query)
    unknown = [name for name in request.query if name not in known]
    if not unknown:
        return None
    there_is = f"; there is: {', '.join(known)}" if known else ""
    return _text(400, f"There is no parameter {unknown[0][:100]!a} here{there_is}.\n")


def _text(status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Names of files may hold what UTF-8 has not: it is escaped."""
    return Response(status, text.encode(errors="backslashreplace"), headers=headers)


_ASSETS = "/assets/"
_WHOLE_SERVER = "*"  # for OPTIONS: RFC 9110 section 9.3.7
_JSON = "application/json"
_TAKES = {
    "/api/v1/status": (),
    "/api/v1/incidents": ("since",),
    "/api/v1/events": (),
    "/probe": ("path", "service", "host"),
}
"""The parameters; other routes bear with any."""
_USUAL_SINCE = "7d"
_ASSET_CACHE = (("Cache-Control", "max-age=86400"),)  # the page asks for them by their content
_PAGE_POLICY = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
)
_ROUTES: dict[str, dict[str, Route]] = {
    "/": {"GET": _page},
    "/metrics": {"GET": _metrics},
    "/api/v1/status": {"GET": _status},
    "/api/v1/incidents": {"GET": _incidents},
    "/api/v1/events": {"GET": _events},
    "/probe": {"GET": _probe},
    "/-/healthy": {"GET": _healthy},
    "/-/ready": {"GET": _ready},
    "/-/reload": {"POST": _reload},
}
_ASSET_ROUTE: dict[str, Route] = {"GET": _asset}


def routes(view: View) -> Handler:
    """The handler for all routes."""

    async def handle(request: Request) -> Response:
        methods = _ROUTES.get(request.route, _ASSET_ROUTE if request.route.startswith(_ASSETS) else None)
        if methods is None and request.route != _WHOLE_SERVER:
            return Response(404, b"There is nothing here; see /\n")
        if methods is None or request.method == "OPTIONS":
            return _allowed(200 if request.method == "OPTIONS" else 405, methods or ("GET", "POST"))
        route = methods.get("GET" if request.method == "HEAD" else request.method)
        if route is None:
            return _allowed(405, methods)
        return await _in_few_bytes(request, _unknown(request) or await route(view, request))

    return handle


def _allowed(status: int, methods: Iterable[str]) -> Response:
    """Who can answer GET can answer HEAD: RFC 9110 section 9.3.2."""
    words = [word for each in methods for word in ((each, "HEAD") if each == "GET" else (each,))]
    allowed = ", ".join([*words, "OPTIONS"])
    return _text(status, f"Only {allowed} here.\n", (("Allow", allowed),))


async def _in_few_bytes(request: Request, response: Response) -> Response:
    """Compressed where the client takes it, in a thread: a megabyte would block the loop for 10 ms."""
    if len(response.body) < _GZIP_FROM or response.stream is not None or not accepts_gzip(request):
        return response
    return await trio.to_thread.run_sync(compressed, response, abandon_on_cancel=True)
