"""Which route answers with what. Must not know probing: it shows what a View gives."""

import html
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import trio

from netcheck import __version__
from netcheck.web.server import Handler, Request, Response, accepts_gzip, compressed

_GZIP_FROM = 1400
"""Bytes; less fits one packet anyway."""


class View(Protocol):
    """What the daemon lets the web room show and do."""

    @property
    def ready(self) -> bool: ...
    def scrape(self, accept: str, names: Sequence[str]) -> tuple[bytes, str]: ...
    def status(self) -> dict[str, object]: ...
    async def reload(self) -> str | None: ...


Route = Callable[[View, Request], Awaitable[Response]]


async def _index(_: View, __: Request) -> Response:
    links = "".join(
        f'<li><a href="{route}">{route}</a> {html.escape(says)}</li>' for route, says in _SAYS.items()
    )
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8><title>netcheck</title>"
        f"<h1>netcheck {__version__}</h1><ul>{links}</ul></html>"
    )
    policy = ("Content-Security-Policy", "default-src 'none'")
    return Response(200, page.encode(), "text/html; charset=utf-8", (policy,))


async def _metrics(view: View, request: Request) -> Response:
    body, content_type = view.scrape(request.headers.get("accept", ""), request.query.get("name[]", ()))
    return Response(200, body, content_type)


async def _status(view: View, _: Request) -> Response:
    body = json.dumps(view.status()).encode()  # with an indent it is several times as slow
    return Response(200, body, "application/json", (("Cache-Control", "no-store"),))


async def _healthy(_: View, __: Request) -> Response:
    return Response(200, b"netcheck is running.\n")


async def _ready(view: View, _: Request) -> Response:
    if view.ready:
        return Response(200, b"The first full round has ended.\n")
    return Response(503, b"The first full round has not ended yet.\n")


async def _reload(view: View, _: Request) -> Response:
    if problem := await view.reload():
        return Response(500, f"The old configuration stays in force:\n{problem}\n".encode())
    return Response(200, b"The configuration was reloaded.\n")


_ROUTES: dict[str, dict[str, Route]] = {
    "/": {"GET": _index},
    "/metrics": {"GET": _metrics},
    "/api/v1/status": {"GET": _status},
    "/-/healthy": {"GET": _healthy},
    "/-/ready": {"GET": _ready},
    "/-/reload": {"POST": _reload},
}
_SAYS = {
    "/metrics": "for Prometheus",
    "/api/v1/status": "verdicts, latest results and lookups as JSON",
    "/-/healthy": "the process runs",
    "/-/ready": "the first full round has ended",
}


def routes(view: View) -> Handler:
    """The handler for all routes."""

    async def handle(request: Request) -> Response:
        methods = _ROUTES.get(request.route)
        if methods is None:
            return Response(404, b"There is nothing here; see /\n")
        route = methods.get("GET" if request.method == "HEAD" else request.method)
        if route is None:
            allowed = ", ".join(methods)
            return Response(405, f"Only {allowed} here.\n".encode(), headers=(("Allow", allowed),))
        return await _in_few_bytes(request, await route(view, request))

    return handle


def _worth_compressing(request: Request, response: Response) -> bool:
    return len(response.body) >= _GZIP_FROM and accepts_gzip(request)


async def _in_few_bytes(request: Request, response: Response) -> Response:
    """Compressed where the client takes it, in a thread: a megabyte would block the loop for 10 ms."""
    if not _worth_compressing(request, response):
        return response
    return await trio.to_thread.run_sync(compressed, response)
