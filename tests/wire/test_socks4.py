"""SOCKS4 and SOCKS4A against the answers of real proxies."""

from collections.abc import Callable
from functools import partial

import pytest

from netcheck.model.credentials import Credentials, Secret
from netcheck.model.failing import Reason
from netcheck.wire.socks4 import Socks4
from netcheck.wire.target import Target
from tests.wire.conversation import LOGIN, outcome_of

ADDRESS = Target("17.57.145.5", 5223)
NAME = Target("1-courier.push.apple.com", 443)
SERVER_SPEAKS_FIRST = b"\x16\x03\x03 from the far end"

plain = partial(Socks4, ADDRESS, None, names=False)
by_name = partial(Socks4, NAME, None, names=True)
with_login = partial(Socks4, ADDRESS, LOGIN, names=False)


def test_an_address_is_asked_for_with_an_empty_user_id() -> None:
    assert plain().start() == b"\x04\x01\x14\x67\x11\x39\x91\x05\x00"


def test_the_user_name_is_the_user_id_and_the_password_is_not_sent() -> None:
    assert with_login().start() == b"\x04\x01\x14\x67\x11\x39\x91\x05tb-username\x00"


def test_4a_sends_a_name_behind_an_address_that_cannot_be() -> None:
    assert by_name().start() == b"\x04\x01\x01\xbb\x00\x00\x00\x01\x001-courier.push.apple.com\x00"


def test_4a_asks_for_an_address_as_plain_socks4_does() -> None:
    assert Socks4(ADDRESS, None, names=True).start() == plain().start()


@pytest.mark.parametrize(
    "make",
    [
        partial(Socks4, NAME, None, names=False),
        partial(Socks4, Target("2620:149:a44:1::1", 443), None, names=False),
        partial(Socks4, Target("2620:149:a44:1::1", 443), None, names=True),
        partial(Socks4, ADDRESS, Credentials("a\0b", Secret("")), names=False),
        partial(Socks4, Target("two words", 443), None, names=True),
        partial(Socks4, Target("x." * 128, 443), None, names=True),
    ],
    ids=["name", "ipv6", "4a-ipv6", "nul-in-user-id", "not-a-name", "long-name"],
)
def test_what_the_protocol_cannot_say_is_a_value_error(make: Callable[[], Socks4]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the wording is free
        make()


def test_dantes_grant_connects_and_what_follows_belongs_to_the_tunnel() -> None:
    outcome = outcome_of(plain, b"\x00\x5a\x14\x67\x11\x39\x91\x05" + SERVER_SPEAKS_FIRST)

    assert (outcome.connected, outcome.spoke, outcome.tunnel) == (True, True, SERVER_SPEAKS_FIRST)


def test_a_reply_in_the_version_of_the_request_means_what_it_says() -> None:
    granted = outcome_of(plain, b"\x04\x5a\x14\x67\x11\x39\x91\x05" + SERVER_SPEAKS_FIRST)
    rejected = outcome_of(plain, b"\x04\x5b\x14\x67\x11\x39\x91\x05")

    assert (granted.connected, granted.tunnel) == (True, SERVER_SPEAKS_FIRST)
    assert (rejected.reason, rejected.spoke) == (Reason.PROXY_ERROR, True)


def test_a_grant_whose_address_is_missing_does_not_connect_yet() -> None:
    outcome = outcome_of(plain, b"\x00\x5a\x14\x67\x11\x39\x91")

    assert (outcome.connected, outcome.reason) == (False, None)


@pytest.mark.parametrize("make", [plain, with_login], ids=["no-login", "login"])
@pytest.mark.parametrize(
    "answer",
    [b"\x00\x5b", b"\x00\x5b\x14\x67\x11\x39\x91\x05", b"\x00\x5b\x00\x00\x00\x00\x00\x00"],
    ids=["two-bytes", "dante", "dante-timeout"],
)
def test_a_rejection_says_no_more_than_its_code(make: Callable[[], Socks4], answer: bytes) -> None:
    outcome = outcome_of(make, answer)

    assert (outcome.reason, outcome.spoke) == (Reason.PROXY_ERROR, True)
    assert outcome.detail == "SOCKS4 reply 0x5b: rejected or failed; SOCKS4 cannot say why"


@pytest.mark.parametrize("code", [0x5C, 0x5D])
def test_identds_codes_are_a_failed_login(code: int) -> None:
    outcome = outcome_of(with_login, bytes((0, code)))

    assert (outcome.reason, outcome.spoke) == (Reason.PROXY_AUTH_FAILED, True)
    assert f"0x{code:02x}" in outcome.detail


def test_a_code_that_socks4_does_not_have_is_a_bad_reply() -> None:
    outcome = outcome_of(plain, b"\x00\x00\x12\x04")  # the beginning of an HTTP/2 SETTINGS frame

    assert (outcome.reason, outcome.spoke) == (Reason.PROXY_BAD_REPLY, False)


@pytest.mark.parametrize(
    ("answer", "likeness"),
    [(b"\x05\xff", "SOCKS5"), (b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n", "SSH")],
    ids=["microsocks", "ssh"],
)
def test_another_protocol_is_named_and_kept_as_evidence(answer: bytes, likeness: str) -> None:
    outcome = outcome_of(plain, answer, eof=True)

    assert (outcome.reason, outcome.spoke) == (Reason.PROXY_NOT_A_PROXY, False)
    assert outcome.detail == f"the peer does not speak SOCKS4: its answer begins like {likeness}"
    assert outcome.evidence == answer


@pytest.mark.parametrize(("answer", "spoke"), [(b"", False), (b"\x00", False), (b"\x00\x5a\x14", True)])
def test_an_end_before_the_reply_is_complete_is_closed(answer: bytes, spoke: bool) -> None:
    outcome = outcome_of(plain, answer, eof=True)

    assert (outcome.reason, outcome.spoke, outcome.connected) == (Reason.PROXY_CLOSED, spoke, False)
