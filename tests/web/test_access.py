"""Who may ask for what, whatever the route: names of this server, other origins, switches, headers."""

from collections.abc import Mapping

import pytest

from netcheck.config.web import Web
from netcheck.config.web_file import RateLimit, WebFile
from netcheck.web.access import guarded
from netcheck.web.protection import Protection
from netcheck.web.routes import _ROUTES
from netcheck.web.server import Request, Response
from tests.probe.peers import in_trio
from tests.web.asking import GET, ask, hello, status
from tests.web.ports import web_port

ROUTES = [*_ROUTES, "/none"]
OURS = "127.0.0.1:9223"


async def answered(
    method: str = "GET",
    route: str = "/",
    host: str | None = OURS,
    headers: Mapping[str, str] | None = None,
    protection: Protection = Protection(),  # noqa: B008  # it is frozen
) -> Response:
    handler = guarded(hello, lambda: protection)
    return await handler(Request(method, route, {}, headers or {}, host, "10.0.0.1"))


# The host that was asked


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@in_trio
async def test_under_a_name_that_is_not_ours_nothing_is_answered(method: str, route: str) -> None:
    response = await answered(method, route, "evil.example:9223")
    assert response.status == 403
    assert b"netcheck does not answer under the name evil.example:9223." in response.body
    assert b"web: {hosts: [NAME]}" in response.body


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3:9223",
        "[::1]",
        "[fd00::1]:9223",
        "localhost",
        "LOCALHOST:9223",
        "localhost.:9223",
        "netcheck.corp.example",
        "Netcheck.Corp.Example.:80",
        None,
    ],
)
@in_trio
async def test_addresses_localhost_and_our_names_are_answered(host: str | None) -> None:
    protection = Protection(Web(hosts=("netcheck.corp.example",)))
    assert (await answered(host=host, protection=protection)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "corp.example",
        "evil.netcheck.corp.example",
        "netcheck.corp.example.evil",
        "127.0.0.1.evil.example",
        "evil.example@127.0.0.1",
        "127.0.0.1/evil",
        "127.0.0.1:x",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "localhost.evil.example",
        "[::1",
        "[evil.example]",
        "::1",
        "127.0.0.1, evil.example",
        "ⅼocalhost",
        " ",
    ],
)
@in_trio
async def test_what_only_looks_like_our_name_is_not(host: str) -> None:
    protection = Protection(Web(hosts=("netcheck.corp.example",)))
    assert (await answered(host=host, protection=protection)).status == 403


@in_trio
async def test_a_host_in_the_request_line_is_the_one_that_counts() -> None:
    async with web_port(hello) as port:
        [name] = port.names
        asked = b"GET http://evil.example/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        assert status(await ask(name, asked)) == 403
        asked = b"GET http://h/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        assert status(await ask(name, asked)) == 200
        assert status(await ask(name, b"GET / HTTP/1.0\r\n\r\n")) == 200


# Pages of other origins

SAME = {"origin": f"http://{OURS}"}
OTHER = [
    {"origin": "http://evil.example"},
    {"origin": "http://127.0.0.1:9224"},
    {"origin": "http://127.0.0.1"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "file://127.0.0.1:9223"},
    {"origin": f"http://evil.example, http://{OURS}"},
    {"origin": "http://[evil"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", **SAME},
    {"sec-fetch-site": "same-origin", "origin": "http://evil.example"},
]


@pytest.mark.parametrize("headers", OTHER, ids=str)
@in_trio
async def test_a_page_of_another_origin_may_do_nothing(headers: dict[str, str]) -> None:
    assert (await answered("POST", "/-/reload", headers=headers)).status == 403
    assert (await answered("DELETE", "/", headers=headers)).status == 403
    assert (await answered("GET", "/probe", headers=headers)).status == 403


@pytest.mark.parametrize(
    "headers",
    [{}, SAME, {"sec-fetch-site": "same-origin", **SAME}, {"sec-fetch-site": "none"}],
    ids=str,
)
@in_trio
async def test_scripts_pages_of_ours_and_what_is_typed_into_a_browser_may(headers: dict[str, str]) -> None:
    assert (await answered("POST", "/-/reload", headers=headers)).status == 200
    assert (await answered("GET", "/probe", headers=headers)).status == 200


@in_trio
async def test_behind_a_proxy_that_takes_tls_away_pages_of_ours_are_ours() -> None:
    protection = Protection(Web(hosts=("netcheck.example",)))
    headers = {"origin": "https://netcheck.example"}
    response = await answered("POST", "/-/reload", "netcheck.example", headers, protection)
    assert response.status == 200


@in_trio
async def test_a_link_from_another_page_can_be_followed() -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert (await answered("GET", "/", headers=headers)).status == 200


# Switches


@in_trio
async def test_reload_and_probe_can_be_switched_off() -> None:
    protection = Protection(Web(reload=False, probe=False))
    reload = await answered("POST", "/-/reload", protection=protection)
    probe = await answered("GET", "/probe", protection=protection)
    assert (reload.status, probe.status) == (403, 403)
    assert b"web: {reload: false}" in reload.body
    assert b"web: {probe: false}" in probe.body
    assert (await answered("GET", "/metrics", protection=protection)).status == 200


# Headers


@in_trio
async def test_headers_of_the_config_stand_on_every_answer_in_place_of_others() -> None:
    headers = (("X-Frame-Options", "sameorigin"), ("Strict-Transport-Security", "max-age=9"))
    protection = Protection(Web(hosts=("h",)), WebFile(headers=headers))
    async with web_port(hello, protection=protection) as port:
        for asked in (GET, GET.replace(b": h", b": evil.example")):
            answer = await ask(port.names[0], asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert answer.count(b"X-Frame-Options") == 1
            assert b"X-Frame-Options: sameorigin\r\n" in answer
            assert b"Strict-Transport-Security: max-age=9\r\n" in answer


@pytest.mark.parametrize(
    "asked",
    [
        GET,
        GET.replace(b": h", b": evil.example"),
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000,
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999\r\n\r\n",
        b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n",
    ],
    ids=lambda asked: str(asked[:20]),
)
@in_trio
async def test_every_answer_tells_browsers_to_guess_frame_and_embed_nothing(asked: bytes) -> None:
    async with web_port(hello) as port:
        answer = await ask(port.names[0], asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
    for header in (
        b"X-Content-Type-Options: nosniff",
        b"X-Frame-Options: deny",
        b"Referrer-Policy: no-referrer",
    ):
        assert b"\r\n" + header + b"\r\n" in answer
    assert b"\r\nContent-Security-Policy: default-src 'none'; " in answer
    assert b"\r\nCross-Origin-Resource-Policy: same-origin\r\n" in answer


# How often


@in_trio
async def test_requests_beyond_the_rate_of_the_config_are_told_to_come_later() -> None:
    protection = Protection(said=WebFile(rate_limit=RateLimit(3600.0, 2)))
    handler = guarded(hello, lambda: protection)
    request = Request("GET", "/", {}, {}, OURS, "10.0.0.1")
    responses = [await handler(request) for _ in range(3)]
    assert [response.status for response in responses] == [200, 200, 429]
    assert dict(responses[2].headers)["Retry-After"]
