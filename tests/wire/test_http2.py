"""The HTTP/2 session's machine against h2's own server side, and against bytes that are none."""

from collections.abc import Callable

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netcheck.model.failing import Reason
from netcheck.wire.http2 import MAX_BYTES, Http2
from netcheck.wire.transcript import HandshakeError
from tests.wire.conversation import cut, single_bytes

API = "api.push.apple.com"
APNS_SAYS = b'{"reason":"MissingProviderToken"}'

Server = h2.connection.H2Connection


def session(*, request: bool = False) -> Http2:
    return Http2(API, request=request)


def fed(machine: Http2, pieces: list[bytes]) -> tuple[bool, Reason | None, str]:
    """Whether it is done, or why it gave up, after the pieces or as many as it wanted."""
    machine.start()
    try:
        for piece in pieces:
            if machine.done:
                break
            machine.receive(piece)
    except HandshakeError as error:
        return machine.done, error.reason, error.detail
    return machine.done, None, ""


def outcome_of(said: bytes, *, request: bool = False, eof: bool = False) -> tuple[bool, Reason | None, str]:
    """What comes of the bytes, the same in one piece and byte by byte."""
    end = [b""] if eof else []
    whole = fed(session(request=request), [said, *end] if said else end)
    assert fed(session(request=request), [*single_bytes(said), *end]) == whole
    return whole


def server_for(machine: Http2) -> tuple[Server, list[h2.events.Event]]:
    """A server that has read all that the machine says first, and what it made of it."""
    server = Server(h2.config.H2Configuration(client_side=False))
    server.initiate_connection()
    return server, server.receive_data(machine.start())


def said_by(answer: Callable[[Server], object], *, request: bool = False) -> bytes:
    """All that a server says that has read the preface, and then does as `answer`."""
    server, _ = server_for(session(request=request))
    answer(server)
    return server.data_to_send()


def answering(status: str, body: bytes) -> Callable[[Server], None]:
    def answer(server: Server) -> None:
        server.send_headers(1, [(":status", status)])
        server.send_data(1, body, end_stream=True)

    return answer


def nothing_more(server: Server) -> None:
    """Its settings and its acknowledgement are on their way already."""


def frame(kind: int, payload: bytes, flags: int = 0, stream: int = 0) -> bytes:
    """RFC 9113 section 4.1."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


SETTINGS, ACKNOWLEDGED = frame(4, b""), frame(4, b"", flags=1)


def test_the_session_stands_when_both_sides_settings_are_exchanged() -> None:
    assert outcome_of(said_by(nothing_more)) == (True, None, "")


def test_the_peers_settings_are_acknowledged() -> None:
    machine = session()
    server, _ = server_for(machine)
    events = server.receive_data(machine.receive(server.data_to_send()))
    assert [type(event) for event in events] == [h2.events.SettingsAcknowledged]


def test_nothing_is_asked_and_no_push_is_wanted() -> None:
    server, events = server_for(session())
    assert [type(event) for event in events] == [h2.events.RemoteSettingsChanged]
    assert server.remote_settings.enable_push == 0


@pytest.mark.parametrize("half", [SETTINGS, ACKNOWLEDGED], ids=["settings only", "acknowledgement only"])
def test_half_an_exchange_is_not_enough(half: bytes) -> None:
    assert outcome_of(half) == (False, None, "")


@pytest.mark.parametrize(
    ("said", "lack"),
    [
        (b"", "settings"),
        (SETTINGS, "acknowledgement"),
        (SETTINGS[:5], "settings"),
    ],
)
def test_a_peer_that_closes_too_soon_is_told_with_what_is_missing(said: bytes, lack: str) -> None:
    detail = f"the peer closed the HTTP/2 session: no {lack}"
    assert outcome_of(said, eof=True) == (False, Reason.CLOSED, detail)


def test_goaway_is_told_by_its_code_and_reason_without_control_characters() -> None:
    bye = frame(7, bytes(4) + (11).to_bytes(4, "big") + b'{"reason":"Shutdown\x07"}')
    detail = 'the peer ended the session: GOAWAY ENHANCE_YOUR_CALM, {"reason":"Shutdown?"}'
    assert outcome_of(SETTINGS + bye) == (False, Reason.REFUSED, detail)


def test_a_goaway_with_a_code_that_has_no_name_is_told_by_its_number() -> None:
    bye = frame(7, bytes(4) + (4711).to_bytes(4, "big"))
    assert outcome_of(bye) == (False, Reason.REFUSED, "the peer ended the session: GOAWAY 4711")


def test_what_comes_after_the_exchange_does_not_matter() -> None:
    assert outcome_of(SETTINGS + ACKNOWLEDGED + b"HTTP/1.1 400 Bad Request\r\n") == (True, None, "")


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        frame(4, b"half a setting"),
        frame(4, b"", stream=3),
        frame(1, b"\xff" * 20, flags=4, stream=1),
        frame(0, bytes(16 * 1024 + 1)),
    ],
    ids=["http1", "ssh", "settings", "settings on a stream", "headers", "huge"],
)
def test_what_is_not_http2_is_refused(said: bytes) -> None:
    done, reason, detail = outcome_of(said)
    assert (done, reason) == (False, Reason.REFUSED)
    assert detail.startswith("the peer does not speak HTTP/2: ")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "an answer in HTTP/1"),
        (b"\x01\x00\x00\x00\x00" + bytes(4), "a frame of 65536 bytes"),
    ],
)
def test_who_is_known_not_to_speak_http2_is_told_as_such(said: bytes, told: str) -> None:
    assert outcome_of(said) == (False, Reason.REFUSED, f"the peer does not speak HTTP/2: {told}")


def test_the_first_bytes_are_kept_as_evidence() -> None:
    machine = session()
    machine.start()
    with pytest.raises(HandshakeError) as caught:
        machine.receive(b"HTTP/1.1 400 Bad Request\r\n" + bytes(100))
    assert caught.value.evidence == b"HTTP/1.1 400 Bad Request\r\n" + bytes(38)


@pytest.mark.parametrize(
    "chatter",
    [frame(6, bytes(8)), frame(0xAA, bytes(16 * 1024)), frame(4, b"")],
    ids=["pings", "unknown frames", "settings"],
)
def test_a_peer_that_never_comes_to_the_point_is_left(chatter: bytes) -> None:
    said = SETTINGS + chatter * (MAX_BYTES // len(chatter) + 1)
    done, reason, detail = fed(session(), [said])
    assert (done, reason) == (False, Reason.REFUSED)
    assert detail == f"no acknowledgement in the first {MAX_BYTES} bytes"


# --- The request


def test_the_request_is_one_push_to_no_device_without_credentials() -> None:
    _, events = server_for(session(request=True))
    request = next(event for event in events if isinstance(event, h2.events.RequestReceived))
    headers = dict(request.headers)
    assert headers.pop(b"user-agent").startswith(b"netcheck/")
    assert headers == {
        b":method": b"POST",
        b":scheme": b"https",
        b":authority": API.encode(),
        b":path": b"/3/device/" + b"0" * 64,
        b"content-length": b"10",
    }
    assert isinstance(events[-1], h2.events.StreamEnded)


def test_apnss_own_refusal_completes_the_session() -> None:
    said = said_by(answering("403", APNS_SAYS), request=True)
    assert outcome_of(said, request=True) == (True, None, "")


def test_without_an_answer_the_session_is_not_complete() -> None:
    detail = "the peer closed the HTTP/2 session: no answer"
    said = said_by(nothing_more, request=True)
    assert outcome_of(said, request=True, eof=True) == (False, Reason.CLOSED, detail)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        ("403", b'{"reason":"InvalidProviderToken"}', "HTTP 403, InvalidProviderToken"),
        ("200", APNS_SAYS, "HTTP 200, MissingProviderToken"),
        ("403", b"<html>\r\nBlocked", "HTTP 403, <html>??Blocked"),
        ("502", b"", "HTTP 502"),
        ("403", b'{"reason":17}', 'HTTP 403, {"reason":17}'),
        ("403", b'{"reason":"\\ud800"}', "HTTP 403, ?"),
        ("403", b'"MissingProviderToken"', 'HTTP 403, "MissingProviderToken"'),
        ("403", b"[" * 5000, "HTTP 403, " + "[" * 79 + "…"),
        ("403", APNS_SAYS + b"<html>", "HTTP 403, " + (APNS_SAYS + b"<html>").decode()),
    ],
)
def test_another_answer_is_told_by_status_and_reason(status: str, body: bytes, told: str) -> None:
    said = said_by(answering(status, body), request=True)
    detail = f"the request was not answered by APNs: {told}"
    assert outcome_of(said, request=True) == (False, Reason.REFUSED, detail)


def test_a_request_that_is_reset_is_told_by_its_code() -> None:
    said = said_by(lambda server: server.reset_stream(1, h2.errors.ErrorCodes.REFUSED_STREAM), request=True)
    detail = "the request was reset: REFUSED_STREAM"
    assert outcome_of(said, request=True) == (False, Reason.REFUSED, detail)


def parting(last: int, code: int = 0) -> bytes:
    """A GOAWAY."""
    return frame(7, last.to_bytes(4, "big") + code.to_bytes(4, "big"))


@pytest.mark.parametrize("last", [1, 2**31 - 1])
def test_who_takes_no_more_requests_may_answer_this_one_yet(last: int) -> None:
    """As nginx does with the last one of a connection."""
    settings, answer = said_by(nothing_more, request=True), said_by(answering("403", APNS_SAYS), request=True)
    rest = answer.removeprefix(settings)
    assert rest != answer
    assert outcome_of(settings + parting(last) + rest, request=True) == (True, None, "")


@pytest.mark.parametrize(("last", "code"), [(1, 0), (0, 0), (1, 2)])
def test_who_says_good_bye_and_does_not_answer_has_ended_the_session(last: int, code: int) -> None:
    said = said_by(nothing_more, request=True) + parting(last, code)
    told = "INTERNAL_ERROR" if code else "NO_ERROR"
    detail = f"the peer ended the session: GOAWAY {told}"
    reason = Reason.CLOSED if (last, code) == (1, 0) else Reason.REFUSED
    assert outcome_of(said, request=True, eof=True) == (False, reason, detail)


# --- Whatever comes

GOOD = said_by(answering("403", APNS_SAYS), request=True)
FRAMES = st.builds(
    frame,
    st.integers(0, 12),
    st.binary(max_size=40),
    st.integers(0, 255),
    st.integers(0, 5),
)


@example(said=b"", places=[])
@given(
    said=st.binary(max_size=200) | st.lists(FRAMES, max_size=6).map(b"".join),
    places=st.lists(st.integers(0, 300)),
)
def test_any_bytes_end_in_an_outcome_that_no_cut_changes(said: bytes, places: list[int]) -> None:
    for request in (False, True):
        whole = outcome_of(said, request=request, eof=True)
        pieces = cut(said, places) if said else []
        assert fed(session(request=request), [*pieces, b""]) == whole
        assert whole[1] in (None, Reason.CLOSED, Reason.REFUSED)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_one_wrong_byte_raises_nothing_unforeseen(index: int, value: int) -> None:
    outcome_of(GOOD[:index] + bytes([value]) + GOOD[index + 1 :], request=True, eof=True)
