"""The spans of verdicts: when one begins, goes on and ends."""

from dataclasses import replace

import pytest

from netcheck.history.timeline import LONGEST_GAP, MOST, SETTLING, Timeline
from netcheck.model.findings import Cause, Finding, Hop, Judgement, Verdict
from netcheck.model.incidents import LATE, Availability, Onset, Span
from netcheck.model.paths import Expected, Role

READY = Judgement("direct", Role.DEVICE, Verdict.READY)
BLOCKED = replace(
    READY,
    verdict=Verdict.FALLBACK_ONLY,
    findings=(Finding(Cause.PORT_BLOCKED, Hop.FIREWALL, "timeout in 3 of 3", "Open 5223."),),
    counts=("courier: 0 of 3",),
)
DOWN = replace(
    READY,
    verdict=Verdict.NOT_READY,
    findings=(Finding(Cause.DNS_FAILURE, Hop.RESOLVER, "servfail in 3 of 3", "Repair it."),),
)
UNKNOWN = replace(READY, verdict=Verdict.UNKNOWN)
SOON = 2000.0
"""A time after all that is seen here."""


def told(*seen: tuple[float, Judgement | None]) -> Timeline:
    """What is made of judgements at these times; None is that the path is not judged."""
    timeline = Timeline()
    for time, judged in seen:
        timeline.note(
            [judged] if judged else [], time, lambda judged: Onset("so it is", f"a probe of {judged.path}")
        )
    return timeline


def test_an_incident_has_what_was_seen_at_its_onset() -> None:
    changed = replace(BLOCKED, findings=(replace(BLOCKED.findings[0], evidence="timeout in 9 of 9"),))
    (incident,) = told((100, READY), (110, BLOCKED), (120, changed), (130, READY)).incidents(0, SOON)
    assert incident == Span(
        "direct",
        Role.DEVICE,
        Verdict.FALLBACK_ONLY,
        Cause.PORT_BLOCKED,
        Hop.FIREWALL,
        began=110,
        seen=120,
        ended=130,
        is_expected=False,
        summary="so it is",
        evidence=("timeout in 3 of 3", "courier: 0 of 3"),
        next_step="Open 5223.",
        transcript="a probe of direct",
    )


def test_another_cause_is_another_incident_and_the_newest_stands_first() -> None:
    later = 100 + SETTLING
    found = told((100, BLOCKED), (later, DOWN), (later + 10, DOWN)).incidents(0, SOON)
    assert [(each.cause, each.began, each.ended) for each in found] == [
        (Cause.DNS_FAILURE, later, None),
        (Cause.PORT_BLOCKED, 100, later),
    ]


def test_what_is_soon_seen_to_be_worse_or_otherwise_is_the_same_incident() -> None:
    (found,) = told((100, READY), (110, BLOCKED), (120, DOWN), (130, DOWN)).incidents(0, SOON)
    assert (found.cause, found.evidence, found.began, found.seen) == (
        Cause.DNS_FAILURE,
        DOWN.evidence,
        110,
        130,
    )


def test_an_incident_that_gets_worse_counts_as_not_ready_only_from_then_on() -> None:
    limited = replace(BLOCKED, verdict=Verdict.DEGRADED)
    timeline = told((100, READY), (110, limited), (229, DOWN), (230, READY), (250, READY))
    (incident,) = timeline.incidents(0, 250)
    assert (incident.verdict, incident.began, incident.ended) == (Verdict.NOT_READY, 110, 230)
    expected = Availability("direct", Role.DEVICE, measured=150, not_ready=1, limited=119)
    after = Timeline()
    after.add(timeline.spans.values())
    assert timeline.availability(0, 250) == after.availability(0, 250) == [expected]
    assert after.incidents(0, 250) == [incident]


def test_an_incident_that_changes_more_than_once_has_one_beginning() -> None:
    limited = replace(BLOCKED, verdict=Verdict.DEGRADED)
    (incident,) = told((100, limited), (110, BLOCKED), (120, DOWN), (130, DOWN)).incidents(0, 250)
    assert (incident.cause, incident.began, incident.seen) == (DOWN.cause, 100, 130)
    assert incident.cause_began == 120


def test_an_incident_that_only_gets_worse_has_had_its_cause_from_the_beginning() -> None:
    limited = replace(BLOCKED, verdict=Verdict.DEGRADED)
    (incident,) = told((100, limited), (110, BLOCKED)).incidents(0, 250)
    assert (incident.began, incident.cause_began) == (100, None)


def test_what_gets_better_does_not_take_the_place_of_what_was_worse() -> None:
    found = told((100, DOWN), (110, BLOCKED), (120, READY)).incidents(0, SOON)
    assert [(each.cause, each.began, each.ended) for each in found] == [
        (Cause.PORT_BLOCKED, 110, 120),
        (Cause.DNS_FAILURE, 100, 110),
    ]


def test_what_comes_again_after_it_was_well_is_another_incident() -> None:
    assert len(told((100, DOWN), (110, READY), (120, DOWN)).incidents(0, SOON)) == 2


def test_what_is_unknown_for_a_while_ends_nothing() -> None:
    (incident,) = told((100, DOWN), (110, UNKNOWN), (120, DOWN)).incidents(0, SOON)
    assert (incident.began, incident.seen, incident.ended) == (100, 120, None)


def test_a_remark_on_what_is_ready_is_no_incident() -> None:
    remark = Finding(Cause.PROXY_SLOW, Hop.PROXY, "slow", "Ask.", is_remark=True)
    assert told((100, replace(READY, findings=(remark,))), (110, READY)).incidents(0, SOON) == []


def test_what_is_blocked_on_purpose_is_no_incident_and_no_outage() -> None:
    expected = replace(DOWN, findings=(), expected=Expected.BLOCKED)
    timeline = told((100, expected), (200, expected))
    assert timeline.incidents(0, SOON) == []
    assert timeline.availability(0, 200) == [Availability("direct", Role.DEVICE, 100, 0, 0)]


def test_a_path_that_is_no_longer_judged_has_ended() -> None:
    (incident,) = told((100, DOWN), (110, None)).incidents(0, SOON)
    assert incident.ended == 110


def test_what_nobody_looked_at_for_too_long_ended_where_it_was_last_seen() -> None:
    later = 100 + LONGEST_GAP + 1
    newest, older = told((100, DOWN), (later, DOWN)).incidents(0, SOON)
    assert (older.ended, newest.began) == (100, later)


def test_what_lasts_while_the_clock_is_set_back_behind_its_beginning_has_begun_by_then() -> None:
    timeline = told((500, READY), (600, DOWN), (610, DOWN), (50, DOWN), (60, DOWN), (70, READY))
    (incident,) = timeline.incidents(0, 70)
    assert (incident.began, incident.seen, incident.ended) == (50, 60, 70)
    assert timeline.availability(0, 100) == [Availability("direct", Role.DEVICE, 50, 20, 0)]


def test_a_clock_that_is_set_back_a_little_shortens_what_lasts() -> None:
    (incident,) = told((100, DOWN), (200, DOWN), (150, DOWN), (160, READY)).incidents(0, SOON)
    assert (incident.began, incident.seen, incident.ended) == (100, 150, 160)


def test_what_a_wrong_clock_saw_later_than_now_is_not_shown_before() -> None:
    timeline = told((500, DOWN), (600, READY), (50, READY), (60, READY))
    assert timeline.incidents(0, 60) == []
    assert timeline.availability(0, 60) == [Availability("direct", Role.DEVICE, 10, 0, 0)]


def test_no_time_counts_twice_where_spans_overlap() -> None:
    one, other = (told((begun, DOWN), (100, DOWN), (110, READY), (190, READY)) for begun in (10, 15))
    both = Timeline()
    both.add([*one.spans.values(), *other.spans.values()])
    (found,) = both.availability(0, 200)
    assert found.measured <= 190
    assert found.not_ready <= 100


def test_a_known_week_has_the_availability_that_it_had() -> None:
    """A restart, two gaps, a fall-back, an outage, and an hour of which nobody knows."""
    hour = 3600.0
    seen = {(0, 5): READY, (5, 6): DOWN, (6, 10): READY, (12, 13): READY, (13, 15): BLOCKED, (16, 20): READY}
    timeline = Timeline()
    for (begin, end), judged in seen.items():
        for step in range(int((end - begin) * 60) + 1):
            if (begin, step) == (16, 60):  # ten minutes without netcheck
                earlier, timeline = timeline, Timeline()
                timeline.add(earlier.spans.values())
            if not (begin == 16 and 60 < step < 70):
                timeline.note([judged], begin * hour + step * 60, lambda _: Onset("", ""))
    (found,) = timeline.availability(0, 20 * hour)
    # From 10 to 12 and from 15 to 16 nobody looked: more than LONGEST_GAP.
    assert found == Availability("direct", Role.DEVICE, 17 * hour, 1 * hour, 2 * hour)
    (found,) = timeline.availability(5.5 * hour, 14 * hour)
    assert found == Availability("direct", Role.DEVICE, 6.5 * hour, 0.5 * hour, 1 * hour)


def test_what_a_file_left_open_goes_on_after_a_restart() -> None:
    before = told((100, DOWN), (110, DOWN))
    after = Timeline()
    after.add(before.spans.values())
    after.note([DOWN], 200, lambda _: Onset("", ""))
    after.note([READY], 210, lambda _: Onset("", ""))
    (incident,) = after.incidents(0, SOON)
    assert (incident.began, incident.seen, incident.ended) == (100, 200, 210)


def test_what_a_file_left_open_has_ended_where_something_newer_has_begun() -> None:
    before = told((100, DOWN), (110, DOWN))
    after = told((200, READY))
    after.add(before.spans.values())
    (incident,) = after.incidents(0, SOON)
    assert (incident.began, incident.ended) == (100, 110)


def test_until_everything_was_visited_nothing_ends_what_a_file_left_open() -> None:
    after = Timeline()
    after.add(told((100, BLOCKED), (700, BLOCKED)).spans.values())
    for time, judged in ((800, READY), (810, DOWN)):
        after.note([judged], time, lambda _: Onset("", ""), of_all=False)
    after.note([BLOCKED], 820, lambda _: Onset("", ""))
    (incident,) = after.incidents(0, SOON)
    assert (incident.cause, incident.began, incident.ended) == (Cause.PORT_BLOCKED, 100, None)


def test_what_a_file_left_open_long_ago_does_not_hide_what_is_wrong_now() -> None:
    after = Timeline()
    after.add(told((100, BLOCKED)).spans.values())
    now = 200 + LONGEST_GAP
    after.note([DOWN], now, lambda _: Onset("", ""), of_all=False)
    assert after.incidents(0, now)[0].began == now


def test_what_lasts_is_counted_until_now_and_no_longer_where_nobody_looks_any_more() -> None:
    timeline = told((100, BLOCKED), (160, BLOCKED))
    (incident,) = timeline.incidents(0, 200)
    assert (incident.lasts(200), incident.until(200)) == (True, 200)
    assert timeline.availability(0, 200) == [Availability("direct", Role.DEVICE, 100, 0, 100)]
    later = 161 + LATE
    assert (incident.lasts(later), incident.until(later)) == (False, 160)
    assert timeline.availability(0, later) == [Availability("direct", Role.DEVICE, 60, 0, 60)]


def test_availability_counts_only_what_was_measured_in_the_time_asked_for() -> None:
    timeline = told((0, DOWN), (100, READY), (200, DOWN), (210, BLOCKED), (250, READY), (300, READY))
    (found,) = timeline.availability(50, 300)
    assert found == Availability("direct", Role.DEVICE, measured=250, not_ready=60, limited=40)
    assert found.ratio == pytest.approx(0.76)
    assert timeline.availability(400, 500) == []


def test_without_any_time_measured_there_is_no_ratio() -> None:
    assert Availability("direct", Role.DEVICE, 0, 0, 0).ratio is None


def test_incidents_that_were_over_by_then_are_left_out() -> None:
    timeline = told((100, DOWN), (110, READY), (200, BLOCKED))
    assert [each.cause for each in timeline.incidents(150, SOON)] == [Cause.PORT_BLOCKED]


def test_what_is_old_or_too_much_is_dropped_and_what_lasts_is_kept() -> None:
    timeline = told(
        (0, BLOCKED), *((float(time), DOWN if time % 2 else READY) for time in range(1, MOST + 50))
    )
    timeline.drop(before=-1)
    assert len(timeline.spans) == MOST
    assert min(each.began for each in timeline.spans.values()) == 50
    timeline.drop(before=1e9)
    assert [each.ended for each in timeline.spans.values()] == [None]


def test_a_verdict_that_goes_on_is_no_news() -> None:
    timeline = told((100, DOWN))
    version = timeline.version
    timeline.note([DOWN], 110, lambda _: Onset("", ""))
    assert timeline.version == version


BOTH = replace(DOWN, findings=(*DOWN.findings, *BLOCKED.findings))
RESOLVER, FIREWALL = (Cause.DNS_FAILURE, Hop.RESOLVER), (Cause.PORT_BLOCKED, Hop.FIREWALL)


def faults(timeline: Timeline) -> dict[tuple[Cause, Hop], float]:
    return dict(timeline.copy().faults.get(("direct", Role.DEVICE), {}))


def test_each_thing_that_is_wrong_has_its_own_beginning() -> None:
    seen = [(100.0, READY), (110.0, DOWN), (120.0, BOTH), (125.0, UNKNOWN), (130.0, BOTH)]
    assert faults(told(*seen)) == {RESOLVER: 110, FIREWALL: 120}
    assert faults(told(*seen, (140.0, BLOCKED))) == {FIREWALL: 120}
    assert faults(told(*seen, (140.0, READY), (150.0, BOTH))) == {RESOLVER: 150, FIREWALL: 150}
    assert faults(told(*seen, (115.0, BOTH))) == {RESOLVER: 110, FIREWALL: 115}, "the clock was set back"
    assert faults(told(*seen, (140.0, None))) == {}


def test_what_was_wrong_before_a_restart_beside_the_cause_has_no_known_beginning() -> None:
    timeline = Timeline()
    timeline.add(told((100, BOTH)).spans.values())
    timeline.note([BOTH], 200, lambda _: Onset("", ""), of_all=False)
    timeline.note([BOTH], 210, lambda _: Onset("", ""))
    assert faults(timeline) == {}
    timeline.note([DOWN], 220, lambda _: Onset("", ""))
    timeline.note([BOTH], 230, lambda _: Onset("", ""))
    assert faults(timeline) == {FIREWALL: 230}


def test_texts_are_bounded() -> None:
    long = Finding(Cause.DNS_FAILURE, Hop.RESOLVER, "e" * 9999, "n" * 9999)
    timeline = Timeline()
    judged = replace(DOWN, findings=(long,), counts=("line",) * 99)
    timeline.note([judged], 100, lambda _: Onset("s" * 9999, "t" * 9999))
    (span,) = timeline.incidents(0, SOON)
    assert (
        len(span.transcript)
        == len(span.summary)
        == len(span.next_step or "")
        == len(span.evidence[0])
        == 4000
    )
    assert len(span.evidence) == 20
