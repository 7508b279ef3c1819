"""Push certificates shown to stand-ins for the provider API, in real TLS on loopback."""

import json
import ssl
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest
import trio
import trustme

from netcheck.apns.push_certificate import identity_in_time
from netcheck.lab.certificates import Authority, KeyPair
from netcheck.model.failing import Phase, Reason
from netcheck.model.paths import Environment, ProbePath, Proxy, ProxyScheme
from netcheck.model.push_certificates import Acceptance, PushCertificateFile, PushIdentity
from netcheck.model.services import Depth, Service, Timeouts, TlsSettings
from netcheck.probe.runner import Prober
from netcheck.schedule import Gate
from tests.certificates import TOPIC, revocations
from tests.probe.peers import Handler, in_trio, says, serving, silent
from tests.probe.test_secure import refusing

API = "api.push.apple.com"
APPLE = trustme.CA(organization_name="Apple-like")
INTERCEPTOR = trustme.CA(organization_name="Corporate Proxy")
PUSH_AUTHORITY = Authority.root("Application Integration 2 of nobody", "netcheck tests")
STRANGER = Authority.root("Nobody that Apple knows", "netcheck tests")
DAY = timedelta(days=1)
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
DIRECT = ProbePath("direct")
Prove = Callable[..., Awaitable[tuple[Acceptance, str]]]


def identity(pair: KeyPair) -> PushIdentity:
    return identity_in_time(PushCertificateFile("mdm", Path("mdm.pem"), TOPIC), pair.pem)


def pushing(authority: Authority = PUSH_AUTHORITY, lifetime: timedelta = 30 * DAY) -> KeyPair:
    return authority.issue_push_certificate(TOPIC, lifetime)


GOOD, EXPIRED, REVOKED, OF_STRANGER = pushing(), pushing(lifetime=-DAY / 2), pushing(), pushing(STRANGER)


def provider_context(
    folder: Path, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, authority: trustme.CA = APPLE
) -> ssl.SSLContext:
    """TLS that wants a certificate of the push authority's, unexpired and unrevoked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    authority.issue_cert(API).configure_cert(context)
    context.set_alpn_protocols(["h2"])
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=PUSH_AUTHORITY.pair.certificate_pem.decode())
    revoked = folder / "revoked.pem"
    revoked.write_bytes(revocations(PUSH_AUTHORITY, REVOKED))
    context.load_verify_locations(revoked)
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


Heard = list[dict[bytes, bytes]]


def answering(context: ssl.SSLContext, status: str, reason: str, heard: Heard | None = None) -> Handler:
    """The provider API, which gives this answer to the first request and notes its headers."""

    async def handle(stream: trio.SocketStream) -> None:
        tls = trio.SSLStream(stream, context, server_side=True)
        server = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None)
        )
        server.initiate_connection()
        await tls.send_all(server.data_to_send())
        while data := await tls.receive_some(4096):
            for event in server.receive_data(data):
                if isinstance(event, h2.events.RequestReceived) and heard is not None:
                    heard.append(dict(event.headers))
                if isinstance(event, h2.events.StreamEnded):
                    server.send_headers(event.stream_id, [(":status", status)])
                    body = json.dumps({"reason": reason}).encode()
                    server.send_data(event.stream_id, body, end_stream=True)
            await tls.send_all(server.data_to_send())

    return handle


@pytest.fixture
def prove(tmp_path: Path) -> Prove:
    """Shows a certificate to a peer; its authority counts as Apple's."""
    file = tmp_path / "ca.pem"
    APPLE.cert_pem.write_to_path(str(file))
    tls = TlsSettings(API, ("h2",), is_apples=True, lab_ca_file=file)

    async def show(
        handler: Handler, pair: KeyPair = GOOD, depth: Depth = Depth.TLS
    ) -> tuple[Acceptance, str]:
        async with serving(handler) as port:
            service = Service("provider", ("127.0.0.1",), (port,), depth=depth, tls=tls)
            prober = Prober(Timeouts(tls=2.0), {DIRECT.name: Gate(8, 1e6)})
            acceptance, detail = await prober.prove(service, DIRECT, identity(pair))
            return acceptance, detail.replace(str(port), "PORT")

    return show


@in_trio
@pytest.mark.parametrize(
    ("status", "reason", "acceptance"),
    [
        ("400", "BadDeviceToken", Acceptance.ACCEPTED),
        ("400", "DeviceTokenNotForTopic", Acceptance.ACCEPTED),
        ("410", "Unregistered", Acceptance.ACCEPTED),
        ("403", "BadCertificate", Acceptance.REFUSED),
        ("403", "BadCertificateEnvironment", Acceptance.WRONG_ENVIRONMENT),
        ("403", "Forbidden", Acceptance.REFUSED),
        ("400", "TopicDisallowed", Acceptance.WRONG_TOPIC),
        ("400", "BadTopic", Acceptance.WRONG_TOPIC),
        ("400", "MissingTopic", Acceptance.WRONG_TOPIC),
        ("403", "MissingProviderToken", Acceptance.UNPROVEN),
        ("429", "TooManyRequests", Acceptance.UNPROVEN),
        ("503", "ServiceUnavailable", Acceptance.UNPROVEN),
    ],
)
async def test_the_answer_says_what_apns_makes_of_the_certificate(
    tmp_path: Path, prove: Prove, status: str, reason: str, acceptance: Acceptance
) -> None:
    handler = answering(provider_context(tmp_path), status, reason)
    assert await prove(handler) == (acceptance, f"HTTP {status}, {reason}")


@in_trio
async def test_the_request_is_an_mdm_push_under_the_topic_of_the_certificate(
    tmp_path: Path, prove: Prove
) -> None:
    heard: Heard = []
    await prove(answering(provider_context(tmp_path), "400", "BadDeviceToken", heard), depth=Depth.TCP)
    (headers,) = heard
    assert headers[b":path"] == b"/3/device/" + b"0" * 64
    assert (headers[b":authority"], headers[b"apns-topic"]) == (API.encode(), TOPIC.encode())
    assert (headers[b"apns-push-type"], headers[b"apns-expiration"]) == (b"mdm", b"0")


@in_trio
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("pair", "acceptance", "alert"),
    [
        (EXPIRED, Acceptance.EXPIRED, 45),
        (REVOKED, Acceptance.REVOKED, 44),
        (OF_STRANGER, Acceptance.REFUSED, 48),
    ],
    ids=["expired", "revoked", "stranger"],
)
async def test_the_alert_says_why_the_certificate_is_refused(
    tmp_path: Path,
    prove: Prove,
    version: ssl.TLSVersion,
    pair: KeyPair,
    acceptance: Acceptance,
    alert: int,
) -> None:
    found = await prove(refusing(provider_context(tmp_path, version)), pair)
    assert found[0] is acceptance
    assert found[1].startswith(f"TLS alert {alert}: ")


@in_trio
async def test_a_certificate_past_its_date_is_expired_whatever_the_refusal_says(
    tmp_path: Path, prove: Prove
) -> None:
    context = provider_context(tmp_path)
    context.verify_mode = ssl.CERT_NONE
    found = await prove(answering(context, "403", "BadCertificate"), EXPIRED)
    assert found == (Acceptance.EXPIRED, "HTTP 403, BadCertificate")


@in_trio
async def test_who_decrypts_is_asked_for_nothing_and_says_nothing_of_the_certificate(
    tmp_path: Path, prove: Prove
) -> None:
    heard: Heard = []
    context = provider_context(tmp_path, authority=INTERCEPTOR)
    found = await prove(answering(context, "403", "BadCertificate", heard))
    assert found == (Acceptance.UNPROVEN, "port PORT: tls tls_intercepted")
    assert heard == []
    assert await prove(refusing(context), OF_STRANGER) == found


@in_trio
@pytest.mark.parametrize(
    ("handler", "phase", "reason"),
    [
        (says(b""), Phase.TLS, Reason.CLOSED),
        (silent, Phase.TLS, Reason.TLS_TIMEOUT),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n"), Phase.TLS, Reason.TLS_NOT_TLS),
    ],
    ids=["closed", "silent", "ssh"],
)
async def test_without_an_answer_nothing_is_proven(
    prove: Prove, handler: Handler, phase: Phase, reason: Reason
) -> None:
    assert await prove(handler) == (Acceptance.UNPROVEN, f"port PORT: {phase} {reason}")


@in_trio
async def test_nobody_listening_proves_nothing() -> None:
    service = Service("provider", ("127.0.0.1",), (1,), tls=TlsSettings(API, ("h2",), is_apples=True))
    prober = Prober(Timeouts(), {DIRECT.name: Gate(8, 1e6)})
    found = await prober.prove(service, DIRECT, identity(GOOD))
    assert found == (Acceptance.UNPROVEN, "port 1: connect refused")


@in_trio
async def test_a_proof_takes_the_way_that_is_chosen() -> None:
    asked: list[bytes] = []
    async with serving(says(b"HTTP/1.1 403 Forbidden\r\n\r\n", heard=asked)) as port:
        proxy = Proxy(ProxyScheme.HTTP, "127.0.0.1", port)
        path = ProbePath("web", chosen_by=Environment(https=proxy, http=None))
        service = Service("provider", (API,), (443,), depth=Depth.TLS, tls=TlsSettings(API, ("h2",)))
        prober = Prober(Timeouts(tls=2.0), {"web": Gate(8, 1e6)})
        acceptance, detail = await prober.prove(service, path, identity(GOOD))
    assert (acceptance, detail) == (Acceptance.UNPROVEN, "port 443: proxy_handshake proxy_denied")
    assert asked[0].startswith(b"CONNECT api.push.apple.com:443 ")
