"""When jobs run: exact virtual times, as no socket is involved."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from netcheck.schedule import STILL_RUNNING, Gate, Job, Schedule, spread


class Recorder:
    """A meter, and a log of what ran when."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, int, float]] = []
        self.lateness: list[float] = []
        self.left_out: list[tuple[str, int]] = []

    def late(self, seconds: float) -> None:
        self.lateness.append(seconds)

    def skipped(self, cause: str, count: int) -> None:
        self.left_out.append((cause, count))

    def job(self, key: str, takes: float = 0.0) -> Job:
        async def run(number: int) -> None:
            self.ran.append((key, number, trio.current_time()))
            await trio.sleep(takes)

        return Job(key, run)

    def times(self, key: str) -> list[float]:
        return [time for ran, _, time in self.ran if ran == key]


def virtually(main: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    return trio.run(main, *args, clock=MockClock(autojump_threshold=0))


def run_for(
    seconds: float, recorder: Recorder, *jobs: Job, interval: float = 10.0, begun_before: float = 0.0
) -> Schedule:
    schedule = None

    async def main() -> None:
        nonlocal schedule
        schedule = Schedule(interval, recorder, trio.current_time() - begun_before)
        with trio.move_on_after(seconds):
            await schedule.run(jobs)

    virtually(main)
    assert schedule is not None
    return schedule


def test_a_job_runs_once_an_interval_at_its_own_offset() -> None:
    recorder = Recorder()
    run_for(35, recorder, recorder.job("a", takes=3))
    offset = spread("a") * 10
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
    assert recorder.left_out[:2] == [(STILL_RUNNING, 2), (STILL_RUNNING, 2)]
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


def test_a_schedule_that_begins_later_joins_the_beat() -> None:
    recorder = Recorder()
    run_for(30, recorder, recorder.job("a"), begun_before=70 + spread("a") * 10 + 1)
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


def test_starts_are_spread_over_the_interval() -> None:
    offsets = sorted(spread(f"direct courier {index}") for index in range(100))
    gaps = [b - a for a, b in itertools.pairwise(offsets)]
    assert 0 <= offsets[0] < 0.1
    assert 0.9 < offsets[-1] < 1
    assert max(gaps) < 0.1


def test_a_job_starts_at_the_same_place_after_a_restart() -> None:
    assert spread("direct courier 3") == 0.009108398575335741


def test_a_gate_lets_in_no_more_than_its_cap() -> None:
    async def main() -> int:
        gate, inside, most = Gate(3, 1e9), 0, 0

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
