"""What a daemon says while things change, at the intervals of the default config, in virtual time.

In each story the network is well for some rounds, breaks, and is well again. Everything that was said is
looked at: a wrong owner that was named for a moment has sent somebody to the wrong people.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random

import pytest
import trio

from netcheck.config.file import default
from netcheck.daemon.daemon import belief
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.paths import Family, ProbePath, Proxy, ProxyScheme, Role
from netcheck.model.services import Timeouts
from tests.daemon.network import Asked, Fault, Network, Watched, watch

ROUND = default().probing.interval
BREAKS, REPAIRED, END = 250.0, 450.0, 450.0 + 2.1 * ROUND
DIRECT = ProbePath("direct")
WEB = ProbePath("web", (Proxy(ProxyScheme.HTTP, "proxy.test", 3128),))

DROPPED = Failure(Phase.CONNECT, Reason.TIMEOUT, "no answer in 5 s")
REFUSED = Failure(Phase.CONNECT, Reason.REFUSED, "refused")
NO_ROUTE = Failure(Phase.CONNECT, Reason.NETWORK_UNREACHABLE, "no route")
NO_ROUTE_TO_PROXY = Failure(Phase.PROXY_CONNECT, Reason.NETWORK_UNREACHABLE, "no route")
NO_PROXY = Failure(Phase.PROXY_CONNECT, Reason.REFUSED, "refused")
NO_RESOLVER = Failure(Phase.RESOLVE, Reason.DNS_TIMEOUT, "no answer in 3 s")

Gist = tuple[Verdict, Cause | None, Hop | None]
READY: Gist = (Verdict.READY, None, None)
UNKNOWN: Gist = (Verdict.UNKNOWN, None, None)
FALLBACK: Gist = (Verdict.FALLBACK_ONLY, Cause.PORT_BLOCKED, Hop.FIREWALL)


def gist(judged: Judgement) -> Gist:
    return judged.verdict, judged.cause, judged.hop


def on_port(*ports: int) -> Fault:
    return lambda asked: DROPPED if asked.port in ports and asked.path == DIRECT else None


def to_ranges(*numbers: int) -> Fault:
    return lambda asked: DROPPED if asked.range in numbers and asked.path == DIRECT else None


def resolver_is_silent(asked: Asked) -> Failure | None:
    return NO_RESOLVER if asked.path == DIRECT else None


def proxy_is_down(asked: Asked) -> Failure | None:
    return NO_PROXY if asked.path == WEB else None


def link_is_down(asked: Asked) -> Failure:
    return NO_ROUTE if asked.path == DIRECT else NO_ROUTE_TO_PROXY


def ipv6_is_lost(asked: Asked) -> Failure | None:
    return DROPPED if asked.family is Family.IPV6 else None


def one_service_is_lost(asked: Asked) -> Failure | None:
    return DROPPED if asked.service == "courier2" and asked.path == DIRECT else None


@dataclass(frozen=True)
class Story:
    """A breakage, and what may be said of it, by path and role; of all others nothing may be said."""

    fault: Fault
    says: dict[tuple[str, Role], Gist]
    within: float = ROUND
    """Seconds after the breakage until it is said."""


DEVICE, PROVIDER = Role
STORIES = {
    "5223 is dropped": Story(on_port(5223), {("direct", DEVICE): FALLBACK}),
    "443 is dropped, and nobody minds for now": Story(
        on_port(443), {("direct", DEVICE): (Verdict.READY, Cause.FALLBACK_BLOCKED, Hop.FIREWALL)}
    ),
    "5223 and 443 are dropped": Story(
        on_port(5223, 443), {("direct", DEVICE): (Verdict.NOT_READY, Cause.PORT_BLOCKED, Hop.FIREWALL)}
    ),
    "everything is dropped": Story(
        on_port(5223, 443, 2197, 2195, 2196),
        {
            ("direct", role): (Verdict.NOT_READY, Cause.PORT_BLOCKED, Hop.FIREWALL)
            for role in (DEVICE, PROVIDER)
        },
    ),
    "two ranges are dropped": Story(
        to_ranges(1, 2),
        {("direct", DEVICE): (Verdict.DEGRADED, Cause.RANGE_BLOCKED, Hop.FIREWALL)},
        within=2 * ROUND,
    ),
    "the resolver is killed": Story(
        resolver_is_silent,
        {
            ("direct", role): (Verdict.NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER)
            for role in (DEVICE, PROVIDER)
        },
    ),
    "the proxy is killed": Story(
        proxy_is_down,
        {("web", role): (Verdict.NOT_READY, Cause.PROXY_DOWN, Hop.PROXY) for role in (DEVICE, PROVIDER)},
    ),
    "the link is down": Story(
        link_is_down,
        {
            (path, role): (Verdict.NOT_READY, Cause.LOCAL_NETWORK_DOWN, Hop.LOCAL_NETWORK)
            for path in ("direct", "web")
            for role in (DEVICE, PROVIDER)
        },
    ),
    "IPv6 is lost": Story(
        ipv6_is_lost,
        {
            ("direct", role): (Verdict.DEGRADED, Cause.IPV6_BROKEN, Hop.LOCAL_NETWORK)
            for role in (DEVICE, PROVIDER)
        },
    ),
    "one of two courier services is lost": Story(
        one_service_is_lost,
        {("direct", DEVICE): (Verdict.NOT_READY, Cause.HOSTS_BLOCKED, Hop.FIREWALL)},
        within=2 * ROUND,
    ),
}
PATHS = [(DIRECT,), (DIRECT, WEB)]


def tell(story: Callable[[Watched], Awaitable[None]], *paths: ProbePath) -> Watched:
    return watch(replace(default(), paths=paths), Network(), story)


def said(watched: Watched, path: str, role: Role) -> list[tuple[float, Gist]]:
    """Each verdict of a path and role, and when it was first there."""
    return [
        (time, gist(judged)) for time, judged in watched.shown if (judged.path, judged.role) == (path, role)
    ]


@pytest.mark.parametrize("paths", PATHS, ids=["direct only", "beside a proxy"])
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_nothing_wrong_is_ever_said(story: Story, paths: tuple[ProbePath, ...]) -> None:
    async def it_breaks_and_is_repaired(watched: Watched) -> None:
        await trio.sleep(BREAKS)
        watched.network.fault = story.fault
        await trio.sleep(REPAIRED - BREAKS)
        watched.network.fault = lambda _: None
        await trio.sleep(END - REPAIRED)

    watched = tell(it_breaks_and_is_repaired, *paths)
    for path in paths:
        for role in (DEVICE, PROVIDER):
            seen = said(watched, path.name, role)
            wrong = story.says.get((path.name, role))
            assert {what for _, what in seen} <= {UNKNOWN, READY, wrong}
            assert seen[-1][1] == READY
            assert seen[-1][0] < REPAIRED + 2 * ROUND
            if wrong is not None:
                (first, *_) = [time for time, what in seen if what == wrong]
                assert BREAKS < first <= BREAKS + story.within


Told = dict[tuple[str, Role], set[Gist]]
BLOCKED: Gist = (Verdict.NOT_READY, Cause.PORT_BLOCKED, Hop.FIREWALL)
PROXY_DOWN: Gist = (Verdict.NOT_READY, Cause.PROXY_DOWN, Hop.PROXY)
LINK_DOWN: Gist = (Verdict.NOT_READY, Cause.LOCAL_NETWORK_DOWN, Hop.LOCAL_NETWORK)
OF_PROXY: Told = {("web", role): {PROXY_DOWN} for role in Role}


def nothing_is_wrong(_: Asked) -> None:
    """As it should be."""


def is_refused(asked: Asked) -> Failure | None:
    return REFUSED if asked.port in (5223, 443) and asked.path == DIRECT else None


def proxy_is_down_too(asked: Asked) -> Failure | None:
    return proxy_is_down(asked) or on_port(5223, 443)(asked)


CHANGING: dict[str, tuple[list[tuple[Fault, float]], Told]] = {
    "what was dropped is refused": (
        [(on_port(5223, 443), 7.0), (is_refused, 60.0)],
        {("direct", DEVICE): {BLOCKED}},
    ),
    "the link is up again, and ports are dropped": (
        [(link_is_down, 12.64), (on_port(5223, 443, 2197), 60.0)],
        {
            **{("direct", role): {LINK_DOWN, BLOCKED} for role in Role},
            **{("web", role): {LINK_DOWN} for role in Role},
        },
    ),
    "443 is open again, and then 5223": (
        [(on_port(5223, 443), 60.0), (on_port(5223), 20.0)],
        {("direct", DEVICE): {BLOCKED, FALLBACK}},
    ),
    "a firewall is repaired as a proxy dies": (
        [(on_port(5223, 443), 60.0), (proxy_is_down, 60.0)],
        {("direct", DEVICE): {BLOCKED}, **OF_PROXY},
    ),
    "a proxy restarts while ports are dropped": (
        [(on_port(5223, 443), 40.0), (proxy_is_down_too, 9.0), (on_port(5223, 443), 40.0)],
        {("direct", DEVICE): {BLOCKED}, **OF_PROXY},
    ),
    "5223 is dropped, and a moment later all": (
        [(on_port(5223), 11.0), (on_port(5223, 443, 2197), 60.0)],
        {("direct", DEVICE): {FALLBACK, BLOCKED}, ("direct", PROVIDER): {BLOCKED}},
    ),
    "two outages in a row": (
        [(on_port(5223, 443), 11.58), (nothing_is_wrong, 13.0), (on_port(5223, 443), 8.0)],
        {("direct", DEVICE): {BLOCKED}},
    ),
    "two ranges, and then all": (
        [(to_ranges(1, 2), 90.0), (on_port(5223, 443), 40.0)],
        {("direct", DEVICE): {(Verdict.DEGRADED, Cause.RANGE_BLOCKED, Hop.FIREWALL), BLOCKED}},
    ),
}


@pytest.mark.parametrize("reloads", [False, True], ids=["undisturbed", "with reloads"])
@pytest.mark.parametrize(("faults", "says"), CHANGING.values(), ids=CHANGING)
def test_nothing_wrong_is_said_of_faults_that_change(
    faults: list[tuple[Fault, float]], says: Told, reloads: bool
) -> None:
    """A reload in the middle of each changes the rate, so that all further visits are another prober's."""

    async def one_after_the_other(watched: Watched) -> None:
        rate = watched.config.probing.rate
        await trio.sleep(80.67)
        for fault, seconds in [*faults, (nothing_is_wrong, 1.5 * ROUND)]:
            watched.network.fault = fault
            await trio.sleep(seconds / 2)
            if reloads:
                rate += 1
                probing = replace(watched.config.probing, rate=rate)
                watched.probing.take(replace(watched.config, probing=probing))
            await trio.sleep(seconds / 2)

    watched = tell(one_after_the_other, DIRECT, WEB)
    for path in ("direct", "web"):
        for role in Role:
            seen = [what for _, what in said(watched, path, role)]
            assert set(seen) <= {UNKNOWN, READY} | says.get((path, role), set())
            assert seen[-1] == READY


CLOSED_IN_TLS = Failure(Phase.TLS, Reason.CLOSED, "closed")
everything_is_dropped = on_port(5223, 443, 2197)


def tell_of(*faults: tuple[Fault, float], couriers: int = 51) -> Watched:
    """One after the other on the direct path, each for so many seconds, after a good time."""
    config = default()
    services = tuple(replace(each, hosts=each.hosts[:couriers]) for each in config.services)

    async def story(watched: Watched) -> None:
        await trio.sleep(BREAKS)
        for watched.network.fault, seconds in faults:
            await trio.sleep(seconds)

    return watch(replace(config, paths=(DIRECT,), services=services), Network(), story)


def test_what_an_earlier_fault_did_is_no_evidence_of_the_next_one() -> None:
    watched = tell_of(
        (lambda _: CLOSED_IN_TLS, 3 * ROUND),
        (nothing_is_wrong, 2 * ROUND),
        (everything_is_dropped, 3 * ROUND),
    )
    for role in (DEVICE, PROVIDER):
        seen = [what for _, what in said(watched, "direct", role)]
        cut = (Verdict.NOT_READY, Cause.TLS_BLOCKED, Hop.FIREWALL)
        assert seen == [UNKNOWN, READY, cut, READY, BLOCKED]


def test_the_fourth_outage_is_called_as_the_first() -> None:
    outages = [(everything_is_dropped, 2.8 * ROUND), (nothing_is_wrong, 3.2 * ROUND)] * 4
    watched = tell_of(*outages, couriers=3)
    for role in (DEVICE, PROVIDER):
        seen = [what for _, what in said(watched, "direct", role)]
        assert seen == [UNKNOWN, READY, *[BLOCKED, READY] * 4]


@pytest.mark.parametrize("seconds", [7.0, 10.5, 11.2, 11.58, 11.9, 14.0])
def test_an_outage_that_is_over_before_much_of_it_is_known_is_no_fault_of_hosts(seconds: float) -> None:
    """Failures are told when nobody waits any more: others that were asked later have answered by then."""

    async def nothing_answers_for_a_moment(watched: Watched) -> None:
        await trio.sleep(80.67)
        watched.network.fault = on_port(5223, 443)
        await trio.sleep(seconds)
        watched.network.fault = nothing_is_wrong
        await trio.sleep(1.2 * ROUND)

    watched = tell(nothing_answers_for_a_moment, DIRECT, WEB)
    assert {what for _, what in said(watched, "direct", DEVICE)} <= {UNKNOWN, READY, BLOCKED}
    for path, role in (("direct", PROVIDER), ("web", DEVICE), ("web", PROVIDER)):
        assert [what for _, what in said(watched, path, role)] == [UNKNOWN, READY]


@pytest.mark.parametrize("paths", PATHS, ids=["direct only", "beside a proxy"])
def test_a_healthy_network_is_ready_within_five_seconds(paths: tuple[ProbePath, ...]) -> None:
    async def nothing_happens(watched: Watched) -> None:
        await trio.sleep(5)

    watched = tell(nothing_happens, *paths)
    for path in paths:
        for role in (DEVICE, PROVIDER):
            assert [what for _, what in said(watched, path.name, role)] == [UNKNOWN, READY]


LONGEST_PROBE = 5.0
"""Seconds: the default timeout of a connection, over the paths here."""


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        (on_port(5223), FALLBACK),
        (on_port(5223, 443, 2197), (Verdict.NOT_READY, Cause.PORT_BLOCKED, Hop.FIREWALL)),
        (link_is_down, (Verdict.NOT_READY, Cause.LOCAL_NETWORK_DOWN, Hop.LOCAL_NETWORK)),
        (resolver_is_silent, (Verdict.NOT_READY, Cause.DNS_FAILURE, Hop.RESOLVER)),
    ],
)
@pytest.mark.parametrize("paths", PATHS, ids=["direct only", "beside a proxy"])
def test_a_daemon_that_starts_while_it_is_broken_says_so_after_one_probe(
    fault: Fault, wrong: Gist, paths: tuple[ProbePath, ...]
) -> None:
    async def it_is_broken_from_the_start(watched: Watched) -> None:
        watched.network.fault = fault
        await trio.sleep(LONGEST_PROBE + 3)

    watched = tell(it_is_broken_from_the_start, *paths)
    assert [what for _, what in said(watched, "direct", DEVICE)] == [UNKNOWN, wrong]


def test_what_is_awaited_is_said_until_then() -> None:
    async def it_is_broken_from_the_start(watched: Watched) -> None:
        watched.network.fault = on_port(5223, 443)
        await trio.sleep(1)

    watched = tell(it_is_broken_from_the_start, DIRECT)
    (device, _) = watched.facts.now().judgements
    assert device.verdict is Verdict.UNKNOWN
    assert "courier port 5223: waiting for the first results" in device.evidence


def test_while_a_port_falls_silent_it_is_said_since_when() -> None:
    async def it_breaks(watched: Watched) -> None:
        await trio.sleep(BREAKS)
        watched.network.fault = on_port(5223)
        await trio.sleep(ROUND)

    watched = tell(it_breaks, DIRECT)
    (doubt, _) = [line for line in watched.said if line.time > BREAKS]
    assert doubt.text.startswith("direct: Nothing has answered on port 5223 since ")
    assert doubt.text.endswith(" UTC: it is not yet clear how far this goes.")


@pytest.mark.parametrize("seconds", [20.0, 3.0])
def test_a_port_that_comes_and_goes_is_never_apple_s_fault(seconds: float) -> None:
    async def it_flaps(watched: Watched) -> None:
        await trio.sleep(BREAKS)
        for _ in range(12):
            watched.network.fault = on_port(5223)
            await trio.sleep(seconds)
            watched.network.fault = lambda _: None
            await trio.sleep(seconds)
        await trio.sleep(4 * ROUND)

    watched = tell(it_flaps, DIRECT, WEB)
    assert Hop.APPLE not in {judged.hop for _, judged in watched.shown}
    assert said(watched, "direct", DEVICE)[-1][1] == READY
    assert [what for _, what in said(watched, "web", DEVICE)] == [UNKNOWN, READY]


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
def test_a_wall_clock_that_jumps_meanwhile_changes_nothing(jump: float) -> None:
    async def the_clock_jumps(watched: Watched) -> None:
        await trio.sleep(BREAKS)
        watched.network.fault = on_port(5223)
        await trio.sleep(10)
        watched.network.shift = jump
        await trio.sleep(REPAIRED - BREAKS - 10)
        watched.network.fault = lambda _: None
        await trio.sleep(2 * ROUND)

    watched = tell(the_clock_jumps, DIRECT)
    assert [what for _, what in said(watched, "direct", DEVICE)] == [UNKNOWN, READY, FALLBACK, READY]


def test_visits_that_outlast_their_rounds_leave_no_gap_in_what_is_known() -> None:
    """They are recorded when they end, with the ports that answered long before."""
    config = default()
    timeouts = Timeouts(resolve=10.0, connect=10.0, proxy=10.0, tls=10.0)
    often = replace(
        config,
        services=tuple(replace(each, hosts=each.hosts[:3]) for each in config.services),
        paths=(DIRECT,),
        probing=replace(config.probing, interval=10.0, timeouts=timeouts),
    )

    async def a_port_is_blocked(watched: Watched) -> None:
        await trio.sleep(25)
        watched.network.fault = on_port(5223)
        await trio.sleep(100)

    watched = watch(often, Network(), a_port_is_blocked)
    assert [what for _, what in said(watched, "direct", DEVICE)] == [UNKNOWN, READY, FALLBACK]


def test_what_is_known_lasts_until_a_probe_has_ended_that_took_two_lookups_in_a_row() -> None:
    """As with a search list: the first name may time out, and so may the next."""
    config, timeouts = default(), Timeouts(resolve=10.0, connect=5.0, proxy=5.0, tls=5.0)
    probing = replace(config.probing, interval=28.0, timeouts=timeouts)
    assert belief(replace(config, probing=probing)).window == 2 * 2 * 28.0


def test_one_host_of_apple_s_that_is_down_is_still_found() -> None:
    async def one_host_is_down(watched: Watched) -> None:
        watched.network.fault = lambda asked: DROPPED if asked.host.startswith("7-courier.") else None
        await trio.sleep(25 * ROUND)

    watched = tell(one_host_is_down, DIRECT)
    seen = [what for _, what in said(watched, "direct", DEVICE)]
    assert seen[-1] == (Verdict.DEGRADED, Cause.HOSTS_UNREACHABLE, Hop.APPLE)


def test_looking_again_is_bounded_where_half_of_all_hosts_fail_for_good() -> None:
    async def half_of_the_hosts_fail(watched: Watched) -> None:
        watched.network.fault = lambda asked: DROPPED if asked.host[0] in "13579" else None
        await trio.sleep(30 * ROUND)

    watched = tell(half_of_the_hosts_fail, DIRECT)
    planned = 13  # in a round: five hosts of both couriers, provider, gateway and feedback
    assert len(watched.network.visits) < 2.5 * planned * 30
    last = [time for time, _, _ in watched.network.visits if time > 20 * ROUND]
    assert len(last) < 1.6 * planned * 10


def odd_couriers_are_lost(asked: Asked) -> Failure | None:
    return on_port(5223, 443)(asked) if asked.host[0] in "13579" else None


HOSTS_BLOCKED: Gist = (Verdict.DEGRADED, Cause.HOSTS_BLOCKED, Hop.FIREWALL)
RANGES_BLOCKED: Gist = (Verdict.DEGRADED, Cause.RANGE_BLOCKED, Hop.FIREWALL)
BLOCKED_ON_443: Gist = (Verdict.READY, Cause.FALLBACK_BLOCKED, Hop.FIREWALL)


@pytest.mark.parametrize(
    ("ports", "rest", "wrong"),
    [
        # for a while chance may ask only such hosts in one of the ranges, on one port or on both: it is then
        # as if that were dropped there
        ((5223, 443), odd_couriers_are_lost, {HOSTS_BLOCKED, RANGES_BLOCKED, BLOCKED_ON_443}),
        ((5223, 443), to_ranges(1, 2), {RANGES_BLOCKED}),
        ((5223,), to_ranges(1, 2), {RANGES_BLOCKED}),
        ((5223, 443), to_ranges(1), {RANGES_BLOCKED}),
    ],
    ids=["half of the hosts", "two ranges", "two ranges, after one port", "one range"],
)
def test_what_recovers_from_an_outage_is_no_chance(
    ports: tuple[int, ...], rest: Fault, wrong: set[Gist]
) -> None:
    """Though others still fail when they are asked next."""
    outage = FALLBACK if ports == (5223,) else BLOCKED
    watched = tell_of((on_port(*ports), 100.0), (rest, 250.0), (nothing_is_wrong, 100.0))
    assert {what for _, what in said(watched, "direct", DEVICE)} <= {UNKNOWN, READY, outage} | wrong


@pytest.mark.parametrize("share", [0.3, 0.75])
def test_what_fails_by_chance_after_a_good_time_is_called_so(share: float) -> None:
    decides = Random(2)
    watched = tell_of(
        (lambda asked: DROPPED if asked.port == 5223 and decides.random() < share else None, 400.0)
    )
    *_, last = said(watched, "direct", DEVICE)
    assert last[1] == (Verdict.DEGRADED, Cause.INTERMITTENT, Hop.FIREWALL)


@pytest.mark.parametrize(("ports", "seconds"), [((5223, 443, 2197), 7.0), ((5223,), 20.0)])
def test_a_link_that_goes_down_while_ports_are_dropped_is_called_so(
    ports: tuple[int, ...], seconds: float
) -> None:
    """What was seen before it went down says nothing of it."""

    async def the_link_goes_down_too(watched: Watched) -> None:
        await trio.sleep(BREAKS)
        watched.network.fault = on_port(*ports)
        await trio.sleep(seconds)
        watched.network.fault = link_is_down
        await trio.sleep(100)

    watched = tell(the_link_goes_down_too, DIRECT, WEB)
    for path in ("direct", "web"):
        for role in Role:
            assert {what for _, what in said(watched, path, role)} <= {
                UNKNOWN,
                READY,
                FALLBACK,
                BLOCKED,
                LINK_DOWN,
            }
            assert said(watched, path, role)[-1][1] == LINK_DOWN
