"""Relays DNS from the address given to a nameserver on loopback, and answers some queries in its own way.

A program of its own, with nothing but the standard library: no server that Debian has is as old as this.

    python odd_dns.py ADDRESS CODE WHICH

CODE is the response code of its own answers, or -1 where there are none; WHICH is `edns` for queries with
EDNS only, `aaaa` for those for IPv6 addresses, `half` for those for one family, which depends on the name's
first letter as if it were chance, or `all`. With `slow` it relays all, late.
"""

import socket
import socketserver
import sys
import time

NAMESERVER = ("127.0.0.1", 53)
_HEADER = 12  # RFC 1035 section 4.1.1
_FORMAT_ERROR, _NONE = 1, -1
_LATE = 0.8
"""Seconds: a lookup with two nameservers asks the second one before."""


def has_edns(query: bytes) -> bool:
    """Whether it has an additional record, of which a query has no other kind."""
    return query[10:12] != bytes(2)


def asks_for_ipv6(query: bytes) -> bool:
    """By its one question's type, which is AAAA (RFC 3596 section 2.1)."""
    return query[query.index(0, _HEADER) + 1 :][:2] == bytes([0, 28])


def is_of_half(query: bytes) -> bool:
    """Whether it asks for the one family of an even letter, or for the other one of an odd letter."""
    return asks_for_ipv6(query) == bool(query[_HEADER + 1] & 1)


def refusal(query: bytes, code: int) -> bytes:
    """The question with the code; of what could not be read, the header alone."""
    flags = bytes([query[2] | 0x80, code])
    question = b"" if code == _FORMAT_ERROR else query[_HEADER : query.index(0, _HEADER) + 5]
    counts = bytes([0, 1 if question else 0]) + bytes(6)
    return query[:2] + flags + counts + question


def relay(query: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
        upstream.settimeout(2)
        upstream.connect(NAMESERVER)
        upstream.send(query)
        return upstream.recv(65535)


class Odd(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        query, client = self.request
        which = {"edns": has_edns, "aaaa": asks_for_ipv6, "half": is_of_half}
        mine = WHICH == "all" or (WHICH != "slow" and which[WHICH](query))
        if WHICH == "slow":
            time.sleep(_LATE)  # it is slow, and each question has a thread
        if not mine:
            client.sendto(relay(query), self.client_address)
        elif CODE != _NONE:
            client.sendto(refusal(query, CODE), self.client_address)


if __name__ == "__main__":
    ADDRESS, CODE, WHICH = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    listener = socket.create_server((ADDRESS, 53))  # says that it is up, and answers nothing over TCP
    socketserver.ThreadingUDPServer((ADDRESS, 53), Odd).serve_forever()
