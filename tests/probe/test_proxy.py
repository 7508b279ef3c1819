"""The proxy phases against scripted proxies on loopback; real ones stand in tests/system."""

import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from netcheck.model.credentials import AuthScheme, Credentials, Secret
from netcheck.model.failing import Failure, LoginFault, Phase, Reason, RefusedLogin
from netcheck.model.paths import Binding, Proxy, ProxyScheme, RecordType
from netcheck.model.results import Lookup
from netcheck.model.services import Timeouts
from netcheck.probe.proxy.logins import Logins
from netcheck.probe.proxy.phases import ProxyRoute, connect_through
from netcheck.probe.walk import Walk, WalkEnded
from netcheck.wire.handshake import handshake_for
from netcheck.wire.target import Target
from tests.apns.test_trust import made, root
from tests.probe.peers import Handler, in_trio, resets, says, serving, silent, stays

TARGET = Target("1-courier.push.apple.com", 5223)
SOCKS5_YES = (b"\x05\x00", b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
SOCKS5_NO = (b"\x05\x00", b"\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00")
HTTP_YES = b"HTTP/1.1 200 Connection established\r\n\r\n"
HTTP_LOGIN = b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"
HTTP_NO = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
TIMEOUTS = Timeouts(connect=5, proxy=5, tls=5)


async def no_lookup(host: str) -> tuple[Lookup, ...]:
    raise AssertionError(f"{host} was looked up")


def looked_up(*addresses: str, reason: Reason | None = None, duration: float = 0.25) -> Lookup:
    return Lookup(0, "proxy", RecordType.A, "corp", reason, "said so", addresses, (), 60, duration, ())


async def walked(
    proxy: Proxy,
    lookup: Lookup | None = None,
    timeouts: Timeouts = TIMEOUTS,
    begin: int = 0,
    logins: Logins | None = None,
    target: Target = TARGET,
) -> tuple[Walk, Failure | None]:
    async def give(_: str) -> tuple[Lookup, ...]:
        assert lookup is not None
        return (lookup,)

    lookups = give if lookup else no_lookup
    route = ProxyRoute(proxy, Binding(), timeouts, lookups, logins or Logins(), begin=begin)
    with Walk() as walk:
        try:
            await connect_through(walk, route, handshake_for(proxy, target), target.place)
        except WalkEnded as ended:
            return walk, ended.failure
    return walk, None


async def through(
    scheme: ProxyScheme, handler: Handler, timeouts: Timeouts = TIMEOUTS
) -> tuple[Walk, Failure | None]:
    async with serving(handler) as port:
        return await walked(Proxy(scheme, "127.0.0.1", port), timeouts=timeouts)


@pytest.mark.linux
@in_trio
async def test_a_socks5_proxy_that_connects_gives_two_phases() -> None:
    walk, failure = await through(ProxyScheme.SOCKS5H, says(*SOCKS5_YES))
    assert failure is None
    assert list(walk.phases) == [Phase.PROXY_CONNECT, Phase.PROXY_HANDSHAKE]
    assert all(seconds > 0 for seconds in walk.phases.values())
    assert walk.proxy_spoke is True
    assert walk.tcp is not None


@in_trio
async def test_a_connect_request_names_the_target() -> None:
    heard: list[bytes] = []
    walk, failure = await through(ProxyScheme.HTTP, says(HTTP_YES, heard=heard))
    assert failure is None
    assert heard[0].startswith(b"CONNECT 1-courier.push.apple.com:5223 HTTP/1.1\r\n")
    assert walk.proxy_spoke is True


ASKING = (ProxyScheme.SOCKS5H, ProxyScheme.SOCKS4A, ProxyScheme.HTTP)


@in_trio
@pytest.mark.parametrize(
    ("scheme", "handler", "reason", "spoke"),
    [
        (ProxyScheme.SOCKS5H, says(*SOCKS5_NO), Reason.PROXY_DENIED, True),
        (ProxyScheme.HTTP, says(HTTP_NO), Reason.PROXY_DENIED, True),
        (ProxyScheme.SOCKS5H, stays(says(b"\x05\x00")), Reason.PROXY_TIMEOUT, True),
        (ProxyScheme.SOCKS5H, says(b"SSH-2.0-OpenSSH_9.2\r\n"), Reason.PROXY_NOT_A_PROXY, False),
        (ProxyScheme.SOCKS5H, resets, Reason.RESET, False),
        *((scheme, says(b""), Reason.PROXY_CLOSED, False) for scheme in ASKING),
    ],
)
async def test_what_a_proxy_says_or_does_not_say_fails_the_handshake(
    scheme: ProxyScheme, handler: Handler, reason: Reason, spoke: bool
) -> None:
    patience = 0.2 if reason is Reason.PROXY_TIMEOUT else 5.0
    walk, failure = await through(scheme, handler, Timeouts(proxy=patience))
    assert failure is not None
    assert (failure.phase, failure.reason) == (Phase.PROXY_HANDSHAKE, reason)
    assert walk.proxy_spoke is spoke
    assert walk.phases[Phase.PROXY_HANDSHAKE] > 0
    assert failure.evidence.startswith(b"SSH-2.0-OpenSSH" if reason is Reason.PROXY_NOT_A_PROXY else b"")


@in_trio
async def test_a_stopped_proxy_is_refused_in_proxy_connect() -> None:
    async with serving(silent) as port:
        pass
    walk, failure = await walked(Proxy(ProxyScheme.HTTP, "127.0.0.1", port))
    assert failure is not None
    assert (failure.phase, failure.reason) == (Phase.PROXY_CONNECT, Reason.REFUSED)
    assert list(walk.phases) == [Phase.PROXY_CONNECT]
    assert walk.proxy_spoke is False


@in_trio
async def test_a_proxy_given_by_name_has_a_resolve_phase_with_the_lookups_own_time() -> None:
    async with serving(says(HTTP_YES)) as port:
        walk, failure = await walked(Proxy(ProxyScheme.HTTP, "proxy.example", port), looked_up("127.0.0.1"))
    assert failure is None
    assert list(walk.phases) == [Phase.PROXY_RESOLVE, Phase.PROXY_CONNECT, Phase.PROXY_HANDSHAKE]
    assert walk.phases[Phase.PROXY_RESOLVE] == 0.25


@in_trio
async def test_a_proxy_name_that_does_not_exist_ends_in_proxy_resolve() -> None:
    missing = looked_up(reason=Reason.NXDOMAIN)
    walk, failure = await walked(Proxy(ProxyScheme.HTTP, "proxy.example", 3128), missing)
    assert failure == Failure(Phase.PROXY_RESOLVE, Reason.NXDOMAIN, "said so")
    assert list(walk.phases) == [Phase.PROXY_RESOLVE]


@in_trio
@pytest.mark.parametrize("address", ["0.0.0.0", "::", "::ffff:0.0.0.0"])
async def test_a_proxy_whose_name_leads_to_nobody_is_not_connected_to(address: str) -> None:
    walk, failure = await walked(Proxy(ProxyScheme.HTTP, "proxy.example", 3128), looked_up(address))
    assert failure is not None
    assert (failure.phase, failure.reason) == (Phase.PROXY_RESOLVE, Reason.SINKHOLED)
    assert f"answered {address} for proxy.example" in failure.detail
    assert list(walk.phases) == [Phase.PROXY_RESOLVE]


@in_trio
async def test_the_next_address_of_a_proxy_is_tried_when_one_refuses() -> None:
    async with serving(says(HTTP_YES)) as port:
        addresses = looked_up("127.0.0.2", "127.0.0.1")  # nothing listens on the first
        walk, failure = await walked(Proxy(ProxyScheme.HTTP, "proxy.example", port), addresses)
    assert failure is None
    assert walk.proxy_spoke is True


@in_trio
async def test_when_all_addresses_of_a_proxy_fail_the_first_failure_counts() -> None:
    async with serving(silent) as port:
        pass
    walk, failure = await walked(
        Proxy(ProxyScheme.HTTP, "proxy.example", port), looked_up("127.0.0.2", "127.0.0.1")
    )
    assert failure is not None
    assert failure.reason is Reason.REFUSED
    assert walk.passed_over[0] in failure.detail
    assert {*walk.passed_over} == {f"127.0.0.1:{port}", f"127.0.0.2:{port}"}
    assert walk.phases[Phase.PROXY_CONNECT] > 0


@in_trio
async def test_the_addresses_of_a_proxy_are_tried_from_one_of_them_on() -> None:
    async with serving(says(HTTP_YES)) as port:
        proxy, lookup = Proxy(ProxyScheme.HTTP, "proxy.example", port), looked_up("127.0.0.1", "127.0.0.2")
        seen = []
        for begin in range(4):
            walk, failure = await walked(proxy, lookup, begin=begin)
            assert failure is None
            seen.append(walk.passed_over)
            assert walk.member == "127.0.0.1"
    assert seen == [(), (f"127.0.0.2:{port}",)] * 2


@in_trio
async def test_the_only_address_of_a_proxy_is_no_member() -> None:
    async with serving(says(HTTP_YES)) as port:
        walk, _ = await walked(Proxy(ProxyScheme.HTTP, "proxy.example", port), looked_up("127.0.0.1"))
    assert walk.member is None


@in_trio
async def test_credentials_reach_the_proxy_and_nothing_else() -> None:
    heard: list[bytes] = []
    proxy_login = Credentials("svc", Secret("s3cret"), auth=AuthScheme.BASIC)
    async with serving(says(HTTP_NO, heard=heard)) as port:
        _, failure = await walked(Proxy(ProxyScheme.HTTP, "127.0.0.1", port, proxy_login))
    assert b"proxy-authorization: basic" in heard[0].lower()
    assert failure is not None
    assert "s3cret" not in repr(failure)
    assert "s3cret" not in repr(proxy_login)


@in_trio
@pytest.mark.parametrize(
    ("scheme", "answers", "wanted"),
    [
        (ProxyScheme.SOCKS5H, (b"\x05\x02", b"\x01\x00", *SOCKS5_YES[1:]), False),  # it was offered
        (ProxyScheme.HTTP, (HTTP_LOGIN, HTTP_YES), True),
        (ProxyScheme.HTTP, (HTTP_YES,), False),
    ],
)
async def test_whether_a_proxy_wants_the_login_is_known(
    scheme: ProxyScheme, answers: tuple[bytes, ...], wanted: bool
) -> None:
    async with serving(says(*answers)) as port:
        walk, failure = await walked(Proxy(scheme, "127.0.0.1", port, Credentials("svc", Secret("s3cret"))))
    assert failure is None
    assert walk.login_wanted is wanted


# --- TLS to the proxy


def tls_handler(
    ca: trustme.CA,
    name: str,
    inner: Handler,
    *,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    wants_certificate: bool = False,
    ciphers: str = "DEFAULT",
) -> Handler:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_ciphers(ciphers)
    context.maximum_version = version
    ca.issue_cert(name).configure_cert(context)
    if wants_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        ca.configure_trust(context)

    async def handle(stream: trio.SocketStream) -> None:
        tls = trio.SSLStream(stream, context, server_side=True)
        with suppress(trio.BrokenResourceError):
            await inner(tls)  # type: ignore[arg-type]  # the same two methods

    return handle


async def over_tls(
    folder: Path, handler: Handler, authority: trustme.CA, timeouts: Timeouts = TIMEOUTS
) -> tuple[Walk, Failure | None]:
    """Through a proxy for https, for which this authority may vouch."""
    async with serving(handler) as port:
        proxy = Proxy(ProxyScheme.HTTPS, "127.0.0.1", port, ca_file=trusting(authority, folder))
        return await walked(proxy, timeouts=timeouts)


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


def trusting(ca: trustme.CA, folder: Path) -> Path:
    file = folder / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return file


@in_trio
@pytest.mark.parametrize(
    ("version", "phase", "reason"),
    [
        (ssl.TLSVersion.TLSv1_2, Phase.PROXY_TLS, Reason.CLOSED),
        (ssl.TLSVersion.TLSv1_3, Phase.PROXY_HANDSHAKE, Reason.PROXY_CLOSED),
    ],
)
async def test_a_proxy_that_wants_a_certificate_of_its_client_is_known_as_one(
    ca: trustme.CA, tmp_path: Path, version: ssl.TLSVersion, phase: Phase, reason: Reason
) -> None:
    handler = tls_handler(ca, "127.0.0.1", says(HTTP_YES), version=version, wants_certificate=True)
    _, failure = await over_tls(tmp_path, handler, ca)
    assert failure is not None
    assert (failure.phase, failure.reason) == (phase, reason)
    assert failure.login == RefusedLogin(LoginFault.CERTIFICATE)
    assert "asks in TLS for a certificate of its client" in failure.detail


@in_trio
async def test_an_https_proxy_has_a_tls_phase(ca: trustme.CA, tmp_path: Path) -> None:
    walk, failure = await over_tls(tmp_path, tls_handler(ca, "127.0.0.1", says(HTTP_YES)), ca)
    assert failure is None
    assert list(walk.phases) == [Phase.PROXY_CONNECT, Phase.PROXY_TLS, Phase.PROXY_HANDSHAKE]
    assert (walk.proxy_not_after or 0.0) > time.time()


@in_trio
async def test_a_proxy_may_have_ciphers_that_only_openssl_and_curl_offer(
    ca: trustme.CA, tmp_path: Path
) -> None:
    """Those of `ssl` leave out SHA-1 and RSA key exchange, unless whoever built Python has others."""
    version, ciphers = ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA"
    handler = tls_handler(ca, "127.0.0.1", says(HTTP_YES), version=version, ciphers=ciphers)
    _, failure = await over_tls(tmp_path, handler, ca)
    assert failure is None


@in_trio
async def test_an_intermediate_authority_may_vouch_for_a_proxy(ca: trustme.CA, tmp_path: Path) -> None:
    """As with curl, and as for services."""
    issuing = ca.create_child_ca()
    _, failure = await over_tls(tmp_path, tls_handler(issuing, "127.0.0.1", says(HTTP_YES)), issuing)
    assert failure is None


@in_trio
async def test_a_refusal_comes_through_tls_as_well(ca: trustme.CA, tmp_path: Path) -> None:
    _, failure = await over_tls(tmp_path, tls_handler(ca, "127.0.0.1", says(HTTP_NO)), ca)
    assert failure is not None
    assert failure.reason is Reason.PROXY_DENIED


@in_trio
async def test_when_a_certificate_expires_is_known_though_ssl_cannot_read_its_names(
    ca: trustme.CA, tmp_path: Path
) -> None:
    own = ca.issue_cert("127.0.0.1")
    names = b"\x82\x07f\xfcr.lan" + b"\x87\x04\x7f\x00\x00\x01"  # in Latin-1, and an address
    odd = made(
        x509.load_pem_x509_certificate(own.cert_chain_pems[0].bytes()),
        root(ca),
        ca.private_key_pem,
        x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30%c" % len(names) + names),
    )
    file = tmp_path / "odd.pem"
    file.write_bytes(own.private_key_pem.bytes() + odd.public_bytes(Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)

    async def handle(stream: trio.SocketStream) -> None:
        await says(HTTP_YES)(trio.SSLStream(stream, context, server_side=True))  # type: ignore[arg-type]  # as above

    walk, failure = await over_tls(tmp_path, handle, ca)
    assert failure is None
    assert (walk.proxy_not_after or 0.0) > time.time()


@in_trio
@pytest.mark.parametrize(
    ("name", "trusted", "reason"),
    [
        ("proxy.example", True, Reason.TLS_NAME_MISMATCH),
        ("127.0.0.1", False, Reason.TLS_UNTRUSTED),
    ],
)
async def test_the_proxys_certificate_is_verified(
    ca: trustme.CA, tmp_path: Path, name: str, trusted: bool, reason: Reason
) -> None:
    anchor = ca if trusted else trustme.CA()
    walk, failure = await over_tls(tmp_path, tls_handler(ca, name, says(HTTP_YES)), anchor)
    assert failure is not None
    assert (failure.phase, failure.reason) == (Phase.PROXY_TLS, reason)
    assert walk.phases[Phase.PROXY_TLS] > 0
    assert walk.proxy_spoke is False


@in_trio
@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Reason.TLS_NOT_TLS),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), Reason.TLS_NOT_TLS),
        (says(b"\x15\x03\x03\x00\x02\x02\x28"), Reason.TLS_ALERT),
        (says(b""), Reason.CLOSED),
        (resets, Reason.RESET),
        (silent, Reason.TLS_TIMEOUT),
    ],
    ids=["plain http", "ssh", "alert", "closed", "reset", "silent"],
)
async def test_what_a_peer_does_instead_of_tls(handler: Handler, reason: Reason, tmp_path: Path) -> None:
    patience = 0.3 if reason is Reason.TLS_TIMEOUT else 10.0
    _, failure = await over_tls(tmp_path, handler, trustme.CA(), Timeouts(tls=patience))
    assert failure is not None
    assert (failure.phase, failure.reason) == (Phase.PROXY_TLS, reason)


@in_trio
async def test_an_expired_certificate_is_told_apart(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    authority.issue_cert(
        "127.0.0.1", not_before=datetime(2019, 1, 1, tzinfo=UTC), not_after=past
    ).configure_cert(context)

    async def handle(stream: trio.SocketStream) -> None:
        await trio.SSLStream(stream, context, server_side=True).do_handshake()

    _, failure = await over_tls(tmp_path, handle, authority)
    assert failure is not None
    assert failure.reason is Reason.TLS_EXPIRED


@in_trio
async def test_a_ca_file_that_is_replaced_is_taken_without_a_restart(ca: trustme.CA, tmp_path: Path) -> None:
    file = trusting(trustme.CA(), tmp_path)
    async with serving(tls_handler(ca, "127.0.0.1", says(HTTP_YES))) as port:
        proxy = Proxy(ProxyScheme.HTTPS, "127.0.0.1", port, ca_file=file)
        _, before = await walked(proxy)
        ca.cert_pem.write_to_path(str(file))
        while (await walked(proxy))[1] is not None:
            pass  # a moment: until it is looked at again
    assert before is not None
    assert before.reason is Reason.TLS_UNTRUSTED


@in_trio
async def test_a_ca_file_that_is_gone_is_told(tmp_path: Path) -> None:
    async with serving(silent) as port:
        proxy = Proxy(ProxyScheme.HTTPS, "127.0.0.1", port, ca_file=tmp_path / "gone.pem")
        _, failure = await walked(proxy)
    assert failure is not None
    assert (failure.phase, failure.reason) == (Phase.PROXY_TLS, Reason.TLS_UNTRUSTED)
    assert "gone.pem" in failure.detail


# --- who did not answer, and what it had said


@in_trio
@pytest.mark.parametrize("scheme", ASKING)
async def test_a_timeout_names_the_proxy_and_what_it_was_asked_for(scheme: ProxyScheme) -> None:
    async with serving(silent) as port:
        walk, failure = await walked(Proxy(scheme, "127.0.0.1", port), timeouts=Timeouts(proxy=0.1))
    assert failure is not None
    assert (failure.phase, failure.reason) == (Phase.PROXY_HANDSHAKE, Reason.PROXY_TIMEOUT)
    assert walk.proxy_spoke is False
    assert failure.detail == (
        f"no answer from proxy 127.0.0.1:{port} in 0.1 s to a request for 1-courier.push.apple.com:5223"
    )


@in_trio
async def test_a_proxy_that_does_not_answer_the_password_is_told_from_one_that_is_silent() -> None:
    async with serving(stays(says(b"\x05\x02"))) as port:
        proxy = Proxy(ProxyScheme.SOCKS5, "127.0.0.1", port, Credentials("svc", Secret("word")))
        _, failure = await walked(proxy, timeouts=Timeouts(proxy=0.2))
    assert failure is not None
    assert failure.reason is Reason.PROXY_TIMEOUT
    assert failure.login == RefusedLogin(LoginFault.SILENT)
    assert failure.detail.endswith("in 0.2 s to the user name and password that it asked for")


@in_trio
async def test_a_timeout_in_tls_names_the_proxy(tmp_path: Path) -> None:
    async with serving(silent) as port:
        proxy = Proxy(ProxyScheme.HTTPS, "127.0.0.1", port, ca_file=trusting(trustme.CA(), tmp_path))
        _, failure = await walked(proxy, timeouts=Timeouts(tls=0.1))
    assert failure is not None
    assert failure.detail == f"no answer from proxy 127.0.0.1:{port} in 0.1 s"


@in_trio
@pytest.mark.parametrize("ending", [silent, resets], ids=["hangs", "resets"])
async def test_a_refusal_whose_head_never_ends_keeps_its_meaning(ending: Handler) -> None:
    async def begins(stream: trio.SocketStream) -> None:
        await says(b"HTTP/1.1 403 Forbidden\r\n")(stream)
        if ending is resets:
            stream.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        else:
            await silent(stream)

    walk, failure = await through(ProxyScheme.HTTP, begins, Timeouts(proxy=0.5))
    assert failure is not None
    assert (failure.reason, failure.detail) == (Reason.PROXY_DENIED, "HTTP 403 Forbidden")
    assert walk.proxy_spoke is True


# --- SOCKS5 proxies that want GSSAPI


def choosing(**methods: bytes) -> Handler:
    """A SOCKS5 proxy that answers an offer by the methods in it."""

    async def handle(stream: trio.SocketStream) -> None:
        hello = await stream.receive_some(64)
        await stream.send_all(methods["gssapi"] if 1 in hello[2:] else methods["others"])
        await silent(stream)

    return handle


@in_trio
@pytest.mark.parametrize("login", [None, Credentials("svc", Secret("s3cret"))], ids=["no-login", "login"])
async def test_a_proxy_that_takes_nothing_but_gssapi_is_known_as_one(login: Credentials | None) -> None:
    async with serving(choosing(gssapi=b"\x05\x01", others=b"\x05\xff")) as port:
        walk, failure = await walked(Proxy(ProxyScheme.SOCKS5H, "127.0.0.1", port, login))
    assert failure is not None
    assert failure.reason is Reason.PROXY_AUTH_UNSUPPORTED
    assert failure.detail == "the proxy wants GSSAPI (Kerberos, SOCKS5 method 0x01)"
    assert walk.proxy_spoke is True


@in_trio
@pytest.mark.parametrize("answer", [b"\x05\xff", b"\x05\x00", b"HTTP", b""])
async def test_a_proxy_that_does_not_take_gssapi_either_is_told_apart(answer: bytes) -> None:
    async with serving(choosing(gssapi=answer, others=b"\x05\xff")) as port:
        _, failure = await walked(
            Proxy(ProxyScheme.SOCKS5H, "127.0.0.1", port), timeouts=Timeouts(connect=0.2)
        )
    assert failure is not None
    assert failure.reason is Reason.PROXY_AUTH_REQUIRED
    assert "0xff" in failure.detail
