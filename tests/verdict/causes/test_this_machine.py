"""What this machine itself does not let out, or cannot."""

from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Binding, Family, Nameserver, ProbePath, Resolver
from netcheck.verdict.assessing import assess
from tests.records import DROPPED, once, result
from tests.verdict.scene import API, BALANCED, COURIER, DIRECT, NO_ROUTE, PROXY, Scene, couriers

EPERM = "send: Operation not permitted (EPERM)"
OWN = "in its own firewall or security software."


def test_dns_that_this_machine_does_not_let_out_is_its_own_affair_and_the_same_for_all_roles() -> None:
    path = ProbePath("direct", resolver=Resolver("corp", (Nameserver("10.0.0.53", 53),)))
    denied = Failure(Phase.RESOLVE, Reason.PERMISSION_DENIED, f"10.0.0.53:53 over udp: {EPERM}")
    judged = assess([COURIER, API], [path], once([*couriers(denied), result(API, 443, denied)])).judgements
    assert {(each.cause, each.hop) for each in judged} == {(Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)}
    (request,) = {each.next_step for each in judged}
    assert request == (
        "On the machine that runs netcheck, allow DNS to the resolver corp (10.0.0.53:53) "
        f"{OWN} Seen: 10.0.0.53:53 over udp: {EPERM}"
    )


@pytest.mark.parametrize(
    ("path", "phase", "what"),
    [
        (DIRECT, Phase.CONNECT, "TCP ports 443 and 5223 to N-courier.push.apple.com (N: 0 to 3)"),
        (PROXY, Phase.PROXY_CONNECT, "connections to the proxy proxy.test:3128"),
        (PROXY, Phase.PROXY_RESOLVE, "DNS to this machine's resolver"),
    ],
)
def test_connections_that_this_machine_does_not_let_out_are_named(
    path: ProbePath, phase: Phase, what: str
) -> None:
    denied = couriers(Failure(phase, Reason.PERMISSION_DENIED, "connect: EPERM"), path=path)
    judged = Scene(None, Verdict.NOT_READY, None, denied, paths=(path,)).judged()
    assert judged.cause is Cause.LOCAL_MACHINE
    assert f"netcheck, allow {what} {OWN}" in (judged.next_step or "")


def test_what_leads_to_a_load_balancer_and_is_not_let_out_names_it() -> None:
    denied = Failure(Phase.CONNECT, Reason.PERMISSION_DENIED, "connect: EPERM")
    failing = [result(API, 443, denied, path="lb", balancer="10.1.1.20:8443")]
    (judged,) = assess([API], [BALANCED], once(failing)).judgements
    assert judged.cause is Cause.LOCAL_MACHINE
    assert f"connections to the load balancer 10.1.1.20:8443 {OWN}" in (judged.next_step or "")


def test_a_port_that_this_machine_denies_over_one_family_names_the_family() -> None:
    denied = Failure(Phase.CONNECT, Reason.PERMISSION_DENIED, "connect: EPERM")
    results = [*couriers(), *couriers(denied, (5223,), family=Family.IPV6)]
    judged = Scene(None, Verdict.DEGRADED, None, results).judged()
    assert judged.cause is Cause.LOCAL_MACHINE
    assert "allow TCP port 5223 over IPv6 to " in (judged.next_step or "")


def test_what_is_dropped_is_not_this_machines() -> None:
    judged = Scene(None, Verdict.NOT_READY, None, couriers(DROPPED)).judged()
    assert judged.hop is Hop.FIREWALL


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (replace(DIRECT, name="mine", families=(Family.IPV6,)), "set up IPv6 with a route to N-courier"),
        (
            replace(DIRECT, name="mine", families=(Family.IPV6,), binding=Binding("wlan0")),
            "set up IPv6 on the interface wlan0 with a route to N-courier",
        ),
    ],
)
def test_a_path_whose_family_or_interface_has_no_route_is_this_machines_matter(
    path: ProbePath, says: str
) -> None:
    results = [*couriers(), *couriers(NO_ROUTE, path=path, family=Family.IPV6)]
    judged = Scene(None, Verdict.NOT_READY, None, results, paths=(DIRECT, path)).judged()
    assert (judged.cause, judged.hop) == (Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)
    assert says in (judged.next_step or "")
