"""How the console writes times, failures and many hosts."""

import pytest

from netcheck.console.wording import failure_text, hosts_text, places_text, seconds_text
from netcheck.model.failing import Failure, Phase, Reason
from tests.records import COURIER, result


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00042, "0.4 ms"),
        (0.0040391, "4.0 ms"),
        (0.02, "20 ms"),
        (0.99949, "999 ms"),
        (0.9996, "1.0 s"),
        (4.0391, "4.0 s"),
        (9.96, "10 s"),
        (12.4, "12 s"),
    ],
)
def test_times_have_two_digits_that_count(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("phase", "reason", "text"),
    [
        (Phase.CONNECT, Reason.TIMEOUT, "connect timeout"),
        (Phase.PROXY_CONNECT, Reason.REFUSED, "proxy connect refused"),
        (Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, "proxy denied"),
        (Phase.TLS, Reason.TLS_INTERCEPTED, "tls intercepted"),
        (Phase.TLS, Reason.RESET, "tls reset"),
        (Phase.RESOLVE, Reason.NXDOMAIN, "nxdomain"),
        (Phase.PROXY_RESOLVE, Reason.NXDOMAIN, "proxy resolve nxdomain"),
        (Phase.SESSION, Reason.CLOSED, "session closed"),
    ],
)
def test_a_failure_is_named_once(phase: Phase, reason: Reason, text: str) -> None:
    assert failure_text(Failure(phase, reason)) == text


def test_numbered_hosts_are_told_together() -> None:
    numbered = [f"{number}-courier.test" for number in (9, 0, 1, 2, 4, 10, 0)]
    assert hosts_text([*numbered, "api.test", "3-other.test"]) == (
        "N-courier.test (N: 0-2, 4, 9-10), 3-other.test, api.test"
    )


def test_hosts_of_the_same_ports_are_told_together() -> None:
    results = [result(COURIER, port, host=host) for host in COURIER.hosts for port in (5223, 443)]
    assert places_text([*results, result("provider", 443, host="api.test")]) == (
        "N-courier.test (N: 0-1), api.test, TCP port 443; N-courier.test (N: 0-1), TCP port 5223"
    )
