"""The web port: its doors, the places behind them, and TLS and HTTP on each connection."""

import ipaddress
import logging
import re
import socket
from collections.abc import Iterable, Sequence
from functools import partial

import trio

from netcheck.config.reading.listen_places import Listen, ListenPlace
from netcheck.open_files import affordable
from netcheck.web.access import guarded
from netcheck.web.listening import Door, ListenError, door_of, open_door
from netcheck.web.places import Place, Places
from netcheck.web.protection import Protected
from netcheck.web.server import LIMITS, ByteStream, Connection, Handler, Limits
from netcheck.web.tls import NotTlsError, TlsError, TlsStream

_log = logging.getLogger("netcheck.web")
_SHARE_OF_FILES = 4
"""Of the files that we may open, clients may take one in so many: probes need some, and so do imports."""
_LAST_ANSWERS = 1.0
"""Seconds that answers under way may take when the port closes."""
_NEIGHBOURS = 64
"""Bits of an IPv6 address that tell one network from another: within one, everybody has many addresses."""
_THE_PAGE = re.compile(
    rb"(?:GET|HEAD) / HTTP/1\.[01]\r\n(?:[^\n]*\n)*?Host:[ \t]*([!-~]{1,300})[ \t]*\r\n", re.I
)
_SENT_ON = (
    b"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://%s/\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
"""To who asks without TLS for the page, as links in alerts do. Not 301, which browsers keep for good; nor for
other routes, for which passwords would be sent in the clear each time, and nobody would notice."""
_TLS_IS_SPOKEN_HERE = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"TLS is spoken here: ask for https://\n"
)


class WebPort:
    """Answers HTTP requests on as many sockets as the config names."""

    def __init__(self, handler: Handler, protected: Protected, limits: Limits = LIMITS) -> None:
        self._handler = guarded(handler, lambda: protected.now)
        self._protected = protected
        self._limits = limits
        most = affordable(limits.connections, _SHARE_OF_FILES)
        self._places = Places(most, limits.connections_per_client, limits.unread_answers)
        protected.dismiss_all = self._places.dismiss
        self._doors: dict[ListenPlace, Door] = {}
        self._passed: list[Door] = []
        self._nursery: trio.Nursery | None = None

    @property
    def names(self) -> list[str]:
        """Where clients find it."""
        return [door.name for door in (*self._passed, *self._doors.values())]

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve whoever comes through the doors that are opened meanwhile, until cancelled."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._close_doors()

    def open(self, places: Sequence[ListenPlace]) -> None:
        """Listen there, and nowhere else; who listens already goes on. ListenError changes nothing."""
        if self._passed:
            return
        fresh = [place for place in places if place not in self._doors]
        gone = [place for place in self._doors if place not in places]
        opened = self._opened(fresh, gone)
        for place in gone:
            door = self._doors.pop(place)
            door.close()
            self._places.dismiss(door)
        for place, door in opened.items():
            self._doors[place] = door
            self._serve(door)

    def take_over(self, sockets: Iterable[tuple[str, socket.socket]]) -> None:
        """Serve these, which somebody else has opened and named, and nothing beside. Raises ListenError."""
        self._passed = [door_of(name, sock) for name, sock in sockets]
        for door in self._passed:
            self._serve(door)

    async def close(self) -> None:
        """Take no more connections, and give the answers under way some time to get out."""
        self._close_doors()
        self._places.dismiss()
        with trio.move_on_after(_LAST_ANSWERS):
            await self._places.emptied()

    def _opened(self, fresh: Sequence[ListenPlace], gone: Iterable[ListenPlace]) -> dict[ListenPlace, Door]:
        """All of them, or ListenError and none."""
        opened: dict[ListenPlace, Door] = {}
        in_the_way = [each for each in gone if any(_exclude(each, place) for place in fresh)]
        for each in in_the_way:
            self._doors[each].close()
        try:
            for place in fresh:
                opened[place] = open_door(place)
        except ListenError:
            for door in opened.values():
                door.close()
            for each in in_the_way:
                self._reopen(each)
            raise
        return opened

    def _reopen(self, place: ListenPlace) -> None:
        try:
            door = self._doors[place] = open_door(place)
        except ListenError as error:  # somebody was faster
            _log.error("%s", error)
            del self._doors[place]
        else:
            self._serve(door)

    def _close_doors(self) -> None:
        for door in (*self._passed, *self._doors.values()):
            door.close()
        self._passed, self._doors = [], {}

    def _serve(self, door: Door) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(self._accept, door)

    async def _accept(self, door: Door) -> None:
        try:
            with door.scope:
                admit = partial(self._admit, door)
                await trio.serve_listeners(admit, [door.listener], handler_nursery=self._nursery)
        except* trio.ClosedResourceError:  # somebody came just when the door was closed
            pass

    async def _admit(self, door: Door, stream: trio.SocketStream) -> None:
        """Serve a client. Whatever goes wrong stays with it."""
        client = _client_of(stream)
        if (place := self._places.take(client, door)) is None:
            _log.warning("too many requests at once: a connection from %s is closed", client, extra=_FULL)
            return
        try:
            with place.scope:
                await self._talk(stream, place)
        except (trio.BrokenResourceError, trio.TooSlowError, TlsError) as error:
            _log.debug("a client left before its response was out: %r", error)
        except Exception:  # a bug of ours costs one connection, and never the daemon
            _log.exception("a connection failed")
        finally:
            self._places.leave(place)

    async def _talk(self, stream: trio.SocketStream, place: Place) -> None:
        spoken = await self._with_tls(stream, place)
        if spoken is not None:
            await Connection(spoken, self._handler, self._limits, place).run()

    async def _with_tls(self, stream: trio.SocketStream, place: Place) -> ByteStream | None:
        """What to speak HTTP over; None where the client may not."""
        now = self._protected.now
        if now.tls is None:
            return stream
        tls = TlsStream(stream, now.tls)
        with trio.fail_after(self._limits.request_timeout):
            try:
                await tls.handshake()
            except NotTlsError as error:
                page = _THE_PAGE.match(error.said)
                await stream.send_all(_SENT_ON % page[1] if page else _TLS_IS_SPOKEN_HERE)
                return None
        allowed = now.said.tls.allowed_sans if now.said.tls else ()
        names = tls.names()
        if allowed and names is not None and names.isdisjoint(allowed):
            _log.warning(
                "a client at %s has none of client_allowed_sans in its certificate",
                place.client,
                extra={"kind": ("sans", place.client)},
            )
            return None
        return tls


_FULL = {"kind": "web port full"}


def _exclude(one: ListenPlace, other: ListenPlace) -> bool:
    """Whether they are one port, on every address and on one: whoever has the one keeps others off."""
    if not (isinstance(one, Listen) and isinstance(other, Listen) and one.port):
        return False
    return one.on_every_address == other or other.on_every_address == one


def _client_of(stream: trio.SocketStream) -> str:
    """Who it is, for limits: an address, a network of IPv6, or "unix" for all on this machine."""
    if stream.socket.family == socket.AF_UNIX:
        return "unix"
    try:
        host = str(stream.socket.getpeername()[0])
    except OSError:  # it has gone already
        return "gone"
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if mapped or isinstance(address, ipaddress.IPv4Address):
        return str(mapped or address)
    return str(ipaddress.ip_network((address, _NEIGHBOURS), strict=False))
