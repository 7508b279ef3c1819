"""Connections held idle, against TLS servers on loopback that stay, talk, leave, reset, or vanish."""

import ctypes
import socket
import struct
from contextlib import suppress
from dataclasses import replace

import pytest
import trio

from netcheck.model.holds import Hold, HoldEnd, HoldKey
from netcheck.model.paths import Family, LoadBalancer, ProbePath
from netcheck.model.services import Depth, Service, Timeouts, TlsSettings
from netcheck.probe.connect import dial
from netcheck.probe.hold import Line, ladder
from netcheck.probe.runner import Prober
from netcheck.probe.tls import TlsStream, examining_context
from netcheck.probe.walk import Walk
from netcheck.schedule import Gate
from tests.probe.peers import Handler, in_trio, serving, silent
from tests.probe.test_secure import NAME, After, leaves, quiet, server_context, settings, speaking_tls

__all__ = ["settings"]  # a fixture

DIRECT = ProbePath("direct")
START = Hold(0.0, HoldKey("courier", "direct", Family.IPV4), "127.0.0.1", 5223, 0.0)
A_MOMENT, EVER = 0.05, 60.0
Tls = trio.SSLStream[trio.SocketStream]


async def told(
    after: After, *silences: float, patience: float = 5.0, survived: trio.Event | None = None
) -> list[Hold]:
    """All that is told of a connection to a server that does `after` after the handshake.

    `survived` is set when the first silence has been outlived.
    """
    heard: list[Hold] = []

    def tell(hold: Hold) -> None:
        heard.append(replace(hold, time=0.0))
        if survived is not None:
            survived.set()

    async with serving(speaking_tls(server_context(), after)) as port:
        with Walk() as walk:
            tcp = await dial(walk, "127.0.0.1", port, DIRECT.binding)
            tls = TlsStream(tcp, examining_context(()), NAME)
            await tls.handshake()
            await Line(tls, tcp).hold(START, silences, patience, tell)
    return heard


async def resets(tls: Tls) -> None:
    linger_on_with_no_time = b"\1\0\0\0\0\0\0\0"
    tls.transport_stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_on_with_no_time)


async def vanishes(tls: Tls) -> None:
    """From here on the server's kernel drops every packet of the connection, and answers none."""
    drop = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0))  # BPF_RET | BPF_K: 0 bytes
    program = struct.pack("@HP", 1, ctypes.addressof(drop))  # struct sock_fprog of linux/filter.h
    tls.transport_stream.socket.setsockopt(socket.SOL_SOCKET, 26, program)  # SO_ATTACH_FILTER
    await trio.sleep_forever()


async def floods(tls: Tls) -> None:
    with suppress(trio.BrokenResourceError):
        while True:
            await tls.send_all(bytes(4096))


async def talks_for_more_than_a_second_and_leaves(tls: Tls) -> None:
    for _ in range(12):
        await tls.send_all(b"tick")
        await trio.sleep(0.1)
    await leaves(tls)


@pytest.mark.linux
@in_trio
async def test_a_connection_that_outlives_every_silence_is_held() -> None:
    assert await told(quiet, A_MOMENT, 2 * A_MOMENT) == [
        replace(START, longest=A_MOMENT),
        replace(START, longest=2 * A_MOMENT, end=HoldEnd.HELD, silence=2 * A_MOMENT),
    ]


@in_trio
@pytest.mark.parametrize(("after", "end"), [(leaves, HoldEnd.CLOSED), (resets, HoldEnd.RESET)])
async def test_what_the_other_end_does_ends_the_silence_at_once(after: After, end: HoldEnd) -> None:
    (hold,) = await told(after, EVER)
    assert (hold.longest, hold.end) == (0.0, end)
    assert hold.silence is not None
    assert hold.silence < EVER / 2


@pytest.mark.linux
@in_trio
async def test_what_was_outlived_before_the_end_is_told() -> None:
    survived = trio.Event()

    async def leaves_later(tls: Tls) -> None:
        await survived.wait()
        await leaves(tls)

    _, hold = await told(leaves_later, A_MOMENT, EVER, survived=survived)
    assert (hold.longest, hold.end) == (A_MOMENT, HoldEnd.CLOSED)


@pytest.mark.linux
@in_trio
async def test_a_connection_in_which_nobody_answers_any_more_is_lost() -> None:
    silence = 10 * A_MOMENT  # in which the server surely gets to vanish
    assert await told(vanishes, silence, EVER, patience=1.5) == [
        replace(START, end=HoldEnd.LOST, silence=silence)
    ]


@in_trio
async def test_a_word_from_the_other_end_begins_the_silence_anew() -> None:
    (hold,) = await told(talks_for_more_than_a_second_and_leaves, 1.0)
    assert (hold.longest, hold.end) == (0.0, HoldEnd.CLOSED)
    assert hold.silence is not None
    assert hold.silence < 1.0


@in_trio
async def test_a_peer_that_never_stops_talking_is_left() -> None:
    (hold,) = await told(floods, EVER)
    assert hold.end is HoldEnd.LOCAL


@pytest.mark.parametrize(
    ("longest", "silences"),
    [(10.0, (10,)), (45.0, (10, 30, 45)), (900.0, (10, 30, 60, 120, 300, 600, 900))],
)
def test_the_ladder_ends_with_what_was_asked_for(longest: float, silences: tuple[float, ...]) -> None:
    assert ladder(longest) == silences


def service(tls: TlsSettings, *ports: int) -> Service:
    return Service("courier", ("127.0.0.1",), ports, depth=Depth.TLS, tls=tls, hold=A_MOMENT)


async def held(service: Service, family: Family = Family.IPV4) -> list[Hold]:
    """What a prober tells of one hold."""
    heard: list[Hold] = []
    prober = Prober(Timeouts(tls=0.8), {"direct": Gate(1, 1e6)})
    await prober.hold(service, service.hosts[0], DIRECT, family, 0, heard.append)
    return heard


@pytest.mark.linux
@in_trio
async def test_a_hold_is_at_the_first_port_that_can_be_reached(settings: TlsSettings) -> None:
    async with serving(silent) as no_tls, serving(speaking_tls(server_context())) as port:
        (hold,) = await held(service(settings, no_tls, port))
    assert (hold.key, hold.host, hold.port) == (START.key, "127.0.0.1", port)
    assert (hold.longest, hold.end) == (A_MOMENT, HoldEnd.HELD)


@in_trio
async def test_where_nothing_can_be_reached_nothing_is_told(settings: TlsSettings) -> None:
    async with serving(silent) as no_tls:
        assert await held(service(settings, no_tls)) == []


@in_trio
async def test_a_hold_is_of_one_family_only(settings: TlsSettings) -> None:
    async with serving(speaking_tls(server_context())) as port:
        assert await held(service(settings, port), Family.IPV6) == []


@in_trio
async def test_a_connection_that_is_held_keeps_no_visit_waiting(settings: TlsSettings) -> None:
    connected, heard = trio.Event(), list[Hold]()

    async def is_connected(tls: Tls) -> None:
        connected.set()
        await quiet(tls)

    async with serving(speaking_tls(server_context(), is_connected)) as port, trio.open_nursery() as nursery:
        prober = Prober(Timeouts(), {"direct": Gate(1, 1e6)})
        ours = replace(service(settings, port), hold=EVER)
        nursery.start_soon(prober.hold, ours, "127.0.0.1", DIRECT, Family.IPV4, 0, heard.append)
        await connected.wait()
        visit = await prober.visit(ours, "127.0.0.1", DIRECT, 0, 0)
        assert visit.results[0].attempt.failure is None
        nursery.cancel_scope.cancel()


@pytest.mark.linux
@in_trio
async def test_of_several_load_balancers_each_is_held_in_its_turn(settings: TlsSettings) -> None:
    turns: list[str] = []

    def as_(name: str) -> Handler:
        async def handle(stream: trio.SocketStream) -> None:
            turns.append(name)
            await speaking_tls(server_context())(stream)

        return handle

    async with serving(as_("first")) as first, serving(as_("second")) as second:
        places = [("127.0.0.1", LoadBalancer("127.0.0.1", port)) for port in (first, second)]
        path = ProbePath("dmz", load_balancer=tuple(places))
        prober = Prober(Timeouts(tls=0.8), {"dmz": Gate(1, 1e6)})
        for turn in range(2):
            await prober.hold(service(settings, 5223), "127.0.0.1", path, Family.IPV4, turn, lambda _: None)
    assert turns == ["first", "second"]
