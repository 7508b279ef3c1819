"""Work shared within a round."""

import pytest
import trio
import trio.testing

from netcheck.probe.once import Round, Rounds


def test_what_is_asked_twice_is_made_once() -> None:
    made = []

    async def make() -> str:
        made.append(1)
        return "value"

    async def main() -> list[str]:
        shared = Round()
        return [await shared.once("key", make), await shared.once("key", make)]

    assert trio.run(main) == ["value", "value"]
    assert made == [1]


def test_who_comes_meanwhile_waits_for_the_first() -> None:
    async def main() -> list[int]:
        shared, got, made = Round(), list[int](), iter(range(10))

        async def make() -> int:
            await trio.sleep(1)
            return next(made)

        async def ask() -> None:
            got.append(await shared.once("key", make))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)
        return got

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)) == [0, 0, 0]


def test_where_the_first_is_cancelled_the_next_makes_it() -> None:
    async def main() -> str:
        shared, answers = Round(), list[str]()

        async def never() -> str:
            await trio.sleep_forever()
            raise AssertionError

        async def at_once() -> str:
            return "second"

        async def first() -> None:
            with trio.move_on_after(1):
                await shared.once("key", never)

        async def second() -> None:
            answers.append(await shared.once("key", at_once))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(first)
            await trio.sleep(0.5)
            nursery.start_soon(second)
        return answers[0]

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)) == "second"


def test_a_failure_is_raised_and_not_kept() -> None:
    async def fail() -> str:
        raise ValueError("broken")

    async def good() -> str:
        return "good"

    async def main() -> str:
        shared = Round()
        with pytest.raises(ValueError, match="broken"):
            await shared.once("key", fail)
        return await shared.once("key", good)

    assert trio.run(main) == "good"


def test_a_value_not_to_keep_is_for_those_who_waited_and_then_made_anew() -> None:
    async def main() -> tuple[list[int], int]:
        shared, got, made = Round(), list[int](), iter(range(10))

        async def make() -> int:
            await trio.sleep(1)
            return next(made)

        async def ask() -> None:
            got.append(await shared.once("key", make, keep=lambda value: value > 0))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)
        return got, await shared.once("key", make)

    found = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert found == ([0, 0, 0], 1)


def test_only_the_first_claim_succeeds() -> None:
    shared = Round()
    assert [shared.claim("a"), shared.claim("a"), shared.claim("b")] == [True, False, True]


def test_a_round_is_the_same_until_two_later_ones_have_begun() -> None:
    rounds = Rounds()
    first = rounds[0]
    second = rounds[1]
    assert rounds[0] is first
    assert rounds[2] is not second
    assert rounds[1] is second
    assert rounds[0] is not first
