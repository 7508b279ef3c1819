"""A web port on loopback, inside the test."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from netcheck.config.reading.listen_places import Listen, ListenPlace
from netcheck.config.web import Web
from netcheck.web.port import WebPort
from netcheck.web.protection import Protected, Protection
from netcheck.web.server import LIMITS, Handler, Limits

SOMEWHERE = (Listen("127.0.0.1", 0),)
OPEN = Protection(Web(hosts=("h",)))
"""No TLS and no login, and a short name for the Host of requests."""


@asynccontextmanager
async def web_port(
    handler: Handler,
    limits: Limits = LIMITS,
    protection: Protection = OPEN,
    places: Sequence[ListenPlace] = SOMEWHERE,
) -> AsyncIterator[WebPort]:
    async with trio.open_nursery() as nursery:
        port = WebPort(handler, Protected(protection), limits)
        await nursery.start(port.run)
        port.open(places)
        yield port
        nursery.cancel_scope.cancel()
