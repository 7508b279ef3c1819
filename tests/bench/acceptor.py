"""Accepts every TCP connection on the ports FIRST to LAST and closes it when its client does."""

import select
import socket
import sys

BACKLOG = 4096
EVENTS_AT_ONCE = 512


def listen(port: int) -> socket.socket:
    listener = socket.create_server(("", port), backlog=BACKLOG)
    listener.setblocking(False)
    return listener


def accept_all(listener: socket.socket, poll: select.epoll, clients: dict[int, socket.socket]) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:  # nobody waits any more, or the client has left again
            return
        clients[client.fileno()] = client
        poll.register(client, select.EPOLLIN | select.EPOLLRDHUP)


def main(first: int, last: int) -> None:
    listeners = {listener.fileno(): listener for listener in map(listen, range(first, last + 1))}
    clients: dict[int, socket.socket] = {}
    poll = select.epoll()
    for listener in listeners.values():
        poll.register(listener, select.EPOLLIN)
    while True:
        for number, _ in poll.poll(maxevents=EVENTS_AT_ONCE):
            if number in listeners:
                accept_all(listeners[number], poll, clients)
            else:
                clients.pop(number).close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
