"""The picture of a path: which hops it has, and which one is marked."""

from dataclasses import replace

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import THIS_NETWORK, Cause, Finding, Hop, Judgement, Verdict
from netcheck.model.paths import (
    Binding,
    Expected,
    LoadBalancer,
    Nameserver,
    ProbePath,
    Proxy,
    ProxyScheme,
    ResolveMode,
    Resolver,
    Role,
)
from netcheck.pages.chain import chain
from tests.records import DROPPED, result

CORP = Resolver("corp", (Nameserver("192.0.2.53", 53),))
DIRECT = ProbePath("direct", binding=Binding("wlan0"), resolver=CORP)
PROXY = ProbePath("web", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128),))
BOTH = replace(PROXY, proxies=(Proxy(ProxyScheme.HTTP, "proxy.test", 3128, resolve=ResolveMode.BOTH),))
BALANCER = ProbePath(
    "dmz", load_balancer=tuple((f"{n}.test", LoadBalancer(f"192.0.2.{n}", None)) for n in range(4))
)


MISSING = Failure(Phase.RESOLVE, Reason.SERVFAIL, "SERVFAIL from 192.0.2.53")


def fault(hop: Hop, cause: Cause = Cause.PORT_BLOCKED) -> Finding:
    return Finding(cause, hop, "", "")


def judged(path: ProbePath, verdict: Verdict, *findings: Finding, role: Role = Role.DEVICE) -> Judgement:
    return Judgement(path.name, role, verdict, findings)


def drawn(path: ProbePath, *judgements: Judgement) -> list[tuple[str, str]]:
    return [(link.name, link.state) for link in chain(path, judgements).links]


def test_a_direct_path_leads_over_the_resolver_and_the_firewall() -> None:
    links = chain(DIRECT, [judged(DIRECT, Verdict.READY)]).links
    assert [(link.name, link.detail, link.state) for link in links] == [
        ("This machine", "wlan0", "ok"),
        ("Resolver", "corp 192.0.2.53:53", "ok"),
        ("Firewall", "", "ok"),
        ("Apple", "", "ok"),
    ]


def test_a_proxy_that_resolves_leaves_no_place_for_a_resolver() -> None:
    names = [name for name, _ in drawn(PROXY, judged(PROXY, Verdict.READY))]
    assert names == ["This machine", "Proxy", "Apple"]
    assert "Resolver" in [name for name, _ in drawn(BOTH, judged(BOTH, Verdict.READY))]


def test_of_many_balancers_two_are_named() -> None:
    _, balancer, _ = chain(BALANCER, [judged(BALANCER, Verdict.READY)]).links
    assert (balancer.name, balancer.detail) == ("Load balancer", "192.0.2.0, 192.0.2.1 and 2 more")


def test_behind_what_is_broken_nothing_is_seen() -> None:
    assert drawn(DIRECT, judged(DIRECT, Verdict.NOT_READY, fault(Hop.RESOLVER))) == [
        ("This machine", "ok"),
        ("Resolver", "broken"),
        ("Firewall", "beyond"),
        ("Apple", "beyond"),
    ]


def test_where_something_gets_through_what_is_behind_works() -> None:
    assert drawn(DIRECT, judged(DIRECT, Verdict.FALLBACK_ONLY, fault(Hop.FIREWALL)))[2:] == [
        ("Firewall", "limited"),
        ("Apple", "ok"),
    ]
    other = judged(DIRECT, Verdict.READY, role=Role.PROVIDER)
    assert drawn(DIRECT, judged(DIRECT, Verdict.NOT_READY, fault(Hop.FIREWALL)), other)[2:] == [
        ("Firewall", "broken"),
        ("Apple", "ok"),
    ]


def test_a_fault_of_netcheck_is_this_machine_s() -> None:
    assert drawn(PROXY, judged(PROXY, Verdict.NOT_READY, fault(Hop.NETCHECK)))[0] == (
        "This machine",
        "broken",
    )


def test_what_is_the_network_s_is_not_this_machine_s() -> None:
    gateway = replace(fault(Hop.LOCAL_NETWORK), owner=THIS_NETWORK)
    assert drawn(DIRECT, judged(DIRECT, Verdict.NOT_READY, gateway))[:3] == [
        ("This machine", "ok"),
        ("This network", "broken"),
        ("Resolver", "beyond"),
    ]
    own = fault(Hop.LOCAL_NETWORK, Cause.LOCAL_MACHINE)
    assert drawn(DIRECT, judged(DIRECT, Verdict.NOT_READY, own))[0] == ("This machine", "broken")


def test_a_resolver_that_answers_is_not_behind_the_part_of_the_network_that_is_broken() -> None:
    dead = replace(fault(Hop.LOCAL_NETWORK), owner=THIS_NETWORK, about=(result("courier", 5223, DROPPED),))
    assert drawn(DIRECT, judged(DIRECT, Verdict.NOT_READY, dead)) == [
        ("This machine", "ok"),
        ("Resolver", "ok"),
        ("This network", "broken"),
        ("Firewall", "beyond"),
        ("Apple", "beyond"),
    ]
    unresolved = replace(dead, about=(*dead.about, result("courier", 443, MISSING)))
    assert drawn(DIRECT, judged(DIRECT, Verdict.NOT_READY, unresolved))[1:3] == [
        ("This network", "broken"),
        ("Resolver", "beyond"),
    ]


def test_who_is_blamed_without_being_of_the_path_has_a_place_too() -> None:
    assert drawn(PROXY, judged(PROXY, Verdict.NOT_READY, fault(Hop.FIREWALL))) == [
        ("This machine", "ok"),
        ("Proxy", "ok"),
        ("Firewall", "broken"),
        ("Apple", "beyond"),
    ]


def test_a_service_of_one_s_own_that_is_down_is_not_apple() -> None:
    down = judged(DIRECT, Verdict.NOT_READY, fault(Hop.OWN_SERVICE, Cause.SERVICE_DOWN))
    assert drawn(DIRECT, down)[-2:] == [("Your service", "broken"), ("Apple", "beyond")]


def test_a_remark_breaks_nothing_and_what_is_not_measured_is_not_known() -> None:
    remark = replace(fault(Hop.PROXY, Cause.PROXY_SLOW), is_remark=True)
    assert {state for _, state in drawn(PROXY, judged(PROXY, Verdict.READY, remark))} == {"ok"}
    assert {state for _, state in drawn(PROXY, judged(PROXY, Verdict.UNKNOWN))} == {"unknown"}
    assert {state for _, state in drawn(PROXY)} == {"unknown"}


def test_another_path_s_faults_are_not_drawn() -> None:
    assert drawn(PROXY, judged(PROXY, Verdict.READY), judged(DIRECT, Verdict.NOT_READY, fault(Hop.PROXY)))[
        1
    ] == (
        "Proxy",
        "ok",
    )


def test_what_should_be_closed_and_is_does_not_work_but_is_as_expected() -> None:
    closed = replace(judged(DIRECT, Verdict.NOT_READY), expected=Expected.BLOCKED)
    whole = chain(DIRECT, [closed])
    assert {link.state for link in whole.links} == {"expected"}
    assert whole.is_whole
