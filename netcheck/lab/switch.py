"""A server on loopback that can be switched: serving, refusing, swallowing what comes, and back."""

import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum, auto
from functools import partial

import trio

Handler = Callable[[trio.SocketStream], Awaitable[None]]

_BACKLOG = 64
_FILLERS = 8


class Mode(Enum):
    """What happens to whoever connects."""

    SERVING = auto()
    REFUSING = auto()
    """Refused at once, as where nothing listens."""
    SWALLOWING = auto()
    """Hears nothing, as behind a firewall that drops. Only Linux answers a full queue with silence."""


class Switch:
    """One address and port, with a handler for each connection. `serve` runs until cancelled.

    A change cuts the connections that are open, as when a server ends.
    """

    def __init__(self, address: str, handler: Handler, port: int = 0) -> None:
        """Bind at once; port 0 lets the system choose. OSError where that cannot be done."""
        self._handler = handler
        self._socket = _bound(address, port)
        self.address, self.port = self._socket.getsockname()[:2]
        self._mode = Mode.SERVING
        self._changed = trio.Event()

    def open(self) -> None:
        self._turn(Mode.SERVING)

    def refuse(self) -> None:
        self._turn(Mode.REFUSING)

    def swallow(self) -> None:
        self._turn(Mode.SWALLOWING)

    def _turn(self, mode: Mode) -> None:
        self._mode = mode
        self._changed.set()

    async def serve(self) -> None:
        """Do what it is switched to. The port stays bound all the time but for the moment of a change."""
        while True:
            self._changed = trio.Event()
            with self._socket:
                match self._mode:
                    case Mode.SERVING:
                        await self._accept()
                    case Mode.SWALLOWING:
                        with _full_queue(self._socket):
                            await self._changed.wait()
                    case Mode.REFUSING:
                        await self._changed.wait()
            self._socket = _bound(self.address, self.port)

    async def _accept(self) -> None:
        self._socket.listen(_BACKLOG)
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._socket))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(trio.serve_listeners, self._handle, [listener]))
            await self._changed.wait()
            nursery.cancel_scope.cancel()

    async def _handle(self, stream: trio.SocketStream) -> None:
        """What a connection runs into ends only that connection."""
        try:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await self._handler(stream)
        finally:
            await trio.aclose_forcefully(stream)


@contextmanager
def _full_queue(sock: socket.socket) -> Iterator[None]:
    """Listen, with so many connections waiting that the kernel takes no more."""
    sock.listen(0)
    with ExitStack() as fillers:
        for _ in range(_FILLERS):
            filler = fillers.enter_context(socket.socket(sock.family, socket.SOCK_STREAM))
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.connect(sock.getsockname())
        yield


def _bound(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
