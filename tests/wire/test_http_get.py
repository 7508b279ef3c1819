"""One HTTP GET against answers whole, cut, endless and foreign."""

import zlib
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcheck import __version__
from netcheck.model.failing import PhaseError
from netcheck.wire.http_get import HttpGet
from netcheck.wire.http_head import MAX_HEAD, MAX_LINE, MOST_LINES
from tests.wire.conversation import single_bytes

BODY = b"<plist><dict/></plist>"
LENGTH = b"HTTP/1.1 200 OK\r\nServer: APNS Bagger\r\nContent-Length: 22\r\n\r\n" + BODY
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"7\r\n<plist>\r\nf;ext=1\r\n<dict/></plist>\r\n0\r\nX-Trailer: y\r\n\r\n"
)
UNTIL_CLOSED = b"HTTP/1.0 200 OK\r\n\r\n" + BODY
ANSWERS = [
    LENGTH,
    CHUNKED,
    UNTIL_CLOSED,
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + LENGTH,
    b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n",
]


def get(limit: int = 1000) -> HttpGet:
    machine = HttpGet("init.push.apple.com", 443, "/bag", limit)
    machine.start()
    return machine


def fed(*pieces: bytes, limit: int = 1000) -> HttpGet:
    machine = get(limit)
    for piece in pieces:
        machine.receive(piece)
    return machine


def refusal(*pieces: bytes, limit: int = 1000) -> PhaseError:
    with pytest.raises(PhaseError) as caught:
        fed(*pieces, limit=limit)
    return caught.value


def outcome(pieces: Iterable[bytes]) -> tuple[bool, int, bytes] | tuple[str, bytes]:
    """What came of an answer. The evidence of an error is left to its beginning: it grows with each piece."""
    try:
        machine = fed(*pieces)
    except PhaseError as error:
        return error.detail, error.evidence[:1]
    return machine.done, machine.status, machine.body


@pytest.mark.parametrize(
    ("host", "port", "named"),
    [
        ("init.push.apple.com", 443, "init.push.apple.com"),
        ("init-p01st.push.apple.com", 80, "init-p01st.push.apple.com"),
        ("127.0.0.1", 8080, "127.0.0.1:8080"),
        ("2620:149:a44::1", 8080, "[2620:149:a44::1]:8080"),
        ("bücher.example", 443, "xn--bcher-kva.example"),
    ],
)
def test_the_request_names_the_host_and_asks_for_one_answer(host: str, port: int, named: str) -> None:
    request = HttpGet(host, port, "/bag?v=1", 1000).start().decode()

    assert request == (
        f"GET /bag?v=1 HTTP/1.1\r\nHost: {named}\r\n"
        f"User-Agent: netcheck/{__version__}\r\nAccept-Encoding: gzip, deflate\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("host", "port", "path"),
    [
        ("a\r\nX: b", 80, "/"),
        ("fe80::1%eth0", 80, "/"),
        ("", 80, "/"),
        ("host.example", 0, "/"),
        ("host.example", 80, "bag"),
        ("host.example", 80, "/a b"),
        ("host.example", 80, "/\r\nX: b"),
        ("host.example", 80, "/bäg"),
    ],
)
def test_what_http_cannot_say_is_a_value_error(host: str, port: int, path: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the wording is free
        HttpGet(host, port, path, 1000)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (LENGTH, 200, BODY),
        (CHUNKED, 200, BODY),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + LENGTH, 200, BODY),
        (b"HTTP/1.1 404 Not Found\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", 404, b""),
        *((b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % final, final, b"") for final in (204, 302, 503)),
        *((b"HTTP/1.1 %d x\r\nContent-Length: 5\r\n\r\n" % bare, bare, b"") for bare in (204, 304)),
    ],
)
def test_a_framed_answer_is_done_before_the_stream_ends(answer: bytes, status: int, body: bytes) -> None:
    machine = fed(answer)

    assert (machine.done, machine.status, machine.body) == (True, status, body)


def test_an_answer_without_framing_is_done_when_the_stream_ends() -> None:
    machine = fed(UNTIL_CLOSED)
    assert (machine.done, machine.status) == (False, 200)

    machine.receive(b"")

    assert (machine.done, machine.body) == (True, BODY)


def test_what_follows_the_answer_changes_nothing() -> None:
    for machine in fed(LENGTH + b"more", b"and more", b""), fed(UNTIL_CLOSED, b"", b"more"):
        assert (machine.done, machine.body) == (True, BODY)


@pytest.mark.parametrize("answer", [LENGTH, CHUNKED], ids=["length", "chunked"])
@given(cut=st.data())
def test_an_answer_that_is_cut_is_never_done(answer: bytes, cut: st.DataObject) -> None:
    begun = answer[: cut.draw(st.integers(1, len(answer) - 1))]

    error = refusal(begun, b"")

    assert error.detail == "the peer closed the connection before its answer was complete"
    assert error.evidence == begun[:64]


def test_a_peer_that_says_nothing_is_said_so() -> None:
    assert refusal(b"").detail == "the peer closed the connection without an answer"


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.2p1\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"<html>", b"http/1.1 200\r\n"]
)
def test_another_protocol_is_known_by_its_first_bytes(answer: bytes) -> None:
    error = refusal(answer)

    assert (error.detail, error.evidence) == ("the peer does not speak HTTP", answer)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
    ],
    ids=["no-status", "http2", "no-colon", "101", "length", "coding", "chunk-size", "chunk-end"],
)
def test_what_begins_as_http_and_is_none_is_refused(answer: bytes) -> None:
    error = refusal(answer)

    assert error.detail.startswith("the answer is not valid HTTP")
    assert error.evidence == answer[:64]


def head_of(size: int) -> bytes:
    begun, ended = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", b"\r\n"
    whole, left = divmod(size - len(begun) - len(ended) - 100, 1000)
    return begun + b"X: %b\r\n" % (b"a" * 995) * whole + b"Y: %b\r\n" % (b"a" * (left + 95)) + ended


@pytest.mark.parametrize("cut", [lambda answer: [answer], single_bytes], ids=["whole", "bytewise"])
def test_a_head_may_be_as_long_as_the_limit(cut: Callable[[bytes], list[bytes]]) -> None:
    assert outcome(cut(head_of(MAX_HEAD) + b"ok")) == (True, 200, b"ok")
    assert outcome(cut(head_of(MAX_HEAD + 1) + b"ok")) == ("the answer's head exceeds 307200 bytes", b"H")


def test_a_line_of_a_head_may_not_be_as_long_as_it_likes() -> None:
    assert refusal(b"HTTP/1.1 200 OK\r\nX: " + b"a" * MAX_LINE).detail == (
        "a line of the answer's head exceeds 16384 bytes"
    )


def test_interim_answers_without_end_are_refused() -> None:
    interim = b"HTTP/1.1 100 Continue\r\nX: %b\r\n\r\n" % (b"a" * 1000)

    assert (
        refusal(*[interim] * (MAX_HEAD // len(interim) + 1)).detail
        == "the answer's head exceeds 307200 bytes"
    )


@pytest.mark.parametrize("line", [b"a:\n", b" b\n", b"\nHTTP/1.1 100\n"], ids=["new", "folded", "interim"])
@pytest.mark.parametrize("cut", [lambda answer: [answer], single_bytes], ids=["whole", "bytewise"])
def test_a_head_has_no_more_lines_than_curl_takes(line: bytes, cut: Callable[[bytes], list[bytes]]) -> None:
    answer = b"HTTP/1.1 100\na: b\n" + line * MOST_LINES
    assert refusal(*cut(answer)).detail == "the answer's head exceeds 5000 lines"


@pytest.mark.parametrize(
    "framed",
    [
        lambda body: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body),
        lambda body: (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        ),
        lambda body: b"HTTP/1.0 200 OK\r\n\r\n" + body,
    ],
    ids=["length", "chunked", "until-closed"],
)
def test_a_body_may_be_as_long_as_the_limit(framed: Callable[[bytes], bytes]) -> None:
    fits = fed(framed(b"x" * 100), b"", limit=100)
    error = refusal(framed(b"x" * 101), b"", limit=100)

    assert (fits.done, fits.body) == (True, b"x" * 100)
    assert error.detail == "the answer's body exceeds 100 bytes"


def gzipped(body: bytes, window: int = 16 + zlib.MAX_WBITS) -> bytes:
    compressor = zlib.compressobj(wbits=window)
    return compressor.compress(body) + compressor.flush()


def coded(coding: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        coding,
        len(body),
        body,
    )


@pytest.mark.parametrize("cut", [lambda answer: [answer], single_bytes], ids=["whole", "bytewise"])
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", gzipped(BODY)),
        (b"X-GZip", gzipped(BODY)),
        (b"identity, gzip", gzipped(BODY)),
        (b"deflate", gzipped(BODY, zlib.MAX_WBITS)),
        (b"deflate", gzipped(BODY, -zlib.MAX_WBITS)),
        (b"identity", BODY),
    ],
    ids=["gzip", "x-gzip", "identity-gzip", "deflate", "raw-deflate", "identity"],
)
def test_a_compressed_body_is_read(cut: Callable[[bytes], list[bytes]], coding: bytes, body: bytes) -> None:
    assert outcome(cut(coded(coding, body))) == (True, 200, BODY)


def test_a_compressed_body_is_read_in_chunks_and_to_the_end_of_the_stream() -> None:
    body = gzipped(BODY)
    chunked = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    assert fed(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n" + chunked).body == BODY
    assert fed(b"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + body, b"").body == BODY


@pytest.mark.parametrize("cut", [lambda answer: [answer], single_bytes], ids=["whole", "bytewise"])
def test_a_body_may_be_no_longer_than_the_limit_when_it_is_decompressed(
    cut: Callable[[bytes], list[bytes]],
) -> None:
    assert outcome(cut(coded(b"gzip", gzipped(b"x" * 1000)))) == (True, 200, b"x" * 1000)
    bomb = coded(b"gzip", gzipped(b"x" * 1_000_000)[:-8])  # its end is never needed

    assert outcome(cut(bomb)) == ("the answer's body exceeds 1000 bytes", b"H")


@pytest.mark.parametrize(
    ("coding", "body", "detail"),
    [
        (b"gzip", BODY, "the body is not compressed as its head says"),
        (b"gzip", gzipped(BODY)[:-9], "the compressed body is cut off"),
        (b"deflate", gzipped(BODY, -zlib.MAX_WBITS)[:1], "the compressed body is cut off"),
        (b"br", BODY, "the body is in a content coding that was not asked for"),
        (b"gzip, gzip", BODY, "the body is in a content coding that was not asked for"),
    ],
    ids=["plain", "cut", "one-byte", "brotli", "twice"],
)
def test_a_body_that_cannot_be_decompressed_is_refused(coding: bytes, body: bytes, detail: str) -> None:
    assert refusal(coded(coding, body)).detail == detail


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nServer : x\r\nContent-Length: 22\r\n\r\n",
        b"HTTP/1.0 200\nContent-Length: 22\n\n",
        b"HTTP/1.1 200 \xe4\r\nA: b\r\n c\r\nContent-Length : 22\r\n\r\n",
    ],
    ids=["space-before-colon", "line-feeds", "folded"],
)
def test_an_odd_head_is_read_as_clients_read_it(head: bytes) -> None:
    assert fed(head + BODY).body == BODY


REST = b"f\r\n<dict/></plist>\r\n0\r\n\r\n"


@pytest.mark.parametrize("cut", [lambda answer: [answer], single_bytes], ids=["whole", "bytewise"])
@pytest.mark.parametrize(
    "framed",
    [
        b"Transfer-Encoding: chunked\n\n7\n<plist>\nf\n<dict/></plist>\n0\n\n",
        b"Transfer-Encoding: chunked\r\n\r\n16 ; a=b\r\n" + BODY + b"\r\n000;x\r\nT: 1\r\nU: 2\r\n\r\n",
        b"Transfer-Encoding: identity, Chunked\r\nContent-Length: 5\r\n\r\n7\r\n<plist>\r\n" + REST,
        b"Transfer-Encoding: identity\r\nContent-Length: 22\r\n\r\n" + BODY,
        b"Content-Length: 7\r\nContent-Length: 22\r\n\r\n" + BODY,
        b"Content-Length: +22\r\n\r\n" + BODY,
        b"Content-Length: 22, 22\r\n\r\n" + BODY,
    ],
    ids=["line-feeds", "extensions", "both", "identity", "two-lengths", "plus", "list"],
)
def test_an_odd_framing_is_read_as_curl_reads_it(framed: bytes, cut: Callable[[bytes], list[bytes]]) -> None:
    assert outcome(cut(b"HTTP/1.1 200 OK\r\n" + framed)) == (True, 200, BODY)


@pytest.mark.parametrize("line", [b"5;" + b"a" * MAX_LINE, b"0\r\n" + (b"a" * 1000 + b"\r\n") * 400])
def test_between_the_chunks_there_is_not_as_much_as_it_likes(line: bytes) -> None:
    error = refusal(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + line)
    assert "exceed" in error.detail


def test_a_body_without_end_is_given_up_at_the_limit() -> None:
    machine = fed(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 1000)

    with pytest.raises(PhaseError):
        machine.receive(b"x")


def test_a_body_that_was_too_long_never_gets_done() -> None:
    machine = get(limit=1)
    with pytest.raises(PhaseError):
        machine.receive(LENGTH)
    with pytest.raises(PhaseError):
        machine.receive(b"")

    assert not machine.done


def test_a_length_of_many_digits_reserves_nothing() -> None:
    machine = fed(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc")

    assert (machine.done, machine.body) == (False, b"abc")


@given(
    answer=st.sampled_from(ANSWERS),
    at=st.integers(0, 200),
    spoiled=st.binary(max_size=4),
    ended=st.booleans(),
)
def test_how_the_stream_is_cut_changes_nothing(answer: bytes, at: int, spoiled: bytes, ended: bool) -> None:
    """Also of answers with a few bytes replaced somewhere."""
    answer = answer[:at] + spoiled + answer[at + len(spoiled) :]
    end = [b""] if ended else []

    assert outcome(single_bytes(answer) + end) == outcome([answer] * bool(answer) + end)


@given(pieces=st.lists(st.binary(max_size=100)))
def test_no_bytes_raise_anything_but_its_own_error(pieces: list[bytes]) -> None:
    outcome([b"HTTP/1.1 200 OK\r\n", *filter(None, pieces), b""])
