"""Sockets that listen: opened where the config says, or taken over from who started us.

Owns binding, and the files of unix sockets. Must not know what is spoken over a connection.
"""

import errno
import os
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import trio

from netcheck.config.reading.listen_places import Listen, ListenPlace, UnixListen
from netcheck.model.hosts import endpoint_text

_BACKLOG = 1024
"""Connections that the kernel keeps until we come to them; the system has a limit of its own."""
_UNIX_MODE = 0o660
"""Who may connect: this user and this group; the folder's mode may let in fewer."""
_NO_MORE_FILES = "raise LimitNOFILE or ulimit -n"
_ADVICE: Mapping[int | None, str] = {
    errno.EMFILE: _NO_MORE_FILES,
    errno.EADDRINUSE: "another program listens there: stop it, or choose another port",
    errno.EADDRNOTAVAIL: "no interface here has this address: choose one that has, or 0.0.0.0 for all",
    errno.EACCES: "this user may not use this port: choose one above 1023, or grant CAP_NET_BIND_SERVICE",
    errno.EAFNOSUPPORT: "this machine does not speak this address family: choose an address of the other",
}
_UNIX_ADVICE: Mapping[int | None, str] = {
    errno.EMFILE: _NO_MORE_FILES,
    errno.EADDRINUSE: "another program listens there: stop it, or choose another file",
    errno.EEXIST: "a file that is no socket has this name: remove it, or choose another name",
    errno.ENOENT: "there is no such folder: make it, or choose another one",
    errno.EACCES: "this user may not make a file there: choose another folder, or change its owner",
    errno.EROFS: "nothing can be written there: choose another folder, such as one below /run",
}


class ListenError(Exception):
    """Nothing can listen there; the message says where, why and what to do."""


class Door:
    """A socket that listens, until it is closed."""

    def __init__(self, sock: socket.socket, file: Path | None = None) -> None:
        """`file` is that of a unix socket of our own, which goes with it."""
        self._file = file
        self._inode = _inode(file)
        self.name = _name(sock)
        """Where clients find it: HOST:PORT, or unix:/PATH."""
        self.scope = trio.CancelScope()
        """To accept connections in."""
        self.listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))

    def close(self) -> None:
        """Take no more connections. What is connected stays so."""
        self.scope.cancel()
        self.listener.socket.close()
        if self._file is not None and _inode(self._file) == self._inode:  # not one that came in its place
            with suppress(OSError):
                self._file.unlink()


def open_door(place: ListenPlace) -> Door:
    """Listen there; ListenError where that cannot be. To be called in a trio loop."""
    try:
        if isinstance(place, UnixListen):
            return Door(_open_file(place.file), place.file)
        return Door(_open_port(place))
    except OSError as error:
        raise _explained(place, error) from error


def door_of(name: str, sock: socket.socket) -> Door:
    """A door of a socket that somebody else has made; ListenError where it does not listen for streams."""
    is_stream = sock.type == socket.SOCK_STREAM and sock.family in (
        socket.AF_INET,
        socket.AF_INET6,
        socket.AF_UNIX,
    )
    if not is_stream or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ListenError(
            f"what was passed as {name}, descriptor {sock.fileno()}, does not listen for connections: "
            "write ListenStream= into the socket unit, and no Accept=yes"
        )
    sock.set_inheritable(False)
    return Door(sock)


@contextmanager
def _closed_on_error(sock: socket.socket) -> Iterator[socket.socket]:
    try:
        yield sock
    except OSError:
        sock.close()
        raise


def _open_port(place: Listen) -> socket.socket:
    numeric = socket.AI_NUMERICHOST | socket.AI_PASSIVE  # no name is looked up for it
    found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=numeric)
    family, kind, protocol, _, address = found[0]
    with _closed_on_error(socket.socket(family, kind, protocol)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    return sock


def _open_file(file: Path) -> socket.socket:
    with _closed_on_error(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as sock:
        _remove_what_is_left(file)
        sock.bind(str(file))
        file.chmod(_UNIX_MODE)  # before it listens, so nobody has come in by the mode that it had
        sock.listen(_BACKLOG)
    return sock


def _remove_what_is_left(file: Path) -> None:
    """Remove a socket that nobody listens on, as one is left by a process that was killed."""
    try:
        is_socket = stat.S_ISSOCK(file.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        if client.connect_ex(str(file)) == errno.ECONNREFUSED:
            file.unlink()


def _explained(place: ListenPlace, error: OSError) -> ListenError:
    if isinstance(place, UnixListen):
        what_to_do = _UNIX_ADVICE.get(error.errno, "choose another file")
    else:
        what_to_do = _ADVICE.get(error.errno, "choose another address")
    return ListenError(f"cannot listen on {place}: {error.strerror}; {what_to_do}")


def _name(sock: socket.socket) -> str:
    address = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(address)}"
    return endpoint_text(str(address[0]), int(address[1]))


def _inode(file: Path | None) -> tuple[int, int] | None:
    try:
        status = file.lstat() if file else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status else None
