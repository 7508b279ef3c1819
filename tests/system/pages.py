"""HTTP to a server on loopback, in one request and without regard to the proxies of the environment."""

import contextlib
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import NamedTuple


class Page(NamedTuple):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def fetch(port: int, route: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Page:
    """The answer, whatever its status; OSError when there is none in a minute."""
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, route, headers=headers or {})
        response = connection.getresponse()
        return Page(response.status, dict(response.headers.items()), response.read())


def demand(port: int, route: str) -> Page:
    """The same, and ConnectionError unless the status is 200."""
    page = fetch(port, route)
    if page.status != 200:
        raise ConnectionError(f"{page.status} for {route}: {page.text[:200]}")
    return page
