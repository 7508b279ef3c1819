"""Breakages in a running daemon: they come, are seen in time, and are forgotten when repaired."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from signal import SIGHUP
from typing import Any

import pytest

from netcheck.model.findings import Cause, Hop, Verdict
from netcheck.model.paths import Role
from tests.system import between, proxies
from tests.system.apple import COURIER_RANGES, OTHER_IPV4, route_commands
from tests.system.between import BALANCER, INSPECTOR
from tests.system.breakages import (
    NOT_ALLOWED,
    TLS_PORTS,
    drop,
    led_to,
)
from tests.system.lab import FAST_ROUNDS, Lab, Settings
from tests.system.namespace import FROM_HERE, every
from tests.system.resolvers import OTHER_RESOLVER, REFUSED, SERVER_FAILURE, forwarder, odd_dns
from tests.system.runs import Daemon, Record
from tests.system.scenes import TLS_APPLE, Finding, off, tls_services
from tests.system.servers import with_faked_clock

pytestmark = pytest.mark.waits

Start = Callable[..., Daemon]

DEVICE, PROVIDER = Role
READY = Finding(Verdict.READY)
BLOCKED_5223 = Finding(Verdict.FALLBACK_ONLY, Cause.PORT_BLOCKED, Hop.FIREWALL)
BLOCKED = BLOCKED_5223._replace(verdict=Verdict.NOT_READY)
DROP_5223 = f"{FROM_HERE} tcp dport 5223 drop"
ROUND = 2.0
"""Seconds from one round to the next, as the laboratory's daemons have it."""
SHORT_TIMEOUTS: Settings = {"timeouts": {"resolve": "1s", "connect": "1s", "proxy": "1500ms", "tls": "1s"}}
WITHOUT_PROVIDER = off("provider", "gateway", "feedback")


@pytest.fixture
def tls_lab(build_lab: Callable[..., Lab]) -> Lab:
    lab: Lab = build_lab(TLS_APPLE)
    assert lab.tls_couriers
    assert lab.tls_provider
    return lab


@pytest.fixture
def start(tls_lab: Lab) -> Iterator[Start]:
    """Call it with paths for a daemon that visits every host each round; more may be said of services.

    Nothing here is Apple's fault, and no line of its log may say so, not for a moment.
    """
    daemons: list[Daemon] = []

    def started(
        paths: Settings,
        services: Settings | None = None,
        interval: str = "2s",
        connect: str = "1s",
        **settings: Any,
    ) -> Daemon:
        everything = {**all_each_round(tls_lab), **(services or {})}
        probing = {"timeouts": {**SHORT_TIMEOUTS["timeouts"], "connect": connect}, "interval": interval}
        daemons.append(stack.enter_context(tls_lab.daemon(paths, everything, probing, **settings)))
        return daemons[-1]

    with ExitStack() as stack:
        yield started
    for daemon in daemons:
        log = daemon.process.log.read_text()
        assert f"({Hop.APPLE})" not in log, log


def all_each_round(lab: Lab) -> dict[str, Settings]:
    return {
        name: {**service, **({} if name == "provider" else {"hosts_per_round": "all"})}
        for name, service in tls_services(lab).items()
    }


def is_(finding: Finding) -> Callable[[Record], bool]:
    return lambda judged: Finding(judged["verdict"], judged["cause"], judged["hop"]) == finding


def test_5223_is_blocked_and_opened_again(tls_lab: Lab, start: Start) -> None:
    daemon = start({"direct": {}})
    daemon.until("direct", DEVICE, is_(READY))
    tls_lab.namespace.firewall(DROP_5223)
    daemon.until("direct", DEVICE, is_(BLOCKED_5223))
    tls_lab.namespace.firewall()
    daemon.until("direct", DEVICE, is_(READY))


def test_what_was_asked_while_a_port_was_blocked_is_no_lost_packet(tls_lab: Lab, start: Start) -> None:
    """With a timeout of three seconds, a connection may succeed by its second or third request."""
    services = {name: {**each, "hosts_per_round": "all"} for name, each in the_usual(tls_lab).items()}
    daemon = start({"direct": {}}, services, interval="3s", connect="3s")
    daemon.until("direct", DEVICE, is_(READY))
    for _ in range(2):  # three times would be a host that comes and goes
        tls_lab.namespace.firewall(DROP_5223)
        daemon.until("direct", DEVICE, is_(BLOCKED_5223))
        tls_lab.namespace.firewall()
        asked_again = set()
        for _ in every(0.1, 3 * ROUND):
            status = daemon.status()
            assert not any(judged["cause"] == Cause.PACKET_LOSS for judged in status["verdicts"])
            asked_again |= {
                each["host"] for each in status["results"] if each["syn_retransmits"] and not each["reason"]
            }
        assert len(asked_again) > 5


def the_usual(lab: Lab) -> Settings:
    """All 51 couriers of either kind, in rotation, as the config has it by default."""
    courier = {"count": 50, "depth": "tls", **lab.as_apple()}
    return {"courier": courier, "courier2": {**courier}}


@pytest.mark.parametrize("dropped", ["5223", "{443, 5223}"])
def test_ports_are_dropped_while_hosts_take_turns(tls_lab: Lab, start: Start, dropped: str) -> None:
    daemon = start({"direct": {}}, the_usual(tls_lab), interval="10s")
    daemon.until("direct", DEVICE, is_(READY))
    tls_lab.namespace.firewall(f"{FROM_HERE} tcp dport {dropped} drop")
    wrong = BLOCKED_5223 if dropped == "5223" else BLOCKED
    seen = daemon.until("direct", DEVICE, lambda judged: not is_(READY)(judged))
    assert is_(wrong)(seen[-1]), seen[-1]
    tls_lab.namespace.firewall()
    seen = daemon.until("direct", DEVICE, lambda judged: not is_(wrong)(judged))
    assert is_(READY)(seen[-1]), seen[-1]


def test_a_healthy_network_is_ready_long_before_the_first_round_is_over(tls_lab: Lab, start: Start) -> None:
    daemon = start({"direct": {}, "dante": {"proxy": tls_lab.dante.url}}, the_usual(tls_lab), interval="60s")
    for path in ("direct", "dante"):
        for role in (DEVICE, PROVIDER):
            daemon.until(path, role, is_(READY), deadline=5.0)


def test_that_nothing_can_be_reached_is_said_long_before_that(tls_lab: Lab, start: Start) -> None:
    tls_lab.namespace.firewall(f"{FROM_HERE} tcp dport {TLS_PORTS} drop")
    daemon = start({"direct": {}}, the_usual(tls_lab), interval="60s")
    for role in (DEVICE, PROVIDER):
        seen = daemon.until("direct", role, lambda judged: judged["verdict"] != Verdict.UNKNOWN, 10.0)
        assert is_(BLOCKED)(seen[-1]), seen[-1]
        assert "waiting for" in seen[0]["evidence"][0] or len(seen) == 1


def test_a_proxy_is_killed_and_comes_back(tls_lab: Lab, start: Start) -> None:
    daemon = start({"direct": {}, "dante": {"proxy": tls_lab.dante.url}})
    daemon.until("dante", DEVICE, is_(READY))
    tls_lab.dante.stop()
    daemon.until("dante", DEVICE, is_(Finding(Verdict.NOT_READY, Cause.PROXY_DOWN, Hop.PROXY)))
    assert is_(READY)(daemon.verdict("direct", DEVICE) or {})
    proxies.dante(tls_lab.namespace)
    daemon.until("dante", DEVICE, is_(READY))


def test_a_resolver_is_stopped_and_comes_back(tls_lab: Lab, start: Start) -> None:
    daemon = start({"direct": {}})
    daemon.until("direct", PROVIDER, is_(READY))
    tls_lab.dns.stop()
    daemon.until("direct", PROVIDER, is_(Finding(Verdict.NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER)))
    tls_lab.restart_dns()
    daemon.until("direct", PROVIDER, is_(READY))


@pytest.mark.alone
def test_the_clock_steps_two_hours_and_then_5223_is_blocked(tls_lab: Lab, start: Start) -> None:
    """Back, and then forward: one daemon, as two with a faked clock beside each other hardly move."""
    clock = tls_lab.namespace.scratch / "clock"
    clock.write_text("+0")
    daemon = start(
        {"direct": {}},
        under=with_faked_clock(FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_CACHE_DURATION="1"),
    )
    daemon.until("direct", DEVICE, is_(READY), deadline=60.0)
    for step in (-7200, 7200):
        clock.write_text(f"{step:+}")
        wait_for_clock(daemon, step)
        tls_lab.namespace.firewall(DROP_5223)
        # long before the hosts have all been visited once: who goes by the wall clock is blind until then
        daemon.until("direct", DEVICE, is_(BLOCKED_5223), deadline=8 * ROUND)
        tls_lab.namespace.firewall()
        daemon.until("direct", DEVICE, is_(READY))


def wait_for_clock(daemon: Daemon, offset: int) -> None:
    """Until the daemon's wall clock is wrong by so many seconds, a minute more or less."""
    for _ in every(0.1, 10.0):
        shown = datetime.fromisoformat(daemon.status()["time"])
        if abs((shown - datetime.now(UTC)).total_seconds() - offset) < 60:
            return
    raise AssertionError("the clock of the daemon is not moved")


def test_half_of_a_balancers_members_die_and_come_back(tls_lab: Lab, start: Start) -> None:
    alive = "17.188.143.34:443"
    balancer = between.balancer(tls_lab.namespace, alive, "127.0.0.1:9")
    path = {"load_balancer": {"api.push.apple.com:443": f"127.0.0.1:{BALANCER}"}, "roles": ["provider"]}
    daemon = start({"balanced": path})
    members_down = Finding(Verdict.DEGRADED, Cause.BALANCER_MEMBERS_DOWN, Hop.LOAD_BALANCER)
    daemon.until("balanced", PROVIDER, is_(members_down), deadline=45.0)
    stays(daemon, "balanced", PROVIDER, members_down)
    balancer.stop()
    between.balancer(tls_lab.namespace, alive)
    daemon.until("balanced", PROVIDER, is_(READY), deadline=90.0)


def test_a_proxy_that_refuses_every_second_request_stays_a_limit(tls_lab: Lab, start: Start) -> None:
    assert tls_lab.tinyproxy
    many = {**all_each_round(tls_lab)["courier"], "count": 10}  # never do all fail at once
    daemon = start({"flaky": {"proxy": tls_lab.haproxy["flaky"]}}, {"courier": many, "courier2": {**many}})
    intermittent = Finding(Verdict.DEGRADED, Cause.INTERMITTENT, Hop.PROXY)
    daemon.until("flaky", DEVICE, is_(intermittent), deadline=45.0)
    stays_a_limit(daemon, "flaky", Hop.PROXY)


def test_every_second_connection_is_refused_and_then_none(tls_lab: Lab, start: Start) -> None:
    many = {**all_each_round(tls_lab)["courier"], "count": 10}  # never do all fail at once
    daemon = start({"direct": {}}, {"courier": many, "courier2": {**many}})
    daemon.until("direct", DEVICE, is_(READY))
    half = "tcp flags & (syn | ack) == syn numgen random mod 2 == 0"
    tls_lab.namespace.firewall(f"{FROM_HERE} tcp dport {TLS_PORTS} {half} reject with tcp reset")
    intermittent = Finding(Verdict.DEGRADED, Cause.INTERMITTENT, Hop.FIREWALL)
    daemon.until("direct", DEVICE, is_(intermittent), deadline=45.0)
    stays_a_limit(daemon, "direct", Hop.FIREWALL)
    tls_lab.namespace.firewall()
    daemon.until("direct", DEVICE, is_(READY), deadline=90.0)


def stays_a_limit(daemon: Daemon, path: str, hop: Hop) -> None:
    """Through four rounds. Where chance decides, what fails at a moment may have another cause."""
    for _ in every(0.2, 4 * ROUND):
        judged = daemon.verdict(path, DEVICE) or {}
        assert (judged["verdict"], judged["hop"]) == (Verdict.DEGRADED, hop), judged


def stays(daemon: Daemon, path: str, role: Role, finding: Finding) -> None:
    """Through four rounds."""
    for _ in every(0.2, 4 * ROUND):
        judged = daemon.verdict(path, role) or {}
        assert is_(finding)(judged), judged


def test_the_way_out_is_gone_and_comes_back(tls_lab: Lab, start: Start) -> None:
    daemon = start({"direct": {"roles": ["device"]}}, WITHOUT_PROVIDER)
    daemon.until("direct", DEVICE, is_(READY))
    tls_lab.namespace.ip(*route_commands("del", *COURIER_RANGES))
    down = Finding(Verdict.NOT_READY, Cause.LOCAL_NETWORK_DOWN, Hop.LOCAL_NETWORK)
    daemon.until("direct", DEVICE, is_(down))
    tls_lab.namespace.ip(*route_commands("add", *COURIER_RANGES))
    daemon.until("direct", DEVICE, is_(READY))


def test_a_source_address_is_lost_and_comes_back(tls_lab: Lab, start: Start) -> None:
    daemon = start({"leased": {"source_address": OTHER_IPV4, "families": ["ipv4"]}})
    daemon.until("leased", DEVICE, is_(READY))
    tls_lab.namespace.ip(f"addr del {OTHER_IPV4}/32 dev lo")
    gone = Finding(Verdict.NOT_READY, Cause.LOCAL_MACHINE, Hop.LOCAL_NETWORK)
    daemon.until("leased", DEVICE, is_(gone))
    tls_lab.namespace.ip(f"addr add {OTHER_IPV4} dev lo")
    daemon.until("leased", DEVICE, is_(READY))


def test_an_inspector_is_put_in_between_and_taken_out(tls_lab: Lab, start: Start) -> None:
    between.inspector(tls_lab.namespace, tls_lab.certificates)
    daemon = start({"direct": {}})
    daemon.until("direct", DEVICE, is_(READY))
    tls_lab.namespace.firewall(leads=led_to(INSPECTOR))
    decrypts = Finding(Verdict.NOT_READY, Cause.TLS_INTERCEPTED, Hop.FIREWALL)
    daemon.until("direct", DEVICE, is_(decrypts))
    tls_lab.namespace.firewall()
    daemon.until("direct", DEVICE, is_(READY))


def test_a_reload_adds_a_path_and_forgets_nothing_of_a_block(tls_lab: Lab, start: Start) -> None:
    daemon = start({"direct": {}})
    tls_lab.namespace.firewall(DROP_5223)
    daemon.until("direct", DEVICE, is_(BLOCKED_5223))
    tls_lab.write_config(
        {"direct": {}, "dante": {"proxy": tls_lab.dante.url}},
        all_each_round(tls_lab),
        {**FAST_ROUNDS, **SHORT_TIMEOUTS},
    )
    daemon.signal(SIGHUP)
    daemon.until("dante", DEVICE, is_(READY))
    assert is_(BLOCKED_5223)(daemon.verdict("direct", DEVICE) or {})
    tls_lab.namespace.firewall()
    daemon.until("direct", DEVICE, is_(READY))


def test_ipv6_addresses_appear_and_are_taken_away_on_purpose(tls_lab: Lab, start: Start) -> None:
    resolver = forwarder(tls_lab.namespace, filters_ipv6=True)
    daemon = start(
        {"direct": {"resolver": "corporate"}},
        resolvers={"corporate": {"nameservers": [OTHER_RESOLVER]}},
    )
    for filters in (True, False, True):
        resolver.stop()
        resolver = forwarder(tls_lab.namespace, filters_ipv6=filters)
        wait_for_lookups(daemon, "no_answer" if filters else "success")
        daemon.until("direct", DEVICE, is_ready)
    for _ in every(0.2, 4 * ROUND):
        assert is_ready(daemon.verdict("direct", DEVICE) or {})


@pytest.mark.parametrize("code", [SERVER_FAILURE, REFUSED], ids=["fails", "refuses"])
def test_a_resolver_that_begins_to_fail_for_ipv6_addresses_only_is_no_limit(
    tls_lab: Lab, start: Start, code: int
) -> None:
    resolver = forwarder(tls_lab.namespace, filters_ipv6=False)
    daemon = start(
        {"direct": {"resolver": "corporate"}},
        resolvers={"corporate": {"nameservers": [OTHER_RESOLVER]}},
    )
    wait_for_lookups(daemon, "success")
    daemon.until("direct", DEVICE, is_ready)
    resolver.stop()
    odd_dns(tls_lab.namespace, code, "aaaa")
    wait_for_lookups(daemon, "servfail" if code == SERVER_FAILURE else "refused_by_server")
    daemon.until("direct", DEVICE, is_ready)  # a round may have met no nameserver at all
    for _ in every(0.2, 4 * ROUND):
        assert is_ready(daemon.verdict("direct", DEVICE) or {})


def is_ready(judged: Record) -> bool:
    """Whatever is remarked."""
    return bool(judged["verdict"] == Verdict.READY)


def wait_for_lookups(daemon: Daemon, outcome: str) -> None:
    """Until every name's IPv6 addresses were looked up with this outcome."""
    outcomes: set[str] = set()
    for _ in every(0.1, 20.0):
        outcomes = {each["outcome"] for each in daemon.status()["lookups"] if each["type"] == "AAAA"}
        if outcomes == {outcome}:
            return
    raise AssertionError(f"looking up IPv6 addresses has still these outcomes: {outcomes}")


def test_ranges_are_blocked_and_the_usual_sample_finds_them(tls_lab: Lab, start: Start) -> None:
    usual = {"depth": "tls", **tls_lab.as_apple()}
    daemon = start({"direct": {}}, {"courier": usual, "courier2": {**usual}})
    daemon.until("direct", DEVICE, is_(READY))
    tls_lab.namespace.firewall(*drop(NOT_ALLOWED, f"tcp dport {TLS_PORTS}"))
    some = Finding(Verdict.DEGRADED, Cause.RANGE_BLOCKED, Hop.FIREWALL)
    daemon.until("direct", DEVICE, is_(some), deadline=60.0)
    tls_lab.namespace.firewall()
    daemon.until("direct", DEVICE, is_(READY), deadline=60.0)


def test_ipv6_leads_nowhere_for_a_while(tls_lab: Lab, start: Start) -> None:
    daemon = start({"direct": {}})
    daemon.until("direct", PROVIDER, is_(READY))
    tls_lab.namespace.firewall(f"meta nfproto ipv6 tcp dport {TLS_PORTS} drop")
    broken = Finding(Verdict.DEGRADED, Cause.IPV6_BROKEN, Hop.LOCAL_NETWORK)
    daemon.until("direct", PROVIDER, is_(broken))
    tls_lab.namespace.firewall()
    daemon.until("direct", PROVIDER, is_(READY))
