"""When large TLS hellos are tried, at which hosts, and what the state keeps of them; in virtual time."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import trio

from netcheck.daemon.large_hellos import LargeHellos
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import Expected, Family, LoadBalancer, ProbePath
from netcheck.model.results import LargeHello, Result
from netcheck.model.services import Depth, Service, TlsSettings
from netcheck.state.state import State
from tests.records import result
from tests.virtual import virtually

DIRECT = ProbePath("direct")
COURIER = Service(
    "courier",
    ("0-courier.test", "1-courier.test"),
    (5223,),
    depth=Depth.TLS,
    tls=TlsSettings(is_apples=True),
)
ANSWERED = LargeHello(1750)
LOST = LargeHello(1750, Failure(Phase.TLS, Reason.TLS_TIMEOUT, "no answer"))


class Tried:
    """Answers as it is told, and knows who was asked, and when."""

    def __init__(self, *services: Service, path: ProbePath = DIRECT) -> None:
        self.state = State()
        self.state.configure(services, [path])
        self.asked: list[tuple[float, str, int]] = []
        self.told: Callable[[str], LargeHello | None] = lambda _: ANSWERED
        self.families = [Family.IPV4]

    async def send(self, service: Service, host: str, path: ProbePath, turn: int) -> list[Result]:
        self.asked.append((trio.current_time(), host, turn))
        return [
            replace(
                result(service, port, host=host, path=path.name, family=family), large_hello=self.told(host)
            )
            for port in service.ports
            for family in self.families
        ]

    def known(self) -> list[LargeHello | None]:
        return [each.large_hello for each in self.state.large_hellos.latest]

    def run(self, *meanwhile: tuple[float, Callable[[], None]]) -> None:
        """Until each time, and then do what belongs to it."""

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(LargeHellos(self.state, self.send).run)
                for until, do in meanwhile:
                    await trio.sleep_until(until)
                    do()
                nursery.cancel_scope.cancel()

        virtually(main)


def nothing() -> None:
    pass


def test_one_is_tried_soon_and_then_every_quarter_of_an_hour_at_each_host_in_turn() -> None:
    tried = Tried(COURIER)
    tried.run((3600.0, nothing))
    times, hosts, turns = zip(*tried.asked, strict=True)
    assert times[0] < 40
    assert all(900 <= later - earlier <= 910 for earlier, later in pairwise(times))
    assert hosts == (*COURIER.hosts, *COURIER.hosts)
    assert turns == (0, 0, 1, 1)
    assert tried.known() == [ANSWERED]


def test_one_that_is_not_answered_is_tried_at_the_same_host_until_it_is() -> None:
    tried = Tried(COURIER)
    tried.told = lambda _: LOST
    seen: list[list[LargeHello | None]] = []

    def is_repaired() -> None:
        seen.append(tried.known())
        tried.told = lambda _: ANSWERED

    tried.run((300.0, is_repaired), (340.0, lambda: seen.append(tried.known())))
    assert seen == [[LOST], [ANSWERED]]
    assert {(host, turn) for _, host, turn in tried.asked} == {(COURIER.hosts[0], 0)}
    assert len(tried.asked) > 5


def test_what_tells_nothing_makes_nothing_of_what_was_known() -> None:
    tried = Tried(COURIER)
    tried.told = lambda _: LOST

    def falls_silent() -> None:
        tried.told = lambda _: None

    tried.run((100.0, falls_silent), (140.0, nothing))
    assert tried.known() == []


@pytest.mark.parametrize(("left", "known"), [([Family.IPV4], [ANSWERED]), ([], [])])
def test_of_what_has_no_addresses_any_more_nothing_is_known(left: list[Family], known: list[object]) -> None:
    tried = Tried(COURIER)
    tried.families = [Family.IPV4, Family.IPV6]
    tried.told = lambda _: LOST

    def loses_some() -> None:
        assert tried.known() == [LOST, LOST]
        tried.families, tried.told = left, lambda _: ANSWERED

    tried.run((100.0, loses_some), (140.0, nothing))
    assert tried.known() == known


@pytest.mark.parametrize(
    ("service", "path"),
    [
        (replace(COURIER, tls=TlsSettings()), DIRECT),
        (replace(COURIER, depth=Depth.TCP), DIRECT),
        (replace(COURIER, is_retired=True), DIRECT),
        (COURIER, replace(DIRECT, expected=Expected.BLOCKED)),
        (COURIER, ProbePath("lb", load_balancer=(("0-courier.test", LoadBalancer("10.1.1.2", None)),))),
    ],
)
def test_nothing_is_tried_where_it_could_tell_nothing(service: Service, path: ProbePath) -> None:
    tried = Tried(service, path=path)
    tried.run((1000.0, nothing))
    assert tried.asked == []


def test_a_path_that_has_become_another_one_is_tried_anew_and_what_was_under_way_is_dropped() -> None:
    tried = Tried(COURIER)

    def becomes_another() -> None:
        tried.state.configure([COURIER], [replace(DIRECT, families=(Family.IPV4,))])

    def answers_while_it_does(_: str) -> LargeHello:
        tried.told = lambda _: ANSWERED
        becomes_another()
        return LOST

    tried.told = answers_while_it_does
    tried.run((100.0, nothing))
    assert len(tried.asked) == 2
    assert tried.known() == [ANSWERED]
