"""Odd answers of proxies: what curl goes on with, we go on with. The oracle is curl itself, run here.

Each row is an answer, or several in turn, and whether curl uses the tunnel after it. Where netcheck differs
the row says why. Everything is on loopback: the proxy is scripted, and the destination behind it is made up.
"""

import socket
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from netcheck.model.credentials import Credentials, Secret
from netcheck.model.paths import Proxy, ProxyScheme
from netcheck.wire.handshake import handshake_for
from netcheck.wire.target import Target
from netcheck.wire.transcript import HandshakeError

pytestmark = pytest.mark.needs("curl")

TARGET = Target("17.57.145.5", 5223)
LOGIN = Credentials("u", Secret("p"))
SCHEMES = {
    ProxyScheme.HTTP: ("--proxytunnel", "--proxy", "http://127.0.0.1:{}"),
    ProxyScheme.SOCKS4: ("--socks4", "127.0.0.1:{}"),
    ProxyScheme.SOCKS4A: ("--socks4a", "127.0.0.1:{}"),
    ProxyScheme.SOCKS5: ("--socks5", "127.0.0.1:{}"),
    ProxyScheme.SOCKS5H: ("--socks5-hostname", "127.0.0.1:{}"),
}


@dataclass
class Peer:
    """A proxy that gives one answer to each thing it hears, and knows whether the tunnel was used then."""

    answers: tuple[bytes, ...]
    used: bool = False
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def serve(self) -> None:
        # curl leaves without reading on: a reset is how that shows here.
        with self._listener, self._listener.accept()[0] as client, suppress(ConnectionError):
            client.settimeout(10)
            for answer in self.answers:
                client.recv(65536)
                client.sendall(answer)
            # Nothing more comes: whoever still waits for the rest of an answer gives up.
            heard = b""
            while not heard.startswith(b"GET ") and (data := client.recv(65536)):
                heard += data
            self.used = heard.startswith(b"GET ")


def curl_goes_on(scheme: ProxyScheme, login: Credentials | None, *answers: bytes) -> bool:
    peer = Peer(answers)
    serving = threading.Thread(target=peer.serve)
    serving.start()
    arguments = [part.format(peer.port) for part in SCHEMES[scheme]]
    if login:
        arguments += ["--proxy-user", f"{login.username}:{login.password.reveal()}"]
    subprocess.run(
        ["curl", "--silent", "--max-time", "2", *arguments, "http://17.57.145.5:5223/"],
        env={"PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    serving.join()
    return peer.used


def we_go_on(scheme: ProxyScheme, login: Credentials | None, *answers: bytes) -> bool:
    handshake = handshake_for(Proxy(scheme, "127.0.0.1", 1, login), TARGET)
    handshake.start()
    try:
        for answer in answers:
            for index in range(len(answer)):
                if not handshake.connected:
                    handshake.receive(answer[index : index + 1])
    except HandshakeError:
        return False
    return handshake.connected


OK = b"HTTP/1.1 200 OK\r\n"
CONNECTS = {
    "plain": OK + b"\r\n",
    "version 1.0": b"HTTP/1.0 200 Connection established\r\n\r\n",
    "version 1.2": b"HTTP/1.2 200 OK\r\n\r\n",
    "version 1.10": b"HTTP/1.10 200 OK\r\n\r\n",
    "version 2": b"HTTP/2 200 OK\r\n\r\n",
    "version 0.9": b"HTTP/0.9 200 OK\r\n\r\n",
    "version 1": b"HTTP/1 200 OK\r\n\r\n",
    "no version": b"HTTP 200 OK\r\n\r\n",
    "lower-case protocol": b"http/1.1 200 OK\r\n\r\n",
    "another protocol": b"ICY 200 OK\r\n\r\n",
    "lower-case phrase": b"HTTP/1.1 200 ok\r\n\r\n",
    "no phrase": b"HTTP/1.1 200\r\n\r\n",
    "no phrase but a space": b"HTTP/1.1 200 \r\n\r\n",
    "phrase in latin-1": b"HTTP/1.1 200 \xe4\r\n\r\n",
    "phrase with a NUL": b"HTTP/1.1 200 O\0K\r\n\r\n",
    "phrase without a space": b"HTTP/1.1 200OK\r\n\r\n",
    "dash after the status": b"HTTP/1.1 200-OK\r\n\r\n",
    "leading zero": b"HTTP/1.1 0200 OK\r\n\r\n",
    "two spaces": b"HTTP/1.1  200 OK\r\n\r\n",
    "tab": b"HTTP/1.1\t200 OK\r\n\r\n",
    "two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "four digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "201": b"HTTP/1.1 201 Created\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "299": b"HTTP/1.1 299 Odd\r\n\r\n",
    "199": b"HTTP/1.1 199 Odd\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "302": b"HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n",
    "403": b"HTTP/1.1 403 Forbidden\r\n\r\n",
    "space before the colon": OK + b"Proxy-Agent : x\r\n\r\n",
    "folded": OK + b"A: b\r\n c\r\n\r\n",
    "folded first": OK + b" folded\r\n\r\n",
    "no colon": OK + b"no colon\r\n\r\n",
    "empty name": OK + b": b\r\n\r\n",
    "odd name": OK + b"A(b: c\r\n\r\n",
    "latin-1": OK + b"A: \xe4\xf6\r\n\r\n",
    "NUL": OK + b"A: \0b\r\n\r\n",
    "line feeds": b"HTTP/1.1 200 OK\nA: b\n\n",
    "line feed at the end": OK + b"A: b\r\n\n",
    "carriage returns twice": b"HTTP/1.1 200 OK\r\r\n\r\r\n",
    "carriage returns alone": b"HTTP/1.1 200 OK\rA: b\r\r",
    "no blank line": OK,
    "length": OK + b"Content-Length: 5\r\n\r\n",
    "length that is none": OK + b"Content-Length: many\r\n\r\n",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n",
    "chunked and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
    "unknown coding": OK + b"Transfer-Encoding: odd\r\n\r\n",
    "close": OK + b"Connection: close\r\nProxy-Connection: close\r\n\r\n",
    "blank line first": b"\r\n" + OK + b"\r\n",
    "space first": b" " + OK + b"\r\n",
    "line first": b"hello\r\n" + OK + b"\r\n",
    "line of 15 KB": OK + b"A: " + b"x" * 15_000 + b"\r\n\r\n",
    "line of 20 KB": OK + b"A: " + b"x" * 20_000 + b"\r\n\r\n",
    "head of 280 KB": OK + b"A: %b\r\n" % (b"x" * 995) * 280 + b"\r\n",
    "head of 320 KB": OK + b"A: %b\r\n" % (b"x" * 995) * 320 + b"\r\n",
}


@pytest.mark.parametrize("answer", CONNECTS.values(), ids=CONNECTS.keys())
def test_connect_goes_on_where_curl_does(answer: bytes) -> None:
    assert we_go_on(ProxyScheme.HTTP, None, answer) == curl_goes_on(ProxyScheme.HTTP, None, answer)


GRANTED = b"\x05\x00\x00\x01" + bytes(6)
SOCKS5 = {
    "plain": (None, b"\x05\x00", GRANTED),
    "no login wanted": (LOGIN, b"\x05\x00", GRANTED),
    "login accepted": (LOGIN, b"\x05\x02", b"\x01\x00", GRANTED),
    "login accepted in version 5": (LOGIN, b"\x05\x02", b"\x05\x00", GRANTED),
    "login accepted in version 0": (LOGIN, b"\x05\x02", b"\x00\x00", GRANTED),
    "login accepted in version 255": (LOGIN, b"\x05\x02", b"\xff\x00", GRANTED),
    "login refused": (LOGIN, b"\x05\x02", b"\x01\x01"),
    "login refused in version 5": (LOGIN, b"\x05\x02", b"\x05\x01"),
    "login wanted unasked and any taken": (None, b"\x05\x02", b"\x01\x00", GRANTED),
    "login wanted unasked": (None, b"\x05\x02", b"\x01\x01"),
    "no method": (None, b"\x05\xff"),
    "a method of its own": (None, b"\x05\x80", GRANTED),
    "greeting in version 4": (None, b"\x04\x00", GRANTED),
    "greeting in version 1": (None, b"\x01\x00", GRANTED),
    "reply in version 4": (None, b"\x05\x00", b"\x04" + GRANTED[1:]),
    "reply in version 0": (None, b"\x05\x00", b"\x00" + GRANTED[1:]),
    "something reserved": (None, b"\x05\x00", b"\x05\x00\xff\x01" + bytes(6)),
    "address type 0": (None, b"\x05\x00", b"\x05\x00\x00\x00" + bytes(6)),
    "address type 2": (None, b"\x05\x00", b"\x05\x00\x00\x02" + bytes(6)),
    "a name": (None, b"\x05\x00", b"\x05\x00\x00\x03\x09localhost\x00\x00"),
    "IPv6": (None, b"\x05\x00", b"\x05\x00\x00\x04" + bytes(18)),
    "unassigned code": (None, b"\x05\x00", b"\x05\x09\x00\x01" + bytes(6)),
    "refusal cut after its code": (None, b"\x05\x00", b"\x05\x05"),
    "success cut after its code": (None, b"\x05\x00", b"\x05\x00"),
    "success cut in its address": (None, b"\x05\x00", b"\x05\x00\x00\x01" + bytes(5)),
}


@pytest.mark.parametrize("scheme", [ProxyScheme.SOCKS5, ProxyScheme.SOCKS5H])
@pytest.mark.parametrize("row", SOCKS5.values(), ids=SOCKS5.keys())
def test_socks5_goes_on_where_curl_does(
    scheme: ProxyScheme, row: tuple[Credentials | None, *tuple[bytes, ...]]
) -> None:
    login, *answers = row
    assert we_go_on(scheme, login, *answers) == curl_goes_on(scheme, login, *answers)


SOCKS4 = {
    "plain": b"\x00\x5a" + bytes(6),
    "rejected": b"\x00\x5b" + bytes(6),
    "rejected in version 4": b"\x04\x5b" + bytes(6),
    "no identd": b"\x00\x5c" + bytes(6),
    "code 0": b"\x00\x00" + bytes(6),
    "code 1": b"\x00\x01" + bytes(6),
    "version 1": b"\x01\x5a" + bytes(6),
    "version 5": b"\x05\x5a" + bytes(6),
    "cut after its code": b"\x00\x5a",
}


@pytest.mark.parametrize("scheme", [ProxyScheme.SOCKS4, ProxyScheme.SOCKS4A])
@pytest.mark.parametrize("answer", SOCKS4.values(), ids=SOCKS4.keys())
def test_socks4_goes_on_where_curl_does(scheme: ProxyScheme, answer: bytes) -> None:
    assert we_go_on(scheme, None, answer) == curl_goes_on(scheme, None, answer)


MORE_THAN_CURL = {
    "an interim answer": (  # clients have to skip it: RFC 9110 section 15.2
        ProxyScheme.HTTP,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ),
    "SOCKS4 in version 4": (  # nc and tsocks go on
        ProxyScheme.SOCKS4,
        b"\x04\x5a" + bytes(6),
    ),
}


@pytest.mark.parametrize(("scheme", "answer"), MORE_THAN_CURL.values(), ids=MORE_THAN_CURL.keys())
def test_what_other_clients_take_is_taken_although_curl_does_not(scheme: ProxyScheme, answer: bytes) -> None:
    """Where a later curl takes it too, its row belongs into the tables above."""
    assert we_go_on(scheme, None, answer)
    assert not curl_goes_on(scheme, None, answer)
