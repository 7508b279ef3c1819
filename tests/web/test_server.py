"""The server as its clients see it: bytes over loopback, curl, garbage, and clients that mean it badly."""

import gzip
import logging
import re
import socket
import struct
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.web.server import Handler, Limits, Request, Response, accepts_gzip, compressed
from tests.probe.peers import in_trio
from tests.web.ports import web_port

LIMITS = Limits(linger_timeout=10)
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
CLOSING_GET = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


async def hello(request: Request) -> Response:
    return Response(200, b"hello\n")


async def echo_route(request: Request) -> Response:
    return Response(200, request.route.encode())


class Recorder:
    """A handler that keeps the requests it was given."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return Response(200, b"ok")


@asynccontextmanager
async def serving(handler: Handler = hello, limits: Limits = LIMITS) -> AsyncIterator[int]:
    async with web_port(handler, limits) as port:
        yield int(port.names[0].rpartition(":")[2])


async def connect(port: int) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", port)


async def rest(client: trio.SocketStream) -> bytes:
    """Everything up to the server's end of the connection."""
    return b"".join([bytes(chunk) async for chunk in client])


async def talk(port: int, *pieces: bytes) -> bytes:
    """What a client gets that sends these pieces, ends its side, and reads to the end."""
    async with await connect(port) as client:
        for piece in pieces:
            await client.send_all(piece)
        await client.send_eof()
        return await rest(client)


async def one_response(client: trio.SocketStream) -> bytes:
    """Head and body of the next response, and nothing after it."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += await client.receive_some(1)
    [length] = re.findall(rb"content-length: (\d+)", data.lower())
    for _ in range(int(length)):
        data += await client.receive_some(1)
    return data


def statuses(data: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"^HTTP/1\.1 (\d{3}) ", data, re.MULTILINE)]


def undated(data: bytes) -> bytes:
    date = rb"Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n"
    return re.sub(date, b"Date: now\r\n", data)


# Requests that are right


@in_trio
async def test_the_handlers_response_is_sent_with_length_date_and_a_server_name_without_version() -> None:
    async with serving() as port:
        assert undated(await talk(port, GET)) == (
            b"HTTP/1.1 200 OK\r\n"
            b"Date: now\r\n"
            b"Server: netcheck\r\n"
            b"Content-Type: text/plain; charset=utf-8\r\n"
            b"Cache-Control: no-store\r\n"
            b"Content-Security-Policy: "
            b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
            b"Cross-Origin-Opener-Policy: same-origin\r\n"
            b"Cross-Origin-Resource-Policy: same-origin\r\n"
            b"Referrer-Policy: no-referrer\r\n"
            b"X-Content-Type-Options: nosniff\r\n"
            b"X-Frame-Options: deny\r\n"
            b"Content-Length: 6\r\n"
            b"\r\n"
            b"hello\n"
        )


@in_trio
async def test_the_handlers_own_headers_and_content_type_are_sent() -> None:
    async def page(request: Request) -> Response:
        return Response(404, b"<p>", "text/html", (("cache-control", "max-age=1"),))

    async with serving(page) as port:
        answer = await talk(port, GET)
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"\r\nContent-Type: text/html\r\n" in answer
    assert re.findall(rb"\r\n(cache-control: .*)\r\n", answer, re.IGNORECASE) == [b"cache-control: max-age=1"]


@in_trio
async def test_a_handler_gets_route_query_and_headers_decoded() -> None:
    recorder = Recorder()
    async with serving(recorder) as port:
        await talk(
            port,
            b"POST /a%20b/%C3%A9?name%5B%5D=x&name[]=y+z&empty= HTTP/1.1\r\n"
            b"HOST: h\r\nX-Two: 1\r\nx-two: 2\r\n\r\n",
        )
    assert recorder.requests == [
        Request(
            method="POST",
            route="/a b/é",
            query={"name[]": ("x", "y z"), "empty": ("",)},
            headers={"host": "h", "x-two": "1, 2"},
            host="h",
            client="127.0.0.1",
        )
    ]


@pytest.mark.parametrize(
    ("target", "route"),
    [
        (b"http://h:9223/metrics?x=1", "/metrics"),
        (b"http://h", "/"),
        (b"//a/b", "//a/b"),
        (b"*", "*"),
        (b"/a%2", "/a%2"),
        (b"/%ff", "/�"),
    ],
)
@in_trio
async def test_every_form_of_target_becomes_a_route(target: bytes, route: str) -> None:
    recorder = Recorder()
    async with serving(recorder) as port:
        await talk(port, b"OPTIONS %b HTTP/1.1\r\nHost: h\r\n\r\n" % target)
    assert [request.route for request in recorder.requests] == [route]


def test_a_requests_headers_are_in_no_repr() -> None:
    request = Request("GET", "/", {}, {"authorization": "Basic c2VjcmV0"})
    assert "c2VjcmV0" not in repr(request)


@in_trio
async def test_a_request_that_comes_byte_by_byte_is_answered() -> None:
    async with serving() as port:
        assert statuses(await talk(port, *(bytes([byte]) for byte in GET))) == [200]


@in_trio
async def test_one_connection_serves_one_request_after_another() -> None:
    async with serving(echo_route) as port, await connect(port) as client:
        for route in (b"/first", b"/second"):
            await client.send_all(b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n" % route)
            assert (await one_response(client)).endswith(b"\r\n\r\n" + route)


@in_trio
async def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    running = most = 0

    async def handler(request: Request) -> Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.testing.wait_all_tasks_blocked()
        running -= 1
        return await echo_route(request)

    routes = [b"/%d" % number for number in range(5)]
    async with serving(handler) as port:
        answer = await talk(port, b"".join(b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n" % route for route in routes))
    assert re.findall(rb"\r\n\r\n(/\d)", answer) == routes
    assert most == 1


@in_trio
async def test_head_is_answered_with_the_length_of_a_body_that_is_not_sent() -> None:
    async with serving() as port:
        answer = await talk(port, GET.replace(b"GET", b"HEAD"))
    assert b"\r\nContent-Length: 6\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@in_trio
async def test_after_head_the_connection_goes_on() -> None:
    async with serving() as port:
        answer = await talk(port, GET.replace(b"GET", b"HEAD") + GET)
    assert statuses(answer) == [200, 200]
    assert answer.count(b"hello") == 1


@in_trio
async def test_what_is_no_request_is_refused_with_words_also_after_head() -> None:
    async with serving() as port:
        answer = await talk(port, GET.replace(b"GET", b"HEAD") + b"\0\r\n\r\n")
    assert statuses(answer) == [200, 400]
    assert answer.endswith(b".\n")


@pytest.mark.parametrize("status", [204, 304])
@in_trio
async def test_a_response_that_has_no_body_by_its_status_is_sent_without(status: int) -> None:
    async def nothing(request: Request) -> Response:
        return Response(status, b"never sent")

    async with serving(nothing) as port:
        answer = await talk(port, GET)
    assert answer.endswith(b"\r\n\r\n")
    assert b"Content-Length" not in answer


@pytest.mark.parametrize("request_", [CLOSING_GET, b"GET / HTTP/1.0\r\n\r\n"])
@in_trio
async def test_the_server_closes_after_the_response_where_the_client_wants_it(request_: bytes) -> None:
    async with serving() as port, await connect(port) as client:
        await client.send_all(request_)
        answer = await rest(client)
    assert statuses(answer) == [200]
    assert b"\r\nConnection: close\r\n" in answer


@in_trio
async def test_a_body_is_dropped_and_the_next_request_read() -> None:
    small = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    chunked = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    async with serving() as port:
        assert statuses(await talk(port, small + chunked + GET)) == [200, 200, 200]


@in_trio
async def test_a_client_that_expects_100_continue_gets_it_before_it_sends_its_body() -> None:
    async with serving() as port, await connect(port) as client:
        await client.send_all(
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        interim = b""
        while not interim.endswith(b"\r\n\r\n"):
            interim += await client.receive_some(1)
        assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send_all(b"abc")
        assert statuses(await one_response(client)) == [200]


# Requests that are wrong


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: \x00\r\n\r\n", 400),
        (b"GET relative HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %b\r\n\r\n" % (b"9" * 5000), 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc", 400),  # ended too early
        (b"GET / HT", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # a TLS client
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\ntunnelled", 501),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ],
)
@in_trio
async def test_a_wrong_request_is_answered_in_words_and_the_connection_closed(
    request_: bytes, status: int
) -> None:
    recorder = Recorder()
    async with serving(recorder) as port:
        answer = await talk(port, request_)
        assert statuses(await talk(port, GET)) == [200]
    head, _, body = answer.partition(b"\r\n\r\n")
    assert statuses(answer) == [status]
    assert b"\r\nConnection: close" in head
    assert body.decode("ascii").endswith(".\n")
    assert len(recorder.requests) == 1


@pytest.mark.parametrize("size_of_piece", [1, 100, 1000])
@pytest.mark.parametrize(("size", "status"), [(256, 200), (257, 431)])
@in_trio
async def test_the_limit_of_a_head_is_exact_however_it_comes(
    size: int, status: int, size_of_piece: int
) -> None:
    start, end = b"GET / HTTP/1.1\r\nHost: h\r\nX: ", b"\r\n\r\n"
    head = start + b"x" * (size - len(start) - len(end)) + end
    async with serving(limits=replace(LIMITS, head=256)) as port:
        pieces = (head[at : at + size_of_piece] for at in range(0, size, size_of_piece))
        assert statuses(await talk(port, *pieces)) == [status]


@in_trio
async def test_a_head_without_end_is_refused() -> None:
    async with serving() as port:
        assert statuses(await talk(port, b"GET / HTTP/1.1\r\nX: ", b"x" * 200_000)) == [431]


@pytest.mark.parametrize(
    ("size", "status"),
    [(64 * 1024, 200), (64 * 1024 + 1, 413)],
)
@in_trio
async def test_a_body_may_have_64_kib_and_no_more(size: int, status: int) -> None:
    sized = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size
    chunked = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % size
    async with serving() as port:
        assert statuses(await talk(port, sized, b"x" * size)) == [status]
        assert statuses(await talk(port, chunked, b"x" * size, b"\r\n0\r\n\r\n")) == [status]


@in_trio
async def test_a_client_that_expects_100_continue_for_too_large_a_body_gets_413_instead() -> None:
    async with serving() as port, await connect(port) as client:
        await client.send_all(
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
        )
        assert statuses(await rest(client)) == [413]


@in_trio
async def test_a_client_that_gets_an_early_error_can_still_send_and_then_read_it() -> None:
    async with serving() as port:
        answer = await talk(
            port, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n", b"x" * 9_999_999
        )
    assert statuses(answer) == [413]
    assert answer.endswith(b".\n")


async def send_forever(client: trio.SocketStream) -> None:
    while True:
        await client.send_all(b"x" * 1000)


@in_trio
async def test_a_client_that_does_not_stop_sending_after_an_error_is_cut_off() -> None:
    async with serving(limits=replace(LIMITS, linger_timeout=0.1)) as port, await connect(port) as client:
        await client.send_all(b"\0")
        with pytest.raises(trio.BrokenResourceError):
            await send_forever(client)


@pytest.mark.parametrize("trailing", [b"\0", b"x", b"\x81\x05hello"])
@in_trio
async def test_an_upgrade_with_trailing_bytes_is_answered_plainly_and_breaks_nothing(trailing: bytes) -> None:
    upgrade = (
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    async with serving() as port, await connect(port) as other:
        assert statuses(await talk(port, upgrade + trailing)) == [200, 400]
        assert statuses(await talk(port, upgrade + GET)) == [200, 200]
        await other.send_all(GET)
        assert statuses(await one_response(other)) == [200]


_fragments = st.sampled_from(
    [GET, CLOSING_GET, b"GET ", b"CONNECT h:1", b"POST / HTTP/1.1\r\n", b" HTTP/1.1\r\n", b"\r\n", b"\n\n"]
) | st.sampled_from(
    [
        *(b"Host: h\r\n", b"Content-Length: 7\r\n", b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n"),
        *(b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n", b"Connection: ", b"/%zz?&&=", b"http://[::"),
    ]
)


@given(st.lists(st.binary(max_size=40) | _fragments, max_size=12))
@settings(max_examples=150)
def test_garbage_is_answered_or_closed_on_and_the_next_client_served(pieces: list[bytes]) -> None:
    async def main() -> None:
        with trio.fail_after(30):
            async with serving() as port:
                answer = await talk(port, *pieces)
                assert statuses(await talk(port, GET)) == [200]
        assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
        assert b"HTTP/1.1 5" not in answer.replace(b"HTTP/1.1 501", b"").replace(b"HTTP/1.1 505", b"")

    trio.run(main)


# Handlers that fail


@in_trio
async def test_a_handlers_exception_is_a_500_without_and_a_log_record_with_the_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(request: Request) -> Response:
        raise RuntimeError("a secret place in the code")

    async with serving(broken) as port:
        answer = await talk(port, GET + GET)
    assert statuses(answer) == [500, 500]
    assert b"secret" not in answer
    assert b"Traceback" not in answer
    [record, _] = caplog.records
    assert (record.name, record.levelno) == ("netcheck.web", logging.ERROR)
    assert record.exc_info is not None
    assert "a secret place in the code" in caplog.text


@pytest.mark.parametrize(
    "response",
    [
        Response(200, b"", headers=(("X", "split\r\nSet-Cookie: a=b"),)),
        Response(200, b"", headers=(("X", "é"),)),
        Response(101, b""),
    ],
)
@in_trio
async def test_a_response_that_http_forbids_is_a_500(
    response: Response, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(request: Request) -> Response:
        return response

    async with serving(broken) as port:
        assert statuses(await talk(port, GET)) == [500]
    assert len(caplog.records) == 1


@in_trio
async def test_a_handler_that_takes_too_long_is_a_503_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def slow(request: Request) -> Response:
        await trio.sleep_forever()
        raise AssertionError

    async with serving(slow, replace(LIMITS, handler_timeout=0.05)) as port:
        assert statuses(await talk(port, GET + GET)) == [503, 503]
    assert "GET '/' took longer" in caplog.text


@in_trio
async def test_a_fault_of_the_server_itself_ends_one_connection_and_no_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as port, await connect(port) as other:
        await other.send_all(GET)
        await one_response(other)
        with monkeypatch.context() as patched:
            patched.setattr("netcheck.web.server._split_target", None)
            with suppress(trio.BrokenResourceError):
                assert await talk(port, GET) == b""
        await other.send_all(GET)
        assert statuses(await one_response(other)) == [200]
    assert "TypeError" in caplog.text


# Clients that are slow, gone, or too many


@in_trio
async def test_a_client_that_says_nothing_is_closed_on_without_a_word() -> None:
    async with serving(limits=replace(LIMITS, request_timeout=0.05)) as port, await connect(port) as client:
        assert await rest(client) == b""


@pytest.mark.parametrize("start", [b"GET / HT", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx"])
@in_trio
async def test_a_request_that_drips_in_is_given_up_with_408(start: bytes) -> None:
    async with serving(limits=replace(LIMITS, request_timeout=0.2)) as port, await connect(port) as client:
        await client.send_all(start)
        answer = bytearray()

        async def read() -> None:
            answer.extend(await rest(client))
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            for byte in b"TP/1.1\r\n" * 1000:  # each byte in time, the whole never
                await client.send_all(bytes([byte]))
                await trio.sleep(0.05)
    assert statuses(bytes(answer)) == [408]


@in_trio
async def test_a_kept_connection_is_closed_when_nothing_more_comes() -> None:
    limits = replace(LIMITS, idle_timeout=0.05, request_timeout=1000)
    async with serving(limits=limits) as port, await connect(port) as client:
        await client.send_all(GET)
        assert statuses(await rest(client)) == [200]


@in_trio
async def test_a_client_that_does_not_read_is_given_up_and_its_place_freed() -> None:
    size = 64 * 1024 * 1024

    async def large(request: Request) -> Response:
        return Response(200, bytes(size))

    limits = replace(LIMITS, connections=1, write_timeout=0.1)
    async with serving(large, limits) as port, await connect(port) as client:
        await client.send_all(GET)
        while (found := statuses(await talk(port, GET.replace(b"GET", b"HEAD")))) == [503]:
            pass  # the only place is still taken
        assert found == [200]
        assert len(await rest(client)) < size


@in_trio
async def test_a_client_that_resets_its_connection_disturbs_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked, gone = trio.Event(), trio.Event()

    async def handler(request: Request) -> Response:
        if request.route == "/doomed":
            asked.set()
            await gone.wait()
        return Response(200, bytes(1_000_000))

    async with serving(handler) as port, await connect(port) as other:
        async with await connect(port) as client:
            await client.send_all(b"GET /doomed HTTP/1.1\r\nHost: h\r\n\r\n")
            await asked.wait()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.set()
        await other.send_all(CLOSING_GET)
        assert statuses(await rest(other)) == [200]
    assert caplog.records == []


@in_trio
async def test_cancellation_closes_every_socket() -> None:
    asked = trio.Event()

    async def endless(request: Request) -> Response:
        if request.route == "/endless":
            asked.set()
            await trio.sleep_forever()
        return Response(200, b"")

    async with trio.open_nursery() as nursery:
        async with serving(endless) as port:
            silent, idle, partial_, waiting = [await connect(port) for _ in range(4)]
            await idle.send_all(GET)
            await one_response(idle)
            await partial_.send_all(b"GET /")
            await waiting.send_all(b"GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")
            await asked.wait()
        for client in (silent, idle, partial_, waiting):
            async with client:
                nursery.start_soon(expect_end, client)
                await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(OSError, match="127"):
            await connect(port)


async def expect_end(client: trio.SocketStream) -> None:
    with suppress(trio.BrokenResourceError):  # a reset is an end, too
        assert await rest(client) == b""


# gzip


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip ; q=0.001", True),
        ("gzip;q=0.000, *", False),
        ("br", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=1.0, identity; q=0.5, *;q=0", True),
        ("gzip;q=0.1, identity;q=0.9", False),
        ("gzip;q=2", False),
        ("gzip;q=much", False),
        (",;,gzip", True),
    ],
)
def test_gzip_is_accepted_as_the_q_values_say(header: str | None, accepted: bool) -> None:
    headers = {} if header is None else {"accept-encoding": header}
    assert accepts_gzip(Request("GET", "/", {}, headers)) is accepted


def test_a_compressed_response_says_so_and_keeps_the_rest() -> None:
    plain = Response(200, b"x" * 1000, "text/html", (("X", "1"),))
    packed = compressed(plain)
    assert packed.headers == (("X", "1"), ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    assert (packed.status, packed.content_type) == (200, "text/html")
    assert len(packed.body) < 100
    assert gzip.decompress(packed.body) == plain.body


# curl, a client that we did not write


async def gzipped(request: Request) -> Response:
    response = Response(200, b"hello " * 1000)
    return compressed(response) if accepts_gzip(request) else response


async def curl(*arguments: str) -> str:
    command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "20", *arguments]
    done = await trio.run_process(command, capture_stdout=True, stderr=subprocess.STDOUT)
    return done.stdout.decode()


@pytest.mark.needs("curl")
@in_trio
async def test_curl_reuses_its_connection() -> None:
    async with serving() as port:
        url = f"http://127.0.0.1:{port}/"
        output = await curl("--write-out", "%{num_connects}\n", url, url, url)
    assert output.split() == ["hello", "1", "hello", "0", "hello", "0"]


@pytest.mark.needs("curl")
@in_trio
async def test_curl_reads_a_head_response_and_goes_on() -> None:
    async with serving() as port:
        url = f"http://127.0.0.1:{port}/"
        output = await curl("--head", url, "--next", "--write-out", "%{num_connects}", "--silent", url)
    assert "Content-Length: 6" in output
    assert output.endswith("\nhello\n0")


@pytest.mark.needs("curl")
@pytest.mark.parametrize("arguments", [(), ("--compressed",)])
@in_trio
async def test_curl_gets_the_same_text_plain_and_compressed(arguments: tuple[str, ...]) -> None:
    async with serving(gzipped) as port:
        assert await curl(*arguments, f"http://127.0.0.1:{port}/") == "hello " * 1000


@pytest.mark.needs("curl")
@in_trio
async def test_curl_reads_the_error_for_a_body_that_is_too_large() -> None:
    async with serving() as port:
        output = await curl(
            "--header", "Expect:", "--data", "x" * 100_000, "--write-out", "%{http_code}", f"127.0.0.1:{port}"
        )
    assert output.endswith(".\n413")


# Streams


async def three_pieces() -> AsyncGenerator[bytes, None]:
    for piece in (b"one\n", b"two\n", b"three\n"):
        yield piece


async def streaming(request: Request) -> Response:
    return Response(200, b"zero\n", stream=three_pieces)


@in_trio
async def test_a_stream_follows_the_body_in_chunks_and_the_connection_goes_on() -> None:
    async with serving(streaming) as port, await connect(port) as client:
        await client.send_all(GET + CLOSING_GET)
        answer = b"".join([data async for data in client])
    assert answer.count(b"Transfer-Encoding: chunked") == 2
    assert answer.count(b"5\r\nzero\n\r\n4\r\none\n\r\n4\r\ntwo\n\r\n6\r\nthree\n\r\n0\r\n\r\n") == 2
    assert b"Content-Length" not in answer


@in_trio
async def test_a_stream_ends_when_its_client_has_gone() -> None:
    ended = trio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"still here\n"
                await trio.sleep(0.01)
        finally:
            ended.set()

    async def handler(request: Request) -> Response:
        return Response(200, b"", stream=endless)

    async with serving(handler) as port:
        async with await connect(port) as client:
            await client.send_all(GET)
            await client.receive_some()
        await ended.wait()
