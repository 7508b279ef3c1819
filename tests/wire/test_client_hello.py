"""The two TLS hellos, against a server of OpenSSL."""

import ssl
from contextlib import suppress

import pytest
import trustme

from netcheck.wire.client_hello import LARGE, client_hello

NAME = "courier.push.apple.com"
ALPN = ("apns-security-v3",)
AUTHORITY = trustme.CA()
HANDSHAKE, SERVER_HELLO = 0x16, 2
PACKET = 1460
"""Bytes that a packet of Ethernet carries of TCP over IPv4."""


class Server:
    """OpenSSL's, over memory: what it hears and answers."""

    def __init__(self, *, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, curve: str | None = None) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert(NAME).configure_cert(context)
        context.maximum_version = version
        context.set_alpn_protocols(list(ALPN))
        if curve is not None:
            context.set_ecdh_curve(curve)
        context.sni_callback = self._note
        self.name: str | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def _note(self, _tls: object, name: str | None, _context: object) -> None:
        self.name = name

    def hear(self, hello: bytes) -> bytes:
        self._incoming.write(hello)
        with suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self._outgoing.read()


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("curve", [None, "prime256v1"])
def test_openssl_answers_it(large: bool, version: ssl.TLSVersion, curve: str | None) -> None:
    server = Server(version=version, curve=curve)
    answer = server.hear(client_hello(NAME, ALPN, large=large))
    assert (answer[0], answer[5]) == (HANDSHAKE, SERVER_HELLO)
    assert (server.name, server.tls.selected_alpn_protocol()) == (NAME, ALPN[0])


def test_only_the_large_one_needs_two_packets() -> None:
    large, short = (client_hello(NAME, ALPN, large=large) for large in (True, False))
    assert len(short) < 400 < PACKET < len(large) == LARGE
    assert all(int.from_bytes(hello[3:5]) == len(hello) - 5 for hello in (large, short))


def test_its_size_does_not_depend_on_the_name() -> None:
    for name in ("a.b", f"{'long' * 15}.push.apple.com"):
        assert len(client_hello(name, (), large=True)) == LARGE


def test_no_two_are_alike() -> None:
    assert len({client_hello(NAME, ALPN, large=True) for _ in range(3)}) == 3


def test_the_made_up_key_is_one_that_servers_take() -> None:
    """FIPS 203 section 7.2: they check that each of its numbers is below 3329."""
    hello = client_hello(NAME, ALPN, large=True)
    at = hello.index(bytes.fromhex("11ec 04c0")) + 4
    packed = int.from_bytes(hello[at : at + 1152], "little")
    assert max((packed >> (12 * place)) & 0xFFF for place in range(768)) < 3329
    assert hello[at + 1216 : at + 1220] == bytes.fromhex("001d 0020")
