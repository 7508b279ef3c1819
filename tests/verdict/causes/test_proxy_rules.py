"""What the rules of a proxy deny, and what its users do not need."""

from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Reason
from netcheck.model.findings import Cause, Needed, Verdict
from netcheck.model.paths import Family
from netcheck.model.results import Result
from netcheck.verdict.assessing import assess
from tests.records import PROVIDER, once, result
from tests.verdict.scene import (
    BOTH,
    COURIER,
    DENIED,
    HANDSHAKE,
    PROVIDER_API,
    PROXY,
    couriers,
    judge,
    through,
)


def test_a_port_that_is_denied_while_another_will_do_is_not_needed() -> None:
    results = [through(PROVIDER_API, 443), through(PROVIDER_API, 2197, DENIED)]
    (judged,) = assess([PROVIDER_API], [PROXY], once(results)).judgements
    assert (judged.verdict, judged.findings) == (Verdict.READY, ())
    assert judged.needs == {Needed("provider", 443)}
    assert [line for line in judged.counts if "2197" in line] == []


def test_where_all_ports_are_denied_all_are_asked_for() -> None:
    results = [through(PROVIDER_API, port, DENIED) for port in PROVIDER_API.ports]
    (judged,) = assess([PROVIDER_API], [PROXY], once(results)).judgements
    assert judged.cause is Cause.PROXY_DENIES_PORT
    assert "ports 443 and 2197" in (judged.next_step or "")


def test_of_a_denying_proxy_nothing_is_said_that_was_not_tried() -> None:
    gateway = replace(PROVIDER_API, name="gateway", hosts=("gateway.push.apple.com",), ports=(2195,))
    (judged,) = assess([gateway], [PROXY], once([through(gateway, 2195, DENIED)])).judgements
    assert judged.cause is Cause.PROXY_DENIES_PORT
    assert judged.findings[0].evidence == "the proxy denies it in the one probe that failed: port 2195"


@pytest.mark.parametrize(
    ("denied", "given"),
    [
        ((Family.NAME,), "given by name"),
        ((Family.IPV6,), "given by IPv6 address"),
        ((Family.IPV4, Family.IPV6), "given by address"),
        ((Family.NAME, Family.IPV4, Family.IPV6), None),
    ],
)
def test_a_proxy_that_denies_one_way_of_asking_is_told_which(
    denied: tuple[Family, ...], given: str | None
) -> None:
    results = [
        each
        for family in (Family.NAME, Family.IPV4, Family.IPV6)
        for each in couriers(
            DENIED if family in denied else None, (443,), path=PROXY, family=family, spoke=True
        )
    ]
    judged = judge(results, paths=(PROXY,))
    assert judged.cause is Cause.PROXY_DENIES_PORT
    assert (f", {given}. It must not" if given else "(N: 0 to 3). It must not") in (judged.next_step or "")


def asked_in_each_way(failure: Failure, bad: tuple[Family, ...]) -> list[Result]:
    return [
        each
        for family in (Family.NAME, Family.IPV4, Family.IPV6)
        for each in couriers(
            failure if family in bad else None, (443,), path=BOTH, family=family, spoke=family not in bad
        )
    ]


@pytest.mark.parametrize(
    ("bad", "given", "keys"),
    [
        ((Family.IPV6,), "given by IPv6 address", "`resolve: proxy` or `families: ipv4`"),
        ((Family.IPV4, Family.IPV6), "given by address", "`resolve: proxy`"),
        ((Family.NAME,), "given by name", "`resolve: local`"),
    ],
)
@pytest.mark.parametrize("software", ["", "tinyproxy/1.11"])
def test_a_proxy_that_takes_one_way_of_asking_for_a_bad_request_is_one(
    bad: tuple[Family, ...], given: str, keys: str, software: str
) -> None:
    reply = b"HTTP/1.1 400 Bad Request"
    failure = Failure(HANDSHAKE, Reason.PROXY_NOT_A_PROXY, "HTTP 400", reply, software=software)
    results = asked_in_each_way(failure, bad)
    (finding,) = judge(results, paths=(BOTH,)).findings
    assert finding.cause is Cause.PROXY_DENIES_PORT
    assert f", {given}. It must not" in finding.next_step
    assert f"set {keys} of the path proxy in the config" in finding.next_step
    assert finding.evidence.startswith("the proxy denies it in all ")


def test_what_calls_every_request_a_bad_one_is_no_proxy() -> None:
    failure = Failure(HANDSHAKE, Reason.PROXY_NOT_A_PROXY, "HTTP 400", b"HTTP/1.1 400 Bad Request")
    results = asked_in_each_way(failure, tuple(Family))
    judged = judge(results, paths=(BOTH,))
    assert judged.cause is Cause.PROXY_DOWN


def test_a_denying_proxys_evidence_tells_which_ports_it_allows() -> None:
    denied = couriers(Failure(HANDSHAKE, Reason.PROXY_DENIED, "HTTP 403"), (443,), path=PROXY, spoke=True)
    judged = assess([COURIER], [PROXY], once(denied + couriers(None, (5223,), path=PROXY))).judgements[0]
    assert judged.evidence[0] == (
        "the proxy denies it in all 4 failed probes: port 443; it allows others on 5223"
    )


def test_a_denied_port_that_the_role_can_do_without_is_not_told() -> None:
    denied = Failure(HANDSHAKE, Reason.PROXY_DENIED, "HTTP 403")
    cannot = Failure(HANDSHAKE, Reason.PROXY_ERROR, "HTTP 500")
    results = [
        result(PROVIDER, port, failure, path=PROXY.name, proxy_spoke=True)
        for port, failure in ((443, cannot), (2197, denied))
    ]
    (judged,) = assess([PROVIDER], [PROXY], once(results)).judgements
    assert "connect to api.test on port 443." in (judged.next_step or "")
    assert "2197" not in (judged.next_step or "")
    assert judged.needs == {Needed("provider", 443)}
