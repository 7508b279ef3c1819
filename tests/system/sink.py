"""Accepts TCP on the ports given as arguments, on all addresses; is silent, and closes when the client does.

A program of its own, with nothing but the standard library: it stands in for Apple's listeners.
"""

import contextlib
import selectors
import socket
import sys

MOST = 512
"""Connections kept at once; beyond it the oldest goes."""


def listen(family: socket.AddressFamily, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family is socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(("", port))
    listener.listen(1024)
    listener.setblocking(False)
    return listener


class Sink:
    def __init__(self, listeners: list[socket.socket]) -> None:
        self._selector = selectors.DefaultSelector()
        self._clients: dict[socket.socket, None] = {}  # in order of arrival
        for listener in listeners:
            self._selector.register(listener, selectors.EVENT_READ, self._accept)

    def run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                key.data(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # gone again before we looked
            client = listener.accept()[0]
            client.setblocking(False)
            self._clients[client] = None
            self._selector.register(client, selectors.EVENT_READ, self._read)
        if len(self._clients) > MOST:
            self._drop(next(iter(self._clients)))

    def _read(self, client: socket.socket) -> None:
        try:
            ended = not client.recv(65536)
        except OSError:
            ended = True
        if ended:
            self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        if client in self._clients:  # not in the same turn already dropped as the oldest
            del self._clients[client]
            self._selector.unregister(client)
            client.close()


if __name__ == "__main__":
    families = (socket.AF_INET, socket.AF_INET6)
    Sink([listen(family, int(port)) for port in sys.argv[1:] for family in families]).run()
