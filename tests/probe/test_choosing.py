"""Paths on which a PAC file or the environment chooses: real servers on loopback."""

import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
import trio
import trustme

from netcheck.model.failing import Phase, PhaseError, Reason
from netcheck.model.paths import (
    Environment,
    Family,
    Pac,
    ProbePath,
    Proxy,
    ProxyScheme,
    ResolveMode,
    Resolver,
)
from netcheck.model.results import Result
from netcheck.model.services import Depth, Service, Timeouts, TlsSettings
from netcheck.probe.once import Round
from netcheck.probe.proxy import pac
from netcheck.probe.resolve.names import Names
from netcheck.probe.runner import Prober
from netcheck.schedule import Gate
from tests.hanging import hanging_file
from tests.probe.peers import Handler, in_trio, nameserver, resets, says, serving, silent, stays
from tests.probe.test_proof import API, GOOD, identity
from tests.probe.test_proxy import tls_handler, trusting

CONNECTED = b"HTTP/1.1 200 OK\r\n\r\n"
TIMEOUTS = Timeouts(resolve=2, connect=2, proxy=2, tls=2)


def a_file(script: str, status: str = "200 OK", kind: str = "text/plain") -> bytes:
    body = script.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def always(answer: str) -> str:
    return f"function FindProxyForURL(url, host) {{ return {answer} }}"


async def probed(
    path: ProbePath, *ports: int, host: str = "mdm.test", prober: Prober | None = None
) -> Sequence[Result]:
    service = Service("mdm", (host,), ports, depth=Depth.TCP)
    prober = prober or Prober(TIMEOUTS, {path.name: Gate(8, 1e6)})
    return (await prober.visit(service, host, path, 0, 0, alone=True)).results


def over_pac(port: int, **changes: object) -> ProbePath:
    return ProbePath("pac", chosen_by=Pac(f"http://127.0.0.1:{port}/proxy.pac"), **changes)  # type: ignore[arg-type]  # test's own


def ways(result: Result) -> list[tuple[str, Reason | None]]:
    assert result.choice is not None
    return [
        ("".join(proxy.url for proxy in each.proxies), each.failure.reason if each.failure else None)
        for each in result.choice.attempts
    ]


@in_trio
async def test_every_way_is_probed_and_the_first_that_is_not_passed_over_counts() -> None:
    heard: list[bytes] = []
    async with serving(stays(says(CONNECTED, heard=heard))) as proxy, serving(resets) as broken:
        script = always(f"'PROXY 127.0.0.1:{broken}; PROXY 127.0.0.1:{proxy}'")
        async with serving(says(a_file(script))) as web:
            (result,) = await probed(over_pac(web), 443)
    assert ways(result) == [
        (f"http://127.0.0.1:{broken}", Reason.RESET),
        (f"http://127.0.0.1:{proxy}", None),
    ]
    assert result.attempt.failure is None
    assert result.attempt.family is Family.NAME
    assert result.attempt.proxies[0].port == proxy
    assert heard[0].startswith(b"CONNECT mdm.test:443 ")


def refuses(status: str) -> Handler:
    return says(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())


@pytest.mark.parametrize(
    ("handler", "scheme", "is_final"),
    [
        (refuses("403 Forbidden"), "PROXY", True),
        (refuses("407 Proxy Authentication Required"), "PROXY", True),
        (refuses("503 Service Unavailable"), "PROXY", True),
        (says(b"no proxy"), "PROXY", True),
        (says(b""), "PROXY", True),
        (says(b"HTTP/1.1 20"), "PROXY", True),
        (resets, "PROXY", False),
        (silent, "PROXY", False),
        (says(b""), "SOCKS5", False),
        (says(b"\5\0", b"\5\2\0\1" + bytes(6)), "SOCKS5", False),
    ],
)
@in_trio
async def test_what_an_http_proxy_answers_is_final(handler: Handler, scheme: str, is_final: bool) -> None:
    async with serving(stays(says(CONNECTED))) as proxy, serving(handler) as first:
        script = always(f"'{scheme} 127.0.0.1:{first}; PROXY 127.0.0.1:{proxy}'")
        async with serving(says(a_file(script))) as web:
            (result,) = await probed(over_pac(web), 443)
    assert ways(result)[1] == (f"http://127.0.0.1:{proxy}", None)
    assert (result.attempt.failure is not None) is is_final


GRANTED = b"\5\0\0\1" + bytes(6)


@pytest.mark.parametrize(
    ("handler", "scheme"),
    [
        (says(CONNECTED, b""), "PROXY"),
        (says(CONNECTED, b"no TLS at all"), "PROXY"),
        (stays(says(CONNECTED)), "PROXY"),
        (says(b"\5\0", GRANTED, b""), "SOCKS5"),
        (stays(says(b"\5\0", GRANTED)), "SOCKS5"),
        (says(b""), "DIRECT"),
        (resets, "DIRECT"),
        (silent, "DIRECT"),
    ],
)
@in_trio
async def test_once_a_way_has_led_to_the_destination_it_is_final(handler: Handler, scheme: str) -> None:
    """As in Chromium: whoever breaks TLS off, or falls silent in it, is not passed over."""
    async with serving(refuses("403 Forbidden")) as final, serving(handler) as first:
        script = always(f"'{scheme} 127.0.0.1:{first}; PROXY 127.0.0.1:{final}'")
        service = Service("mdm", ("127.0.0.1",), (first,), depth=Depth.TLS, tls=TlsSettings("mdm.test"))
        async with serving(says(a_file(script))) as web:
            prober = Prober(TIMEOUTS, {"pac": Gate(8, 1e6)})
            (result,) = (await prober.visit(service, "127.0.0.1", over_pac(web), 0, 0, alone=True)).results
    assert ways(result)[1] == (f"http://127.0.0.1:{final}", Reason.PROXY_DENIED)
    assert result.attempt.failure is not None
    assert result.attempt.failure.phase is Phase.TLS


async def _proves(prober: Prober, service: Service, path: ProbePath) -> None:
    await prober.prove(service, path, identity(GOOD))


async def _holds(prober: Prober, service: Service, path: ProbePath) -> None:
    await prober.hold(service, API, path, Family.NAME, 0, lambda _: None)


async def _sends_large_hellos(prober: Prober, service: Service, path: ProbePath) -> None:
    await prober.try_large_hellos(service, API, path, 0)


@pytest.mark.parametrize("act", [_proves, _holds, _sends_large_hellos])
@pytest.mark.parametrize(("handler", "is_final"), [(refuses("403 Forbidden"), True), (resets, False)])
@in_trio
async def test_proofs_holds_and_large_hellos_take_the_same_way(
    act: Callable[[Prober, Service, ProbePath], Awaitable[None]], handler: Handler, is_final: bool
) -> None:
    heard: list[bytes] = []
    service = Service("provider", (API,), (443,), depth=Depth.TLS, tls=TlsSettings(API, ("h2",)), hold=1.0)
    async with serving(says(CONNECTED, heard=heard)) as proxy, serving(handler) as first:
        script = always(f"'PROXY 127.0.0.1:{first}; PROXY 127.0.0.1:{proxy}'")
        async with serving(says(a_file(script))) as web:
            await act(Prober(TIMEOUTS, {"pac": Gate(8, 1e6)}), service, over_pac(web))
    assert (heard == []) is is_final


@in_trio
async def test_the_script_is_asked_as_devices_ask_with_names_of_the_paths_resolver() -> None:
    urls = "url + ' ' + isInNet(host, '192.0.2.0', '255.255.255.0') + isResolvable('gone.test') + ';DIRECT'"
    async with (
        serving(says(a_file(always(urls)))) as web,
        nameserver({("mdm.test", "A"): ["192.0.2.1"]}) as at,
    ):
        found = await probed(over_pac(web, resolver=Resolver("corp", (at,))), 443, 5223)
    assert [result.choice and result.choice.said for result in found] == [
        "https://mdm.test/ truefalse;DIRECT",
        "https://mdm.test:5223/ truefalse;DIRECT",
    ]


@in_trio
async def test_a_bag_over_plain_http_is_asked_for_with_its_path() -> None:
    """So browsers ask: of https alone the path is taken away."""
    service = Service("bag", ("127.0.0.1",), (80, 443), bag="/bag")
    async with serving(says(a_file(always("url + ';PROXY 127.0.0.1:9'")))) as web:
        prober = Prober(TIMEOUTS, {"pac": Gate(8, 1e6)})
        found = (await prober.visit(service, "127.0.0.1", over_pac(web), 0, 0, alone=True)).results
    assert [result.choice and result.choice.said.partition(";")[0] for result in found] == [
        "http://127.0.0.1/bag",
        "https://127.0.0.1/",
    ]


@in_trio
async def test_a_script_that_throws_without_an_address_gets_one_name_after_the_other() -> None:
    numbers = [f"convert_addr(dnsResolve('n{number}.test'))" for number in range(6)]
    zone = {(f"n{number}.test", "A"): [f"0.0.0.{number}"] for number in range(6)}
    async with serving(says(a_file(always("+' '+".join(numbers))))) as web, nameserver(zone) as at:
        (result,) = await probed(over_pac(web, resolver=Resolver("corp", (at,))), 443)
    assert result.choice is not None
    assert result.choice.said == "0 1 2 3 4 5"


@in_trio
async def test_direct_is_tried_without_a_proxy() -> None:
    async with (
        serving(stays(says())) as port,
        serving(says(a_file(always("'DIRECT'")))) as web,
        nameserver({("mdm.test", "A"): ["127.0.0.1"]}) as at,
    ):
        (result,) = await probed(over_pac(web, resolver=Resolver("corp", (at,))), port, host="mdm.test")
    assert ways(result) == [("", None)]
    assert list(result.phases) == [Phase.RESOLVE, Phase.CONNECT]


@pytest.mark.parametrize(
    ("answer", "reason", "says_why"),
    [
        (a_file("<html>Login</html>"), Reason.PAC_FAULTY, "is HTML and not JavaScript"),
        (a_file("", "404 Not Found"), Reason.PAC_UNAVAILABLE, "answered with HTTP status 404"),
        (b"SSH-2.0-x\r\n", Reason.PAC_UNAVAILABLE, "does not speak HTTP"),
        (b"", Reason.PAC_UNAVAILABLE, "closed the connection"),
        (a_file("x" * (1 << 20 | 1)), Reason.PAC_UNAVAILABLE, "exceeds 1048576 bytes"),
        (a_file(always("missing()")), Reason.PAC_FAULTY, "missing is not defined"),
        (a_file(always("null")), Reason.PAC_FAULTY, "answers null"),
    ],
)
@in_trio
async def test_a_file_that_names_nothing_fails_with_what_was_answered(
    answer: bytes, reason: Reason, says_why: str
) -> None:
    async with serving(says(answer)) as web:
        (result,) = await probed(over_pac(web), 443)
    assert result.choice is None
    assert result.attempt.failure is not None
    assert (result.attempt.failure.phase, result.attempt.failure.reason) == (Phase.PROXY_RESOLVE, reason)
    assert says_why in result.attempt.failure.detail


def moved(to: str, status: str = "302 Found") -> bytes:
    return f"HTTP/1.1 {status}\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"])
@in_trio
async def test_a_file_that_was_moved_is_read_where_it_is(status: str) -> None:
    heard: list[bytes] = []
    async with (
        serving(says(a_file(always("'DIRECT'")), heard=heard)) as web,
        serving(says(moved(f"http://127.0.0.1:{web}/new.pac?site=1", status))) as old,
    ):
        (result,) = await probed(over_pac(old), 443)
    assert result.choice is not None
    assert result.choice.said == "DIRECT"
    assert heard[0].startswith(b"GET /new.pac?site=1 HTTP/1.1")


@pytest.mark.parametrize(
    ("to", "says_why"),
    [
        ("/there", "more than 5 redirects"),
        ("", "does not say where to"),
        ("http://user:secret@127.0.0.1/", "does not say where to"),
        ("file:///etc/passwd", "redirects to no URL of http or https"),
        ("http://127.0.0.1:99999/secret", "redirects to no URL of http or https"),
        ("http://127.0.0.1/a b?secret", "redirects to no URL of http or https"),
        ("http://[::/secret", "redirects to no URL of http or https"),
    ],
)
@in_trio
async def test_a_redirect_that_leads_nowhere_is_told(to: str, says_why: str) -> None:
    async with serving(says(moved(to))) as web:
        (result,) = await probed(over_pac(web), 443)
    assert result.attempt.failure is not None
    assert result.attempt.failure.reason is Reason.PAC_UNAVAILABLE
    assert says_why in result.attempt.failure.detail
    assert "secret" not in result.attempt.failure.detail


@in_trio
async def test_a_redirect_to_tls_in_capitals_is_tls(tmp_path: Path) -> None:
    ours = trustme.CA()
    authorities = trusting(ours, tmp_path)
    async with (
        serving(tls_handler(ours, "127.0.0.1", says(a_file(always("'DIRECT'"))))) as web,
        serving(says(moved(f"HTTPS://127.0.0.1:{web}/p.pac"))) as old,
    ):
        source = Pac(f"http://127.0.0.1:{old}/p.pac", ca_file=authorities)
        (result,) = await probed(ProbePath("pac", chosen_by=source), 443)
    assert result.choice is not None
    assert result.choice.said == "DIRECT"


@pytest.mark.parametrize("scheme", ["http", "HTTP"])
@in_trio
async def test_a_redirect_never_gives_up_tls(tmp_path: Path, scheme: str) -> None:
    ours = trustme.CA()
    authorities = trusting(ours, tmp_path)
    async with (
        serving(says(a_file(always("'DIRECT'")))) as web,
        serving(tls_handler(ours, "127.0.0.1", says(moved(f"{scheme}://127.0.0.1:{web}/p.pac")))) as old,
    ):
        source = Pac(f"https://127.0.0.1:{old}/p.pac", ca_file=authorities)
        (result,) = await probed(ProbePath("pac", chosen_by=source), 443)
    assert result.attempt.failure is not None
    assert "redirects from https to http" in result.attempt.failure.detail


@in_trio
async def test_a_file_that_is_gone_is_told_and_what_was_read_before_is_used_on() -> None:
    answers = [a_file(always("'PROXY 127.0.0.1:1'")), a_file("", "500 Broken")]

    async def in_turn(stream: trio.SocketStream) -> None:
        await says(answers.pop(0))(stream)

    async with serving(in_turn) as web:
        path = over_pac(web)
        prober = Prober(TIMEOUTS, {path.name: Gate(8, 1e6)})
        (first,) = await probed(path, 443, prober=prober)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pac, "_READ_EVERY", 0.0)
            (later,) = await probed(path, 443, prober=prober)
    assert first.choice is not None
    assert later.choice is not None
    assert (first.choice.said, first.choice.trouble) == (later.choice.said, "")
    assert "HTTP status 500" in later.choice.trouble


@in_trio
async def test_a_file_on_this_machine_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a b.pac"
    file.write_bytes(b"\xef\xbb\xbf" + always("'PROXY 127.0.0.1:1'").encode())
    (result,) = await probed(ProbePath("pac", chosen_by=Pac(f"file://{file}")), 443)
    assert ways(result) == [("http://127.0.0.1:1", Reason.REFUSED)]
    (gone,) = await probed(ProbePath("pac", chosen_by=Pac("file:///nowhere.pac")), 443)
    assert gone.attempt.failure is not None
    assert gone.attempt.failure.detail == "the PAC file file:///nowhere.pac: No such file or directory"


@in_trio
async def test_why_a_file_is_gone_is_told_to_each_probe_by_an_error_of_its_own() -> None:
    """One that is raised again and again would keep all that was under way each time."""
    source, url = Pac("file:///nowhere.pac"), ("https://mdm.test/", "mdm.test")
    files, told = pac.PacFiles(TIMEOUTS, Names(2), pac.KeptFiles()), []
    for _ in range(2):
        with pytest.raises(PhaseError) as caught:
            await files.ask(Round(), source, ProbePath("pac", chosen_by=source), url, (url,))
        told.append(caught.value)
    assert told[0] is not told[1]
    assert {(each.reason, each.detail) for each in told} == {
        (Reason.PAC_UNAVAILABLE, "the PAC file file:///nowhere.pac: No such file or directory")
    }


@in_trio
async def test_a_file_on_a_drive_that_has_gone_holds_up_no_probe_for_ever(tmp_path: Path) -> None:
    timeouts = Timeouts(resolve=0.1, connect=0.1, proxy=2, tls=0.1)
    with hanging_file(tmp_path) as file, trio.fail_after(60):
        path = ProbePath("pac", chosen_by=Pac(f"file://{file}"))
        (result,) = await probed(path, 443, prober=Prober(timeouts, {path.name: Gate(8, 1e6)}))
    assert result.attempt.failure is not None
    assert result.attempt.failure.reason is Reason.PAC_UNAVAILABLE
    assert "not read within" in result.attempt.failure.detail


@in_trio
async def test_a_script_that_never_ends_costs_itself_only() -> None:
    async with serving(says(a_file(always("(function () { while (true) {} })()")))) as web:
        found = await probed(over_pac(web), 443, 5223)
    assert [result.attempt.failure and result.attempt.failure.reason for result in found] == [
        Reason.PAC_FAULTY
    ] * 2


@in_trio
async def test_the_environments_proxy_is_asked_except_for_what_goes_without() -> None:
    async with serving(stays(says(CONNECTED))) as proxy:
        https = Proxy(ProxyScheme.HTTP, "127.0.0.1", proxy)
        path = ProbePath("env", chosen_by=Environment(https, None, ("mdm.test",)))
        (through,) = await probed(path, 443, host="a.test")
        (without,) = await probed(path, 443, host="127.0.0.1")
    assert ways(through) == [(https.url, None)]
    assert without.choice is not None
    assert without.choice.said == https.url  # an address is not in the list


@in_trio
async def test_a_proxy_that_takes_addresses_is_given_one() -> None:
    heard: list[bytes] = []
    async with (
        serving(stays(says(b"\0\x5a" + bytes(6), heard=heard))) as socks,
        nameserver({("mdm.test", "A"): ["192.0.2.7"]}) as at,
    ):
        proxy = Proxy(ProxyScheme.SOCKS4, "127.0.0.1", socks, resolve=ResolveMode.LOCAL)
        path = ProbePath("env", resolver=Resolver("corp", (at,)), chosen_by=Environment(proxy))
        (result,) = await probed(path, 443)
    assert result.attempt.failure is None
    assert heard[0][:8] == b"\x04\x01\x01\xbb\xc0\x00\x02\x07"


@in_trio
async def test_what_has_no_address_for_such_a_proxy_was_not_sent_without_it() -> None:
    async with nameserver({("other.test", "A"): ["192.0.2.7"]}) as at:
        proxy = Proxy(ProxyScheme.SOCKS5, "127.0.0.1", 1, resolve=ResolveMode.LOCAL)
        path = ProbePath("env", resolver=Resolver("corp", (at,)), chosen_by=Environment(proxy))
        (result,) = await probed(path, 443)
    assert result.attempt.failure is not None
    assert (result.attempt.failure.phase, result.attempt.proxies) == (Phase.RESOLVE, (proxy,))


@pytest.mark.parametrize("is_trusted", [True, False])
@in_trio
async def test_the_server_of_a_file_is_verified(tmp_path: Path, is_trusted: bool) -> None:
    ours, other = trustme.CA(), trustme.CA()
    authorities = trusting(ours if is_trusted else other, tmp_path)
    async with serving(tls_handler(ours, "127.0.0.1", says(a_file(always("'PROXY 127.0.0.1:1'"))))) as web:
        source = Pac(f"https://127.0.0.1:{web}/p.pac?key=secret", ca_file=authorities)
        (result,) = await probed(ProbePath("pac", chosen_by=source), 443)
    assert result.attempt.failure is not None
    assert (result.attempt.failure.reason is Reason.REFUSED) is is_trusted
    assert (result.attempt.failure.reason is Reason.PAC_UNAVAILABLE) is not is_trusted
    assert "secret" not in result.attempt.failure.detail


@pytest.mark.parametrize("was_read_before", [True, False])
@in_trio
async def test_authorities_that_cannot_be_used_are_not_the_files_fault(
    tmp_path: Path, was_read_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an older file is known, that is asked."""
    monkeypatch.setattr(pac, "_READ_EVERY", 0.0)
    monkeypatch.setattr("netcheck.probe.authorities._LOOK_EVERY", 0.0)
    ours = trustme.CA()
    authorities = trusting(ours, tmp_path)
    async with serving(tls_handler(ours, "127.0.0.1", says(a_file(always("'PROXY 127.0.0.1:1'"))))) as web:
        path = ProbePath("pac", chosen_by=Pac(f"https://127.0.0.1:{web}/p.pac", ca_file=authorities))
        prober = Prober(TIMEOUTS, {path.name: Gate(8, 1e6)})
        if was_read_before:
            (result,) = await probed(path, 443, prober=prober)
            assert result.choice is not None
            assert result.choice.said == "PROXY 127.0.0.1:1"
        authorities.write_bytes(b"")
        (result,) = await probed(path, 443, prober=prober)
    assert result.attempt.failure is not None
    if was_read_before:
        assert (result.attempt.failure.phase, result.attempt.failure.reason) == (
            Phase.PROXY_CONNECT,
            Reason.REFUSED,
        )
        assert result.choice is not None
        assert (result.choice.said, result.choice.unusable_store) == ("PROXY 127.0.0.1:1", str(authorities))
        assert f"{authorities} cannot be used" in result.choice.trouble
    else:
        assert (result.attempt.failure.phase, result.attempt.failure.reason) == (
            Phase.PROXY_RESOLVE,
            Reason.PAC_UNAVAILABLE,
        )
        assert result.attempt.failure.unusable_store == str(authorities)


@in_trio
async def test_a_bug_of_ours_is_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: bytes) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(pac, "evaluate", broken)  # which the process does not find
    async with serving(says(a_file(always("'DIRECT'")))) as web:
        (result,) = await probed(over_pac(web), 443)
    assert result.attempt.failure is not None
    assert result.attempt.failure.reason is Reason.INTERNAL_ERROR


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (ZeroDivisionError(), Reason.INTERNAL_ERROR),
        (RuntimeError("can't start new thread"), Reason.FD_EXHAUSTED),
        (OSError(errno.EMFILE, "Too many open files"), Reason.FD_EXHAUSTED),
    ],
)
@pytest.mark.parametrize("url", ["http://127.0.0.1:9/p.pac", "file:///p.pac"])
@in_trio
async def test_what_ails_this_machine_while_a_file_is_read_is_not_the_files(
    url: str, raised: Exception, reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("netcheck.probe.connect.connect", broken)
    monkeypatch.setattr(pac, "in_time", broken)
    (result,) = await probed(ProbePath("pac", chosen_by=Pac(url)), 443)
    assert result.attempt.failure is not None
    assert (result.attempt.failure.phase, result.attempt.failure.reason) == (Phase.PROXY_RESOLVE, reason)


@in_trio
async def test_a_silent_address_of_the_files_server_is_passed_over() -> None:
    timeouts = Timeouts(resolve=1.0, connect=0.2, proxy=1.0, tls=1.0)
    async with serving(says(a_file(always("'DIRECT'"))), "127.0.0.2") as web:
        with (
            socket.create_server(("127.0.0.1", web), backlog=0) as server,
            socket.create_connection(server.getsockname()),  # the kernel has no room for more
        ):
            zone = {("web.test", "A"): ["127.0.0.1", "127.0.0.2"], ("mdm.test", "A"): ["127.0.0.2"]}
            async with nameserver(zone) as at:
                pac_file = Pac(f"http://web.test:{web}/proxy.pac")
                path = ProbePath("pac", chosen_by=pac_file, resolver=Resolver("corp", (at,)))
                (result,) = await probed(path, web, prober=Prober(timeouts, {"pac": Gate(8, 1e6)}))
    assert result.attempt.failure is None
