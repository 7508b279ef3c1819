"""What this machine itself does not let out, or cannot."""

from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Binding, Family, Nameserver, ProbePath, Resolver, Role
from netcheck.model.results import HOSTS_FILE, Result
from netcheck.model.trends import Moment, Part, Trend
from netcheck.verdict.assessing import assess
from netcheck.verdict.counting import Criteria
from tests.records import DROPPED, GATEWAY, REFUSED, lookup, once, result, standing_of
from tests.verdict.scene import (
    API,
    BALANCED,
    COURIER,
    DIRECT,
    ENROLMENT,
    MDM,
    NO_ROUTE,
    PAC,
    PROXY,
    certificate,
    couriers,
    judge,
    proxied,
)

EPERM = "send: Operation not permitted (EPERM)"
OWN = "in its own firewall, security software or routes."


def test_dns_that_this_machine_does_not_let_out_is_its_own_affair_and_the_same_for_all_roles() -> None:
    path = ProbePath("direct", resolver=Resolver("corp", (Nameserver("10.0.0.53", 53),)))
    denied = Failure(Phase.RESOLVE, Reason.PERMISSION_DENIED, f"10.0.0.53:53 over udp: {EPERM}.")
    judged = assess([COURIER, API], [path], once([*couriers(denied), result(API, 443, denied)])).judgements
    assert {(each.cause, each.hop) for each in judged} == {(Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)}
    (request,) = {each.next_step for each in judged}
    assert request == (
        "On the machine that runs netcheck, allow DNS to the resolver corp (10.0.0.53:53) "
        f"{OWN} Seen: 10.0.0.53:53 over udp: {EPERM}."
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
    judged = judge(denied, paths=(path,))
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
    judged = judge(results)
    assert judged.cause is Cause.LOCAL_MACHINE
    assert "allow TCP port 5223 over IPv6 to " in (judged.next_step or "")


NOBODY = Failure(Phase.CONNECT, Reason.HOST_UNREACHABLE, "connect: EHOSTUNREACH")


@pytest.mark.parametrize(
    ("failure", "what"),
    [(NO_ROUTE, "set up IPv4 with a route"), (NOBODY, "check the first hop of the route")],
    ids=["no route", "nobody at the first hop"],
)
def test_a_way_that_is_missing_beside_a_proxy_that_works_is_named(failure: Failure, what: str) -> None:
    judged = judge([*couriers(path=PROXY), *couriers(failure)], paths=(PROXY, DIRECT))
    assert (judged.cause, judged.hop) == (Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)
    assert f"netcheck, {what} to " in (judged.next_step or "")


def test_what_a_router_says_is_not_this_machines() -> None:
    told = [replace(each, told_by="10.0.0.1") for each in (NO_ROUTE, NOBODY)]
    for failure in told:
        judged = judge([*couriers(path=PROXY), *couriers(failure)], paths=(PROXY, DIRECT))
        assert (judged.cause, judged.hop) == (Cause.PORT_BLOCKED, Hop.FIREWALL)


def test_a_router_without_a_way_out_is_named() -> None:
    told = replace(NO_ROUTE, told_by="10.0.0.1")
    judged = judge(couriers(told))
    assert (judged.cause, judged.hop) == (Cause.LOCAL_NETWORK_DOWN, Hop.LOCAL_NETWORK)
    assert "10.0.0.1 says that it leads nowhere" in (judged.next_step or "")


def test_a_family_without_routes_counts_where_some_of_it_is_reached() -> None:
    """One of many routes is missing: that is no machine without IPv4."""
    reached, lost = couriers()[:2], couriers(NO_ROUTE)[2:]
    ipv6 = couriers(family=Family.IPV6)
    judged = judge([*reached, *lost, *ipv6])
    assert judged.cause is Cause.LOCAL_MACHINE
    inside = result(MDM, 443)  # on IPv4, as what is near by may be where the way out has none
    services = (COURIER, MDM)
    assert judge([*couriers(NO_ROUTE), *ipv6, inside], services=services).findings == ()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (
            replace(DIRECT, name="mine", families=(Family.IPV6,)),
            "set up IPv6 with a route to 2620:149:a44::/48",
        ),
        (
            replace(DIRECT, name="mine", families=(Family.IPV6,), binding=Binding("wlan0")),
            "set up IPv6 on the interface wlan0 with a route to 2620:149:a44::/48",
        ),
    ],
)
def test_a_path_whose_family_or_interface_has_no_route_is_this_machines_matter(
    path: ProbePath, says: str
) -> None:
    results = [*couriers(), *couriers(NO_ROUTE, path=path, family=Family.IPV6)]
    judged = judge(results, paths=(DIRECT, path))
    assert (judged.cause, judged.hop) == (Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)
    assert says in (judged.next_step or "")


GUEST = ProbePath("guest", binding=Binding(interface="wlan0"))


def unusable(phase: Phase, reason: Reason, file: str, why: str) -> Failure:
    return Failure(phase, reason, f"{file} {why}", unusable_store=file)


def test_authorities_that_cannot_be_read_are_no_fault_of_the_server() -> None:
    """Nobody looked at its certificate then."""
    unread = unusable(Phase.TLS, Reason.TLS_UNTRUSTED, "/etc/netcheck/ca.pem", "cannot be read: No such file")
    results = [*couriers(), result(MDM, 443, unread)]
    judged = judge(results, services=(COURIER, MDM))
    assert (judged.cause, judged.hop) == (Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)
    assert "from /etc/netcheck/ca.pem" in (judged.next_step or "")


@pytest.mark.parametrize(
    ("path", "phase", "reason"),
    [
        (DIRECT, Phase.TLS, Reason.TLS_UNTRUSTED),
        (PROXY, Phase.PROXY_TLS, Reason.TLS_UNTRUSTED),
        (DIRECT, Phase.RESOLVE, Reason.RESOLVER_UNREACHABLE),
        (GUEST, Phase.RESOLVE, Reason.RESOLVER_UNREACHABLE),
        (PAC, Phase.PROXY_RESOLVE, Reason.PAC_UNAVAILABLE),
    ],
)
def test_authorities_that_cannot_be_used_are_this_machines_in_every_phase(
    path: ProbePath, phase: Phase, reason: Reason
) -> None:
    results = couriers(unusable(phase, reason, "/etc/ca.pem", "cannot be used: it is empty"), path=path)
    others = couriers(path=ProbePath("other"))
    judged = assess([COURIER], [path, ProbePath("other")], once([*results, *others])).judgements[0]
    assert (judged.verdict, judged.cause, judged.hop) == (
        Verdict.NOT_READY,
        Cause.LOCAL_MACHINE,
        Hop.LOCAL_NETWORK,
    )
    assert "can read certificates in PEM from /etc/ca.pem, in time." in (judged.next_step or "")


NO_ANSWER = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT, "no answer from 10.0.0.53:53 over udp in 2.00 s")


def on_guest(*others: ProbePath, **about: Failure | None) -> tuple[Cause | None, str]:
    results = couriers(NO_ANSWER, path=GUEST)
    for path in others:
        results += couriers(about.get("failure"), path=path)
    judged = assess([COURIER], [GUEST, *others], once(results)).judgements[0]
    return judged.cause, judged.next_step or ""


def test_a_resolver_that_is_silent_by_one_interface_only_is_not_asked_to_answer() -> None:
    cause, step = on_guest(DIRECT)
    assert cause is Cause.LOCAL_MACHINE
    assert step.startswith(
        "On the machine that runs netcheck, check the interface wlan0: link, addresses and routes. The"
    )
    assert (
        "and does on the path direct. If another network is there, give the path guest a resolver of" in step
    )


@pytest.mark.parametrize(
    ("other", "failure"),
    [
        (DIRECT, NO_ANSWER),  # silent everywhere
        (replace(DIRECT, resolver=Resolver("other")), None),  # another resolver answers
    ],
)
def test_a_resolver_that_is_silent_by_one_interface_may_be_down(
    other: ProbePath, failure: Failure | None
) -> None:
    cause, _ = on_guest(other, failure=failure)
    assert cause is not Cause.LOCAL_MACHINE


@pytest.mark.parametrize(
    ("address", "beside", "cause"),
    [
        ("10.1.2.3", couriers(DROPPED), Cause.LOCAL_MACHINE),  # nobody of Apple's is there
        ("17.188.143.200", couriers(), Cause.LOCAL_MACHINE),  # all the rest works
        ("17.188.143.200", couriers(DROPPED), Cause.PORT_BLOCKED),  # so does nothing else
    ],
)
def test_an_address_in_hosts_that_is_apples_no_more_is_this_machines(
    address: str, beside: list[Result], cause: Cause
) -> None:
    failing = result(API, 443, DROPPED, address=address)
    lookups = [lookup(API.hosts[0], address, resolver=HOSTS_FILE)]
    judged = assess([COURIER, API], [DIRECT], once([*beside, failing]), lookups).judgements
    (found,) = (each.findings[0] for each in judged if each.role is Role.PROVIDER)
    assert found.cause is cause
    if cause is Cause.LOCAL_MACHINE:
        assert "netcheck, take api.push.apple.com out of /etc/hosts." in found.next_step


def test_an_own_service_that_is_down_is_not_the_fault_of_hosts() -> None:
    mdm = replace(MDM, roles=frozenset({Role.PROVIDER}))
    lookups = [lookup("mdm.test", "10.1.2.3", resolver=HOSTS_FILE)]
    failing = result(mdm, 443, DROPPED, address="10.1.2.3")
    (judged,) = assess([mdm], [DIRECT], once([failing]), lookups).judgements
    assert judged.cause is Cause.SERVICE_DOWN


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        (Binding("nope0"), "correct the interface nope0 of the path mine."),
        (Binding(source_ipv4="192.0.2.7"), "correct the source address 192.0.2.7 of the path mine."),
        (
            Binding("nope0", "192.0.2.7", "2001:db8::7"),
            "correct the interface nope0 or the source addresses 192.0.2.7 and 2001:db8::7 of the path mine.",
        ),
    ],
)
def test_what_a_path_is_bound_to_and_is_not_there_is_named(binding: Binding, said: str) -> None:
    missing = Failure(Phase.CONNECT, Reason.NO_LOCAL_ADDRESS, "bind: ENODEV", is_of_binding=True)
    path = replace(DIRECT, name="mine", binding=binding)
    judged = judge(couriers(missing, path=path), paths=(path,))
    assert judged.cause is Cause.LOCAL_MACHINE
    assert said in (judged.next_step or "")


def test_an_interface_without_the_family_that_a_host_needs_is_not_called_wrong() -> None:
    no_address = Failure(Phase.CONNECT, Reason.NO_LOCAL_ADDRESS, "connect: EADDRNOTAVAIL")
    path = replace(DIRECT, name="mine", binding=Binding("eth0"))
    results = couriers(no_address, path=path, family=Family.IPV6)
    judged = judge(results, paths=(path,))
    assert judged.cause is Cause.LOCAL_MACHINE
    assert "set up IPv6 on the interface eth0 with a route to" in (judged.next_step or "")


def test_ports_that_are_used_up_are_told_from_an_address_that_is_missing() -> None:
    no_address = Failure(Phase.CONNECT, Reason.NO_LOCAL_ADDRESS, "connect: EADDRNOTAVAIL")
    results = [*couriers(hosts=[0, 1]), *couriers(no_address, hosts=[2, 3])]
    judged = judge(results)
    assert judged.cause is Cause.LOCAL_MACHINE
    assert "find what uses up its ports for outgoing connections" in (judged.next_step or "")


def test_where_every_request_is_asked_for_twice_it_is_no_chance() -> None:
    some = [*couriers(syn_retransmits=1), *couriers(family=Family.IPV6)]
    all_of_them = couriers(syn_retransmits=1)
    steps = [judge(seen).next_step or "" for seen in (some, all_of_them)]
    assert ["ECN" in step for step in steps] == [False, True]


def test_ipv4_without_routes_is_named_where_ipv6_lacks_some_too() -> None:
    """Of a machine that has lost its way out, a single route of IPv6 may be left."""
    lost = [*couriers(NO_ROUTE), *couriers(NO_ROUTE, family=Family.IPV6)]
    left = result(API, 443, family=Family.IPV6, address="2620:149:208:4308::a")
    (judged, _) = assess([COURIER, API], [DIRECT], once([*lost, left])).judgements
    assert (judged.verdict, judged.cause) == (Verdict.NOT_READY, Cause.LOCAL_MACHINE)
    for prefix in ("17.249.0.0/16", "17.57.144.0/22", "2620:149:a44::/48"):
        assert prefix in judged.findings[0].next_step


@pytest.mark.parametrize(
    ("at", "cause"),
    [(1010.0, Cause.PORT_BLOCKED), (990.0, Cause.LOCAL_NETWORK_DOWN)],
    ids=["later", "before"],
)
def test_where_routes_are_back_they_are_not_what_is_missing(at: float, cause: Cause) -> None:
    """Hosts take turns: most were last visited while there was none."""
    lacking = couriers(NO_ROUTE, hosts=(0, 1, 2))
    (left,) = couriers(DROPPED, (5223,), hosts=(0,))
    left = replace(left, host=COURIER.hosts[3], attempt=replace(left.attempt, at=at, time=at))
    trends = {Part("direct", port, Family.IPV4): Trend(down=Moment(980.0, 980.0)) for port in COURIER.ports}
    (judged,) = assess(
        [COURIER], [DIRECT], once([*lacking, left]), criteria=Criteria(trends=trends)
    ).judgements
    assert (judged.cause, judged.is_stale) == (cause, False)


def test_where_no_route_leads_by_now_what_was_reached_on_another_port_is_out_of_reach() -> None:
    """Inquiries are made into the ports in doubt: its turn comes a round later."""
    lacking = couriers(NO_ROUTE, hosts=(0, 1, 2))
    provider = replace(API, ports=(443, 2197))
    reached = result(provider, 2197, address="17.57.144.3", at=990.0)
    trends = {Part("direct", port, Family.IPV4): Trend(down=Moment(999.0, 999.0)) for port in COURIER.ports}
    trends |= {Part("direct", 2197, Family.IPV4, what): Trend() for what in ("", provider.name)}
    criteria = Criteria(trends=trends)
    for at, cause in ((990.0, Cause.LOCAL_NETWORK_DOWN), (1010.0, Cause.LOCAL_MACHINE)):
        reached = replace(reached, attempt=replace(reached.attempt, at=at))
        seen = once([*lacking, reached])
        (device, _) = assess([COURIER, provider], [DIRECT], seen, criteria=criteria).judgements
        assert device.cause is cause


_CUT = Failure(Phase.TLS, Reason.CLOSED, "closed")


@pytest.mark.parametrize("is_one_look", [True, False])
@pytest.mark.parametrize("failure", [None, _CUT], ids=["no other fault", "another one too"])
def test_a_route_to_a_part_of_a_range_is_missing_whoever_is_asked_last(
    failure: Failure | None, is_one_look: bool
) -> None:
    """The order is chance, as Apple's names have addresses in all of a range."""
    seen = [
        result(
            COURIER,
            port,
            NO_ROUTE if number < 2 else failure if port == 5223 else None,
            host=COURIER.hosts[number],
            address=f"17.57.14{5 - number // 2}.{number}",
            at=1000.0 + number,
        )
        for number in range(4)
        for port in COURIER.ports
    ]
    quiet = {Part("direct", port, Family.IPV4): Trend() for port in COURIER.ports}
    trends = {} if is_one_look else quiet
    (judged,) = assess(
        [COURIER], [DIRECT], once(seen), criteria=Criteria(trends=trends, is_one_look=is_one_look)
    ).judgements
    assert not judged.is_stale
    assert Cause.LOCAL_MACHINE in {finding.cause for finding in judged.findings}
    assert Cause.FALLBACK_BLOCKED not in {finding.cause for finding in judged.findings}


def test_where_all_that_fails_is_of_a_time_without_routes_nobody_has_looked_since() -> None:
    lacking = couriers(NO_ROUTE, hosts=(0, 1, 2))
    retired = result(GATEWAY, 2195, host="gateway.test", address="17.57.144.9", at=1010.0)
    trends = {Part("direct", port, Family.IPV4): Trend(down=Moment(999.0, 999.0)) for port in COURIER.ports}
    standings = [*once(lacking), *once([retired])]
    (judged,) = assess([COURIER, GATEWAY], [DIRECT], standings, criteria=Criteria(trends=trends)).judgements
    assert (judged.verdict, judged.is_stale) == (Verdict.NOT_READY, True)
    (judged,) = assess(
        [COURIER, GATEWAY], [DIRECT], once(lacking), criteria=Criteria(trends=trends)
    ).judgements
    assert not judged.is_stale


def test_a_family_that_is_missing_is_no_failure_of_a_host_whose_other_family_was_seen() -> None:
    """Even where that counts no more, as it failed in a silence that is over."""
    missing = result(COURIER, 5223, NO_ROUTE, family=Family.IPV6, address="2620:149:a44::1", at=100.0)
    failed = standing_of(result(COURIER, 5223, DROPPED, at=1.0), 1, False, fails_since=1.0)
    alive = couriers(None, (5223, 443), hosts=(1, 2, 3))
    trends = {Part("direct", 5223, Family.IPV4): Trend(silences=((0.0, 50.0),))}
    standings = [*once([missing]), failed, *once(alive)]
    (judged,) = assess([COURIER], [DIRECT], standings, criteria=Criteria(trends=trends)).judgements
    assert judged.cause is None


@pytest.mark.parametrize("failure", [DROPPED, REFUSED])
def test_a_name_that_the_search_list_completes_first_is_this_machines_affair(failure: Failure) -> None:
    """As in a Kubernetes with a wildcard in one of its domains."""
    wildcard = result(API, 443, failure, address="10.1.1.99")
    found = replace(lookup(API.hosts[0], "10.1.1.99"), completed="api.push.apple.com.corp.example")
    (judged,) = assess([API], [DIRECT], once([wildcard]), [found]).judgements
    assert (judged.cause, judged.hop) == (Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)
    assert "set `options ndots:1` in resolv.conf" in (judged.next_step or "")
    assert "api.push.apple.com.corp.example is asked for before api.push.apple.com" in (
        judged.next_step or ""
    )


def test_a_cname_that_begins_with_the_hosts_name_is_no_search_lists() -> None:
    """As Akamai has them: www.apple.com leads to www.apple.com.edgekey.net."""
    host = ENROLMENT.hosts[0]
    failing = result(ENROLMENT, 443, DROPPED, address="23.45.67.89")
    found = replace(lookup(host, "23.45.67.89"), chain=(f"{host}.edgekey.net", "e1.dsce9.akamaiedge.net"))
    (judged,) = assess([ENROLMENT], [DIRECT], once([failing]), [found]).judgements
    assert (judged.cause, judged.hop) == (Cause.PORT_BLOCKED, Hop.FIREWALL)


@pytest.mark.parametrize(
    ("failure", "path", "also_by_dns"),
    [
        (Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_DENIED, "HTTP 403"), PROXY, False),
        (Failure(Phase.TLS, Reason.TLS_INTERCEPTED, "by a company"), DIRECT, False),
        (Failure(Phase.CONNECT, Reason.PERMISSION_DENIED, "EPERM"), DIRECT, False),
        (Failure(Phase.CONNECT, Reason.HOST_UNREACHABLE, "no", told_by="10.0.0.1"), DIRECT, False),
        (DROPPED, DIRECT, True),
    ],
)
def test_what_the_address_has_no_part_in_is_not_the_fault_of_hosts(
    failure: Failure, path: ProbePath, also_by_dns: bool
) -> None:
    failing = result(API, 443, failure, address="17.188.143.34", path=path.name)
    lookups = [lookup(API.hosts[0], "17.188.143.34", resolver=HOSTS_FILE)]
    if also_by_dns:
        lookups.append(lookup(API.hosts[0], "17.188.143.34", resolver="corp"))
    judged = assess([COURIER, API], [path], once([*couriers(path=path), failing]), lookups).judgements
    (found,) = (each.findings[0] for each in judged if each.role is Role.PROVIDER)
    assert HOSTS_FILE not in found.next_step


def test_another_of_apples_hosts_at_an_address_in_hosts_is_its_fault() -> None:
    old = certificate(subject="api.sandbox.push.apple.com", is_for_host=False)
    other = Failure(Phase.TLS, Reason.TLS_NAME_MISMATCH, "for another")
    failing = result(API, 443, other, address="17.188.143.34", tls=old)
    lookups = [lookup(API.hosts[0], "17.188.143.34", resolver=HOSTS_FILE)]
    (judged,) = assess([API], [DIRECT], once([failing]), lookups).judgements
    assert judged.cause is Cause.LOCAL_MACHINE
    assert f"out of {HOSTS_FILE}" in (judged.next_step or "")


def test_who_rejects_dns_is_not_said_to_have_no_way_out() -> None:
    rejected = Failure(Phase.RESOLVE, Reason.RESOLVER_UNREACHABLE, "rejected", told_by="10.0.0.1")
    silent = Failure(Phase.PROXY_CONNECT, Reason.TIMEOUT, "no answer in 5 s")
    results = [*couriers(rejected), *couriers(silent, path=PROXY, family=Family.NAME)]
    judged = judge(results, paths=(DIRECT, PROXY))
    assert judged.cause is Cause.LOCAL_NETWORK_DOWN
    assert "10.0.0.1 says" not in (judged.next_step or "")


@pytest.mark.parametrize(
    ("couriers_fail", "cause"), [(False, Cause.LOCAL_MACHINE), (True, Cause.DNS_FAILURE)], ids=["one", "all"]
)
def test_a_completed_name_that_gets_no_answer_is_this_machines_where_others_get_one(
    couriers_fail: bool, cause: Cause
) -> None:
    silent = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT, "no answer from 10.0.0.53:53")
    results = [*couriers(silent if couriers_fail else None), result(API, 443, silent)]
    asked = lookup(API.hosts[0], reason=Reason.DNS_TIMEOUT)
    found = replace(asked, completed="api.push.apple.com.corp.example")
    judged = assess([COURIER, API], [DIRECT], once(results), [found]).judgements[-1]
    assert judged.cause is cause
    says = "set `options ndots:1` in resolv.conf. As it is, api.push.apple.com.corp.example is asked for"
    assert (says in (judged.next_step or "")) is not couriers_fail


def test_a_machine_without_ipv6_has_nothing_broken_however_it_says_so() -> None:
    for reason in (Reason.NETWORK_UNREACHABLE, Reason.NO_LOCAL_ADDRESS):
        results = couriers() + couriers(Failure(Phase.CONNECT, reason), family=Family.IPV6)
        for binding in (Binding(), Binding("eth0"), Binding(source_ipv4="192.0.2.60")):
            bound = replace(DIRECT, binding=binding)
            judged = judge(results, paths=(bound,))
            assert (judged.verdict, judged.cause) == (Verdict.READY, None)


def test_a_source_address_that_the_config_gives_and_is_not_there_is_a_fault() -> None:
    bound = replace(DIRECT, binding=Binding(source_ipv6="2001:db8::7"))
    missing = Failure(Phase.CONNECT, Reason.NO_LOCAL_ADDRESS, "bind", is_of_binding=True)
    results = couriers() + couriers(missing, family=Family.IPV6)
    judged = judge(results, paths=(bound,))
    assert judged.cause is Cause.LOCAL_MACHINE
    assert "correct the source address 2001:db8::7" in (judged.next_step or "")


def test_a_host_that_has_only_the_family_this_machine_lacks_fails() -> None:
    judged = judge(couriers(NO_ROUTE, family=Family.IPV6))
    assert (judged.verdict, judged.cause) == (Verdict.NOT_READY, Cause.LOCAL_NETWORK_DOWN)


def test_silence_of_resolver_and_proxy_together_is_the_local_network() -> None:
    silent = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT, "no answer in 3 s")
    results = couriers(silent) + proxied(Phase.PROXY_CONNECT, Reason.TIMEOUT, "no answer in 5 s", None)
    judged = judge(results, paths=(DIRECT, PROXY))
    assert judged.cause is Cause.LOCAL_NETWORK_DOWN
    alone = judge(couriers(silent))
    assert alone.cause is Cause.DNS_FAILURE


def test_no_route_to_the_resolver_alone_is_this_machines_affair() -> None:
    no_route = Failure(Phase.RESOLVE, Reason.NETWORK_UNREACHABLE, "10.0.0.53:53: Network is unreachable")
    results = couriers(no_route) + couriers(path=PROXY, family=Family.NAME, spoke=True)
    judged = judge(results, paths=(PROXY, DIRECT))
    assert (judged.cause, judged.hop) == (Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)
    assert "add a route to this machine's resolver" in (judged.next_step or "")
