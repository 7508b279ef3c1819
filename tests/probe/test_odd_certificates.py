"""Certificates that OpenSSL or our library cannot read, as peers show them in a handshake."""

import hashlib
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from netcheck.model.failing import Phase, Reason
from netcheck.model.services import TlsSettings
from tests.apns import forged
from tests.apns.test_forged_certificates import ODD, ODDITIES
from tests.probe.peers import Handler, in_trio
from tests.probe.test_secure import probed, settings, speaking_tls, where_and_why

__all__ = ["settings"]  # a fixture

NOT_TAKEN_BY_SERVERS = {
    "a key of no known kind",
    "a signature of GOST's",
    "an empty serial number",
    "an extension twice",
    "no dates",
}
"""What OpenSSL's own server does not start with."""
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC_KEY = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
_HANDSHAKE, _SERVER_HELLO, _CERTIFICATE = 0x16, 2, 11  # RFC 5246 sections 6.2.1 and 7.4
_LARGEST_RECORD = 2**14


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3) + body


def records(data: bytes) -> bytes:
    parts = [data[at : at + _LARGEST_RECORD] for at in range(0, len(data), _LARGEST_RECORD)]
    return b"".join(bytes([_HANDSHAKE, 3, 3]) + len(part).to_bytes(2) + part for part in parts)


def shows(*certificates: bytes) -> Handler:
    """A server of TLS 1.2 that gets as far as its certificates."""
    renegotiation_info = bytes.fromhex("ff01000100")  # RFC 5746 section 3.2
    extensions = len(renegotiation_info).to_bytes(2) + renegotiation_info
    hello = b"\3\3" + bytes(32) + b"\0" + b"\xc0\x2f" + b"\0" + extensions
    listed = b"".join(len(each).to_bytes(3) + each for each in certificates)
    said = message(_SERVER_HELLO, hello) + message(_CERTIFICATE, len(listed).to_bytes(3) + listed)

    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(records(said))
        while await stream.receive_some(4096):
            pass

    return handle


def server_of(der: bytes, folder: Path) -> Handler:
    """A whole server with this certificate."""
    file = folder / "server.pem"
    key = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    file.write_text(key + ssl.DER_cert_to_PEM_cert(der))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return speaking_tls(context)


@in_trio
@pytest.mark.parametrize("certificates", [[b"junk"], [b"\x30\x03\x02\x01\x01"], [bytes(90_000)]])
async def test_a_certificate_that_is_none_is_told_by_its_digest(
    settings: TlsSettings, certificates: Sequence[bytes]
) -> None:
    attempt = await probed(settings, shows(*certificates))
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_INTERCEPTED)
    assert attempt.tls is not None
    assert attempt.tls.sha256 == hashlib.sha256(certificates[0]).hexdigest()


@in_trio
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_an_issuer_is_told_though_the_handshake_gets_no_further_than_its_certificate(
    settings: TlsSettings, odd: bytes
) -> None:
    attempt = await probed(settings, shows(odd))
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_INTERCEPTED)
    assert attempt.tls is not None
    assert attempt.tls.issuer == "Corporate Proxy"


@in_trio
@pytest.mark.parametrize("oddity", sorted({*ODDITIES} - NOT_TAKEN_BY_SERVERS))
async def test_an_issuer_is_told_by_a_whole_handshake_of_tls_1_3(
    settings: TlsSettings, tmp_path: Path, oddity: str
) -> None:
    der = forged.certificate(**{**ODDITIES[oddity], "key": PUBLIC_KEY})
    attempt = await probed(settings, server_of(der, tmp_path))
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_INTERCEPTED)
    assert attempt.tls is not None
    assert (attempt.tls.issuer, attempt.tls.sha256) == ("Corporate Proxy", hashlib.sha256(der).hexdigest())


@in_trio
async def test_a_handshake_that_fails_with_nothing_shown_is_told_as_such(settings: TlsSettings) -> None:
    attempt = await probed(settings, shows())
    assert where_and_why(attempt) == (Phase.TLS, Reason.TLS_ALERT)
    assert attempt.tls is None
