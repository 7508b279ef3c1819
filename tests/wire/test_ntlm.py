"""What a proxy may say in NTLM: whatever it is, there is an answer or a LoginError."""

import struct
from base64 import b64decode, b64encode
from contextlib import suppress
from pathlib import Path

import pytest
import spnego
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.model.credentials import Credentials, Secret
from netcheck.model.failing import LoginFault
from netcheck.wire.http_headers import Challenge
from netcheck.wire.http_login import LoginError, Ntlm

# [MS-NLMP] section 2.2.1.2, CHALLENGE_MESSAGE
_NEGOTIATED = 0xE2898215
_DOMAIN = "CORP".encode("utf-16-le")
_END, _TIMESTAMP = 0, 7  # section 2.2.2.1, AvId


def challenge(timestamp: bytes = bytes(8)) -> bytes:
    pairs = ((2, _DOMAIN), (1, _DOMAIN), (_TIMESTAMP, timestamp), (_END, b""))
    about = b"".join(struct.pack("<HH", which, len(value)) + value for which, value in pairs)
    domain_at, about_at = 56, 56 + len(_DOMAIN)
    return b"".join(
        (
            b"NTLMSSP\0" + struct.pack("<I", 2),
            struct.pack("<HHI", len(_DOMAIN), len(_DOMAIN), domain_at),
            struct.pack("<I", _NEGOTIATED) + b"8 bytes." + bytes(8),
            struct.pack("<HHI", len(about), len(about), about_at) + bytes(8),
            _DOMAIN + about,
        )
    )


def answered(message: bytes) -> bytes | None:
    login = Ntlm(Credentials("CORP\\user", Secret("secret")))
    login.answer(Challenge("NTLM"))
    return login.answer(Challenge("NTLM", b64encode(message).decode()))


def test_a_challenge_is_answered() -> None:
    assert (answered(challenge()) or b"").startswith(b"NTLM TlRMTVNTUAADAAAA")


@pytest.mark.parametrize("size", [32, 36, 40, 44, 48])
def test_a_challenge_of_older_systems_ends_before_what_later_ones_add(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = tmp_path / "accounts"
    accounts.write_text("CORP:user:secret\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(accounts))
    server = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
    login = Ntlm(Credentials("CORP\\user", Secret("secret")))

    begun = server.step(b64decode((login.answer(Challenge("NTLM")) or b"")[5:]))
    old = ((begun or b"")[:40] + bytes(8))[:size]
    answer = login.answer(Challenge("NTLM", b64encode(old).decode()))
    server.step(b64decode((answer or b"")[5:]))

    assert server.complete


def test_a_time_that_no_calendar_has_is_a_challenge_that_cannot_be_read() -> None:
    with pytest.raises(LoginError) as caught:
        answered(challenge(b"\xff" * 8))
    assert caught.value.fault is LoginFault.REJECTED


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(8, 120), st.integers(0, 255)), max_size=6), st.integers(0, 130))
def test_whatever_is_said_there_is_an_answer_or_a_login_error(
    changes: list[tuple[int, int]], cut: int
) -> None:
    message = bytearray(challenge())
    for place, value in changes:
        message[place % len(message)] = value
    with suppress(LoginError):
        answered(bytes(message[: cut or len(message)]))
