"""What the order tells in which hosts fail and answer."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import Family, ProbePath
from netcheck.model.services import Service
from netcheck.model.trends import Part, Trend
from netcheck.state.state import State
from tests.calls import calls_in
from tests.records import DROPPED, result, visit

DIRECT = ProbePath("direct", families=(Family.IPV4,))
COURIER = Service("courier", tuple(f"{n}-courier.test" for n in range(12)), (5223,))
OTHER = Service("other", tuple(f"{n}-other.test" for n in range(12)), (5223,))
SINGLE = Service("single", ("api.test",), (443,))
PORT = Part("direct", 5223, Family.IPV4)
RANGE, NEXT_RANGE, NOWHERE = "17.57.144.0/22", "17.249.0.0/16", "no range"
ADDRESSES = {RANGE: "17.57.144.1", NEXT_RANGE: "17.249.0.1", NOWHERE: "192.0.2.1"}
PATIENCE = 30.0


class Story:
    """Visits, one a second, and what is known after them."""

    def __init__(self, *services: Service) -> None:
        self.state = State()
        self.state.configure(services or (COURIER, OTHER), [DIRECT])
        self.now = 100.0

    def tell(
        self, host: int, at: float, *, fails: bool, service: Service = COURIER, within: str = RANGE
    ) -> "Story":
        """Of a visit that began at this time."""
        failure, address, name = DROPPED if fails else None, ADDRESSES[within], service.hosts[host]
        seen = result(service, service.ports[0], failure, host=name, at=at, address=address)
        self.state.record(visit(seen))
        return self

    def fail(self, hosts: Iterable[int], service: Service = COURIER, within: str = RANGE) -> "Story":
        return self._visit(hosts, service, within, fails=True)

    def answer(self, hosts: Iterable[int], service: Service = COURIER, within: str = RANGE) -> "Story":
        return self._visit(hosts, service, within, fails=False)

    def _visit(self, hosts: Iterable[int], service: Service, within: str, *, fails: bool) -> "Story":
        for host in hosts:
            self.now += 1
            self.tell(host, self.now, fails=fails, service=service, within=within)
        return self

    def trend(self, part: Part = PORT) -> Trend:
        return self.state.courses.trends().get(part, Trend())

    @property
    def doubts(self) -> set[Part]:
        return set(self.state.courses.doubts(PATIENCE))


def test_a_host_that_fails_is_a_doubt_until_another_one_answers() -> None:
    story = Story().answer([0]).fail([1])
    assert PORT in story.doubts
    assert story.answer([2]).doubts == set()
    assert story.trend().down is None


def test_an_outage_of_one_path_is_as_much_work_beside_many_others() -> None:
    """From its first failure, which clears its ranges, to its end, which clears its services."""

    def outage(others: int) -> int:
        story = Story()
        paths = [DIRECT, *(replace(DIRECT, name=f"other {number}") for number in range(others))]
        story.state.configure([COURIER, OTHER], paths)
        return calls_in(lambda: story.fail(range(8)).fail(range(8), OTHER).answer(range(4)))

    outage(1)
    assert outage(300) < 1.2 * outage(1)


def test_six_hosts_that_fail_one_after_the_other_make_a_port_be_down_since_the_first() -> None:
    story = Story().answer([0]).fail([1, 2, 3], within=RANGE).fail([0, 1], OTHER)
    assert story.trend().down is None
    story.fail([2], OTHER)
    assert story.trend().down == (102.0, 1000.0)
    assert story.doubts == set()


def test_hosts_that_failed_before_do_not_make_a_port_be_down() -> None:
    story = Story()
    for host in range(7):
        story.fail([host]).answer([7])
    assert story.fail(range(7)).doubts == set()
    assert story.trend().down is None


def test_a_single_host_is_down_after_two_failures() -> None:
    story, part = Story(SINGLE), Part("direct", 443, Family.IPV4)
    assert part in story.fail([0], SINGLE).doubts
    assert story.fail([0], SINGLE).trend(part).down is not None


def test_what_a_single_host_does_is_no_silence_around_it() -> None:
    story, part = Story(SINGLE), Part("direct", 443, Family.IPV4)
    assert story.fail([0, 0], SINGLE).answer([0, 0], SINGLE).trend(part) == Trend(needed=1)


def test_a_port_that_is_down_is_up_again_after_three_hosts_and_all_since_was_one_silence() -> None:
    story = Story().answer([0]).fail(range(1, 8))
    story.answer([8, 9])
    assert story.trend().down is not None
    assert PORT in story.doubts
    story.answer([10])
    assert (story.trend().down, story.trend().silences) == (None, ((102.0, 109.02),))


def test_one_host_that_answers_does_not_hide_that_the_others_still_fail() -> None:
    story = Story().answer([0]).fail(range(1, 8)).answer([8])
    story.fail([9, 10, 11]).fail([0, 1, 2], OTHER)
    assert story.trend().down is not None
    assert story.doubts == set()


def test_what_falls_silent_once_more_while_it_is_down_has_done_so_by_then() -> None:
    story = Story().answer([0]).fail(range(1, 8))
    assert story.trend().fell_silent == 102.0
    story.answer([8]).fail([9, 10, 11]).fail([0, 1, 2], OTHER)
    assert (story.trend().down, story.trend().fell_silent) == ((102.0, 1000.0), 110.0)
    story.fail(range(3, 9), OTHER)
    assert story.trend().fell_silent == 110.0  # nothing has answered since
    assert story.answer([8, 9, 10]).trend().silences == ((102.0, 122.02),)


def test_a_short_silence_is_remembered_if_several_hosts_failed() -> None:
    assert Story().answer([0]).fail([1]).answer([2]).trend().silences == ()
    assert Story().answer([0]).fail([1, 2]).answer([3]).trend().silences == ((102.0, 104.02),)


def test_what_failed_before_others_answered_is_no_part_of_the_next_silence() -> None:
    """Be it of a host that is dead for good."""
    story = Story().answer([0]).fail([1])
    for _ in range(5):
        story.answer([2, 3, 4, 0]).fail([1])
    story.answer([2, 3, 4])
    begun = story.now
    story.fail(range(2, 9))
    down = story.trend().down
    assert down is not None
    assert down.at > begun


def test_a_silence_begins_with_whoever_fails_first_be_it_not_for_the_first_time() -> None:
    story = Story().answer([0]).fail([1]).answer([2])
    assert story.fail([1, 3, 4]).answer([5]).trend().silences == ((104.0, 107.02),)
    story = Story().answer([0]).fail([1]).answer([2])
    assert story.fail(range(1, 8)).trend().down == (104.0, 1000.0)


def test_a_silence_lasts_until_an_answer_comes_however_long_before_that_it_was_asked_for() -> None:
    story = Story().answer([0]).fail([1, 2])
    asked_again = result(COURIER, 5223, host=COURIER.hosts[3], at=103.5, seconds=3.0, syn_retransmits=2)
    story.state.record(visit(asked_again))
    assert story.trend().silences == ((102.0, 106.5),)


def test_a_failure_that_is_told_late_is_no_doubt_where_another_has_answered_since() -> None:
    assert Story().answer([0, 1]).tell(2, 101.5, fails=True).doubts == set()


def test_failures_that_are_told_after_the_next_answer_were_a_silence_all_the_same() -> None:
    """Nobody gives up on them for seconds."""
    story = Story().answer([0]).tell(1, 102.0, fails=True).tell(2, 110.0, fails=False)
    assert story.trend().silences == ()
    story.tell(3, 105.0, fails=True)
    assert (story.trend().silences, story.trend().down) == (((102.0, 110.02),), None)
    story.tell(4, 101.5, fails=True)
    assert story.trend().silences == ((101.5, 110.02),)
    assert story.tell(5, 106.0, fails=True).trend().silences == ((101.5, 110.02),)


def test_a_silence_of_which_nothing_was_known_while_it_lasted_is_found_afterwards() -> None:
    story = Story().answer([0]).tell(1, 110.0, fails=False)
    for host in range(2, 8):
        story.tell(host, 100.0 + host, fails=True)
    assert (story.trend().silences, story.trend().down) == (((102.0, 110.02),), None)
    assert story.doubts == set()
    assert not any(trend.down for trend in story.state.courses.trends().values())


@pytest.mark.parametrize("answer", [103.0, 104.0])
def test_where_an_answer_is_told_late_as_well_two_single_failures_were_no_silence(answer: float) -> None:
    story = Story().answer([0]).tell(1, 102.0, fails=True).tell(2, 110.0, fails=False)
    story.tell(4, answer, fails=False).tell(3, 105.0, fails=True)
    assert story.trend().silences == ()
    assert story.tell(5, 107.0, fails=True).trend().silences == ((105.0, 110.02),)


def test_a_host_that_failed_before_makes_no_silence_in_hindsight() -> None:
    story = Story().fail([1]).answer([0]).tell(2, 110.0, fails=False)
    story.tell(1, 104.0, fails=True).tell(3, 105.0, fails=True)
    assert story.trend().silences == ()


def test_what_is_told_late_of_a_silence_that_is_over_makes_nothing_within_it_be_down() -> None:
    """Be it that nobody there has answered since, as nobody was asked."""
    story = Story().answer([0]).answer([0], OTHER, within=NEXT_RANGE)
    for host in range(1, 4):
        story.tell(host, 103.0 + host, fails=True).tell(host, 103.5 + host, fails=True, service=OTHER)
    for host in (8, 9, 10):
        story.tell(host, 110.0 + host, fails=False, service=OTHER, within=NEXT_RANGE)
    for host in range(4, 11):
        story.tell(host, 106.0 + host, fails=True)
    assert (story.trend().silences, story.doubts) == (((104.0, 118.02),), set())
    assert not any(trend.down for trend in story.state.courses.trends().values())


def test_a_silence_in_which_more_failed_than_a_range_has_hosts_is_none_of_the_range() -> None:
    story = Story().answer([0]).tell(1, 104.0, fails=True).tell(1, 110.0, fails=False, within=NEXT_RANGE)
    for host in (2, 3, 4):
        story.tell(host, 103.0 + host, fails=True)
    assert story.trend(PORT._replace(what=RANGE)).down is not None
    story.tell(5, 106.5, fails=True, within=NEXT_RANGE)
    assert story.trend(PORT._replace(what=RANGE)).down is None


def test_one_service_of_two_on_a_port_is_down_by_itself() -> None:
    story = Story()
    for host in range(6):
        story.fail([host]).answer([host], OTHER)
    assert story.trend(PORT._replace(what="courier")).down is not None
    assert story.trend().down is None
    assert story.trend(PORT._replace(what="other")).down is None


def test_what_is_explained_by_a_service_that_is_down_is_no_doubt_about_anything_else() -> None:
    story = Story()
    for host in range(6):
        story.fail([host]).answer([host], OTHER)
    assert story.fail([6, 7]).doubts == set()


def test_when_a_service_is_found_to_be_down_its_ranges_are_in_doubt_no_more() -> None:
    story = Story()
    for host, within in enumerate((RANGE, RANGE, NOWHERE, NOWHERE, NOWHERE)):
        story.fail([host], within=within).answer([host], OTHER, within=NOWHERE)
    assert PORT._replace(what=RANGE) in story.doubts
    assert story.fail([5], within=NOWHERE).doubts == set()


def test_a_range_is_down_after_three_hosts_while_others_answer() -> None:
    story = Story()
    for host in range(3):
        story.fail([host], within=RANGE).answer([host + 3], within=NEXT_RANGE)
    assert story.trend(PORT._replace(what=RANGE)).down is not None
    assert story.trend().down is None


def test_what_is_explained_by_a_range_that_is_down_is_no_doubt_about_its_service() -> None:
    story = Story()
    for host in range(3):
        story.fail([host], within=RANGE).answer([host + 3], within=NEXT_RANGE)
    assert story.fail([6, 7], within=RANGE).doubts == set()
    assert story.fail([8], within=NEXT_RANGE).doubts >= {PORT, PORT._replace(what="courier")}


def test_what_a_range_explains_does_not_make_its_service_be_down_by_itself() -> None:
    """Where half of the ranges are dropped, six hosts in a row may be in these."""
    story, courier = Story(), PORT._replace(what="courier")
    for host in range(3):
        story.fail([host], within=RANGE).answer([host + 3], within=NEXT_RANGE)
    story.fail(range(6, 12), within=RANGE)
    assert (story.trend().down, story.trend(courier).down) == (None, None)
    assert story.fail([3], within=NEXT_RANGE).trend(courier).down is not None


def test_where_all_ranges_are_down_they_explain_nothing() -> None:
    """It is the port then: no host in any of them was left to say so."""
    story, courier = Story(), PORT._replace(what="courier")
    for host in range(3):
        story.fail([host], within=RANGE).answer([host + 3], within=NEXT_RANGE)
    story.fail([6, 7, 8], within=NEXT_RANGE).answer([9], within=NEXT_RANGE)
    story.fail([3, 4, 5, 9, 10, 11], within=NEXT_RANGE)
    assert None not in (story.trend().down, story.trend(courier).down)


def test_a_port_of_one_service_with_two_hosts_is_down_with_it() -> None:
    story = Story(replace(COURIER, hosts=COURIER.hosts[:2])).fail([0, 1])
    assert None not in (story.trend().down, story.trend(PORT._replace(what="courier")).down)


def test_a_range_that_was_down_before_its_service_was_is_up_by_what_answers_first() -> None:
    """Where the answers by which the service is up again are all in it, none may come there for long."""
    story = Story()
    for host in range(3):
        story.fail([host], within=RANGE).answer([host + 3], within=NEXT_RANGE)
    for host in range(6, 12):
        story.fail([host], within=NEXT_RANGE).answer([host], OTHER, within=NOWHERE)
    assert story.trend(PORT._replace(what="courier")).down is not None
    assert story.answer([0, 1, 2], within=RANGE).trend(PORT._replace(what="courier")).down is None
    assert story.trend(PORT._replace(what=RANGE)).down is None


def test_in_a_range_a_host_counts_as_answering_as_soon_as_it_is_connected() -> None:
    story = Story()
    alert = Failure(Phase.TLS, Reason.TLS_ALERT, "alert")
    for host in range(7):
        at, address = story.now + host, ADDRESSES[RANGE]
        seen = result(COURIER, 5223, alert, host=COURIER.hosts[host], at=at, address=address)
        story.state.record(visit(seen))
    assert story.trend().down is not None
    assert story.trend(PORT._replace(what=RANGE)).down is None


def test_when_a_port_is_up_again_nothing_within_it_is_down_still() -> None:
    story = Story().answer([0]).fail(range(1, 8)).answer([8, 9, 10], within=NEXT_RANGE)
    assert story.trend(PORT._replace(what=RANGE)).down is None
    assert story.trend(PORT._replace(what="courier")).down is None


@pytest.mark.parametrize("all_fell_silent", [True, False])
def test_a_range_that_was_down_before_all_was_is_up_again_after_two_answers(all_fell_silent: bool) -> None:
    """Nobody knows whether it still was when all around it answered again."""
    story = Story()
    for host in range(3):
        story.fail([host], within=RANGE).answer([host + 3], within=NEXT_RANGE)
    if all_fell_silent:
        story.fail(range(6, 12), within=NEXT_RANGE).fail([6, 7], OTHER).answer([8, 9, 10], within=NEXT_RANGE)
    part = PORT._replace(what=RANGE)
    assert story.answer([0], within=RANGE).trend(part).down is not None
    assert (story.answer([1], within=RANGE).trend(part).down is None) is all_fell_silent


def test_a_doubt_lasts_no_longer_than_one_is_patient() -> None:
    story = Story().answer([0]).fail([1])
    story.state.record(visit(result(SINGLE, 443, at=story.now + PATIENCE + 1)))
    story.now += PATIENCE + 1
    assert PORT in story.doubts  # nobody needs the service: it is no clock either
    story.fail([1])
    assert PORT not in story.doubts


def test_what_is_not_required_makes_no_doubts() -> None:
    gateway = Service("gateway", ("gateway.test",), (2195,), required=False)
    story = Story(gateway).fail([0], gateway)
    assert (story.doubts, story.state.courses.trends()) == (set(), {})


def test_a_reload_keeps_what_is_known_of_what_is_still_configured() -> None:
    story = Story().answer([0]).fail(range(1, 8))
    story.state.configure([COURIER], [DIRECT])
    assert story.trend().down is not None
    story.state.configure([SINGLE], [DIRECT])
    assert PORT not in story.state.courses.trends()


def test_a_suspect_failed_once_and_is_none_any_more_after_its_next_visit() -> None:
    story = Story().answer([0]).fail([1]).answer([2])
    assert [each.host for each in story.state.courses.suspects("direct")] == [COURIER.hosts[1]]
    story.fail([1])
    assert story.state.courses.suspects("direct") == []


def test_nobody_is_a_suspect_where_nothing_answers() -> None:
    story = Story().answer([0]).fail(range(1, 8))
    assert story.state.courses.suspects("direct") == []
    assert story.state.courses.failing(story.state.endpoints) == {}


def test_what_fails_is_listed_the_longest_unseen_first() -> None:
    story = Story().fail([3]).answer([0]).fail([2]).answer([4])
    failing = story.state.courses.failing(story.state.endpoints)["direct"]
    assert {each.host for each in failing} == {COURIER.hosts[3], COURIER.hosts[2]}


@pytest.mark.parametrize("within", [RANGE, NEXT_RANGE])
def test_witnesses_of_a_range_were_last_reached_there(within: str) -> None:
    story = Story().answer([0, 1], within=RANGE).answer([2], within=NEXT_RANGE).fail([3], within=within)
    part = PORT._replace(what=within)
    witnesses = story.state.courses.witnesses([PORT, part], story.state.endpoints)
    assert {each.host for each in witnesses.pop(part)} == set(
        COURIER.hosts[:2] if within == RANGE else COURIER.hosts[2:3]
    )
    assert witnesses == {}


def test_each_of_many_failures_that_are_told_late_costs_the_same() -> None:
    def costs(hosts: int) -> int:
        many = replace(COURIER, hosts=tuple(f"{n}-courier.test" for n in range(hosts + 2)))
        story = Story(many).tell(hosts, 0.0, fails=False, service=many)
        story.tell(hosts, 110.0, fails=False, service=many)

        def tell_all() -> None:
            for host in range(hosts):
                story.tell(host, 1.0 + 100.0 * host / hosts, fails=True, service=many)

        return calls_in(tell_all)

    assert costs(800) < 4.4 * costs(200)
