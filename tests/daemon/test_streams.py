"""What a stream of events tells, and when, in virtual time."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable

import trio

from netcheck.daemon.showing import Showing
from netcheck.facts import Facts
from netcheck.history.history import History
from netcheck.model.findings import Judgement, Verdict
from netcheck.model.paths import ProbePath, Role
from tests.records import COURIER, facts
from tests.virtual import virtually

Stream = AsyncGenerator[bytes, None]


def of(verdict: Verdict) -> Facts:
    return facts([COURIER], [ProbePath("direct")], [Judgement("direct", Role.DEVICE, verdict)])


def tell(story: Callable[[Showing, Stream], Awaitable[None]]) -> None:
    async def main() -> None:
        showing = Showing(of(Verdict.READY), History(None, 1e6))
        events = showing.events()
        assert events is not None
        stream = events()
        assert await told(stream) == (0.0, "ready")
        await story(showing, stream)
        await stream.aclose()

    virtually(main)


async def told(stream: Stream) -> tuple[float, str]:
    """In how many seconds, and the verdict; or `alive`."""
    began = trio.current_time()
    kind, data, *_ = (await anext(stream)).decode().splitlines()
    took = trio.current_time() - began
    if kind == "event: alive":
        return took, "alive"
    return took, json.loads(data.removeprefix("data: "))["verdicts"][0]["verdict"]


def test_another_verdict_is_told_at_once() -> None:
    async def it_breaks(showing: Showing, stream: Stream) -> None:
        await trio.sleep(3)
        showing.take(of(Verdict.NOT_READY))
        assert await told(stream) == (0.0, "not_ready")

    tell(it_breaks)


def test_another_verdict_wakes_whoever_waits() -> None:
    async def it_breaks_later(showing: Showing, stream: Stream) -> None:
        async def breaks() -> None:
            await trio.sleep(3.25)
            showing.take(of(Verdict.NOT_READY))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(breaks)
            assert await told(stream) == (3.25, "not_ready")

    tell(it_breaks_later)


def test_other_numbers_are_told_after_ten_seconds() -> None:
    async def numbers_change(showing: Showing, stream: Stream) -> None:
        showing.take(of(Verdict.READY))
        assert await told(stream) == (10.0, "ready")

    tell(numbers_change)


def test_where_nothing_changes_it_is_alive() -> None:
    async def nothing_changes(_: Showing, stream: Stream) -> None:
        assert [await told(stream) for _ in range(2)] == [(10.0, "alive")] * 2

    tell(nothing_changes)


def test_of_many_that_ask_at_the_same_moment_no_more_are_served() -> None:
    async def main() -> tuple[int, int]:
        showing = Showing(of(Verdict.READY), History(None, 1e6))
        streams = [events() for _ in range(60) if (events := showing.events()) is not None]
        served = []
        for stream in streams:
            async for _ in stream:
                served.append(stream)
                break
        for stream in streams:
            await stream.aclose()
        return len(served), showing.events() is not None

    assert trio.run(main) == (16, True)
