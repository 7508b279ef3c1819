"""The answer for each role, in words."""

from dataclasses import replace

import pytest

from netcheck.facts import PathFinding
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Finding, Hop, Judgement, Needed, Verdict
from netcheck.model.paths import Expected, LoadBalancer, ProbePath, Proxy, ProxyScheme, Role
from netcheck.telling.answers import answers, evidence_lines, in_short
from tests.records import COURIER, DROPPED, PROVIDER, facts, result

DIRECT = ProbePath("direct")
WIFI = ProbePath("guest-wifi")
PROXY = ProbePath("web-proxy", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128),))
BALANCER = ProbePath("dmz", load_balancer=(("api.test", LoadBalancer("192.0.2.9", None)),))
CLOSED = ProbePath("direct", expected=Expected.BLOCKED)
NEEDS = frozenset({Needed("courier", 5223), Needed("courier", 443)})


def judged(path: ProbePath, verdict: Verdict, *causes: Cause, role: Role = Role.DEVICE) -> Judgement:
    about = (result(COURIER, 5223, DROPPED, path=path.name),)
    found = tuple(Finding(cause, Hop.FIREWALL, "", "", about=about) for cause in causes)
    return Judgement(path.name, role, verdict, found, needs=NEEDS, expected=path.expected)


def told(paths: list[ProbePath], *judgements: Judgement) -> list[str]:
    reached = [result(COURIER, 443, path=path.name) for path in paths]
    return [each.text for each in answers(facts([COURIER, PROVIDER], paths, judgements, reached))]


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_can_be_said_in_short(cause: Cause) -> None:
    about = tuple(result(COURIER, port, DROPPED) for port in (5223, 443))
    text = in_short(Finding(cause, Hop.APPLE, "", "", about=about))
    assert text
    assert "{" not in text


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (Verdict.NOT_READY, ", but not directly"),
        (Verdict.FALLBACK_ONLY, "; directly on Wi-Fi and Ethernet only"),
        (Verdict.DEGRADED, "; directly with limits"),
        (Verdict.UNKNOWN, "; not known yet directly"),
    ],
)
def test_how_it_is_on_other_paths_is_told_as_it_is(verdict: Verdict, said: str) -> None:
    judgements = judged(PROXY, Verdict.READY), judged(DIRECT, verdict)
    assert told([DIRECT, PROXY], *judgements) == [f"Devices: yes, through web-proxy (port 443){said}."]


def test_neither_of_two_paths_is_told_with_or() -> None:
    broken = [judged(path, Verdict.NOT_READY) for path in (DIRECT, WIFI)]
    assert told([DIRECT, WIFI, PROXY], judged(PROXY, Verdict.READY), *broken) == [
        "Devices: yes, through web-proxy (port 443), but not directly or over guest-wifi."
    ]


def shown(*seen: tuple[ProbePath, Role, str]) -> tuple[str, ...]:
    finding = Finding(Cause.PORT_BLOCKED, Hop.FIREWALL, "", "")
    return evidence_lines(
        PathFinding(finding, (judged(path, Verdict.NOT_READY, role=role),), (line,))
        for path, role, line in seen
    )


def test_evidence_says_whose_it_is_where_it_differs() -> None:
    device, provider = Role.DEVICE, Role.PROVIDER
    assert shown((DIRECT, device, "4 fail"), (WIFI, device, "4 fail")) == ("4 fail",)
    assert shown((DIRECT, device, "4 fail"), (DIRECT, provider, "2 fail")) == (
        "Devices: 4 fail",
        "MDM server: 2 fail",
    )
    assert shown((DIRECT, device, "4 fail"), (WIFI, device, "2 fail"), (PROXY, device, "2 fail")) == (
        "direct: 4 fail",
        "guest-wifi and web-proxy: 2 fail",
    )
    assert shown((DIRECT, device, "4 fail"), (WIFI, provider, "2 fail")) == (
        "Devices, direct: 4 fail",
        "MDM server, guest-wifi: 2 fail",
    )


def test_a_path_has_its_name_unless_it_is_called_direct() -> None:
    paths = [DIRECT, WIFI, BALANCER]
    assert told(paths, *(judged(path, Verdict.READY) for path in paths)) == [
        "Devices: yes, directly, over guest-wifi and through dmz (port 443)."
    ]


def test_ports_that_differ_are_told_of_each_path() -> None:
    paths = [DIRECT, WIFI, PROXY]
    reached = [result(COURIER, port, path=path.name) for path in (DIRECT, WIFI) for port in (443, 5223)]
    judgements = [judged(path, Verdict.READY) for path in paths]
    known = facts([COURIER], paths, judgements, [*reached, result(COURIER, 443, path=PROXY.name)])
    assert [each.text for each in answers(known)] == [
        "Devices: yes, directly and over guest-wifi (ports 443 and 5223) and through web-proxy (port 443)."
    ]


@pytest.mark.parametrize(
    ("cause", "one", "some"),
    [
        (Cause.HOSTS_BLOCKED, "0-courier.test is blocked", "some hosts are blocked"),
        (Cause.HOSTS_UNREACHABLE, "0-courier.test does not answer", "some hosts do not answer"),
        (Cause.PROXY_DENIES_HOST, "the proxy denies 0-courier.test", "the proxy denies some hosts"),
    ],
)
def test_a_single_host_is_told_by_its_name(cause: Cause, one: str, some: str) -> None:
    about = tuple(result(COURIER, 443, DROPPED, host=host) for host in COURIER.hosts)
    assert in_short(Finding(cause, Hop.FIREWALL, "", "", about=about[:1])) == one
    assert in_short(Finding(cause, Hop.FIREWALL, "", "", about=about)) == some


def test_a_nat64_gateway_that_is_dead_is_no_blocked_port() -> None:
    about = (result(COURIER, 443, DROPPED),)
    finding = Finding(Cause.PORT_BLOCKED, Hop.LOCAL_NETWORK, "", "", about=about)
    assert in_short(finding) == "the NAT64 gateway of this network does not work"
    assert in_short(replace(finding, hop=Hop.FIREWALL)) == "port 443 is blocked"


def test_what_a_proxy_denies_may_be_the_next_proxy() -> None:
    row = (Proxy(ProxyScheme.HTTP, "a.test", 3128), Proxy(ProxyScheme.HTTP, "b.test", 8888))
    about = (result(COURIER, 443, DROPPED, proxies=row),)
    for cause in (Cause.PROXY_DENIES_PORT, Cause.PROXY_DENIES_HOST):
        assert in_short(Finding(cause, Hop.PROXY, "", "", about=about)) == "the proxy denies the next proxy"


def test_where_only_the_port_that_was_not_expected_is_reached_it_is_told() -> None:
    path = replace(DIRECT, expected=Expected.FALLBACK_ONLY)
    of_fallback = replace(judged(path, Verdict.READY), needs=frozenset({Needed("courier", 443)}))
    known = facts([COURIER], [path], [of_fallback], [result(COURIER, 5223)])
    assert [each.text for each in answers(known)] == ["Devices: yes, directly (port 5223)."]


def test_each_role_has_its_own_answer() -> None:
    provider = judged(DIRECT, Verdict.NOT_READY, Cause.PROXY_DOWN, role=Role.PROVIDER)
    assert told([DIRECT], judged(DIRECT, Verdict.READY), provider) == [
        "Devices: yes, directly (port 443).",
        "MDM server: no. Directly: the proxy does not work.",
    ]


def test_the_fallback_is_told_as_what_it_means() -> None:
    assert told([DIRECT], judged(DIRECT, Verdict.FALLBACK_ONLY, Cause.PORT_BLOCKED)) == [
        "Devices: on Wi-Fi and Ethernet only. Directly: port 5223 is blocked."
    ]


def test_paths_with_the_same_reasons_share_a_sentence() -> None:
    each = [judged(path, Verdict.NOT_READY, Cause.DNS_FAILURE, Cause.PORT_BLOCKED) for path in (DIRECT, WIFI)]
    other = judged(PROXY, Verdict.NOT_READY, Cause.PROXY_AUTH)
    assert told([DIRECT, WIFI, PROXY], *each, other) == [
        "Devices: no. Directly and over guest-wifi: names do not resolve and port 5223 is blocked. "
        "Through web-proxy: the proxy wants a valid login."
    ]


@pytest.mark.parametrize(
    ("phase", "hosts", "says"),
    [
        (Phase.RESOLVE, ["mdm.test"], "mdm.test does not resolve"),
        (Phase.RESOLVE, COURIER.hosts, "names do not resolve"),
        (Phase.PROXY_RESOLVE, COURIER.hosts, "the proxy's name does not resolve"),
    ],
)
def test_a_single_name_that_does_not_resolve_is_told(phase: Phase, hosts: list[str], says: str) -> None:
    failure = Failure(phase, Reason.NXDOMAIN, "")
    about = tuple(result(COURIER, 443, failure, host=host) for host in hosts)
    assert in_short(Finding(Cause.DNS_FAILURE, Hop.RESOLVER, "", "", about=about)) == says


def test_limits_and_what_is_not_known_are_told() -> None:
    assert told([DIRECT], judged(DIRECT, Verdict.DEGRADED, Cause.IPV6_BROKEN)) == [
        "Devices: yes, with limits. Directly: IPv6 does not work."
    ]
    assert told([DIRECT], judged(DIRECT, Verdict.UNKNOWN)) == ["Devices: not known yet, directly."]


def test_a_path_that_is_blocked_on_purpose_counts_only_where_it_is_alone() -> None:
    blocked = judged(CLOSED, Verdict.NOT_READY)
    assert told([CLOSED, PROXY], blocked, judged(PROXY, Verdict.READY)) == [
        "Devices: yes, through web-proxy (port 443)."
    ]
    assert told([CLOSED], blocked) == ["Devices: no. Directly: closed, as expected."]


def test_without_a_judgement_there_is_no_answer() -> None:
    assert told([DIRECT]) == []


GUEST = ProbePath("guest", expected=Expected.BLOCKED)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (Verdict.READY, "Devices: yes, directly (port 443). Over guest: it is open, and should be blocked."),
        (
            Verdict.NOT_READY,
            "Devices: no. Directly: port 5223 is blocked. Over guest: it is open, and should be blocked.",
        ),
    ],
)
def test_a_path_that_is_open_and_should_be_blocked_is_told(verdict: Verdict, said: str) -> None:
    opened = judged(GUEST, Verdict.FALLBACK_ONLY, Cause.PATH_OPEN)
    causes = [] if verdict is Verdict.READY else [Cause.PORT_BLOCKED]
    assert told([DIRECT, GUEST], judged(DIRECT, verdict, *causes), opened) == [said]


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (Verdict.READY, "yes, over guest (port 443). Over guest: it is open, and should be blocked."),
        (Verdict.DEGRADED, "yes, with limits. Over guest: it is open, and should be blocked."),
    ],
)
def test_that_it_is_open_is_told_once_where_there_is_no_other_path(verdict: Verdict, said: str) -> None:
    assert told([GUEST], judged(GUEST, verdict, Cause.PATH_OPEN)) == [f"Devices: {said}"]


def test_what_is_limited_as_expected_is_not_called_closed() -> None:
    limited = judged(replace(DIRECT, expected=Expected.FALLBACK_ONLY), Verdict.FALLBACK_ONLY)
    assert told([DIRECT], limited) == ["Devices: on Wi-Fi and Ethernet only. Directly: as expected."]


def test_not_all_is_well_where_a_path_is_open_that_should_be_blocked() -> None:
    assert facts([COURIER], [DIRECT], [judged(DIRECT, Verdict.READY)]).ready
    assert not facts([COURIER], [GUEST], [judged(GUEST, Verdict.READY, Cause.PATH_OPEN)]).ready
