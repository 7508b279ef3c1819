"""What holds of every handshake, whatever the peer sends."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcheck.model.credentials import Credentials, Secret
from netcheck.model.failing import Reason
from netcheck.model.paths import HTTP_SCHEMES, Proxy, ProxyScheme
from netcheck.wire.handshake import Handshake, handshake_for
from netcheck.wire.http_asking import HttpConnect
from netcheck.wire.socks4 import Socks4
from netcheck.wire.socks5 import Socks5
from netcheck.wire.target import Target
from netcheck.wire.transcript import HandshakeError
from tests.wire.conversation import LOGIN, cut, outcome_of, play

TARGET = Target("17.57.145.5", 443)
TOKEN = b64encode(b"tb-username:tb-passphrase")
SECRETS = (b"tb-username", b"tb-passphrase")

schemes = st.sampled_from(ProxyScheme)
logins = st.sampled_from([None, LOGIN])
answers = st.one_of(
    st.binary(max_size=200),
    # Pieces of real answers and of what we sent, put together wrongly.
    st.lists(
        st.one_of(
            st.binary(max_size=3),
            st.sampled_from(
                [
                    *(b"\x05\x00", b"\x05\x02", b"\x05\xff", b"\x01\x00", b"\x01\x01", b"\x05\x05"),
                    *(
                        b"\x05\x00\x00\x01" + bytes(6),
                        b"\x05\x00\x00\x03\x02ab\x00\x00",
                        b"\x00\x5a",
                        bytes(6),
                    ),
                    *(
                        b"\x00\x5b",
                        b"HTTP/1.1 ",
                        b"HTTP/1.0 200 OK\r\n\r\n",
                        b"HTTP/1.1 100 Continue\r\n\r\n",
                    ),
                    *(b"407 Login\r\n", b"403 ", b"502 \r\n", b"\r\n", b"\n", b"X-Squid-Error: ", b" 111"),
                    *(b"Proxy-Status: a; error=", b"dns_error", b"Proxy-Authenticate: ", b"Basic ", b'"'),
                    *(b"Transfer-Encoding: chunked\r\n", b"Content-Length: 3\r\n", *SECRETS, TOKEN),
                ]
            ),
        ),
        max_size=12,
    ).map(b"".join),
)


def machine(scheme: ProxyScheme, login: object = None) -> Handshake:
    return handshake_for(Proxy(scheme, "proxy.example", 1080, LOGIN if login else None), TARGET)


def sent_secrets(scheme: ProxyScheme) -> tuple[bytes, ...]:
    """In the forms in which a peer can have got them from us."""
    return (*SECRETS, TOKEN) if scheme in HTTP_SCHEMES else SECRETS


def feed_to_the_end(handshake: Handshake, pieces: list[bytes]) -> None:
    """Raises HandshakeError, for the end of the stream if for nothing before."""
    for piece in [*pieces, b""]:
        handshake.receive(piece)


@pytest.mark.parametrize(
    ("scheme", "kind"),
    [
        (ProxyScheme.SOCKS4, Socks4),
        (ProxyScheme.SOCKS4A, Socks4),
        (ProxyScheme.SOCKS5, Socks5),
        (ProxyScheme.SOCKS5H, Socks5),
        (ProxyScheme.HTTP, HttpConnect),
        (ProxyScheme.HTTPS, HttpConnect),
    ],
)
def test_each_scheme_has_its_machine(scheme: ProxyScheme, kind: type) -> None:
    assert type(machine(scheme)) is kind


def test_only_4a_hands_a_name_to_a_socks4_proxy() -> None:
    name = Target("1-courier.push.apple.com", 443)

    assert handshake_for(Proxy(ProxyScheme.SOCKS4A, "proxy.example", 1080), name).start()
    with pytest.raises(ValueError, match="SOCKS4 cannot"):
        handshake_for(Proxy(ProxyScheme.SOCKS4, "proxy.example", 1080), name)


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_a_target_needs_a_port_of_tcp(port: int) -> None:
    with pytest.raises(ValueError, match="not a port"):
        Target("17.57.145.5", port)


@given(schemes, logins, answers, st.lists(st.integers(1, 300)), st.booleans())
def test_how_the_answer_is_cut_changes_nothing(
    scheme: ProxyScheme, login: object, answer: bytes, places: list[int], eof: bool
) -> None:
    end = [b""] if eof else []

    pieces = play(machine(scheme, login), cut(answer, places) + end)

    assert pieces == outcome_of(lambda: machine(scheme, login), answer, eof=eof)


@given(schemes, logins, answers)
def test_an_answer_leads_to_a_tunnel_a_reason_or_a_wait_and_a_tunnel_only_if_spoken(
    scheme: ProxyScheme, login: object, answer: bytes
) -> None:
    outcome = outcome_of(lambda: machine(scheme, login), answer, eof=True)

    assert outcome.connected == (outcome.reason is None)
    assert outcome.spoke or not outcome.connected
    assert not (outcome.reason is Reason.PROXY_NOT_A_PROXY and outcome.spoke)


@given(schemes, logins, st.binary(min_size=1, max_size=300))
def test_what_is_not_of_the_protocol_never_connects(
    scheme: ProxyScheme, login: object, answer: bytes
) -> None:
    socks4 = (b"\x00", b"\x04")  # the second one is wrong, and common
    marks = {"socks4": socks4, "socks4a": socks4}.get(
        scheme, (b"\x05",) if "socks" in scheme else (b"HTTP/",)
    )
    if answer.startswith(marks):
        answer = b"!" + answer

    outcome = outcome_of(lambda: machine(scheme, login), answer, eof=True)

    assert (outcome.connected, outcome.spoke) == (False, False)
    assert outcome.reason in (Reason.PROXY_NOT_A_PROXY, Reason.PROXY_CLOSED)


@given(schemes, answers, st.lists(st.integers(1, 300)))
def test_credentials_are_shown_nowhere_even_if_the_peer_repeats_them(
    scheme: ProxyScheme, answer: bytes, places: list[int]
) -> None:
    handshake = machine(scheme, LOGIN)
    handshake.start()

    error = HandshakeError(Reason.PROXY_ERROR, "")
    try:
        feed_to_the_end(handshake, cut(answer, places))
    except HandshakeError as raised:
        error = raised

    assert error.detail or handshake.connected
    shown = f"{error} {error!r} {handshake!r}".encode() + error.evidence
    assert not [secret for secret in sent_secrets(scheme) if secret in shown]
    assert len(error.evidence) <= 64


@pytest.mark.parametrize("scheme", ProxyScheme)
def test_a_peer_that_echoes_is_no_proxy_and_its_evidence_has_no_credentials(scheme: ProxyScheme) -> None:
    echo = machine(scheme, LOGIN).start()

    outcome = outcome_of(lambda: machine(scheme, LOGIN), echo)

    assert not outcome.connected
    assert outcome.evidence
    assert not [secret for secret in sent_secrets(scheme) if secret[:4] in outcome.evidence]


def test_a_secret_at_the_end_of_the_evidence_is_masked_before_it_is_cut() -> None:
    answer = b"HTTP/1.1 403 " + b"x" * 40 + b" tb-passphrase and more\r\n\r\n"

    outcome = outcome_of(lambda: machine(ProxyScheme.HTTP, LOGIN), answer)

    assert outcome.evidence == b"HTTP/1.1 403 " + b"x" * 40 + b" *** and mo"
    assert outcome.detail == "HTTP 403 " + "x" * 40 + " *** and more"


def test_a_secret_that_the_answer_ends_in_is_masked_as_far_as_it_came() -> None:
    outcome = outcome_of(lambda: machine(ProxyScheme.SOCKS5H, LOGIN), b"?tb-passphr")

    assert outcome.evidence == b"?***"


def test_the_login_is_masked_as_it_was_sent_too() -> None:
    outcome = outcome_of(lambda: machine(ProxyScheme.HTTP, LOGIN), b"HTTP/1.1 400 Bad " + TOKEN + b"\r\n\r\n")

    assert outcome.detail == "HTTP 400 Bad ***"
    assert outcome.evidence == b"HTTP/1.1 400 Bad ***\r\n\r\n"


def test_a_password_that_contains_the_user_name_is_masked_as_a_whole() -> None:
    login = Credentials("svc", Secret("svc-2024"))

    outcome = outcome_of(lambda: HttpConnect(TARGET, login), b"HTTP/1.1 400 svc-2024 svc\r\n\r\n")

    assert outcome.detail == "HTTP 400 *** ***"


def test_an_error_can_be_read_by_people() -> None:
    error = HandshakeError(Reason.PROXY_DENIED, "HTTP 403 Forbidden", b"HTTP/1.1 403")

    assert str(error) == "proxy_denied: HTTP 403 Forbidden"
