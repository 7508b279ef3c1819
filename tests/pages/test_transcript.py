"""One probe as text."""

from dataclasses import replace

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import Transport
from netcheck.model.results import Try
from netcheck.pages.transcript import of_visit
from tests.export.states import DENIED, RESULT, TLS, a_lookup, a_visit


def test_a_probe_that_came_through_has_a_line_for_each_phase_and_the_certificate() -> None:
    result = replace(RESULT, attempt=replace(RESULT.attempt, rtt=0.0199, tls=TLS))
    assert of_visit(a_visit(result)) == (
        "courier 17-courier.push.apple.com:5223 at 17.57.144.1, over direct (ipv4), 2025-10-09 08:53:20 UTC\n"
        "  resolve              4.00 ms  ok\n"
        "  connect              20.0 ms  ok\n"
        "  round trip           19.9 ms\n"
        "  certificate of courier.push.apple.com, Apple Inc., until 2026-09-21 14:13:20 UTC\n"
        "  issued by Apple Server Authentication CA, vouched for by apple\n"
        "  TLSv1.3, ALPN apns-security-v3\n"
    )


def test_a_probe_that_failed_says_where_and_what_the_peer_said() -> None:
    text = of_visit(a_visit(replace(RESULT, attempt=DENIED, resolve_duration=None)))
    assert "  proxy_handshake      70.0 ms  proxy_denied\n  reply 2\n" in text
    assert r"  the answer began with \x05\x02\x00" in text


def test_a_phase_that_never_ran_has_no_time() -> None:
    failure = Failure(Phase.RESOLVE, Reason.NXDOMAIN, "there is no such name")
    bare = replace(RESULT.attempt, phases={}, failure=failure)
    text = of_visit(a_visit(replace(RESULT, attempt=bare, resolve_duration=None)))
    assert "  resolve                       nxdomain\n  there is no such name\n" in text


def test_a_lookup_has_a_line_for_each_try() -> None:
    tries = (
        Try("192.0.2.53:53", Transport.UDP, Reason.DNS_TIMEOUT, 1.0),
        Try("192.0.2.54:53", Transport.TCP, None, 0.004),
    )
    text = of_visit(a_visit(RESULT, lookups=[a_lookup(tries=tries)]))
    assert text.startswith(
        "17-courier.push.apple.com A, asked of system: 17.57.144.1, 17.57.144.2\n"
        "  192.0.2.53:53 over udp: dns_timeout 1000.0 ms\n"
        "  192.0.2.54:53 over tcp: answered 4.00 ms\n"
    )


def test_without_an_address_there_is_nothing_to_probe() -> None:
    assert of_visit(replace(a_visit(RESULT), results=())) == "nothing was probed: the name has no address\n"
