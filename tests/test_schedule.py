"""When jobs run: exact virtual times, as no socket is involved."""

import itertools

import pytest
import trio

from netcheck.schedule import TOGETHER, Gate, Job, Schedule, offset_of
from tests.virtual import virtually


class Recorder:
    """A meter, and a log of what ran when."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, int, float]] = []
        self.ended: list[str] = []
        self.lateness: list[float] = []
        self.left_out: list[int] = []

    def note_late(self, seconds: float) -> None:
        self.lateness.append(seconds)

    def note_left_out(self, count: int) -> None:
        self.left_out.append(count)

    def job(self, key: str, takes: float = 0.0, about: str = "", *, may_wait: bool = False) -> Job:
        async def run(number: int) -> None:
            self.ran.append((key, number, trio.current_time()))
            await trio.sleep(takes)
            self.ended.append(key)

        return Job(key, run, about, may_wait)

    def times(self, key: str) -> list[float]:
        return [time for ran, _, time in self.ran if ran == key]


def run_for(
    seconds: float, recorder: Recorder, *jobs: Job, interval: float = 10.0, begun_before: float = 0.0
) -> Schedule:
    async def main() -> Schedule:
        schedule = Schedule(interval, recorder, trio.current_time() - begun_before)
        schedule.plan(jobs, interval)
        with trio.move_on_after(seconds):
            await schedule.run()
        return schedule

    return virtually(main)


def test_a_job_runs_once_an_interval_at_its_own_offset() -> None:
    recorder = Recorder()
    run_for(35, recorder, recorder.job("a", takes=3))
    offset = offset_of("a") * 10
    first = recorder.times("a")[0]
    assert recorder.times("a") == pytest.approx(
        [first, first + 10, first + 20, first + 30][: len(recorder.ran)]
    )
    assert first == pytest.approx(first // 10 * 10 + offset)


def test_a_slow_job_delays_no_other() -> None:
    alone, together = Recorder(), Recorder()
    run_for(50, alone, alone.job("quick"))
    run_for(50, together, together.job("quick"), together.job("slow", takes=1000))
    assert [t - together.times("quick")[0] for t in together.times("quick")] == pytest.approx(
        [t - alone.times("quick")[0] for t in alone.times("quick")]
    )


def test_a_run_that_overruns_leaves_out_the_rounds_it_missed_and_keeps_the_beat() -> None:
    recorder = Recorder()
    run_for(99, recorder, recorder.job("a", takes=25))
    first = recorder.times("a")[0]
    assert [time - first for time in recorder.times("a")] == pytest.approx(
        [0, 30, 60, 90][: len(recorder.ran)]
    )
    assert recorder.left_out[:2] == [2, 2]
    assert [number for _, number, _ in recorder.ran][:3] == [0, 3, 6]


def test_a_run_that_takes_exactly_its_interval_leaves_nothing_out() -> None:
    recorder = Recorder()
    run_for(45, recorder, recorder.job("a", takes=10))
    assert recorder.left_out == []


def test_a_run_on_time_is_late_by_nothing() -> None:
    recorder = Recorder()
    run_for(25, recorder, recorder.job("a"))
    assert len(recorder.lateness) >= 2
    assert recorder.lateness == pytest.approx([0.0] * len(recorder.lateness))


def test_what_may_wait_begins_together_with_others_a_little_after_its_time() -> None:
    recorder, keys = Recorder(), [f"job {number}" for number in range(200)]
    run_for(30, recorder, *(recorder.job(key, may_wait=True) for key in keys))
    for key, number, time in recorder.ran:
        assert 0 <= time - (offset_of(key) + number) * 10 < TOGETHER
    assert len(recorder.ran) > 590
    assert len({time for _, _, time in recorder.ran}) <= 30 / TOGETHER + 1
    assert recorder.left_out == []
    assert recorder.lateness == pytest.approx([0.0] * len(recorder.lateness))


def test_what_is_due_at_once_does_not_hold_up_everything_else() -> None:
    class Turns(trio.abc.Instrument):
        """How many runs begin before the loop looks at sockets again."""

        def __init__(self) -> None:
            self.begun = 0
            self.most = 0

        async def run(self, _: int) -> None:
            self.begun += 1

        def before_io_wait(self, _: float) -> None:
            self.most, self.begun = max(self.most, self.begun), 0

    turns, recorder = Turns(), Recorder()

    async def main() -> None:
        trio.lowlevel.add_instrument(turns)
        schedule = Schedule(10.0, recorder, trio.current_time())
        schedule.plan([Job(f"job {number}", turns.run, may_wait=True) for number in range(1000)], 10.0)
        with trio.move_on_after(10.5):
            await schedule.run()

    virtually(main)
    assert len(recorder.lateness) >= 1000
    assert turns.most == 1


def test_a_schedule_that_begins_later_joins_the_beat() -> None:
    recorder = Recorder()
    run_for(30, recorder, recorder.job("a"), begun_before=70 + offset_of("a") * 10 + 1)
    assert [number for _, number, _ in recorder.ran] == [8, 9, 10]
    first = recorder.times("a")[0]
    assert recorder.times("a") == pytest.approx([first, first + 10, first + 20])


def test_the_first_round_is_over_when_every_job_has_run() -> None:
    recorder = Recorder()
    schedule = run_for(9.99, recorder, recorder.job("a"), recorder.job("b", takes=100))
    assert not schedule.all_ran.is_set()
    schedule = run_for(9.99, recorder, recorder.job("a"), recorder.job("b"))
    assert schedule.all_ran.is_set()


def test_without_jobs_the_first_round_is_over_at_once() -> None:
    assert run_for(0.1, Recorder()).all_ran.is_set()


# Another plan meanwhile


def replanned(
    recorder: Recorder, before: Job, after: list[Job], *, at: float, interval: float = 10.0
) -> None:
    """Run one job each 10 s for 50 s, and from `at` on what comes after it."""

    async def main() -> None:
        schedule = Schedule(10.0, recorder, trio.current_time())
        schedule.plan([before], 10.0)
        with trio.move_on_after(50):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(schedule.run)
                await trio.sleep(at)
                schedule.plan(after, interval)

    virtually(main)


OFFSET = offset_of("a") * 10


def test_a_run_under_way_goes_on_where_the_new_plan_has_it() -> None:
    recorder = Recorder()
    job = recorder.job("a", takes=5)
    replanned(recorder, job, [job, recorder.job("b")], at=OFFSET + 1)
    assert recorder.ended[0] == "a"
    assert [number for key, number, _ in recorder.ran if key == "a"][:4] == [0, 1, 2, 3]
    assert recorder.ended.count("a") >= 4
    assert recorder.times("b")


def test_a_run_under_way_ends_where_the_new_plan_does_not_have_it() -> None:
    recorder = Recorder()
    replanned(recorder, recorder.job("a", takes=5), [], at=OFFSET + 1)
    assert (len(recorder.ran), recorder.ended) == (1, [])


def test_a_run_that_is_about_something_else_by_now_ends_and_the_new_one_joins_the_beat() -> None:
    recorder = Recorder()
    replanned(recorder, recorder.job("a", takes=5), [recorder.job("a", about="other")], at=OFFSET + 1)
    assert [number for _, number, _ in recorder.ran][:3] == [0, 1, 2]
    assert len(recorder.ended) == len(recorder.ran) - 1


def test_a_hundred_plans_a_round_lose_no_run() -> None:
    recorder = Recorder()
    job = recorder.job("a", takes=3)

    async def main() -> None:
        schedule = Schedule(10.0, recorder, trio.current_time())
        schedule.plan([job], 10.0)
        with trio.move_on_after(OFFSET + 34):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(schedule.run)
                while True:
                    await trio.sleep(0.1)
                    schedule.plan([recorder.job("a", takes=3)], 10.0)

    virtually(main)
    assert [number for _, number, _ in recorder.ran] == [0, 1, 2, 3]
    assert len(recorder.ended) == 4


def test_plans_that_change_the_interval_to_and_fro_lose_no_more_than_its_change_costs() -> None:
    recorder = Recorder()
    job = recorder.job("a")

    async def main() -> None:
        schedule = Schedule(10.0, recorder, trio.current_time())
        schedule.plan([job], 10.0)
        with trio.move_on_after(100):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(schedule.run)
                for interval in itertools.cycle((20.0, 10.0)):
                    await trio.sleep(0.3)
                    schedule.plan([job], interval)

    virtually(main)
    numbers = [number for _, number, _ in recorder.ran]
    assert len(numbers) >= 2
    assert numbers == sorted(set(numbers))


def test_another_interval_holds_from_then_on_and_no_round_comes_twice() -> None:
    recorder = Recorder()
    job = recorder.job("a")
    replanned(recorder, job, [job], at=OFFSET + 11, interval=2.0)
    times = recorder.times("a")
    gaps = [later - earlier for earlier, later in itertools.pairwise(times[2:])]
    assert gaps == pytest.approx([2.0] * len(gaps))
    assert len(gaps) > 10
    numbers = [number for _, number, _ in recorder.ran]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(("interval", "slept"), [(2.0, 7.0), (4.0, 8.0), (20.0, 40.0)])
def test_who_sleeps_for_rounds_sleeps_by_the_interval_as_it_is_by_then(interval: float, slept: float) -> None:
    async def main() -> float:
        schedule, begun = Schedule(10.0, Recorder(), trio.current_time()), trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(schedule.sleep, 2.0)
            await trio.sleep(7)
            schedule.plan([], interval)
        return trio.current_time() - begun

    assert virtually(main) == slept


def test_a_longer_interval_numbers_its_rounds_on_from_those_before() -> None:
    recorder = Recorder()
    job = recorder.job("a")
    replanned(recorder, job, [job], at=OFFSET + 21, interval=15.0)
    assert [number for _, number, _ in recorder.ran][:3] == [0, 1, 2]
    numbers = [number for _, number, _ in recorder.ran]
    assert len(numbers) > 3
    assert numbers == sorted(set(numbers))
    assert recorder.left_out == []


def test_a_round_has_ended_when_every_job_has_ended_a_run_again() -> None:
    async def main() -> list[bool]:
        recorder, begun = Recorder(), trio.current_time()
        schedule = Schedule(10.0, recorder, begun)
        schedule.plan([recorder.job("a"), recorder.job("b", takes=25)], 10.0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(schedule.run)
            await trio.sleep(20)
            early = schedule.round_ended > begun
            await trio.sleep(20)
            late = schedule.round_ended > begun
            nursery.cancel_scope.cancel()
        return [early, late]

    assert virtually(main) == [False, True]


def test_starts_are_spread_over_the_interval() -> None:
    offsets = sorted(offset_of(f"direct courier {index}") for index in range(100))
    gaps = [b - a for a, b in itertools.pairwise(offsets)]
    assert 0 <= offsets[0] < 0.1
    assert 0.9 < offsets[-1] < 1
    assert max(gaps) < 0.1


def test_a_job_starts_at_the_same_place_after_a_restart() -> None:
    assert offset_of("direct courier 3") == 0.009108398575335741


@pytest.mark.parametrize(("cap", "narrowed_to"), [(3, None), (9, 3), (3, 9)])
def test_a_gate_lets_in_no_more_than_its_cap(cap: int, narrowed_to: int | None) -> None:
    async def main() -> int:
        gate, inside, most = Gate(cap, 1e9), 0, 0
        if narrowed_to is not None:
            gate.narrow(narrowed_to)

        async def enter() -> None:
            nonlocal inside, most
            async with gate:
                inside += 1
                most = max(most, inside)
                await trio.sleep(1)
                inside -= 1

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(enter)
        return most

    assert virtually(main) == 3


def test_a_gate_that_is_widened_again_lets_in_who_waits_for_room() -> None:
    async def main() -> list[float]:
        gate, came = Gate(9, 1e9), list[float]()

        async def enter() -> None:
            async with gate:
                came.append(trio.current_time())
                await trio.sleep(10)

        gate.narrow(2)
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(12):
                nursery.start_soon(enter)
            await trio.sleep(5)
            gate.widen()
        return [time - begun for time in came]

    assert virtually(main) == [*2 * [0], *7 * [5], *2 * [10], 15]


def test_a_gate_spaces_starts_evenly() -> None:
    async def main() -> list[float]:
        gate, begun, start = Gate(100, 4), list[float](), trio.current_time()

        async def enter() -> None:
            async with gate:
                begun.append(trio.current_time() - start)

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(enter)
        return begun

    assert virtually(main) == pytest.approx([0, 0.25, 0.5, 0.75])


def test_a_gate_does_not_save_up_starts_from_quiet_times() -> None:
    async def main() -> list[float]:
        gate, begun, start = Gate(100, 1), list[float](), trio.current_time()
        async with gate:
            pass
        await trio.sleep(10)
        for _ in range(2):
            async with gate:
                begun.append(trio.current_time() - start)
        return begun

    assert virtually(main) == pytest.approx([10, 11])


def test_who_is_cancelled_at_the_gate_leaves_its_place() -> None:
    async def main() -> bool:
        gate = Gate(1, 0.1)
        async with gate:
            pass
        with trio.move_on_after(1):
            async with gate:
                raise AssertionError("let in too early")
        with trio.move_on_after(100) as scope:
            async with gate:
                pass
        return not scope.cancelled_caught

    assert virtually(main)


def test_several_come_in_together_at_the_same_pace_as_one_by_one() -> None:
    async def main() -> list[tuple[float, int]]:
        gate, begun, start = Gate(100, 1000), list[tuple[float, int]](), trio.current_time()

        async def enter(count: int) -> None:
            while count:
                admitted = await gate.enter(count)
                begun.append((trio.current_time() - start, admitted))
                count -= admitted

        async with trio.open_nursery() as nursery:
            for count in (50, 1, 29, 20):
                nursery.start_soon(enter, count)
        return begun

    begun = virtually(main)
    assert sum(admitted for _, admitted in begun) == 100
    so_far = 0
    for time, admitted in begun:
        so_far += admitted
        assert time >= (so_far - 1) / 1000 - 0.01 - 1e-9, "none starts more than a grain before its time"
    assert begun[-1][0] == pytest.approx(0.09, abs=0.01), "no start is lost"
    assert len(begun) < 30, "not one by one"


def test_what_may_begin_together_comes_in_a_little_before_its_turn() -> None:
    async def main() -> list[int]:
        gate = Gate(100, 20)
        first = await gate.enter(100, together=True)
        before = trio.current_time()
        second = await gate.enter(100, together=True)
        waited = trio.current_time() - before
        return [first, second, round(waited * 20)]

    assert virtually(main) == [6, 6, 6]


def test_several_come_in_together_no_more_than_there_is_room_for() -> None:
    async def main() -> list[int]:
        gate = Gate(5, 1e6)
        begun = [await gate.enter(3), await gate.enter(3)]
        gate.leave()
        begun.append(await gate.enter(3))
        return begun

    assert virtually(main) == [3, 2, 1]


def test_who_waits_for_room_comes_in_in_turn() -> None:
    async def main() -> list[int]:
        gate, came = Gate(2, 1e6), list[int]()

        async def enter(number: int) -> None:
            async with gate:
                came.append(number)
                await trio.sleep(1)

        async with trio.open_nursery() as nursery:
            for number in range(12):
                nursery.start_soon(enter, number)
                await trio.sleep(0.01)
        return came

    assert virtually(main) == list(range(12))


def test_who_waits_for_the_next_start_is_followed_where_it_is_cancelled() -> None:
    async def main() -> float:
        gate = Gate(100, 0.1)
        await gate.enter()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(gate.enter)  # which waits for the next one, who comes first
            with trio.move_on_after(1):
                await gate.enter()
        return trio.current_time()

    assert virtually(main) == pytest.approx(10, abs=0.02)


def test_nobody_overtakes_who_waits_for_the_next_start() -> None:
    async def main() -> list[int]:
        gate, came = Gate(100, 1), list[int]()

        async def enter(number: int) -> None:
            async with gate:
                came.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(20):  # twice as many as may start
                nursery.start_soon(enter, number)
                await trio.sleep(0.5)
        return came

    assert virtually(main) == list(range(20))


def test_a_gate_knows_whether_it_is_busy_or_stuck() -> None:
    async def main() -> list[bool]:
        gate = Gate(2, 0.1)
        said = [gate.keeps_busy(60.0)]
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(gate.enter)
            await trio.sleep(9)
            said.append(gate.keeps_busy(60.0))
            await trio.sleep(100)  # both are inside, and never leave
            said.append(gate.keeps_busy(60.0))
            nursery.cancel_scope.cancel()
        return said

    assert virtually(main) == [False, True, False]
