"""When it is tried whether the header of the PROXY protocol makes the difference."""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import replace

import trio
import trio.testing

from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import ProbePath, ProxyProtocol
from netcheck.probe.proxy_protocol import Headers

CLOSED = Failure(Phase.TLS, Reason.CLOSED, "closed")
PATH = ProbePath("dmz-lb")


class Balancer:
    """Answers with the header, or without it; counts who looks."""

    def __init__(self, wants: ProxyProtocol | None) -> None:
        self._wants = wants
        self.looks = 0

    async def look(self, path: ProbePath) -> bool:
        self.looks += 1
        return path.proxy_protocol is self._wants


def in_virtual_time(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    @functools.wraps(test)
    def run() -> None:
        trio.run(test, clock=trio.testing.MockClock(autojump_threshold=0))

    return run


@in_virtual_time
async def test_what_was_seen_once_is_said_of_later_failures_too() -> None:
    headers, balancer = Headers(), Balancer(ProxyProtocol.V2)
    for _ in range(3):
        told = await headers.explain(CLOSED, "it", PATH, balancer.look)
        assert told.is_of_header
        assert told.detail == "closed; after a header of the PROXY protocol it answers"
        await trio.sleep(60)
    assert balancer.looks == 1


@in_virtual_time
async def test_a_dead_one_is_looked_at_rarely_as_each_look_may_cost_a_live_member_its_turn() -> None:
    headers, dead = Headers(), Balancer(ProxyProtocol.V1)
    for _ in range(21):
        assert await headers.explain(CLOSED, "it", PATH, dead.look) is CLOSED
        await trio.sleep(60)
    assert dead.looks == 3


@in_virtual_time
async def test_a_header_that_is_sent_is_left_out_to_see_what_happens() -> None:
    path = replace(PATH, proxy_protocol=ProxyProtocol.V2)
    told = await Headers().explain(CLOSED, "it", path, Balancer(None).look)
    assert told.detail == "closed; without a header of the PROXY protocol it answers"


@in_virtual_time
async def test_what_no_header_can_cause_is_not_looked_at() -> None:
    balancer = Balancer(ProxyProtocol.V2)
    refused = Failure(Phase.CONNECT, Reason.REFUSED)
    assert await Headers().explain(refused, "it", PATH, balancer.look) is refused
    assert balancer.looks == 0
