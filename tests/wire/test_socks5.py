"""SOCKS5 against the answers of real proxies."""

from collections.abc import Callable
from functools import partial

import pytest

from netcheck.model.credentials import Credentials, Secret
from netcheck.model.failing import Reason
from netcheck.wire.socks5 import GssapiOffer, Socks5
from netcheck.wire.target import Target
from tests.wire.conversation import LOGIN, outcome_of, single_bytes

ADDRESS = Target("17.57.145.5", 5223)
NAME = Target("1-courier.push.apple.com", 443)
SERVER_SPEAKS_FIRST = b"\x16\x03\x03 from the far end"
LOGIN_BYTES = b"\x01\x0btb-username\x0dtb-passphrase"
REQUEST = b"\x05\x01\x00\x01\x11\x39\x91\x05\x14\x67"

plain = partial(Socks5, ADDRESS, None)
by_name = partial(Socks5, NAME, None)
with_login = partial(Socks5, ADDRESS, LOGIN)


def test_without_credentials_only_no_authentication_is_offered() -> None:
    assert plain().start() == b"\x05\x01\x00"


def test_with_credentials_no_authentication_is_offered_as_well() -> None:
    assert with_login().start() == b"\x05\x02\x00\x02"


@pytest.mark.parametrize(
    ("target", "request_bytes"),
    [
        (ADDRESS, REQUEST),
        (
            Target("2620:149:a44:1::1", 443),
            b"\x05\x01\x00\x04\x26\x20\x01\x49\x0a\x44\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x01\xbb",
        ),
        (NAME, b"\x05\x01\x00\x03\x181-courier.push.apple.com\x01\xbb"),
        (Target("bücher.example", 443), b"\x05\x01\x00\x03\x15xn--bcher-kva.example\x01\xbb"),
    ],
    ids=["ipv4", "ipv6", "name", "idna"],
)
def test_the_target_is_asked_for_by_what_it_is(target: Target, request_bytes: bytes) -> None:
    assert outcome_of(partial(Socks5, target, None), b"\x05\x00").sent[-1] == request_bytes


def test_the_login_is_sent_when_chosen_and_the_request_after_it_was_accepted() -> None:
    machine = with_login()

    machine.start()

    assert machine.receive(b"\x05\x02") == LOGIN_BYTES
    assert machine.receive(b"\x01\x00") == REQUEST


def test_no_login_is_sent_to_a_proxy_that_wants_none() -> None:
    assert outcome_of(with_login, b"\x05\x00").sent == (b"\x05\x02\x00\x02", REQUEST)


@pytest.mark.parametrize(
    "make",
    [
        partial(Socks5, ADDRESS, Credentials("u" * 256, Secret("p"))),
        partial(Socks5, ADDRESS, Credentials("u", Secret("ü" * 128))),
        partial(Socks5, Target("x." * 128, 443), None),
        partial(Socks5, Target("a\0b", 443), None),
        partial(Socks5, Target("fe80::1%eth0", 443), None),
    ],
    ids=["long-user-name", "long-password", "long-name", "not-a-name", "zone"],
)
def test_what_the_protocol_cannot_say_is_a_value_error(make: Callable[[], Socks5]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the wording is free
        make()


def test_a_login_of_the_greatest_length_can_be_said() -> None:
    Socks5(ADDRESS, Credentials("u" * 255, Secret("p" * 255)))


@pytest.mark.parametrize(
    "bound",
    [
        b"\x01\x7f\x00\x00\x01\xa0\x12",
        b"\x01\x00\x00\x00\x00\x00\x00",
        b"\x04" + bytes(15) + b"\x01\xa0\x12",
        b"\x03\x09localhost\xa0\x12",
        b"\x03\x00\xa0\x12",
    ],
    ids=["dante", "microsocks", "ipv6", "name", "empty-name"],
)
def test_success_is_as_long_as_its_address_type_says(bound: bytes) -> None:
    outcome = outcome_of(plain, b"\x05\x00" + b"\x05\x00\x00" + bound + SERVER_SPEAKS_FIRST)

    assert (outcome.connected, outcome.spoke, outcome.tunnel) == (True, True, SERVER_SPEAKS_FIRST)
    not_yet = outcome_of(plain, b"\x05\x00" + b"\x05\x00\x00" + bound[:-1])
    assert (not_yet.connected, not_yet.reason) == (False, None)


def test_success_after_a_login_connects() -> None:
    outcome = outcome_of(with_login, b"\x05\x02" + b"\x01\x00" + b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")

    assert (outcome.connected, outcome.spoke, outcome.tunnel) == (True, True, b"")


def test_an_address_type_that_does_not_exist_is_a_bad_reply() -> None:
    outcome = outcome_of(plain, b"\x05\x00" + b"\x05\x00\x00\x02\x00\x00\x00\x00\x00\x00")

    assert (outcome.reason, outcome.spoke) == (Reason.PROXY_BAD_REPLY, True)
    assert outcome.evidence == b"\x05\x00\x05\x00\x00\x02\x00\x00\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("make", "answer", "reason", "detail"),
    [
        (plain, b"\x05\x01\x00\x01" + bytes(6), Reason.PROXY_ERROR, "0x01: general failure"),
        (plain, b"\x05\x02\x00\x01\x11\x39\x91\x05\x08\x93", Reason.PROXY_DENIED, "0x02: not allowed"),
        (plain, b"\x05\x03\x00\x01" + bytes(6), Reason.PROXY_TARGET_UNREACHABLE, "0x03: network unreachable"),
        (plain, b"\x05\x04\x00\x01" + bytes(6), Reason.PROXY_TARGET_UNREACHABLE, "0x04: host unreachable"),
        (plain, b"\x05\x05\x00\x01" + bytes(6), Reason.PROXY_TARGET_REFUSED, "0x05: connection refused"),
        (plain, b"\x05\x06\x00\x01" + bytes(6), Reason.PROXY_TARGET_TIMEOUT, "0x06: ttl expired"),
        (plain, b"\x05\x07\x00\x01" + bytes(6), Reason.PROXY_ERROR, "0x07: command not supported"),
        (
            plain,
            b"\x05\x08\x00\x01" + bytes(6),
            Reason.PROXY_ERROR,
            "0x08: address type not supported; it takes no addresses of this family (`families`)",
        ),
        (plain, b"\x05\x5b\x00\x01" + bytes(6), Reason.PROXY_ERROR, "0x5b: unassigned"),
        (
            by_name,  # as dante says it, with the name
            b"\x05\x04\x00\x03\x181-courier.push.apple.com\x01\xbb",
            Reason.PROXY_TARGET_UNREACHABLE,
            "0x04: host unreachable, or the proxy does not know the name",
        ),
        (
            by_name,
            b"\x05\x08\x00\x01" + bytes(6),
            Reason.PROXY_DNS_FAILURE,
            "0x08: address type not supported; it takes no names (`resolve: local`), "
            "or found no usable address",
        ),
    ],
)
def test_each_refusal_has_its_reason_and_its_code_in_words(
    make: Callable[[], Socks5], answer: bytes, reason: Reason, detail: str
) -> None:
    outcome = outcome_of(make, b"\x05\x00" + answer, eof=True)

    assert (outcome.reason, outcome.spoke, outcome.connected) == (reason, True, False)
    assert outcome.detail == f"SOCKS5 reply {detail}"


@pytest.mark.parametrize("refusal", [b"\x05\x05", b"\x05\x05\x00"], ids=["two-bytes", "three-bytes"])
def test_a_refusal_that_ends_after_its_code_is_understood(refusal: bytes) -> None:
    assert outcome_of(plain, b"\x05\x00" + refusal).reason is Reason.PROXY_TARGET_REFUSED


@pytest.mark.parametrize("method", [0x03, 0x5B, 0x80, 0xFE])
def test_a_method_that_was_not_offered_is_a_bad_reply(method: int) -> None:
    outcome = outcome_of(plain, bytes((5, method)))

    assert (outcome.reason, outcome.spoke) == (Reason.PROXY_BAD_REPLY, False)
    assert outcome.sent == (b"\x05\x01\x00",)


@pytest.mark.parametrize("make", [plain, with_login], ids=["no-login", "login"])
def test_gssapi_is_named_where_a_proxy_wants_it(make: Callable[[], Socks5]) -> None:
    outcome = outcome_of(make, b"\x05\x01")

    assert (outcome.reason, outcome.spoke) == (Reason.PROXY_AUTH_UNSUPPORTED, True)
    assert outcome.detail == "the proxy wants GSSAPI (Kerberos, SOCKS5 method 0x01)"


@pytest.mark.parametrize(("answer", "accepted"), [(b"\x05\x01", True), (b"\x05\xff", False), (b"HT", False)])
def test_an_offer_of_gssapi_alone_tells_whether_it_is_wanted(answer: bytes, accepted: bool) -> None:
    offer = GssapiOffer()

    hello = offer.start()
    for byte in single_bytes(answer):
        offer.receive(byte)

    assert (hello, offer.connected, offer.accepted) == (b"\x05\x01\x01", True, accepted)


def test_a_login_that_is_wanted_unasked_is_sent_empty_as_curl_sends_it() -> None:
    granted = b"\x05\x02" + b"\x01\x00" + b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"

    outcome = outcome_of(plain, granted)

    assert outcome.connected
    assert b"".join(outcome.sent) == b"\x05\x01\x00" + b"\x01\x00\x00" + REQUEST


@pytest.mark.parametrize(
    ("make", "answer", "reason"),
    [
        (plain, b"\x05\xff", Reason.PROXY_AUTH_REQUIRED),
        (with_login, b"\x05\xff", Reason.PROXY_AUTH_UNSUPPORTED),
        # after the empty login
        (plain, b"\x05\x02\x01\x01", Reason.PROXY_AUTH_REQUIRED),
        (plain, b"\x05\x02\x05\xff", Reason.PROXY_AUTH_REQUIRED),
        (plain, b"\x05\x02", Reason.PROXY_AUTH_REQUIRED),
        (plain, b"\x05\x02\x01", Reason.PROXY_AUTH_REQUIRED),
        # of a wrong password, as dante and microsocks say it, and in version 5
        (with_login, b"\x05\x02\x01\x01", Reason.PROXY_AUTH_FAILED),
        (with_login, b"\x05\x02\x01\x02", Reason.PROXY_AUTH_FAILED),
        (with_login, b"\x05\x02\x05\x01", Reason.PROXY_AUTH_FAILED),
        # in a wrong version
        (with_login, b"\x05\x02\x00\x02", Reason.PROXY_BAD_REPLY),
        (with_login, b"\x05\x02\x01\x00\x01\x00", Reason.PROXY_BAD_REPLY),
    ],
)
def test_what_a_proxy_says_of_logins_has_its_reason(
    make: Callable[[], Socks5], answer: bytes, reason: Reason
) -> None:
    outcome = outcome_of(make, answer, eof=True)

    assert (outcome.reason, outcome.spoke) == (reason, True)


@pytest.mark.parametrize("version", [0x00, 0x01, 0x05, 0xFF])
def test_a_login_is_accepted_in_whatever_version(version: int) -> None:
    outcome = outcome_of(with_login, bytes((5, 2, version, 0)) + b"\x05\x00\x00\x01" + bytes(6))

    assert outcome.connected


@pytest.mark.parametrize("reserved", [b"\x01", b"\x05", b"\xff"])
def test_what_is_reserved_is_not_looked_at(reserved: bytes) -> None:
    assert outcome_of(plain, b"\x05\x00" + b"\x05\x00" + reserved + b"\x01" + bytes(6)).connected


@pytest.mark.parametrize(
    ("answer", "likeness"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n", ": its answer begins like SSH"),
        (b"HTTP/1.1 400 Bad Request\r\nServer: nginx/1.22.1\r\n", ": its answer begins like HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", ": its answer begins like a TLS alert"),
        (b"\x00\x5b\x00\x00\x00\x00\x00\x00", ": its answer begins like SOCKS4"),
        (b"220 mail.example ESMTP\r\n", ""),
    ],
    ids=["ssh", "http", "tls", "socks4", "smtp"],
)
def test_a_peer_of_another_protocol_is_not_a_proxy(answer: bytes, likeness: str) -> None:
    outcome = outcome_of(plain, answer)

    assert (outcome.reason, outcome.spoke) == (Reason.PROXY_NOT_A_PROXY, False)
    assert outcome.detail == f"the peer does not speak SOCKS5{likeness}"
    assert outcome.evidence == answer


@pytest.mark.parametrize(
    ("answer", "spoke", "when"),
    [
        (b"", False, "without an answer"),
        (b"\x05", False, "before its answer was complete"),
        (b"\x05\x00", True, "before its answer was complete"),
        (b"\x05\x00\x05\x00\x00\x01\x7f\x00", True, "before its answer was complete"),
    ],
)
def test_an_end_before_the_reply_is_complete_is_closed(answer: bytes, spoke: bool, when: str) -> None:
    outcome = outcome_of(plain, answer, eof=True)

    assert (outcome.reason, outcome.spoke, outcome.connected) == (Reason.PROXY_CLOSED, spoke, False)
    assert outcome.detail == f"the proxy closed the connection {when}"


def test_an_echo_of_our_own_hello_does_not_connect() -> None:
    assert outcome_of(plain, b"\x05\x01\x00").reason is Reason.PROXY_AUTH_UNSUPPORTED  # as if for GSSAPI
    assert outcome_of(with_login, b"\x05\x02\x00\x02").reason is Reason.PROXY_BAD_REPLY
