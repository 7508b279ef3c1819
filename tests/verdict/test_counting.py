"""What it takes until a failure is believed, and that nothing flips before."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.findings import Cause, Hop, Judgement, Verdict
from netcheck.model.paths import Family, ProbePath, Role
from netcheck.model.results import Earlier, Standing
from netcheck.model.services import Service
from netcheck.model.trends import Moment, Part, Trend
from netcheck.state.endpoints import standings_of
from netcheck.state.state import State
from netcheck.verdict.assessing import assess
from netcheck.verdict.counting import Criteria, what_counts
from tests.records import COURIER, DROPPED, GATEWAY, PROVIDER, REFUSED, once, result, standing_of, visit

DIRECT = ProbePath("direct")


TWICE = Criteria(failures=2)
AS_DAEMON = Criteria(window=180, failures=2)
ONE_LOOK = Criteria(is_one_look=True)


def judge(service: Service, standings: Iterable[Standing], criteria: Criteria = TWICE) -> Judgement:
    (judged,) = assess([service], [DIRECT], standings, criteria=criteria).judgements
    return judged


def provider(failures: int, *, answered: bool = True) -> list[Standing]:
    """Both ports, each with so many failures in a row."""
    failure = REFUSED if failures else None
    return [standing_of(result(PROVIDER, port, failure), failures, answered) for port in (443, 2197)]


@pytest.mark.parametrize(
    ("in_a_row", "needed", "verdict"),
    [
        (0, 2, Verdict.READY),
        (1, 2, Verdict.READY),
        (2, 2, Verdict.NOT_READY),
        (2, 3, Verdict.READY),
        (3, 3, Verdict.NOT_READY),
        (1, 1, Verdict.NOT_READY),
    ],
)
def test_a_host_that_answered_counts_as_reached_until_it_failed_often_enough(
    in_a_row: int, needed: int, verdict: Verdict
) -> None:
    assert judge(PROVIDER, provider(in_a_row), Criteria(failures=needed)).verdict is verdict


def test_of_a_host_that_never_answered_nothing_is_known_until_then() -> None:
    assert judge(PROVIDER, provider(1, answered=False)).verdict is Verdict.UNKNOWN
    assert judge(PROVIDER, provider(2, answered=False)).verdict is Verdict.NOT_READY


def test_hosts_that_fail_once_each_are_believed_only_where_nothing_answers() -> None:
    standings = [
        standing_of(result(COURIER, port, DROPPED, host=host), 1, True, fails_since=1000.0)
        for host in COURIER.hosts
        for port in COURIER.ports
    ]
    assert judge(COURIER, standings).verdict is Verdict.READY
    nothing_answers = Criteria(failures=2, trends=down_since(900.0))
    assert judge(COURIER, standings, nothing_answers).verdict is Verdict.NOT_READY


def down_since(at: float) -> dict[Part, Trend]:
    return {Part("direct", port, Family.IPV4): Trend(down=Moment(at, at)) for port in (*COURIER.ports, 2195)}


def was_silent(begin: float, end: float) -> dict[Part, Trend]:
    return {Part("direct", port, Family.IPV4): Trend(silences=((begin, end),)) for port in COURIER.ports}


def couriers(failures: int, at: float, host: str, since: float | None = None) -> list[Standing]:
    failed = DROPPED if failures else None
    return [
        standing_of(result(COURIER, port, failed, host=host, at=at), failures, True, fails_since=since)
        for port in COURIER.ports
    ]


@pytest.mark.parametrize(
    ("answered_at", "verdict"), [(1000.0, Verdict.NOT_READY), (1015.0, Verdict.DEGRADED)]
)
def test_what_answered_before_all_fell_silent_counts_no_more_and_what_does_since_then_counts(
    answered_at: float, verdict: Verdict
) -> None:
    first, second = COURIER.hosts
    standings = [*couriers(0, answered_at, first), *couriers(1, 1010.0, second, since=1010.0)]
    trends = down_since(1005.0)
    judged = judge(COURIER, standings, Criteria(window=120, failures=2, trends=trends))
    assert judged.verdict is verdict


@pytest.mark.parametrize(
    ("before", "counts"), [(None, False), (Earlier(1000.0, 0.02), False), (Earlier(1007.0, 0.02), True)]
)
def test_what_answered_in_a_gap_of_a_silence_counts_where_it_did_so_before(
    before: Earlier | None, counts: bool
) -> None:
    seen = standing_of(result(PROVIDER, 443, at=1010.0), 0, True, before=before)
    trend = Trend(down=Moment(1005.0, 1005.0), again=Moment(1012.0, 1012.0))
    trends = {
        Part("direct", 443, Family.IPV4): trend,
        Part("direct", 443, Family.IPV4, PROVIDER.name): Trend(),
    }
    assert bool(what_counts([DIRECT], [seen], Criteria(120.0, 2, trends=trends)).counted) is counts


@pytest.mark.parametrize(
    ("failures", "since", "at", "verdict"),
    [
        (3, 1000.0, 1010.0, Verdict.READY),  # it failed while all did
        (3, 900.0, 1010.0, Verdict.DEGRADED),  # it failed before as well
        (3, 1000.0, 1030.0, Verdict.DEGRADED),  # and so it did afterwards, time and again
        (2, 1000.0, 1030.0, Verdict.READY),  # once, which is no more than the one that all had
    ],
)
def test_failures_from_a_time_when_nothing_answered_count_no_more_when_others_do(
    failures: int, since: float, at: float, verdict: Verdict
) -> None:
    first, second = COURIER.hosts
    standings = [*couriers(0, 1040.0, first), *couriers(failures, at, second, since=since)]
    trends = was_silent(995.0, 1020.0)
    judged = judge(COURIER, standings, Criteria(window=120, failures=2, trends=trends))
    assert judged.verdict is verdict


@pytest.mark.parametrize(("failed_at", "verdict"), [(999.9, Verdict.READY), (994.9, Verdict.DEGRADED)])
def test_what_was_asked_for_a_moment_before_all_fell_silent_failed_with_them(
    failed_at: float, verdict: Verdict
) -> None:
    """Others that were asked for later had their answers already: they are nearer."""
    first, second = COURIER.hosts
    failing = couriers(2, 1010.0, second, since=failed_at - 5.0)
    failed = [each._replace(seen=replace(each.seen, failed_by=failed_at)) for each in failing]
    standings = [*couriers(0, 1040.0, first), *failed]
    trends = was_silent(995.0, 1020.0)
    judged = judge(COURIER, standings, Criteria(window=120, failures=2, trends=trends))
    assert judged.verdict is verdict


def test_failures_of_an_outage_that_is_over_are_no_evidence_of_the_next_one() -> None:
    first, second = COURIER.hosts
    standings = [*couriers(2, 1010.0, first, since=1000.0), *couriers(1, 1060.0, second, since=1060.0)]
    trends = {part: replace(trend, silences=((995.0, 1020.0),)) for part, trend in down_since(1050.0).items()}
    counted = what_counts([DIRECT], standings, Criteria(120.0, 2, trends=trends)).counted
    assert {(each.result.host, each.failure is None) for each in counted} == {(second, False)}


@pytest.mark.parametrize(
    ("trends", "verdict"),
    [
        ({}, Verdict.DEGRADED),
        (was_silent(900.0, 990.0), Verdict.DEGRADED),  # packets are lost since then
        (was_silent(990.0, 1010.0), Verdict.READY),
        (down_since(990.0), Verdict.READY),  # too few answer again to be sure of it
    ],
)
def test_a_request_that_was_sent_while_nothing_answered_is_no_lost_packet(
    trends: dict[Part, Trend], verdict: Verdict
) -> None:
    hosts = tuple(f"{number}-courier.test" for number in range(5))
    results = [
        result(COURIER, port, host=host, syn_retransmits=1, at=1000.0)
        for host in hosts
        for port in COURIER.ports
    ]
    courier = replace(COURIER, hosts=hosts)
    judged = judge(courier, once(results), Criteria(trends=trends))
    assert judged.verdict is verdict


def test_what_nobody_needs_counts_only_from_after_the_silence_as_nobody_looks_at_it_out_of_turn() -> None:
    for at, counts in ((1000.0, False), (1010.0, True)):
        works = standing_of(result(GATEWAY, 2195, at=at), 0, True)
        counted = what_counts([DIRECT], [works], Criteria(120.0, 2, trends=down_since(1004.0))).counted
        assert bool(counted) is counts


def test_a_host_that_is_down_stays_so_until_its_turn_comes_again() -> None:
    standings = [
        standing_of(result(COURIER, port, DROPPED, host=COURIER.hosts[0], time=1000), 2, True)
        for port in COURIER.ports
    ]
    standings += [
        standing_of(result(COURIER, port, host=COURIER.hosts[1], time=2000), 0, True)
        for port in COURIER.ports
    ]
    judged = judge(COURIER, standings, Criteria(window=120, failures=2))
    assert judged.verdict is Verdict.DEGRADED
    once_only = [standing_of(s.result, min(s.seen.failures, 1), True) for s in standings]
    judged = judge(COURIER, once_only, Criteria(window=120, failures=2))
    assert judged.verdict is Verdict.READY


def test_failures_of_two_families_do_not_add_up() -> None:
    standings = [
        standing_of(result(PROVIDER, port, REFUSED, family=family), 1, True)
        for port in PROVIDER.ports
        for family in (Family.IPV4, Family.IPV6)
    ]
    assert judge(PROVIDER, standings).verdict is Verdict.READY


def test_one_lost_probe_leaves_the_verdict_and_its_cause_and_one_more_flips_it() -> None:
    state = State()
    state.configure([PROVIDER], [DIRECT])

    def probe(*failed: bool) -> Verdict:
        for lost in failed:
            results = [result(PROVIDER, port, DROPPED if lost else None) for port in PROVIDER.ports]
            state.record(visit(*results))
        judged = judge(PROVIDER, standings_of(state.endpoints.latest))
        assert (judged.cause is None) == (judged.verdict is Verdict.READY)
        return judged.verdict

    assert probe(False) is Verdict.READY
    assert probe(True) is Verdict.READY
    assert probe(False) is Verdict.READY
    assert probe(True) is Verdict.READY
    assert probe(True) is Verdict.NOT_READY
    assert probe(False) is Verdict.READY


@pytest.mark.parametrize(
    ("visits", "addresses", "is_told"),
    [
        (2, 2, False),
        (3, 2, True),
        (30, 2, True),
        (3, 4, True),
        (30, 8, False),  # who takes any of them seldom meets this one
    ],
)
def test_an_address_that_fails_each_time_is_a_limit_where_a_host_has_few(
    visits: int, addresses: int, is_told: bool
) -> None:
    state = State()
    state.configure([PROVIDER], [DIRECT])
    for _ in range(visits):
        results = [
            result(PROVIDER, port, None if last else REFUSED, address=f"192.0.2.{9 + last}")
            for port in PROVIDER.ports
            for last in range(addresses)
        ]
        state.record(visit(*results))
    standings: list[Standing] = list(standings_of(state.endpoints.latest))
    assert {standing.seen.failures for standing in standings} == {0}
    judged = judge(PROVIDER, standings)
    assert judged.verdict is (Verdict.DEGRADED if is_told else Verdict.READY)
    if is_told:
        assert judged.findings[0].evidence == "Reached at other addresses and not at 192.0.2.9: 1 host"


def history(pattern: str, service: Service = PROVIDER) -> State:
    """Visits to a service's first host, one a minute: `o` answers on every port, `x` does on none."""
    state = State()
    state.configure([service], [DIRECT])
    for minute, letter in enumerate(pattern):
        failure = None if letter == "o" else REFUSED
        at = 60.0 * minute
        state.record(visit(*(result(service, port, failure, at=at + 1.0) for port in service.ports)))
    return state


def test_what_fails_and_then_answers_in_one_look_is_a_limit() -> None:
    standings = standings_of(history("xo").endpoints.latest)
    judged = judge(PROVIDER, standings, ONE_LOOK)
    assert (judged.verdict, judged.cause) == (Verdict.DEGRADED, Cause.INTERMITTENT)
    assert judged.findings[0].evidence == "Reached at one time and not at another: 1 host"


def test_an_address_that_fails_beside_others_in_one_look_is_named() -> None:
    state = State()
    state.configure([PROVIDER], [DIRECT])
    fails = [result(PROVIDER, port, REFUSED, address="192.0.2.9") for port in PROVIDER.ports]
    state.record(visit(*(result(PROVIDER, port) for port in PROVIDER.ports), *fails))
    standings = standings_of(state.endpoints.latest)
    judged = judge(PROVIDER, standings, ONE_LOOK)
    assert (judged.verdict, judged.cause) == (Verdict.DEGRADED, Cause.INTERMITTENT)
    assert judged.findings[0].evidence == "Reached at other addresses and not at 192.0.2.9: 1 host"
    assert (
        "check the connection to 192.0.2.9 on ports 443 and 2197. It is one of the addresses of api.test"
        in judged.findings[0].next_step
    )


CUT = Failure(Phase.TLS, Reason.CLOSED, "the peer closed during the TLS handshake")


def judged_in_one_look(first: str, *then: str, failure: Failure = REFUSED) -> Judgement:
    """A host of Apple's beside one that works: one of its addresses fails, then those do of two."""
    service = replace(PROVIDER, hosts=("api.push.apple.com", "other.push.apple.com"), ports=(443,))
    state, other = State(), result(service, 443, host="other.push.apple.com")
    state.configure([service], [DIRECT])
    state.record(visit(other))
    state.record(visit(result(service, 443, failure, address=first)))
    both = ("17.188.143.1", "17.188.143.2")
    state.record(visit(*(result(service, 443, failure if a in then else None, address=a) for a in both)))
    standings = standings_of(state.endpoints.latest)
    return judge(service, standings, ONE_LOOK)


def test_in_one_look_addresses_that_fail_by_turns_are_not_apples() -> None:
    judged = judged_in_one_look("17.188.143.1", "17.188.143.2")
    assert (judged.cause, judged.hop) == (Cause.INTERMITTENT, Hop.FIREWALL)
    assert judged.findings[0].evidence == "Reached at one time and not at another: 1 host"
    again = judged_in_one_look("17.188.143.1", "17.188.143.1")
    assert (again.cause, again.hop) == (Cause.HOSTS_UNREACHABLE, Hop.APPLE)
    assert again.findings[0].evidence.startswith("1 of 2 hosts fail at 17.188.143.1, and answer at other")


def test_tls_that_is_cut_at_one_address_and_works_at_another_is_no_filter_for_the_host() -> None:
    service, state = replace(PROVIDER, hosts=("api.push.apple.com",), ports=(443,)), State()
    state.configure([service], [DIRECT])
    works, cut = "17.188.143.1", "17.188.143.2"
    state.record(visit(result(service, 443, address=works), result(service, 443, CUT, address=cut)))
    standings = standings_of(state.endpoints.latest)
    judged = judge(service, standings, ONE_LOOK)
    assert (judged.cause, judged.hop) == (Cause.INTERMITTENT, Hop.FIREWALL)
    assert "check the connection to 17.188.143.2" in (judged.next_step or "")


def test_one_host_of_several_that_answers_when_it_is_asked_again_had_an_accident() -> None:
    service = replace(PROVIDER, hosts=("api.test", "other.test"))
    state = history("xo", service)
    state.record(visit(*(result(service, port, host="other.test") for port in service.ports)))
    standings = standings_of(state.endpoints.latest)
    judged = judge(service, standings, ONE_LOOK)
    assert judged.verdict is Verdict.READY


@pytest.mark.parametrize("pattern", ["xx", "x"])
def test_what_fails_each_time_in_one_look_is_an_outage(pattern: str) -> None:
    standings = standings_of(history(pattern).endpoints.latest)
    judged = judge(PROVIDER, standings, ONE_LOOK)
    assert judged.verdict is Verdict.NOT_READY


def after(pattern: str) -> Judgement:
    standings = standings_of(history(pattern).endpoints.latest)
    return judge(PROVIDER, standings, AS_DAEMON)


@pytest.mark.parametrize(
    "pattern", ["oxoxoxox", "oooooooooxoxoxox", "xoxoxoxo", "oxxoxooxxo", "ooxooxooxoox", "xxoxoxxoxx"]
)
def test_a_host_that_comes_and_goes_is_a_limit_at_any_moment(pattern: str) -> None:
    judged = after(pattern)
    assert (judged.verdict, judged.cause) == (Verdict.DEGRADED, Cause.INTERMITTENT)
    assert judged.hop is Hop.OWN_SERVICE
    assert judged.findings[0].evidence == "Reached at one time and not at another: 1 host"


def taking_turns(*answers: tuple[str, str]) -> Judgement:
    """Visits to a host at one of its addresses after the other: `o` answers, `x` does not."""
    state = State()
    state.configure([PROVIDER], [DIRECT])
    for minute, (address, letter) in enumerate(answers):
        failure, at = None if letter == "o" else REFUSED, 60.0 * minute + 1.0
        state.record(visit(*(result(PROVIDER, p, failure, at=at, address=address) for p in PROVIDER.ports)))
    standings = standings_of(state.endpoints.latest)
    return judge(PROVIDER, standings, AS_DAEMON)


@pytest.mark.parametrize("visits", [8, 9])
def test_an_address_that_fails_each_time_beside_others_is_named(visits: int) -> None:
    judged = taking_turns(*([("192.0.2.1", "o"), ("192.0.2.9", "x")] * 5)[:visits])
    assert judged.cause is Cause.INTERMITTENT
    assert judged.findings[0].evidence == "Reached at other addresses and not at 192.0.2.9: 1 host"


@pytest.mark.parametrize(
    "answers",
    [
        [("192.0.2.1", "o"), ("192.0.2.1", "x")] * 5,  # the only one
        [("192.0.2.1", letter) for letter in "oxoxoxoxoxxx"],  # at last more often
        [
            *[("192.0.2.1", "o"), ("192.0.2.9", "x")] * 4,
            ("192.0.2.9", "o"),
            ("192.0.2.1", "x"),
        ],  # both at times
    ],
)
def test_an_address_that_answers_at_times_is_not_named(answers: list[tuple[str, str]]) -> None:
    judged = taking_turns(*answers)
    assert judged.cause is Cause.INTERMITTENT
    assert judged.findings[0].evidence == "Reached at one time and not at another: 1 host"


@pytest.mark.parametrize(
    ("pattern", "verdict"),
    [
        ("o" * 16, Verdict.READY),
        ("oooooooxoooooooo", Verdict.READY),  # one accident
        ("oxooooooooxooooo", Verdict.READY),  # two
        ("ooooxxxxxxxxxxoo", Verdict.READY),  # an outage that is over
        ("ooooooooooooooxx", Verdict.NOT_READY),  # an outage that begins
        ("oxoxoxoxoxoooooo", Verdict.READY),  # mended for as long as it takes to tell
        ("oxoxoxoxoxxxxxxx", Verdict.NOT_READY),  # died at last
    ],
)
def test_an_accident_and_an_outage_are_not_taken_for_coming_and_going(pattern: str, verdict: Verdict) -> None:
    assert after(pattern).verdict is verdict


@pytest.mark.parametrize(("needed", "verdict"), [(3, Verdict.NOT_READY), (1, Verdict.DEGRADED)])
def test_what_fails_with_all_around_it_once_more_is_an_outage(needed: int, verdict: Verdict) -> None:
    """A single host that has failed twice is not: so it does where half of a balancer's members are dead."""
    standings = standings_of(history("ooxxooxxooxx").endpoints.latest)
    trends = {
        Part("direct", port, Family.IPV4, PROVIDER.name): Trend(down=Moment(600.0, 600.0), needed=needed)
        for port in PROVIDER.ports
    }
    judged = judge(PROVIDER, standings, Criteria(window=180, failures=2, trends=trends))
    assert judged.verdict is verdict


def test_a_wall_clock_that_steps_back_blinds_nobody() -> None:
    state = State()
    state.configure([COURIER], [DIRECT])
    verdicts = []
    for minute in range(6):
        wall = 1_000_000.0 + 60 * minute - (7200 if minute >= 4 else 0)
        for host in COURIER.hosts:
            state.record(
                visit(
                    *(
                        result(
                            COURIER,
                            port,
                            DROPPED if port == 5223 and minute >= 4 else None,
                            host=host,
                            time=wall,
                            at=60.0 * minute + 1,
                        )
                        for port in COURIER.ports
                    )
                )
            )
        judged = judge(COURIER, standings_of(state.endpoints.latest), AS_DAEMON)
        verdicts.append(judged.verdict)
    assert verdicts[:4] == [Verdict.READY] * 4
    assert verdicts[5] is Verdict.FALLBACK_ONLY


SAMPLED = Service(
    "courier",
    tuple(f"{number}-courier.push.apple.com" for number in range(20)),
    (5223,),
    frozenset({Role.DEVICE}),
)


def sampled_rounds(blocked_from: int, blocked_until: int, rounds: int) -> list[Judgement]:
    """Five of twenty hosts a round, as by default; one host in five is in the range that gets blocked."""
    state = State()
    state.configure([SAMPLED], [DIRECT])
    judgements = []
    for number in range(rounds):
        for turn in range(5):
            index = (5 * number + turn) % len(SAMPLED.hosts)
            rare = turn == number % 5
            failure = DROPPED if rare and blocked_from <= number < blocked_until else None
            address = f"17.188.128.{index}" if rare else f"17.57.144.{index}"
            at = 60.0 * number + turn + 1
            seen = result(SAMPLED, 5223, failure, host=SAMPLED.hosts[index], address=address, at=at)
            state.record(visit(seen))
        judged = judge(SAMPLED, standings_of(state.endpoints.latest), AS_DAEMON)
        judgements.append(judged)
    return judgements


def test_a_blocked_range_is_judged_over_a_rotation_and_does_not_flip() -> None:
    judgements = sampled_rounds(8, 24, 24)
    assert {judged.verdict for judged in judgements[:8]} == {Verdict.READY}
    found = [(judged.verdict, judged.cause) for judged in judgements[12:]]
    assert found == [(Verdict.DEGRADED, Cause.RANGE_BLOCKED)] * 12


def test_a_range_that_answers_again_is_no_more_blocked_at_once_and_forgotten_after_the_window() -> None:
    judgements = sampled_rounds(8, 16, 20)
    assert judgements[15].cause is Cause.RANGE_BLOCKED
    assert Cause.RANGE_BLOCKED not in {judged.cause for judged in judgements[16:]}
    assert judgements[19].verdict is Verdict.READY
